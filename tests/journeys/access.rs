//! Who may do what: every cell of the table of access, over HTTP, with real tokens.

use crate::browser::Browser;
use crate::goods::{fill, shelve, text, with_token};
use crate::openapi::Document;
use crate::testshop::TestShop;
use mercat::actors::pools::Password;
use mercat::domain::permission::Permission;
use mercat::domain::staff::Role;
use mercat::http::access::page::{Asker, Cell};
use mercat::http::access::rules::{ROWS, Row, Rule};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

const ADMIN: &str = "admin@shop.example";
const STAFF: &str = "staff@shop.example";
const CUSTOMER: &str = "ada@example.com";
const OTHER: &str = "eve@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A fresh token of an account that is there.
async fn login(shop: &TestShop, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD });
    let tokens = shop.post("/v1/auth/login").json(body).send().await.expect(200).json();
    text(&tokens, "accessToken").to_owned()
}

/// A key with these scopes.
async fn key(shop: &TestShop, scopes: impl Iterator<Item = Permission>) -> String {
    let scopes: Vec<&str> = scopes.map(Permission::name).collect();
    let body = json!({ "name": "a program", "scopes": scopes });
    let made = shop.post("/v1/api-keys").staff().json(body).send().await.expect(201).json();
    text(&made, "token").to_owned()
}

