//! What search engines, price portals and other machines read, by an independent reader of XML.

use crate::goods::{paid_order, shelve};
use crate::testshop::{Answer, TestShop};
use flate2::read::GzDecoder;
use mercat::domain::Span;
use roxmltree::{Document, Node};
use serde_json::{Value, json};
use std::io::Read;

const SITEMAP: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";
const G: &str = "http://base.google.com/ns/1.0";

/// A tent in two sizes, one of them with a number that all shops know and at a reduced price.
fn tent() -> Value {
    json!({ "name": "Tent & <Tarp>", "handle": "zelt-größe", "currency": "USD", "brand": "Alder & Sons",
        "description": "<p>Keeps \"dry\" &amp; warm.</p><ul><li>Light</li></ul>",
        "category": "Camping", "imageUrl": "https://img.example/tent.jpg?a=1&b=2",
        "variants": [
            { "sku": "TENT/S", "options": { "Size": "S" }, "price": "129.00", "stockQuantity": 1,
              "compareAtPrice": "150.00", "barcode": "4006381333931", "weightGrams": 1800 },
            { "sku": "TENT/L", "options": { "Size": "L" }, "price": "200.50", "stockQuantity": 0,
              "barcode": "4006381333932", "imageUrl": "https://img.example/large.jpg" },
        ] })
}

async fn make(shop: &TestShop, path: &str, body: Value) -> Value {
    shop.post(path).staff().json(body).send().await.expect(201).json()
}

async fn open() -> TestShop {
    let shop = TestShop::open().await;
    make(&shop, "/v1/categories", json!({ "name": "Outdoors" })).await;
    let camping = json!({ "name": "Camping", "handle": "camping", "parent": "outdoors",
        "description": "Tents [and] *more*." });
    make(&shop, "/v1/categories", camping).await;
    let gifts = json!({ "name": "Gifts", "handle": "gifts", "productIds": [] });
    make(&shop, "/v1/collections", gifts).await;
    shop.pass(Span::minutes(1));
    shelve(&shop, &[("MUG", 1_250, 2)]).await;
    shop.pass(Span::minutes(1));
    make(&shop, "/v1/products", tent()).await;
    let mut draft = tent();
    draft["status"] = json!("draft");
    draft["handle"] = json!("secret-tent");
    draft["variants"] = json!([{ "sku": "SECRET", "price": 1 }]);
    make(&shop, "/v1/products", draft).await;
    shop
}

async fn fetch(shop: &TestShop, path: &str) -> Answer {
    shop.get(path).send().await.expect(200)
}

/// The text of an element's child.
fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<&'a str> {
    let found = node.children().find(|child| match name.strip_prefix("g:") {
        Some(name) => child.has_tag_name((G, name)),
        None => child.has_tag_name(name),
    });
    found.map(|child| child.text().unwrap_or_default())
}

/// The items of a feed: of each, the texts of these children.
fn items<const N: usize>(feed: &Answer, names: [&str; N]) -> Vec<[String; N]> {
    let text = feed.text();
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(document.root_element().attribute("version"), Some("2.0"));
    let items = document.descendants().filter(|node| node.has_tag_name("item"));
    items.map(|item| names.map(|name| child(item, name).unwrap_or("none").to_owned())).collect()
}

