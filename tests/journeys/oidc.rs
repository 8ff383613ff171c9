//! Signing in with an identity provider: the way there and back, and everything that somebody could
//! do on it. The provider is one of the tests' own, since a real one does not lie on demand; the
//! journey with a real one is in `real_oidc.rs`.

use crate::browser::Browser;
use crate::goods::text;
use crate::oidc_provider::{CLIENT, House, Lie, SECRET};
use crate::openapi::Document;
use crate::people::{login, me};
use crate::testshop::{Answer, START, TestShop};
use crate::totp;
use mercat::actors::pools::Password;
use mercat::domain::Span;
use mercat::domain::staff::Role;
use mercat::identity::settings::{For, ProviderRow, RoleName};
use mercat::storage::Table;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery staple";
const NOW_S: i64 = START.as_millis() / 1_000;

/// A provider as it stands in the settings.
pub fn row(id: &str, issuer: &str, whom: For) -> ProviderRow {
    ProviderRow {
        id: id.into(),
        name: "The house's own".into(),
        issuer: issuer.into(),
        client_id: CLIENT.into(),
        client_secret: Some(SECRET.to_owned().into()),
        scopes: None,
        r#for: whom,
        allow_domains: vec![],
        role: None,
    }
}

/// A shop whose staff sign in with a provider, in which the administrator is known.
async fn open() -> (TestShop, House) {
    let house = House::open(NOW_S).await;
    house.meets(admin());
    let staff = row("house", &house.issuer, For::Staff);
    let shop = TestShop::with(|config| config.identity = vec![staff]).await;
    (shop, house)
}

fn admin() -> Value {
    person("subject-1", "admin@shop.example")
}

fn person(subject: &str, email: &str) -> Value {
    json!({ "sub": subject, "email": email, "email_verified": true, "name": "Ada" })
}

/// A journey that has begun, as the browser sees it.
struct Journey {
    location: String,
    cookie: String,
}

async fn begin(shop: &TestShop) -> Journey {
    begin_at(shop, "/v1/auth/oidc/house").await
}

async fn begin_at(shop: &TestShop, path: &str) -> Journey {
    let started = shop.get(path).send().await.expect(302);
    assert_eq!(started.header("cache-control"), "no-store");
    let cookie = started.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    Journey { location: started.header("location").to_owned(), cookie }
}

async fn come_back(shop: &TestShop, path: &str, cookie: &str) -> Answer {
    shop.get(path).header("cookie", &format!("theme=dark; {cookie}")).send().await
}

/// There and back, with everything as it should be on the browser's side.
async fn sign_in(shop: &TestShop, house: &House) -> Answer {
    let Journey { location, cookie } = begin(shop).await;
    come_back(shop, &house.authorize(&location), &cookie).await
}

