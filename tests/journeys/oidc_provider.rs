//! A small OpenID provider inside the tests, which tells the truth until it is asked to lie: real
//! providers cannot be made to send what attackers would.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;

pub const CLIENT: &str = "mercat";
pub const SECRET: &str = "a secret of the tests";

/// A provider on a port of its own.
pub struct House {
    pub issuer: String,
    state: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Shared {
    issuer: String,
    inner: Mutex<Inner>,
}

struct Inner {
    /// What is sent instead of the truth.
    lie: Lie,
    /// Who signs in next: the claims of the ID token beside the usual ones.
    person: Value,
    now_s: i64,
    /// The key that tokens are signed with and that is published.
    key: u8,
    codes: HashMap<String, Issued>,
    discovered: usize,
    keys_asked: usize,
}

/// A code and what it was asked for with.
#[derive(Clone)]
struct Issued {
    nonce: String,
    challenge: String,
    redirect: String,
    person: Value,
}

/// What a provider, or somebody in its place, may get wrong.
#[derive(Clone, Default)]
pub enum Lie {
    #[default]
    None,
    /// Claims that take the place of the right ones; `null` takes one out.
    Claims(Value),
    /// Signed with a key that is not published, under the published one's name.
    OtherKey,
    /// `alg: none` and no signature.
    Unsigned,
    /// Signed with the client's secret, as if that proved anything.
    SharedSecret,
    /// The claims were changed after they were signed.
    Altered,
    NoIdToken,
    /// An error at the token endpoint.
    TokenError,
    /// The token endpoint sends its callers elsewhere.
    TokenRedirect,
    /// An answer of many megabytes.
    Endless,
    Down,
    /// In the discovery document.
    OtherIssuer,
    /// The token endpoint is at an address without TLS that is not this machine.
    PlainEndpoint,
}

impl House {
    pub async fn open(now_s: i64) -> House {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner {
            lie: Lie::None,
            person: json!({}),
            now_s,
            key: 1,
            codes: HashMap::new(),
            discovered: 0,
            keys_asked: 0,
        };
        let state = Arc::new(Shared { issuer: issuer.clone(), inner: Mutex::new(inner) });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(state.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        House { issuer, state, serving }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.inner.lock().unwrap()
    }

    pub fn lies(&self, lie: Lie) {
        self.inner().lie = lie;
    }

    /// Who signs in from now on.
    pub fn meets(&self, person: Value) {
        self.inner().person = person;
    }

    /// Publishes another key, and signs with it.
    pub fn rotates(&self, key: u8) {
        self.inner().key = key;
    }

    pub fn discovered(&self) -> usize {
        self.inner().discovered
    }

    pub fn keys_asked(&self) -> usize {
        self.inner().keys_asked
    }

    /// What the person's browser does at the provider: signs in there, and is sent back to an
    /// address, here given as its path with a code and the state.
    #[track_caller]
    pub fn authorize(&self, location: &str) -> String {
        let (page, query) = location.split_once('?').unwrap();
        assert_eq!(page, format!("{}/authorize", self.issuer));
        let asked = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            let text = pair.unwrap_or_else(|| panic!("no {name} in {location}"));
            percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
        };
        assert_eq!((&*asked("response_type"), &*asked("client_id")), ("code", CLIENT));
        assert_eq!(asked("code_challenge_method"), "S256");
        assert_eq!(asked("scope").replace('+', " "), "openid email profile");
        let mut inner = self.inner();
        let code = format!("code-{}", inner.codes.len());
        let redirect = asked("redirect_uri");
        let path = redirect.splitn(4, '/').nth(3).unwrap().to_owned();
        let person = inner.person.clone();
        let (nonce, challenge) = (asked("nonce"), asked("code_challenge"));
        let issued = Issued { nonce, challenge, redirect, person };
        inner.codes.insert(code.clone(), issued);
        format!("/{path}?code={code}&state={}", asked("state"))
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    let issuer = &shared.issuer;
    let lie = {
        let mut inner = shared.inner.lock().unwrap();
        inner.discovered += 1;
        inner.lie.clone()
    };
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // A careless provider names these, too.
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    });
    match lie {
        Lie::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Lie::OtherIssuer => document["issuer"] = json!("https://other.example"),
        Lie::PlainEndpoint => document["token_endpoint"] = json!("http://id.example/token"),
        Lie::Endless => document["service_documentation"] = json!("x".repeat(1 << 20)),
        _ => {}
    }
    Json(document).into_response()
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut inner = shared.inner.lock().unwrap();
    inner.keys_asked += 1;
    Json(json!({ "keys": [signing_key(inner.key).as_verification_key()] }))
}

