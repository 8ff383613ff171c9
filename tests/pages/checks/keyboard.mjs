// Whoever has no mouse comes everywhere, sees where they are, and can skip what is on every page.
import { DESK, PHONE } from "../visit.mjs";

/// Marks what is to be reached by the tabulator and says how many there are. Of a group of radio buttons
/// one is; behind an open dialog nothing is.
function mark() {
  const place = document.querySelector("dialog[open]") ?? document;
  const selector = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const groups = new Set();
  let count = 0;
  for (const part of place.querySelectorAll(selector)) {
    if (part.disabled || part.closest("[inert]") || !part.checkVisibility({ visibilityProperty: true })) continue;
    if (part.type === "radio") {
      const group = `${part.form?.action} ${part.name}`;
      if (groups.has(group)) continue;
      groups.add(group);
      const all = place.querySelectorAll(`input[type=radio][name="${CSS.escape(part.name)}"]`);
      for (const radio of all) if (radio.form === part.form) radio.dataset.testReach = String(count);
    } else part.dataset.testReach = String(count);
    count += 1;
  }
  return count;
}

/// Which marked element has the focus, and what is wrong with how that is shown.
function here() {
  const part = document.activeElement;
  if (!part || part === document.body) return { at: null };
  const name = part.cloneNode().outerHTML.slice(0, 110);
  // A field that is drawn by its label shows the focus there.
  const places = [part, part.nextElementSibling];
  for (let above = part.parentElement; above && places.length < 5; above = above.parentElement) places.push(above);
  const ring = (place) => {
    for (const layer of [null, "::before", "::after"]) {
      const { content, outlineStyle, outlineWidth, outlineColor } = getComputedStyle(place, layer);
      const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && !/, 0\)$/.test(outlineColor);
      if (isSeen && !(layer && content === "none")) return `${outlineStyle} ${outlineWidth} ${outlineColor}`;
    }
    return null;
  };
  const shown = places.find((place) => place && ring(place) && place.checkVisibility());
  let fault = null;
  if (!part.matches(":focus-visible")) fault = "is not focused visibly";
  else if (!shown) fault = "has no ring when it is focused";
  else {
    const focused = ring(shown);
    const { width, height, right, bottom } = shown.getBoundingClientRect();
    if (width < 8 || height < 8 || right <= 0 || bottom <= 0) fault = "is focused where nobody sees it";
    part.blur();
    if (ring(shown) === focused) fault = "looks the same without focus";
    part.focus();
  }
  return { at: part.dataset.testReach ?? null, name, fault };
}

async function walk(visit, how) {
  const { page } = visit;
  const faults = [];
  await visit.ask(() => {
    for (const part of document.querySelectorAll("[data-test-reach]")) delete part.dataset.testReach;
  });
  const count = await visit.ask(mark);
  const reached = new Set();
  // The way may begin anywhere, and leaves the page once.
  for (let step = 0; step < count * 2 + 10 && reached.size < count; step++) {
    await page.keyboard.press("Tab");
    const { at, name, fault } = await visit.ask(here);
    if (at !== null) reached.add(at);
    if (fault) faults.push(`${how}: ${name} ${fault}`);
  }
  if (reached.size < count) {
    const missed = await visit.ask(
      (reached) =>
        [...document.querySelectorAll("[data-test-reach]")]
          .filter((part) => !reached.includes(part.dataset.testReach))
          .map((part) => part.cloneNode().outerHTML.slice(0, 110)),
      [...reached],
    );
    faults.push(...missed.slice(0, 5).map((name) => `${how}: ${name} is not reached`));
  }
  return faults;
}

async function skips(visit) {
  const { page } = visit;
  await visit.ask(() => {
    document.activeElement?.blur();
    getSelection().removeAllRanges();
    scrollTo(0, 0);
  });
  await visit.go(page.url());
  await page.keyboard.press("Tab");
  const seen = await visit.ask(() => {
    const link = document.activeElement;
    const { top, left, width, height } = link.getBoundingClientRect();
    return link.matches("a.skip") && top >= 0 && left >= 0 && width > 20 && height > 20;
  });
  if (!seen) return ["the first that is focused is not a visible link to skip what is on every page"];
  await page.keyboard.press("Enter");
  const arrived = await visit.ask(() => document.activeElement.id === "main");
  return arrived ? [] : ["the link to skip does not lead to the main part"];
}

export async function keyboard(visit, state) {
  const faults = await walk(visit, "390");
  if (!state.script) {
    await visit.page.setViewport(DESK);
    faults.push(...(await walk(visit, "1440")));
    await visit.page.setViewport(PHONE);
  }
  // Pages that came of a form are not loaded again.
  if (!state.script && !state.bare && visit.answer.request().method() === "GET") faults.push(...(await skips(visit)));
  return faults;
}
