//! Attacks on tokens: forged, changed, expired, taken from elsewhere, replayed. All are told the
//! same, 401, and none of them opens anything.

use crate::browser::Browser;
use crate::goods::text;
use crate::people;
use crate::testshop::TestShop;
use mercat::actors::pools::Password;
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use mercat::domain::staff::Role;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const EMAIL: &str = "admin@shop.example";
const PASSWORD: &str = "correct horse battery staple";

async fn login(shop: &TestShop, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD });
    shop.post("/v1/auth/login").json(body).send().await.expect(200).json()
}

async fn refresh(shop: &TestShop, token: &str) -> crate::testshop::Answer {
    shop.post("/v1/auth/refresh").json(json!({ "refreshToken": token })).send().await
}

/// Panics unless the token is refused everywhere, in reading and in writing.
async fn is_refused(shop: &TestShop, token: &str) {
    let ask = [
        (Method::GET, "/v1/orders"),
        (Method::GET, "/v1/products"),
        (Method::POST, "/v1/api-keys"),
    ];
    for (method, path) in ask {
        let answer = shop.request(method, path).bearer(token).send().await;
        answer.problem(401, "invalid_token");
    }
}

/// Base 64 as tokens of JWTs are written (RFC 4648, section 5, without padding).
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            text.push(LETTERS[(bits >> (18 - 6 * place) & 63) as usize] as char);
        }
    }
    text
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

