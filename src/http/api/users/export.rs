//! Everything that the shop knows of a customer, for the customer to take along (GDPR, articles 15
//! and 20).

use super::private;
use crate::actors::accounts::{Credential, CustomerCaller};
use crate::domain::{Address, AddressId};
use crate::http::access::Customer;
use crate::http::api::auth::problem;
use crate::http::api::carts::open_cart;
use crate::http::api::dto::user::{ExportJson, SavedAddressJson, UserJson};
use crate::http::api::orders::all_of;
use crate::http::api::sessions::own_sessions;
use crate::http::app::App;
use crate::http::etag::answer;
use crate::http::problem::ApiError;
use crate::storage::records::TokenHolder;
use axum::extract::State;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Download all that the shop knows of you.
#[utoipa::path(get, path = "/v1/users/me/export", tag = "Users", security(("bearer" = [])),
    responses((status = 200, body = ExportJson)))]
async fn export(
    State(app): State<App>,
    Customer(caller): Customer,
    shown: Credential,
) -> Result<Response, ApiError> {
    exported(&app, caller, &shown)
}

/// The file that whoever asks with these credentials takes along.
pub(in crate::http) fn exported(
    app: &App,
    caller: CustomerCaller,
    shown: &Credential,
) -> Result<Response, ApiError> {
    let accounts = &app.shop.accounts;
    let found = accounts.customer(caller.customer).map_err(problem)?;
    let customer = found.ok_or(ApiError::InvalidToken)?;
    let book = &customer.profile.addresses;
    let address = |(id, address): &(AddressId, Address)| SavedAddressJson::new(*id, address, book);
    let export = ExportJson {
        exported_at: app.shop.env.now().into(),
        user: UserJson::from(&customer),
        addresses: book.entries().iter().map(address).collect(),
        sessions: own_sessions(app, shown, TokenHolder::Customer(caller.customer))?,
        identity_providers: accounts.issuers(caller.customer),
        cart: caller.cart.map(|cart| open_cart(app, cart)).transpose()?.flatten(),
        orders: all_of(app, caller.people)?,
    };
    let mut response = private(answer(StatusCode::OK, &export));
    let name = HeaderValue::from_static("attachment; filename=\"my-data.json\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
