//! How often who may ask, who asks, and what every answer tells the browser.

use crate::goods::text;
use crate::testshop::{Answer, TestShop};
use mercat::config::{BehindProxies, Config, RatesRow};
use mercat::domain::Span;
use reqwest::Method;
use serde_json::json;

/// So few a minute that no machine is slow enough to get another one meanwhile.
fn counted(config: &mut Config) {
    config.rates.on = true;
    config.rates.address =
        RatesRow { read: Some(2), write: Some(1), auth: Some(1), checkout: Some(1) };
    config.rates.account = RatesRow { read: Some(3), ..config.rates.address };
}

async fn login(shop: &TestShop, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    shop.post("/v1/auth/login").json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_is_told_when_to_come_again() {
    let shop = TestShop::with(counted).await;
    for left in [1, 0] {
        let answer = shop.get("/v1/products").send().await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"address-read\";q=2;w=60");
        let standing = format!("\"address-read\";r={left};t=");
        assert!(
            answer.header("ratelimit").starts_with(&standing),
            "{}",
            answer.header("ratelimit")
        );
    }
    let refused = shop.get("/v1/products").send().await;
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").starts_with("\"address-read\";r=0;t="));
    assert!(!refused.header("x-request-id").is_empty());
    refused.problem(429, "rate_limited");
    // Another class, and machines that look after the shop.
    shop.post("/v1/carts").json(json!({})).send().await.expect(201);
    shop.post("/v1/carts").json(json!({})).send().await.problem(429, "rate_limited");
    for path in ["/healthz", "/readyz", "/metrics", "/healthz", "/readyz", "/metrics"] {
        let answer = shop.get(path).send().await.expect(200);
        assert_eq!(answer.header("ratelimit"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_counted_by_itself_and_bad_credentials_by_their_address() {
    let shop = TestShop::with(counted).await;
    for _ in 0..2 {
        shop.get("/v1/orders").bearer("made-up").send().await.problem(401, "invalid_token");
    }
    shop.get("/v1/orders").bearer("made-up-too").send().await.problem(429, "rate_limited");
    for _ in 0..3 {
        let answer = shop.get("/v1/orders").staff().send().await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"account-read\";q=3;w=60");
    }
    shop.get("/v1/orders").staff().send().await.problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_another_account_each_time_gets_no_more_tries_for_it() {
    let shop = TestShop::with(counted).await;
    let forgot = || {
        let body = json!({ "email": "nobody@example.com" });
        shop.post("/v1/auth/password/forgot").json(body)
    };
    forgot().send().await.expect(202);
    let refused = forgot().staff().send().await;
    assert!(refused.header("ratelimit").starts_with("\"address-auth\";r=0;t="));
    refused.problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nobody_is_counted() {
    let shop = TestShop::open().await;
    for _ in 0..50 {
        let answer = shop.get("/v1/nothing").send().await.expect(404);
        assert_eq!(answer.header("ratelimit"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_comes_from_a_header_only_behind_a_proxy() {
    let ask = |shop: &TestShop, from: &str| {
        shop.get("/v1/nothing").header("x-forwarded-for", from).send()
    };
    let direct = TestShop::with(counted).await;
    for (from, expected) in [("192.0.2.1", 404), ("192.0.2.2", 404), ("192.0.2.3", 429)] {
        ask(&direct, from).await.expect(expected);
    }
    let behind = TestShop::with(|config| {
        counted(config);
        let trusted = vec!["127.0.0.0/8".to_owned(), "10.0.0.0/8".to_owned()];
        config.proxies = BehindProxies { trusted, ..BehindProxies::default() };
    });
    let behind = behind.await;
    for from in ["192.0.2.1", "192.0.2.2", "192.0.2.1, 10.0.0.1", "192.0.2.2"] {
        ask(&behind, from).await.expect(404);
    }
    // What the client itself wrote in front changes nothing.
    ask(&behind, "192.0.2.9, 192.0.2.1").await.expect(429);
    ask(&behind, "192.0.2.3").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_a_login_waits_and_the_account_is_not_locked() {
    let shop = TestShop::with(|config| {
        config.proxies.trusted = vec!["127.0.0.1".to_owned()];
    });
    let shop = shop.await;
    let from = |address: &str, email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        shop.post("/v1/auth/login").header("x-forwarded-for", address).json(body).send()
    };
    let (admin, password) = ("admin@shop.example", "correct horse battery staple");
    let mut told = Vec::new();
    for email in [admin, "nobody@shop.example"] {
        for _ in 0..5 {
            from("192.0.2.1", email, "wrong").await.problem(401, "bad_credentials");
        }
        let refused = from("192.0.2.1", email, "wrong").await;
        assert_eq!(refused.header("retry-after"), "1");
        told.push(refused.problem(429, "rate_limited"));
    }
    // Whether anybody has the address makes no difference.
    assert_eq!(told[0], told[1]);
    // Not even the right password is looked at; elsewhere it is.
    from("192.0.2.1", admin, password).await.problem(429, "rate_limited");
    from("192.0.2.2", admin, password).await.expect(200);
    shop.pass(Span::seconds(1));
    from("192.0.2.1", admin, "wrong").await.problem(401, "bad_credentials");
    assert_eq!(from("192.0.2.1", admin, "wrong").await.header("retry-after"), "2");
    shop.pass(Span::seconds(2));
    from("192.0.2.1", admin, password).await.expect(200);
    // All is forgotten with the right one.
    from("192.0.2.1", admin, "wrong").await.problem(401, "bad_credentials");
    from("192.0.2.1", admin, "wrong").await.problem(401, "bad_credentials");
    login(&shop, admin, password).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_denies_what_it_does_not_need() {
    let shop = TestShop::open().await;
    for path in ["/v1/products", "/v1/nothing", "/openapi.json", "/healthz"] {
        let answer = shop.get(path).send().await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("strict-transport-security"), "", "this shop has no TLS");
    }
    let page = shop.get("/docs").send().await.expect(200);
    let policy = page.header("content-security-policy").to_owned();
    for part in
        ["default-src 'none'", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.header("permissions-policy").contains("camera=()"));
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(!page.text().contains(" style="), "an inline style that no hash covers");
    let https = TestShop::with(|config| config.public_url = Some("https://shop.example".into()));
    let answer = https.await.get("/v1/products").send().await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sites_that_are_named_may_ask_from_a_browser() {
    let shop =
        TestShop::with(|config| config.cors.origins = vec!["https://a.example".into()]).await;
    let preflight = |origin: &str| {
        let asks = shop.request(Method::OPTIONS, "/v1/carts").header("origin", origin);
        asks.header("access-control-request-method", "POST").send()
    };
    let allowed = preflight("https://a.example").await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://a.example");
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    let refused = preflight("https://b.example").await.expect(405);
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let asked = shop.get("/v1/nothing").header("origin", "https://a.example").send().await;
    assert_eq!(asked.header("access-control-allow-origin"), "https://a.example");
    assert!(asked.header("access-control-expose-headers").contains("etag"));
    let vary: Vec<_> = asked.headers.get_all("vary").iter().collect();
    assert!(vary.iter().any(|value| *value == "origin"), "{vary:?}");
    let asked = shop.get("/v1/nothing").header("origin", "https://b.example").send().await;
    assert_eq!(asked.header("access-control-allow-origin"), "");
    assert_eq!(text(&asked.problem(404, "not_found"), "instance"), "/v1/nothing");
}
