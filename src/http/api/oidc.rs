//! Signing in with an identity provider: a browser goes there and comes back.
//!
//! Whoever comes back must be the browser that went: a cookie holds a secret of its own for each
//! journey. It is `Lax`, for the way back starts at another site, and it is gone afterwards. A
//! provider's words never reach the answer, and `returnTo` leads nowhere but into this shop.

use super::auth::{origin, problem, tokens_of};
use super::browser::set_session;
use super::dto::oidc::{ProviderJson, ProvidersJson, SessionIn, SignedInJson, StartQuery};
use crate::domain::catalog::Fault;
use crate::http::app::App;
use crate::http::body::{Named, Params};
use crate::http::client::Client;
use crate::http::cookie::{Kept, SESSION, SIGN_IN};
use crate::http::etag::answer as answer_with;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, ProblemSchema};
use crate::http::storefront::account::meet;
use crate::identity::{Aim, Answer, Gives, SignInError, SignedIn, Started};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where a provider sends browsers back to, below the shop's public address.
pub fn callback_path(provider: &str) -> String {
    format!("/v1/auth/oidc/{provider}/callback")
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(providers)).routes(routes!(start)).routes(routes!(callback))
}

/// List the identity providers.
///
/// The ways to sign in without a password of this shop.
#[utoipa::path(get, path = "/v1/auth/oidc", tag = "Access",
    responses((status = 200, body = ProvidersJson)))]
async fn providers(State(app): State<App>) -> Response {
    let url = |id: &str| app.public_url.join(&format!("/v1/auth/oidc/{id}"));
    let data = app.sign_ins.list().map(|listed| ProviderJson::new(&listed, url(listed.id)));
    answer_with(StatusCode::OK, &ProvidersJson { data: data.collect() })
}

/// Sign in with an identity provider.
///
/// For browsers: sends them to the provider (OpenID Connect, authorization code with PKCE), which
/// sends them back to the callback.
#[utoipa::path(get, path = "/v1/auth/oidc/{provider}", tag = "Access",
    params(("provider" = String, Path, description = "The provider's id"), StartQuery),
    responses((status = 302, description = "To the provider", headers(("Location" = String, description = "The provider's page")))))]
async fn start(
    State(app): State<App>,
    Named(provider): Named<String>,
    Params(query): Params<StartQuery>,
) -> Result<Response, ApiError> {
    if query.return_to.as_deref().is_some_and(|path| !is_own_path(path)) {
        let detail = "must be a path of this shop, such as /account".to_owned();
        return Err(ApiError::InvalidQuery(vec![Fault { pointer: "/returnTo".into(), detail }]));
    }
    let now = app.shop.env.clock.now();
    let gives = match query.session {
        Some(SessionIn::Cookie) => Gives::Session,
        None => Gives::Tokens,
    };
    let aim = Aim { gives, return_to: query.return_to };
    let Started { url, browser } = app.sign_ins.start(&provider, aim, now).await?;
    let mut response = sent_to(StatusCode::FOUND, &url)?;
    SIGN_IN.set(response.headers_mut(), &app.public_url, &browser, Kept::Seconds(TEN_MINUTES));
    Ok(response)
}

