// What was begun is ended, whatever happens: shops and browsers.
const work = [];

export const atEnd = (end) => work.push(end);

export async function ending() {
  for (const end of work.splice(0).reverse()) await Promise.resolve(end()).catch(() => {});
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ending().then(() => process.exit(1)));
