//! Coming in by the shop's pages: an account is made, proven, opened in one step or two, and its password
//! chosen anew. As a browser without scripts sees it.

use crate::people::{PASSWORD, customer, follow, mailbox, register};
use crate::testshop::{Answer, TestShop};
use crate::totp;
use crate::visitor::{Visitor, field};
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use serde_json::json;

const ADA: &str = "ada@example.com";
const LOGIN: &str = "/account/login";

/// Every page of an account that is somebody's own.
const OWN: [&str; 5] = [
    "/account",
    "/account/orders?page=1",
    "/account/addresses",
    "/account/security",
    "/account/data",
];

/// Opens the login and sends it.
pub async fn log_in(visitor: &mut Visitor<'_>, email: &str, password: &str, next: &str) -> Answer {
    visitor.open(LOGIN).await.expect(200);
    visitor.send(LOGIN, &[("email", email), ("password", password), ("next", next)]).await
}

#[track_caller]
fn leads_to(answer: Answer, path: &str) {
    assert_eq!(answer.expect(303).header("location"), path);
}

/// A form that was refused: nobody keeps it, its title says so, and the fault stands at its field.
#[track_caller]
fn is_refused(answer: Answer, field: &str, title: &str) -> String {
    let answer = answer.expect(422);
    assert_eq!(answer.header("cache-control"), "no-store");
    let html = answer.text();
    assert!(html.contains(&format!("<title>Error: {title} ·")), "{html}");
    assert!(html.contains(&format!("<a href=\"#{field}\">")), "{html}");
    assert!(html.contains(&format!("id=\"{field}-error\"")), "{html}");
    let (_, input) = html.split_once(&format!("<input id=\"{field}\"")).expect("the field");
    let input = input.split_once('>').unwrap().0;
    assert!(input.contains("aria-invalid=\"true\"") && input.contains("-error\""), "{input}");
    html
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_logged_in_is_sent_to_the_login_and_from_there_back() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    let front = shop.get("/").header("accept", "text/html").send().await.expect(200).text();
    assert!(front.contains("href=\"/account\""));
    for path in OWN {
        let mut visitor = Visitor::new(&shop);
        let sent = visitor.open(path).await.expect(303);
        let login = sent.header("location").to_owned();
        let asked = path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        assert_eq!(login, format!("{LOGIN}?next={asked}"));
        let page = visitor.open(&login).await.expect(200);
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.text().contains("content=\"noindex\""), "{path}");
        let next = field(&page.text(), "next").unwrap();
        assert_eq!(next, path);
        let form = [("email", ADA), ("password", PASSWORD), ("next", &next)];
        leads_to(visitor.send(LOGIN, &form).await, path);
        // Whoever is logged in needs no login.
        leads_to(visitor.open(&login).await, path);
        let page = visitor.open(if path == "/account" { "/account/orders" } else { path }).await;
        let page = page.expect(200);
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert!(page.header("vary").contains("cookie"), "{path}");
        assert!(page.header("etag").is_empty(), "{path}");
        assert!(page.text().contains("content=\"noindex\""), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_at_its_field_and_the_address_is_kept() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    let mut visitor = Visitor::new(&shop);
    let wrong = log_in(&mut visitor, ADA, "not the password", "/cart").await;
    let known = is_refused(wrong, "email", "Log in");
    assert!(known.contains("value=\"ada@example.com\"") && !known.contains("not the password"));
    assert_eq!(field(&known, "next").as_deref(), Some("/cart"));
    // Of an address that nobody has, the page says the same.
    let mut stranger = Visitor::new(&shop);
    let wrong = log_in(&mut stranger, "eve@example.com", "not the password", "/cart").await;
    let unknown = is_refused(wrong, "email", "Log in");
    let told = |html: &str| {
        let (_, main) = html.split_once("<main").unwrap();
        let main = main.replace("ada@example.com", "").replace("eve@example.com", "");
        let token = field(html, "csrf").unwrap();
        main.replace(&token, "")
    };
    assert_eq!(told(&known), told(&unknown));
    for (email, password, at) in
        [("ada", PASSWORD, "email"), (ADA, "", "password"), ("", "x", "email")]
    {
        is_refused(log_in(&mut visitor, email, password, "").await, at, "Log in");
    }
    // The tries are counted together with those of the API, and then everybody waits.
    for _ in 0..4 {
        log_in(&mut visitor, ADA, "not the password", "").await.expect(422);
    }
    let late = log_in(&mut visitor, ADA, PASSWORD, "").await.expect(429);
    assert!(!late.header("retry-after").is_empty());
    let body = json!({ "email": ADA, "password": PASSWORD });
    shop.post("/v1/auth/login").json(body).send().await.expect(429);
    shop.pass(Span::minutes(1));
    leads_to(log_in(&mut visitor, ADA, PASSWORD, "").await, "/account/orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_leads_nowhere_but_into_this_shop() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    for hostile in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\r\nset-cookie: a=b",
        "evil",
    ] {
        let mut visitor = Visitor::new(&shop);
        let encoded =
            percent_encoding::utf8_percent_encode(hostile, percent_encoding::NON_ALPHANUMERIC);
        let page = visitor.open(&format!("{LOGIN}?next={encoded}")).await.expect(200).text();
        assert!(!page.contains("evil") && field(&page, "next").is_none(), "{hostile:?}");
        leads_to(log_in(&mut visitor, ADA, PASSWORD, hostile).await, "/account/orders");
        leads_to(visitor.open(&format!("{LOGIN}?next={encoded}")).await, "/account/orders");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_an_account_is_taken_without_its_token() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    let mut visitor = Visitor::new(&shop);
    visitor.open(LOGIN).await.expect(200);
    let token = visitor.token.take();
    let form = [("email", ADA), ("password", PASSWORD)];
    visitor.send(LOGIN, &form).await.expect(403);
    assert!(
        visitor.open("/account/orders").await.expect(303).header("location").starts_with(LOGIN)
    );
    visitor.token = token;
    leads_to(visitor.send(LOGIN, &form).await, "/account/orders");
    // The token of the login is not that of the session.
    visitor.send("/account/logout", &[]).await.expect(403);
    visitor.open("/account/orders").await.expect(200);
    let own = visitor.token.clone();
    for (path, fields) in [
        ("/account/logout", &[][..]),
        (
            "/account/addresses",
            &[("name", "Eve"), ("line1", "1 Road"), ("city", "Rome"), ("country", "IT")],
        ),
        ("/account/data/erase", &[("password", PASSWORD), ("sure", "yes")]),
        (
            "/account/security/password",
            &[("currentPassword", PASSWORD), ("password", "marble lantern quarry")],
        ),
    ] {
        visitor.token = None;
        visitor.send(path, fields).await.expect(403);
        visitor.token = Some("A".repeat(86));
        visitor.send(path, fields).await.expect(403);
        visitor.token.clone_from(&own);
        // From another site, the right one does not help.
        let foreign = visitor.form(path, fields).header("sec-fetch-site", "cross-site");
        foreign.send().await.expect(403);
    }
    let book = visitor.open("/account/addresses").await.expect(200).text();
    assert!(book.contains("None yet"), "{book}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_and_proven_and_nobody_learns_who_has_one() {
    let shop = TestShop::open().await;
    let mut visitor = Visitor::new(&shop);
    let path = "/account/register";
    visitor.open(path).await.expect(200);
    let weak = visitor.send(path, &[("email", ADA), ("password", "password1")]).await;
    let html = is_refused(weak, "password", "Make an account");
    assert!(html.contains("value=\"ada@example.com\"") && !html.contains("password1"), "{html}");
    let short = visitor.send(path, &[("email", "ada"), ("password", "short")]).await;
    let html = is_refused(short, "email", "Make an account");
    assert!(
        html.contains("Two things are missing") && html.contains("id=\"password-error\""),
        "{html}"
    );
    let form = [("email", ADA), ("password", PASSWORD)];
    let made = visitor.send(path, &form).await.expect(303);
    // Once more, with the same address: the page says the same, and a mail tells its owner.
    let again = visitor.send(path, &form).await.expect(303);
    assert_eq!(made.header("location"), again.header("location"));
    assert!(!made.header("location").contains("ada"));
    let sent = visitor.open(made.header("location")).await.expect(200).text();
    assert!(sent.contains("Look in your mail") && !sent.contains(ADA), "{sent}");
    assert_eq!(mailbox(&shop, ADA).await.count(MailKind::AlreadyRegistered), 1);

    let token = mailbox(&shop, ADA).await.token(MailKind::Verification);
    let link = format!("/account/confirm?token={token}");
    let page = shop.get(&link).send().await.expect(200);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let html = page.text();
    assert!(html.contains("Acme &#38; Daughters") && html.contains("storefront.css"), "{html}");
    is_refused(follow(&shop, &link, "a guess of theirs").await, "password", "Confirm your address");
    leads_to(log_in(&mut visitor, ADA, PASSWORD, "").await, "/account/orders");
    let orders = visitor.open("/account/orders").await.expect(200).text();
    assert!(orders.contains("Your address is not confirmed yet"), "{orders}");
    leads_to(visitor.send("/account/verification", &[]).await, "/account/sent?of=address");
    let done = follow(&shop, &link, PASSWORD).await.expect(200).text();
    assert!(done.contains("href=\"/account/login\""), "{done}");
    let orders = visitor.open("/account/orders").await.expect(200).text();
    assert!(!orders.contains("not confirmed") && orders.contains("No orders yet"), "{orders}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_chosen_anew_by_a_link_and_nobody_learns_who_has_an_account() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    let mut elsewhere = Visitor::new(&shop);
    log_in(&mut elsewhere, ADA, PASSWORD, "").await.expect(303);
    let mut visitor = Visitor::new(&shop);
    let path = "/account/forgot";
    visitor.open(path).await.expect(200);
    is_refused(visitor.send(path, &[("email", "ada")]).await, "email", "Forgot password");
    let known = visitor.send(path, &[("email", ADA)]).await.expect(303);
    let unknown = visitor.send(path, &[("email", "eve@example.com")]).await.expect(303);
    assert_eq!(known.header("location"), unknown.header("location"));
    let sent = visitor.open(known.header("location")).await.expect(200).text();
    assert!(sent.contains("If the address is known to us"), "{sent}");
    assert_eq!(mailbox(&shop, "eve@example.com").await.total(), 0);

    let token = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    let link = format!("/account/new-password?token={token}");
    is_refused(follow(&shop, &link, "password1").await, "password", "Choose a new password");
    let other = "marble & lantern + quarry";
    follow(&shop, &link, other).await.expect(200);
    let used = follow(&shop, &link, PASSWORD).await.expect(410).text();
    assert!(used.contains("good no more") && used.contains("href=\"/account/forgot\""), "{used}");
    // Everybody who was logged in is out.
    elsewhere.open("/account/orders").await.expect(303);
    log_in(&mut visitor, ADA, PASSWORD, "").await.expect(422);
    leads_to(log_in(&mut visitor, ADA, other, "/cart").await, "/cart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_session_at_once() {
    let shop = TestShop::open().await;
    customer(&shop, ADA).await;
    let mut visitor = Visitor::new(&shop);
    log_in(&mut visitor, ADA, PASSWORD, "").await.expect(303);
    visitor.open("/account/orders").await.expect(200);
    let before = visitor.cookies.clone();
    leads_to(visitor.send("/account/logout", &[]).await, "/");
    assert!(visitor.cookies.is_empty(), "{:?}", visitor.cookies);
    visitor.open("/account/orders").await.expect(303);
    visitor.cookies = before;
    visitor.open("/account/orders").await.expect(303);
}

/// What the second step asks for, with a password that is right.
async fn half_way<'a>(shop: &'a TestShop, next: &str) -> Visitor<'a> {
    let mut visitor = Visitor::new(shop);
    let asked = log_in(&mut visitor, totp::GRACE, totp::PASSWORD, next).await.expect(303);
    let to = asked.header("location").to_owned();
    assert!(to.starts_with("/account/login/code"), "{to}");
    visitor.open(&to).await.expect(200);
    visitor
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_on_a_page_of_its_own() {
    let shop = TestShop::open().await;
    totp::hire(&shop).await;
    let access = totp::token(&shop, json!({})).await;
    let (seed, codes) = totp::enrol(&shop, &access, totp::PASSWORD).await;
    shop.pass(Span::seconds(60));
    let path = "/account/login/code";
    // Nobody comes to the second step but by the first.
    leads_to(Visitor::new(&shop).open(path).await, LOGIN);
    let mut visitor = Visitor::new(&shop);
    log_in(&mut visitor, totp::GRACE, "wrong", "").await.expect(422);
    leads_to(visitor.open(path).await, LOGIN);

    let mut visitor = half_way(&shop, "/cart").await;
    let page = visitor.open(&format!("{path}?next=/cart")).await.expect(200);
    assert_eq!(
        (page.header("cache-control"), field(&page.text(), "next").as_deref()),
        ("no-store", Some("/cart"))
    );
    // What the browser has by now opens nothing.
    visitor.open("/account/security").await.expect(303);
    is_refused(visitor.send(path, &[("code", "")]).await, "code", "Second step");
    is_refused(visitor.send(path, &[("code", "abcd-abcd")]).await, "code", "Second step");
    let code = totp::code(&shop, &seed);
    leads_to(
        visitor.send(path, &[("code", &code), ("next", "//evil.example")]).await,
        "/account/orders",
    );
    // Members of staff have no orders.
    leads_to(visitor.open("/account/orders").await, "/account/security");
    visitor.open("/account/security").await.expect(200);
    leads_to(visitor.open("/account/data").await, "/account/security");
    // The code was used; a recovery code is good once, too.
    let mut other = half_way(&shop, "").await;
    is_refused(other.send(path, &[("code", &code)]).await, "code", "Second step");
    leads_to(other.send(path, &[("code", &codes[0]), ("next", "/cart")]).await, "/cart");
    let mut third = half_way(&shop, "").await;
    is_refused(third.send(path, &[("code", &codes[0])]).await, "code", "Second step");
    // The second step has its time.
    shop.pass(Span::minutes(5));
    leads_to(third.send(path, &[("code", &codes[1])]).await, LOGIN);
    // And it is of one password.
    let mut fourth = half_way(&shop, "").await;
    let change = json!({ "currentPassword": totp::PASSWORD, "password": "marble lantern quarry" });
    shop.put("/v1/users/me").bearer(&access).json(change).send().await.expect(200);
    leads_to(fourth.send(path, &[("code", &codes[2])]).await, LOGIN);
    // Nobody makes up what the first step gives.
    let step = fourth.cookies.iter_mut().find(|(name, _)| name.ends_with("-step")).unwrap().1;
    let last = step.pop().unwrap();
    step.push(if last == 'A' { 'B' } else { 'A' });
    leads_to(fourth.open(path).await, LOGIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_turned_on_and_off_on_the_page() {
    let shop = TestShop::open().await;
    totp::hire(&shop).await;
    let mut visitor = Visitor::new(&shop);
    log_in(&mut visitor, totp::GRACE, totp::PASSWORD, "").await.expect(303);
    let security = "/account/security";
    let factor = "/account/security/factor";
    let page = visitor.open(security).await.expect(200).text();
    assert!(page.contains("Second factor") && !page.contains("href=\"/account/orders\""), "{page}");
    is_refused(
        visitor.send(factor, &[("factorPassword", "wrong")]).await,
        "factorPassword",
        "Security",
    );
    let begun = visitor.send(factor, &[("factorPassword", totp::PASSWORD)]).await.expect(200);
    assert_eq!(begun.header("cache-control"), "no-store");
    let html = begun.text();
    let (_, rest) = html.split_once("<p class=\"secret\">").unwrap();
    let seed = rest.split_once('<').unwrap().0.replace(' ', "");
    // It is shown once.
    let page = visitor.open(security).await.expect(200).text();
    assert!(!page.contains("class=\"secret\""));
    let confirm = format!("{factor}/confirm");
    is_refused(visitor.send(&confirm, &[("code", "x")]).await, "code", "Security");
    let on =
        visitor.send(&confirm, &[("code", &totp::code(&shop, &seed))]).await.expect(200).text();
    assert!(on.contains("Write these codes down"), "{on}");
    let (_, rest) = on.split_once("<li class=\"num\">").unwrap();
    let code = rest.split_once('<').unwrap().0.to_owned();
    let page = visitor.open(security).await.expect(200).text();
    assert!(page.contains("Recovery codes left") && !page.contains(&code), "{page}");
    half_way(&shop, "").await;
    let remove = format!("{factor}/remove");
    let wrong = [("factorPassword", totp::PASSWORD), ("recovery", "abcd")];
    is_refused(visitor.send(&remove, &wrong).await, "recovery", "Security");
    let right = [("factorPassword", totp::PASSWORD), ("recovery", code.as_str())];
    leads_to(visitor.send(&remove, &right).await, "/account/security?done=factor");
    let mut other = Visitor::new(&shop);
    leads_to(log_in(&mut other, totp::GRACE, totp::PASSWORD, "").await, "/account/orders");
    // Customers are not asked for one.
    register(&shop, ADA).await.expect(202);
    let mut ada = Visitor::new(&shop);
    log_in(&mut ada, ADA, PASSWORD, "").await.expect(303);
    let page = ada.open(security).await.expect(200).text();
    assert!(!page.contains("Second factor"), "{page}");
    leads_to(ada.send(factor, &[("factorPassword", PASSWORD)]).await, security);
}