/// The path with the customer's order in place of an order, and else with something that names
/// nothing.
fn probe(row: &Row, order: &str) -> String {
    let segment = |part| match part {
        "{orderId}" => order,
        part if str::starts_with(part, "{") => "nothing",
        part => part,
    };
    row.path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// An order that the customer placed.
async fn order_of_the_customer(shop: &TestShop) -> String {
    shelve(shop, &[("MUG", 1_250, 5)]).await;
    let (cart, customer) = (fill(shop, &[("MUG", 1)]).await, login(shop, CUSTOMER).await);
    let buy = shop.post(&format!("/v1/carts/{cart}/checkout")).bearer(&customer).key("one");
    let placed = buy.json(with_token("tok_visa")).send().await.expect(201).json();
    text(&placed, "orderId").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_route_and_no_other() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let operations = document.operations();
    let routed: BTreeSet<String> =
        operations.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let named: BTreeSet<String> =
        ROWS.iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(named.len(), ROWS.len());
    let without: Vec<_> = routed.difference(&named).collect();
    assert!(without.is_empty(), "without a row: {without:?}");
    let pages: Vec<_> = named.difference(&routed).map(String::as_str).collect();
    let known = [
        "GET /",
        "GET /account",
        "GET /account/addresses",
        "GET /account/addresses/{addressId}",
        "GET /account/confirm",
        "GET /account/data",
        "GET /account/forgot",
        "GET /account/forgotten",
        "GET /account/invitation",
        "GET /account/login",
        "GET /account/login/code",
        "GET /account/new-password",
        "GET /account/orders",
        "GET /account/orders/{orderId}",
        "GET /account/register",
        "GET /account/security",
        "GET /account/sent",
        "GET /assets/{hash}/{*file}",
        "GET /c/{handle}",
        "GET /cart",
        "GET /checkout",
        "GET /collections/{handle}",
        "GET /docs",
        "GET /favicon.svg",
        "GET /feeds/google.xml",
        "GET /feeds/new.xml",
        "GET /live/stock",
        "GET /llms.txt",
        "GET /media/demo/{file}",
        "GET /media/{name}",
        "GET /openapi.json",
        "GET /orders/{orderId}",
        "GET /p/{handle}",
        "GET /pages/{handle}",
        "GET /robots.txt",
        "GET /search",
        "GET /sitemap.xml",
        "GET /test-payments/{paymentId}",
        "POST /account/addresses",
        "POST /account/addresses/{addressId}",
        "POST /account/addresses/{addressId}/first",
        "POST /account/addresses/{addressId}/remove",
        "POST /account/confirm",
        "POST /account/data/erase",
        "POST /account/data/export",
        "POST /account/forgot",
        "POST /account/invitation",
        "POST /account/login",
        "POST /account/login/code",
        "POST /account/logout",
        "POST /account/new-password",
        "POST /account/register",
        "POST /account/security/factor",
        "POST /account/security/factor/confirm",
        "POST /account/security/factor/remove",
        "POST /account/security/password",
        "POST /account/security/sessions/{sessionId}/end",
        "POST /account/verification",
        "POST /cart/lines",
        "POST /cart/lines/{sku}",
        "POST /cart/lines/{sku}/remove",
        "POST /checkout",
        "POST /test-payments/{paymentId}",
    ];
    assert_eq!(pages, known);
}

/// A shop with everybody in the table, and an order of the customer's.
async fn open() -> (TestShop, String) {
    let shop = TestShop::open().await;
    let password = Password::from(PASSWORD.to_owned());
    shop.shop.accounts.create_staff(STAFF, password, Role::Staff).await.unwrap();
    for email in [CUSTOMER, OTHER] {
        let body = json!({ "email": email, "password": PASSWORD });
        shop.post("/v1/auth/register").json(body).send().await.expect(202);
    }
    let order = order_of_the_customer(&shop).await;
    (shop, order)
}

#[track_caller]
fn is_as_the_table_says(row: &Row, asker: Asker, status: u16, place: &str) {
    assert!(status < 500, "{place} answered {status}");
    let refused = matches!(status, 401 | 403).then_some(status);
    match row.rule.cell(asker) {
        // It is there, and somebody else's.
        Cell::No(404) => assert_eq!(status, 404, "{place}"),
        Cell::No(expected) => assert_eq!(refused, Some(expected), "{place}"),
        Cell::Yes | Cell::Own => assert_eq!(refused, None, "{place} answered {status}"),
    }
    if let (Rule::OwnOrCart(_), Cell::Yes | Cell::Own) = (row.rule, row.rule.cell(asker)) {
        assert_eq!(status, 200, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_table_is_what_it_says() {
    let (shop, order) = open().await;
    for asker in Asker::ALL {
        let email = match asker {
            Asker::Customer => Some(CUSTOMER),
            Asker::OtherCustomer => Some(OTHER),
            Asker::Staff => Some(STAFF),
            Asker::Admin => Some(ADMIN),
            Asker::Nobody | Asker::KeyWithout | Asker::KeyWith => None,
        };
        let mut token = None;
        for row in ROWS {
            if let (Some(email), None) = (email, &token) {
                token = Some(login(&shop, email).await);
            }
            if let (Asker::KeyWithout | Asker::KeyWith, Some(scope)) = (asker, row.rule.scope()) {
                let has = |own: &Permission| (*own == scope) == (asker == Asker::KeyWith);
                token = Some(key(&shop, Permission::all().filter(has)).await);
            }
            let mut request = shop.request(row.method.parse().unwrap(), &probe(row, &order));
            if let Some(token) = &token {
                request = request.bearer(token);
            }
            if matches!(row.rule, Rule::Page | Rule::Form) {
                let browser = Browser::open(&shop).await;
                request = request.header("cookie", &browser.cookie);
                request = request.header("x-csrf-token", &browser.csrf);
            }
            // A stream's body has no end; its head says enough.
            let status = request.open().await.status().as_u16();
            let place = format!("{asker:?} {} {}", row.method, row.path);
            is_as_the_table_says(row, asker, status, &place);
            // A logout ends the login that it is sent with.
            if row.path == "/v1/auth/logout" && email.is_some() {
                token = None;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_session_opens_what_a_token_does_and_no_write_without_its_csrf_token() {
    let (shop, order) = open().await;
    for (asker, email) in [
        (Asker::Customer, CUSTOMER),
        (Asker::OtherCustomer, OTHER),
        (Asker::Staff, STAFF),
        (Asker::Admin, ADMIN),
    ] {
        let mut browser = Browser::logged_in(&shop, email, PASSWORD).await;
        for row in ROWS {
            let (method, path): (Method, _) = (row.method.parse().unwrap(), probe(row, &order));
            let place = format!("{asker:?} {} {}", row.method, row.path);
            if method != Method::GET && row.rule != Rule::Open {
                let bare = shop.request(method.clone(), &path).header("cookie", &browser.cookie);
                bare.send().await.expect(403);
            }
            let status = browser.ask(method, &path).open().await.status().as_u16();
            is_as_the_table_says(row, asker, status, &place);
            let ends =
                ["/v1/auth/logout", "/v1/auth/session", "/account/logout"].contains(&row.path);
            if ends && row.method != "GET" {
                browser = Browser::logged_in(&shop, email, PASSWORD).await;
            }
        }
    }
}