#[test]
fn the_forger_knows_the_trade() {
    // RFC 4231, section 4.3, and RFC 7515, appendix A.1.
    let mac = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    assert_eq!(
        base64url(b"{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_jwt_opens_anything() {
    let shop = TestShop::open().await;
    let claims = json!({ "sub": EMAIL, "email": EMAIL, "role": "admin", "scope": "products:write",
        "iss": "http://shop.example", "iat": 1_700_000_000, "exp": 4_000_000_000u64 });
    let claims = base64url(claims.to_string().as_bytes());
    let unsigned = |header: Value| format!("{}.{claims}", base64url(header.to_string().as_bytes()));
    let mut forged = Vec::new();
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let start = unsigned(json!({ "alg": name, "typ": "JWT" }));
        forged.extend([format!("{start}."), start.clone(), format!("{start}.AAAA")]);
    }
    let start = unsigned(json!({ "typ": "JWT" }));
    forged.push(format!("{start}."));
    let secrets = [
        "",
        "secret",
        "password",
        "mercat",
        "changeme",
        "your-256-bit-secret",
        "key",
        "jwt",
        "shop.example",
    ];
    for algorithm in ["HS256", "HS384", "RS256", "ES256", "EdDSA"] {
        for secret in secrets {
            let start = unsigned(json!({ "alg": algorithm, "typ": "JWT" }));
            let signature = base64url(&hmac(secret.as_bytes(), start.as_bytes()));
            forged.push(format!("{start}.{signature}"));
        }
        // An empty signature, and one of zeros (CVE-2022-21449).
        let start = unsigned(json!({ "alg": algorithm }));
        forged.extend([format!("{start}."), format!("{start}.{}", base64url(&[0; 64]))]);
    }
    // Keys of the forger's own, and keys to be fetched from them.
    for header in [
        json!({ "alg": "HS256", "kid": "../../../../dev/null" }),
        json!({ "alg": "HS256", "kid": "' UNION SELECT 'x" }),
        json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "c2VjcmV0" } }),
        json!({ "alg": "RS256", "jku": "http://127.0.0.1:9/jwks.json" }),
        json!({ "alg": "RS256", "x5u": "http://127.0.0.1:9/cert.pem" }),
        json!({ "alg": "HS256", "crit": ["exp"] }),
    ] {
        let start = unsigned(header);
        forged.push(format!("{start}.{}", base64url(&hmac(b"secret", start.as_bytes()))));
    }
    assert!(forged.len() > 60);
    for token in forged {
        shop.get("/v1/orders").bearer(&token).send().await.problem(401, "invalid_token");
        shop.get("/v1/orders")
            .bearer(&format!("mct_{token}"))
            .send()
            .await
            .problem(401, "invalid_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_changed_is_none() {
    let shop = TestShop::open().await;
    let tokens = login(&shop, EMAIL).await;
    let access = text(&tokens, "accessToken");
    let digits = access.strip_prefix("mct_").unwrap();
    let last = access.chars().last().unwrap();
    let other = if last == '0' { "1" } else { "0" };
    let changed = [
        access[..access.len() - 1].to_owned(),
        access[1..].to_owned(),
        "mct_".to_owned(),
        digits.to_owned(),
        format!("{access}0"),
        format!("{access}="),
        format!("{access}=="),
        format!("mct_0{digits}"),
        access.to_uppercase(),
        format!("mct_{}", digits.to_uppercase()),
        format!("MCT_{digits}"),
        format!("{}{other}", &access[..access.len() - 1]),
        format!("{access}.{access}"),
        format!("{access},{access}"),
        format!("{access}%00"),
        format!("\"{access}\""),
        digits.chars().rev().collect(),
        // Of the other kind, and a hash as it may lie on a stolen disk.
        text(&tokens, "refreshToken").to_owned(),
        format!(
            "mct_{}",
            Sha256::digest(access).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        ),
    ];
    for token in changed {
        is_refused(&shop, &token).await;
    }
    // In other clothes.
    let ask = |header: String| shop.get("/v1/orders").header("authorization", &header).send();
    for header in ["Basic", "Token", "Digest", "mct"] {
        ask(format!("{header} {access}")).await.problem(401, "invalid_token");
    }
    for header in
        [access.to_owned(), "Bearer".into(), "Bearer ".into(), format!("Bearer\t{access}")]
    {
        ask(header).await.problem(401, "invalid_token");
    }
    let two = shop.get("/v1/orders").bearer(access).bearer("mct_other").send().await;
    two.problem(401, "invalid_token");
    let in_query = shop.get(&format!("/v1/orders?access_token={access}")).send().await;
    in_query.problem(401, "unauthenticated");
    ask(format!("bEARER {access}")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_none() {
    let shop = TestShop::open().await;
    // By time.
    let old = login(&shop, EMAIL).await;
    shop.pass(Span::hours(1));
    is_refused(&shop, text(&old, "accessToken")).await;
    shop.pass(Span::days(30));
    refresh(&shop, text(&old, "refreshToken")).await.problem(401, "invalid_token");
    // By a logout.
    let tokens = login(&shop, EMAIL).await;
    let access = text(&tokens, "accessToken");
    shop.post("/v1/auth/logout").bearer(access).send().await.expect(204);
    is_refused(&shop, access).await;
    refresh(&shop, text(&tokens, "refreshToken")).await.problem(401, "invalid_token");
    // By another password: that of the other logins, and those of nobody else.
    let email = "ada@example.com";
    let [own, other] = [people::customer(&shop, email).await, {
        let tokens = people::login(&shop, email, people::PASSWORD).await.expect(200).json();
        text(&tokens, "accessToken").to_owned()
    }];
    let bystander = login(&shop, EMAIL).await;
    let bystander = text(&bystander, "accessToken");
    let change = json!({ "currentPassword": people::PASSWORD, "password": "lantern river copper" });
    shop.put("/v1/users/me").bearer(&own).json(change).send().await.expect(200);
    is_refused(&shop, &other).await;
    shop.get("/v1/users/me").bearer(&own).send().await.expect(200);
    // By a password that was set anew by mail: all of them.
    let forgot = shop.post("/v1/auth/password/forgot").json(json!({ "email": email }));
    forgot.send().await.expect(202);
    let token = people::mailbox(&shop, email).await.token(MailKind::PasswordReset);
    let reset = json!({ "token": token, "password": people::PASSWORD });
    shop.post("/v1/auth/password/reset").json(reset).send().await.expect(204);
    is_refused(&shop, &own).await;
    is_refused(&shop, &token).await;
    shop.get("/v1/orders").bearer(bystander).send().await.expect(200);
    // By another role.
    let password = Password::from(PASSWORD.to_owned());
    let grace = "grace@shop.example";
    let id = shop.shop.accounts.create_staff(grace, password, Role::Admin).await.unwrap();
    let tokens = login(&shop, grace).await;
    let admin = text(&login(&shop, EMAIL).await, "accessToken").to_owned();
    let path = format!("/v1/staff/{id}");
    let demote = shop.put(&path).bearer(&admin).json(json!({ "role": "staff" }));
    demote.send().await.expect(200);
    is_refused(&shop, text(&tokens, "accessToken")).await;
    refresh(&shop, text(&tokens, "refreshToken")).await.problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_shops_token_is_none_here() {
    let (here, there) = (TestShop::open().await, TestShop::open().await);
    let tokens = login(&there, EMAIL).await;
    is_refused(&here, text(&tokens, "accessToken")).await;
    refresh(&here, text(&tokens, "refreshToken")).await.problem(401, "invalid_token");
    there.get("/v1/orders").bearer(text(&tokens, "accessToken")).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_refresh_token_ends_its_whole_family() {
    let shop = TestShop::open().await;
    let (first, bystander) = (login(&shop, EMAIL).await, login(&shop, EMAIL).await);
    let second = refresh(&shop, text(&first, "refreshToken")).await.expect(200).json();
    let third = refresh(&shop, text(&second, "refreshToken")).await.expect(200).json();
    refresh(&shop, text(&first, "refreshToken")).await.problem(401, "invalid_token");
    for tokens in [&first, &second, &third] {
        is_refused(&shop, text(tokens, "accessToken")).await;
        refresh(&shop, text(tokens, "refreshToken")).await.problem(401, "invalid_token");
    }
    let shop = shop.restarted().await;
    is_refused(&shop, text(&third, "accessToken")).await;
    shop.get("/v1/orders").bearer(text(&bystander, "accessToken")).send().await.expect(200);
}

/// Session fixation: somebody plants a cookie that they know in another's browser, and waits for
/// the owner of that browser to log in.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_is_never_the_one_that_a_login_gives() {
    let shop = TestShop::open().await;
    people::customer(&shop, "ada@example.com").await;
    let planted = Browser::logged_in(&shop, "ada@example.com", people::PASSWORD).await;
    let token = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    let known = token(&planted.cookie);
    let victim = shop.post("/v1/auth/session").header("cookie", &planted.cookie);
    let victim = victim.header("x-csrf-token", &planted.csrf);
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let granted = victim.json(login).send().await.expect(200);
    let given = granted.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_ne!(token(&given), known);
    let ask = |cookie: &str| shop.get("/v1/users/me").header("cookie", cookie).send();
    ask(&planted.cookie).await.problem(401, "unauthenticated");
    assert_eq!(ask(&given).await.expect(200).json()["email"], EMAIL);
    // Nor does a cookie turn into a bearer token, or the other way round.
    is_refused(&shop, &known).await;
    is_refused(&shop, &token(&given)).await;
}
