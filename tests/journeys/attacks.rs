//! What can be tried on a shop by asking for several things at once, or for what makes no sense.
//!
//! The classic anomalies of web shops (Warszawski and Bailis, ACIDRain: Concurrency-Related Attacks
//! on Database-Backed Web Applications, SIGMOD 2017): more is sold than there is, a cart is filled
//! after it was priced, something is bought, refunded or redeemed twice. Each is tried over HTTP from
//! many connections at once; at the end, the shop's orders, its stock and the provider's books must
//! tell the same story ([`balanced`]), beside the invariants that every test shop is verified by.

use crate::goods::{
    address, buy, by_hand, fill, level, paid_order, reprice, shelve, text, with_token,
};
use crate::people::{PASSWORD, login, mailbox, register, unverified, verify};
use crate::raw::Raw;
use crate::testshop::{Answer, TestShop, amount};
use futures_util::future::{join, join_all};
use mercat::config::Capture;
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use reqwest::Method;
use serde_json::{Value, json};

const MANY: usize = 20;

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

fn good(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| is_good(answer)).count()
}

/// The answer is good, or says no with one of these codes.
#[track_caller]
fn or_code(answer: &Answer, codes: &[&str]) -> bool {
    if is_good(answer) {
        return true;
    }
    let body = answer.json();
    assert!(codes.contains(&text(&body, "code")), "{body:#}");
    false
}

/// Each answer is good, or says no with one of these codes.
#[track_caller]
fn or_codes<'a>(answers: impl IntoIterator<Item = &'a Answer>, codes: &[&str]) {
    for answer in answers {
        or_code(answer, codes);
    }
}

/// A price in the shop's answers, in cents.
fn cents(price: &Value) -> i64 {
    let text = price.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{whole}{part}").parse().unwrap()
}

/// Every order, whatever became of it.
async fn orders(shop: &TestShop) -> Vec<Value> {
    let list = shop.get("/v1/orders?limit=100").staff().send().await.expect(200).json();
    assert!(list["meta"]["totalItems"].as_i64() <= Some(100));
    list["data"].as_array().unwrap().clone()
}

/// Units of a SKU that left the shop.
fn sold(orders: &[Value], sku: &str) -> i64 {
    let went = orders.iter().filter(|order| order["status"] == "paid");
    let lines = went.flat_map(|order| order["items"].as_array().unwrap());
    lines.filter(|line| line["sku"] == sku).map(|line| line["quantity"].as_i64().unwrap()).sum()
}

/// Every order adds up, the provider has exactly what the orders say, and every unit that was counted
/// in (`goods`) is on hand or sold.
async fn balanced(shop: &TestShop, goods: &[(&str, i64)]) -> Vec<Value> {
    shop.shop.engine.settle().await;
    let orders = orders(shop).await;
    let mut wanted = 0;
    for order in &orders {
        let lines = order["items"].as_array().unwrap();
        let line = |line: &Value| cents(&line["unitPrice"]) * line["quantity"].as_i64().unwrap();
        let subtotal: i64 = lines.iter().map(line).sum();
        assert_eq!(cents(&order["subtotal"]), subtotal, "{order:#}");
        let total = subtotal + cents(&order["shippingTotal"]) + cents(&order["taxTotal"]);
        assert_eq!(cents(&order["total"]), total, "{order:#}");
        assert_eq!(cents(&order["payment"]["amount"]), total, "{order:#}");
        let refunded = cents(&order["refundedTotal"]);
        let at_the_bank = order["payment"]["provider"] == "test";
        let captured = if order["payment"]["status"] == "captured" { total } else { 0 };
        assert!(refunded <= captured, "{order:#}");
        wanted += if at_the_bank { captured - refunded } else { 0 };
    }
    assert_eq!(shop.bank.holds(0).0, wanted, "{orders:#?}");
    for (sku, received) in goods {
        let [on_hand, reserved, available] = level(shop, sku).await;
        assert!(reserved >= 0 && available >= 0, "{sku}: {on_hand}, {reserved}, {available}");
        assert_eq!(on_hand + sold(&orders, sku), *received, "{sku}: {orders:#?}");
    }
    orders
}

