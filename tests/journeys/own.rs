//! What is a customer's own: the orders that they place, those that they placed as guests, all of it
//! in one download, and none of it once they are erased.

use crate::goods::{address, buy, fill, paid_order, shelve, text, with_token};
use crate::people::{PASSWORD, customer, login, mailbox, me, register, unverified, verify};
use crate::testshop::{Answer, TestShop};
use mercat::domain::mail::MailKind;
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";
const GOODS: &[(&str, i64, u32)] = &[("MUG", 1_250, 50)];

/// Checks a cart out as whoever is logged in.
async fn buy_as(shop: &TestShop, access: &str, cart: &str, body: Value) -> Answer {
    let path = format!("/v1/carts/{cart}/checkout");
    shop.post(&path).bearer(access).key(&format!("buy-{cart}")).json(body).send().await
}

fn for_email(email: &str, token: &str) -> Value {
    let mut body = with_token(token);
    body["email"] = json!(email);
    body
}

/// The ids of the orders that somebody sees in their list.
async fn listed(shop: &TestShop, access: &str) -> Vec<String> {
    let list = shop.get("/v1/orders").bearer(access).send().await.expect(200).json();
    let ids = list["data"].as_array().unwrap().iter().map(|order| text(order, "orderId").into());
    ids.collect()
}

