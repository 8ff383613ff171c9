//! The pages that the links in mails lead to: an address is proven, a password is chosen.
//!
//! Plain forms, so they work without JavaScript. Opening a page does nothing: programs that look
//! through mailboxes open every link, and would use its token up. What the form sends is the token
//! itself, which nobody else can know, and no cookie counts, so no other site can send it. The token is
//! in the page's address, so that address is told to nobody, not even to the shop's own files.

use super::LOGIN;
use crate::actors::accounts::AccountError;
use crate::actors::pools::Password;
use crate::http::api::auth::problem;
use crate::http::api::users::claims;
use crate::http::app::App;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::answer::secret;
use crate::http::storefront::form::{Faults, Field};
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
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
        get(move |app, headers, query| std::future::ready(ask(link, app, headers, query)))
            .post(move |app, headers, form| send(link, app, headers, form))
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
#[template(path = "storefront/account/link.html")]
struct Page {
    shell: Shell,
    head: Head,
    faults: Faults,
    heading: &'static str,
    /// What there is to say.
    text: &'static str,
    form: Option<Ask>,
    /// Where to go on from here.
    way_on: Option<(&'static str, &'static str)>,
}

struct Ask {
    token: String,
    password: Field,
    button: &'static str,
}

/// What a page says, but for what is around it.
struct Said {
    status: StatusCode,
    heading: &'static str,
    text: &'static str,
    form: Option<Ask>,
    faults: Faults,
    way_on: Option<(&'static str, &'static str)>,
}

fn ask(
    link: Link,
    State(app): State<App>,
    headers: HeaderMap,
    Query(carried): Query<Carried>,
) -> Result<Response, ApiError> {
    shown(&app, &headers, question(link, &app, carried.token, Faults::default()))
}

async fn send(
    link: Link,
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Sent { token, password }) = form?;
    let (own, password) = (token.clone(), Password::from(password));
    let doing = app.clone();
    let done = detached(async move {
        let accounts = &doing.shop.accounts;
        let proven = match link {
            Link::Confirm => Some(accounts.verify(&own, password).await?),
            Link::NewPassword => accounts.reset(&own, password).await?,
            Link::Invitation => accounts.accept(&own, password).await.map(|_| None)?,
        };
        if let Some(proven) = proven {
            claims::on_proof(&doing, &proven).await;
        }
        Ok(())
    });
    let said = match done.await {
        Ok(()) => Said {
            status: StatusCode::OK,
            heading: "Done",
            text: link.done(),
            form: None,
            faults: Faults::default(),
            way_on: Some((LOGIN, "Log in")),
        },
        Err(error @ AccountError::Password(_)) => {
            let faults = Faults::of(problem(error), &[("password", "The password")])?;
            question(link, &app, token, faults)
        }
        Err(AccountError::WrongCredentials) => {
            let wrong = "That is not the password of the account";
            question(link, &app, token, Faults::one("password", wrong))
        }
        Err(AccountError::InvalidToken) => Said {
            status: StatusCode::GONE,
            heading: "This link is good no more",
            text: "Each link can be used once, and not for long. Ask for another one.",
            form: None,
            faults: Faults::default(),
            way_on: link.another(),
        },
        Err(other) => return Err(problem(other)),
    };
    shown(&app, &headers, said)
}

/// The page with its form.
fn question(link: Link, app: &App, token: String, faults: Faults) -> Said {
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    let (heading, text, button) = link.words();
    let password = match link {
        Link::Confirm => Field::password("password", "Password").hinting(KNOWN),
        Link::NewPassword | Link::Invitation => Field::new_password("New password"),
    };
    let password = password.on(&app.look().assets.address(), &faults);
    Said {
        status: if faults.is_empty() { StatusCode::OK } else { refused },
        heading,
        text,
        form: Some(Ask { token, password, button }),
        faults,
        way_on: None,
    }
}

fn shown(app: &App, headers: &HeaderMap, said: Said) -> Result<Response, ApiError> {
    let visitor = Visitor::of(app, headers);
    let Said { status, heading, text, form, faults, way_on } = said;
    let page = Page {
        shell: Shell::new(app, &visitor, &app.shop.reads.catalog.load()),
        head: Head::unlisted(faults.titled(heading)),
        faults,
        heading,
        text,
        form,
        way_on,
    };
    let mut response = secret(app, &visitor, status, &page)?;
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

impl Link {
    /// The page's heading, what it says, and its button.
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
            Link::Confirm => "Your address is confirmed.",
            Link::NewPassword => "Your new password is set. You can log in with it now.",
            Link::Invitation => "Welcome! You can log in with your password now.",
        }
    }

    /// Where another link can be had.
    fn another(self) -> Option<(&'static str, &'static str)> {
        match self {
            Link::Confirm => Some((super::SECURITY, "To your account")),
            Link::NewPassword => Some(("/account/forgot", "Have another one sent")),
            // Whoever runs the shop sends those.
            Link::Invitation => None,
        }
    }
}
