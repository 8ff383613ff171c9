// Every page of the shop in every state that shoppers meet, and how to come there. All commands use it.
//
// A state has a `name` and a way to `come` to it with a visit (visit.mjs), which is gone with scripts and
// without, unless it is one of a `script`. Pages that search engines are to find are `isPublic`; `status` is
// said where it is not 200; `data` is what a page says to machines; a `bare` one has nothing of the shop
// around it; what a state shows that `moves` differs from visit to visit.
import { get } from "node:http";
import { startShop } from "./shop.mjs";

let strict;
const strictShop = () => (strict ??= startShop({ counts: true }));

let full;
// Its log would be full of the disk.
const fullShop = () => (full ??= startShop({ log: "off" }).then((shop) => (shop.fill(), shop)));

const ADD = "form[action='/cart/lines']";

const product = (name, handle, more) => ({
  name: `product-${name}`,
  isPublic: true,
  handle,
  data: ["Product", "BreadcrumbList"],
  come: (visit) => visit.go(`/p/${handle}`),
  ...more,
});

/// A page that is there at its address.
const page = (name, path, more) => ({ name, come: (visit) => visit.go(path), ...more });

const front = [
  page("home", "/", { isPublic: true, data: ["Organization", "WebSite"] }),
  {
    name: "menu",
    isPublic: true,
    come: async (visit) => {
      await visit.go("/");
      await visit.page.click("[popovertarget=menu]:not(.close)");
    },
  },
  {
    name: "suggestions",
    isPublic: true,
    script: true,
    come: async (visit) => {
      await visit.go("/");
      // Once the script has taken the field over.
      await visit.page.waitForSelector("#q[role=combobox]");
      await visit.page.type("#q", "kett");
      await visit.page.waitForSelector("#hits [role=option]", { visible: true });
    },
  },
  page("category", "/c/kitchen", { isPublic: true, data: ["BreadcrumbList"] }),
  page("category-narrow", "/c/coffee-tea", { isPublic: true, data: ["BreadcrumbList"] }),
  page("collection", "/collections/winter-warmers", { isPublic: true, data: ["BreadcrumbList"] }),
];

const search = [
  page("search", "/search"),
  page("search-second", "/search?sort=price:asc&page=2"),
  page("search-typo", "/search?q=headfones"),
  page("search-filters", "/search?category=Clothing&inStock=true&minPrice=20"),
  {
    name: "search-drawer",
    come: async (visit) => {
      await visit.go("/search?q=lamp");
      await visit.page.click(".tally [popovertarget=facets]");
    },
  },
  {
    name: "search-sorts",
    covers: true,
    come: async (visit) => {
      await visit.go("/search?q=lamp");
      await visit.page.click(".sort summary");
    },
  },
  page("search-narrowed-to-nothing", "/search?q=lamp&minPrice=9000"),
  page("search-nothing", "/search?q=zzzzqqqq"),
];

const products = [
  product("simple", "gooseneck-kettle"),
  product("choices", "over-ear-headphones"),
  product("two-options", "fisherman-sweater"),
  product("reduced", "usb-headlamp"),
  product("low", "balance-bike"),
  product("soldout", "clip-webcam"),
  {
    name: "product-added",
    handle: "electric-kettle",
    isPublic: true,
    come: (visit) => visit.buy("electric-kettle"),
  },
  {
    name: "product-refused",
    handle: "glass-carafe",
    isPublic: true,
    canonical: "/p/glass-carafe",
    status: 409,
    come: async (visit) => {
      await visit.go("/p/glass-carafe");
      await visit.send(ADD, { quantity: "900" });
    },
  },
  {
    name: "product-dialog",
    script: true,
    isPublic: true,
    handle: "trail-daypack",
    come: async (visit) => {
      await visit.go("/p/trail-daypack");
      await visit.settled();
      await visit.press(`${ADD} .button`, "dialog.added[open]");
    },
  },
  {
    name: "product-picture",
    script: true,
    isPublic: true,
    handle: "gallery-frame",
    come: async (visit) => {
      await visit.go("/p/gallery-frame");
      await visit.settled();
      await visit.press("[data-zoom]", "dialog.zoom[open]");
    },
  },
];

