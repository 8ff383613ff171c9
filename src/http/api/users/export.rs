//! Everything that the shop knows of a customer, for the customer to take along (GDPR, articles 15
//! and 20).

use super::private;
use crate::http::access::Customer;
use crate::http::api::auth::problem;
use crate::http::api::dto::user::ExportJson;
use crate::http::api::orders::all_of;
use crate::http::app::App;
use crate::http::etag::answer;
use crate::http::problem::ApiError;
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
async fn export(State(app): State<App>, Customer(caller): Customer) -> Result<Response, ApiError> {
    let accounts = &app.shop.accounts;
    let found = accounts.customer(caller.customer).map_err(problem)?;
    let customer = found.ok_or(ApiError::InvalidToken)?;
    let issuers = accounts.issuers(caller.customer);
    let orders = all_of(&app, caller.people)?;
    let export = ExportJson::new(&customer, issuers, orders, app.shop.env.now());
    let mut response = private(answer(StatusCode::OK, &export));
    let name = HeaderValue::from_static("attachment; filename=\"my-data.json\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
