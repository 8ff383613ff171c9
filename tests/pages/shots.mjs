// Pictures of every state in three widths and both schemes, in target/shots, and a page that shows them side
// by side.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { each } from "./each.mjs";
import { ROOT, startShop } from "./shop.mjs";
import { wanted } from "./states.mjs";
import { DESK, PHONE, TABLET, Visit, startBrowser } from "./visit.mjs";

const SIZES = [PHONE, TABLET, DESK];
const SCHEMES = ["light", "dark"];
const FOLDER = join(ROOT, "target/shots");

/// Waits for the pictures, of which some come only when they are looked at.
async function complete(visit) {
  await visit.ask(async () => {
    const all = [...document.images];
    for (const img of all) img.loading = "eager";
    await Promise.all(all.map((img) => img.decode().catch(() => {})));
  });
}

async function shoot(browser, shop, state) {
  const visit = await Visit.begin(browser, shop);
  try {
    await state.come(visit);
    for (const size of SIZES) {
      await visit.page.setViewport(size);
      await complete(visit);
      for (const scheme of SCHEMES) {
        await visit.wear(scheme);
        await visit.page.screenshot({ path: join(FOLDER, shotOf(state, size, scheme)), fullPage: !state.script, captureBeyondViewport: false });
      }
    }
  } finally {
    await visit.end();
  }
}

const shotOf = (state, size, scheme) => `${state.name}-${size.width}-${scheme}.png`;

function gallery(states) {
  const row = (state) => {
    const shots = SIZES.flatMap((size) => SCHEMES.map((scheme) => shotOf(state, size, scheme)));
    return `<h2>${state.name}</h2><p>${shots.map((shot) => `<a href="${shot}"><img src="${shot}" alt="${shot}" loading="lazy"></a>`).join("\n")}</p>`;
  };
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page of the shop</title>
<style>body{font:1rem sans-serif;margin:1rem;background:#888}p{display:flex;gap:.5rem;align-items:start}img{width:100%;max-height:60vh;object-fit:cover;object-position:top}a{flex:1}</style>
<h1>Every page of the shop</h1>
${states.map(row).join("\n")}</html>
`;
}

export async function run(words) {
  const states = wanted(words);
  if (!words.length) await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  const [shop, browser] = await Promise.all([startShop(), startBrowser()]);
  const failed = [];
  await each(states, 2, async (state) => {
    await shoot(browser, shop, state).catch((error) => failed.push(`${state.name}: ${error.stack}`));
  });
  for (const fault of failed) console.log(fault);
  if (!words.length) await writeFile(join(FOLDER, "index.html"), gallery(states));
  console.log(`${states.length - failed.length} states are shown in ${join(FOLDER, "index.html")}`);
  return states.length > 0 && !failed.length;
}
