//! Stock as it changes, for who looks at a product.

use crate::goods::{paid_order, shelve};
use crate::machines::EVENT_STREAM;
use crate::testshop::{Request, TestShop};
use serde_json::{Value, json};

/// A page that is being looked at.
struct Page {
    response: reqwest::Response,
    text: String,
}

impl Page {
    async fn open(request: Request) -> Page {
        let response = request.open().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], EVENT_STREAM);
        Page { response, text: String::new() }
    }

    /// What it is told next; `None` once the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                if let Some(data) = message.strip_prefix("event: stock\ndata: ") {
                    return Some(serde_json::from_str(data.trim()).unwrap());
                }
                assert!(message.starts_with(':'), "{message}");
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn told(sku: &str, available: i64, backorder: bool) -> Option<Value> {
    Some(json!({ "sku": sku, "available": available, "backorder": backorder }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_seen_by_who_looks_at_the_product() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 5), ("TEA", 499, 3), ("JAM", 700, 9)]).await;
    let path = "/live/stock?sku=TEA&sku=MUG&sku=NOBODYS&sku=TEA";
    let mut page = Page::open(shop.get(path)).await;
    assert_eq!(page.next().await, told("TEA", 3, false));
    assert_eq!(page.next().await, told("MUG", 5, false));
    // Of what is not on the page, nothing is told.
    paid_order(&shop, "JAM").await;
    paid_order(&shop, "MUG").await;
    assert_eq!(page.next().await, told("MUG", 4, false));
    let mut late = Page::open(shop.get("/live/stock?sku=MUG")).await;
    assert_eq!(late.next().await, told("MUG", 4, false));
    let count = json!({ "delta": 7, "reason": "counted" });
    let count = shop.post("/v1/inventory/TEA/adjustments").staff().json(count);
    count.send().await.expect(200);
    assert_eq!(page.next().await, told("TEA", 10, false));
    let keep = shop.patch("/v1/inventory/TEA").staff().json(json!({ "backorder": true }));
    keep.send().await.expect(200);
    assert_eq!(page.next().await, told("TEA", 10, true));
    // What is no longer for sale is gone for shoppers, whatever lies in the house.
    let tea = shop.shop.reads.catalog.load().by_handle("tea").unwrap().id.clone();
    shop.delete(&format!("/v1/products/{tea}")).staff().send().await.expect(204);
    assert_eq!(page.next().await, told("TEA", 0, false));
    let figures = shop.get("/metrics").send().await.expect(200).text();
    assert!(figures.contains("mercat_stock_streams 2\n"), "{figures}");
    shop.shop.begin_closing();
    assert_eq!((page.next().await, late.next().await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_sale_is_not_told_of() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let draft = json!({ "name": "Lamp", "description": "", "price": 1, "currency": "USD",
        "category": "Home", "brand": "Acme", "imageUrl": "https://img.example/x.jpg",
        "stockQuantity": 4, "sku": "LAMP", "status": "draft" });
    shop.post("/v1/products").staff().json(draft).send().await.expect(201);
    for unknown in ["sku=LAMP", "sku=NOBODYS", "sku=%20MUG"] {
        let refused = shop.get(&format!("/live/stock?{unknown}")).send().await;
        refused.problem(404, "not_found");
    }
    let many = ["sku=MUG"; 61].join("&");
    for bad in ["", "?sku", "?sku=%ff", "?sku=MUG&id=1", &format!("?{many}")] {
        let refused = shop.get(&format!("/live/stock{bad}")).send().await;
        // A SKU without a letter is one that nobody sells.
        let (status, code) =
            if bad == "?sku" { (404, "not_found") } else { (400, "invalid_query") };
        refused.problem(status, code);
    }
    let mut page = Page::open(shop.get("/live/stock?sku=LAMP&sku=MUG")).await;
    assert_eq!(page.next().await, told("MUG", 5, false));
}

/// Waits until the shop has noticed that somebody left.
async fn one_is_left(shop: &TestShop) {
    for _ in 0..100_000 {
        let figures = shop.get("/metrics").send().await.expect(200).text();
        if figures.contains("mercat_stock_streams 1\n") {
            return;
        }
    }
    panic!("who left still has a place");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_a_few_streams() {
    let counted = TestShop::with(|config| {
        config.rates.on = true;
        config.limits.live_streams_per_address = 2;
    });
    let shop = counted.await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let watch = || shop.get("/live/stock?sku=MUG");
    let (_one, two) = (Page::open(watch()).await, Page::open(watch()).await);
    let refused = watch().send().await;
    assert_eq!(refused.header("retry-after"), "60");
    refused.problem(429, "rate_limited");
    // Who leaves makes room for the next.
    drop(two);
    one_is_left(&shop).await;
    Page::open(watch()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_together_have_no_more_than_there_are_places_for() {
    let shop = TestShop::with(|config| config.limits.live_streams = 1).await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let watch = || shop.get("/live/stock?sku=MUG");
    let _only = Page::open(watch()).await;
    let refused = watch().send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(503, "unavailable");
    // Streams of staff have their own places.
    let staff = shop.get("/v1/events/stream").staff().open().await;
    assert_eq!(staff.status(), 200);
}
