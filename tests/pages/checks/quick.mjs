// What the first paint waits for, and what a product page weighs.

/// The page and its style sheet.
const REQUESTS_BEFORE_PAINT = 2;
/// Bytes over the wire, without the pictures of products.
const HEAVIEST_PRODUCT = 60_000;

export async function quick(visit, state) {
  const found = [];
  const waits = await visit.ask(() =>
    performance.getEntriesByType("resource").filter((entry) => entry.renderBlockingStatus === "blocking").map((entry) => entry.name),
  );
  if (waits.length + 1 > REQUESTS_BEFORE_PAINT) found.push(`the first paint waits for ${waits.join(" ")}`);
  const blocks = await visit.ask(() =>
    [...document.querySelectorAll("script[src]:not([type=module], [async], [defer])")].map((script) => script.src),
  );
  found.push(...blocks.map((script) => `blocks the page: ${script}`));
  if (state.name.startsWith("product")) {
    await visit.settled();
    const parts = visit.loaded.filter(({ type, url }) => url?.startsWith("http") && !(type === "Image" && url.includes("/media/")));
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (bytes > HEAVIEST_PRODUCT) found.push(`${bytes} bytes over the wire without pictures`);
  }
  return found;
}
