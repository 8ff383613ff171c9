//! Collections: products shown together, chosen by hand or by rule.

use super::categories::deleted;
use super::dto::collection::{
    CollectionCreate, CollectionJson, CollectionProductsJson, CollectionUpdate,
};
use super::products::{json, problem};
use crate::actors::ask::{Refusal, Render};
use crate::actors::catalog::{CatalogRejection, CollectionInput, CollectionOutcome, Saving};
use crate::actors::reads::Page;
use crate::domain::catalog::Product;
use crate::domain::grouping::Collection;
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::versioned;
use crate::http::keyed::{carry_out, refused, rendered, send};
use crate::http::layers::detached;
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

/// How often a change is made again on top of somebody else's.
const TRIES: usize = 8;

/// How many products a collection is shown with; all their ids are there beside them.
const SHOWN: usize = 100;

const NO_COLLECTION: ApiError = ApiError::NotFound { what: "collection" };

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update, delete))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CollectionQuery {
    #[serde(default)]
    #[param(inline)]
    page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
}

/// List collections by handle.
#[utoipa::path(get, path = "/v1/collections", tag = "Catalog", params(CollectionQuery),
    responses((status = 200, body = List<CollectionJson>), (status = 304)))]
async fn list(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Params(query): Params<CollectionQuery>,
) -> Response {
    let paging = Paging { page: query.page, limit: query.limit };
    let catalog = app.shop.reads.catalog.load();
    let all = catalog.collections().map(|collection| CollectionJson::from(&collection.value));
    let list = List::cut(all, paging);
    let mut response = versioned(&call.headers, StatusCode::OK, None, &list);
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    response
}

/// See a collection with its products.
///
/// `productIds` are all public products that are in it now, by hand or by rule, in order;
/// `products` are the first 100 of them.
#[utoipa::path(get, path = "/v1/collections/{handle}", tag = "Catalog",
    params(("handle" = String, Path)),
    responses((status = 200, body = CollectionProductsJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let catalog = app.shop.reads.catalog.load();
    let collection = catalog.collection(&handle).ok_or(NO_COLLECTION)?;
    let everything = Page { offset: 0, limit: catalog.len() };
    let (_, members) = catalog.members(collection, everything, &app.shop.reads.levels);
    let products: Vec<Product> =
        members.iter().take(SHOWN).map(|listed| listed.product()).collect();
    let shown = CollectionProductsJson::new(
        collection,
        members.iter().map(|listed| listed.id.to_string()).collect(),
        products.iter().map(|product| json(&app, product)).collect(),
    );
    Ok(versioned(&call.headers, StatusCode::OK, Some(collection.version), &shown))
}

/// Make a collection.
#[utoipa::path(post, path = "/v1/collections", tag = "Catalog", request_body = CollectionCreate,
    params(("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 201, body = CollectionJson), (status = 409)))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    body: Body<CollectionCreate>,
) -> Result<Response, ApiError> {
    let attempt = call.attempt(&staff.scope, &body.raw)?;
    let input = input(body.value.into_collection(app.shop.env.now())?);
    let owner = app.shop.catalog.clone();
    carry_out(&app, attempt, render(&call, StatusCode::CREATED), move |keyed| async move {
        owner.save_collection(Saving::New, input, keyed).await
    })
    .await
}

/// Change a collection.
///
/// Only what is named is changed. The handle stays.
#[utoipa::path(put, path = "/v1/collections/{handle}", tag = "Catalog", request_body = CollectionUpdate,
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = CollectionJson), (status = 412)))]
async fn update(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
    body: Body<CollectionUpdate>,
) -> Result<Response, ApiError> {
    detached(async move {
        let render = render(&call, StatusCode::OK);
        for _ in 0..TRIES {
            let current = app.shop.reads.catalog.load().collection(&handle).cloned();
            let current = current.ok_or(NO_COLLECTION)?;
            call.expected(Some(current.version))?;
            let saving = Saving::Existing { expected: Some(current.version) };
            let next = body.value.clone().apply_to(&current, app.shop.env.now())?;
            match app.shop.catalog.save_collection(saving, input(next), None).await {
                // Somebody was faster: the change is made again on top of theirs.
                Err(Refusal::Rejected(CatalogRejection::Changed { .. })) => {}
                Ok(saved) => return Ok(send(render(Ok(&saved.value)))),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(ApiError::Unavailable { what: "the collection" })
    })
    .await
}

/// Delete a collection; its products stay.
#[utoipa::path(delete, path = "/v1/collections/{handle}", tag = "Catalog",
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 412)))]
async fn delete(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let current = app.shop.reads.catalog.load().collection(&handle).cloned();
    let expected = call.expected(Some(current.ok_or(NO_COLLECTION)?.version))?;
    let owner = app.shop.catalog.clone();
    carry_out(&app, None, deleted(&call), move |_| async move {
        owner.delete_collection(handle, expected).await
    })
    .await
}

fn input(collection: Collection) -> CollectionInput {
    let Collection { handle, name, description, members, .. } = collection;
    CollectionInput { handle, name, description, members }
}

/// How a saved collection looks.
fn render(call: &Call, status: StatusCode) -> Render<CollectionOutcome, CatalogRejection> {
    let path = call.path().to_owned();
    Arc::new(move |outcome| match outcome {
        Ok(collection) => {
            let location = (status == StatusCode::CREATED)
                .then(|| format!("/v1/collections/{}", collection.handle));
            rendered(status, collection.version, location, &CollectionJson::from(&collection.value))
        }
        Err(rejection) => refused(problem(rejection), &path),
    })
}
