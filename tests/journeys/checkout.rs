//! The way from a cart to an order: all lines or none, once per key, and the money with it.

use crate::goods::{address, buy, by_hand, fill, level, reprice, shelve, text, with_token};
use crate::testshop::{Answer, TestShop, amount};
use mercat::domain::PaymentId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn payment_of(order: &Value) -> PaymentId {
    text(&order["payment"], "paymentId").parse().unwrap()
}

fn order_path(order: &Value) -> String {
    format!("/v1/orders/{}", text(order, "orderId"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_good_pays_the_order_at_once() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10), ("TEA", 499, 10)]).await;
    let cart = fill(&shop, &[("MUG", 2), ("TEA", 1)]).await;
    let paid = buy(&shop, &cart, with_token("tok_visa")).await.expect(201);
    let order = paid.json();
    assert_eq!(paid.header("location"), order_path(&order));
    assert_eq!((text(&order, "status"), text(&order, "paymentStatus")), ("paid", "captured"));
    assert_eq!(order["number"], 1_001);
    assert_eq!(order["subtotal"], amount("29.99"));
    assert_eq!((&order["shippingTotal"], &order["total"]), (&amount("5.00"), &amount("34.99")));
    assert_eq!(order["billingAddress"], order["shippingAddress"]);
    assert_eq!(text(&order["shippingAddress"], "postalCode"), "62701");
    assert_eq!(order["payments"], json!([order["payment"]]));
    assert_eq!(level(&shop, "MUG").await, [8, 0, 8]);
    assert_eq!(level(&shop, "TEA").await, [9, 0, 9]);
    assert_eq!(shop.payments.taken(payment_of(&order)).unwrap().minor(), 3_499);
    let seen = shop.get(&order_path(&order)).staff().send().await.expect(200);
    assert_eq!((seen.json(), seen.etag()), (order, paid.etag()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_answer_byte_for_byte() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let first = buy(&shop, &cart, with_token("tok_visa")).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    // The key may come quoted as well, and outlives the shop's run.
    let shop = shop.restarted().await;
    let path = format!("/v1/carts/{cart}/checkout");
    for key in [format!("buy-{cart}"), format!("\"buy-{cart}\"")] {
        let again = shop.post(&path).key(&key).json(with_token("tok_visa")).send().await;
        assert_eq!((again.status, &again.bytes), (201, &first.bytes));
        for name in ["idempotency-replayed", "idempotent-replayed"] {
            assert_eq!(again.header(name), "true");
        }
        for name in ["etag", "location", "content-type"] {
            assert_eq!(again.header(name), first.header(name));
        }
    }
    assert_eq!(level(&shop, "MUG").await, [9, 0, 9]);
    let other = buy(&shop, &cart, with_token("tok_declined")).await;
    other.problem(422, "idempotency_key_reused");
    let unnamed = shop.post(&path).json(with_token("tok_visa")).send().await;
    unnamed.problem(400, "idempotency_key_required");
    let bad = shop.post(&path).key("a b").json(with_token("tok_visa")).send().await;
    bad.problem(400, "invalid_header");
    // Another key finds the cart ordered.
    let late = shop.post(&path).key("late").json(with_token("tok_visa")).send().await;
    late.problem(409, "cart_ordered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_gives_the_stock_back_and_leaves_the_cart_open() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 3)]).await;
    let declined = buy(&shop, &cart, with_token("tok_declined")).await;
    let again = buy(&shop, &cart, with_token("tok_declined")).await;
    assert_eq!((&again.bytes, again.header("idempotency-replayed")), (&declined.bytes, "true"));
    assert_eq!(declined.problem(402, "payment_declined")["reason"], "card_declined");
    assert_eq!(level(&shop, "MUG").await, [10, 0, 10]);
    let open = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!((text(&open, "status"), &open["items"][0]["quantity"]), ("open", &json!(3)));
    let path = format!("/v1/carts/{cart}/checkout");
    let paid = shop.post(&path).key("another card").json(with_token("tok_visa")).send().await;
    paid.problem(400, "invalid_header");
    let paid = shop.post(&path).key("another-card").json(with_token("tok_visa")).send().await;
    assert_eq!(text(&paid.expect(201).json(), "status"), "paid");
    assert_eq!(level(&shop, "MUG").await, [7, 0, 7]);
}

/// An order whose shopper has to say yes or no, and the path of the page where they do.
async fn waiting_order(shop: &TestShop) -> (String, Value, String) {
    shelve(shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(shop, &[("MUG", 2)]).await;
    let order = buy(shop, &cart, with_token("tok_action")).await.expect(201).json();
    assert_eq!(
        (text(&order, "status"), text(&order, "paymentStatus")),
        ("pending_payment", "pending")
    );
    let action = &order["payment"]["nextAction"];
    assert_eq!(text(action, "type"), "redirect");
    let page = text(action, "url").strip_prefix("http://shop.example").unwrap().to_owned();
    assert_eq!(level(shop, "MUG").await, [10, 2, 8]);
    (cart, order, page)
}

async fn click(shop: &TestShop, page: &str, outcome: &str) -> Answer {
    let form = format!("outcome={outcome}");
    shop.post(page).body("application/x-www-form-urlencoded", form).send().await
}

/// Decides, is led to the order's page, and looks at the bank's page once more.
async fn decided(shop: &TestShop, page: &str, outcome: &str) -> String {
    let answer = click(shop, page, outcome).await.expect(303);
    let order = shop.get(answer.header("location")).send().await.expect(200).text();
    assert!(order.contains("<h1>Order 1001</h1>"), "{order}");
    shop.get(page).send().await.expect(200).text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_who_approves_on_the_page_has_paid() {
    let shop = TestShop::open().await;
    let (_, order, page) = waiting_order(&shop).await;
    let asked = shop.get(&page).send().await.expect(200);
    assert_eq!(asked.header("content-type"), "text/html; charset=utf-8");
    assert!(asked.header("content-security-policy").contains("default-src 'none'"));
    let html = asked.text();
    for part in ["30.00", "USD", "The MUG", "value=\"approve\"", "value=\"decline\""] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("<script"));
    click(&shop, &page, "maybe").await.problem(422, "invalid_value");
    let done = decided(&shop, &page, "approve").await;
    assert!(done.contains("Payment approved") && done.contains("<code>paid</code>"), "{done}");
    let paid = shop.get(&order_path(&order)).staff().send().await.expect(200).json();
    assert_eq!((text(&paid, "status"), &paid["payment"]["nextAction"]), ("paid", &Value::Null));
    assert_eq!(level(&shop, "MUG").await, [8, 0, 8]);
    // Whoever comes back is told, and cannot change their mind here.
    assert!(decided(&shop, &page, "decline").await.contains("Payment approved"));
    shop.get("/test-payments/pay-0").send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_who_declines_on_the_page_gets_the_cart_back() {
    let shop = TestShop::open().await;
    let (cart, order, page) = waiting_order(&shop).await;
    let done = decided(&shop, &page, "decline").await;
    assert!(done.contains("<code>cancelled</code>"), "{done}");
    let ended = shop.get(&order_path(&order)).staff().send().await.expect(200).json();
    assert_eq!(
        (text(&ended, "status"), text(&ended, "cancelReason")),
        ("cancelled", "payment_failed")
    );
    assert_eq!(level(&shop, "MUG").await, [10, 0, 10]);
    let open = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!(text(&open, "status"), "open");
    // The first attempt's key still tells of the order that it made.
    let replay = buy(&shop, &cart, with_token("tok_action")).await.expect(201).json();
    assert_eq!(replay, order);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_decides_a_test_payment_too() {
    let shop = TestShop::open().await;
    let (_, order, _) = waiting_order(&shop).await;
    let path = format!("/v1/test-payments/{}", text(&order["payment"], "paymentId"));
    let odd = shop.post(&path).json(json!({ "outcome": "maybe" })).send().await;
    assert_eq!(odd.faults(422), ["/outcome"]);
    let paid = shop.post(&path).json(json!({ "outcome": "approve" })).send().await;
    assert_eq!(text(&paid.expect(200).json(), "status"), "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_late_is_waited_for_or_asked_again() {
    let patient = TestShop::open().await;
    shelve(&patient, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&patient, &[("MUG", 1)]).await;
    let paid = buy(&patient, &cart, with_token("tok_timeout")).await.expect(201).json();
    assert_eq!(text(&paid, "status"), "paid");
    let hasty = TestShop::with(|config| {
        config.payments.timeout_ms = 20;
        config.payments.retry_ms = 20;
    })
    .await;
    shelve(&hasty, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&hasty, &[("MUG", 1)]).await;
    let pending = buy(&hasty, &cart, with_token("tok_timeout")).await.expect(201).json();
    assert_eq!(text(&pending, "status"), "pending_payment");
    hasty.eventually(&order_path(&pending), |order| order["status"] == "paid").await;
    assert_eq!(level(&hasty, "MUG").await, [9, 0, 9]);
    assert_eq!(hasty.payments.taken(payment_of(&pending)).unwrap().minor(), 1_750);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_short_is_named_and_nothing_is_taken() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10), ("TEA", 499, 1), ("CUP", 300, 0)]).await;
    let cart = fill(&shop, &[("MUG", 4), ("TEA", 2), ("CUP", 1)]).await;
    let mut short = buy(&shop, &cart, with_token("tok_visa")).await.problem(409, "out_of_stock");
    short["items"].as_array_mut().unwrap().sort_by_key(|item| item["sku"].to_string());
    let item = |sku: &str, requested: u32, available: u32| json!({ "sku": sku, "requested": requested, "available": available });
    assert_eq!(short["items"], json!([item("CUP", 1, 0), item("TEA", 2, 1)]));
    for (sku, units) in [("MUG", 10), ("TEA", 1), ("CUP", 0)] {
        assert_eq!(level(&shop, sku).await, [units, 0, units]);
    }
    let path = format!("/v1/carts/{cart}");
    assert_eq!(text(&shop.get(&path).send().await.expect(200).json(), "status"), "open");
    shop.delete(&format!("{path}/items/CUP")).send().await.expect(200);
    shop.patch(&format!("{path}/items/TEA"))
        .json(json!({ "quantity": 1 }))
        .send()
        .await
        .expect(200);
    let body = with_token("tok_visa");
    let bought = shop.post(&format!("{path}/checkout")).key("less").json(body).send().await;
    assert_eq!(bought.expect(201).json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(level(&shop, "MUG").await, [6, 0, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_changed_is_shown_before_it_is_charged() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    reprice(&shop, "MUG", 1_300).await;
    let changed = buy(&shop, &cart, with_token("tok_visa")).await.problem(409, "price_changed");
    let item =
        json!({ "sku": "MUG", "was": amount("12.50"), "now": amount("13.00"), "currency": "USD" });
    assert_eq!(changed["items"], json!([item]));
    assert_eq!(level(&shop, "MUG").await, [10, 0, 10]);
    let shown = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!(shown["items"][0]["unitPrice"], amount("13.00"));
    let path = format!("/v1/carts/{cart}/checkout");
    let paid = shop.post(&path).key("agreed").json(with_token("tok_visa")).send().await;
    assert_eq!(paid.expect(201).json()["total"], amount("18.00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_makes_no_sense_says_all_that_is_wrong() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let empty = fill(&shop, &[]).await;
    buy(&shop, &empty, with_token("tok_visa")).await.problem(409, "cart_empty");
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}/checkout");
    let attempt = |key: &str, change: &dyn Fn(&mut Value)| {
        let mut body = with_token("tok_visa");
        change(&mut body);
        shop.post(&path).key(key).json(body).send()
    };
    let wrong = attempt("1", &|body| {
        body["email"] = json!("ada");
        body["shippingAddress"]["country"] = json!("XX");
        body["payment"]["provider"] = json!("Test!");
    });
    assert_eq!(
        wrong.await.faults(422),
        ["/email", "/payment/provider", "/shippingAddress/country"]
    );
    let wrong = attempt("2", &|body| body["payment"]["provider"] = json!("bank"));
    assert_eq!(wrong.await.faults(422), ["/payment/provider"]);
    let wrong = attempt("3", &|body| body["payment"]["token"] = json!("tok_none"));
    assert_eq!(wrong.await.faults(422), ["/payment/token"]);
    let wrong = attempt("4", &|body| body["shippingOption"] = json!("drone"));
    assert_eq!(wrong.await.faults(422), ["/shippingOption"]);
    let wrong = attempt("5", &|body| body["shippingAddress"] = Value::Null);
    assert_eq!(wrong.await.faults(422), ["/shippingAddress"]);
    let wrong = attempt("6", &|body| body["coupon"] = json!("x"));
    assert_eq!(wrong.await.faults(400), ["/coupon"]);
    assert_eq!(level(&shop, "MUG").await, [10, 0, 10]);
    // What the cart knows already may be left out.
    let put = |name: &str, body| shop.put(&format!("/v1/carts/{cart}/{name}")).json(body).send();
    put("shipping-address", address()).await.expect(200);
    put("shipping-option", json!({ "shippingOption": "standard" })).await.expect(200);
    let brief = attempt("7", &|body| {
        body.as_object_mut().unwrap().retain(|name, _| name == "email" || name == "payment");
    });
    assert_eq!(brief.await.expect(201).json()["total"], amount("17.50"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_one_key_at_once_make_one_order() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 100)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let tries: Vec<Answer> =
        futures_util::future::join_all((0..16).map(|_| buy(&shop, &cart, with_token("tok_visa"))))
            .await;
    for answer in &tries {
        assert_eq!((answer.status, &answer.bytes), (201, &tries[0].bytes));
    }
    let replayed = tries.iter().filter(|own| own.header("idempotency-replayed") == "true");
    assert_eq!(replayed.count(), 15);
    assert_eq!(level(&shop, "MUG").await, [99, 0, 99]);
    let orders = shop.get("/v1/orders").staff().send().await.expect(200).json();
    assert_eq!(orders["meta"]["totalItems"], 1);
}

/// 64 buyers share 400 tries at carts of these lines; gives how many paid and how many were told
/// that `scarce` is out of stock. Anything else fails.
async fn sale(
    shop: TestShop,
    lines: &'static [(&'static str, u32)],
    scarce: &str,
) -> (TestShop, usize, usize) {
    const BUYERS: usize = 64;
    const TRIES: usize = 400;
    let (shop, next) = (Arc::new(shop), Arc::new(AtomicUsize::new(0)));
    let buyers = (0..BUYERS).map(|_| {
        let (shop, next, scarce) = (shop.clone(), next.clone(), scarce.to_owned());
        tokio::spawn(async move {
            let (mut paid, mut short) = (0, 0);
            while next.fetch_add(1, Ordering::Relaxed) < TRIES {
                let cart = fill(&shop, lines).await;
                let answer = buy(&shop, &cart, with_token("tok_visa")).await;
                if answer.status == 201 {
                    assert_eq!(text(&answer.json(), "status"), "paid");
                    paid += 1;
                } else {
                    let problem = answer.problem(409, "out_of_stock");
                    let items = problem["items"].as_array().unwrap();
                    assert!(items.len() == 1 && items[0]["sku"] == scarce.as_str(), "{problem:#}");
                    assert_eq!(items[0]["requested"], 1);
                    short += 1;
                }
            }
            (paid, short)
        })
    });
    let (mut paid, mut short) = (0, 0);
    for buyer in buyers.collect::<Vec<_>>() {
        let (own_paid, own_short) = buyer.await.unwrap();
        (paid, short) = (paid + own_paid, short + own_short);
    }
    (Arc::into_inner(shop).unwrap(), paid, short)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_sale_sells_exactly_what_is_there() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("HOT", 999, 200)]).await;
    let (shop, paid, short) = sale(shop, &[("HOT", 1)], "HOT").await;
    assert_eq!((paid, short), (200, 200));
    assert_eq!(level(&shop, "HOT").await, [0, 0, 0]);
    let orders = shop.get("/v1/orders?status=paid").staff().send().await.expect(200).json();
    assert_eq!(orders["meta"]["totalItems"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_sale_of_three_lines_takes_nothing_for_a_cart_that_is_short() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("HOT", 999, 200), ("MUG", 100, 5_000), ("TEA", 200, 5_000)]).await;
    let (shop, paid, short) = sale(shop, &[("MUG", 2), ("HOT", 1), ("TEA", 3)], "HOT").await;
    assert_eq!((paid, short), (200, 200));
    assert_eq!(level(&shop, "HOT").await, [0, 0, 0]);
    assert_eq!(level(&shop, "MUG").await, [4_600, 0, 4_600]);
    assert_eq!(level(&shop, "TEA").await, [4_400, 0, 4_400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_paid_by_hand_waits_until_its_money_is_noted() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy(&shop, &cart, by_hand()).await.expect(201).json();
    assert_eq!(
        (text(&order, "status"), &order["payment"]["nextAction"]),
        ("pending_payment", &Value::Null)
    );
    assert_eq!(level(&shop, "MUG").await, [10, 1, 9]);
    let payment = text(&order["payment"], "paymentId");
    let path = format!("{}/payments/{payment}/capture", order_path(&order));
    shop.post(&path).staff().send().await.problem(400, "idempotency_key_required");
    let paid = shop.post(&path).staff().key("arrived").send().await.expect(200);
    assert_eq!(text(&paid.json(), "status"), "paid");
    let again = shop.post(&path).staff().key("arrived").send().await.expect(200);
    assert_eq!((&again.bytes, again.header("idempotency-replayed")), (&paid.bytes, "true"));
    assert_eq!(level(&shop, "MUG").await, [9, 0, 9]);
    let other = format!("{}/payments/pay-00000000000000000000000000/capture", order_path(&order));
    shop.post(&other).staff().key("other").send().await.problem(404, "not_found");
}
