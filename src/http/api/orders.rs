//! Orders. Staff see all of them, a customer their own, and a guest the one that a cart became, by
//! the cart's id.

use super::dto::event::EventJson;
use super::dto::order::{Cancel, OrderJson};
use super::users::private;
use crate::actors::ask::{Render, RenderedAnswer};
use crate::actors::order::{ChangeRefusal, OrderChange, OrderView};
use crate::actors::reads::{OrderFilter, Page};
use crate::domain::order::{Attempt, Order, OrderStatus};
use crate::domain::{OrderId, PaymentId, PersonId};
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{MaybeBody, Named, Pair, Params};
use crate::http::etag::{answer, versioned};
use crate::http::json::Time;
use crate::http::keyed::{carry_out, refused, rendered};
use crate::http::list::{List, PageLimit, PageNumber, Paging};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(events))
        .routes(routes!(cancel))
        .routes(routes!(capture))
}

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrderQuery {
    #[serde(default)]
    #[param(inline)]
    page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
    /// `pending_payment`, `paid` or `cancelled`.
    #[param(
        pattern = "^(pending_payment|paid|partially_fulfilled|fulfilled|completed|cancelled)$"
    )]
    status: Option<String>,
    /// The shopper's e-mail address, without regard to case.
    #[param(max_length = 254)]
    email: Option<String>,
    /// Placed at this time or later (RFC 3339).
    #[param(inline)]
    from: Option<Time>,
    /// Placed before this time (RFC 3339).
    #[param(inline)]
    to: Option<Time>,
    /// With this SKU among its lines.
    #[param(format = "sku")]
    sku: Option<String>,
}

/// List orders, newest first.
///
/// Customers see their own, staff those of everybody.
#[utoipa::path(get, path = "/v1/orders", tag = "Orders", params(OrderQuery),
    security(("bearer" = [])),
    responses((status = 200, body = List<OrderJson>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Params(query): Params<OrderQuery>,
) -> Result<Response, ApiError> {
    let paging = Paging { page: query.page, limit: query.limit };
    // A status that no order can have yet finds none.
    let known = |name: &str| OrderStatus::ALL.into_iter().find(|status| status.name() == name);
    let status = query.status.as_deref().map(known);
    let people = match caller {
        Caller::Customer(customer) => Some(customer.people),
        Caller::Staff(_) | Caller::Key(_) => None,
        Caller::Nobody | Caller::Cart(_) => return Err(ApiError::Unauthenticated),
    };
    let filter = OrderFilter {
        people,
        status: status.flatten(),
        email: query.email,
        from: query.from.map(|time| time.0),
        to: query.to.map(|time| time.0),
        sku: query.sku.as_deref().and_then(|sku| sku.parse().ok()),
    };
    let page = Page { offset: paging.skip(), limit: paging.take() };
    let (total, summaries) = match status {
        Some(None) => (0, vec![]),
        Some(Some(_)) | None => app.shop.reads.orders.list(&filter, page),
    };
    let mut data = Vec::with_capacity(summaries.len());
    for summary in summaries {
        if let Some((version, order)) = find(&app, summary.id)? {
            data.push(OrderJson::new(&view(&app, summary.id, version, order)));
        }
    }
    let list = List::new(data, total as u64, paging);
    let mut response = private(versioned(&call.headers, StatusCode::OK, None, &list));
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// See an order.
///
/// For staff, for the customer who placed it, and for the guest whose cart became it: the cart's id is
/// sent as the bearer token.
#[utoipa::path(get, path = "/v1/orders/{orderId}", tag = "Orders", params(("orderId" = String, Path)),
    security(("bearer" = [])),
    responses((status = 200, body = OrderJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Named(id): Named<OrderId>,
) -> Result<Response, ApiError> {
    let (version, order) = readable(&app, &caller, id)?;
    let shown = OrderJson::new(&view(&app, id, version, order));
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(version), &shown)))
}

/// An order's whole history, oldest first.
#[utoipa::path(get, path = "/v1/orders/{orderId}/events", tag = "Orders",
    params(("orderId" = String, Path), Paging), security(("bearer" = [])),
    responses((status = 200, body = List<EventJson>)))]
