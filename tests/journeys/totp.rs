//! The second factor of staff: on, asked for, used up, and off again.

use crate::goods::text;
use crate::testshop::{Answer, TestShop};
use mercat::actors::clock::Clock;
use mercat::actors::pools::Password;
use mercat::domain::Span;
use mercat::domain::staff::Role;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

pub const GRACE: &str = "grace@shop.example";
pub const PASSWORD: &str = "a long enough password";

/// A member of staff; gives the id.
pub async fn hire(shop: &TestShop) -> String {
    let password = Password::from(PASSWORD.to_owned());
    shop.shop.accounts.create_staff(GRACE, password, Role::Staff).await.unwrap().to_string()
}

/// Logs the member in, with `more` in the body.
pub async fn login(shop: &TestShop, more: Value) -> Answer {
    let mut body = json!({ "email": GRACE, "password": PASSWORD });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.post("/v1/auth/login").header("user-agent", "a browser").json(body).send().await
}

pub async fn token(shop: &TestShop, more: Value) -> String {
    text(&login(shop, more).await.expect(200).json(), "accessToken").to_owned()
}

/// What an authenticator with that seed shows now.
pub fn code(shop: &TestShop, secret: &str) -> String {
    let seed = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(seed).with_account_name("grace").build().unwrap();
    let seconds = shop.clock.now().as_millis() / 1_000;
    totp.generate(seconds.try_into().unwrap()).to_string()
}

/// A code that the authenticator shows neither now nor a step before or after.
fn wrong(shop: &TestShop, secret: &str) -> String {
    let near = [-30, 0, 30].map(|seconds| {
        shop.pass(Span::seconds(seconds));
        let code = code(shop, secret);
        shop.pass(Span::seconds(-seconds));
        code
    });
    (0..).map(|i| format!("{i:06}")).find(|code| !near.contains(code)).unwrap()
}

