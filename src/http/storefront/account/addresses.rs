//! A customer's address book.

use super::{Frame, OwnCustomer, Tab};
use crate::actors::accounts::{AddressChange, CustomerView};
use crate::domain::address::countries;
use crate::domain::profile::{MOST_ADDRESSES, Preference};
use crate::domain::{Address, AddressId};
use crate::http::api::dto::user::AddressInput;
use crate::http::api::users::addresses::{change_book, own};
use crate::http::app::App;
use crate::http::body::{self, Named};
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::form::{Faults, Field};
use crate::http::storefront::place::{self, Place};
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use crate::http::storefront::words;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

const BOOK: &str = "/account/addresses";

#[derive(Template)]
#[template(path = "storefront/account/addresses.html")]
struct BookPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    faults: Faults,
    entries: Vec<Entry>,
    is_full: bool,
    ask: AskAddress,
}

#[derive(Template)]
#[template(path = "storefront/account/address.html")]
struct AddressPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    faults: Faults,
    path: String,
    ask: AskAddress,
}

/// An address in the book.
struct Entry {
    path: String,
    lines: Vec<String>,
    /// What tells it from others to those who do not see it.
    line1: String,
    is_first: bool,
}

/// The fields of an address.
struct AskAddress {
    country: Field,
    rows: Vec<Vec<Field>>,
}

/// A form as it came.
#[derive(Deserialize)]
pub struct Sent {
    #[serde(flatten)]
    place: Place,
    /// The page is to follow the country; nothing is kept.
    #[serde(default)]
    refresh: String,
}

/// Every country: an address may be one that nothing is sent to today.
fn all_countries() -> Vec<&'static str> {
    countries().iter().map(|(code, _)| code.as_str()).collect()
}

/// The address, or what is wrong with it.
fn read(place: &Place) -> Result<Result<(Address, Preference), Faults>, ApiError> {
    let mut faults = place.check(&all_countries());
    match body::read::<AddressInput>(place.json().to_string().as_bytes()) {
        Ok(input) if faults.is_empty() => return Ok(Ok(input.into_address())),
        Ok(_) => {}
        Err(ApiError::InvalidBody(found) | ApiError::InvalidValue(found)) => {
            for fault in found {
                let field = fault.pointer.trim_start_matches('/');
                faults.add(field, place::fault_of(field));
            }
        }
        Err(other) => return Err(other),
    }
    Ok(Err(faults.in_order(&place::ORDER)))
}

impl AskAddress {
    fn new(app: &App, assets: &str, mut place: Place, faults: &Faults) -> AskAddress {
        if place.country.is_empty() {
            place.country.clone_from(&app.shop.env.settings.rules.tax.home.country);
        }
        let form = place::Form { faults, assets, follows_region: false };
        AskAddress {
            country: place.country_field(&all_countries(), form),
            rows: place.fields(form),
        }
    }
}

fn entry_path(id: AddressId) -> String {
    format!("{BOOK}/{id}")
}

pub async fn list(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    book_page(&app, &own, Place::default(), Faults::default())
}

fn book_page(
    app: &App,
    asked: &OwnCustomer,
    typed: Place,
    faults: Faults,
) -> Result<Response, ApiError> {
    let customer = own(app, &asked.customer)?;
    let title = faults.titled("Addresses");
    let Frame { shell, head, tabs } = Frame::new(app, &asked.visitor, BOOK, true, title);
    let entries = entries(&customer);
    let page = BookPage {
        is_full: entries.len() >= MOST_ADDRESSES,
        entries,
        ask: AskAddress::new(app, &shell.assets, typed, &faults),
        shell,
        head,
        tabs,
        faults,
    };
    secret(app, &asked.visitor, status(&page.faults), &page)
}

fn status(faults: &Faults) -> StatusCode {
    if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// The address that is used first stands first.
fn entries(customer: &CustomerView) -> Vec<Entry> {
    let book = &customer.profile.addresses;
    let mut entries: Vec<Entry> = book
        .entries()
        .iter()
        .map(|(id, address)| Entry {
            path: entry_path(*id),
            lines: words::address(address),
            line1: address.line1.clone(),
            is_first: book.default_id() == Some(*id),
        })
        .collect();
    entries.sort_by_key(|entry| !entry.is_first);
    entries
}

pub async fn add(
    State(app): State<App>,
    own: OwnCustomer,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Sent { place, refresh }) = form?;
    if !refresh.is_empty() {
        return book_page(&app, &own, place, Faults::default());
    }
    let (address, preference) = match read(&place)? {
        Ok(read) => read,
        Err(faults) => return book_page(&app, &own, place, faults),
    };
    if is_kept(&app, &own, &address)? {
        return see_other(&app, &own.visitor, BOOK);
    }
    let change = AddressChange::Add(app.shop.env.ids.address(), Box::new(address), preference);
    match change_book(&app, &own.customer, change, None).await {
        Ok(_) => see_other(&app, &own.visitor, BOOK),
        Err(ApiError::Conflict { detail, .. }) => {
            book_page(&app, &own, place, Faults::one("name", detail))
        }
        Err(other) => Err(other),
    }
}

/// Whether the very same address is in the book: nobody wants it there twice, and a form that is sent
/// twice brings it again.
fn is_kept(app: &App, asked: &OwnCustomer, address: &Address) -> Result<bool, ApiError> {
    let customer = own(app, &asked.customer)?;
    Ok(customer.profile.addresses.entries().iter().any(|(_, kept)| kept == address))
}

pub async fn show(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    let place = Place::of(&saved(&app, &own, id)?);
    address_page(&app, &own.visitor, id, place, Faults::default())
}

fn saved(app: &App, asked: &OwnCustomer, id: AddressId) -> Result<Address, ApiError> {
    let customer = own(app, &asked.customer)?;
    let found = customer.profile.addresses.get(id).cloned();
    found.ok_or(ApiError::NotFound { what: "address" })
}

fn address_page(
    app: &App,
    visitor: &Visitor,
    id: AddressId,
    typed: Place,
    faults: Faults,
) -> Result<Response, ApiError> {
    let title = faults.titled("Change an address");
    let Frame { shell, head, tabs } = Frame::new(app, visitor, BOOK, true, title);
    let page = AddressPage {
        path: entry_path(id),
        ask: AskAddress::new(app, &shell.assets, typed, &faults),
        shell,
        head,
        tabs,
        faults,
    };
    secret(app, visitor, status(&page.faults), &page)
}

pub async fn replace(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<AddressId>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(Sent { place, refresh }) = form?;
    if !refresh.is_empty() {
        return address_page(&app, &own.visitor, id, place, Faults::default());
    }
    let (address, preference) = match read(&place)? {
        Ok(read) => read,
        Err(faults) => return address_page(&app, &own.visitor, id, place, faults),
    };
    let change = AddressChange::Replace(id, Box::new(address), preference);
    changed(&app, &own, change).await
}

pub async fn remove(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    changed(&app, &own, AddressChange::Remove(id)).await
}

/// Has an address be the one that a checkout starts with.
pub async fn use_first(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    let address = saved(&app, &own, id)?;
    let change = AddressChange::Replace(id, Box::new(address), Preference::Default);
    changed(&app, &own, change).await
}

async fn changed(
    app: &App,
    own: &OwnCustomer,
    change: AddressChange,
) -> Result<Response, ApiError> {
    change_book(app, &own.customer, change, None).await?;
    see_other(app, &own.visitor, BOOK)
}
