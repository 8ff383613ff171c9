//! A customer's address book.

use super::private;
use crate::actors::accounts::{AccountError, AddressChange, CustomerCaller, CustomerView};
use crate::actors::ask::{Refusal, Render, RenderedAnswer};
use crate::domain::AddressId;
use crate::http::access::{Customer, Shopper};
use crate::http::api::auth::problem;
use crate::http::api::dto::user::{AddressInput, SavedAddressJson};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::versioned;
use crate::http::keyed::{carry_out, refused, rendered};
use crate::http::layers::detached;
use crate::http::list::{List, Paging};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const NO_ADDRESS: ApiError = ApiError::NotFound { what: "address" };

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, replace, remove))
}

/// List your addresses, in the order in which they were added.
#[utoipa::path(get, path = "/v1/users/me/addresses", tag = "Users", params(Paging),
    security(("bearer" = [])), responses((status = 200, body = List<SavedAddressJson>)))]
async fn list(
    State(app): State<App>,
    Customer(customer): Customer,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let customer = own(&app, &customer)?;
    let book = &customer.profile.addresses;
    let part = book.entries().iter().skip(paging.skip()).take(paging.take());
    let data = part.map(|(id, address)| SavedAddressJson::new(*id, address, book)).collect();
    let list = List::new(data, book.entries().len() as u64, paging);
    let mut response = private(versioned(&call.headers, StatusCode::OK, None, &list));
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// Add an address.
#[utoipa::path(post, path = "/v1/users/me/addresses", tag = "Users", request_body = AddressInput,
    params(("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])), responses((status = 201, body = SavedAddressJson)))]
async fn add(
    State(app): State<App>,
    Customer(customer): Customer,
    shopper: Shopper,
    call: Call,
    body: Body<AddressInput>,
) -> Result<Response, ApiError> {
    let id = app.shop.env.ids.address();
    let (address, preference) = body.value.into_address();
    let change = AddressChange::Add(id, Box::new(address), preference);
    let attempt = call.attempt(&shopper.scope, &body.raw)?;
    let path = call.path().to_owned();
    let render: Render<CustomerView, AccountError> = Arc::new(move |outcome| match outcome {
        Ok(customer) => added(customer, id, &path),
        Err(error) => refused(problem(*error), &path),
    });
    let (accounts, customer) = (app.shop.accounts.clone(), customer.customer);
    let answered = carry_out(&app, attempt, render, move |keyed| async move {
        accounts.change_addresses(customer, change, None, keyed).await
    });
    Ok(private(answered.await?))
}

/// How the answer to a new address looks.
fn added(customer: &CustomerView, id: AddressId, path: &str) -> RenderedAnswer {
    let book = &customer.profile.addresses;
    let Some(address) = book.get(id) else { return refused(NO_ADDRESS, path) };
    let shown = SavedAddressJson::new(id, address, book);
    let location = format!("/v1/users/me/addresses/{id}");
    let answer = rendered(StatusCode::CREATED, customer.version, Some(location), &shown);
    RenderedAnswer { about: Some(customer.person), ..answer }
}

/// See an address.
#[utoipa::path(get, path = "/v1/users/me/addresses/{addressId}", tag = "Users",
    params(("addressId" = String, Path)), security(("bearer" = [])),
    responses((status = 200, body = SavedAddressJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    Customer(customer): Customer,
    call: Call,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    shown(&call, StatusCode::OK, &own(&app, &customer)?, id)
}

/// Replace an address.
#[utoipa::path(put, path = "/v1/users/me/addresses/{addressId}", tag = "Users", request_body = AddressInput,
    params(("addressId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = SavedAddressJson), (status = 412)))]
async fn replace(
    State(app): State<App>,
    Customer(customer): Customer,
    call: Call,
    Named(id): Named<AddressId>,
    body: Body<AddressInput>,
) -> Result<Response, ApiError> {
    let expected = call.expected(Some(version_with(&app, &customer, id)?))?;
    let (address, preference) = body.value.into_address();
    let change = AddressChange::Replace(id, Box::new(address), preference);
    shown(&call, StatusCode::OK, &change_book(&app, &customer, change, expected).await?, id)
}

/// Remove an address.
#[utoipa::path(delete, path = "/v1/users/me/addresses/{addressId}", tag = "Users",
    params(("addressId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 412)))]
async fn remove(
    State(app): State<App>,
    Customer(customer): Customer,
    call: Call,
    Named(id): Named<AddressId>,
) -> Result<Response, ApiError> {
    let expected = call.expected(Some(version_with(&app, &customer, id)?))?;
    change_book(&app, &customer, AddressChange::Remove(id), expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(in crate::http) fn own(app: &App, customer: &CustomerCaller) -> Result<CustomerView, ApiError> {
    let found = app.shop.accounts.customer(customer.customer).map_err(problem)?;
    found.ok_or(ApiError::InvalidToken)
}

/// The version of the book, if the address is in it.
fn version_with(app: &App, customer: &CustomerCaller, id: AddressId) -> Result<u64, ApiError> {
    let customer = own(app, customer)?;
    customer.profile.addresses.get(id).map(|_| customer.version).ok_or(NO_ADDRESS)
}

/// Changes a customer's address book; with `expected`, their row must still have that version.
pub(in crate::http) async fn change_book(
    app: &App,
    customer: &CustomerCaller,
    change: AddressChange,
    expected: Option<u64>,
) -> Result<CustomerView, ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), customer.customer);
    let changed = async move { accounts.change_addresses(id, change, expected, None).await };
    match detached(changed).await {
        Ok(answered) => Ok(answered.value),
        Err(Refusal::Rejected(error)) => Err(problem(error)),
        Err(Refusal::Unavailable) => Err(problem(AccountError::Unavailable)),
    }
}

fn shown(
    call: &Call,
    status: StatusCode,
    customer: &CustomerView,
    id: AddressId,
) -> Result<Response, ApiError> {
    let book = &customer.profile.addresses;
    let address = SavedAddressJson::new(id, book.get(id).ok_or(NO_ADDRESS)?, book);
    Ok(private(versioned(&call.headers, status, Some(customer.version), &address)))
}
