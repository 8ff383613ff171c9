//! What a customer finds in their account, as a browser without scripts sees it: orders, addresses, security,
//! and their data.

use crate::account::log_in;
use crate::goods::{buy, fill, shelve, text, with_token};
use crate::people::{PASSWORD, customer, login, me};
use crate::testshop::{Answer, TestShop};
use crate::visitor::Visitor;
use mercat::domain::Span;
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";

/// A shop with a customer, and the customer's browser and token.
async fn open() -> (TestShop, String) {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 50)]).await;
    let access = customer(&shop, ADA).await;
    (shop, access)
}

async fn browser<'a>(shop: &'a TestShop, email: &str) -> Visitor<'a> {
    let mut visitor = Visitor::new(shop);
    log_in(&mut visitor, email, PASSWORD, "").await.expect(303);
    visitor.open("/account/security").await.expect(200);
    visitor
}

/// An order of the customer's.
async fn bought(shop: &TestShop, access: &str) -> Value {
    let cart = fill(shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}/checkout");
    let buy = shop.post(&path).bearer(access).key(&cart).json(with_token("tok_visa"));
    buy.send().await.expect(201).json()
}

#[track_caller]
fn leads_to(answer: Answer, path: &str) {
    assert_eq!(answer.expect(303).header("location"), path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_finds_what_they_bought_and_nothing_else() {
    let (shop, access) = open().await;
    let order = bought(&shop, &access).await;
    let strangers = fill(&shop, &[("MUG", 2)]).await;
    let strangers = buy(
        &shop,
        &strangers,
        json!({ "email": "eve@example.com",
        "shippingAddress": crate::goods::address(), "shippingOption": "standard",
        "payment": { "provider": "manual" } }),
    );
    let strangers = strangers.await.expect(201).json();
    let mut visitor = browser(&shop, ADA).await;
    let list = visitor.open("/account/orders").await.expect(200).text();
    assert!(list.contains("Order 1001") && list.contains("Being packed"), "{list}");
    assert!(!list.contains("Order 1002"), "{list}");
    let path = format!("/account/orders/{}", text(&order, "orderId"));
    assert!(list.contains(&format!("href=\"{path}\"")), "{list}");
    let page = visitor.open(&path).await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let html = page.text();
    for part in [
        "Order 1001",
        "The MUG",
        "12 Market Street",
        "United States",
        "Delivery, ",
        "taken in full",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    // Somebody else's is not there, as one that never was.
    let theirs = visitor.open(&format!("/account/orders/{}", text(&strangers, "orderId"))).await;
    let nobodys = visitor.open("/account/orders/order-00000000000000000000000000").await;
    for answer in [theirs, nobodys] {
        assert!(answer.expect(404).text().contains("This shelf is bare"));
    }
    customer(&shop, "eve@example.com").await;
    browser(&shop, "eve@example.com").await.open(&path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_are_on_several_pages() {
    let (shop, access) = open().await;
    for _ in 0..13 {
        bought(&shop, &access).await;
        shop.pass(Span::seconds(1));
    }
    let mut visitor = browser(&shop, ADA).await;
    let first = visitor.open("/account/orders").await.expect(200).text();
    assert!(first.contains("Order 1013") && !first.contains("Order 1001<"), "{first}");
    assert!(first.contains("href=\"/account/orders?page=2\""), "{first}");
    let second = visitor.open("/account/orders?page=2").await.expect(200).text();
    assert!(second.contains("Order 1001<") && !second.contains("Order 1013"), "{second}");
    leads_to(visitor.open("/account/orders?page=9").await, "/account/orders?page=2");
}

const HOUSE: [(&str, &str); 5] = [
    ("country", "GB"),
    ("name", "Ada \"<b>\" Lovelace"),
    ("line1", "12 Market Street"),
    ("city", "Springfield"),
    ("postalCode", "SW1A 1AA"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_address_book_is_kept_on_its_page() {
    let (shop, access) = open().await;
    let mut visitor = browser(&shop, ADA).await;
    let path = "/account/addresses";
    let refused = visitor.send(path, &[("country", "XX"), ("name", " "), ("city", "Rome")]).await;
    let html = refused.expect(422).text();
    for field in ["country", "name", "line1"] {
        assert!(html.contains(&format!("href=\"#{field}\"")), "{field}: {html}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
    assert!(html.contains("value=\"Rome\""), "what was typed is kept: {html}");
    // Another country has other fields, and nothing is kept for asking.
    let asked = [("country", "US"), ("name", "Ada"), ("refresh", "1")];
    let fields = visitor.send(path, &asked).await.expect(200).text();
    for part in ["ZIP code", "New York", "value=\"Ada\""] {
        assert!(fields.contains(part) && !fields.contains("-error\""), "{part}: {fields}");
    }
    leads_to(visitor.send(path, &HOUSE).await, path);
    // Sent twice, it is kept once.
    leads_to(visitor.send(path, &HOUSE).await, path);
    let mut work = vec![("country", "DE"), ("name", "Ada"), ("line1", "Hauptstr. 1")];
    work.extend([("city", "Berlin"), ("postalCode", "1011")]);
    let refused = visitor.send(path, &work).await.expect(422).text();
    assert!(refused.contains("A postal code there looks like"), "{refused}");
    *work.last_mut().unwrap() = ("postalCode", "10115");
    leads_to(visitor.send(path, &work).await, path);
    let book = visitor.open(path).await.expect(200).text();
    assert!(book.contains("United Kingdom") && book.contains("Germany"), "{book}");
    assert!(!book.contains("<b>"), "{book}");
    let own = || async {
        let list = shop.get("/v1/users/me/addresses").bearer(&access).send().await.expect(200);
        list.json()["data"].as_array().unwrap().clone()
    };
    let saved = own().await;
    assert_eq!((saved.len(), &saved[0]["isDefault"]), (2, &json!(true)));
    let (first, second) = (text(&saved[0], "addressId"), text(&saved[1], "addressId"));
    leads_to(visitor.send(&format!("{path}/{second}/first"), &[]).await, path);
    assert_eq!(own().await[1]["isDefault"], true);
    let form = visitor.open(&format!("{path}/{first}")).await.expect(200).text();
    assert!(
        form.contains("value=\"12 Market Street\"") && form.contains("value=\"GB\" selected"),
        "{form}"
    );
    let mut moved = vec![("country", "GB"), ("name", "Ada"), ("line1", "7 Mill Lane")];
    moved.extend([("city", "Hull"), ("postalCode", "HU1 1AA")]);
    leads_to(visitor.send(&format!("{path}/{first}"), &moved).await, path);
    assert_eq!(own().await[0]["line1"], "7 Mill Lane");
    // Another customer's is not there.
    customer(&shop, "eve@example.com").await;
    let mut eve = browser(&shop, "eve@example.com").await;
    eve.open(&format!("{path}/{first}")).await.expect(404);
    for (path, fields) in [
        (format!("{path}/{first}"), &moved[..]),
        (format!("{path}/{first}/remove"), &[]),
        (format!("{path}/{first}/first"), &[]),
    ] {
        eve.send(&path, fields).await.expect(404);
    }
    leads_to(visitor.send(&format!("{path}/{second}/remove"), &[]).await, path);
    assert_eq!(own().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_needs_the_current_one_and_ends_other_logins() {
    let (shop, access) = open().await;
    let mut visitor = browser(&shop, ADA).await;
    let mut elsewhere = browser(&shop, ADA).await;
    let path = "/account/security/password";
    let new = "marble lantern quarry";
    let wrong = visitor.send(path, &[("currentPassword", "wrong"), ("password", new)]).await;
    let html = wrong.expect(422).text();
    assert!(html.contains("id=\"currentPassword-error\"") && !html.contains(new), "{html}");
    let weak =
        visitor.send(path, &[("currentPassword", PASSWORD), ("password", "password1")]).await;
    assert!(weak.expect(422).text().contains("id=\"password-error\""));
    let none = visitor.send(path, &[("currentPassword", PASSWORD)]).await;
    assert!(none.expect(422).text().contains("<span>The new password is required.</span>"));
    elsewhere.open("/account/orders").await.expect(200);
    let right = [("currentPassword", PASSWORD), ("password", new)];
    leads_to(visitor.send(path, &right).await, "/account/security?done=password");
    let page = visitor.open("/account/security?done=password").await.expect(200).text();
    assert!(page.contains("Your password is changed"), "{page}");
    elsewhere.open("/account/orders").await.expect(303);
    shop.get("/v1/users/me").bearer(&access).send().await.expect(401);
    login(&shop, ADA, new).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_listed_and_each_of_ones_own_can_be_ended() {
    let (shop, access) = open().await;
    let mut visitor = browser(&shop, ADA).await;
    let mut elsewhere = browser(&shop, ADA).await;
    let page = visitor.open("/account/security").await.expect(200).text();
    assert!(page.contains("This browser") && page.contains("From 127.0.0.1"), "{page}");
    let sessions = shop.get("/v1/users/me/sessions").bearer(&access).send().await.expect(200);
    let all = sessions.json()["data"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3);
    let ends: Vec<&str> = page
        .match_indices("/account/security/sessions/")
        .map(|(at, _)| page[at..].split_once('"').unwrap().0)
        .collect();
    assert_eq!(ends.len(), 2, "the one that is shown has no button");
    // Nobody ends somebody else's.
    customer(&shop, "eve@example.com").await;
    browser(&shop, "eve@example.com").await.send(ends[0], &[]).await.expect(404);
    for end in ends {
        leads_to(visitor.send(end, &[]).await, "/account/security");
    }
    elsewhere.open("/account/orders").await.expect(303);
    shop.get("/v1/users/me").bearer(&access).send().await.expect(401);
    visitor.open("/account/orders").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_takes_their_data_along_and_has_it_forgotten() {
    let (shop, access) = open().await;
    let order = bought(&shop, &access).await;
    let mut visitor = browser(&shop, ADA).await;
    visitor.open("/p/mug").await.expect(200);
    visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(303);
    visitor.open("/account/data").await.expect(200);
    let file = visitor.send("/account/data/export", &[]).await.expect(200);
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"my-data.json\"");
    assert_eq!(file.header("cache-control"), "no-store");
    let file = file.json();
    assert_eq!(
        (&file["user"]["email"], &file["orders"][0]["orderId"]),
        (&json!(ADA), &order["orderId"])
    );

    assert_eq!(file["cart"]["items"][0]["sku"], "MUG");
    let path = "/account/data/erase";
    for (fields, at) in [
        (&[("sure", "yes")][..], "password"),
        (&[("password", "wrong"), ("sure", "yes")], "password"),
        (&[("password", PASSWORD)], "sure"),
    ] {
        let html = visitor.send(path, fields).await.expect(422).text();
        assert!(html.contains(&format!("id=\"{at}-error\"")), "{at}: {html}");
        assert!(html.contains("<title>Error: Your data"), "{at}: {html}");
    }
    me(&shop, &access).await;
    let sure = [("password", PASSWORD), ("sure", "yes")];
    leads_to(visitor.send(path, &sure).await, "/account/forgotten");
    assert!(visitor.cookies.is_empty(), "{:?}", visitor.cookies);
    visitor.open("/account/forgotten").await.expect(200);
    shop.get("/v1/users/me").bearer(&access).send().await.expect(401);
    login(&shop, ADA, PASSWORD).await.expect(401);
    let path = format!("/v1/orders/{}", text(&order, "orderId"));
    let kept = shop.get(&path).staff().send().await.expect(200).json();
    assert_eq!((&kept["email"], &kept["number"]), (&Value::Null, &json!(1001)));
}
