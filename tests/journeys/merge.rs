//! A cart that was filled before a login and the one that the account has: they become one, once.

use crate::account::log_in;
use crate::goods::{buy, shelve, with_token};
use crate::people::{PASSWORD, customer, register};
use crate::testshop::TestShop;
use crate::visitor::Visitor;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";
const CART: &str = "__Host-mercat-cart";

async fn open() -> TestShop {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 50), ("POT", 9_900, 9), ("JUG", 700, 9)]).await;
    customer(&shop, ADA).await;
    shop
}

async fn put(visitor: &mut Visitor<'_>, sku: &str, quantity: u32) {
    // Its form holds the token of whoever looks.
    visitor.open(&format!("/p/{}", sku.to_lowercase())).await.expect(200);
    let fields = [("sku", sku), ("quantity", &quantity.to_string())];
    visitor.send("/cart/lines", &fields).await.expect(303);
}

async fn enter(visitor: &mut Visitor<'_>, email: &str) {
    log_in(visitor, email, PASSWORD, "/cart").await.expect(303);
    visitor.open("/cart").await.expect(200);
}

async fn leave(visitor: &mut Visitor<'_>) {
    visitor.open("/cart").await.expect(200);
    visitor.open("/account/orders").await.expect(200);
    visitor.send("/account/logout", &[]).await.expect(303);
}

fn cart(visitor: &Visitor<'_>) -> String {
    visitor.cookies.get(CART).cloned().unwrap_or_default()
}

/// What is in a cart, by SKU.
async fn lines(shop: &TestShop, cart: &str) -> BTreeMap<String, u64> {
    let cart = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    let line = |line: &Value| {
        (line["sku"].as_str().unwrap().to_owned(), line["quantity"].as_u64().unwrap())
    };
    cart["items"].as_array().unwrap().iter().map(line).collect()
}

