// Without scripts, the page shows all that it shows with them.
import { Visit } from "../visit.mjs";

/// The lines of text that are seen in the page's main part.
const lines = () =>
  (document.querySelector("main")?.innerText ?? "").split("\n").map((line) => line.trim()).filter(Boolean);

export async function scriptless(visit, state, browser) {
  if (state.script) return [];
  const plain = await Visit.begin(browser, visit.shop, { script: false, change: visit.change });
  try {
    await state.come(plain);
    // Each line as often as it is there.
    const seen = new Map();
    for (const line of await plain.ask(lines)) seen.set(line, (seen.get(line) ?? 0) + 1);
    const isMissing = (line) => {
      const left = seen.get(line) ?? 0;
      seen.set(line, left - 1);
      return left <= 0;
    };
    const heading = await plain.ask(() => {
      const heading = document.querySelector("main h1");
      return Boolean(heading?.checkVisibility() && heading.innerText.trim());
    });
    const missing = state.moves ? [] : (await visit.ask(lines)).filter(isMissing);
    return [
      ...(heading ? [] : ["there is no heading to be seen"]),
      ...missing.slice(0, 5).map((line) => `not shown: ${line}`),
    ];
  } finally {
    await plain.end();
  }
}