/// Come back from an identity provider.
///
/// Gives tokens, as a login does. The provider must have verified the e-mail address when it meets
/// an account for the first time; later the account is known by the identity alone.
#[utoipa::path(get, path = "/v1/auth/oidc/{provider}/callback", tag = "Access",
    params(("provider" = String, Path, description = "The provider's id"),
        ("state" = String, Query, description = "As it was sent to the provider"),
        ("code" = Option<String>, Query, description = "What is exchanged for the identity"),
        ("error" = Option<String>, Query, description = "In place of a code"),
        ("iss" = Option<String>, Query, description = "The provider's issuer (RFC 9207)")),
    responses((status = 200, body = SignedInJson),
        (status = 303, description = "With a session in a cookie, where the start asked for it", headers(("Location" = String, description = "`returnTo`"))),
        (status = 403, description = "`sign_in_not_started`, `sign_in_refused`, `identity_untrusted`, or why the identity opens no account: `email_missing`, `email_not_verified`, `email_domain_not_allowed`, `not_invited`, `other_sign_in`, `account_not_verified`", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "`identity_conflict`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn callback(
    State(app): State<App>,
    Named(provider): Named<String>,
    Client(address): Client,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let sign_ins = app.sign_ins.clone();
    if !sign_ins.list().any(|listed| listed.id == provider) {
        return Err(SignInError::UnknownProvider.into());
    }
    let answer = read_answer(uri.query().unwrap_or_default())?;
    let browser = SIGN_IN.read(&headers, &app.public_url).unwrap_or_default().to_owned();
    let brought = SESSION.read(&headers, &app.public_url).map(str::to_owned);
    let now = app.shop.env.clock.now();
    let (accounts, origin) = (app.shop.accounts.clone(), origin(address, &headers));
    let public_url = app.public_url.clone();
    // A code is good once: whoever hangs up here is signed in all the same.
    let granted = detached(async move {
        let SignedIn { identity, audience, aim } =
            sign_ins.finish(&provider, &browser, answer, now).await?;
        match aim.gives {
            Gives::Tokens => {
                let grant = accounts.sign_in_with(identity, audience, origin).await;
                let tokens = tokens_of(&grant.map_err(problem)?);
                let signed_in = SignedInJson::new(tokens, aim.return_to);
                Ok::<_, ApiError>(answer_with(StatusCode::OK, &signed_in))
            }
            Gives::Session => {
                let brought = brought.as_deref();
                let opened = accounts.open_session_with(identity, audience, origin, brought).await;
                let to = aim.return_to.as_deref().unwrap_or("/");
                let mut response = sent_to(StatusCode::SEE_OTHER, to)?;
                let session = set_session(&app, &opened.map_err(problem)?, response.headers_mut());
                meet(&app, &session, &headers, response.headers_mut()).await;
                Ok(response)
            }
        }
    });
    let mut response: Response = granted.await?;
    SIGN_IN.clear(response.headers_mut(), &public_url);
    Ok(response)
}

fn sent_to(status: StatusCode, url: &str) -> Result<Response, ApiError> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let location = HeaderValue::from_str(url).map_err(|error| ApiError::fault(&error))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// How long the cookie of a journey lives, in seconds.
const TEN_MINUTES: u64 = 600;

/// Whether a browser that is sent to `path` stays in this shop. `//host` and `/\host` would lead to
/// another one, and browsers drop tabs and line breaks before they look (WHATWG URL, section 4.4).
pub(in crate::http) fn is_own_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\')
}

/// Reads what the provider appended to the address. Providers append more than the standard names,
/// so unlike everywhere else unknown parameters are left alone; known ones may come once (RFC 6749,
/// section 3.1).
fn read_answer(query: &str) -> Result<Answer, ApiError> {
    let mut faults = Vec::new();
    let mut read = |name: &str| {
        let mut found = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = found.by_ref().find(|(own, _)| *own == name).map(|(_, value)| decoded(value));
        if found.any(|(own, _)| own == name) || value == Some(None) {
            let detail = "must come once, as percent-encoded UTF-8".to_owned();
            faults.push(Fault { pointer: format!("/{name}"), detail });
        }
        value.flatten()
    };
    let (state, code, error, issuer) = (read("state"), read("code"), read("error"), read("iss"));
    if state.is_none() && faults.is_empty() {
        faults.push(Fault { pointer: "/state".into(), detail: "is required".into() });
    }
    if !faults.is_empty() {
        return Err(ApiError::InvalidQuery(faults));
    }
    Ok(Answer { state: state.unwrap_or_default(), code, error, issuer })
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> ApiError {
        let failed = |code| ApiError::SignInFailed { code, detail: error.to_string() };
        match error {
            SignInError::UnknownProvider => ApiError::NotFound { what: "identity provider" },
            SignInError::NotStarted => failed("sign_in_not_started"),
            SignInError::Refused => failed("sign_in_refused"),
            SignInError::Untrusted => failed("identity_untrusted"),
            SignInError::Unreachable => ApiError::Unavailable { what: "the identity provider" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_into_this_shop_alone() {
        for own in ["/", "/account?tab=orders#top", "/a//b", "/%2f%2fevil.example"] {
            assert!(is_own_path(own), "{own}");
        }
        for foreign in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /account",
            "/a\r\nSet-Cookie: x=y",
            "/ä",
        ] {
            assert!(!is_own_path(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn an_answer_may_hold_more_than_the_standard_names_and_nothing_twice() {
        let read = |query| read_answer(query).map(|answer| (answer.state, answer.code));
        let extra = read("session_state=x&code=a%2Fb&state=s+t&prompt=none");
        assert_eq!(extra, Ok(("s t".into(), Some("a/b".into()))));
        for (query, named) in [
            ("", "/state"),
            ("code=a", "/state"),
            ("state=a&state=b", "/state"),
            ("state=a&code=b&code=c", "/code"),
            ("state=a&iss=%ff", "/iss"),
        ] {
            let Err(ApiError::InvalidQuery(faults)) = read(query) else { panic!("{query}") };
            assert_eq!(faults[0].pointer, named, "{query}");
        }
    }
}
