//! Orders after they were placed: listed, followed and called off.

use crate::goods::{buy, by_hand, fill, level, paid_order, shelve, text, with_token};
use crate::testshop::{TestShop, amount};
use mercat::domain::{PaymentId, Span};
use serde_json::{Value, json};

fn path(order: &Value) -> String {
    format!("/v1/orders/{}", text(order, "orderId"))
}

/// The numbers of the orders in the list at `query`, and how many there are in all.
async fn numbers(shop: &TestShop, query: &str) -> (Vec<u64>, u64) {
    let list = shop.get(&format!("/v1/orders?{query}")).staff().send().await.expect(200).json();
    let data = list["data"].as_array().unwrap();
    let numbers = data.iter().map(|order| order["number"].as_u64().unwrap()).collect();
    (numbers, list["meta"]["totalItems"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_newest_first_and_by_what_is_asked() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 50), ("TEA", 100, 50)]).await;
    paid_order(&shop, "MUG").await;
    shop.pass(Span::minutes(20));
    let cart = fill(&shop, &[("MUG", 1), ("TEA", 1)]).await;
    let pending = buy(&shop, &cart, by_hand()).await.expect(201).json();
    shop.pass(Span::minutes(20));
    paid_order(&shop, "TEA").await;
    assert_eq!(numbers(&shop, "").await, (vec![1003, 1002, 1001], 3));
    assert_eq!(numbers(&shop, "status=paid").await, (vec![1003, 1001], 2));
    assert_eq!(numbers(&shop, "status=pending_payment").await, (vec![1002], 1));
    assert_eq!(numbers(&shop, "status=fulfilled").await, (vec![], 0));
    assert_eq!(numbers(&shop, "email=grace%40example.COM").await, (vec![1002], 1));
    assert_eq!(numbers(&shop, "sku=MUG").await, (vec![1002, 1001], 2));
    assert_eq!(numbers(&shop, "sku=MUG&status=paid").await, (vec![1001], 1));
    let second = text(&pending, "createdAt");
    assert_eq!(numbers(&shop, &format!("from={second}")).await, (vec![1003, 1002], 2));
    assert_eq!(numbers(&shop, &format!("to={second}")).await, (vec![1001], 1));
    assert_eq!(numbers(&shop, "limit=1&page=2").await, (vec![1002], 3));
    assert_eq!(numbers(&shop, "page=9").await, (vec![], 3));
    for query in [
        "status=lost",
        "from=yesterday",
        "email=x&emial=y",
        "limit=0",
        "limit=101",
        "page=0",
        "page=1&page=2",
    ] {
        let refused = shop.get(&format!("/v1/orders?{query}")).staff().send().await;
        refused.problem(400, "invalid_query");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_its_whole_history() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 50)]).await;
    let order = paid_order(&shop, "MUG").await;
    shop.post(&format!("{}/cancel", path(&order))).staff().send().await.expect(200);
    let events = format!("{}/events", path(&order));
    let history = shop.get(&events).staff().send().await.expect(200).json();
    let data = history["data"].as_array().unwrap();
    let types: Vec<&str> = data.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types.first(), Some(&"order.created"));
    for wanted in ["payment.processed", "order.paid", "payment.refunded", "order.cancelled"] {
        assert!(types.contains(&wanted), "{wanted} is not in {types:?}");
    }
    let ids: Vec<&str> = data.iter().map(|event| text(event, "eventId")).collect();
    assert!(ids.is_sorted());
    assert!(data.iter().all(|event| event["entity"]["id"] == order["orderId"]));
    let page = shop.get(&format!("{events}?limit=1&page=2")).staff().send().await.expect(200);
    assert_eq!(page.json()["data"], json!([data[1]]));
    // A cart's key is not in what staff and machines read of an order.
    assert!(!history.to_string().contains("cart-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_that_is_called_off_releases_its_units() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = fill(&shop, &[("MUG", 2)]).await;
    let order = buy(&shop, &cart, by_hand()).await.expect(201).json();
    assert_eq!(level(&shop, "MUG").await, [5, 2, 3]);
    let cancel = || {
        let body = json!({ "reason": "ordered twice" });
        shop.post(&format!("{}/cancel", path(&order))).staff().json(body).send()
    };
    let ended = cancel().await.expect(200).json();
    assert_eq!((text(&ended, "status"), text(&ended, "cancelReason")), ("cancelled", "requested"));
    assert_eq!(ended["refunds"], json!([]));
    assert_eq!(level(&shop, "MUG").await, [5, 0, 5]);
    assert_eq!(cancel().await.expect(200).json(), ended);
    let payment = text(&order["payment"], "paymentId");
    let capture = format!("{}/payments/{payment}/capture", path(&order));
    shop.post(&capture).staff().key("late").send().await.problem(409, "order_cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_that_is_called_off_is_refunded_and_restocked() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 5)]).await;
    let order = paid_order(&shop, "MUG").await;
    let payment: PaymentId = text(&order["payment"], "paymentId").parse().unwrap();
    assert_eq!(shop.payments.taken(payment).unwrap().minor(), 1_500);
    let cancel = || shop.post(&format!("{}/cancel", path(&order))).staff().key("off").send();
    let ended = cancel().await.expect(200);
    let body = ended.json();
    assert_eq!((text(&body, "status"), text(&body, "paymentStatus")), ("cancelled", "refunded"));
    assert_eq!(
        (&body["refundedTotal"], &body["refunds"][0]["amount"]),
        (&amount("15.00"), &amount("15.00"))
    );
    assert_eq!(text(&body["refunds"][0], "status"), "settled");
    assert_eq!(shop.payments.taken(payment).unwrap().minor(), 0);
    assert_eq!(level(&shop, "MUG").await, [5, 0, 5]);
    let again = cancel().await.expect(200);
    assert_eq!((&again.bytes, again.header("idempotency-replayed")), (&ended.bytes, "true"));
    assert_eq!(shop.payments.taken(payment).unwrap().minor(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_changed_only_by_who_has_seen_it_as_it_is() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 5)]).await;
    let order = paid_order(&shop, "MUG").await;
    let seen = shop.get(&path(&order)).staff().send().await.expect(200);
    let known = shop.get(&path(&order)).staff().header("if-none-match", seen.etag()).send().await;
    assert!(known.expect(304).bytes.is_empty());
    let cancel = |tag: &str| {
        shop.post(&format!("{}/cancel", path(&order))).staff().header("if-match", tag).send()
    };
    cancel("\"1-0000000000000000\"").await.problem(412, "precondition_failed");
    cancel("nonsense").await.problem(400, "invalid_header");
    cancel(seen.etag()).await.expect(200);
    let none = "/v1/orders/order-00000000000000000000000000";
    shop.get(none).staff().send().await.problem(404, "not_found");
    shop.get(&format!("{none}/events")).staff().send().await.problem(404, "not_found");
    shop.post(&format!("{none}/cancel")).staff().send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_pays_ends_by_itself() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 5)]).await;
    let cart = fill(&shop, &[("MUG", 2)]).await;
    let order = buy(&shop, &cart, with_token("tok_action")).await.expect(201).json();
    assert_eq!(text(&order, "expiresAt"), "2023-11-14T22:43:20Z");
    shop.pass(Span::minutes(31));
    shop.shop.sweeper.sweep().await;
    let ended = shop.eventually(&path(&order), |order| order["status"] == "cancelled").await;
    assert_eq!(text(&ended, "cancelReason"), "expired");
    assert_eq!(level(&shop, "MUG").await, [5, 0, 5]);
}
