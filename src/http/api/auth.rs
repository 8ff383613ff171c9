//! Logging in and out. Passwords and tokens go through here and nowhere else: none is logged, and
//! no answer with a token may be kept by a cache.

use super::dto::auth::{
    ForgotBody, LoginBody, MailWantedJson, RefreshBody, RegisterBody, ResetBody, TokensJson,
    VerifyBody,
};
use super::dto::second_factor::second_factor;
use super::users::claims;
use crate::actors::accounts::throttle::Try;
use crate::actors::accounts::{AccountError, Credential, Grant, LoginWith, Origin};
use crate::actors::pools::Password;
use crate::domain::profile::AddressRejection;
use crate::http::app::{App, Call};
use crate::http::body::Body;
use crate::http::client::Client;
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, ProblemSchema};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(verify))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(forgot))
        .routes(routes!(reset))
}

/// Register as a customer.
///
/// A mail with a link that verifies the address follows. Where the address has an account already, a
/// mail says so to its owner; the answer here is the same.
#[utoipa::path(post, path = "/v1/auth/register", tag = "Access", request_body = RegisterBody,
    responses((status = 202, body = MailWantedJson)))]
async fn register(State(app): State<App>, body: Body<RegisterBody>) -> Result<Response, ApiError> {
    let RegisterBody { email, password, name } = body.value;
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let accounts = app.shop.accounts.clone();
    let password = Password::from(password);
    let registered = detached(async move { accounts.register(&email, password, name).await }).await;
    registered.map(|()| mail_wanted()).map_err(problem)
}

/// Verify an e-mail address with the token that was mailed to it.
///
/// Each token is good once and for a day, together with the account's password: whoever has nothing but
/// the mailbox did not open the account. What was bought under the address without an account is
/// among the account's orders from then on.
#[utoipa::path(post, path = "/v1/auth/verify", tag = "Access", request_body = VerifyBody,
    responses((status = 204), (status = 401, description = "`invalid_token` or `bad_credentials`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn verify(State(app): State<App>, body: Body<VerifyBody>) -> Result<Response, ApiError> {
    let verified = detached(async move {
        let VerifyBody { token, password } = body.value;
        let proven = app.shop.accounts.verify(&token, Password::from(password)).await?;
        claims::on_proof(&app, &proven).await;
        Ok(())
    });
    verified.await.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// Ask for a mail to set a new password.
///
/// An address that has no account gets none; the answer here is the same.
#[utoipa::path(post, path = "/v1/auth/password/forgot", tag = "Access", request_body = ForgotBody,
    responses((status = 202, body = MailWantedJson)))]
async fn forgot(State(app): State<App>, body: Body<ForgotBody>) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let asked = detached(async move { accounts.forgot(&body.value.email).await }).await;
    asked.map(|()| mail_wanted()).map_err(problem)
}

/// Set a new password with the token that was mailed for it.
///
/// Each token is good once and for an hour. All logins of the account end.
#[utoipa::path(post, path = "/v1/auth/password/reset", tag = "Access", request_body = ResetBody,
    responses((status = 204), (status = 401, description = "`invalid_token`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn reset(State(app): State<App>, body: Body<ResetBody>) -> Result<Response, ApiError> {
    let ResetBody { token, password } = body.value;
    let password = Password::from(password);
    let done = detached(async move {
        if let Some(proven) = app.shop.accounts.reset(&token, password).await? {
            claims::on_proof(&app, &proven).await;
        }
        Ok(())
    });
    done.await.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// Log in.
///
/// A wrong password and an address that nobody has get the same answer. After a few failures the
/// next try has to wait, ever longer: 429 says how long.
///
/// A member of staff with a second factor shows a code of it too: with the right password and
/// without a code the answer is 401 `totp_required`, with a wrong or used one 401 `totp_invalid`.
#[utoipa::path(post, path = "/v1/auth/login", tag = "Access", request_body = LoginBody,
    responses((status = 200, body = TokensJson), (status = 401, description = "`bad_credentials`, `totp_required` or `totp_invalid`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn login(
    State(app): State<App>,
    Client(address): Client,
    call: Call,
    body: Body<LoginBody>,
) -> Result<Response, ApiError> {
    let Knock { attempt, email, password, with } =
        knock(&app, address, &call.headers, body.value).await?;
    let granted = app.shop.accounts.login(&email, password, with).await;
    judge(attempt, &granted);
    granted.map(|grant| tokens(&grant)).map_err(problem)
}

/// A try at logging in, however it is to be answered.
pub(in crate::http) struct Knock<'a> {
    pub attempt: Try<'a>,
    pub email: String,
    pub password: Password,
    pub with: LoginWith,
}

/// Has a try wait for its turn.
pub(in crate::http) async fn knock<'a>(
    app: &'a App,
    address: IpAddr,
    headers: &HeaderMap,
    body: LoginBody,
) -> Result<Knock<'a>, ApiError> {
    let LoginBody { email, password, totp, recovery_code } = body;
    let attempt = app.shop.throttle.begin(&email, address)?;
    attempt.held().await;
    let second = second_factor(totp, recovery_code);
    let with = LoginWith { second, origin: origin(address, headers), lane: attempt.lane() };
    Ok(Knock { attempt, email, password: Password::from(password), with })
}

