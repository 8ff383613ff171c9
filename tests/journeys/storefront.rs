//! The pages of the shop, as a browser without any script sees them.

use crate::faults::CommitFault;
use crate::goods::{fill, reprice, shelve};
use crate::testshop::{Answer, TestShop};
use crate::visitor::Visitor;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn title(answer: &Answer) -> String {
    let found = Regex::new("<title>([^<]*)</title>").unwrap();
    found.captures(&answer.text()).map(|found| found[1].to_owned()).unwrap_or_default()
}

fn canonical(answer: &Answer) -> String {
    let found = Regex::new(r#"<link rel="canonical" href="([^"]*)">"#).unwrap();
    found.captures(&answer.text()).map(|found| found[1].to_owned()).unwrap_or_default()
}

/// What a page tells machines, by type.
fn data(answer: &Answer) -> BTreeMap<String, Value> {
    let found = Regex::new(r#"(?s)<script type="application/ld\+json">(.*?)</script>"#).unwrap();
    let text = answer.text();
    let all = found.captures_iter(&text).map(|found| serde_json::from_str(&found[1]).unwrap());
    all.map(|data: Value| (data["@type"].as_str().unwrap().to_owned(), data)).collect()
}

/// A shop with a category, a collection and three things.
async fn open() -> TestShop {
    let shop = TestShop::open().await;
    let category = json!({ "name": "Things", "description": "All there is." });
    shop.post("/v1/categories").staff().json(category).send().await.expect(201);
    shelve(&shop, &[("MUG", 1_250, 50), ("POT", 129_900, 2), ("CUP", 800, 0)]).await;
    let collection =
        json!({ "handle": "gifts", "name": "Gifts", "rule": { "category": "Things" } });
    shop.post("/v1/collections").staff().json(collection).send().await.expect(201);
    shop.eventually("/v1/search", |found| found["meta"]["totalItems"] == 3).await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_what_it_is_to_people_and_machines() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    for (path, heading, address) in [
        ("/", "Welcome to Acme &#38; Daughters", "http://shop.example/"),
        ("/c/things?sort=price:asc&utm_source=mail", "Things", "http://shop.example/c/things"),
        ("/collections/gifts", "Gifts", "http://shop.example/collections/gifts"),
        ("/p/mug?variant=MUG", "The MUG", "http://shop.example/p/mug"),
        ("/search", "Everything", ""),
        ("/search?q=nowhere+to+be+found", "Nothing found", ""),
        ("/cart", "Your cart", ""),
    ] {
        let page = visitor.open(path).await.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(title(&page), format!("{heading} · Acme &#38; Daughters"), "{path}");
        assert_eq!(canonical(&page), address, "{path}");
        assert_eq!(page.text().contains("content=\"noindex\""), address.is_empty(), "{path}");
        assert_eq!(page.text().matches("<h1").count(), 1, "{path}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
        visitor = Visitor::new(&shop);
    }
    let product = data(&visitor.open("/p/mug").await);
    let offer = &product["Product"]["offers"][0];
    assert_eq!(offer["price"], "12.50");
    assert_eq!(offer["priceCurrency"], "USD");
    assert_eq!(offer["availability"], "https://schema.org/InStock");
    let trail = product["BreadcrumbList"]["itemListElement"].as_array().unwrap();
    assert_eq!(trail.len(), 3);
    assert_eq!(trail[1]["item"], "http://shop.example/c/things");
    let gone = data(&visitor.open("/p/cup").await);
    assert_eq!(gone["Product"]["offers"][0]["availability"], "https://schema.org/OutOfStock");
    let front = data(&visitor.open("/").await);
    assert_eq!(front["Organization"]["name"], "Acme & Daughters");
    assert!(front["WebSite"]["potentialAction"]["target"]["urlTemplate"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_load_is_there_and_kept_for_good() {
    let shop = open().await;
    let page = Visitor::new(&shop).open("/").await.expect(200).text();
    let loaded = Regex::new(r##"(?:href|src)="(/assets/[^"#]*)"##).unwrap();
    let mut seen = 0;
    for found in loaded.captures_iter(&page) {
        let file = shop.get(&found[1]).header("accept-encoding", "gzip").send().await.expect(200);
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(file.header("content-encoding"), "gzip", "{}", &found[1]);
        seen += 1;
    }
    assert!(seen > 3, "{seen}");
    shop.get("/assets/000000000000/storefront.css").send().await.problem(404, "not_found");
    shop.get("/favicon.svg").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_are_shown_the_same_bytes_until_something_changes() {
    let shop = open().await;
    for path in ["/", "/c/things", "/p/mug", "/search?q=mug"] {
        let (one, other) =
            (Visitor::new(&shop).open(path).await, Visitor::new(&shop).open(path).await);
        assert_eq!(one.bytes, other.bytes, "{path}");
        assert!(!one.headers.contains_key("set-cookie"), "{path}");
        let known = shop.get(path).header("if-none-match", one.etag()).send().await.expect(304);
        assert_eq!((known.bytes.len(), known.etag()), (0, one.etag()));
    }
    let before = Visitor::new(&shop).open("/p/mug").await;
    reprice(&shop, "MUG", 1_300).await;
    let after = shop.get("/p/mug").header("if-none-match", before.etag()).send().await.expect(200);
    assert!(after.text().contains("$13.00") && !after.text().contains("$12.50"));
    // Whoever has a cart has pages of their own, and they are known again, too.
    let mut visitor = Visitor::new(&shop);
    visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(303);
    let own = visitor.open("/p/mug").await.expect(200);
    assert!(own.text().contains("data-count>1<"));
    assert_eq!(own.header("cache-control"), "private, no-cache");
    let again = visitor.dressed(shop.get("/p/mug")).header("if-none-match", own.etag());
    again.send().await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_in_pages_what_programs_are_told_in_problems() {
    let shop = open().await;
    for path in ["/p/nothing", "/c/nothing", "/collections/nothing", "/nowhere", "/p/"] {
        let page = Visitor::new(&shop).open(path).await.expect(404);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.text().contains("This shelf is bare"), "{path}");
        assert!(page.text().contains("href=\"/c/things\""), "{path}");
        shop.get(path).send().await.problem(404, "not_found");
    }
    let api = shop.get("/v1/nowhere").header("accept", "text/html").send().await;
    api.problem(404, "not_found");
    let wrong = shop.post("/p/mug").header("accept", "text/html").send().await.expect(405);
    assert_eq!(
        (wrong.header("allow"), wrong.header("content-type")),
        ("GET,HEAD", "text/html; charset=utf-8")
    );
    // A draft is there for nobody.
    let draft = json!({ "status": "draft" });
    let mug = shop.get("/v1/products/by-handle/mug").send().await.expect(200).json();
    let path = format!("/v1/products/{}", mug["productId"].as_str().unwrap());
    shop.put(&path).staff().json(draft).send().await.expect(200);
    Visitor::new(&shop).open("/p/mug").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_cannot_write_says_so_and_goes_on_when_it_can() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    shop.faults.fail_commits([CommitFault::Lost]);
    let answer = visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(503);
    assert!(!answer.header("retry-after").is_empty());
    let page = answer.text();
    assert!(page.contains("That does not work at this moment"), "{page}");
    // There is no page at the address of a form.
    assert!(page.contains("press the button once more") && !page.contains("href=\"\""), "{page}");
    let added = visitor.follow("/cart/lines", &[("sku", "MUG")]).await.text();
    assert!(added.contains("1 × The MUG"), "{added}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_written_gets_out_of_its_place() {
    let shop = open().await;
    let hostile = "\"><script>alert(1)</script>'</title>";
    let product = json!({
        "name": hostile, "handle": "hostile", "brand": hostile, "category": "Things",
        "description": "<p>Fine</p><script>alert(1)</script><img src=x onerror=alert(1)>",
        "currency": "USD", "price": "5", "stockQuantity": 3, "sku": "\"><b>/1",
        "images": [{ "url": "https://cdn.example/a.jpg", "alt": hostile }],
        "attributes": { hostile: hostile }, "tags": [hostile],
    });
    shop.post("/v1/products").staff().json(product).send().await.expect(201);
    let mut visitor = Visitor::new(&shop);
    visitor.send("/cart/lines", &[("sku", "\"><b>/1")]).await.expect(303);
    for path in ["/p/hostile", "/", "/c/things", "/cart", "/search?q=%22%3E%3Cscript%3Ealert(1)"] {
        let page = visitor.open(path).await.expect(200);
        let text = page.text();
        assert!(!text.contains("<script>") && !text.contains("onerror=\""), "{path}");
        assert!(!text.contains("<b>") && text.matches("</title>").count() == 1, "{path}");
        for data in data(&page).values() {
            assert!(data.is_object(), "{path}");
        }
    }
    let page = visitor.open("/p/hostile").await;
    assert_eq!(data(&page)["Product"]["name"], hostile);
    assert!(page.text().contains("<p>Fine</p>"));
    assert!(page.header("content-security-policy").contains("img-src 'self' https:"));
    // Its line can be taken out again, whatever it is called.
    let cart = visitor.open("/cart").await.text();
    let action = Regex::new(r#"action="(/cart/lines/[^"]*/remove)""#).unwrap();
    let action = action.captures(&cart).unwrap()[1].to_owned();
    let empty = visitor.follow(&action, &[]).await.text();
    assert!(empty.contains("Your cart is empty"), "{empty}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_filled_without_any_script_and_kept_in_a_cookie() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    visitor.open("/p/mug").await.expect(200);
    let added = visitor.follow("/cart/lines", &[("sku", "MUG"), ("quantity", "2")]).await;
    assert!(added.text().contains("2 × The MUG"), "{}", added.text());
    let cart = visitor.open("/cart").await.expect(200).text();
    assert!(cart.contains("data-cart-count=\"2\"") && cart.contains("$25.00"), "{cart}");
    let id = visitor.cookies["__Host-mercat-cart"].clone();
    assert!(!cart.contains(&id), "the cart's key is on its page");
    // As the API sees it.
    let same = shop.get(&format!("/v1/carts/{id}")).send().await.expect(200).json();
    assert_eq!(same["items"][0]["quantity"], 2);
    // More than there is.
    visitor.follow("/cart/lines", &[("sku", "POT")]).await;
    let fewer = visitor.follow("/cart/lines/POT", &[("quantity", "9")]).await.text();
    assert!(fewer.contains("You asked for 9") && fewer.contains("so we made it 2"), "{fewer}");
    let refused = visitor.send("/cart/lines", &[("sku", "POT")]).await.expect(409).text();
    assert!(refused.contains("Only 2 are left, and 2 of them in your cart already."), "{refused}");
    let bad = visitor.send("/cart/lines/POT", &[("quantity", "many")]).await.expect(422).text();
    assert!(bad.contains("Say how many"), "{bad}");
    visitor.follow("/cart/lines/POT", &[("quantity", "0")]).await;
    let left = visitor.follow("/cart/lines/MUG/remove", &[]).await.text();
    assert!(left.contains("Your cart is empty"));
    // A part of the page, for the script.
    let part = visitor.form("/cart/lines", &[("sku", "MUG")]).header("x-fragment", "1");
    let part = part.send().await.expect(200).text();
    assert!(part.contains("data-fragment=\"added\" data-cart-count=\"1\""), "{part}");
    let fault = visitor.form("/cart/lines", &[("sku", "CUP")]).header("x-fragment", "1");
    let fault = fault.send().await.expect(409).text();
    assert_eq!(fault, "<p data-fragment=\"fault\">This has just sold out.</p>");
    visitor.send("/cart/lines", &[("sku", "NOTHING")]).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_it_was_put_there_is_said_in_the_cart() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    for sku in ["MUG", "POT"] {
        visitor.send("/cart/lines", &[("sku", sku)]).await.expect(303);
    }
    assert!(!visitor.open("/cart").await.text().contains("changed"));
    reprice(&shop, "MUG", 1_100).await;
    // Others buy the last two pots, and it is said however often the page is opened.
    let others = fill(&shop, &[("POT", 2)]).await;
    crate::goods::buy(&shop, &others, crate::goods::with_token("tok_visa")).await.expect(201);
    for _ in 0..2 {
        let cart = visitor.open("/cart").await.expect(200).text();
        assert!(cart.contains("2 things changed"), "{cart}");
        assert!(cart.contains("from $12.50 to <strong>$11.00</strong>"), "{cart}");
        assert!(cart.contains("<strong>Sold out</strong> since"), "{cart}");
        assert!(cart.contains("<dt>1 thing</dt><dd>$11.00</dd>"), "{cart}");
    }
    // Put in anew, it is at the price that was seen.
    visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(303);
    assert!(!visitor.open("/cart").await.text().contains("from $12.50"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_can_fill_a_cart() {
    let shop = open().await;
    let plain = |visitor: &Visitor<'_>, headers: &[(&str, &str)], body: &'static str| {
        let request = visitor.dressed(shop.post("/cart/lines"));
        let request = headers.iter().fold(request, |own, (name, value)| own.header(name, value));
        request.body("application/x-www-form-urlencoded", body)
    };
    // A guest's browser has to say where its form is from.
    let mut visitor = Visitor::new(&shop);
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "http://shop.example"), ("sec-fetch-site", "cross-site")],
    ] {
        let refused = plain(&visitor, headers, "sku=MUG").send().await.expect(403);
        assert!(refused.text().contains("That was not sent"));
        assert!(!refused.header("set-cookie").contains("mercat-cart="));
    }
    visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(303);
    // A page that was opened before there was a cookie can be used still.
    let here = [("origin", "http://shop.example"), ("sec-fetch-site", "same-origin")];
    plain(&visitor, &here, "sku=MUG").send().await.expect(303);
    // Where the browser says nothing, and for every other form, a token is needed.
    plain(&visitor, &[], "sku=MUG").send().await.expect(403);
    plain(&visitor, &[], "sku=MUG&csrf=AAAA").send().await.expect(403);
    visitor.form("/cart/lines/MUG/remove", &[]).send().await.expect(403);
    visitor.open("/cart").await;
    let other = Visitor { token: visitor.token.clone(), ..Visitor::new(&shop) };
    let mut other = Visitor { cookies: visitor.cookies.clone(), ..other };
    other.cookies.insert("__Host-mercat".into(), format!("mcb_{}", "0".repeat(64)));
    other.form("/cart/lines/MUG/remove", &[]).send().await.expect(403);
    // After the browser was closed its cart is there, and has tokens again.
    visitor.cookies.remove("__Host-mercat");
    visitor.token = None;
    assert!(visitor.open("/p/mug").await.text().contains("data-count>2<"));
    visitor.send("/cart/lines/MUG/remove", &[]).await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_has_its_price_and_its_stock() {
    let shop = open().await;
    let variant = |size: &str, colour: &str, price: &str, units: u32| {
        json!({ "sku": format!("BAG-{size}-{colour}"), "price": price, "stockQuantity": units,
                "options": { "Size": size, "Colour": colour } })
    };
    let product = json!({
        "name": "Bag", "handle": "bag", "brand": "Acme", "category": "Things", "currency": "USD",
        "description": "", "images": [],
        "variants": [variant("S", "Red", "10", 9), variant("S", "Blue", "10", 0),
            variant("S", "Green", "10", 9), variant("L", "Red", "12.50", 3)],
    });
    shop.post("/v1/products").staff().json(product).send().await.expect(201);
    let page = Visitor::new(&shop).open("/p/bag?variant=BAG-L-Red").await.expect(200).text();
    let choice = |sku: &str| {
        let input = Regex::new(&format!(r#"<input type="radio" name="sku" value="{sku}"([^>]*)>"#));
        input.unwrap().captures(&page).unwrap_or_else(|| panic!("{page}"))[1].to_owned()
    };
    assert!(
        choice("BAG-L-Red").contains("data-price=\"$12.50\"")
            && choice("BAG-L-Red").contains(" checked")
    );
    assert!(choice("BAG-S-Blue").contains(" disabled"));
    assert!(
        !choice("BAG-S-Red").contains(" disabled") && !choice("BAG-S-Red").contains(" checked")
    );
    assert!(page.contains("<legend>Size: S</legend>") && page.contains(">3 left<"));
    assert_eq!(page.matches("<fieldset class=\"choices\">").count(), 2);
    let list = Visitor::new(&shop).open("/c/things").await.text();
    assert!(list.contains("From $10.00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_of_a_long_list_has_its_address_and_past_the_last_is_none() {
    let shop = open().await;
    let skus: Vec<String> = (0..22).map(|n| format!("SPOON-{n}")).collect();
    let spoons: Vec<(&str, i64, u32)> = skus.iter().map(|sku| (sku.as_str(), 300, 5)).collect();
    shelve(&shop, &spoons).await;
    shop.eventually("/v1/search", |found| found["meta"]["totalItems"] == 25).await;
    let mut visitor = Visitor::new(&shop);
    let cards = |page: &Answer| page.text().matches("<li class=\"card\"").count();
    let first = visitor.open("/c/things?sort=price:asc").await.expect(200);
    let second = visitor.open("/c/things?sort=price:asc&page=2").await.expect(200);
    assert_eq!((cards(&first), cards(&second)), (24, 1));
    assert!(canonical(&first).ends_with("/c/things"), "{}", canonical(&first));
    assert!(canonical(&second).ends_with("/c/things?page=2"), "{}", canonical(&second));
    for (past, last) in [
        ("/c/things?sort=price:asc&page=9", "/c/things?sort=price%3Aasc&page=2"),
        ("/search?page=9", "/search?page=2"),
        ("/collections/gifts?page=3", "/collections/gifts?page=2"),
    ] {
        assert_eq!(visitor.open(past).await.expect(303).header("location"), last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_searched_for_is_found_with_errors_and_narrowed() {
    let shop = open().await;
    for (name, material) in [("Oak lamp", "Oak"), ("Brass lamp", "Brass"), ("Oak table", "Oak")] {
        let product = json!({ "name": name, "description": "", "currency": "USD", "price": "20",
            "category": "Things", "brand": "Acme", "stockQuantity": 4, "images": [],
            "attributes": { "Material": material } });
        shop.post("/v1/products").staff().json(product).send().await.expect(201);
    }
    let all = |found: &Value| found["meta"]["totalItems"] == 2;
    shop.eventually("/v1/search?q=lamp", all).await;
    let mut visitor = Visitor::new(&shop);
    let page = visitor.open("/search?q=lapm").await.expect(200).text();
    assert!(
        page.contains("“lapm” as <strong>lamp</strong>") && page.contains("2 products"),
        "{page}"
    );
    assert!(page.contains("name=\"a.Material\" value=\"Brass\""), "{page}");
    let page = visitor.open("/search?q=lamp&a.Material=Oak&inStock=true").await.text();
    assert!(page.contains("1 product<") && page.contains("Oak lamp"), "{page}");
    assert!(page.contains("href=\"/search?q=lamp&#38;inStock=true\""), "{page}");
    let none = visitor.open("/search?q=lamp&minPrice=99").await.expect(200).text();
    assert!(none.contains("Take the filters away"), "{none}");
    let odd = visitor.open("/search?q=%FF%00&minPrice=x&page=-1&sort=&a.=&brand=%22").await;
    odd.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_a_product_left_leads_to_the_one_that_it_has_now() {
    let shop = open().await;
    let found = shop.get("/v1/products?limit=100").send().await.expect(200).json();
    let mug = found["data"].as_array().unwrap().iter().find(|own| own["handle"] == "mug").unwrap();
    let path = format!("/v1/products/{}", mug["productId"].as_str().unwrap());
    shop.put(&path).staff().json(json!({ "handle": "large-mug" })).send().await.expect(200);
    let mut visitor = Visitor::new(&shop);
    let left = visitor.open("/p/mug?variant=MUG").await.expect(301);
    assert_eq!(left.header("location"), "/p/large-mug?variant=MUG");
    assert_eq!(left.header("cache-control"), "public, max-age=3600");
    visitor.open("/p/large-mug").await.expect(200);
    visitor.open("/p/no-mug").await.expect(404);
    // What is not shown is not led to.
    shop.put(&path).staff().json(json!({ "status": "draft" })).send().await.expect(200);
    visitor.open("/p/mug").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_look_as_the_merchant_says_from_the_next_one_on() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    let before = visitor.open("/p/pot").await.expect(200);
    assert!(before.text().contains("<html lang=\"en\" dir=\"ltr\">"));
    assert!(before.text().contains("$1,299.00"));
    let settings = json!({
        "name": "Töpfe <& Co>", "accent": "#aa0000",
        "announcement": { "text": "Closed on \"Monday\"", "link": "/pages/about", "shown": true },
        "featuredCollections": ["gifts"],
        "footerLinks": [{ "label": "How we work", "address": "/pages/about" }],
        "formats": { "language": "ar", "numbers": "1.234,56", "currencyPosition": "after", "dates": "26.10.2026" },
    });
    shop.put("/v1/settings").staff().json(settings).send().await.expect(200);
    let after = visitor.open("/p/pot").await.expect(200);
    let text = after.text();
    for part in [
        "<html lang=\"ar\" dir=\"rtl\">",
        "T\u{f6}pfe &#60;&#38; Co&#62;</a>",
        "<a href=\"/pages/about\">Closed on &#34;Monday&#34;</a>",
        "<a href=\"/pages/about\">How we work</a>",
        "1.299,00\u{a0}$",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let style = Regex::new(r#"href="(/assets/[0-9a-f]+/storefront\.css)""#).unwrap();
    let style = |page: &str| style.captures(page).unwrap()[1].to_owned();
    assert_ne!(style(&before.text()), style(&text));
    let css = visitor.open(&style(&text)).await.expect(200).text();
    assert!(css.starts_with(":root { --accent: #aa0000; }") || css.contains("--accent: #aa0000;"));
    visitor.open(&style(&before.text())).await.expect(404);
}
