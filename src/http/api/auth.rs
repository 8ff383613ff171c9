//! Logging in and out. Passwords and tokens go through here and nowhere else: none is logged, and
//! no answer with a token may be kept by a cache.

use super::dto::auth::{LoginBody, RefreshBody, TokensJson};
use crate::actors::accounts::{AccountError, Grant};
use crate::actors::pools::Password;
use crate::http::access::token;
use crate::http::app::{App, Call};
use crate::http::body::Body;
use crate::http::client::Client;
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, ProblemSchema};
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(refresh)).routes(routes!(logout))
}

/// Log in.
///
/// A wrong password and an address that nobody has get the same answer. After a few failures the
/// next try has to wait, ever longer: 429 says how long.
#[utoipa::path(post, path = "/v1/auth/login", tag = "Access", request_body = LoginBody,
    responses((status = 200, body = TokensJson), (status = 401, description = "`bad_credentials`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn login(
    State(app): State<App>,
    Client(address): Client,
    body: Body<LoginBody>,
) -> Result<Response, ApiError> {
    let LoginBody { email, password } = body.value;
    let attempt = app.shop.throttle.begin(&email, address)?;
    attempt.held().await;
    let granted = app.shop.accounts.login(&email, Password::from(password)).await;
    match granted {
        Ok(_) => attempt.succeeded(),
        Err(AccountError::WrongCredentials) => drop(attempt),
        Err(_) => attempt.undecided(),
    }
    granted.map(|grant| tokens(&grant)).map_err(problem)
}

/// Exchange a refresh token for new tokens.
///
/// Each refresh token is good for one exchange. One that is shown a second time has been copied, and
/// ends all tokens of its login.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "Access", request_body = RefreshBody,
    responses((status = 200, body = TokensJson), (status = 401, description = "`invalid_token`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn refresh(State(app): State<App>, body: Body<RefreshBody>) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let granted = detached(async move { accounts.refresh(&body.value.refresh_token).await }).await;
    granted.map(|grant| tokens(&grant)).map_err(problem)
}

/// Log out.
///
/// Ends every token of the login that the bearer token came from, at once.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "Access", security(("bearer" = [])),
    responses((status = 204)))]
async fn logout(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let token = token(&call.headers).ok_or(ApiError::Unauthenticated)?.to_owned();
    let accounts = app.shop.accounts.clone();
    let ended = detached(async move { accounts.logout(&token).await }).await;
    ended.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

fn tokens(grant: &Grant) -> Response {
    let mut response = answer(StatusCode::OK, &tokens_of(grant));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What whoever is logged in now is given.
pub(super) fn tokens_of(grant: &Grant) -> TokensJson {
    TokensJson {
        access_token: grant.access.expose().to_owned(),
        token_type: "Bearer",
        expires_in: (grant.expires_in.as_millis() / 1_000).max(0).unsigned_abs(),
        refresh_token: grant.refresh.expose().to_owned(),
    }
}

pub(super) fn problem(error: AccountError) -> ApiError {
    match error {
        AccountError::WrongCredentials => ApiError::BadCredentials,
        AccountError::InvalidToken => ApiError::InvalidToken,
        AccountError::Identity(rejection) => rejection.into(),
        AccountError::Busy => ApiError::Overloaded,
        AccountError::Unavailable => ApiError::Unavailable { what: "the shop" },
        AccountError::InvalidEmail => ApiError::invalid("/email", error.to_string()),
        AccountError::PasswordLength => ApiError::invalid("/password", error.to_string()),
        AccountError::EmailTaken => {
            ApiError::Conflict { code: "email_taken", detail: error.to_string() }
        }
        AccountError::NoSuch => ApiError::NotFound { what: "account, key or invitation" },
        AccountError::LastAdmin => {
            ApiError::Conflict { code: "last_admin", detail: error.to_string() }
        }
        AccountError::TooMany => ApiError::Rule { code: "too_many", detail: error.to_string() },
    }
}
