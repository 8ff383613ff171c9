// One thing broken for each that a check is there to see: what it is, in which state, by which check it
// must be seen, and the page (or style sheet, or script) as it would be.
const inPage = (from, to) => (url, text) => (/\.(css|js)$/.test(url) ? undefined : text.replace(from, to));
const inStyle = (more) => (url, text) => (url.endsWith(".css") ? `${text}\n${more}` : undefined);

export const breaks = [
  {
    what: "a button without a name",
    state: "home",
    check: "accessible",
    change: inPage(' aria-label="Menu"', ""),
  },
  {
    what: "words that are hard to read in the dark",
    state: "home",
    check: "accessible",
    change: inStyle("@media (prefers-color-scheme: dark) { :root { --ink: #333 !important; } }"),
  },
  {
    what: "targets that are too small at a desk",
    state: "home",
    check: "accessible",
    change: inStyle("@media (width >= 62rem) { .foot li, .foot li a { display: block !important; margin: 0 !important; padding: 0 !important; min-block-size: 0 !important; font-size: 6px !important; line-height: 8px !important; } }"),
  },
  { what: "an id that is there twice", state: "category", check: "valid", change: inPage("<main ", '<p id="main"></p><main ') },
  { what: "an element that is not closed", state: "cart-empty", check: "valid", change: inPage("</h1>", "</h2>") },
  {
    what: "something that is wider than a phone",
    state: "category",
    check: "fits",
    change: inStyle(".cards { min-inline-size: 500px; }"),
  },
  {
    what: "something that is wider than large text",
    state: "product-simple",
    check: "fits",
    change: inStyle("h1 { min-inline-size: 14rem; white-space: nowrap; }"),
  },
  { what: "a script that the policy forbids", state: "home", check: "quiet", change: inPage("</main>", "<script>1</script></main>") },
  { what: "a style that the policy forbids", state: "home", check: "quiet", change: inPage("<main ", '<main style="color: red" ') },
  { what: "a picture that is not there", state: "home", check: "quiet", change: inPage("</main>", '<img src="/media/none.png" alt="" width="1" height="1"></main>') },
  { what: "a script that fails", state: "home", check: "quiet", change: (url, text) => (url.endsWith("main.js") ? `${text}\nnothing.at.all;` : undefined) },
  {
    what: "a price that only a script shows",
    state: "product-simple",
    check: "scriptless",
    change: (url, text) => {
      if (url.endsWith("main.js")) return `${text}\ndocument.querySelector("[data-price]").hidden = false;`;
      return inPage("<div data-price>", "<div data-price hidden>")(url, text);
    },
  },
  {
    what: "a second style sheet",
    state: "home",
    check: "quick",
    change: inPage("</head>", '<link rel="stylesheet" href="/assets/x/storefront.css"></head>'),
  },
  { what: "a script that the page waits for", state: "home", check: "quick", change: inPage('<script type="module"', "<script") },
  {
    what: "a page that is too heavy",
    state: "product-simple",
    check: "quick",
    change: inPage("</main>", () => `<!-- ${Array.from({ length: 6000 }, (_, n) => Math.sin(n)).join()} --></main>`),
  },
  { what: "a picture without a size", state: "home", check: "pictures", change: inPage(/(<img [^>]*) width="\d+"/, "$1") },
  { what: "a link to a page that is not there", state: "home", check: "links", change: inPage('href="/search"', 'href="/serch"') },
  { what: "a page without its address", state: "product-simple", check: "head", change: inPage(/<link rel="canonical"[^>]*>/, "") },
  { what: "somebody's own page for search engines", state: "cart-empty", check: "head", change: inPage('<meta name="robots" content="noindex">', "") },
  { what: "a second heading", state: "category", check: "head", change: inPage("</main>", "<h1>And</h1></main>") },
  { what: "an offer without a price", state: "product-simple", check: "data", change: inPage(/"price":"[\d.]+",/, "") },
  { what: "an offer with another price", state: "product-simple", check: "data", change: inPage(/"price":"/, '"price":"1') },
  { what: "an offer that nobody knows whether it is there", state: "product-soldout", check: "data", change: inPage("OutOfStock", "InStock") },
  { what: "a word that schema.org does not have", state: "product-simple", check: "data", change: inPage('"priceCurrency"', '"currency"') },
  { what: "a shop that cannot be searched", state: "home", check: "data", change: inPage("SearchAction", "Action") },
  { what: "no ring around what is focused", state: "home", check: "keyboard", change: inStyle("*:focus-visible { outline: none !important; }") },
  { what: "something that only a mouse reaches", state: "home", check: "keyboard", change: inPage('href="/cart"', 'href="/cart" tabindex="-1"') },
  { what: "no way to skip what is on every page", state: "home", check: "keyboard", change: inPage(/<a class="skip"[^>]*>[^<]*<\/a>/, "") },
];
