// What the page says to machines, read as JSON-LD by somebody else's reader. The context names the words of
// schema.org that a shop may use (schema.json), and a word that it does not know is a fault.
import jsonld from "jsonld";
import { readFile } from "node:fs/promises";

const context = JSON.parse(await readFile(new URL("../schema.json", import.meta.url), "utf8"));
const S = "https://schema.org/";

async function documentLoader(url) {
  if (url !== "https://schema.org") throw new Error(`nobody has ${url} here`);
  return { contextUrl: null, documentUrl: url, document: context };
}

const one = (node, name) => {
  const [value] = node?.[S + name] ?? [];
  return value?.["@value"] ?? value?.["@id"] ?? value;
};
const all = (node, name) => (node[S + name] ?? []).flatMap((value) => value["@list"] ?? [value]);
const isAddress = (text) => /^https?:\/\/\S+$/.test(text ?? "");

const rules = {
  async Product(node, hold, { visit, state }) {
    const { variants, currency } = await visit.shop.product(state.handle);
    hold(one(node, "name"), "the product has no name");
    hold(all(node, "image").every((image) => isAddress(image["@id"])) && all(node, "image").length, "no picture");
    const offers = new Map(all(node, "offers").map((offer) => [one(offer, "sku"), offer]));
    hold(offers.size === variants.length, `${offers.size} offers of ${variants.length} variants`);
    for (const { sku, price, stockQuantity } of variants) {
      const offer = offers.get(sku);
      hold(/^\d+(\.\d+)?$/.test(one(offer, "price")) && Number(one(offer, "price")) === price, `${sku}: price ${one(offer, "price")} and not ${price}`);
      hold(one(offer, "priceCurrency") === currency, `${sku}: currency ${one(offer, "priceCurrency")}`);
      const availability = `${S}${stockQuantity > 0 ? "InStock" : "OutOfStock"}`;
      hold(one(offer, "availability") === availability, `${sku}: availability ${one(offer, "availability")}`);
      hold(isAddress(one(offer, "url")), `${sku}: no address`);
    }
  },
  async BreadcrumbList(node, hold) {
    const steps = all(node, "itemListElement");
    hold(steps.length > 1, "no way to the page");
    steps.forEach((step, n) => {
      hold(one(step, "position") === n + 1 && one(step, "name"), `step ${n + 1} is ${JSON.stringify(step)}`);
      hold(n + 1 === steps.length || isAddress(one(step, "item")), `step ${n + 1} leads nowhere`);
    });
  },
  async Organization(node, hold) {
    for (const name of ["url", "logo"]) hold(isAddress(one(node, name)), `the shop's ${name} is ${one(node, name)}`);
    hold(one(node, "name"), "the shop has no name");
  },
  async WebSite(node, hold) {
    const action = one(node, "potentialAction");
    const target = one(action, "target");
    hold(action?.["@type"]?.includes(`${S}SearchAction`), "no way to search");
    hold(isAddress(one(target, "urlTemplate")) && one(target, "urlTemplate").includes("{q}"), "no address to search by");
    hold(one(action, "query-input") === "required name=q", `query-input is ${one(action, "query-input")}`);
  },
};

export async function data(visit, state) {
  const faults = [];
  const hold = (holds, fault) => holds || faults.push(fault);
  const texts = await visit.ask(() =>
    [...document.querySelectorAll("script[type='application/ld+json']")].map((script) => script.textContent),
  );
  const found = new Set();
  for (const text of texts) {
    let nodes;
    try {
      // Not resolved against the page: whoever reads a copy has no page.
      nodes = await jsonld.expand(JSON.parse(text), { documentLoader, safe: true });
    } catch (error) {
      const { code, details } = error.details?.event ?? {};
      faults.push(`nobody can read it: ${code ?? error.message} ${JSON.stringify(details ?? "")}`);
      continue;
    }
    for (const node of nodes) {
      for (const type of node["@type"]) {
        const name = type.slice(S.length);
        found.add(name);
        await rules[name]?.(node, hold, { visit, state });
      }
    }
  }
  for (const name of state.data ?? []) hold(found.has(name), `no ${name}`);
  return faults;
}
