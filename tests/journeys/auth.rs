//! Logging in and out, and who may ask for what.

use crate::goods::{paid_order, shelve, text};
use crate::testshop::{Answer, TestShop};
use mercat::domain::Span;
use reqwest::Method;
use serde_json::{Value, json};

const EMAIL: &str = "admin@shop.example";
const PASSWORD: &str = "correct horse battery staple";

async fn login(shop: &TestShop, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    shop.post("/v1/auth/login").json(body).send().await
}

async fn refresh(shop: &TestShop, token: &str) -> Answer {
    shop.post("/v1/auth/refresh").json(json!({ "refreshToken": token })).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_gives_tokens_that_work_until_they_run_out() {
    let shop = TestShop::open().await;
    let granted = login(&shop, "Admin@Shop.example", PASSWORD).await.expect(200);
    assert_eq!(granted.header("cache-control"), "no-store");
    let tokens = granted.json();
    assert_eq!((&tokens["tokenType"], &tokens["expiresIn"]), (&json!("Bearer"), &json!(3_600)));
    let access = text(&tokens, "accessToken");
    shop.get("/v1/orders").bearer(access).send().await.expect(200);
    // A refresh token is no access token.
    let refresh = text(&tokens, "refreshToken");
    shop.get("/v1/orders").bearer(refresh).send().await.problem(401, "invalid_token");
    shop.pass(Span::seconds(3_600));
    let expired = shop.get("/v1/orders").bearer(access).send().await;
    assert!(expired.header("www-authenticate").contains("invalid_token"));
    expired.problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_whether_an_address_is_known() {
    let shop = TestShop::open().await;
    let wrong = login(&shop, EMAIL, "wrong").await;
    let unknown = login(&shop, "nobody@shop.example", "wrong").await;
    assert_eq!(wrong.bytes, unknown.bytes);
    wrong.problem(401, "bad_credentials");
    unknown.problem(401, "bad_credentials");
    let body = json!({ "email": "x", "password": "" });
    let refused = shop.post("/v1/auth/login").json(body).send().await;
    assert_eq!(refused.faults(422), ["/email", "/password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_exchanged_once() {
    let shop = TestShop::open().await;
    let first = login(&shop, EMAIL, PASSWORD).await.expect(200).json();
    let second = refresh(&shop, text(&first, "refreshToken")).await.expect(200).json();
    let access = text(&second, "accessToken");
    shop.get("/v1/orders").bearer(access).send().await.expect(200);
    // A copy shows up: the whole login ends.
    refresh(&shop, text(&first, "refreshToken")).await.problem(401, "invalid_token");
    shop.get("/v1/orders").bearer(access).send().await.problem(401, "invalid_token");
    refresh(&shop, text(&second, "refreshToken")).await.problem(401, "invalid_token");
    refresh(&shop, "nonsense").await.problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_login_at_once_and_no_other() {
    let shop = TestShop::open().await;
    let [one, other] = [
        login(&shop, EMAIL, PASSWORD).await.expect(200).json(),
        login(&shop, EMAIL, PASSWORD).await.expect(200).json(),
    ];
    let access = text(&one, "accessToken");
    shop.post("/v1/auth/logout").bearer(access).send().await.expect(204);
    shop.get("/v1/orders").bearer(access).send().await.problem(401, "invalid_token");
    shop.post("/v1/auth/logout").bearer(access).send().await.problem(401, "invalid_token");
    refresh(&shop, text(&one, "refreshToken")).await.problem(401, "invalid_token");
    shop.get("/v1/orders").bearer(text(&other, "accessToken")).send().await.expect(200);
    shop.post("/v1/auth/logout").send().await.problem(401, "unauthenticated");
}

/// Every operation of the document that asks for a token.
async fn staff_routes(shop: &TestShop) -> Vec<(Method, String)> {
    let document = shop.get("/openapi.json").send().await.expect(200).json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let ways = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
            // An empty way in is one without a token.
            if !ways.is_empty() && !ways.contains(&json!({})) {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                routes.push((method, path.clone()));
            }
        }
    }
    routes
}

/// The path with something in place of its parameters that names nothing.
fn probe(template: &str) -> String {
    let segment = |part: &str| if part.starts_with('{') { "nothing" } else { part }.to_owned();
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_staff_is_turned_away_before_anything_is_looked_at() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = text(&shop.post("/v1/carts").send().await.expect(201).json(), "cartId").to_owned();
    let routes = staff_routes(&shop).await;
    assert!(routes.len() >= 12, "{routes:?}");
    for (method, template) in routes {
        let path = probe(&template);
        let ask = || shop.request(method.clone(), &format!("{path}?nonsense=1"));
        let nobody = ask().send().await;
        assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"mercat\"", "{path}");
        nobody.problem(401, "unauthenticated");
        ask().bearer("mct_made-up").send().await.problem(401, "invalid_token");
        ask().header("authorization", "Basic eDp5").send().await.problem(401, "invalid_token");
        // A cart's key opens its own order, and is no staff's.
        let guest = ask().bearer(&cart).send().await;
        if template.starts_with("/v1/orders/{orderId}") && method == Method::GET {
            guest.problem(404, "not_found");
        } else {
            guest.problem(403, "forbidden");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reads_the_order_that_their_cart_became_and_no_other() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let (mine, theirs) = (paid_order(&shop, "MUG").await, paid_order(&shop, "MUG").await);
    let cart_of = |order: &Value| {
        let id = text(order, "orderId").parse().unwrap();
        shop.shop.reads.order(id).unwrap().unwrap().1.placed.cart.to_string()
    };
    let key = cart_of(&mine);
    let path = |order: &Value| format!("/v1/orders/{}", text(order, "orderId"));
    let seen = shop.get(&path(&mine)).bearer(&key).send().await.expect(200);
    assert_eq!(seen.json(), mine);
    shop.get(&format!("{}/events", path(&mine))).bearer(&key).send().await.expect(200);
    shop.get(&path(&theirs)).bearer(&key).send().await.problem(404, "not_found");
    let events = shop.get(&format!("{}/events", path(&theirs))).bearer(&key).send().await;
    events.problem(404, "not_found");
    shop.get(&path(&mine)).bearer(&cart_of(&theirs)).send().await.problem(404, "not_found");
    shop.get(&path(&mine)).send().await.problem(401, "unauthenticated");
    let cancel = format!("{}/cancel", path(&mine));
    shop.post(&cancel).bearer(&key).send().await.problem(403, "forbidden");
    shop.get(&path(&theirs)).staff().send().await.expect(200);
}