const cart = [
  page("cart-empty", "/cart"),
  {
    name: "cart",
    come: async (visit) => {
      await visit.buy("electric-kettle", 2);
      await visit.buy("over-ear-headphones");
      await visit.buy("gooseneck-kettle");
      await visit.go("/cart");
    },
  },
  {
    // Prices and stock have changed since.
    name: "cart-changed",
    come: async (visit) => {
      const { shop } = visit;
      const short = await shop.sku("tape-dispenser");
      const gone = await shop.sku("oak-headphone-stand");
      await shop.leave(short, 20);
      await shop.leave(gone, 20);
      await shop.price("hand-grinder", 120);
      await visit.buy("hand-grinder");
      await visit.buy("tape-dispenser", 3);
      await visit.buy("oak-headphone-stand");
      await shop.price("hand-grinder", 129);
      await shop.leave(short, 2);
      await shop.leave(gone, 0);
      await visit.go("/cart");
    },
  },
  {
    name: "cart-fewer",
    come: async (visit) => {
      await visit.buy("one-pot-winter");
      await visit.go("/cart");
      await visit.send("form[action^='/cart/lines/']:not([action$=remove])", { quantity: "900" });
    },
  },
  {
    name: "cart-refused",
    status: 422,
    come: async (visit) => {
      await visit.buy("glass-carafe");
      await visit.go("/cart");
      await visit.send("form[action^='/cart/lines/']:not([action$=remove])", { quantity: "-1" });
    },
  },
];

const ADDRESS = {
  name: "Ada Lovelace",
  line1: "12 Main Street",
  city: "Portland",
  region: "OR",
  postalCode: "97201",
};
const BUYER = { email: "ada@example.com", ...ADDRESS, payment: "test:tok_visa", terms: true };
const CHECKOUT = "form[action='/checkout']";

/// A guest at the till with a kettle.
async function toTheTill(visit, handle = "electric-kettle") {
  await visit.buy(handle);
  await visit.go("/checkout");
}

async function order(visit, payment) {
  await toTheTill(visit);
  await visit.send(CHECKOUT, { ...BUYER, payment });
}

const checkout = [
  { name: "checkout", come: (visit) => toTheTill(visit) },
  {
    name: "checkout-abroad",
    come: async (visit) => {
      await toTheTill(visit);
      await visit.send(CHECKOUT, { country: "DE" }, "refresh");
    },
  },
  {
    name: "checkout-errors",
    status: 422,
    come: async (visit) => {
      await toTheTill(visit);
      await visit.send(CHECKOUT, { email: "ada", postalCode: "x" });
    },
  },
  { name: "checkout-declined", status: 402, come: (visit) => order(visit, "test:tok_declined") },
  {
    // Another price than the one that was shown.
    name: "checkout-changed",
    status: 409,
    come: async (visit) => {
      await visit.shop.price("pebble-table-lamp", 90);
      await toTheTill(visit, "pebble-table-lamp");
      await visit.shop.price("pebble-table-lamp", 95);
      await visit.send(CHECKOUT, BUYER);
    },
  },
  { name: "placed", moves: true, come: (visit) => order(visit, "test:tok_visa") },
  { name: "placed-unpaid", moves: true, come: (visit) => order(visit, "manual") },
  {
    name: "order",
    moves: true,
    come: async (visit) => {
      await order(visit, "test:tok_visa");
      await visit.go(await visit.ask(() => document.querySelector("main a[href*='/orders/']").href));
    },
  },
];

const PASSWORD = "violet kettle orchard";
const LOGIN = "form[action='/account/login']";

/// Somebody new who has an account and is logged in.
async function member(visit) {
  const email = await visit.shop.customer(PASSWORD);
  await visit.go("/account/login");
  await visit.send(LOGIN, { email, password: PASSWORD });
  return email;
}

/// A page that members alone see; `steps` go on from it.
const own = (name, path, steps, more) => ({
  name: `account-${name}`,
  moves: true,
  come: async (visit) => {
    const email = await member(visit);
    await visit.go(path);
    await steps?.(visit, email);
  },
  ...more,
});

const BOOK = "form[action='/account/addresses']";

