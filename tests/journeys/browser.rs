//! Browsers: a session in a cookie, and everything that another site could have a browser do with it.

use crate::goods::{by_hand, fill, shelve, text, with_token};
use crate::people::{self, PASSWORD, mailbox};
use crate::testshop::{Answer, Request, TestShop};
use mercat::actors::pools::Password;
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use mercat::domain::staff::Role;
use mercat::storage::{Direction, Table};
use reqwest::Method;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::time::Duration;

const ADMIN: &str = "admin@shop.example";
const ADMINS: &str = "correct horse battery staple";
/// How long a test waits for what must come, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

const SESSION: &str = "/v1/auth/session";

/// A browser: keeps its cookie, and reads the CSRF token of the page that it shows.
pub struct Browser<'a> {
    shop: &'a TestShop,
    /// As it is sent: name and value.
    pub cookie: String,
    pub csrf: String,
}

impl<'a> Browser<'a> {
    /// One in which nobody is logged in.
    pub async fn open(shop: &'a TestShop) -> Browser<'a> {
        let mut browser = Browser { shop, cookie: String::new(), csrf: String::new() };
        let page = shop.get(SESSION).send().await.expect(200);
        assert_eq!(page.json()["user"], Value::Null);
        browser.take(&page);
        browser
    }

    pub async fn logged_in(shop: &'a TestShop, email: &str, password: &str) -> Browser<'a> {
        let mut browser = Browser::open(shop).await;
        browser.log_in(email, password).await.expect(200);
        browser
    }

    /// Does what the answer says to cookie and token.
    pub fn take(&mut self, answer: &Answer) {
        if let Some(cookie) = cookie_of(answer) {
            self.cookie = cookie;
        }
        if let Some(token) = answer.json()["csrfToken"].as_str() {
            self.csrf = token.to_owned();
        }
    }

    pub async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        let answer = self.ask(Method::POST, SESSION).json(body).send().await;
        if answer.status == 200 {
            self.take(&answer);
        }
        answer
    }

    /// Asks as a script of one of our own pages does.
    pub fn ask(&self, method: Method, path: &str) -> Request {
        let request = self.bare(method.clone(), path);
        if method == Method::GET { request } else { request.header("x-csrf-token", &self.csrf) }
    }

    /// Asks with the cookie alone, as any site can have a browser do.
    fn bare(&self, method: Method, path: &str) -> Request {
        self.shop.request(method, path).header("cookie", &format!("theme=dark; {}", self.cookie))
    }

    pub fn get(&self, path: &str) -> Request {
        self.ask(Method::GET, path)
    }

    /// The e-mail address of whoever is logged in.
    async fn user(&self) -> Option<String> {
        let seen = self.get(SESSION).send().await.expect(200).json();
        seen["user"]["email"].as_str().map(str::to_owned)
    }

    /// Panics unless the session has ended.
    async fn is_out(&self) {
        assert_eq!(self.user().await, None);
        self.get("/v1/users/me").send().await.problem(401, "unauthenticated");
        self.ask(Method::PUT, "/v1/users/me")
            .json(json!({ "name": "Eve" }))
            .send()
            .await
            .problem(401, "unauthenticated");
        // Whoever comes back late is a guest, and not turned away.
        self.get("/v1/products").send().await.expect(200);
    }
}

/// Name and value of the cookie that an answer sets.
fn cookie_of(answer: &Answer) -> Option<String> {
    let set = answer.headers.get("set-cookie")?.to_str().unwrap();
    Some(set.split(';').next().unwrap().to_owned())
}

fn value(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1
}

async fn plain(known_as: &str) -> TestShop {
    TestShop::with(|config| config.public_url = Some(known_as.to_owned())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_of_a_session_is_for_this_host_over_tls_and_no_script() {
    for (known_as, name, secure) in [
        ("https://shop.example", "__Host-mercat", "; Secure"),
        ("http://shop.example", "__Host-mercat", "; Secure"),
        ("http://127.0.0.1", "mercat", ""),
    ] {
        let shop = plain(known_as).await;
        let first = shop.get(SESSION).send().await.expect(200);
        assert_eq!(first.header("cache-control"), "no-store");
        let set = first.header("set-cookie");
        assert!(set.starts_with(&format!("{name}=mcb_")), "{set}");
        assert!(set.ends_with(&format!("; Path=/; HttpOnly; SameSite=Lax{secure}")), "{set}");
        let mut browser = Browser::open(&shop).await;
        let answer = browser.log_in(ADMIN, ADMINS).await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let set = answer.header("set-cookie");
        let rest = format!("; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax{secure}");
        assert!(set.starts_with(&format!("{name}=mct_")) && set.ends_with(&rest), "{set}");
        let body = answer.json();
        assert_eq!(
            (&body["user"]["email"], &body["user"]["role"]),
            (&json!(ADMIN), &json!("admin"))
        );
        // The token of the page is not the secret in the cookie, nor is that anywhere in the page.
        assert!(!answer.text().contains(value(&browser.cookie)));
        browser.get("/v1/orders").send().await.expect(200);
        assert_eq!(browser.user().await.as_deref(), Some(ADMIN));
        // Nothing is set again that is there.
        let again = browser.get(SESSION).send().await.expect(200);
        assert_eq!(again.header("set-cookie"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_were_made_for_a_cookie_are_kept_by_no_shared_cache() {
    let shop = TestShop::open().await;
    let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    for path in ["/v1/products", "/v1/orders", "/v1/users/me", "/v1/carts/cart-nothing"] {
        let answer = browser.get(path).send().await;
        let kept = answer.header("cache-control");
        assert!(matches!(kept, "private" | "no-store"), "{path}: {kept}");
        assert!(answer.header("vary").contains("cookie"), "{path}: {}", answer.header("vary"));
    }
    let guest = shop.get("/v1/products").send().await;
    assert_eq!((guest.header("cache-control"), guest.header("vary")), ("", "accept-encoding"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_needs_the_token_of_its_own_session() {
    let shop = TestShop::open().await;
    let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let other = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let nobody = Browser::open(&shop).await;
    let path = "/v1/categories";
    let make = || browser.bare(Method::POST, path).json(json!({ "name": "Home" }));
    make().send().await.problem(403, "csrf");
    let wrong = [
        String::new(),
        "wrong".into(),
        other.csrf.clone(),
        nobody.csrf.clone(),
        browser.csrf[1..].to_owned(),
        value(&browser.cookie).to_owned(),
    ];
    for token in wrong {
        make().header("x-csrf-token", &token).send().await.problem(403, "csrf");
    }
    // In the wrong place, and twice.
    let form = format!("name=Home&csrf={}", browser.csrf);
    let in_query = browser.bare(Method::POST, &format!("{path}?csrf={}", browser.csrf));
    in_query.json(json!({ "name": "Home" })).send().await.problem(403, "csrf");
    let as_text = browser.bare(Method::POST, path).body("text/plain", form.clone());
    as_text.send().await.problem(403, "csrf");
    let twice = make().header("x-csrf-token", &browser.csrf).header("x-csrf-token", &browser.csrf);
    twice.send().await.problem(403, "csrf");
    // A form is looked into; that this path takes no forms is said to those who may ask.
    let as_form = |form: String| {
        browser.bare(Method::POST, path).body("application/x-www-form-urlencoded", form)
    };
    as_form("name=Home".into()).send().await.problem(403, "csrf");
    as_form(format!("csrf={}", other.csrf)).send().await.problem(403, "csrf");
    as_form(form).send().await.problem(415, "unsupported_media_type");
    // Every method that changes something.
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let path = if method == Method::PATCH { "/v1/inventory/X" } else { "/v1/categories/home" };
        browser.bare(method, path).json(json!({})).send().await.problem(403, "csrf");
    }
    let seen = shop.get(path).send().await.expect(200).json();
    assert_eq!(seen["data"], json!([]), "nothing came of any of it");
    make().header("x-csrf-token", &browser.csrf).send().await.expect(201);
    // A page that is older than another one goes on working.
    browser.get(SESSION).send().await.expect(200);
    let again = browser.ask(Method::POST, path).json(json!({ "name": "Away" }));
    again.send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_sends_is_refused_even_with_a_token() {
    let shop = plain("https://shop.example").await;
    let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let host = format!("https://{}", shop.address());
    let make =
        |name: &str| browser.ask(Method::POST, "/v1/categories").json(json!({ "name": name }));
    for foreign in
        ["https://evil.example", "null", "http://shop.example", "https://www.shop.example"]
    {
        make("Home").header("origin", foreign).send().await.problem(403, "csrf");
    }
    for site in ["cross-site", "same-site"] {
        make("Home").header("sec-fetch-site", site).send().await.problem(403, "csrf");
    }
    let seen = shop.get("/v1/categories").send().await.expect(200).json();
    assert_eq!(seen["data"], json!([]));
    let own = make("Home").header("origin", "https://shop.example");
    own.header("sec-fetch-site", "same-origin").send().await.expect(201);
    make("Away").header("origin", &host).send().await.expect(201);
    // Reading is not writing: a link from elsewhere leads in.
    let linked = browser.get("/v1/orders").header("sec-fetch-site", "cross-site");
    linked.send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_write_only_where_the_settings_trust_them_with_cookies() {
    const APP: &str = "https://app.shop.example";
    for (credentials, status) in [(false, 403), (true, 201)] {
        let shop = TestShop::with(|config| {
            config.public_url = Some("https://shop.example".into());
            config.cors.origins = vec![APP.into()];
            config.cors.credentials = credentials;
        });
        let shop = shop.await;
        let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
        let page = browser.get(SESSION).header("origin", APP).send().await.expect(200);
        let allowed = page.header("access-control-allow-credentials");
        assert_eq!(allowed, if credentials { "true" } else { "" });
        let make = || {
            let request = browser.bare(Method::POST, "/v1/categories").header("origin", APP);
            request.header("sec-fetch-site", "same-site").json(json!({ "name": "Home" }))
        };
        make().send().await.problem(403, "csrf");
        make().header("x-csrf-token", &browser.csrf).send().await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_counts_before_a_cookie_and_needs_no_other() {
    let shop = TestShop::open().await;
    people::customer(&shop, "ada@example.com").await;
    let browser = Browser::logged_in(&shop, "ada@example.com", PASSWORD).await;
    let make = || browser.bare(Method::POST, "/v1/categories").json(json!({ "name": "Home" }));
    make().header("origin", "https://evil.example").staff().send().await.expect(201);
    let seen = browser.get("/v1/users/me").staff().send().await.expect(200);
    assert_eq!((text(&seen.json(), "email"), seen.header("vary")), (ADMIN, "accept-encoding"));
    // And a bad one is an error, whatever the cookie would open.
    browser.get("/v1/users/me").bearer("mct_x").send().await.problem(401, "invalid_token");
    // Each is good in its own place alone.
    let session = value(&browser.cookie).to_owned();
    shop.get("/v1/users/me").bearer(&session).send().await.problem(401, "invalid_token");
    let tokens = people::login(&shop, "ada@example.com", PASSWORD).await.expect(200).json();
    for token in ["accessToken", "refreshToken"] {
        let cookie = format!("__Host-mercat={}", text(&tokens, token));
        let tried = shop.get("/v1/users/me").header("cookie", &cookie).send().await;
        tried.problem(401, "unauthenticated");
    }
    let plain_name = format!("mercat={session}");
    let tried = shop.get("/v1/users/me").header("cookie", &plain_name).send().await;
    tried.problem(401, "unauthenticated");
    let two = format!("{}; {}", browser.cookie, browser.cookie);
    let tried = shop.get("/v1/users/me").header("cookie", &two).send().await;
    tried.problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_in_by_another_site() {
    let shop = TestShop::open().await;
    let login = json!({ "email": ADMIN, "password": ADMINS });
    let browser = Browser::open(&shop).await;
    let other = Browser::open(&shop).await;
    let none = || shop.post(SESSION).json(login.clone());
    let with_cookie = || browser.bare(Method::POST, SESSION).json(login.clone());
    let tried = [
        none(),
        none().header("x-csrf-token", &browser.csrf),
        // A bearer token is no proof here: what comes of a login is a cookie.
        none().staff(),
        with_cookie(),
        with_cookie().header("x-csrf-token", &other.csrf),
        with_cookie()
            .header("x-csrf-token", &browser.csrf)
            .header("origin", "https://evil.example"),
        with_cookie().header("x-csrf-token", &browser.csrf).header("sec-fetch-site", "cross-site"),
        // A cookie that anybody could guess.
        none().header("cookie", "__Host-mercat=x").header("x-csrf-token", &browser.csrf),
    ];
    for request in tried {
        let refused = request.send().await;
        assert_eq!(refused.header("set-cookie"), "");
        refused.problem(403, "csrf");
    }
    // Nor is somebody logged out.
    let session = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    session.bare(Method::DELETE, SESSION).send().await.problem(403, "csrf");
    session.bare(Method::POST, "/v1/auth/logout").send().await.problem(403, "csrf");
    assert_eq!(session.user().await.as_deref(), Some(ADMIN));
    // Wrong passwords say what they say to programs.
    let mut browser = browser;
    let wrong = browser.log_in(ADMIN, "wrong").await;
    assert_eq!(wrong.header("set-cookie"), "");
    let unknown = browser.log_in("nobody@shop.example", "wrong").await;
    assert_eq!(wrong.bytes, unknown.bytes);
    wrong.problem(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_through_browsers_and_programs_count_together() {
    let shop = TestShop::open().await;
    let mut browser = Browser::open(&shop).await;
    for _ in 0..3 {
        browser.log_in(ADMIN, "wrong").await.problem(401, "bad_credentials");
    }
    for _ in 0..2 {
        people::login(&shop, ADMIN, "wrong").await.problem(401, "bad_credentials");
    }
    browser.log_in(ADMIN, ADMINS).await.problem(429, "rate_limited");
    shop.pass(Span::seconds(1));
    browser.log_in(ADMIN, ADMINS).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_brought_is_never_adopted() {
    let shop = TestShop::open().await;
    people::customer(&shop, "ada@example.com").await;
    // Made up by whoever planted it; a page of ours gave a token for it.
    let mut browser = Browser::open(&shop).await;
    for planted in [format!("mct_{}", "ab".repeat(32)), format!("mcb_{}", "ab".repeat(32))] {
        browser.cookie = format!("__Host-mercat={planted}");
        let page = browser.get(SESSION).send().await.expect(200);
        browser.take(&page);
        let before = browser.cookie.clone();
        browser.log_in("ada@example.com", PASSWORD).await.expect(200);
        assert_ne!(browser.cookie, before);
        for old in [before, format!("__Host-mercat={planted}")] {
            let seen = shop.get("/v1/users/me").header("cookie", &old).send().await;
            seen.problem(401, "unauthenticated");
        }
        assert_eq!(browser.user().await.as_deref(), Some("ada@example.com"));
    }
    // A live session of somebody else, planted: it ends, and its owner does not become Ada.
    let eve = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let mut ada = Browser { shop: &shop, cookie: eve.cookie.clone(), csrf: eve.csrf.clone() };
    ada.log_in("ada@example.com", PASSWORD).await.expect(200);
    assert_ne!(ada.cookie, eve.cookie);
    eve.is_out().await;
    assert_eq!(ada.user().await.as_deref(), Some("ada@example.com"));
    // So does one's own at the next login, and with it its token.
    let before = Browser { shop: &shop, cookie: ada.cookie.clone(), csrf: ada.csrf.clone() };
    ada.log_in("ada@example.com", PASSWORD).await.expect(200);
    before.is_out().await;
    let stale = ada.bare(Method::DELETE, SESSION).header("x-csrf-token", &before.csrf);
    stale.send().await.problem(403, "csrf");
    // A login that fails leaves what is there.
    ada.log_in("ada@example.com", "wrong").await.problem(401, "bad_credentials");
    assert_eq!(ada.user().await.as_deref(), Some("ada@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_session_and_no_other() {
    let shop = TestShop::open().await;
    let other = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    for (method, path) in [(Method::DELETE, SESSION), (Method::POST, "/v1/auth/logout")] {
        let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
        let gone = browser.ask(method.clone(), path).send().await.expect(204);
        if method == Method::DELETE {
            let cleared = "__Host-mercat=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
            assert_eq!(gone.header("set-cookie"), cleared);
        }
        browser.is_out().await;
        // Twice is once.
        browser.ask(Method::DELETE, SESSION).send().await.expect(204);
    }
    let shop = &shop;
    assert_eq!(other.user().await.as_deref(), Some(ADMIN));
    shop.get("/v1/orders").staff().send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_all_other_sessions() {
    let shop = TestShop::open().await;
    let email = "ada@example.com";
    people::customer(&shop, email).await;
    let own = Browser::logged_in(&shop, email, PASSWORD).await;
    let other = Browser::logged_in(&shop, email, PASSWORD).await;
    let bystander = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let change = json!({ "currentPassword": PASSWORD, "password": "lantern river copper" });
    own.ask(Method::PUT, "/v1/users/me").json(change).send().await.expect(200);
    other.is_out().await;
    assert_eq!(own.user().await.as_deref(), Some(email));
    // A mailed link says that the password was lost: then every session ends.
    let forgot = shop.post("/v1/auth/password/forgot").json(json!({ "email": email }));
    forgot.send().await.expect(202);
    let token = mailbox(&shop, email).await.token(MailKind::PasswordReset);
    let reset = json!({ "token": token, "password": PASSWORD });
    shop.post("/v1/auth/password/reset").json(reset).send().await.expect(204);
    own.is_out().await;
    assert_eq!(bystander.user().await.as_deref(), Some(ADMIN));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_ends_all_sessions() {
    let shop = TestShop::open().await;
    let (grace, password) = ("grace@shop.example", Password::from(ADMINS.to_owned()));
    let id = shop.shop.accounts.create_staff(grace, password, Role::Admin).await.unwrap();
    let browser = Browser::logged_in(&shop, grace, ADMINS).await;
    let member = format!("/v1/staff/{id}");
    let demote = shop.put(&member).staff().json(json!({ "role": "staff" }));
    demote.send().await.expect(200);
    browser.is_out().await;
    let browser = Browser::logged_in(&shop, grace, ADMINS).await;
    browser.get("/v1/staff").send().await.problem(403, "forbidden");
    shop.delete(&member).staff().send().await.expect(204);
    browser.is_out().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_like_other_logins() {
    let shop = TestShop::open().await;
    let email = "ada@example.com";
    people::customer(&shop, email).await;
    let own = Browser::logged_in(&shop, email, PASSWORD).await;
    let other = Browser::logged_in(&shop, email, PASSWORD).await;
    let listed = own.get("/v1/users/me/sessions").send().await.expect(200).json();
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 3, "two browsers and a program: {listed:#}");
    let current: Vec<&Value> = sessions.iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1);
    let seen = other.get("/v1/users/me/sessions").send().await.expect(200).json();
    let is_others = |one: &&Value| one["current"] == true;
    let others = seen["data"].as_array().unwrap().iter().find(is_others).unwrap();
    assert_ne!(others["sessionId"], current[0]["sessionId"]);
    let path = format!("/v1/users/me/sessions/{}", text(others, "sessionId"));
    own.ask(Method::DELETE, &path).send().await.expect(204);
    other.is_out().await;
    assert_eq!(own.user().await.as_deref(), Some(email));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_and_after_its_longest_life() {
    let shop = TestShop::open().await;
    let mut idle = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    shop.pass(Span::hours(2));
    idle.is_out().await;
    // The page that still shows can be used to log in again.
    idle.log_in(ADMIN, ADMINS).await.expect(200);
    let (cookie, csrf) = (idle.cookie.clone(), idle.csrf.clone());
    // Used again and again, also over a start of the shop, it lives as long as it may.
    let mut shop = shop;
    for hour in 1..24 {
        shop.pass(Span::hours(1));
        let busy = Browser { shop: &shop, cookie: cookie.clone(), csrf: csrf.clone() };
        assert_eq!(busy.user().await.as_deref(), Some(ADMIN), "after {hour} h");
        // The one writer has written that down before it does anything else.
        shop.shop.accounts.logout(&format!("mct_{}", "0".repeat(64))).await.unwrap();
        if hour == 12 {
            shop = shop.restarted().await;
        }
    }
    shop.pass(Span::hours(1));
    Browser { shop: &shop, cookie, csrf }.is_out().await;
}

/// All rows of tokens, as they lie on the disk.
fn tokens_kept(shop: &TestShop) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let snapshot = shop.shop.reads.snapshot().unwrap();
    let mut take = |key: &[u8], _: &[u8]| {
        rows.push(key.to_vec());
        ControlFlow::Continue(())
    };
    snapshot.scan(Table::Tokens, &[], None, Direction::Forward, &mut take).unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn hardly_any_use_of_a_session_is_written_down() {
    let shop = TestShop::open().await;
    let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let used = async || {
        for _ in 0..20 {
            assert!(browser.user().await.is_some());
        }
        shop.shop.accounts.logout(&format!("mct_{}", "0".repeat(64))).await.unwrap();
        tokens_kept(&shop)
    };
    let before = tokens_kept(&shop);
    shop.pass(Span::minutes(7));
    assert_eq!(used().await, before);
    shop.pass(Span::minutes(1));
    let after = used().await;
    assert_eq!(after.len(), before.len());
    assert_eq!(after.iter().filter(|row| !before.contains(row)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_customers_live_by_settings_of_their_own() {
    let shop = TestShop::with(|config| {
        config.sessions.customer_idle_days = 2;
        config.sessions.customer_days = 3;
    });
    let shop = shop.await;
    people::customer(&shop, "ada@example.com").await;
    let mut ada = Browser::open(&shop).await;
    let answer = ada.log_in("ada@example.com", PASSWORD).await.expect(200);
    assert!(answer.header("set-cookie").contains("; Max-Age=259200;"));
    shop.pass(Span::hours(47));
    assert_eq!(ada.user().await.as_deref(), Some("ada@example.com"));
    shop.pass(Span::hours(25));
    ada.is_out().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_ours_holds_the_token_and_one_of_others_does_not() {
    let shop = TestShop::open().await;
    people::customer(&shop, "ada@example.com").await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let browser = Browser::logged_in(&shop, "ada@example.com", PASSWORD).await;
    let place = async || {
        let cart = fill(&shop, &[("MUG", 1)]).await;
        let buy = shop.post(&format!("/v1/carts/{cart}/checkout")).key(&cart);
        let order = buy.json(with_token("tok_action")).send().await.expect(201).json();
        format!("/test-payments/{}", text(&order["payment"], "paymentId"))
    };
    let decide = |path: &str, form: String| {
        let request = browser.bare(Method::POST, path);
        request.body("application/x-www-form-urlencoded", form)
    };
    let path = place().await;
    let page = browser.get(&path).send().await.expect(200).text();
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a hidden field");
    let token = rest.split('"').next().unwrap();
    decide(&path, "outcome=decline".into()).send().await.problem(403, "csrf");
    let foreign = decide(&path, format!("csrf={token}&outcome=decline"));
    foreign.header("origin", "https://evil.example").send().await.problem(403, "csrf");
    assert!(browser.get(&path).send().await.text().contains("Confirm your payment"));
    decide(&path, format!("csrf={token}&outcome=approve")).send().await.expect(303);
    assert!(browser.get(&path).send().await.text().contains("Payment approved"));
    // A guest's browser has nothing that another site could misuse.
    let path = place().await;
    assert!(!shop.get(&path).send().await.text().contains("csrf"));
    let form = shop.post(&path).body("application/x-www-form-urlencoded", "outcome=approve");
    form.send().await.expect(303);
    assert!(shop.get(&path).send().await.text().contains("Payment approved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_buys_in_a_browser_needs_the_token_too() {
    let shop = TestShop::open().await;
    people::customer(&shop, "ada@example.com").await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let browser = Browser::logged_in(&shop, "ada@example.com", PASSWORD).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}/checkout");
    let bare = browser.bare(Method::POST, &path).key("1").json(by_hand());
    bare.send().await.problem(403, "csrf");
    browser.ask(Method::POST, &path).key("1").json(by_hand()).send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_ends_with_the_session_that_opened_it() {
    let shop = TestShop::open().await;
    let browser = Browser::logged_in(&shop, ADMIN, ADMINS).await;
    let stream = browser.get("/v1/events/stream").open().await;
    assert_eq!(stream.status().as_u16(), 200);
    browser.ask(Method::DELETE, SESSION).send().await.expect(204);
    shelve(&shop, &[("MUG", 100, 5)]).await;
    // It has an end now; what it said before is of no concern.
    tokio::time::timeout(PATIENCE, stream.bytes()).await.expect("the stream ends").unwrap();
}
