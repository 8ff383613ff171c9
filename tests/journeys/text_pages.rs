//! Text pages: there from the beginning, and the merchant's own from the first change on.

use crate::testshop::TestShop;
use serde_json::{Value, json};

const PATH: &str = "/v1/pages";

fn page(title: &str, markdown: &str) -> Value {
    json!({ "title": title, "markdown": markdown })
}

#[tokio::test(flavor = "multi_thread")]
async fn five_pages_are_there_from_the_beginning() {
    let shop = TestShop::with(|config| {
        config.shop.name = Some("Kettles".into());
        config.shop.contact_email = Some("hello@shop.example".into());
    })
    .await;
    let list = shop.get(PATH).send().await.expect(200).json();
    let handles: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(|own| own["handle"].as_str()).collect();
    assert_eq!(handles, ["about", "contact", "privacy", "returns", "terms"]);
    for handle in handles {
        let page = shop.get(&format!("{PATH}/{handle}")).send().await.expect(200).json();
        assert_eq!((&page["isDefault"], &page["updatedAt"]), (&json!(true), &Value::Null));
        let html = page["html"].as_str().unwrap();
        assert!(html.contains("<p>") && !html.contains("<h1>"), "{html}");
    }
    let contact = shop.get(&format!("{PATH}/contact")).send().await.expect(200).json();
    let html = contact["html"].as_str().unwrap();
    assert!(html.contains("href=\"mailto:hello@shop.example\""), "{html}");
    assert!(
        html.contains("<h2>Kettles</h2>") && html.contains("href=\"/pages/returns\""),
        "{html}"
    );
    // A change of the settings is a change of what they say.
    let renamed = shop.put("/v1/settings").staff().json(json!({ "name": "Pots & *Pans*" }));
    renamed.send().await.expect(200);
    let contact = shop.get(&format!("{PATH}/contact")).send().await.expect(200).json();
    assert!(contact["html"].as_str().unwrap().contains("<h2>Pots &amp; *Pans*</h2>"), "{contact}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_the_merchants_until_it_is_deleted() {
    let shop = TestShop::open().await;
    let about = format!("{PATH}/about");
    let first = shop.get(&about).send().await.expect(200);
    let text = "# Us\n\n[Terms](/pages/terms) <script>alert(1)</script>";
    let put = |body: Value| shop.put(&about).staff().json(body);
    let saved =
        put(page(" About ", text)).header("if-match", first.etag()).send().await.expect(200);
    let shown = saved.json();
    assert_eq!(shown["html"], "<h2>Us</h2>\n<p><a href=\"/pages/terms\">Terms</a> </p>");
    assert_eq!((&shown["title"], &shown["isDefault"]), (&json!("About"), &json!(false)));
    put(page("Late", "x"))
        .header("if-match", first.etag())
        .send()
        .await
        .problem(412, "precondition_failed");
    // The same again is no change.
    let same = put(page("About", text)).send().await.expect(200);
    assert_eq!(same.etag(), saved.etag());
    let sizes = format!("{PATH}/sizes");
    let made = shop.put(&sizes).staff().json(page("Sizes", "| S | M |\n| - | - |\n| 1 | 2 |"));
    made.send().await.expect(201);
    let shop = shop.restarted().await;
    assert_eq!(shop.get(&about).send().await.expect(200).json(), shown);
    let list = shop.get(PATH).send().await.expect(200).json();
    assert_eq!(list["meta"]["totalItems"], 6);
    shop.delete(&about)
        .staff()
        .header("if-match", first.etag())
        .send()
        .await
        .problem(412, "precondition_failed");
    for path in [&about, &sizes] {
        shop.delete(path).staff().send().await.expect(204);
        shop.delete(path).staff().send().await.problem(404, "not_found");
    }
    assert_eq!(shop.get(&about).send().await.expect(200).json(), first.json());
    shop.get(&sizes).send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_long_or_has_no_title_is_refused() {
    let shop = TestShop::open().await;
    let put =
        |handle: &str, body: Value| shop.put(&format!("{PATH}/{handle}")).staff().json(body).send();
    let faults = put("about", page(" ", &"x".repeat(65_537))).await.faults(422);
    assert_eq!(faults, ["/markdown", "/title"]);
    // Short in characters, and long in bytes.
    assert_eq!(put("about", page("A", &"ö".repeat(40_000))).await.faults(422), ["/markdown"]);
    assert_eq!(put("Not%20one", page("A", "x")).await.faults(422), [""]);
    assert_eq!(put("about", json!({ "title": "A" })).await.faults(400), ["/markdown"]);
    put("about", page("A", "x")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn shoppers_read_them_and_find_them() {
    let shop = TestShop::open().await;
    let text = "Ours are \"true\" to size. <script>alert(1)</script>[x](javascript:alert(2)) <img src=x onerror=alert(3)>\n\n| S | M |\n| - | - |\n| 1 | 2 |";
    let put = shop.put(&format!("{PATH}/sizes")).staff();
    put.json(page("Sizes </title><script>", text)).send().await.expect(201);
    let page = shop.get("/pages/sizes").header("accept", "text/html").send().await.expect(200);
    let html = page.text();
    assert!(html.contains("<title>Sizes &#60;/title&#62;&#60;script&#62; ·"), "{html}");
    assert!(html.contains("<link rel=\"canonical\" href=\"http://shop.example/pages/sizes\">"));
    assert!(
        html.contains("<meta name=\"description\" content=\"Ours are &#34;true&#34; to size."),
        "{html}"
    );
    assert!(html.contains("<div class=\"scroll\" tabindex=\"0\""), "{html}");
    for evil in ["alert(1)", "javascript:", "onerror", "<script>"] {
        assert!(!html.contains(evil), "{evil}: {html}");
    }
    assert_eq!(html.matches("<h1").count(), 1);
    // It is one of those beside which the others are named.
    assert!(
        html.contains("href=\"/pages/returns\"")
            && html.contains("href=\"/pages/sizes\" aria-current=\"page\"")
    );
    // It is kept until something changes.
    let known = shop.get("/pages/sizes").header("if-none-match", page.etag()).send().await;
    known.expect(304);
    shop.delete(&format!("{PATH}/sizes")).staff().send().await.expect(204);
    let gone = shop.get("/pages/sizes").header("accept", "text/html").send().await.expect(404);
    assert!(gone.text().contains("This shelf is bare"));
    shop.get("/pages/nothing").send().await.problem(404, "not_found");
    let about = shop.get("/pages/about").header("accept", "text/html").send().await.expect(200);
    assert!(about.text().contains("<h1>About us</h1>"));
    let map = shop.get("/sitemap.xml").send().await.expect(200).text();
    assert!(map.contains("<loc>http://shop.example/pages/about</loc>"), "{map}");
    let short = shop.get("/llms.txt").send().await.expect(200).text();
    assert!(short.contains("[Terms of sale](http://shop.example/pages/terms)"), "{short}");
}
