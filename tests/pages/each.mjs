/// Does `work` for each of `all`, so many at a time.
export async function each(all, atOnce, work) {
  const left = [...all];
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