/// Whether the answer holds tokens that work.
async fn is_in(shop: &TestShop, answer: Answer) {
    let answer = answer.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let gone = "mercat-sign-in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
    assert_eq!(answer.header("set-cookie"), gone);
    let tokens = answer.json();
    let orders = shop.get("/v1/orders").bearer(text(&tokens, "accessToken"));
    orders.send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_address_opens_its_account_and_then_the_subject_does() {
    let (shop, house) = open().await;
    let document = Document::of(&shop).await;
    let listed = shop.get("/v1/auth/oidc").send().await.expect(200);
    document.describes("get", "/v1/auth/oidc", &listed);
    let own = json!({ "id": "house", "name": "The house's own", "for": "staff",
        "url": shop.url("/v1/auth/oidc/house") });
    assert_eq!(listed.json(), json!({ "data": [own] }));
    let Journey { location, cookie } = begin(&shop).await;
    let answer = come_back(&shop, &house.authorize(&location), &cookie).await;
    document.describes("get", "/v1/auth/oidc/{provider}/callback", &answer);
    is_in(&shop, answer).await;
    // The address is another's now, or not verified any more, or gone: the subject is who it is.
    for changed in [
        person("subject-1", "new@elsewhere.example"),
        json!({ "sub": "subject-1", "email": "admin@shop.example", "email_verified": false }),
        json!({ "sub": "subject-1" }),
    ] {
        house.meets(changed);
        is_in(&shop, sign_in(&shop, &house).await).await;
    }
    // And the address alone does not make anybody else that account.
    house.meets(person("subject-2", "admin@shop.example"));
    sign_in(&shop, &house).await.problem(409, "identity_conflict");
    let shop = shop.restarted().await;
    sign_in(&shop, &house).await.problem(409, "identity_conflict");
    house.meets(json!({ "sub": "subject-1" }));
    is_in(&shop, sign_in(&shop, &house).await).await;
    assert_eq!(house.discovered(), 2, "once for each start of the shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_verified_opens_nothing() {
    let (shop, house) = open().await;
    for verified in [json!(false), Value::Null] {
        let mut eve = admin();
        eve["email_verified"] = verified;
        house.meets(eve);
        sign_in(&shop, &house).await.problem(403, "email_not_verified");
    }
    house.meets(json!({ "sub": "subject-1" }));
    sign_in(&shop, &house).await.problem(403, "email_missing");
    house.meets(person("subject-1", "nobody@shop.example"));
    sign_in(&shop, &house).await.problem(403, "not_invited");
    // None of it left anything behind.
    house.meets(person("subject-3", "Admin@Shop.example"));
    is_in(&shop, sign_in(&shop, &house).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_hired_from_the_named_domains_alone() {
    let house = House::open(NOW_S).await;
    let mut staff = row("house", &house.issuer, For::Staff);
    staff.allow_domains = vec!["Shop.example".into()];
    staff.role = Some(RoleName::Staff);
    let shop = TestShop::with(|config| config.identity = vec![staff]).await;
    house.meets(person("eve", "eve@shop.example.evil"));
    sign_in(&shop, &house).await.problem(403, "email_domain_not_allowed");
    house.meets(person("bob", "bob@shop.example"));
    is_in(&shop, sign_in(&shop, &house).await).await;
    is_in(&shop, sign_in(&shop, &house).await).await;
    let count = |kind: &str, events: &Value| {
        let all = events["data"].as_array().unwrap().clone();
        all.iter().filter(|event| text(event, "type") == kind).count()
    };
    let events = shop.get("/v1/events?limit=100").staff().send().await.expect(200).json();
    let kinds: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|event| text(event, "type")).collect();
    assert_eq!(count("staff.created", &events), 2, "the administrator and Bob: {kinds:?}");
    // Nobody has a password to Bob's account.
    let guess = json!({ "email": "bob@shop.example", "password": "correct horse battery staple" });
    let guess = shop.post("/v1/auth/login").json(guess).send().await;
    guess.problem(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_go_is_not_hired_again_by_signing_in() {
    let house = House::open(NOW_S).await;
    let mut staff = row("house", &house.issuer, For::Staff);
    staff.allow_domains = vec!["shop.example".into()];
    staff.role = Some(RoleName::Staff);
    let shop = TestShop::with(|config| config.identity = vec![staff]).await;
    let (accounts, password) = (&shop.shop.accounts, Password::from(PASSWORD.to_owned()));
    let bob = accounts.create_staff("bob@shop.example", password, Role::Staff).await.unwrap();
    shop.delete(&format!("/v1/staff/{bob}")).staff().send().await.expect(204);
    // The house did not hear of it, and he never signed in with it before.
    house.meets(person("bob", "Bob@shop.example"));
    sign_in(&shop, &house).await.problem(403, "not_invited");
    let shop = shop.restarted().await;
    sign_in(&shop, &house).await.problem(403, "not_invited");
    // By an invitation he comes back.
    let body = json!({ "email": "bob@shop.example", "role": "staff" });
    let invited = shop.post("/v1/staff/invitations").staff().json(body).send().await.expect(201);
    let body = json!({ "token": invited.json()["token"], "password": PASSWORD });
    shop.post("/v1/staff/invitations/accept").json(body).send().await.expect(204);
    is_in(&shop, sign_in(&shop, &house).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_for_the_browser_that_went_once_and_in_time() {
    let (shop, house) = open().await;
    let not_started = |answer: Answer| answer.problem(403, "sign_in_not_started");
    // A state that the shop never gave.
    let Journey { location, cookie } = begin(&shop).await;
    let path = house.authorize(&location);
    let (path_alone, _) = path.split_once("&state=").unwrap();
    not_started(come_back(&shop, &format!("{path_alone}&state=made-up"), &cookie).await);
    come_back(&shop, path_alone, &cookie).await.problem(400, "invalid_query");
    // Used once.
    is_in(&shop, come_back(&shop, &path, &cookie).await).await;
    not_started(come_back(&shop, &path, &cookie).await);
    // Another browser's cookie, or none: somebody was sent a link to the end of Eve's journey.
    let (victim, eve) = (begin(&shop).await, begin(&shop).await);
    let link = house.authorize(&eve.location);
    not_started(come_back(&shop, &link, &victim.cookie).await);
    let eve = begin(&shop).await;
    not_started(shop.get(&house.authorize(&eve.location)).send().await);
    // Too late.
    let Journey { location, cookie } = begin(&shop).await;
    let path = house.authorize(&location);
    shop.pass(Span::minutes(10));
    not_started(come_back(&shop, &path, &cookie).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_from_another_journey_is_worth_nothing() {
    let (shop, house) = open().await;
    // Eve has the code of somebody else's journey and puts it into her own.
    let (victim, eve) = (begin(&shop).await, begin(&shop).await);
    let stolen = house.authorize(&victim.location);
    let own = house.authorize(&eve.location);
    let code = |path: &str| path.split(['=', '&']).nth(1).unwrap().to_owned();
    let injected = own.replace(&code(&own), &code(&stolen));
    let refused = come_back(&shop, &injected, &eve.cookie).await;
    assert!(!refused.text().contains("words of a provider"), "{}", refused.text());
    refused.problem(403, "identity_untrusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_to_one_provider_does_not_end_at_another() {
    let (house, other) = (House::open(NOW_S).await, House::open(NOW_S).await);
    house.meets(admin());
    let rows =
        vec![row("house", &house.issuer, For::Staff), row("other", &other.issuer, For::Staff)];
    let shop = TestShop::with(|config| config.identity = rows).await;
    let Journey { location, cookie } = begin(&shop).await;
    let mixed = house.authorize(&location).replace("/house/", "/other/");
    come_back(&shop, &mixed, &cookie).await.problem(403, "sign_in_not_started");
    // The answer names its issuer (RFC 9207), and it is not the one that was asked.
    let Journey { location, cookie } = begin(&shop).await;
    let path = format!("{}&iss={}", house.authorize(&location), other.issuer);
    come_back(&shop, &path, &cookie).await.problem(403, "identity_untrusted");
    let Journey { location, cookie } = begin(&shop).await;
    let path = format!("{}&iss={}", house.authorize(&location), house.issuer);
    is_in(&shop, come_back(&shop, &path, &cookie).await).await;
    // The same subject at another issuer is somebody else.
    other.meets(json!({ "sub": "subject-1" }));
    let Journey { location, cookie } = begin_at(&shop, "/v1/auth/oidc/other").await;
    let path = other.authorize(&location);
    come_back(&shop, &path, &cookie).await.problem(403, "email_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_that_is_right_in_every_part_is_believed() {
    let (shop, house) = open().await;
    let claims = |changed: Value| Lie::Claims(changed);
    let lies = [
        ("nonce", claims(json!({ "nonce": "another" }))),
        ("no nonce", claims(json!({ "nonce": null }))),
        ("audience", claims(json!({ "aud": "another shop" }))),
        ("audiences", claims(json!({ "aud": [CLIENT, "another shop"] }))),
        ("no audience", claims(json!({ "aud": null }))),
        ("party", claims(json!({ "azp": "another shop" }))),
        ("issuer", claims(json!({ "iss": "https://other.example" }))),
        ("no issuer", claims(json!({ "iss": null }))),
        ("expired", claims(json!({ "exp": NOW_S }))),
        ("no expiry", claims(json!({ "exp": null }))),
        ("no subject", claims(json!({ "sub": null }))),
        ("access token", claims(json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }))),
        ("other key", Lie::OtherKey),
        ("alg none", Lie::Unsigned),
        ("alg HS256", Lie::SharedSecret),
        ("altered", Lie::Altered),
        ("no token", Lie::NoIdToken),
        ("token error", Lie::TokenError),
    ];
    for (name, lie) in lies {
        house.lies(lie);
        let answer = sign_in(&shop, &house).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        assert!(!answer.text().contains("words of a provider"), "{name}: {}", answer.text());
        answer.problem(403, "identity_untrusted");
    }
    house.lies(Lie::None);
    is_in(&shop, sign_in(&shop, &house).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_refuses_is_said_in_the_shops_own_words() {
    let (shop, house) = open().await;
    for error in ["access_denied", "server_error", "<script>"] {
        let Journey { location, cookie } = begin(&shop).await;
        let path = house.authorize(&location);
        let state = path.split("state=").nth(1).unwrap();
        let path = format!(
            "/v1/auth/oidc/house/callback?error={error}&error_description=evil-words&state={state}"
        );
        let refused = come_back(&shop, &path, &cookie).await;
        assert!(!refused.text().contains("evil") && !refused.text().contains("script"));
        refused.problem(403, "sign_in_refused");
        come_back(&shop, &path, &cookie).await.problem(403, "sign_in_not_started");
    }
    shop.get("/v1/auth/oidc/nobody").send().await.problem(404, "not_found");
    let back = shop.get("/v1/auth/oidc/nobody/callback?state=x").send().await;
    back.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_out_of_the_shop() {
    let (shop, house) = open().await;
    for foreign in ["https://evil.example", "//evil.example", "/%5Cevil.example", "/%09/evil", "x"]
    {
        let path = format!("/v1/auth/oidc/house?returnTo={foreign}");
        let refused = shop.get(&path).send().await;
        assert_eq!(refused.faults(400), ["/returnTo"], "{foreign}");
    }
    let path = "/v1/auth/oidc/house?returnTo=/account%3Ftab=orders";
    let Journey { location, cookie } = begin_at(&shop, path).await;
    let answer = come_back(&shop, &house.authorize(&location), &cookie).await.expect(200);
    assert_eq!(answer.json()["returnTo"], "/account?tab=orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_are_asked_for_when_a_token_has_one() {
    let (shop, house) = open().await;
    is_in(&shop, sign_in(&shop, &house).await).await;
    assert_eq!(house.keys_asked(), 1);
    house.rotates(2);
    is_in(&shop, sign_in(&shop, &house).await).await;
    is_in(&shop, sign_in(&shop, &house).await).await;
    assert_eq!((house.discovered(), house.keys_asked()), (1, 2));
    // But not for every token that has an unknown one.
    house.rotates(3);
    sign_in(&shop, &house).await.problem(403, "identity_untrusted");
    assert_eq!(house.keys_asked(), 2);
    shop.pass(Span::minutes(1));
    is_in(&shop, sign_in(&shop, &house).await).await;
    assert_eq!(house.keys_asked(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_astray_keeps_nobody_waiting() {
    let (shop, house) = open().await;
    for lie in [Lie::Down, Lie::OtherIssuer, Lie::PlainEndpoint, Lie::Endless] {
        house.lies(lie);
        let away = shop.get("/v1/auth/oidc/house").send().await;
        assert_eq!(away.header("retry-after"), "1");
        away.problem(503, "unavailable");
        shop.pass(Span::seconds(5));
    }
    let asked = house.discovered();
    house.lies(Lie::Down);
    for _ in 0..3 {
        shop.get("/v1/auth/oidc/house").send().await.problem(503, "unavailable");
    }
    assert_eq!(house.discovered(), asked + 1, "it is left alone for a while");
    shop.pass(Span::seconds(5));
    house.lies(Lie::None);
    begin(&shop).await;
    // A known one may be away for discovery; and its token endpoint leads nobody on.
    shop.pass(Span::hours(1));
    house.lies(Lie::Down);
    is_in_at(&shop, &house).await;
    house.lies(Lie::TokenRedirect);
    sign_in(&shop, &house).await.problem(403, "identity_untrusted");
}

/// The clock has moved on, so the provider's has, too.
async fn is_in_at(shop: &TestShop, house: &House) {
    let mut later = admin();
    later["exp"] = json!(NOW_S + 100_000);
    house.meets(later);
    is_in(shop, sign_in(shop, house).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_comes_in_registers_by_it_and_is_forgotten() {
    let house = House::open(NOW_S).await;
    house.meets(person("ada", "Ada@Example.com"));
    let rows = vec![row("house", &house.issuer, For::Customers)];
    let shop = TestShop::with(|config| config.identity = rows).await;
    let access = |answer: Answer| text(&answer.expect(200).json(), "accessToken").to_owned();
    let first = me(&shop, &access(sign_in(&shop, &house).await)).await;
    assert_eq!((&first["email"], &first["name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!((&first["emailVerified"], &first["role"]), (&json!(true), &json!("customer")));
    let shop = shop.restarted().await;
    // Another address at the provider: it is the same person.
    house.meets(person("ada", "countess@example.com"));
    let ada = access(sign_in(&shop, &house).await);
    assert_eq!(me(&shop, &ada).await["userId"], first["userId"]);
    let export = shop.get("/v1/users/me/export").bearer(&ada).send().await.expect(200).json();
    assert_eq!(export["identityProviders"], json!([house.issuer]));
    // No password opens the account, so none is asked for to close it.
    login(&shop, "ada@example.com", "").await.faults(422);
    shop.delete("/v1/users/me").bearer(&ada).send().await.expect(204);
    let table = Table::Identities;
    assert_eq!(shop.shop.reads.snapshot().unwrap().count(table).unwrap(), 0);
    let again = me(&shop, &access(sign_in(&shop, &house).await)).await;
    assert_ne!(again["userId"], first["userId"]);
    assert_eq!(again["email"], "countess@example.com");
    // Whoever registered with an address and never proved it is not given the account's owner.
    crate::people::register(&shop, "bob@example.com").await.expect(202);
    house.meets(person("bob", "bob@example.com"));
    sign_in(&shop, &house).await.problem(403, "account_not_verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_do_not_come_in_at_the_door_for_customers() {
    let house = House::open(NOW_S).await;
    house.meets(admin());
    let rows = vec![row("house", &house.issuer, For::Customers)];
    let shop = TestShop::with(|config| config.identity = rows).await;
    sign_in(&shop, &house).await.problem(403, "other_sign_in");
    let password = Password::from("correct horse battery staple".to_owned());
    shop.shop.accounts.create_staff("bob@shop.example", password, Role::Staff).await.unwrap();
    house.meets(person("bob", "bob@shop.example"));
    sign_in(&shop, &house).await.problem(403, "other_sign_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_own_second_factor_is_enough() {
    let (shop, house) = open().await;
    totp::hire(&shop).await;
    let access = totp::token(&shop, json!({})).await;
    totp::enrol(&shop, &access, totp::PASSWORD).await;
    totp::login(&shop, json!({})).await.problem(401, "totp_required");
    house.meets(person("subject-2", totp::GRACE));
    let tokens = sign_in(&shop, &house).await.expect(200).json();
    let sessions = shop.get("/v1/users/me/sessions").bearer(text(&tokens, "accessToken"));
    let listed = sessions.send().await.expect(200).json()["data"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    let current = listed.iter().find(|own| own["current"] == true).unwrap();
    assert_eq!(text(current, "address"), "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_asks_for_a_session_comes_back_with_one_and_is_sent_on() {
    let (shop, house) = open().await;
    let brought = Browser::logged_in(&shop, "admin@shop.example", PASSWORD).await;
    for (query, to) in [("&returnTo=/account%3Ftab=orders", "/account?tab=orders"), ("", "/")] {
        let path = format!("/v1/auth/oidc/house?session=cookie{query}");
        let Journey { location, cookie } = begin_at(&shop, &path).await;
        let cookies = format!("{cookie}; {}", brought.cookie);
        let back = come_back(&shop, &house.authorize(&location), &cookies).await.expect(303);
        assert_eq!(back.header("location"), to);
        assert_eq!((back.header("cache-control"), back.text()), ("no-store", String::new()));
        let set: Vec<&str> =
            back.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
        let [session, gone] = set[..] else { panic!("{set:?}") };
        assert!(session.ends_with("; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"), "{session}");
        assert_eq!(gone, "mercat-sign-in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let session = session.split(';').next().unwrap();
        assert_ne!(session, brought.cookie);
        shop.get("/v1/orders").header("cookie", session).send().await.expect(200);
        // What was there before has ended.
        let before = shop.get("/v1/orders").header("cookie", &brought.cookie).send().await;
        before.problem(401, "unauthenticated");
    }
    for bad in ["session=yes", "session=", "session=cookie&returnTo=//evil.example"] {
        shop.get(&format!("/v1/auth/oidc/house?{bad}")).send().await.expect(400);
    }
    // Another browser that is led to the way back gets no session.
    let Journey { location, .. } = begin_at(&shop, "/v1/auth/oidc/house?session=cookie").await;
    let stolen = come_back(&shop, &house.authorize(&location), &brought.cookie).await;
    assert_eq!(stolen.header("set-cookie"), "");
    stolen.problem(403, "sign_in_not_started");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_find_their_providers_at_the_login_and_their_cart_after_it() {
    let house = House::open(NOW_S).await;
    house.meets(person("ada", "ada@example.com"));
    let rows =
        vec![row("house", &house.issuer, For::Customers), row("office", &house.issuer, For::Staff)];
    let shop = TestShop::with(|config| config.identity = rows).await;
    let login = async |next: &str| {
        let path = format!("/account/login?next={next}");
        shop.get(&path).header("accept", "text/html").send().await.expect(200).text()
    };
    let page = login("/cart").await;
    let href = "/v1/auth/oidc/house?session=cookie&#38;returnTo=%2Fcart";
    assert!(page.contains(&format!("href=\"{href}\"")), "{page}");
    assert!(
        page.contains("Go on with The house&#39;s own") && !page.contains("/office?"),
        "{page}"
    );
    let page = login("//evil.example").await;
    assert!(page.contains("returnTo=%2Faccount%2Forders\"") && !page.contains("evil"), "{page}");
    // What was picked before is the account's afterwards.
    crate::goods::shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let cart = crate::goods::fill(&shop, &[("MUG", 2)]).await;
    let path = href.replace("&#38;", "&");
    let sign_in = async |cart: Option<&str>| {
        let Journey { location, cookie } = begin_at(&shop, &path).await;
        let cart = cart.map(|cart| format!("; mercat-cart={cart}")).unwrap_or_default();
        let cookies = format!("{cookie}{cart}");
        let back = come_back(&shop, &house.authorize(&location), &cookies).await.expect(303);
        assert_eq!(back.header("location"), "/cart");
        let all = back.headers.get_all("set-cookie").iter();
        let given = all.filter_map(|line| line.to_str().unwrap().strip_prefix("mercat-cart="));
        given.map(|line| line.split(';').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for brought in [Some(cart.as_str()), None] {
        assert_eq!(sign_in(brought).await.join(" "), cart);
    }
}
