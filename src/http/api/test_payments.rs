//! The page that stands in for a bank's: where the shopper of a `tok_action` payment says yes or no.
//!
//! A plain form, so it works without JavaScript; scripts have an endpoint that does the same. All of
//! it is there only where the shop takes test payments.

use super::dto::order::OrderJson;
use super::dto::payment::{Outcome, TestOutcome};
use crate::actors::order::OrderView;
use crate::actors::reads::{OrderFilter, Page};
use crate::domain::order::Order;
use crate::domain::payment::PaymentState;
use crate::domain::{OrderId, PaymentId, Span};
use crate::http::access::FormToken;
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named};
use crate::http::csrf;
use crate::http::etag::versioned;
use crate::http::headers::{Forms, page_policy};
use crate::http::json::money_text;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::addresses;
use crate::payments::test::TestProvider;
use askama::Template;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(decide))
}

/// The page for people.
pub fn pages() -> (&'static str, MethodRouter<App>) {
    ("/test-payments/{paymentId}", get(ask).post(decide_by_form))
}

/// The `test` provider. As an argument, it says that nothing is here where there is none.
struct TestPayments(Arc<TestProvider>);

impl FromRequestParts<App> for TestPayments {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<TestPayments, ApiError> {
        let nothing = ApiError::NotFound { what: "page or endpoint" };
        app.test.clone().map(TestPayments).ok_or(nothing)
    }
}

/// Decide a test payment.
///
/// Only where the shop takes test payments. Says what the shopper's bank would: a payment that waits
/// for no decision stays as it is. Answers with the order.
#[utoipa::path(post, path = "/v1/test-payments/{paymentId}", tag = "Orders", request_body = TestOutcome,
    params(("paymentId" = String, Path)),
    responses((status = 200, body = OrderJson)))]
async fn decide(
    State(app): State<App>,
    TestPayments(provider): TestPayments,
    call: Call,
    Named(payment): Named<PaymentId>,
    body: Body<TestOutcome>,
) -> Result<Response, ApiError> {
    let vault = app.shop.vault.clone();
    let decided = complete(app, provider, payment, body.value.outcome).await?;
    let (id, version, order) = decided;
    Ok(versioned(
        &call.headers,
        StatusCode::OK,
        Some(version),
        &OrderJson::new(&OrderView::new(id, version, order, &vault)),
    ))
}

async fn ask(
    State(app): State<App>,
    TestPayments(_): TestPayments,
    form: FormToken,
    Named(payment): Named<PaymentId>,
) -> Result<Response, ApiError> {
    let (id, _, order) = order_of(&app, payment)?;
    page(&order, form, order_page(&app, id))
}

async fn decide_by_form(
    State(app): State<App>,
    TestPayments(provider): TestPayments,
    Named(payment): Named<PaymentId>,
    form: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = form.split(|byte| *byte == b'&').filter(|field| !csrf::is_field(field));
    let outcome = match (fields.next(), fields.next()) {
        (Some(b"outcome=approve"), None) => Outcome::Approve,
        (Some(b"outcome=decline"), None) => Outcome::Decline,
        _ => return Err(ApiError::invalid("/outcome", "must be one of: approve, decline")),
    };
    let (id, ..) = complete(app.clone(), provider, payment, outcome).await?;
    Ok(Redirect::to(&order_page(&app, id)).into_response())
}

/// Notes the decision at the provider, and has the order learn of it, whoever hangs up meanwhile.
async fn complete(
    app: App,
    provider: Arc<TestProvider>,
    payment: PaymentId,
    outcome: Outcome,
) -> Result<(OrderId, u64, Order), ApiError> {
    let (order, ..) = order_of(&app, payment)?;
    detached(async move {
        let known = provider
            .complete(payment, outcome == Outcome::Approve)
            .map_err(|error| ApiError::fault(&error))?;
        known.ok_or(ApiError::NotFound { what: "payment" })?;
        app.shop.engine.desk.refresh_payment(order).await;
        find(&app, order)
    })
    .await
}

/// The order that a payment is for. Payments have no index of their own, but a payment's id is made
/// while its order is placed, so it is among the orders of that moment.
fn order_of(app: &App, payment: PaymentId) -> Result<(OrderId, u64, Order), ApiError> {
    const PART: usize = 100;
    let made = payment.made_at();
    let slack = Span::seconds(1);
    let filter = OrderFilter {
        from: Some(made.minus(slack)),
        to: Some(made.plus(slack)),
        ..OrderFilter::default()
    };
    let mut offset = 0;
    loop {
        let page = Page { offset, limit: PART };
        let (total, summaries) = app.shop.reads.orders.list(&filter, page);
        for summary in summaries {
            let found = find(app, summary.id)?;
            if found.2.payment.id == payment {
                return Ok(found);
            }
        }
        offset += PART;
        if offset >= total {
            return Err(ApiError::NotFound { what: "payment" });
        }
    }
}

fn find(app: &App, id: OrderId) -> Result<(OrderId, u64, Order), ApiError> {
    let found = app.shop.reads.order(id).map_err(|error| ApiError::fault(&error))?;
    let (version, order) = found.ok_or(ApiError::NotFound { what: "order" })?;
    Ok((id, version, order))
}

#[derive(Template)]
#[template(path = "test-payment.html")]
struct Ask {
    number: u64,
    total: String,
    currency: &'static str,
    items: Vec<(String, u32)>,
    state: Shown,
    status: &'static str,
    back: String,
    csrf: Option<String>,
}

/// What the page has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The shopper has to decide.
    Waiting,
    Approved,
    Declined,
    /// Decided, and the shop has not heard of it yet.
    UnderWay,
}

/// Where a shopper goes on from here.
fn order_page(app: &App, order: OrderId) -> String {
    addresses::order(order, &app.shop.vault.order_key(order))
}

fn page(order: &Order, FormToken(csrf): FormToken, back: String) -> Result<Response, ApiError> {
    let placed = &order.placed;
    let state = match &order.payment.state {
        PaymentState::ActionNeeded { .. } => Shown::Waiting,
        PaymentState::Authorized { .. } | PaymentState::Captured { .. } => Shown::Approved,
        PaymentState::Declined { .. } | PaymentState::Voided => Shown::Declined,
        PaymentState::Pending => Shown::UnderWay,
    };
    let item = |line: &crate::domain::order::OrderLine| (line.name.clone(), line.quantity);
    let page = Ask {
        number: placed.number,
        total: money_text(placed.total),
        currency: placed.currency.code(),
        items: placed.lines.iter().map(item).collect(),
        state,
        status: order.status().name(),
        back,
        csrf,
    };
    let html = page.render().map_err(|error| ApiError::fault(&error))?;
    let policy = page_policy(&html, Forms::ToUs);
    let mut response = Response::new(HttpBody::from(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}
