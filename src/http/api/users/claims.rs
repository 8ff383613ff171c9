//! What customers bought as guests: theirs, once they have proven the address that they bought it
//! under.

use crate::actors::accounts::{AccountError, Proven};
use crate::actors::reads::{OrderFilter, Page};
use crate::domain::CustomerId;
use crate::http::access::Customer;
use crate::http::api::auth::problem;
use crate::http::api::dto::user::ClaimedJson;
use crate::http::app::App;
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How many guests are claimed at once. Whoever was more of them asks again.
const MOST_GUESTS: usize = 1_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(claim))
}

/// Claim what you bought without logging in.
///
/// Orders under your verified e-mail address become yours: you see them, and they are erased with your
/// account. When an address is verified, this happens by itself; it is for what was bought since.
/// Whoever gave different addresses for one cart keeps its orders to themselves.
#[utoipa::path(post, path = "/v1/users/me/claims", tag = "Users", security(("bearer" = [])),
    responses((status = 200, body = ClaimedJson)))]
async fn claim(State(app): State<App>, Customer(customer): Customer) -> Result<Response, ApiError> {
    if !customer.is_verified {
        let detail = "verify your e-mail address first: follow the link in the mail".to_owned();
        return Err(ApiError::Conflict { code: "email_unverified", detail });
    }
    let claimed = async move { claimed(&app, customer.customer, &customer.email).await };
    let orders = detached(claimed).await.map_err(problem)?;
    Ok(answer(StatusCode::OK, &ClaimedJson { orders }))
}

/// Claims what was bought under an address that has just been proven. If that fails, the customer
/// may ask for it later.
pub async fn on_proof(app: &App, proven: &Proven) {
    if let Err(error) = claimed(app, proven.customer, &proven.email).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(customer.id = %proven.customer, error, "orders of guests were not claimed");
    }
}

/// How many orders became the customer's.
async fn claimed(app: &App, customer: CustomerId, email: &str) -> Result<usize, AccountError> {
    let guests = app.shop.reads.orders.guests_of(email, MOST_GUESTS);
    if guests.is_empty() {
        return Ok(0);
    }
    let filter = OrderFilter { people: Some(guests.as_slice().into()), ..OrderFilter::default() };
    let (orders, _) = app.shop.reads.orders.list(&filter, Page { offset: 0, limit: 0 });
    let new = app.shop.accounts.claim(customer, guests).await?;
    Ok(if new == 0 { 0 } else { orders })
}
