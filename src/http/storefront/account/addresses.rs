//! A customer's address book.

use super::super::answer::{secret, see_other};
use super::super::form::{Faults, Field, read};
use super::super::shell::{Head, Shell};
use super::super::visitor::Visitor;
use super::super::words;
use super::{Frame, OwnCustomer, Tab};
use crate::actors::accounts::{AddressChange, CustomerView};
use crate::domain::address::countries;
use crate::domain::profile::{MOST_ADDRESSES, Preference};
use crate::domain::{Address, AddressId};
use crate::http::api::dto::user::AddressInput;
use crate::http::api::users::addresses::{change_book, own};
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

const BOOK: &str = "/account/addresses";

const LABELS: [(&str, &str); 8] = [
    ("country", "The country"),
    ("name", "The name"),
    ("line1", "The address"),
    ("line2", "The second line"),
    ("city", "The city"),
    ("region", "The state or region"),
    ("postalCode", "The postal code"),
    ("phone", "The telephone number"),
];

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
    countries: Vec<(&'static str, &'static str)>,
    country: String,
    country_fault: Option<String>,
    name: Field,
    line1: Field,
    line2: Field,
    city: Field,
    region: Field,
    postal_code: Field,
    phone: Field,
}

/// What a form holds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Typed {
    country: String,
    name: String,
    line1: String,
    line2: String,
    city: String,
    region: String,
    postal_code: String,
    phone: String,
}

impl Typed {
    fn of(address: &Address) -> Typed {
        let Address { name, line1, line2, city, region, postal_code, country, phone } =
            address.clone();
        Typed {
            country,
            name,
            line1,
            line2: line2.unwrap_or_default(),
            city,
            region: region.unwrap_or_default(),
            postal_code: postal_code.unwrap_or_default(),
            phone: phone.unwrap_or_default(),
        }
    }

    fn read(&self) -> Result<Result<AddressInput, Faults>, ApiError> {
        let values = [
            ("country", self.country.as_str()),
            ("name", &self.name),
            ("line1", &self.line1),
            ("line2", &self.line2),
            ("city", &self.city),
            ("region", &self.region),
            ("postalCode", &self.postal_code),
            ("phone", &self.phone),
        ];
        read(&values, &LABELS)
    }
}

impl AskAddress {
    fn new(app: &App, assets: &str, typed: Typed, faults: &Faults) -> AskAddress {
        let home = || app.shop.env.settings.rules.tax.home.country.clone();
        let field = |field: Field, value: String| field.holding(value).on(assets, faults);
        let text = Field::text;
        let country = if typed.country.is_empty() { home() } else { typed.country };
        let all = countries().iter().map(|(code, name)| (*name, code.as_str()));
        let phone = Field::new("phone", "Telephone", "tel", "tel").optional();
        AskAddress {
            countries: all.collect(),
            country,
            country_fault: faults.at("country").map(str::to_owned),
            name: field(text("name", "Full name", "name"), typed.name),
            line1: field(text("line1", "Street and number", "address-line1"), typed.line1),
            line2: field(
                text("line2", "Apartment, suite, floor", "address-line2").optional(),
                typed.line2,
            ),
            city: field(text("city", "City", "address-level2"), typed.city),
            region: field(
                text("region", "State or region", "address-level1").optional(),
                typed.region,
            ),
            postal_code: field(
                text("postalCode", "Postal code", "postal-code").optional(),
                typed.postal_code,
            ),
            phone: field(phone.hinting("Only for the courier."), typed.phone),
        }
    }
}

fn entry_path(id: AddressId) -> String {
    format!("{BOOK}/{id}")
}

pub async fn list(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    book_page(&app, &own, Typed::default(), Faults::default())
}

fn book_page(
    app: &App,
    asked: &OwnCustomer,
    typed: Typed,
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
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(typed) = form?;
    let input = match typed.read()? {
        Ok(input) => input,
        Err(faults) => return book_page(&app, &own, typed, faults),
    };
    let (address, preference) = input.into_address();
    let change = AddressChange::Add(app.shop.env.ids.address(), Box::new(address), preference);
    match change_book(&app, &own.customer, change, None).await {
        Ok(_) => see_other(&app, &own.visitor, BOOK),
        Err(ApiError::Conflict { detail, .. }) => {
            book_page(&app, &own, typed, Faults::one("name", detail))
        }
        Err(other) => Err(other),
    }
}

pub async fn show(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    let typed = Typed::of(&saved(&app, &own, id)?);
    address_page(&app, &own.visitor, id, typed, Faults::default())
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
    typed: Typed,
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
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(typed) = form?;
    let input = match typed.read()? {
        Ok(input) => input,
        Err(faults) => return address_page(&app, &own.visitor, id, typed, faults),
    };
    let (address, preference) = input.into_address();
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
