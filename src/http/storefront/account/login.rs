//! Coming in, in one step or two, and going out again.
//!
//! The same tries, waits and answers as for the API (`http/api/auth.rs`): whether an address is known
//! shows nowhere. What was shown of a second factor is asked for on a page of its own; what the first step
//! found out is in a cookie for five minutes (`actors/accounts/half_way.rs`).

use super::{HOME, LOGIN, Own, meet, way_back};
use crate::actors::accounts::throttle::Try;
use crate::actors::accounts::{AccountError, LoginWith, Opening, SecondFactor, SessionGrant};
use crate::domain::identity::Audience;
use crate::http::access::Browser;
use crate::http::api::auth::{Knock, judge, knock, origin, problem};
use crate::http::api::browser::set_session;
use crate::http::api::dto::auth::LoginBody;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::cookie::{CART, HALF_WAY, Kept, SESSION};
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::form::{Faults, Field, read};
use crate::http::storefront::lists;
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;

/// How long a browser keeps what the first step found out, in seconds.
const FIVE_MINUTES: u64 = 300;

const CODE: &str = "/account/login/code";

const REFUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[derive(Template)]
#[template(path = "storefront/account/login.html")]
struct LoginPage {
    shell: Shell,
    head: Head,
    faults: Faults,
    next: String,
    email: Field,
    password: Field,
    providers: Vec<Provider>,
}

/// A way in without a password of this shop.
struct Provider {
    name: String,
    href: String,
}

#[derive(Template)]
#[template(path = "storefront/account/factor-step.html")]
struct CodePage {
    shell: Shell,
    head: Head,
    faults: Faults,
    next: String,
    code: Field,
}

