//! Stock by SKU, for staff. Levels and the ledger come from committed state; changes are asked of
//! the SKU's own actor, so they never overwrite a hold or a sale under way.

use super::dto::inventory::{Adjustment, InventoryJson, InventoryUpdate, MovementJson};
use crate::actors::ask::{Refusal, Render, RenderedAnswer};
use crate::actors::reads::Page;
use crate::domain::Sku;
use crate::domain::stock::{Level, StockCommand, StockRejection};
use crate::http::access::Staff;
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::{answer, versioned};
use crate::http::keyed::{carry_out, refused};
use crate::http::layers::detached;
use crate::http::list::{List, Paging};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, update))
        .routes(routes!(adjust))
        .routes(routes!(movements))
}

/// List the stock of every SKU.
///
/// In the order of the SKUs. One that was never counted in is there with zeros.
#[utoipa::path(get, path = "/v1/inventory", tag = "Inventory", params(Paging),
    security(("bearer" = [])),
    responses((status = 200, body = List<InventoryJson>), (status = 304)))]
async fn list(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let reads = &app.shop.reads;
    let skus = reads.skus();
    let page = skus.iter().skip(paging.skip()).take(paging.take());
    let data = page.map(|sku| InventoryJson::new(sku, &reads.levels.get(sku))).collect();
    let list = List::new(data, skus.len() as u64, paging);
    let mut response = versioned(&call.headers, StatusCode::OK, None, &list);
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// See the stock of a SKU.
#[utoipa::path(get, path = "/v1/inventory/{sku}", tag = "Inventory", params(("sku" = String, Path)),
    security(("bearer" = [])),
    responses((status = 200, body = InventoryJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(sku): Named<Sku>,
) -> Result<Response, ApiError> {
    let (version, level) = known(&app, &sku)?;
    Ok(shown(&call, &sku, version, &level))
}

/// Change how a SKU is kept.
///
/// Backorder ends only when everything that is promised is on hand.
#[utoipa::path(patch, path = "/v1/inventory/{sku}", tag = "Inventory", request_body = InventoryUpdate,
    params(("sku" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = InventoryJson), (status = 409, description = "`oversold`", body = crate::http::problem::ProblemSchema, content_type = "application/problem+json"), (status = 412, description = "`precondition_failed`", body = crate::http::problem::ProblemSchema, content_type = "application/problem+json")))]
async fn update(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(sku): Named<Sku>,
    body: Body<InventoryUpdate>,
) -> Result<Response, ApiError> {
    let (version, _) = known(&app, &sku)?;
    call.expected(Some(version))?;
    let (desk, own) = (app.shop.engine.desk.clone(), sku.clone());
    let command = StockCommand::from(body.value);
    let asked = detached(async move { desk.stock(own, command, None).await }).await;
    match asked {
        Ok(_) => {
            let (version, level) = known(&app, &sku)?;
            Ok(shown(&call, &sku, version, &level))
        }
        Err(Refusal::Rejected(rejection)) => Err(ApiError::stock(&sku, rejection)),
        Err(Refusal::Unavailable) => Err(ApiError::Unavailable { what: "the shop" }),
    }
}

/// Count units in or out.
///
/// Never below what is promised to orders, unless `backorder` is on. Answers with the new level.
#[utoipa::path(post, path = "/v1/inventory/{sku}/adjustments", tag = "Inventory", request_body = Adjustment,
    params(("sku" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; a retry with it gets the first answer")),
    security(("bearer" = [])),
    responses((status = 200, body = InventoryJson), (status = 409, description = "`out_of_stock`: fewer are available", body = crate::http::problem::ProblemSchema, content_type = "application/problem+json")))]
async fn adjust(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    Named(sku): Named<Sku>,
    body: Body<Adjustment>,
) -> Result<Response, ApiError> {
    known(&app, &sku)?;
    let attempt = call.attempt(&staff.scope, &body.raw)?;
    let desk = app.shop.engine.desk.clone();
    let render = render(sku.clone(), call.path().to_owned());
    let command = StockCommand::from(body.value);
    carry_out(
        &app,
        attempt,
        render,
        move |keyed| async move { desk.stock(sku, command, keyed).await },
    )
    .await
}

/// See the ledger of a SKU, newest first.
///
/// Every unit that ever came, went or was promised: the sum of `onHandDelta` is `onHand`. Notes that
/// moved no unit are among them, with zeros.
#[utoipa::path(get, path = "/v1/inventory/{sku}/movements", tag = "Inventory",
    params(("sku" = String, Path), Paging), security(("bearer" = [])),
    responses((status = 200, body = List<MovementJson>)))]
async fn movements(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(sku): Named<Sku>,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    known(&app, &sku)?;
    let page = Page { offset: paging.skip(), limit: paging.take() };
    let read = app.shop.reads.movements(&sku, page);
    let (total, events) = read.map_err(|error| ApiError::fault(&error))?;
    let data = events.iter().flat_map(|event| MovementJson::of(event, &sku)).collect();
    let list = List::new(data, total as u64, paging);
    let mut response = answer(StatusCode::OK, &list);
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// Version and level of a SKU that the books or the catalog know.
fn known(app: &App, sku: &Sku) -> Result<(u64, Level), ApiError> {
    let reads = &app.shop.reads;
    match reads.levels.row(sku) {
        Some(row) => Ok(row),
        None if reads.catalog.load().variant(sku).is_some() => Ok((0, Level::default())),
        None => Err(ApiError::NotFound { what: "SKU" }),
    }
}

fn shown(call: &Call, sku: &Sku, version: u64, level: &Level) -> Response {
    versioned(&call.headers, StatusCode::OK, Some(version), &InventoryJson::new(sku, level))
}

/// The version that the batch will give the level is not known yet, so the answer has no `ETag`.
fn render(sku: Sku, path: String) -> Render<Level, StockRejection> {
    Arc::new(move |outcome| match outcome {
        Ok(level) => match serde_json::to_vec(&InventoryJson::new(&sku, level)) {
            Ok(body) => RenderedAnswer {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body,
                about: None,
            },
            Err(error) => refused(ApiError::fault(&error), &path),
        },
        Err(rejection) => refused(ApiError::stock(&sku, rejection.clone()), &path),
    })
}
