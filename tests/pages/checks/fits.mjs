// No page scrolls sideways: on small phones, on large screens, and with text of twice the size.
import { PHONE } from "../visit.mjs";

const WIDTHS = [320, 390, 820, 1440];

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
  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 800 });
    await look(`at ${width} px`);
  }
  await page.setViewport(PHONE);
  await visit.ask(() => (document.documentElement.style.fontSize = "200%"));
  await look("with text of twice the size");
  await visit.ask(() => (document.documentElement.style.fontSize = ""));
  return found;
}