const account = [
  page("login", "/account/login"),
  {
    name: "login-refused",
    status: 422,
    come: async (visit) => {
      await visit.go("/account/login");
      await visit.send(LOGIN, { email: "nobody@example.com", password: "what was it" });
    },
  },
  page("register", "/account/register"),
  {
    name: "register-errors",
    status: 422,
    come: async (visit) => {
      await visit.go("/account/register");
      await visit.send("form[action='/account/register']", { email: "ada", password: "short" });
    },
  },
  {
    name: "register-sent",
    come: async (visit) => {
      await visit.go("/account/register");
      await visit.send("form[action='/account/register']", { email: "new@example.com", password: PASSWORD });
    },
  },
  page("forgot", "/account/forgot"),
  {
    name: "forgot-sent",
    come: async (visit) => {
      await visit.go("/account/forgot");
      await visit.send("form[action='/account/forgot']", { email: "nobody@example.com" });
    },
  },
  page("new-password", "/account/new-password?token=made-up"),
  own("orders-none", "/account/orders"),
  own("orders", "/account/orders", async (visit, email) => {
    await toTheTill(visit);
    await visit.send(CHECKOUT, { ...BUYER, email });
    await visit.go("/account/orders");
  }),
  own("order", "/account/orders", async (visit, email) => {
    await toTheTill(visit);
    await visit.send(CHECKOUT, { ...BUYER, email });
    await visit.go("/account/orders");
    await visit.go(await visit.ask(() => document.querySelector("main a[href*='/account/orders/']").href));
  }),
  own("addresses-none", "/account/addresses"),
  own("addresses-errors", "/account/addresses", (visit) => visit.send(BOOK, { name: "", line1: "" }), { status: 422 }),
  own("addresses", "/account/addresses", async (visit) => {
    await visit.send(BOOK, ADDRESS);
    await visit.go("/account/addresses");
    await visit.send(BOOK, { ...ADDRESS, line1: "3 Upper Court" });
  }),
  own("address", "/account/addresses", async (visit) => {
    await visit.send(BOOK, ADDRESS);
    await visit.go(await visit.ask(() => document.querySelector("main a[href*='/account/addresses/']").href));
  }),
  own("security", "/account/security"),
  {
    // Members of staff may have one.
    name: "account-security-factor",
    moves: true,
    come: async (visit) => {
      const [email, password] = visit.shop.staff;
      await visit.go("/account/login");
      await visit.send(LOGIN, { email, password });
      await visit.go("/account/security");
      await visit.send("form[action='/account/security/factor']", { factorPassword: password });
    },
  },
  own("security-refused", "/account/security", (visit) =>
    visit.send("form[action='/account/security/password']", { currentPassword: "wrong", password: "short" }),
    { status: 422 },
  ),
  own("data", "/account/data"),
  own("data-refused", "/account/data", (visit) =>
    visit.send("form[action='/account/data/erase']", { password: "wrong" }),
    { status: 422 },
  ),
  own("forgotten", "/account/data", (visit) =>
    visit.send("form[action='/account/data/erase']", { sure: true, password: PASSWORD }),
  ),
  own("checkout", "/account/addresses", async (visit) => {
    await visit.send(BOOK, ADDRESS);
    await toTheTill(visit);
  }),
];

const texts = ["about", "terms", "privacy", "returns", "contact"].map((handle) =>
  page(`text-${handle}`, `/pages/${handle}`, { isPublic: true }),
);

const faults = [
  page("missing", "/p/no-such-thing", { status: 404 }),
  {
    name: "not-sent",
    status: 403,
    bare: true,
    come: async (visit) => {
      await visit.buy("glass-carafe");
      await visit.go("/cart");
      await visit.send("form[action$=remove]", { csrf: "made up" });
    },
  },
  {
    name: "closed",
    status: 503,
    bare: true,
    come: async (visit) => {
      const shop = await fullShop();
      const headers = { accept: "text/html", "accept-encoding": "identity", origin: shop.origin };
      const body = new URLSearchParams({ sku: await shop.sku("glass-carafe"), quantity: "1" });
      const answer = await fetch(`${shop.origin}/cart/lines`, { method: "POST", headers, body });
      if (answer.status !== 503) throw new Error(`a full disk is answered ${answer.status}`);
      await visit.show("/cart", { status: 503, headers: Object.fromEntries(answer.headers), body: await answer.text() });
    },
  },
  {
    // More live streams than one address is granted, in a shop that counts. They are asked for from another
    // address of this machine, for ours is still needed.
    name: "too-quick",
    status: 429,
    bare: true,
    come: async (visit) => {
      const shop = await strictShop();
      const path = `/live/stock?sku=${await shop.sku("glass-carafe")}`;
      const streams = [];
      const ask = () =>
        new Promise((done, failed) => {
          const options = { headers: { accept: "text/html" }, localAddress: "127.0.0.9", agent: false };
          const asked = get(shop.origin + path, options, done);
          asked.on("error", failed);
          streams.push(asked);
        });
      try {
        let answer = await ask();
        while (answer.statusCode === 200 && streams.length < 200) answer = await ask();
        if (answer.statusCode !== 429) throw new Error(`nobody is asked to wait: ${answer.statusCode}`);
        const body = (await answer.toArray()).join("");
        await visit.show("/live/stock", { status: 429, headers: answer.headers, body });
      } finally {
        for (const stream of streams) stream.on("error", () => {}).destroy();
      }
    },
  },
];

export const states = [front, search, products, cart, checkout, account, texts, faults].flat();

/// The states whose names hold one of these words; all, where there are none.
export const wanted = (words) =>
  states.filter(({ name }) => !words.length || words.some((word) => name.includes(word)));

export function chosen(name) {
  const state = states.find((state) => state.name === name);
  if (!state) throw new Error(`there is no state ${name}`);
  return state;
}
