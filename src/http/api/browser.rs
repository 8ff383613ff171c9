//! Logging in and out with a browser: a session in a cookie, instead of tokens that a page would
//! have to keep where scripts can read them.
//!
//! Nobody is logged in with a cookie that they brought: each login gives one that nobody knew before.
//! What answers with a cookie or a CSRF token goes into no cache.

use super::auth::{Knock, judge, knock, problem};
use super::dto::auth::LoginBody;
use super::dto::browser::BrowserJson;
use super::dto::user::UserJson;
use super::users::own;
use crate::actors::accounts::{Caller, Credential, SessionGrant};
use crate::http::access::Browser;
use crate::http::app::{App, Call};
use crate::http::body::Body;
use crate::http::client::Client;
use crate::http::cookie::{CART, Kept, SESSION};
use crate::http::csrf;
use crate::http::etag::answer;
use crate::http::headers::keep_out_of_caches;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, ProblemSchema};
use crate::http::storefront::account::meet;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, log_in, log_out))
}

/// See who is logged in in this browser.
///
/// For pages. Where nobody is, the browser gets a cookie to which the CSRF token of a login belongs.
#[utoipa::path(get, path = "/v1/auth/session", tag = "Access",
    responses((status = 200, body = BrowserJson)))]
async fn show(State(app): State<App>, browser: Browser) -> Result<Response, ApiError> {
    let user = match &browser.shown {
        Some(shown) => user(&app, shown)?,
        None => None,
    };
    let own = browser.cookie.filter(|own| user.is_some() || csrf::is_anonymous(own));
    let mut headers = HeaderMap::new();
    let cookie = own.unwrap_or_else(|| {
        let fresh = csrf::anonymous();
        SESSION.set(&mut headers, &app.public_url, &fresh, Kept::UntilItCloses);
        fresh
    });
    Ok(told(user, &cookie, headers))
}

/// Log in with a browser.
///
/// As `POST /v1/auth/login`; the session is in a cookie that no script can read. One that the
/// browser has already ends.
#[utoipa::path(post, path = "/v1/auth/session", tag = "Access", request_body = LoginBody,
    params(("X-CSRF-Token" = Option<String>, Header, description = "As `GET` gives it")),
    responses((status = 200, body = BrowserJson),
        (status = 401, description = "`bad_credentials`, `totp_required` or `totp_invalid`", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 403, description = "`csrf`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn log_in(
    State(app): State<App>,
    Client(address): Client,
    browser: Browser,
    call: Call,
    body: Body<LoginBody>,
) -> Result<Response, ApiError> {
    let Knock { attempt, email, password, with } =
        knock(&app, address, &call.headers, body.value).await?;
    let (accounts, brought) = (&app.shop.accounts, browser.cookie.as_deref());
    let opened = accounts.open_session(&email, password, with, brought).await;
    judge(attempt, &opened);
    let grant = opened.map_err(problem)?;
    let mut headers = HeaderMap::new();
    let session = set_session(&app, &grant, &mut headers);
    meet(&app, &session, &call.headers, &mut headers).await;
    Ok(told(user(&app, &session)?, session.expose(), headers))
}

/// Log out with a browser.
///
/// The session ends at once, and the browser forgets its cookie and the customer's cart.
#[utoipa::path(delete, path = "/v1/auth/session", tag = "Access",
    params(("X-CSRF-Token" = Option<String>, Header, description = "As `GET` gives it")),
    responses((status = 204), (status = 403, description = "`csrf`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn log_out(State(app): State<App>, browser: Browser) -> Result<Response, ApiError> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    SESSION.clear(response.headers_mut(), &app.public_url);
    if let Some(shown) = browser.shown {
        if let Some(Caller::Customer(_)) = app.shop.accounts.who(&shown) {
            CART.clear(response.headers_mut(), &app.public_url);
        }
        let accounts = app.shop.accounts.clone();
        let ended = detached(async move { accounts.logout(shown.expose()).await }).await;
        ended.map_err(problem)?;
    }
    Ok(response)
}

/// Has the browser keep a session, in place of whatever it had.
pub(in crate::http) fn set_session(
    app: &App,
    grant: &SessionGrant,
    headers: &mut HeaderMap,
) -> Credential {
    let seconds = (grant.lives_for.as_millis() / 1_000).max(0).unsigned_abs();
    let token = grant.token.expose();
    SESSION.set(headers, &app.public_url, token, Kept::Seconds(seconds));
    Credential::Session(token.to_owned())
}

/// Whose session it is; `None` where it ended meanwhile.
fn user(app: &App, session: &Credential) -> Result<Option<UserJson>, ApiError> {
    let accounts = &app.shop.accounts;
    let Some(caller) = accounts.who(session) else { return Ok(None) };
    let user = own(accounts, &caller)?;
    Ok(Some(UserJson::of(&user).1))
}

fn told(user: Option<UserJson>, cookie: &str, headers: HeaderMap) -> Response {
    let body = BrowserJson { user, csrf_token: csrf::token(cookie) };
    let mut response = answer(StatusCode::OK, &body);
    response.headers_mut().extend(headers);
    keep_out_of_caches(response.headers_mut());
    response
}