async fn claim(shop: &TestShop, access: &str) -> Answer {
    shop.post("/v1/users/me/claims").bearer(access).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_their_own_orders_and_nobody_elses() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let (ada, eve) = (unverified(&shop, ADA).await, unverified(&shop, EVE).await);
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy_as(&shop, &ada, &cart, for_email(ADA, "tok_visa")).await.expect(201).json();
    let guests = paid_order(&shop, "MUG").await;
    let id = text(&order, "orderId");
    assert_eq!(listed(&shop, &ada).await, [id]);
    assert_eq!(listed(&shop, &eve).await, [""; 0]);
    let of = |query: &str| shop.get(&format!("/v1/orders?{query}")).bearer(&ada).send();
    assert_eq!(of("email=eve@example.com").await.expect(200).json()["meta"]["totalItems"], 0);
    assert_eq!(of("status=paid&sku=MUG").await.expect(200).json()["meta"]["totalItems"], 1);
    for path in [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/events")] {
        shop.get(&path).bearer(&ada).send().await.expect(200);
        shop.get(&path).bearer(&eve).send().await.problem(404, "not_found");
        shop.get(&path).bearer(&cart).send().await.expect(200);
    }
    let others = format!("/v1/orders/{}", text(&guests, "orderId"));
    shop.get(&others).bearer(&ada).send().await.problem(404, "not_found");
    let cancel = shop.post(&format!("/v1/orders/{id}/cancel")).bearer(&ada).send().await;
    cancel.problem(403, "forbidden");
    // A key is each customer's own: the same one again is another attempt.
    let other = fill(&shop, &[("MUG", 2)]).await;
    let path = format!("/v1/carts/{other}/checkout");
    let again = shop.post(&path).bearer(&eve).key(&format!("buy-{cart}"));
    let hers = again.json(for_email(EVE, "tok_visa")).send().await.expect(201).json();
    let shop = shop.restarted().await;
    assert_eq!(listed(&shop, &ada).await, [id]);
    assert_eq!(listed(&shop, &eve).await, [text(&hers, "orderId")]);
    let all = shop.get("/v1/orders").staff().send().await.expect(200).json();
    assert_eq!(all["meta"]["totalItems"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tells_of_somebody_is_kept_by_no_cache() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let (ada, cart) = (unverified(&shop, ADA).await, fill(&shop, &[("MUG", 1)]).await);
    let there = format!("/v1/carts/{cart}/shipping-address");
    shop.put(&there).json(address()).send().await.expect(200);
    let order = buy_as(&shop, &ada, &cart, for_email(ADA, "tok_visa")).await.expect(201).json();
    let order = format!("/v1/orders/{}", text(&order, "orderId"));
    let own = format!("/v1/carts/{cart}");
    for path in [&own, "/v1/orders", &order] {
        let answer = shop.get(path).bearer(&ada).send().await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let same = shop.get(path).bearer(&ada).header("if-none-match", answer.etag()).send().await;
        assert_eq!(same.expect(304).header("cache-control"), "no-store", "{path}");
    }
    let history = shop.get(&format!("{order}/events")).bearer(&ada).send().await.expect(200);
    assert_eq!(history.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_buys_in_a_customers_name_by_knowing_their_cart() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let ada = unverified(&shop, ADA).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let there = format!("/v1/carts/{cart}/shipping-address");
    shop.put(&there).bearer(&ada).json(address()).send().await.expect(200);
    buy(&shop, &cart, for_email(EVE, "tok_visa")).await.expect(201);
    assert_eq!(listed(&shop, &ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_proves_an_address_owns_what_guests_bought_under_it() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let buy_for = async |cart: &str, email: &str| {
        let order = buy(&shop, cart, for_email(email, "tok_visa")).await.expect(201).json();
        text(&order, "orderId").to_owned()
    };
    let carts = [fill(&shop, &[("MUG", 1)]).await, fill(&shop, &[("MUG", 2)]).await];
    let first = buy_for(&carts[0], ADA).await;
    let second = buy_for(&carts[1], "Ada@Example.com").await;
    // One guest, two addresses: nobody knows whose they are.
    let unsure = fill(&shop, &[("MUG", 3)]).await;
    let there = format!("/v1/carts/{unsure}/shipping-address");
    shop.put(&there).json(address()).send().await.expect(200);
    let path = format!("/v1/carts/{unsure}/checkout");
    let declined = shop.post(&path).key("declined").json(for_email(ADA, "tok_declined"));
    declined.send().await.problem(402, "payment_declined");
    buy_for(&unsure, EVE).await;

    register(&shop, ADA).await.expect(202);
    let ada = login(&shop, ADA, PASSWORD).await.expect(200).json();
    let ada = text(&ada, "accessToken").to_owned();
    assert_eq!(listed(&shop, &ada).await, [""; 0], "nothing is proven yet");
    claim(&shop, &ada).await.problem(409, "email_unverified");
    let one = format!("/v1/orders/{first}");
    shop.get(&one).bearer(&ada).send().await.problem(404, "not_found");
    verify(&shop, &mailbox(&shop, ADA).await.token(MailKind::Verification)).await.expect(204);
    let mut own = listed(&shop, &ada).await;
    own.sort();
    let mut expected = vec![first, second];
    expected.sort();
    assert_eq!(own, expected);
    shop.get(&one).bearer(&ada).send().await.expect(200);
    shop.get(&one).bearer(&carts[0]).send().await.expect(200);

    let later = buy_for(&fill(&shop, &[("MUG", 1)]).await, ADA).await;
    assert_eq!(listed(&shop, &ada).await.len(), 2);
    assert_eq!(claim(&shop, &ada).await.expect(200).json(), json!({ "orders": 1 }));
    assert_eq!(claim(&shop, &ada).await.expect(200).json(), json!({ "orders": 0 }));
    let eve = customer(&shop, EVE).await;
    assert_eq!(listed(&shop, &eve).await, [""; 0]);
    let shop = shop.restarted().await;
    let own = listed(&shop, &ada).await;
    assert!(own.len() == 3 && own.contains(&later), "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_takes_along_all_that_the_shop_knows() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let guests = paid_order(&shop, "MUG").await;
    let ada = customer(&shop, ADA).await;
    shop.post("/v1/users/me/addresses").bearer(&ada).json(address()).send().await.expect(201);
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy_as(&shop, &ada, &cart, for_email(ADA, "tok_visa")).await.expect(201).json();
    let export = shop.get("/v1/users/me/export").bearer(&ada).send().await.expect(200);
    assert_eq!(export.header("content-disposition"), "attachment; filename=\"my-data.json\"");
    assert_eq!(export.header("cache-control"), "no-store");
    let export = export.json();
    assert_eq!(export["user"], me(&shop, &ada).await);
    assert_eq!(export["addresses"][0]["line1"], address()["line1"]);
    assert_eq!(export["sessions"][0]["current"], true);
    let orders = export["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 2);
    assert!(orders.contains(&order) && orders.contains(&guests));
    shop.get("/v1/users/me/export").staff().send().await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_erases_a_customer_who_wrote_a_letter() {
    let shop = TestShop::open().await;
    let ada = customer(&shop, ADA).await;
    let path = format!("/v1/users/{}", text(&me(&shop, &ada).await, "userId"));
    shop.delete(&path).bearer(&ada).send().await.problem(403, "forbidden");
    let seen = shop.get(&path).staff().send().await.expect(200);
    let stale = shop.delete(&path).staff().header("if-match", "\"nothing\"");
    stale.send().await.problem(412, "precondition_failed");
    let erase = shop.delete(&path).staff().header("if-match", seen.etag());
    erase.send().await.expect(204);
    shop.get("/v1/users/me").bearer(&ada).send().await.problem(401, "invalid_token");
    shop.get(&path).staff().send().await.problem(404, "not_found");
    shop.delete(&path).staff().send().await.problem(404, "not_found");
    let admin = shop.get("/v1/users/me").staff().send().await.expect(200).json();
    let own = format!("/v1/users/{}", text(&admin, "userId"));
    shop.delete(&own).staff().send().await.problem(409, "is_staff");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_customers_orders_the_books_are_left() {
    let shop = TestShop::open().await;
    shelve(&shop, GOODS).await;
    let guests_cart = fill(&shop, &[("MUG", 1)]).await;
    let guests = buy(&shop, &guests_cart, with_token("tok_visa")).await.expect(201).json();
    let ada = customer(&shop, ADA).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy_as(&shop, &ada, &cart, for_email(ADA, "tok_visa")).await.expect(201).json();
    let erase = shop.delete("/v1/users/me").bearer(&ada).json(json!({ "password": PASSWORD }));
    erase.send().await.expect(204);
    let retry = buy_as(&shop, &ada, &cart, for_email(ADA, "tok_visa")).await;
    retry.problem(401, "invalid_token");
    let replay = buy(&shop, &guests_cart, with_token("tok_visa"));
    replay.await.problem(410, "answer_erased");
    let shop = shop.restarted().await;
    for before in [&order, &guests] {
        let path = format!("/v1/orders/{}", text(before, "orderId"));
        let after = shop.get(&path).staff().send().await.expect(200).json();
        for gone in ["email", "shippingAddress", "billingAddress"] {
            assert_eq!(after[gone], Value::Null, "{gone}");
        }
        for kept in ["number", "status", "items", "total", "payments", "createdAt"] {
            assert_eq!(after[kept], before[kept], "{kept}");
        }
    }
    let found = shop.get("/v1/orders?email=ada@example.com").staff().send().await;
    assert_eq!(found.expect(200).json()["meta"]["totalItems"], 0);
    let again = customer(&shop, ADA).await;
    assert_eq!(listed(&shop, &again).await, [""; 0], "who comes back is somebody new");
}
