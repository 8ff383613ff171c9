// Every link and every picture of the shop's own leads somewhere.
const known = new Map();

async function status(url) {
  const answer = await fetch(url, { redirect: "manual", headers: { accept: "text/html, */*" } });
  await answer.body?.cancel();
  return answer.status;
}

export async function links(visit) {
  const { origin } = visit.shop;
  const urls = await visit.ask(() => {
    const sets = [...document.querySelectorAll("[srcset]")].flatMap(({ srcset }) => srcset.split(",").map((one) => one.trim().split(" ")[0]));
    const named = [...document.querySelectorAll("a[href], link[href], img[src]")].map((part) => part.href ?? part.src);
    return [...named, ...sets].map((url) => new URL(url, location).href.split("#")[0]);
  });
  const found = [];
  const missing = await visit.ask(() =>
    [...document.querySelectorAll("a[href^='#']:not([href='#'])")]
      .map((link) => link.getAttribute("href"))
      .filter((target) => !document.getElementById(target.slice(1))),
  );
  found.push(...missing.map((target) => `${target} is nowhere on the page`));
  // The page that is looked at is itself checked, and may be one that is not there.
  const own = visit.page.url().split("#")[0];
  for (const url of new Set(urls)) {
    if (!url.startsWith(`${origin}/`) || url === own) continue;
    if (!known.has(url)) known.set(url, status(url));
    const code = await known.get(url);
    if (code >= 400) found.push(`${code} behind ${url.slice(origin.length)}`);
  }
  return found;
}