/// Every address that a map names.
fn addresses(map: &Answer) -> Vec<String> {
    let text = map.text();
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let nodes = document.descendants().filter(|node| node.has_tag_name((SITEMAP, "loc")));
    nodes.map(|node| node.text().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_names_all_that_is_public_and_nothing_else() {
    let shop = open().await;
    let map = fetch(&shop, "/sitemap.xml").await;
    assert_eq!(map.header("content-type"), "application/xml");
    let all = [
        "/",
        "/c/camping",
        "/c/outdoors",
        "/c/things",
        "/collections/gifts",
        "/p/mug",
        "/p/zelt-gr%C3%B6%C3%9Fe",
        "/pages/about",
        "/pages/contact",
        "/pages/privacy",
        "/pages/returns",
        "/pages/terms",
    ];
    assert_eq!(addresses(&map), all.map(|path| format!("http://shop.example{path}")));
    assert!(map.text().contains("<lastmod>2023-11-14T22:15:20Z</lastmod>"), "{}", map.text());
    let mug = shop.shop.reads.catalog.load().by_handle("mug").unwrap().id.clone();
    shop.delete(&format!("/v1/products/{mug}")).staff().send().await.expect(204);
    let less = fetch(&shop, "/sitemap.xml").await;
    assert_eq!(addresses(&less).len(), all.len() - 1);
    assert_ne!(less.etag(), map.etag());
    shop.get("/sitemap.xml?part=1").send().await.problem(404, "not_found");
    for bad in ["part=0", "part=x", "page=1"] {
        shop.get(&format!("/sitemap.xml?{bad}")).send().await.problem(400, "invalid_query");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_variant_is_offered_as_portals_read_it() {
    let shop = open().await;
    let feed = fetch(&shop, "/feeds/google.xml").await;
    let name = |name: &str| format!("g:{name}");
    let offers = items(&feed, ["g:id", "title", "link", "g:image_link", "g:availability"]);
    let expected = [
        ["MUG", "The MUG", "http://shop.example/p/mug", "none", "in_stock"],
        [
            "TENT/S",
            "Tent & <Tarp>, S",
            "http://shop.example/p/zelt-gr%C3%B6%C3%9Fe?variant=TENT%2FS",
            "https://img.example/tent.jpg?a=1&b=2",
            "in_stock",
        ],
        [
            "TENT/L",
            "Tent & <Tarp>, L",
            "http://shop.example/p/zelt-gr%C3%B6%C3%9Fe?variant=TENT%2FL",
            "https://img.example/large.jpg",
            "out_of_stock",
        ],
    ];
    assert_eq!(offers, expected.map(|offer| offer.map(String::from)));
    let prices = ["price", "sale_price", "gtin", "identifier_exists"].map(name);
    let prices = items(&feed, prices.each_ref().map(String::as_str));
    let expected = [
        ["12.50 USD", "none", "none", "no"],
        ["150.00 USD", "129.00 USD", "4006381333931", "none"],
        // A number whose check digit is wrong is none.
        ["200.50 USD", "none", "none", "no"],
    ];
    assert_eq!(prices, expected.map(|price| price.map(String::from)));
    let abouts = ["item_group_id", "size", "product_type", "shipping_weight"].map(name);
    let [mug, small, large] =
        <[_; 3]>::try_from(items(&feed, abouts.each_ref().map(String::as_str))).unwrap();
    assert_eq!(mug, ["none", "none", "Things", "none"].map(String::from));
    assert!(small[0].starts_with("prod-") && small[0] == large[0], "{small:?}");
    assert_eq!(small[1..], ["S", "Outdoors > Camping", "1800 g"].map(String::from));
    let words = items(&feed, ["description", "g:brand", "g:condition"]);
    let about = ["Keeps \"dry\" & warm. Light", "Alder & Sons", "new"];
    assert_eq!((&words[0][0][..], &words[1]), ("The MUG", &about.map(String::from)));
    // The last one is sold.
    paid_order(&shop, "TENT/S").await;
    let after = fetch(&shop, "/feeds/google.xml").await;
    let left: Vec<_> = items(&after, ["g:availability"]).concat();
    assert_eq!(left, ["in_stock", "out_of_stock", "out_of_stock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_shop_sees_the_newest_first() {
    let shop = open().await;
    let feed = fetch(&shop, "/feeds/new.xml").await;
    assert_eq!(feed.header("content-type"), "application/rss+xml; charset=utf-8");
    let [tent, mug] =
        <[_; 2]>::try_from(items(&feed, ["title", "link", "pubDate", "guid", "description"]))
            .unwrap();
    assert_eq!(
        tent[..3],
        [
            "Tent & <Tarp>",
            "http://shop.example/p/zelt-gr%C3%B6%C3%9Fe",
            "Tue, 14 Nov 2023 22:15:20 GMT"
        ]
        .map(String::from)
    );
    assert_eq!(tent[4], "<p>Keeps \"dry\" &amp; warm.</p><ul><li>Light</li></ul>");
    assert_eq!(mug[2], "Tue, 14 Nov 2023 22:14:20 GMT");
    assert!(tent[3].starts_with("prod-") && tent[3] != mug[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn crawlers_and_readers_are_told_where_things_are() {
    let shop = open().await;
    let rules = fetch(&shop, "/robots.txt").await;
    assert_eq!(rules.header("content-type"), "text/plain; charset=utf-8");
    for line in ["User-agent: *", "Disallow: /checkout", "Sitemap: http://shop.example/sitemap.xml"]
    {
        assert!(rules.text().lines().any(|own| own == line), "{line}: {}", rules.text());
    }
    let short = fetch(&shop, "/llms.txt").await;
    assert_eq!(short.header("content-type"), "text/markdown; charset=utf-8");
    for line in [
        "# Acme & Daughters",
        "## Categories",
        r"- [Camping](http://shop.example/c/camping): Tents \[and\] \*more\*.",
        "- [Gifts](http://shop.example/collections/gifts)",
    ] {
        assert!(short.text().lines().any(|own| own == line), "{line}: {}", short.text());
    }
    assert!(!short.text().contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_it_is_told_so_and_long_texts_come_zipped() {
    let shop = open().await;
    for path in ["/sitemap.xml", "/feeds/google.xml", "/feeds/new.xml", "/llms.txt", "/robots.txt"]
    {
        let plain = fetch(&shop, path).await;
        assert_eq!(plain.header("cache-control"), "public, max-age=60", "{path}");
        let known = shop.get(path).header("if-none-match", plain.etag()).send().await.expect(304);
        assert!(known.bytes.is_empty() && known.etag() == plain.etag(), "{path}");
        let zipped = shop.get(path).header("accept-encoding", "gzip").send().await.expect(200);
        if plain.bytes.len() < 1_024 {
            assert_eq!(zipped.header("content-encoding"), "", "{path}");
            continue;
        }
        assert_eq!(zipped.header("content-encoding"), "gzip", "{path}");
        let mut text = Vec::new();
        GzDecoder::new(&*zipped.bytes).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.bytes, "{path}");
        let head = shop.request(reqwest::Method::HEAD, path).send().await.expect(200);
        assert_eq!((head.etag(), head.bytes.len()), (plain.etag(), 0), "{path}");
    }
    // A cookie or a token changes nothing of it.
    let map = fetch(&shop, "/sitemap.xml").await;
    let other = shop.get("/sitemap.xml").header("cookie", "__Host-mercat=x").bearer("bad");
    assert_eq!(other.send().await.expect(200).bytes, map.bytes);
}
