// No page scrolls sideways: on small phones, on large screens, with text of twice the size (WCAG 1.4.4),
// and with as much room between letters and words as a reader may want (1.4.12). The two together are
// wider than any face of letters that a machine may have, so that it does not matter which it has.
import { PHONE } from "../visit.mjs";

const WIDTHS = [320, 390, 820, 1440];
const TWICE = ":root { font-size: 200% !important }";
const SPACED = "* { letter-spacing: .12em !important; word-spacing: .16em !important; line-height: 1.5 !important }";

/// What stands out of the page, if anything makes it wider than the window.
function wide() {
  const root = document.documentElement;
  const hides = [root, document.body].some((part) => getComputedStyle(part).overflowX === "hidden");
  if (root.scrollWidth <= root.clientWidth && !hides) return null;
  if (hides) return "the page hides what stands out of it";
  const out = [...document.body.querySelectorAll("*")].filter(
    (part) => part.getBoundingClientRect().right > root.clientWidth + 1,
  );
  const right = (part) => part.getBoundingClientRect().right;
  const inmost = out.filter((part) => ![...part.children].some((child) => out.includes(child)));
  inmost.sort((a, b) => right(b) - right(a));
  const names = inmost.slice(0, 3).map((part) => part.cloneNode().outerHTML.slice(0, 90));
  return `${root.scrollWidth} px wide: ${names.join(" ")}`;
}

export async function fits(visit) {
  const { page } = visit;
  const found = [];
  const look = async (how) => {
    const fault = await visit.ask(wide);
    if (fault) found.push(`${how}: ${fault}`);
  };
  const lookWith = async (how, ...rules) => {
    // As a sheet of the reader's own, which the page's policy has no say in.
    await visit.ask((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      document.adoptedStyleSheets = [sheet];
    }, rules.join("\n"));
    await look(how);
    await visit.ask(() => (document.adoptedStyleSheets = []));
  };
  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 800 });
    await look(`at ${width} px`);
  }
  await page.setViewport({ width: 320, height: 800 });
  await lookWith("at 320 px with room between letters", SPACED);
  await page.setViewport(PHONE);
  await lookWith("with text of twice the size", TWICE);
  await lookWith("with text of twice the size and room between letters", TWICE, SPACED);
  return found;
}