fn held(lines: &[(&str, u64)]) -> BTreeMap<String, u64> {
    lines.iter().map(|(sku, quantity)| ((*sku).to_owned(), *quantity)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_picked_is_the_customers_after_the_login() {
    let shop = open().await;
    let mut visitor = Visitor::new(&shop);
    put(&mut visitor, "MUG", 2).await;
    let own = cart(&visitor);
    enter(&mut visitor, ADA).await;
    assert_eq!(cart(&visitor), own, "it becomes theirs as it is");
    // Another browser finds it, also before it has a cookie of the cart.
    let mut other = Visitor::new(&shop);
    enter(&mut other, ADA).await;
    assert_eq!(cart(&other), own);
    other.cookies.remove(CART);
    let page = other.open("/cart").await.expect(200).text();
    assert!(page.contains("The MUG") && page.contains("data-count>2<"), "{page}");
    put(&mut other, "POT", 1).await;
    assert_eq!(
        (cart(&other), lines(&shop, &own).await),
        (own.clone(), held(&[("MUG", 2), ("POT", 1)]))
    );
    // After the logout the browser shows an empty one, and the account keeps it.
    leave(&mut other).await;
    assert!(!other.cookies.contains_key(CART));
    let page = other.open("/cart").await.expect(200).text();
    assert!(page.contains("Your cart is empty"), "{page}");
    let shop = shop.restarted().await;
    let mut later = Visitor::new(&shop);
    enter(&mut later, ADA).await;
    assert_eq!(cart(&later), own);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_carts_become_one_once_however_often_it_is_asked_for() {
    let shop = open().await;
    let mut first = Visitor::new(&shop);
    put(&mut first, "MUG", 1).await;
    put(&mut first, "JUG", 1).await;
    enter(&mut first, ADA).await;
    let kept = cart(&first);
    let mut second = Visitor::new(&shop);
    put(&mut second, "MUG", 2).await;
    put(&mut second, "POT", 3).await;
    let guests = cart(&second);
    assert_ne!(kept, guests);
    // The answer to the first login was lost: the browser has what it had before.
    let before = second.cookies.clone();
    enter(&mut second, ADA).await;
    let all = held(&[("MUG", 3), ("JUG", 1), ("POT", 3)]);
    assert_eq!((cart(&second), lines(&shop, &kept).await), (kept.clone(), all.clone()));
    let page = second.open("/cart").await.expect(200).text();
    assert!(page.contains("data-count>7<"), "{page}");
    shop.get(&format!("/v1/carts/{guests}")).send().await.problem(404, "not_found");
    second.cookies = before.clone();
    enter(&mut second, ADA).await;
    assert_eq!((cart(&second), lines(&shop, &kept).await), (kept.clone(), all.clone()));
    let shop = shop.restarted().await;
    let mut third = Visitor::new(&shop);
    third.cookies = before;
    enter(&mut third, ADA).await;
    assert_eq!((cart(&third), lines(&shop, &kept).await), (kept.clone(), all.clone()));
    // A login by a script merges as well, and a logout by one leaves an empty cart.
    let mut fourth = Visitor::new(&shop);
    put(&mut fourth, "JUG", 1).await;
    let page = fourth.dressed(shop.get("/v1/auth/session")).send().await.expect(200).json();
    let token = page["csrfToken"].as_str().unwrap().to_owned();
    let body = json!({ "email": ADA, "password": PASSWORD });
    let login = fourth.dressed(shop.post("/v1/auth/session")).header("x-csrf-token", &token);
    let told = login.json(body).send().await.expect(200);
    fourth.take(&told);
    assert_eq!(cart(&fourth), kept);
    assert_eq!(lines(&shop, &kept).await["JUG"], 2);
    let token = told.json()["csrfToken"].as_str().unwrap().to_owned();
    let out = fourth.dressed(shop.delete("/v1/auth/session")).header("x-csrf-token", &token);
    fourth.take(&out.send().await.expect(204));
    assert!(!fourth.cookies.contains_key(CART));
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_the_same_moment_add_nothing_twice() {
    let shop = open().await;
    let mut first = Visitor::new(&shop);
    put(&mut first, "MUG", 1).await;
    enter(&mut first, ADA).await;
    let kept = cart(&first);
    let mut guest = Visitor::new(&shop);
    put(&mut guest, "POT", 2).await;
    guest.open("/account/login").await.expect(200);
    let fields = [("email", ADA), ("password", PASSWORD)];
    let all = (0..4).map(|_| guest.form("/account/login", &fields).send());
    for answer in futures_util::future::join_all(all).await {
        answer.expect(303);
    }
    enter(&mut guest, ADA).await;
    assert_eq!(
        (cart(&guest), lines(&shop, &kept).await),
        (kept.clone(), held(&[("MUG", 1), ("POT", 2)]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_a_customer_left_in_a_browser_is_not_the_next_ones() {
    let shop = open().await;
    register(&shop, EVE).await.expect(202);
    let mut ada = Visitor::new(&shop);
    put(&mut ada, "MUG", 2).await;
    enter(&mut ada, ADA).await;
    let adas = cart(&ada);
    // Her session has ended by itself; the browser's cart is still there for the next person.
    let mut eve = Visitor::new(&shop);
    eve.cookies.insert(CART.to_owned(), adas.clone());
    enter(&mut eve, EVE).await;
    assert_eq!(cart(&eve), "");
    eve.cookies.insert(CART.to_owned(), adas.clone());
    let page = eve.open("/cart").await.expect(200).text();
    assert!(page.contains("Your cart is empty"), "{page}");
    put(&mut eve, "POT", 1).await;
    assert_ne!(cart(&eve), adas);
    assert_eq!(lines(&shop, &adas).await, held(&[("MUG", 2)]));
    // A cart of her own is merged with nothing of hers.
    let eves = cart(&eve);
    leave(&mut eve).await;
    let mut again = Visitor::new(&shop);
    again.cookies.insert(CART.to_owned(), adas.clone());
    enter(&mut again, EVE).await;
    assert_eq!(cart(&again), eves);
    assert_eq!(lines(&shop, &adas).await, held(&[("MUG", 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_is_in_no_cart_any_more() {
    let shop = open().await;
    let mut first = Visitor::new(&shop);
    put(&mut first, "MUG", 2).await;
    enter(&mut first, ADA).await;
    let bought = cart(&first);
    buy(&shop, &bought, with_token("tok_visa")).await.expect(201);
    let mut second = Visitor::new(&shop);
    put(&mut second, "POT", 1).await;
    let guests = cart(&second);
    enter(&mut second, ADA).await;
    assert_eq!(cart(&second), guests);
    assert_eq!(lines(&shop, &guests).await, held(&[("POT", 1)]));
    // The browser in which it was bought goes on with that one.
    let page = first.open("/cart").await.expect(200).text();
    assert!(page.contains("The POT") && !page.contains("The MUG"), "{page}");
    // A cart in the middle of a payment stands still, and the login works all the same.
    put(&mut first, "JUG", 1).await;
    let mut third = Visitor::new(&shop);
    put(&mut third, "MUG", 1).await;
    let guests = cart(&third);
    buy(&shop, &cart(&first), with_token("tok_action")).await.expect(201);
    enter(&mut third, ADA).await;
    assert_eq!(cart(&third), guests);
}
