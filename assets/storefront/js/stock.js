// Keeps the stock words true while the page is looked at. Other languages bring theirs in
// data-words on the body.
const places = new Map();
for (const place of document.querySelectorAll("[data-stock]")) {
  const { stock } = place.dataset;
  places.set(stock, [...(places.get(stock) ?? []), place]);
}
const words = { ready: "Ready to ship", low: "{n} left", out: "Sold out", ...JSON.parse(document.body.dataset.words ?? "{}") };

function show({ sku, available, backorder }) {
  // What is sold beyond what is there keeps its words.
  if (backorder) return;
  for (const place of places.get(sku) ?? []) {
    const state = available <= 0 ? "out" : available <= place.dataset.low ? "low" : "ready";
    const text = words[state].replace("{n}", available);
    if (place.textContent !== text) place.textContent = text;
    place.dataset.state = state;
    const choice = place.closest(".choice")?.querySelector("input");
    if (choice) choice.disabled = state === "out";
  }
  // The button goes with what there is to choose from.
  const form = document.querySelector("[data-add]");
  const radios = [...(form?.querySelectorAll("[type=radio][name=sku]") ?? [])];
  if (radios.length) form.querySelector(".button").disabled = radios.every((radio) => radio.disabled);
  else if (form?.elements.sku?.value === sku) form.querySelector(".button").disabled = available <= 0;
}

let source;
function open() {
  if (source || document.hidden) return;
  const query = new URLSearchParams([...places.keys()].slice(0, 60).map((sku) => ["sku", sku]));
  source = new EventSource(`/live/stock?${query}`);
  source.addEventListener("stock", ({ data }) => show(JSON.parse(data)));
}
function close() {
  source?.close();
  source = undefined;
}
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
