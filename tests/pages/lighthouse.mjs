// Lighthouse with its settings for phones, on the pages by which a shop is judged. With the word `quality`
// what depends on the machine's speed is measured once and shown, and only the rest must be reached.
import lighthouse from "lighthouse";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, startShop } from "./shop.mjs";
import { chosen } from "./states.mjs";
import { Visit, startBrowser } from "./visit.mjs";

const PAGES = ["home", "category", "product-choices", "cart"];
const RELEASE = join(ROOT, "target/release/mercat");
const RUNS = 3;

const LEAST = { performance: 98, accessibility: 100, "best-practices": 100, seo: 100 };

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/// The scores of a page, of a hundred, and what cost any.
async function judge(browser, shop, state) {
  const visit = await Visit.begin(browser, shop);
  try {
    await state.come(visit);
    // A page that is somebody's own is kept from search engines on purpose, which the checks see to
    // (checks/head.mjs). So Lighthouse is not asked whether they may take it in.
    const skipAudits = state.isPublic ? undefined : ["is-crawlable"];
    // What the visit brought along stays: a cart is its visitor's.
    const flags = { output: "json", logLevel: "error", disableStorageReset: true, skipAudits };
    const { lhr } = await lighthouse(visit.page.url(), flags, undefined, visit.page);
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    const scores = Object.fromEntries(Object.keys(LEAST).map((name) => [name, Math.round(lhr.categories[name].score * 100)]));
    const lost = Object.keys(LEAST).flatMap((name) =>
      lhr.categories[name].auditRefs
        .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
        .map(({ id }) => `${name}: ${id} ${lhr.audits[id].score} ${lhr.audits[id].displayValue ?? ""}`),
    );
    return { scores, lost };
  } finally {
    await visit.end();
  }
}

export async function run(words) {
  const isTimed = !words.includes("quality");
  const program = process.env.MERCAT_BIN ?? (isTimed && existsSync(RELEASE) ? RELEASE : undefined);
  const [shop, browser] = await Promise.all([startShop({ program }), startBrowser()]);
  console.log(`the shop is ${program ?? "what cargo run builds"}; lowest of each: ${JSON.stringify(LEAST)}`);
  const table = {};
  const lost = new Set();
  let isReached = true;
  for (const name of PAGES) {
    const runs = [];
    for (let n = 0; n < (isTimed ? RUNS : 1); n++) runs.push(await judge(browser, shop, chosen(name)));
    table[name] = {};
    for (const [category, least] of Object.entries(LEAST)) {
      const score = median(runs.map(({ scores }) => scores[category]));
      table[name][category] = score;
      const counts = isTimed || category !== "performance";
      if (counts && score < least) isReached = false;
    }
    for (const one of runs) for (const what of one.lost) lost.add(`${name} ${what}`);
  }
  console.table(table);
  for (const what of lost) console.log(what);
  console.log(isReached ? "reached" : "NOT REACHED");
  return isReached;
}