async fn events(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Named(id): Named<OrderId>,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    readable(&app, &caller, id)?;
    let page = Page { offset: paging.skip(), limit: paging.take() };
    let read = app.shop.reads.order_events(id, page);
    let (total, events) = read.map_err(|error| ApiError::fault(&error))?;
    let list = List::new(events.iter().map(EventJson::from).collect(), total as u64, paging);
    let mut response = private(answer(StatusCode::OK, &list));
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// Cancel an order.
///
/// An unpaid one releases its stock; a paid one is refunded in full through its provider and
/// restocked. Asked again, it is the same answer.
#[utoipa::path(post, path = "/v1/orders/{orderId}/cancel", tag = "Orders", request_body = Cancel,
    params(("orderId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = OrderJson)))]
async fn cancel(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    Named(id): Named<OrderId>,
    body: MaybeBody<Cancel>,
) -> Result<Response, ApiError> {
    let attempt = call.attempt(&staff.scope, &body.raw)?;
    change(&app, &call, id, OrderChange::Cancel { reason: body.value.reason }, attempt).await
}

/// Take the money of an order that is authorized, or note that it came by bank transfer or in cash.
#[utoipa::path(post, path = "/v1/orders/{orderId}/payments/{paymentId}/capture", tag = "Orders",
    params(("orderId" = String, Path), ("paymentId" = String, Path), ("Idempotency-Key" = String, Header)),
    security(("bearer" = [])),
    responses((status = 200, body = OrderJson)))]
async fn capture(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    Named(Pair(id, payment)): Named<Pair<OrderId, PaymentId>>,
) -> Result<Response, ApiError> {
    let attempt = call.required_attempt(&staff.scope, &[])?;
    let (_, order) = find(&app, id)?.ok_or(ApiError::NotFound { what: "order" })?;
    if order.payment.id != payment {
        return Err(ApiError::NotFound { what: "payment of this order" });
    }
    change(&app, &call, id, OrderChange::Capture, Some(attempt)).await
}

async fn change(
    app: &App,
    call: &Call,
    id: OrderId,
    change: OrderChange,
    attempt: Option<Attempt>,
) -> Result<Response, ApiError> {
    let expected = call.expected(find(app, id)?.map(|(version, _)| version))?;
    let desk = app.shop.engine.desk.clone();
    let path = call.path().to_owned();
    let render: Render<OrderView, ChangeRefusal> = Arc::new(move |outcome| match outcome {
        Ok(view) => rendered_order(StatusCode::OK, view),
        Err(refusal) => refused(problem(refusal), &path),
    });
    carry_out(app, attempt, render, move |keyed| async move {
        desk.change_order(id, change, expected, keyed).await
    })
    .await
}

fn problem(refusal: &ChangeRefusal) -> ApiError {
    match refusal.clone() {
        ChangeRefusal::Rejected(rejection) => rejection.into(),
        ChangeRefusal::VersionMismatch { .. } => ApiError::PreconditionFailed,
        ChangeRefusal::RefundRefused { reason } => {
            let detail = format!("the payment provider refused the refund: {reason}");
            ApiError::Conflict { code: "refund_refused", detail }
        }
    }
}

/// How an order's answer looks.
pub fn rendered_order(status: StatusCode, view: &OrderView) -> RenderedAnswer {
    let location = (status == StatusCode::CREATED).then(|| format!("/v1/orders/{}", view.id));
    let about = view.about();
    RenderedAnswer { about, ..rendered(status, view.version, location, &OrderJson::new(view)) }
}

/// All orders of these people, newest first, as they are shown.
pub fn all_of(app: &App, people: Arc<[PersonId]>) -> Result<Vec<OrderJson>, ApiError> {
    let filter = OrderFilter { people: Some(people), ..OrderFilter::default() };
    let all = Page { offset: 0, limit: usize::MAX };
    let (_, summaries) = app.shop.reads.orders.list(&filter, all);
    let mut orders = Vec::with_capacity(summaries.len());
    for summary in summaries {
        let found = find(app, summary.id)?;
        orders.extend(
            found.map(|(version, order)| OrderJson::new(&view(app, summary.id, version, order))),
        );
    }
    Ok(orders)
}

/// The order with whoever placed it.
pub(in crate::http) fn view(app: &App, id: OrderId, version: u64, order: Order) -> OrderView {
    OrderView::new(id, version, order, &app.shop.vault)
}

pub(in crate::http) fn find(app: &App, id: OrderId) -> Result<Option<(u64, Order)>, ApiError> {
    app.shop.reads.order(id).map_err(|error| ApiError::fault(&error))
}

/// The order, for whoever may read it: staff, its customer, or the holder of the cart that became it.
pub(in crate::http) fn readable(
    app: &App,
    caller: &Caller,
    id: OrderId,
) -> Result<(u64, Order), ApiError> {
    let found = find(app, id)?;
    match caller {
        Caller::Nobody => return Err(ApiError::Unauthenticated),
        Caller::Cart(cart) => found.filter(|(_, order)| order.placed.cart == *cart),
        Caller::Customer(customer) => {
            found.filter(|(_, order)| customer.people.contains(&order.placed.recipient.person))
        }
        Caller::Staff(_) | Caller::Key(_) => found,
    }
    .ok_or(ApiError::NotFound { what: "order" })
}