#[derive(Deserialize)]
pub struct LogIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Code {
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// What stands behind a question mark of where to go on.
fn asked_next(uri: &Uri) -> String {
    let asked = lists::Asked::of(uri.query());
    asked.get("next").and_then(way_back).unwrap_or_default().to_owned()
}

pub async fn show(
    State(app): State<App>,
    browser: Browser,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut visitor = Visitor::of(&app, &headers);
    let next = asked_next(&uri);
    if browser.shown.is_some() {
        return see_other(&app, &visitor, way_back(&next).unwrap_or(HOME));
    }
    visitor.give_cookie();
    page(&app, &visitor, "", &next, Faults::default())
}

fn page(
    app: &App,
    visitor: &Visitor,
    email: &str,
    next: &str,
    faults: Faults,
) -> Result<Response, ApiError> {
    let shell = Shell::new(app, visitor, &app.shop.reads.catalog.load());
    let status = if faults.is_empty() { StatusCode::OK } else { REFUSED };
    let page = LoginPage {
        head: Head::unlisted(faults.titled("Log in")),
        next: next.to_owned(),
        email: Field::email(email).on(&shell.assets, &faults),
        password: Field::password("password", "Password").on(&shell.assets, &faults),
        providers: providers(app, next),
        shell,
        faults,
    };
    secret(app, visitor, status, &page)
}

/// The identity providers that customers may use.
fn providers(app: &App, next: &str) -> Vec<Provider> {
    let to = way_back(next).unwrap_or(HOME);
    let customers = app.sign_ins.list().filter(|own| matches!(own.audience, Audience::Customers));
    let provider = customers.map(|own| Provider {
        name: own.name.to_owned(),
        href: lists::address(
            &format!("/v1/auth/oidc/{}", own.id),
            [("session", "cookie"), ("returnTo", to)],
        ),
    });
    provider.collect()
}

pub async fn log_in(
    State(app): State<App>,
    Client(address): Client,
    browser: Browser,
    headers: HeaderMap,
    form: Result<Form<LogIn>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let visitor = Visitor::of(&app, &headers);
    let next = way_back(&form.next).unwrap_or_default();
    let values = [("email", form.email.as_str()), ("password", form.password.as_str())];
    let labels = [("email", "The e-mail"), ("password", "The password")];
    let body = match read::<LoginBody>(&values, &labels)? {
        Ok(body) => body,
        Err(faults) => return page(&app, &visitor, &form.email, next, faults),
    };
    let Knock { attempt, email, password, with } = knock(&app, address, &headers, body).await?;
    let (accounts, brought) = (&app.shop.accounts, browser.cookie.as_deref());
    match accounts.open_session_or_ask(&email, password, with, brought).await {
        Ok(Opening::HalfWay(half)) => {
            attempt.undecided();
            let to = lists::address(CODE, some_next(next));
            let mut response = see_other(&app, &visitor, &to)?;
            let kept = Kept::Seconds(FIVE_MINUTES);
            let half = accounts.sealed_half_way(&half);
            HALF_WAY.set(response.headers_mut(), &app.public_url, &half, kept);
            Ok(response)
        }
        Ok(Opening::Session(grant)) => {
            attempt.succeeded();
            come_in(&app, &visitor, &headers, &grant, next).await
        }
        Err(error) => {
            judge_wrong(attempt, error);
            if error != AccountError::WrongCredentials {
                return Err(problem(error));
            }
            let wrong = "The e-mail or the password is not right";
            page(&app, &visitor, &form.email, next, Faults::one("email", wrong))
        }
    }
}

fn judge_wrong(attempt: Try<'_>, error: AccountError) {
    judge(attempt, &Err::<(), _>(error));
}

fn some_next(next: &str) -> Option<(&'static str, String)> {
    way_back(next).map(|next| ("next", next.to_owned()))
}

/// Gives the browser its session and the customer's cart, and sends it on.
async fn come_in(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    grant: &SessionGrant,
    next: &str,
) -> Result<Response, ApiError> {
    let mut response = see_other(app, visitor, way_back(next).unwrap_or(HOME))?;
    let session = set_session(app, grant, response.headers_mut());
    meet(app, &session, headers, response.headers_mut()).await;
    Ok(response)
}

pub async fn show_factor(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut visitor = Visitor::of(&app, &headers);
    let next = asked_next(&uri);
    let kept = HALF_WAY.read(&headers, &app.public_url);
    if kept.and_then(|kept| app.shop.accounts.half_way(kept)).is_none() {
        return see_other(&app, &visitor, &lists::address(LOGIN, some_next(&next)));
    }
    visitor.give_cookie();
    code_page(&app, &visitor, &next, Faults::default())
}

fn code_page(
    app: &App,
    visitor: &Visitor,
    next: &str,
    faults: Faults,
) -> Result<Response, ApiError> {
    let shell = Shell::new(app, visitor, &app.shop.reads.catalog.load());
    let status = if faults.is_empty() { StatusCode::OK } else { REFUSED };
    let code = Field::text("code", "Code", "one-time-code")
        .hinting("Or one of your recovery codes, if your telephone is lost.");
    let page = CodePage {
        head: Head::unlisted(faults.titled("Second step")),
        next: next.to_owned(),
        code: Field { most: 64, ..code }.on(&shell.assets, &faults),
        shell,
        faults,
    };
    secret(app, visitor, status, &page)
}

/// What was typed: digits are a code of the moment, anything else is a recovery code.
pub(super) fn second_factor(typed: &str) -> SecondFactor {
    let typed = typed.trim();
    let is_code = typed.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
    if is_code {
        SecondFactor::Totp(typed.to_owned())
    } else {
        SecondFactor::RecoveryCode(typed.to_owned())
    }
}

pub async fn show_code(
    State(app): State<App>,
    Client(address): Client,
    browser: Browser,
    headers: HeaderMap,
    form: Result<Form<Code>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let visitor = Visitor::of(&app, &headers);
    let next = way_back(&form.next).unwrap_or_default();
    let accounts = &app.shop.accounts;
    let kept = HALF_WAY.read(&headers, &app.public_url);
    let Some((half, email)) = kept.and_then(|kept| accounts.half_way(kept)) else {
        return see_other(&app, &visitor, &lists::address(LOGIN, some_next(next)));
    };
    if form.code.trim().is_empty() || form.code.len() > 64 {
        let faults = Faults::one("code", "Enter the code");
        return code_page(&app, &visitor, next, faults);
    }
    let attempt = app.shop.throttle.begin(&email, address)?;
    attempt.held().await;
    let second = Some(second_factor(&form.code));
    let with = LoginWith { second, origin: origin(address, &headers), lane: attempt.lane() };
    let opened = accounts.go_on(&half, with, browser.cookie.as_deref()).await;
    judge(attempt, &opened);
    match opened {
        Ok(grant) => {
            let mut response = come_in(&app, &visitor, &headers, &grant, next).await?;
            HALF_WAY.clear(response.headers_mut(), &app.public_url);
            Ok(response)
        }
        Err(AccountError::SecondFactorWrong) => {
            let wrong = "That code is not right, or it was used already";
            code_page(&app, &visitor, next, Faults::one("code", wrong))
        }
        Err(AccountError::WrongCredentials) => see_other(&app, &visitor, LOGIN),
        Err(other) => Err(problem(other)),
    }
}

/// Ends the session at once. The cart of a customer stays with the account, and the browser shows an
/// empty one.
pub async fn log_out(State(app): State<App>, own: Own) -> Result<Response, ApiError> {
    let Own { visitor, caller, shown } = own;
    let accounts = app.shop.accounts.clone();
    let ended = detached(async move { accounts.logout(shown.expose()).await }).await;
    ended.map_err(problem)?;
    let mut response = see_other(&app, &visitor, "/")?;
    SESSION.clear(response.headers_mut(), &app.public_url);
    if matches!(caller, crate::actors::accounts::Caller::Customer(_)) {
        CART.clear(response.headers_mut(), &app.public_url);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_code_and_anything_else_is_a_recovery_code() {
        for code in ["123456", " 123 456 "] {
            assert!(matches!(second_factor(code), SecondFactor::Totp(_)), "{code}");
        }
        for code in ["abcd-efgh-jkmn-pqrs", "abcd1234"] {
            assert!(matches!(second_factor(code), SecondFactor::RecoveryCode(_)), "{code}");
        }
    }
}
