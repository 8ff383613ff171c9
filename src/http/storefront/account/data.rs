//! What is known of a customer, to take along or to have forgotten.

use super::{Frame, OwnCustomer, Tab};
use crate::actors::pools::Password;
use crate::http::api::users::{export, me};
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::cookie::{CART, SESSION};
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::form::{Faults, Field};
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use crate::storage::records::TokenHolder;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

const DATA: &str = "/account/data";

/// A longer password is nobody's.
const LONGEST_PASSWORD: usize = 128;

#[derive(Template)]
#[template(path = "storefront/account/data.html")]
struct DataPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    faults: Faults,
    /// Of an account that a password opens.
    password: Option<Field>,
}

#[derive(Template)]
#[template(path = "storefront/account/forgotten.html")]
struct ForgottenPage {
    shell: Shell,
    head: Head,
}

pub async fn show(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    page(&app, &own, Faults::default())
}

fn page(app: &App, own: &OwnCustomer, faults: Faults) -> Result<Response, ApiError> {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = faults.titled("Your data");
    let Frame { shell, head, tabs } = Frame::new(app, &own.visitor, DATA, true, title);
    let password = Field::password("password", "Password").on(&shell.assets, &faults);
    let password = Some(password).filter(|_| has_password(app, own));
    let page = DataPage { shell, head, tabs, faults, password };
    secret(app, &own.visitor, status, &page)
}

fn has_password(app: &App, own: &OwnCustomer) -> bool {
    app.shop.accounts.has_password(TokenHolder::Customer(own.customer.customer))
}

/// One file with everything.
pub async fn export(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    export::exported(&app, own.customer, &own.shown)
}

#[derive(Deserialize)]
pub struct Erase {
    #[serde(default)]
    password: String,
    #[serde(default)]
    sure: String,
}

pub async fn erase(
    State(app): State<App>,
    own: OwnCustomer,
    Client(address): Client,
    form: Result<Form<Erase>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let is_asked_for = has_password(&app, &own);
    if is_asked_for && (form.password.is_empty() || form.password.len() > LONGEST_PASSWORD * 4) {
        return page(&app, &own, Faults::one("password", "The password is required"));
    }
    if form.sure != "yes" {
        return page(&app, &own, Faults::one("sure", "Say that you are sure"));
    }
    let password = is_asked_for.then(|| Password::from(form.password));
    if let Err(error) = me::forget(&app, &own.customer, address, password).await {
        let faults = Faults::of(error, &[("password", "The password")])?;
        return page(&app, &own, faults);
    }
    let mut response = see_other(&app, &own.visitor, "/account/forgotten")?;
    SESSION.clear(response.headers_mut(), &app.public_url);
    CART.clear(response.headers_mut(), &app.public_url);
    Ok(response)
}

/// What is shown to somebody of whom nothing is known any more.
pub async fn forgotten(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let visitor = Visitor::of(&app, &headers);
    let shell = Shell::new(&app, &visitor, &app.shop.reads.catalog.load());
    let page = ForgottenPage { shell, head: Head::unlisted("You are forgotten") };
    secret(&app, &visitor, StatusCode::OK, &page)
}
