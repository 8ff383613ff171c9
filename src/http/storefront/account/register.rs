//! Making an account, and a password that was forgotten: both end in somebody's mailbox, and the page
//! says the same whether or not the address is known.

use crate::actors::pools::Password;
use crate::http::api::auth::problem;
use crate::http::api::dto::auth::{ForgotBody, RegisterBody};
use crate::http::app::App;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::form::{Faults, Field, read};
use crate::http::storefront::lists::Asked;
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;

const LABELS: [(&str, &str); 2] = [("email", "The e-mail"), ("password", "The password")];

#[derive(Template)]
#[template(path = "storefront/account/register.html")]
struct RegisterPage {
    shell: Shell,
    head: Head,
    faults: Faults,
    email: Field,
    password: Field,
}

#[derive(Template)]
#[template(path = "storefront/account/forgot.html")]
struct ForgotPage {
    shell: Shell,
    head: Head,
    faults: Faults,
    email: Field,
}

#[derive(Template)]
#[template(path = "storefront/account/sent.html")]
struct SentPage {
    shell: Shell,
    head: Head,
    lede: &'static str,
    again: &'static str,
    again_words: &'static str,
}

#[derive(Deserialize)]
pub struct Register {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

#[derive(Deserialize)]
pub struct Forgot {
    #[serde(default)]
    email: String,
}

fn status(faults: &Faults) -> StatusCode {
    if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

pub async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    register_page(&app, &with_cookie(&app, &headers), "", Faults::default())
}

fn with_cookie(app: &App, headers: &HeaderMap) -> Visitor {
    let mut visitor = Visitor::of(app, headers);
    visitor.give_cookie();
    visitor
}

fn register_page(
    app: &App,
    visitor: &Visitor,
    email: &str,
    faults: Faults,
) -> Result<Response, ApiError> {
    let shell = Shell::new(app, visitor, &app.shop.reads.catalog.load());
    let page = RegisterPage {
        head: Head::unlisted(faults.titled("Make an account")),
        email: Field::email(email).on(&shell.assets, &faults),
        password: Field::new_password("Password").on(&shell.assets, &faults),
        shell,
        faults,
    };
    secret(app, visitor, status(&page.faults), &page)
}

pub async fn register(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Register>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let visitor = with_cookie(&app, &headers);
    let values = [("email", form.email.as_str()), ("password", form.password.as_str())];
    let body = match read::<RegisterBody>(&values, &LABELS)? {
        Ok(body) => body,
        Err(faults) => return register_page(&app, &visitor, &form.email, faults),
    };
    let accounts = app.shop.accounts.clone();
    let password = Password::from(body.password);
    let registered =
        detached(async move { accounts.register(&body.email, password, None).await }).await;
    match registered {
        Ok(()) => see_other(&app, &visitor, "/account/sent?of=account"),
        Err(error) => {
            let faults = Faults::of(problem(error), &LABELS)?;
            register_page(&app, &visitor, &form.email, faults)
        }
    }
}

pub async fn show_forgot(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    forgot_page(&app, &with_cookie(&app, &headers), "", Faults::default())
}

fn forgot_page(
    app: &App,
    visitor: &Visitor,
    email: &str,
    faults: Faults,
) -> Result<Response, ApiError> {
    let shell = Shell::new(app, visitor, &app.shop.reads.catalog.load());
    let page = ForgotPage {
        head: Head::unlisted(faults.titled("Forgot password")),
        email: Field::email(email).on(&shell.assets, &faults),
        shell,
        faults,
    };
    secret(app, visitor, status(&page.faults), &page)
}

pub async fn forgot(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Forgot>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let visitor = with_cookie(&app, &headers);
    let body = match read::<ForgotBody>(&[("email", form.email.as_str())], &LABELS)? {
        Ok(body) => body,
        Err(faults) => return forgot_page(&app, &visitor, &form.email, faults),
    };
    let accounts = app.shop.accounts.clone();
    let asked = detached(async move { accounts.forgot(&body.email).await }).await;
    match asked {
        Ok(()) => see_other(&app, &visitor, "/account/sent"),
        Err(error) => {
            let faults = Faults::of(problem(error), &LABELS)?;
            forgot_page(&app, &visitor, &form.email, faults)
        }
    }
}

/// What was sent, and to nobody in particular: an address has no place in an address.
pub async fn sent(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let visitor = Visitor::of(&app, &headers);
    let asked = Asked::of(uri.query());
    let (lede, again, again_words) = match asked.get("of") {
        Some("account") => (
            "A letter with a link is on its way to the address that you gave: follow it to confirm that it is yours.",
            "/account/register",
            "try again",
        ),
        Some("address") => (
            "A letter with a link is on its way to you: follow it to confirm that the address is yours.",
            super::HOME,
            "have it sent again",
        ),
        _ => (
            "If the address is known to us, a letter with a link is on its way.",
            "/account/forgot",
            "have it sent again",
        ),
    };
    let page = SentPage {
        shell: Shell::new(&app, &visitor, &app.shop.reads.catalog.load()),
        head: Head::unlisted("Look in your mail"),
        lede,
        again,
        again_words,
    };
    secret(&app, &visitor, StatusCode::OK, &page)
}