fn order_path(order: &Value) -> String {
    format!("/v1/orders/{}", text(order, "orderId"))
}

async fn check_out(shop: &TestShop, cart: &str, key: &str, body: Value) -> Answer {
    shop.post(&format!("/v1/carts/{cart}/checkout")).key(key).json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_unit_is_sold_once_however_many_want_it() {
    let shop = TestShop::open().await;
    for units in [1, 3] {
        let sku = format!("RARE-{units}");
        shelve(&shop, &[(&sku, 999, units)]).await;
        let lines = [(sku.as_str(), 1)];
        let carts = join_all((0..MANY).map(|_| fill(&shop, &lines))).await;
        let tries = carts.iter().map(|cart| buy(&shop, cart, with_token("tok_visa")));
        let tries = join_all(tries).await;
        or_codes(&tries, &["out_of_stock"]);
        assert_eq!(good(&tries), units as usize);
        balanced(&shop, &[(&sku, units.into())]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_that_cross_each_other_are_sold_whole_or_not_at_all() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("A", 100, 20), ("B", 200, 20), ("C", 300, 20)]).await;
    let carts = [
        [("A", 1), ("B", 2)],
        [("B", 1), ("C", 2)],
        [("C", 1), ("A", 2)],
        [("B", 2), ("A", 1)],
        [("A", 2), ("C", 1)],
    ];
    let tries = (0..60).map(|i| {
        let (shop, lines) = (&shop, carts[i % carts.len()]);
        async move {
            let cart = fill(shop, &lines).await;
            (lines, buy(shop, &cart, with_token("tok_visa")).await)
        }
    });
    let mut bought = [0; 3];
    for (lines, answer) in join_all(tries).await {
        if or_code(&answer, &["out_of_stock"]) {
            for (sku, units) in lines {
                bought[["A", "B", "C"].iter().position(|own| *own == sku).unwrap()] += units;
            }
        }
    }
    let orders = balanced(&shop, &[("A", 20), ("B", 20), ("C", 20)]).await;
    for (sku, units) in ["A", "B", "C"].into_iter().zip(bought) {
        assert_eq!(sold(&orders, sku), i64::from(units), "{sku}");
    }
    // What is left fits nobody: at most one unit of each could be left behind by carts of three.
    assert!(bought.iter().sum::<u32>() > 20, "{bought:?}");
}

/// All that can be done to a cart of two MUGs.
async fn meddle(shop: &TestShop, cart: &str, how: usize) -> Answer {
    let (items, mug) = (format!("/v1/carts/{cart}/items"), format!("/v1/carts/{cart}/items/MUG"));
    match how % 5 {
        0 => shop.post(&items).json(json!({ "sku": "GOLD", "quantity": 1 })).send().await,
        1 => shop.patch(&mug).json(json!({ "quantity": 9 })).send().await,
        2 => shop.delete(&mug).send().await,
        3 => shop.delete(&format!("/v1/carts/{cart}")).send().await,
        _ => {
            let there =
                json!({ "name": "Eve", "line1": "Elsewhere 1", "city": "Berlin", "country": "DE" });
            shop.put(&format!("/v1/carts/{cart}/shipping-address")).json(there).send().await
        }
    }
}

/// What the change of a cart may hear while it is being bought.
const BUSY: &[&str] = &["checkout_under_way", "cart_ordered"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_into_a_cart_after_it_was_priced_is_not_bought_for_nothing() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 1_000), ("GOLD", 99_900, 1_000)]).await;
    // While the order is on its way to the disk, and while the provider is asked.
    for at_provider in [false, true] {
        for how in 0..5 {
            let cart = fill(&shop, &[("MUG", 2)]).await;
            let gate = if at_provider { &shop.faults.calls } else { &shop.faults.commits };
            let shut = gate.shut();
            let buying = async {
                let bought = buy(&shop, &cart, with_token("tok_visa")).await;
                bought.expect(201).json()
            };
            let meddling = async {
                gate.arrived(1).await;
                let answer = meddle(&shop, &cart, how).await;
                drop(shut);
                assert!(!or_code(&answer, BUSY), "the cart was changed: {}", answer.text());
            };
            let (order, ()) = join(buying, meddling).await;
            assert_eq!(order["total"], amount("30.00"), "{order:#}");
            let cart = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
            assert_eq!((text(&cart, "status"), &cart["subtotal"]), ("ordered", &order["subtotal"]));
        }
    }
    balanced(&shop, &[("MUG", 1_000), ("GOLD", 1_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_is_changed_and_bought_at_once_is_bought_as_it_was_or_as_it_is() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 1_000), ("GOLD", 99_900, 1_000)]).await;
    let rounds = (0..40).map(|how| {
        let shop = &shop;
        async move {
            let cart = fill(shop, &[("MUG", 2)]).await;
            let (bought, changed) =
                join(buy(shop, &cart, with_token("tok_visa")), meddle(shop, &cart, how)).await;
            let codes = ["cart_changed", "cart_empty", "not_found"];
            let is_bought = or_code(&bought, &codes);
            let is_changed = or_code(&changed, BUSY);
            assert!(is_bought || is_changed, "neither was done");
            let path = format!("/v1/carts/{cart}");
            if is_bought {
                // The cart is what was bought, and whatever was changed was changed before.
                let cart = shop.get(&path).send().await.expect(200).json();
                let order = bought.json();
                assert_eq!(text(&cart, "status"), "ordered");
                let lines = |of: &Value| -> Vec<(Value, Value)> {
                    let items = of["items"].as_array().unwrap();
                    items.iter().map(|own| (own["sku"].clone(), own["quantity"].clone())).collect()
                };
                assert_eq!(lines(&cart), lines(&order));
                let is_as_it_was = lines(&order) == [(json!("MUG"), json!(2))];
                assert!(is_as_it_was || is_changed, "{order:#}");
            }
        }
    });
    join_all(rounds).await;
    balanced(&shop, &[("MUG", 1_000), ("GOLD", 1_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_changes_while_it_is_paid_is_the_one_that_was_shown_or_none() {
    let shop = TestShop::open().await;
    let goods = ["A", "B", "C"];
    shelve(&shop, &goods.map(|sku| (sku, 1_000, 1_000))).await;
    for round in 1..=12 {
        let price = 1_000 * (round + 1);
        let cart = fill(&shop, &goods.map(|sku| (sku, 1))).await;
        let shown = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
        let repricing = join_all(goods.iter().map(|sku| reprice(&shop, sku, price)));
        let (bought, _) = join(buy(&shop, &cart, with_token("tok_visa")), repricing).await;
        if or_code(&bought, &["price_changed"]) {
            assert_eq!(bought.json()["subtotal"], shown["subtotal"]);
            continue;
        }
        // Once all of it is shown, all of it is charged.
        let shown = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
        assert_eq!(cents(&shown["subtotal"]), 3 * price);
        let key = format!("agreed-{cart}");
        let agreed = check_out(&shop, &cart, &key, with_token("tok_visa")).await.expect(201);
        assert_eq!(agreed.json()["subtotal"], shown["subtotal"]);
    }
    // While the provider is asked, the price that was agreed on stays.
    let cart = fill(&shop, &[("A", 1)]).await;
    let shut = shop.faults.calls.shut();
    let repricing = async {
        shop.faults.calls.arrived(1).await;
        reprice(&shop, "A", 99_900).await;
        drop(shut);
    };
    let (bought, ()) = join(buy(&shop, &cart, with_token("tok_visa")), repricing).await;
    assert_eq!(bought.expect(201).json()["subtotal"], amount("130.00"));
    balanced(&shop, &[("A", 1_000), ("B", 1_000), ("C", 1_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cart_is_bought_once_whatever_is_shown_for_it() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 100)]).await;
    for _ in 0..5 {
        let cart = fill(&shop, &[("MUG", 1)]).await;
        let bodies = [
            with_token("tok_visa"),
            with_token("tok_declined"),
            with_token("tok_action"),
            by_hand(),
            with_token("tok_visa"),
            with_token("tok_declined"),
        ];
        let tries = bodies.into_iter().enumerate().map(|(i, body)| {
            let (shop, cart) = (&shop, &cart);
            async move { check_out(shop, cart, &format!("{i}-{cart}"), body).await }
        });
        let tries = join_all(tries).await;
        let codes = ["checkout_under_way", "cart_ordered", "payment_declined"];
        or_codes(&tries, &codes);
        assert!(good(&tries) <= 1, "bought twice");
        let cart = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
        let status = if good(&tries) == 1 { "ordered" } else { "open" };
        assert_eq!(text(&cart, "status"), status);
    }
    balanced(&shop, &[("MUG", 100)]).await;
}

/// What is under way while an order is called off.
#[derive(Clone, Copy, Debug)]
enum Rival {
    /// The provider is being asked for the money.
    Payment,
    /// Staff take money that was set aside.
    Capture,
    /// The shopper approves on the bank's page.
    Approval,
    /// The order's time runs out.
    Expiry,
    /// Another one calls it off.
    Cancel,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_called_off_keeps_no_money_whatever_else_is_under_way() {
    for rival in [Rival::Payment, Rival::Capture, Rival::Approval, Rival::Expiry, Rival::Cancel] {
        let shop = TestShop::with(|config| {
            config.payments.retry_ms = 20;
            config.payments.pay_within_minutes = 1;
            if matches!(rival, Rival::Capture) {
                config.payments.capture = Capture::Later;
            }
        })
        .await;
        shelve(&shop, &[("MUG", 1_000, 100)]).await;
        for round in 0..8 {
            let cart = fill(&shop, &[("MUG", 1)]).await;
            let token = match rival {
                Rival::Approval | Rival::Expiry => "tok_action",
                Rival::Payment | Rival::Capture | Rival::Cancel => "tok_visa",
            };
            let order = match rival {
                Rival::Payment => buy_and_cancel(&shop, &cart).await,
                _ => buy(&shop, &cart, with_token(token)).await.expect(201).json(),
            };
            let path = order_path(&order);
            let cancel = |key: &str| {
                shop.post(&format!("{path}/cancel")).staff().key(&format!("{key}-{cart}")).send()
            };
            let payment = text(&order["payment"], "paymentId");
            let other = async {
                match rival {
                    Rival::Payment => None,
                    Rival::Capture => {
                        let capture = format!("{path}/payments/{payment}/capture");
                        Some(shop.post(&capture).staff().key(&format!("take-{cart}")).send().await)
                    }
                    Rival::Approval => {
                        let page = format!("/v1/test-payments/{payment}");
                        let yes = json!({ "outcome": "approve" });
                        Some(shop.post(&page).json(yes).send().await)
                    }
                    Rival::Expiry => {
                        shop.pass(Span::minutes(2));
                        shop.shop.sweeper.sweep().await;
                        None
                    }
                    Rival::Cancel => Some(cancel("other").await),
                }
            };
            let (cancelled, other) = if round % 2 == 0 {
                join(cancel("off"), other).await
            } else {
                let (other, cancelled) = join(other, cancel("off")).await;
                (cancelled, other)
            };
            let codes = ["payment_under_way", "order_cancelled"];
            let is_off = or_code(&cancelled, &codes);
            or_codes(&other, &codes);
            assert!(is_off || matches!(rival, Rival::Payment | Rival::Expiry), "{rival:?}");
            let ended = shop.eventually(&path, |order| order["status"] == "cancelled").await;
            let status = text(&ended, "paymentStatus");
            assert!(["voided", "refunded", "failed"].contains(&status), "{rival:?}: {ended:#}");
            assert_eq!(shop.bank.holds(0), (0, 0), "{rival:?}: {ended:#}");
        }
        balanced(&shop, &[("MUG", 100)]).await;
    }
}

/// Calls an order off while its provider is being asked; gives the order as it was then.
async fn buy_and_cancel(shop: &TestShop, cart: &str) -> Value {
    let shut = shop.faults.calls.shut();
    let cancelling = async {
        shop.faults.calls.arrived(1).await;
        let all = orders(shop).await;
        let is_under_way = |order: &&Value| order["status"] == "pending_payment";
        let order = all.iter().find(is_under_way).expect("an order is under way").clone();
        let path = format!("{}/cancel", order_path(&order));
        let cancel = shop.post(&path).staff().key(&format!("early-{cart}")).send();
        let (answer, ()) = join(cancel, async { drop(shut) }).await;
        or_code(&answer, &["payment_under_way"]);
        order
    };
    join(buy(shop, cart, with_token("tok_visa")), cancelling).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn who_approves_and_declines_at_once_has_said_one_of_them() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 100)]).await;
    for _ in 0..8 {
        let cart = fill(&shop, &[("MUG", 1)]).await;
        let order = buy(&shop, &cart, with_token("tok_action")).await.expect(201).json();
        let page = format!("/v1/test-payments/{}", text(&order["payment"], "paymentId"));
        let say = |outcome: &str| shop.post(&page).json(json!({ "outcome": outcome })).send();
        let said = join_all((0..6).map(|i| say(["approve", "decline"][i % 2]))).await;
        assert_eq!(good(&said), 6);
        let ended = shop.get(&order_path(&order)).staff().send().await.expect(200).json();
        let is_paid = text(&ended, "status") == "paid";
        let cart = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
        assert_eq!(text(&cart, "status"), if is_paid { "ordered" } else { "open" });
    }
    balanced(&shop, &[("MUG", 100)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_counted_while_it_sells_is_neither_lost_nor_sold_twice() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 40)]).await;
    let id = {
        let found = shop.get("/v1/products/by-handle/mug").send().await.expect(200).json();
        text(&found, "productId").to_owned()
    };
    let buyers = join_all((0..30).map(|_| async {
        let cart = fill(&shop, &[("MUG", 2)]).await;
        buy(&shop, &cart, with_token("tok_visa")).await
    }));
    let count = |delta: i64| {
        let body = json!({ "delta": delta, "reason": "counted" });
        shop.post("/v1/inventory/MUG/adjustments").staff().json(body).send()
    };
    let counters = join_all((0..20).map(|i| count([3, -5, -11, 4][i % 4])));
    let set = |units: u32| {
        let body = json!({ "stockQuantity": units });
        shop.put(&format!("/v1/products/{id}")).staff().json(body).send()
    };
    let setters = join_all((0..6).map(|i| set([25, 7][i % 2])));
    let ((bought, counted), set) = join(join(buyers, counters), setters).await;
    or_codes(bought.iter().chain(&counted), &["out_of_stock"]);
    assert_eq!(good(&set), 6);
    // The ledger knows of every unit that came and went.
    let ledger = shop.get("/v1/inventory/MUG/movements?limit=100").staff().send().await;
    let ledger = ledger.expect(200).json();
    let moves = ledger["data"].as_array().unwrap();
    assert_eq!(ledger["meta"]["totalPages"], 1);
    let sum = |name: &str, of: &dyn Fn(&Value) -> bool| -> i64 {
        moves.iter().filter(|own| of(own)).map(|own| own[name].as_i64().unwrap()).sum()
    };
    let [on_hand, reserved, available] = level(&shop, "MUG").await;
    assert!(reserved == 0 && available >= 0, "{on_hand}, {reserved}, {available}");
    assert_eq!(sum("onHandDelta", &|_| true), on_hand);
    // At no moment was more promised than there was.
    let mut available = 0;
    for own in moves.iter().rev() {
        available += own["onHandDelta"].as_i64().unwrap() - own["reservedDelta"].as_i64().unwrap();
        assert!(available >= 0, "{own:#}");
    }
    let received = sum("onHandDelta", &|own| own["orderId"].is_null());
    balanced(&shop, &[("MUG", received)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_good_for_once_is_used_once_by_many_at_once() {
    const ADA: &str = "ada@example.com";
    const EVE: &str = "eve@example.com";
    let shop = TestShop::open().await;
    // An address is registered by many at once: one account, and one address to prove.
    let registered = join_all((0..8).map(|_| register(&shop, ADA))).await;
    assert_eq!(good(&registered), 8);
    let mails = mailbox(&shop, ADA).await;
    assert_eq!(mails.count(MailKind::Verification), 1);
    let token = mails.token(MailKind::Verification);
    let proven = join_all((0..MANY).map(|_| verify(&shop, &token))).await;
    assert_eq!(good(&proven), 1);
    or_codes(&proven, &["invalid_token"]);

    let body = json!({ "email": "grace@shop.example", "role": "staff" });
    let invited = shop.post("/v1/staff/invitations").staff().json(body).send().await;
    let token = text(&invited.expect(201).json(), "token").to_owned();
    let accepted = join_all((0..8).map(|_| {
        let body = json!({ "token": token, "password": "a long enough password" });
        shop.post("/v1/staff/invitations/accept").json(body).send()
    }));
    assert_eq!(good(&accepted.await), 1);
    let members = shop.get("/v1/staff").staff().send().await.expect(200).json();
    assert_eq!(members["meta"]["totalItems"], 2);

    let granted = login(&shop, "grace@shop.example", "a long enough password").await.expect(200);
    let token = text(&granted.json(), "refreshToken").to_owned();
    let fresh = join_all(
        (0..MANY)
            .map(|_| shop.post("/v1/auth/refresh").json(json!({ "refreshToken": token })).send()),
    );
    let fresh = fresh.await;
    assert_eq!(good(&fresh), 1);
    // A copy showed up, so nobody knows who the thief is: the whole login ends.
    let winner = fresh.iter().find(|answer| is_good(answer)).unwrap().json();
    let access = text(&winner, "accessToken");
    shop.get("/v1/orders").bearer(access).send().await.problem(401, "invalid_token");

    // Mails to one address have a bound, so the next link goes to another one.
    unverified(&shop, EVE).await;
    let forgot = json!({ "email": EVE });
    shop.post("/v1/auth/password/forgot").json(forgot).send().await.expect(202);
    let token = mailbox(&shop, EVE).await.token(MailKind::PasswordReset);
    let words: Vec<String> = (0..8).map(|i| format!("marble lantern quarry {i}")).collect();
    let reset = words.iter().map(|word| {
        let body = json!({ "token": token, "password": word });
        shop.post("/v1/auth/password/reset").json(body).send()
    });
    let reset = join_all(reset).await;
    assert_eq!(good(&reset), 1);
    for (word, answer) in words.iter().zip(&reset) {
        let is_in = is_good(&login(&shop, EVE, word).await);
        // Wrong guesses are slowed; what is tried here is not that.
        shop.pass(Span::hours(25));
        assert_eq!(is_in, is_good(answer), "only the password of the one that came first is good");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_guests_bought_is_claimed_once_and_by_nobody_else() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 100)]).await;
    for _ in 0..4 {
        paid_order(&shop, "MUG").await;
    }
    let (ada, eve) =
        (unverified(&shop, "ada@example.com").await, unverified(&shop, "eve@example.com").await);
    for email in ["ada@example.com", "eve@example.com"] {
        verify(&shop, &mailbox(&shop, email).await.token(MailKind::Verification)).await.expect(204);
    }
    let claims =
        (0..MANY).map(|i| shop.post("/v1/users/me/claims").bearer([&ada, &eve][i % 2]).send());
    assert_eq!(good(&join_all(claims).await), MANY);
    let seen = async |access: &str| {
        let list = shop.get("/v1/orders").bearer(access).send().await.expect(200).json();
        list["meta"]["totalItems"].as_i64().unwrap()
    };
    assert_eq!((seen(&ada).await, seen(&eve).await), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_that_make_no_sense_move_nothing() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10), ("MINE", 90_000_000_000_000_000, 100_000)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}/items");
    let odd = [
        "-1",
        "0",
        "100001",
        "4294967297",
        "18446744073709551617",
        "1e9",
        "1.5",
        "-0.0",
        "\"2\"",
        "null",
        "true",
        "[1]",
    ];
    for quantity in odd {
        let body = format!("{{\"sku\":\"MUG\",\"quantity\":{quantity}}}");
        let answer = shop.post(&path).body("application/json", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{quantity}: {}", answer.text());
        if quantity == "0" || quantity == "-0.0" {
            continue;
        }
        let body = format!("{{\"quantity\":{quantity}}}");
        let answer = shop.patch(&format!("{path}/MUG")).body("application/json", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{quantity}: {}", answer.text());
        let body = format!("{{\"items\":[{{\"sku\":\"MUG\",\"quantity\":{quantity}}}]}}");
        let answer = shop.post("/v1/carts").body("application/json", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{quantity}: {}", answer.text());
    }
    let count = |delta: &str| {
        let body = format!("{{\"delta\":{delta},\"reason\":\"counted\"}}");
        let path = "/v1/inventory/MUG/adjustments";
        shop.post(path).staff().body("application/json", body).send()
    };
    for delta in ["0", "-9223372036854775808", "9223372036854775807", "1000000001", "0.5", "1e18"] {
        let answer = count(delta).await;
        assert!(matches!(answer.status, 400 | 409 | 422), "{delta}: {}", answer.text());
    }
    count("-11").await.problem(409, "out_of_stock");
    assert_eq!(level(&shop, "MUG").await, [10, 0, 10]);
    // A line that is added to by many at once stays within its bound.
    let more = join_all(
        (0..4).map(|_| shop.post(&path).json(json!({ "sku": "MUG", "quantity": 40_000 })).send()),
    );
    let more = more.await;
    assert_eq!(good(&more), 2);
    let shown = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!(shown["items"][0]["quantity"], 80_001);
    buy(&shop, &cart, with_token("tok_visa")).await.problem(409, "out_of_stock");
    // A total beyond what can be counted is refused, and never small or negative.
    let body = json!({ "items": [{ "sku": "MINE", "quantity": 100_000 }] });
    let rich = shop.post("/v1/carts").json(body).send().await;
    rich.problem(422, "amount_too_large");
    balanced(&shop, &[("MUG", 10), ("MINE", 100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_a_key_or_an_id_of_somebody_else_has_nothing_of_theirs() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 100)]).await;
    let (ada, eve) =
        (unverified(&shop, "ada@example.com").await, unverified(&shop, "eve@example.com").await);
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}/checkout");
    let body = || with_token("tok_visa");
    let order = shop.post(&path).bearer(&ada).key("hers").json(body()).send().await.expect(201);
    // The same request to the letter, from somebody else: their own attempt, at a cart that is gone.
    for stranger in [shop.post(&path).bearer(&eve), shop.post(&path)] {
        let answer = stranger.key("hers").json(body()).send().await;
        assert_eq!(answer.header("idempotency-replayed"), "");
        assert!(!answer.text().contains("ada@example.com"));
        answer.problem(409, "cart_ordered");
    }
    let again = shop.post(&path).bearer(&ada).key("hers").json(body()).send().await;
    assert_eq!(again.bytes, order.bytes);
    // Ids of orders open nothing, for nobody.
    let order = order.json();
    let path = order_path(&order);
    let payment = format!("{path}/payments/{}/capture", text(&order["payment"], "paymentId"));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/events")),
        (Method::POST, format!("{path}/cancel")),
        (Method::POST, payment),
    ] {
        let is_read = method == Method::GET;
        let other = fill(&shop, &[("MUG", 1)]).await;
        for (token, status) in [
            (eve.as_str(), if is_read { 404 } else { 403 }),
            (&other, if is_read { 404 } else { 403 }),
        ] {
            let answer = shop.request(method.clone(), &path).bearer(token).key("hers").send().await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        }
        let nobody = shop.request(method, &path).key("hers").send().await;
        assert_eq!(nobody.status, 401, "{path}");
    }
    balanced(&shop, &[("MUG", 100)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_guests_are_one_caller_so_their_keys_must_not_be_guessed() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 100)]).await;
    let make = |token: Option<&str>, units: u32| {
        let request = shop.post("/v1/carts").key("1");
        let request = match token {
            Some(token) => request.bearer(token),
            None => request,
        };
        request.json(json!({ "items": [{ "sku": "MUG", "quantity": units }] })).send()
    };
    // Whoever sends what another guest sent under the same key is taken for that guest, and has their
    // cart: 128 random bits of a cart's id are worth no more than the key that it was made under.
    let first = make(None, 1).await.expect(201);
    let twin = make(None, 1).await.expect(201);
    assert_eq!((&twin.bytes, twin.header("idempotency-replayed")), (&first.bytes, "true"));
    // Anything else under that key is refused, so that nobody has a cart that they did not ask for.
    make(None, 2).await.problem(422, "idempotency_key_reused");
    let cart = text(&first.json(), "cartId").to_owned();
    let other = fill(&shop, &[("MUG", 1)]).await;
    let add = |cart: &str| {
        let body = json!({ "sku": "MUG", "quantity": 1 });
        shop.post(&format!("/v1/carts/{cart}/items")).key("1").json(body).send()
    };
    // Another route is another attempt; the same one for another cart is not the same request.
    add(&cart).await.expect(200);
    add(&other).await.problem(422, "idempotency_key_reused");
    // Who is logged in shares keys with nobody.
    let ada = unverified(&shop, "ada@example.com").await;
    let eve = unverified(&shop, "eve@example.com").await;
    let hers = make(Some(&ada), 1).await.expect(201);
    assert_ne!(hers.json()["cartId"], first.json()["cartId"]);
    assert_ne!(make(Some(&eve), 1).await.expect(201).json()["cartId"], hers.json()["cartId"]);
    assert_eq!(make(Some(&ada), 1).await.bytes, hers.bytes);
    // What is remembered is what was asked, not what became of it: the cart may hold more by now.
    shop.put(&format!("/v1/carts/{cart}/shipping-address"))
        .json(address())
        .send()
        .await
        .expect(200);
    let late = make(None, 1).await;
    assert!(late.bytes == first.bytes && !late.text().contains("Springfield"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_of_the_staff_hangs_up_is_in_the_audit_log_all_the_same() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_000, 100)]).await;
    let order = paid_order(&shop, "MUG").await;
    let path = format!("{}/cancel", order_path(&order));
    let request = shop.post(&path).staff().key("off").bytes();
    let shut = shop.faults.commits.shut();
    let mut raw = Raw::open(&shop).await;
    raw.send(request).await;
    shop.faults.commits.arrived(1).await;
    drop(raw);
    shop.get("/healthz").send().await.expect(200);
    drop(shut);
    let noted = |log: &Value| log["data"].as_array().unwrap().iter().any(|act| act["path"] == path);
    shop.eventually("/v1/audit", noted).await;
    balanced(&shop, &[("MUG", 100)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_made_by_many_at_once_has_one_password() {
    let shop = TestShop::open().await;
    let words: Vec<String> = (0..6).map(|i| format!("violet kettle orchard {i}")).collect();
    let made = join_all(words.iter().map(|word| {
        let body = json!({ "email": "ada@example.com", "password": word, "name": "Ada" });
        shop.post("/v1/auth/register").json(body).send()
    }));
    assert_eq!(good(&made.await), 6);
    let mut opened = 0;
    for word in words.iter().map(String::as_str).chain([PASSWORD]) {
        opened += usize::from(is_good(&login(&shop, "ada@example.com", word).await));
        // Wrong guesses are slowed; what is tried here is not that.
        shop.pass(Span::hours(25));
    }
    assert_eq!(opened, 1);
}