async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut inner = shared.inner.lock().unwrap();
    let basic =
        format!("Basic {}", base64(format!("{CLIENT}:{}", SECRET.replace(' ', "+")), STANDARD));
    let refused = |error: &str| {
        let said = "the words of a provider, which nobody is shown";
        let body = json!({ "error": error, "error_description": said });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    };
    if headers.get("authorization").and_then(|own| own.to_str().ok()) != Some(&basic) {
        return refused("invalid_client");
    }
    // A code is good once.
    let Some(issued) = form.get("code").and_then(|code| inner.codes.remove(code)) else {
        return refused("invalid_grant");
    };
    let challenge = base64(Sha256::digest(form["code_verifier"].as_bytes()), URL_SAFE);
    if challenge.trim_end_matches('=') != issued.challenge
        || form["redirect_uri"] != issued.redirect
    {
        return refused("invalid_grant");
    }
    match inner.lie {
        Lie::TokenError => return refused("temporarily_unavailable"),
        Lie::TokenRedirect => {
            return Redirect::temporary("http://127.0.0.1:9/token").into_response();
        }
        _ => {}
    }
    let mut answer = json!({
        "access_token": "an access token", "token_type": "Bearer", "expires_in": 3_600,
    });
    if !matches!(inner.lie, Lie::NoIdToken) {
        answer["id_token"] = json!(id_token(&shared.issuer, &inner, &issued));
    }
    Json(answer).into_response()
}

fn id_token(issuer: &str, inner: &Inner, issued: &Issued) -> String {
    let mut claims = json!({
        "iss": issuer, "aud": CLIENT, "nonce": issued.nonce,
        "iat": inner.now_s, "exp": inner.now_s + 300,
    });
    let changes = match &inner.lie {
        Lie::Claims(changes) => changes.clone(),
        _ => json!({}),
    };
    for more in [&issued.person, &changes] {
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let named = |key: u8| json!({ "alg": "EdDSA", "typ": "JWT", "kid": format!("key-{key}") });
    let part = |value: &Value| base64(value.to_string(), URL_SAFE).trim_end_matches('=').to_owned();
    let sealed = |key: u8, claims: &Value| {
        let text = format!("{}.{}", part(&named(inner.key)), part(claims));
        let signed = signing_key(key).sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes());
        let signature = base64(signed.unwrap(), URL_SAFE);
        format!("{text}.{}", signature.trim_end_matches('='))
    };
    match &inner.lie {
        Lie::OtherKey => sealed(99, &claims),
        Lie::Unsigned => format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims)),
        Lie::SharedSecret => {
            let key = openidconnect::core::CoreHmacKey::new(SECRET);
            let text = format!("{}.{}", part(&json!({ "alg": "HS256" })), part(&claims));
            let signed = key.sign(&CoreJwsSigningAlgorithm::HmacSha256, text.as_bytes());
            format!("{text}.{}", base64(signed.unwrap(), URL_SAFE).trim_end_matches('='))
        }
        Lie::Altered => {
            let honest = sealed(inner.key, &claims);
            claims["sub"] = json!("somebody else");
            let parts: Vec<&str> = honest.split('.').collect();
            format!("{}.{}.{}", parts[0], part(&claims), parts[2])
        }
        _ => sealed(inner.key, &claims),
    }
}

/// An Ed25519 key of a number, in the form of RFC 8410.
fn signing_key(number: u8) -> CoreEdDsaPrivateSigningKey {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let der = base64([&head[..], &[number; 32]].concat(), STANDARD);
    let kind = "PRIVATE KEY";
    let pem = format!("-----BEGIN {kind}-----\n{der}\n-----END {kind}-----\n");
    let id = JsonWebKeyId::new(format!("key-{number}"));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).unwrap()
}

const STANDARD: [u8; 2] = *b"+/";
const URL_SAFE: [u8; 2] = *b"-_";

/// RFC 4648, with padding.
fn base64(bytes: impl AsRef<[u8]>, last: [u8; 2]) -> String {
    let letters: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    let mut text = String::new();
    for chunk in bytes.as_ref().chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let letter = letters[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