/// Does what needs the password of whoever is logged in, or a code of theirs; tries are counted
/// together with those of the login.
pub(in crate::http) async fn tried<T: Send + 'static>(
    app: &App,
    email: &str,
    address: IpAddr,
    problem: fn(AccountError) -> ApiError,
    act: impl Future<Output = Result<T, AccountError>> + Send + 'static,
) -> Result<T, ApiError> {
    let attempt = app.shop.throttle.begin(email, address)?;
    attempt.held().await;
    let outcome = detached(act).await;
    judge(attempt, &outcome);
    outcome.map_err(problem)
}

/// Counts a try for what became of it.
pub(in crate::http) fn judge<T>(attempt: Try<'_>, outcome: &Result<T, AccountError>) {
    match outcome {
        Ok(_) => attempt.succeeded(),
        Err(AccountError::WrongCredentials | AccountError::SecondFactorWrong) => drop(attempt),
        Err(_) => attempt.undecided(),
    }
}

/// Where a login comes from.
pub(in crate::http) fn origin(address: IpAddr, headers: &HeaderMap) -> Origin {
    let device = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    Origin::new(address, &String::from_utf8_lossy(device))
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
/// Ends the login that the request came with, at once: every token of it, or the session.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "Access", security(("bearer" = [])),
    responses((status = 204)))]
async fn logout(State(app): State<App>, shown: Credential) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let ended = detached(async move { accounts.logout(shown.expose()).await }).await;
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

/// The answer to whatever ends in a mailbox.
pub(super) fn mail_wanted() -> Response {
    answer(StatusCode::ACCEPTED, &MailWantedJson::ANSWER)
}

pub(in crate::http) fn problem(error: AccountError) -> ApiError {
    match error {
        AccountError::WrongCredentials => ApiError::BadCredentials,
        AccountError::InvalidToken => ApiError::InvalidToken,
        AccountError::Identity(rejection) => rejection.into(),
        AccountError::Busy => ApiError::Overloaded,
        AccountError::Unavailable => ApiError::Unavailable { what: "the shop" },
        AccountError::InvalidEmail => ApiError::invalid("/email", error.to_string()),
        AccountError::Password(rejection) => ApiError::invalid("/password", rejection.to_string()),
        AccountError::Unknown => ApiError::NotFound { what: "user" },
        AccountError::Changed => ApiError::PreconditionFailed,
        AccountError::Addresses(AddressRejection::Unknown) => {
            ApiError::NotFound { what: "address" }
        }
        AccountError::Addresses(AddressRejection::TooMany { .. }) => {
            ApiError::Conflict { code: "too_many_addresses", detail: error.to_string() }
        }
        AccountError::EmailTaken => {
            ApiError::Conflict { code: "email_taken", detail: error.to_string() }
        }
        AccountError::SecondFactorNeeded => ApiError::TotpRequired,
        AccountError::SecondFactorWrong => ApiError::TotpInvalid,
        AccountError::SecondFactorSet => {
            ApiError::Conflict { code: "totp_active", detail: error.to_string() }
        }
        AccountError::NoSecondFactor => {
            ApiError::Conflict { code: "totp_inactive", detail: error.to_string() }
        }
        AccountError::OwnSecondFactor => {
            ApiError::Conflict { code: "totp_own", detail: error.to_string() }
        }
        AccountError::TooManyTries(refused) => refused.into(),
        AccountError::NoSuch => ApiError::NotFound { what: "account, key or invitation" },
        AccountError::LastAdmin => {
            ApiError::Conflict { code: "last_admin", detail: error.to_string() }
        }
        AccountError::TooMany => ApiError::Rule { code: "too_many", detail: error.to_string() },
    }
}
