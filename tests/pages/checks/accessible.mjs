// axe-core with all its rules, on a phone and at a desk, in both schemes.
import { readFile } from "node:fs/promises";
import { DESK, PHONE } from "../visit.mjs";

const axe = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/// A scheme changes colours and no place.
const LOOKS = [
  [PHONE, "light"],
  [PHONE, "dark"],
  [DESK, "light"],
];

export async function accessible(visit, state) {
  const { page } = visit;
  const found = [];
  await page.evaluate(axe);
  // A rule of WCAG 2.2 AA that is off where nobody asks for it. What lies over the page covers targets.
  const rules = { "target-size": { enabled: !state.covers } };
  for (const [size, scheme] of LOOKS) {
    await page.setViewport(size);
    await visit.wear(scheme);
    const { violations } = await visit.ask((rules) => window.axe.run({ rules, resultTypes: ["violations"] }), rules);
    for (const { id, help, nodes } of violations)
      for (const { target, any } of nodes)
        found.push(`${size.width} ${scheme}: ${id} at ${target.join(" ")}: ${any[0]?.message ?? help}`);
  }
  await page.setViewport(PHONE);
  await visit.wear("light");
  return found;
}
