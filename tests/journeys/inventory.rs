//! Stock by SKU: seen, adjusted and followed through its ledger.

use crate::goods::{buy, by_hand, fill, level, paid_order, shelve};
use crate::testshop::TestShop;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_listed_in_the_order_of_skus_and_page_by_page() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("TEA", 100, 5), ("CUP", 100, 0), ("MUG", 100, 7)]).await;
    let list = shop.get("/v1/inventory").staff().send().await.expect(200).json();
    let skus: Vec<&Value> =
        list["data"].as_array().unwrap().iter().map(|own| &own["sku"]).collect();
    assert_eq!(skus, ["CUP", "MUG", "TEA"]);
    let tea = json!({ "sku": "TEA", "onHand": 5, "reserved": 0, "available": 5,
                      "lowStockAt": null, "backorder": false });
    assert_eq!(list["data"][2], tea);
    let second = shop.get("/v1/inventory?page=2&limit=2").staff().send().await.expect(200);
    assert_eq!(second.json()["data"], json!([tea]));
    let meta = json!({ "totalItems": 3, "currentPage": 2, "totalPages": 2, "itemsPerPage": 2 });
    assert_eq!(second.json()["meta"], meta);
    assert!(
        second
            .header("link")
            .contains("<http://shop.example/v1/inventory?limit=2&page=1>; rel=\"prev\"")
    );
    let one = shop.get("/v1/inventory/TEA").staff().send().await.expect(200);
    assert_eq!(one.json(), tea);
    let known = shop.get("/v1/inventory/TEA").staff().header("if-none-match", one.etag());
    known.send().await.expect(304);
    shop.get("/v1/inventory/NONE").staff().send().await.problem(404, "not_found");
    shop.get("/v1/inventory/NONE/movements").staff().send().await.problem(404, "not_found");
    let counted = json!({ "delta": 1, "reason": "found" });
    let unknown = shop.post("/v1/inventory/NONE/adjustments").staff().json(counted).send().await;
    unknown.problem(404, "not_found");
    shop.get("/v1/inventory?sort=sku:asc").staff().send().await.problem(400, "invalid_query");
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_counted_in_and_out_but_never_out_of_a_promise() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG / röd", 100, 5)]).await;
    let path = "/v1/inventory/MUG%20%2F%20r%C3%B6d/adjustments";
    let adjust = |delta: i64| {
        let body = json!({ "delta": delta, "reason": "counted", "note": "by hand" });
        shop.post(path).staff().json(body).send()
    };
    let after = adjust(3).await.expect(200).json();
    assert_eq!((&after["sku"], &after["onHand"]), (&json!("MUG / röd"), &json!(8)));
    let cart = fill(&shop, &[("MUG / röd", 6)]).await;
    buy(&shop, &cart, by_hand()).await.expect(201);
    let short = adjust(-3).await.problem(409, "out_of_stock");
    assert_eq!(short["items"], json!([{ "sku": "MUG / röd", "requested": 3, "available": 2 }]));
    assert_eq!(adjust(-2).await.expect(200).json()["available"], 0);
    assert_eq!(adjust(0).await.faults(422), ["/delta"]);
    let nonsense = json!({ "delta": "x", "why": 1 });
    let refused = shop.post(path).staff().json(nonsense).send().await;
    assert_eq!(refused.faults(400), ["/delta", "/reason", "/why"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjustment_under_a_key_is_made_once() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let body = json!({ "delta": -1, "reason": "damaged" });
    let adjust = |body: Value| {
        shop.post("/v1/inventory/MUG/adjustments").staff().key("broken-1").json(body).send()
    };
    let first = adjust(body.clone()).await.expect(200);
    let again = adjust(body).await.expect(200);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = adjust(json!({ "delta": -2, "reason": "damaged" })).await;
    other.problem(422, "idempotency_key_reused");
    assert_eq!(level(&shop, "MUG").await, [4, 0, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_says_where_every_unit_went() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let order = paid_order(&shop, "MUG").await;
    let cancel = format!("/v1/orders/{}/cancel", order["orderId"].as_str().unwrap());
    shop.post(&cancel).staff().send().await.expect(200);
    let body = json!({ "delta": -2, "reason": "damaged", "note": "fell" });
    shop.post("/v1/inventory/MUG/adjustments").staff().json(body).send().await.expect(200);
    let path = "/v1/inventory/MUG/movements?limit=100";
    let ledger = shop.get(path).staff().send().await.expect(200).json();
    let entries = ledger["data"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["adjust", "return", "sell", "reserve", "adjust", "configure"]);
    assert_eq!(ledger["meta"]["totalItems"], 6);
    assert_eq!((&entries[0]["reason"], &entries[0]["note"]), (&json!("damaged"), &json!("fell")));
    assert_eq!(entries[2]["orderId"], order["orderId"]);
    let sum = |name: &str| entries.iter().map(|own| own[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!([sum("onHandDelta"), sum("reservedDelta")], [3, 0]);
    assert_eq!(level(&shop, "MUG").await, [3, 0, 3]);
    let last = shop.get("/v1/inventory/MUG/movements?limit=4&page=2").staff().send().await;
    assert_eq!(last.expect(200).json()["data"], json!([entries[4], entries[5]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_sku_is_kept_can_be_changed() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 1)]).await;
    let path = "/v1/inventory/MUG";
    let change = |body: Value| shop.patch(path).staff().json(body).send();
    let kept = change(json!({ "lowStockAt": 3 })).await.expect(200);
    assert_eq!((&kept.json()["lowStockAt"], &kept.json()["backorder"]), (&json!(3), &json!(false)));
    let open = change(json!({ "backorder": true })).await.expect(200).json();
    assert_eq!((&open["lowStockAt"], &open["backorder"]), (&json!(3), &json!(true)));
    let cart = fill(&shop, &[("MUG", 4)]).await;
    buy(&shop, &cart, by_hand()).await.expect(201);
    assert_eq!(level(&shop, "MUG").await, [1, 4, -3]);
    change(json!({ "backorder": false })).await.problem(409, "oversold");
    let none = change(json!({ "lowStockAt": null })).await.expect(200).json();
    assert_eq!(none["lowStockAt"], Value::Null);
    let old = shop.patch(path).staff().header("if-match", kept.etag()).json(json!({}));
    old.send().await.problem(412, "precondition_failed");
    assert_eq!(change(json!({ "onHand": 9 })).await.faults(400), ["/onHand"]);
    shop.patch("/v1/inventory/NONE").staff().json(json!({})).send().await.expect(404);
}
