//! An order's page: who sees it by its link, who does not, and what it says.

use crate::goods::{buy, by_hand, fill, paid_order, shelve, text, with_token};
use crate::people;
use crate::testshop::{Answer, TestShop};
use mercat::domain::{OrderId, Span};
use serde_json::{Value, json};

/// The link to an order.
fn link(shop: &TestShop, order: &Value) -> String {
    let id: OrderId = text(order, "orderId").parse().unwrap();
    format!("/orders/{id}?key={}", shop.shop.vault.order_key(id))
}

async fn open(shop: &TestShop, link: &str) -> Answer {
    shop.get(link).header("accept", "text/html").send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_one_order_and_nothing_else_opens_any() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 50)]).await;
    let (mine, theirs) = (paid_order(&shop, "MUG").await, paid_order(&shop, "MUG").await);
    let good = link(&shop, &mine);
    let page = open(&shop, &good).await.expect(200);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let html = page.text();
    assert!(html.contains("content=\"noindex\"") && !html.contains("rel=\"canonical\""));
    for part in
        ["Order 1001", "The MUG", "12 Market Street", "14 Nov, 22:13 UTC", "$17.50", "Being packed"]
    {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let (id, other) = (text(&mine, "orderId"), text(&theirs, "orderId"));
    let (_, key) = good.split_once("?key=").unwrap();
    let (_, foreign) = link(&shop, &theirs)
        .split_once("?key=")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let unknown = OrderId::from_bytes([7; 16]);
    let nothing = open(&shop, &format!("/orders/{unknown}?key={key}")).await.expect(404);
    for bad in [
        format!("/orders/{id}"),
        format!("/orders/{id}?key="),
        format!("/orders/{id}?key={foreign}"),
        format!("/orders/{other}?key={key}"),
        format!("/orders/{id}?key={}", key.to_uppercase()),
        format!("/orders/{id}?key={}", &key[1..]),
        format!("/orders/{id}?key=x&key={key}"),
        format!("/orders/{id}?placed=1"),
        format!("/orders/{unknown}?key={}", shop.shop.vault.order_key(unknown)),
        "/orders/1001".into(),
    ] {
        let page = open(&shop, &bad).await.expect(404);
        assert_eq!(page.bytes, nothing.bytes, "{bad}");
        assert!(page.text().contains("This shelf is bare"), "{bad}");
    }
    // The link outlives the shop's run.
    let shop = shop.restarted().await;
    open(&shop, &good).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_says_what_became_of_it() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 50)]).await;
    let order = paid_order(&shop, "MUG").await;
    let cancel = format!("/v1/orders/{}/cancel", text(&order, "orderId"));
    let reason = json!({ "reason": "ordered twice" });
    shop.post(&cancel).staff().key("cancel").json(reason).send().await.expect(200);
    let html = open(&shop, &link(&shop, &order)).await.expect(200).text();
    for part in ["Cancelled", "Money given back", "$17.50 were given back.", "As was asked for."] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("Delivered") && !html.contains("ordered twice"), "{html}");
    // Right after it was placed, its page does not say thank you for what has ended since.
    let html = open(&shop, &format!("{}&placed=1", link(&shop, &order))).await.text();
    assert!(!html.contains("Thank you"), "{html}");
    // A card that was declined left an order behind that nobody was told of; it says so.
    let cart = fill(&shop, &[("MUG", 1)]).await;
    buy(&shop, &cart, with_token("tok_declined")).await.expect(402);
    let list = shop.get("/v1/orders").staff().send().await.expect(200).json();
    let list = list["data"].as_array().unwrap();
    let failed = list.iter().find(|order| order["cancelReason"] == "payment_failed");
    let html = open(&shop, &link(&shop, failed.unwrap())).await.text();
    assert!(html.contains("Not paid") && html.contains("nothing was taken"), "{html}");
    assert!(!html.contains("Back to the checkout"), "the cart is another browser's");
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let waiting = buy(&shop, &cart, by_hand()).await.expect(201).json();
    let html = open(&shop, &link(&shop, &waiting)).await.text();
    assert!(html.contains("Waiting for your transfer until Tuesday 21 November."), "{html}");
    shop.pass(Span::days(8));
    shop.shop.sweeper.sweep().await;
    let id = text(&waiting, "orderId").parse().unwrap();
    shop.shop.engine.desk.refresh_payment(id).await;
    let html = open(&shop, &link(&shop, &waiting)).await.text();
    assert!(html.contains("It was not paid in time"), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_somebody_who_was_forgotten_nothing_is_shown() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 50)]).await;
    let access = people::customer(&shop, "ada@example.com").await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let checkout = shop.post(&format!("/v1/carts/{cart}/checkout")).bearer(&access).key("buy");
    let order = checkout.json(with_token("tok_visa")).send().await.expect(201).json();
    let link = link(&shop, &order);
    for link in [&link, &format!("{link}&placed=1")] {
        assert!(open(&shop, link).await.expect(200).text().contains("Market Street"));
    }
    let body = json!({ "password": people::PASSWORD });
    shop.delete("/v1/users/me").bearer(&access).json(body).send().await.expect(204);
    for link in [&link, &format!("{link}&placed=1")] {
        let html = open(&shop, link).await.expect(200).text();
        assert!(html.contains("The MUG") && html.contains("1001"), "{html}");
        for told in ["Ada", "Lovelace", "Market", "Springfield", "62701", "example.com", "Goes to"]
        {
            assert!(!html.contains(told), "{told} is in {html}");
        }
    }
}