/// Turns the second factor on; gives its seed and the recovery codes.
pub async fn enrol(shop: &TestShop, token: &str, password: &str) -> (String, Vec<String>) {
    let begin = shop.post("/v1/users/me/totp").bearer(token).json(json!({ "password": password }));
    let begun = begin.send().await.expect(201);
    assert_eq!(begun.header("cache-control"), "no-store");
    let secret = text(&begun.json(), "secret").to_owned();
    let uri = text(&begun.json(), "uri").to_owned();
    assert!(uri.starts_with("otpauth://totp/Mercat:") && uri.contains(&secret), "{uri}");
    let confirm = json!({ "totp": code(shop, &secret) });
    let confirmed = shop.post("/v1/users/me/totp/confirm").bearer(token).json(confirm);
    let confirmed = confirmed.send().await.expect(200);
    assert_eq!(confirmed.header("cache-control"), "no-store");
    let codes = confirmed.json()["recoveryCodes"].as_array().unwrap().clone();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn state(shop: &TestShop, token: &str) -> Value {
    shop.get("/v1/users/me/totp").bearer(token).send().await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    let shop = TestShop::open().await;
    hire(&shop).await;
    let access = token(&shop, json!({})).await;
    let begin = |password: &str| {
        let body = json!({ "password": password });
        shop.post("/v1/users/me/totp").bearer(&access).json(body).send()
    };
    begin("wrong").await.problem(401, "bad_credentials");
    // What was begun and not confirmed changes nothing.
    begin(PASSWORD).await.expect(201);
    token(&shop, json!({})).await;
    assert_eq!(state(&shop, &access).await, json!({ "active": false, "recoveryCodesLeft": 0 }));
    let (secret, codes) = enrol(&shop, &access, PASSWORD).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(state(&shop, &access).await, json!({ "active": true, "recoveryCodesLeft": 10 }));
    begin(PASSWORD).await.problem(409, "totp_active");

    login(&shop, json!({})).await.problem(401, "totp_required");
    // The code that confirmed it was used.
    let used = login(&shop, json!({ "totp": code(&shop, &secret) })).await;
    let used = used.problem(401, "totp_invalid");
    let guessed = login(&shop, json!({ "totp": wrong(&shop, &secret) })).await;
    let guessed = guessed.problem(401, "totp_invalid");
    assert_eq!(used["detail"], guessed["detail"], "whether a code was used tells nobody anything");

    shop.pass(Span::seconds(60));
    let now = json!({ "totp": code(&shop, &secret) });
    let mut stranger = now.clone();
    stranger["password"] = json!("wrong");
    login(&shop, stranger).await.problem(401, "bad_credentials");
    login(&shop, now.clone()).await.expect(200);
    let shop = shop.restarted().await;
    login(&shop, now).await.problem(401, "totp_invalid");
    // An authenticator may be a step late or early, and people read codes in halves.
    shop.pass(Span::seconds(60));
    let late = code(&shop, &secret);
    shop.pass(Span::seconds(30));
    let typed = format!("{} {}", &late[..3], &late[3..]);
    login(&shop, json!({ "totp": typed })).await.expect(200);
    shop.pass(Span::seconds(60));
    let stale = code(&shop, &secret);
    shop.pass(Span::seconds(60));
    login(&shop, json!({ "totp": stale })).await.problem(401, "totp_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_code_turns_it_on_and_nothing_else() {
    let shop = TestShop::open().await;
    hire(&shop).await;
    let access = token(&shop, json!({})).await;
    let confirm = |code: String| {
        let request = shop.post("/v1/users/me/totp/confirm").bearer(&access);
        request.json(json!({ "totp": code })).send()
    };
    confirm("000000".into()).await.problem(409, "totp_inactive");
    let begin = shop.post("/v1/users/me/totp").bearer(&access);
    let begun = begin.json(json!({ "password": PASSWORD })).send().await.expect(201).json();
    let secret = text(&begun, "secret");
    for _ in 0..5 {
        confirm(wrong(&shop, secret)).await.problem(401, "totp_invalid");
    }
    // As with passwords, the next try has to wait, whatever it is.
    let refused = confirm(code(&shop, secret)).await.expect(429);
    assert_eq!(refused.header("retry-after"), "1");
    login(&shop, json!({})).await.expect(429);
    shop.pass(Span::seconds(1));
    confirm(code(&shop, secret)).await.expect(200);
    confirm(code(&shop, secret)).await.problem(409, "totp_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_stands_in_once() {
    let shop = TestShop::open().await;
    hire(&shop).await;
    let access = token(&shop, json!({})).await;
    let (_, codes) = enrol(&shop, &access, PASSWORD).await;
    let typed = codes[0].to_uppercase().replace('-', " ");
    login(&shop, json!({ "recoveryCode": typed })).await.expect(200);
    let shop = shop.restarted().await;
    login(&shop, json!({ "recoveryCode": codes[0] })).await.problem(401, "totp_invalid");
    login(&shop, json!({ "recoveryCode": codes[1] })).await.expect(200);
    assert_eq!(state(&shop, &access).await, json!({ "active": true, "recoveryCodesLeft": 8 }));
    // Wrong ones count as wrong passwords do.
    for _ in 0..5 {
        login(&shop, json!({ "recoveryCode": codes[0] })).await.problem(401, "totp_invalid");
    }
    login(&shop, json!({ "recoveryCode": codes[2] })).await.expect(429);
    shop.pass(Span::seconds(1));
    login(&shop, json!({ "recoveryCode": codes[2] })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_turned_off_with_the_password_and_a_code() {
    let shop = TestShop::open().await;
    hire(&shop).await;
    let access = token(&shop, json!({})).await;
    let (secret, codes) = enrol(&shop, &access, PASSWORD).await;
    let remove =
        |body: Value| shop.post("/v1/users/me/totp/remove").bearer(&access).json(body).send();
    remove(json!({ "password": PASSWORD })).await.problem(401, "totp_required");
    remove(json!({ "recoveryCode": codes[0] })).await.problem(400, "invalid_body");
    let used = json!({ "password": PASSWORD, "totp": code(&shop, &secret) });
    remove(used).await.problem(401, "totp_invalid");
    let stranger = json!({ "password": "wrong", "recoveryCode": codes[0] });
    remove(stranger).await.problem(401, "bad_credentials");
    assert_eq!(state(&shop, &access).await, json!({ "active": true, "recoveryCodesLeft": 10 }));
    login(&shop, json!({})).await.problem(401, "totp_required");
    shop.pass(Span::seconds(60));
    remove(json!({ "password": PASSWORD, "totp": code(&shop, &secret) })).await.expect(204);
    login(&shop, json!({})).await.expect(200);
    let again = json!({ "password": PASSWORD, "recoveryCode": codes[1] });
    remove(again).await.problem(409, "totp_inactive");
    // Customers have none.
    let customer = crate::people::unverified(&shop, "ada@example.com").await;
    let begin = shop.post("/v1/users/me/totp").bearer(&customer);
    begin.json(json!({ "password": PASSWORD })).send().await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_helps_who_has_lost_everything_and_not_themselves() {
    let shop = TestShop::open().await;
    let id = hire(&shop).await;
    let access = token(&shop, json!({})).await;
    enrol(&shop, &access, PASSWORD).await;
    let path = format!("/v1/staff/{id}/totp");
    shop.delete(&path).bearer(&access).send().await.problem(403, "forbidden");
    let reset = || shop.delete(&path).staff().send();
    reset().await.expect(204);
    reset().await.problem(409, "totp_inactive");
    login(&shop, json!({})).await.expect(200);
    let audit = shop.get("/v1/audit?method=DELETE").staff().send().await.expect(200).json();
    assert_eq!(audit["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        (text(&audit["data"][0], "path"), text(&audit["data"][0], "email")),
        (path.as_str(), "admin@shop.example")
    );
    let events = shop.get("/v1/events?limit=100").staff().send().await.expect(200).json();
    let changes: Vec<&str> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|own| own["data"]["change"].as_str())
        .collect();
    assert_eq!(changes, ["second_factor_set", "second_factor_removed"]);

    // Whoever found the administrator's session is not let around their second factor.
    let staff = shop.get("/v1/staff").staff().send().await.expect(200).json();
    let is_admin = |own: &&Value| own["role"] == "admin";
    let admin = staff["data"].as_array().unwrap().iter().find(is_admin).unwrap();
    let begin = shop.post("/v1/users/me/totp").staff();
    let password = json!({ "password": "correct horse battery staple" });
    begin.json(password).send().await.expect(201);
    let own = format!("/v1/staff/{}/totp", text(admin, "staffId"));
    shop.delete(&own).staff().send().await.problem(409, "totp_own");
    let key = json!({ "name": "hr", "scopes": ["staff:write"] });
    let key = shop.post("/v1/api-keys").staff().json(key).send().await.expect(201).json();
    shop.delete(&own).bearer(text(&key, "token")).send().await.problem(409, "totp_own");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_leaves_no_second_factor() {
    let shop = TestShop::open().await;
    let id = hire(&shop).await;
    let access = token(&shop, json!({})).await;
    enrol(&shop, &access, PASSWORD).await;
    shop.delete(&format!("/v1/staff/{id}")).staff().send().await.expect(204);
    let rows = shop.shop.reads.snapshot().unwrap().count(mercat::storage::Table::SecondFactors);
    assert_eq!(rows.unwrap(), 0);
    let id = hire(&shop).await;
    login(&shop, json!({})).await.expect(200);
    let reset = shop.delete(&format!("/v1/staff/{id}/totp")).staff();
    reset.send().await.problem(409, "totp_inactive");
}
