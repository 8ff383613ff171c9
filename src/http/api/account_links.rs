//! The pages that the links in mails lead to: an address is proven, a password is chosen.
//!
//! Plain forms, so they work without JavaScript. Opening a page does nothing: programs that look
//! through mailboxes open every link, and would use its token up. What the form sends is the token
//! itself, which nobody else can know, and no cookie counts, so no other site can send it.

use super::auth::problem;
use super::users::claims;
use crate::actors::accounts::AccountError;
use crate::actors::pools::Password;
use crate::domain::password::LENGTH;
use crate::http::app::App;
use crate::http::headers::{Forms, page_policy};
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use askama::Template;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Confirm,
    NewPassword,
    Invitation,
}

/// Beside a password that is known already.
const KNOWN: &str =
    "The one that you chose for your account here. If you opened none, close this page.";

/// The page of each link; the letters name the same paths.
pub fn pages() -> [(&'static str, MethodRouter<App>); 3] {
    let page = |link: Link| {
        get(move |query| std::future::ready(ask(link, query)))
            .post(move |app, form| send(link, app, form))
    };
    [
        ("/account/confirm", page(Link::Confirm)),
        ("/account/new-password", page(Link::NewPassword)),
        ("/account/invitation", page(Link::Invitation)),
    ]
}

/// What stands behind the link's question mark.
#[derive(Deserialize)]
struct Carried {
    #[serde(default)]
    token: String,
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    token: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "account-link.html")]
struct Page<'a> {
    title: &'static str,
    /// What there is to say.
    text: &'static str,
    form: Option<Ask<'a>>,
}

struct Ask<'a> {
    token: &'a str,
    /// For the browser: whether the password is a new one.
    autocomplete: &'static str,
    hint: String,
    fewest: usize,
    most: usize,
    /// What is wrong with the password that was sent.
    fault: Option<String>,
    button: &'static str,
}

fn ask(link: Link, carried: Query<Carried>) -> Result<Response, ApiError> {
    question(link, &carried.token, None)
}

async fn send(
    link: Link,
    State(app): State<App>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Sent { token, password }) = form?;
    let (own, password) = (token.clone(), Password::from(password));
    let done = detached(async move {
        let accounts = &app.shop.accounts;
        let proven = match link {
            Link::Confirm => Some(accounts.verify(&own, password).await?),
            Link::NewPassword => accounts.reset(&own, password).await?,
            Link::Invitation => accounts.accept(&own, password).await.map(|_| None)?,
        };
        if let Some(proven) = proven {
            claims::on_proof(&app, &proven).await;
        }
        Ok(())
    });
    match done.await {
        Ok(()) => shown(StatusCode::OK, &Page { title: "Done", text: link.done(), form: None }),
        Err(AccountError::Password(fault)) => question(link, &token, Some(fault.to_string())),
        Err(AccountError::WrongCredentials) => {
            question(link, &token, Some("That is not the password of the account".to_owned()))
        }
        Err(AccountError::InvalidToken) => shown(
            StatusCode::GONE,
            &Page {
                title: "This link is good no more",
                text: "Each link can be used once, and not for long. Ask for another one.",
                form: None,
            },
        ),
        Err(other) => Err(problem(other)),
    }
}

/// Beside a password that is to be chosen.
fn chosen() -> String {
    let fewest = LENGTH.start();
    format!(
        "At least {fewest} characters. A few words together are easy to remember and hard to guess."
    )
}

/// The page with its form.
fn question(link: Link, token: &str, fault: Option<String>) -> Result<Response, ApiError> {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (title, text, button) = link.words();
    let (autocomplete, hint, fewest) = match link {
        Link::Confirm => ("current-password", KNOWN.to_owned(), 1),
        Link::NewPassword | Link::Invitation => ("new-password", chosen(), *LENGTH.start()),
    };
    let most = *LENGTH.end();
    let form = Some(Ask { token, autocomplete, hint, fewest, most, fault, button });
    shown(status, &Page { title, text, form })
}

fn shown(status: StatusCode, page: &Page<'_>) -> Result<Response, ApiError> {
    let html = page.render().map_err(|error| ApiError::fault(&error))?;
    let policy = page_policy(&html, Forms::ToUs);
    let mut response = (status, Body::from(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

impl Link {
    /// The page's title, what it says, and its button.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Link::Confirm => (
                "Confirm your address",
                "One more step: your password shows that you opened the account yourself.",
                "Confirm the address",
            ),
            Link::NewPassword => (
                "Choose a new password",
                "It takes the place of the old one, and everybody who is signed in with that is signed out.",
                "Set the password",
            ),
            Link::Invitation => (
                "Join the staff",
                "You are invited to help run this shop. Choose a password to begin.",
                "Join",
            ),
        }
    }

    fn done(self) -> &'static str {
        match self {
            Link::Confirm => "Your address is confirmed. You can close this page.",
            Link::NewPassword => "Your new password is set. You can sign in with it now.",
            Link::Invitation => "Welcome! You can sign in with your password now.",
        }
    }
}
