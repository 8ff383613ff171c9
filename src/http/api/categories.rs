//! The tree of categories. Products name their category by its name; a category that is renamed
//! takes its products along.

use super::dto::category::{CategoriesJson, CategoryCreate, CategoryJson, CategoryUpdate};
use super::products::problem;
use crate::actors::ask::{Refusal, Render, RenderedAnswer};
use crate::actors::catalog::{CatalogRejection, CategoryInput, CategoryOutcome, Saving};
use crate::actors::reads::{Catalog, CategoryNode};
use crate::domain::grouping::Category;
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named};
use crate::http::etag::versioned;
use crate::http::keyed::{carry_out, refused, rendered, send};
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often a change is made again on top of somebody else's.
const TRIES: usize = 8;

const NO_CATEGORY: ApiError = ApiError::NotFound { what: "category" };

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update, delete))
}

/// All categories, as a tree.
#[utoipa::path(get, path = "/v1/categories", tag = "Catalog",
    responses((status = 200, body = CategoriesJson), (status = 304)))]
async fn list(State(app): State<App>, _caller: Caller, call: Call) -> Response {
    let tree = app.shop.reads.catalog.load().category_tree();
    let data = tree.iter().map(CategoryJson::from).collect();
    versioned(&call.headers, StatusCode::OK, None, &CategoriesJson { data })
}

/// See a category and those below it.
#[utoipa::path(get, path = "/v1/categories/{handle}", tag = "Catalog",
    params(("handle" = String, Path)),
    responses((status = 200, body = CategoryJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let node = node(&app.shop.reads.catalog.load(), &handle).ok_or(NO_CATEGORY)?;
    let version = node.category.version;
    Ok(versioned(&call.headers, StatusCode::OK, Some(version), &CategoryJson::from(&node)))
}

/// Make a category.
#[utoipa::path(post, path = "/v1/categories", tag = "Catalog", request_body = CategoryCreate,
    params(("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 201, body = CategoryJson), (status = 409)))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    body: Body<CategoryCreate>,
) -> Result<Response, ApiError> {
    let attempt = call.attempt(&staff.scope, &body.raw)?;
    let input = input(body.value.into_category(app.shop.env.now())?);
    let owner = app.shop.catalog.clone();
    let render = render(&app, &call, StatusCode::CREATED);
    carry_out(&app, attempt, render, move |keyed| async move {
        owner.save_category(Saving::New, input, keyed).await
    })
    .await
}

/// Change a category.
///
/// Only what is named is changed. The handle stays.
#[utoipa::path(put, path = "/v1/categories/{handle}", tag = "Catalog", request_body = CategoryUpdate,
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = CategoryJson), (status = 409), (status = 412)))]
async fn update(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
    body: Body<CategoryUpdate>,
) -> Result<Response, ApiError> {
    detached(async move {
        let render = render(&app, &call, StatusCode::OK);
        for _ in 0..TRIES {
            let current = app.shop.reads.catalog.load().category(&handle).cloned();
            let current = current.ok_or(NO_CATEGORY)?;
            call.expected(Some(current.version))?;
            let saving = Saving::Existing { expected: Some(current.version) };
            let next = body.value.clone().apply_to(&current, app.shop.env.now());
            match app.shop.catalog.save_category(saving, input(next), None).await {
                // Somebody was faster: the change is made again on top of theirs.
                Err(Refusal::Rejected(CatalogRejection::Changed { .. })) => {}
                Ok(saved) => return Ok(send(render(Ok(&saved.value)))),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(ApiError::Unavailable { what: "the category" })
    })
    .await
}

/// Delete a category that is empty: no product and no category is in it.
#[utoipa::path(delete, path = "/v1/categories/{handle}", tag = "Catalog",
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 409), (status = 412)))]
async fn delete(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let current = app.shop.reads.catalog.load().category(&handle).cloned().ok_or(NO_CATEGORY)?;
    let expected = call.expected(Some(current.version))?;
    let owner = app.shop.catalog.clone();
    carry_out(&app, None, deleted(&call), move |_| async move {
        owner.delete_category(handle, expected).await
    })
    .await
}

/// How the answer to a deletion looks, of a category or a collection.
pub(super) fn deleted(call: &Call) -> Render<(), CatalogRejection> {
    let path = call.path().to_owned();
    Arc::new(move |outcome| match outcome {
        Ok(()) => RenderedAnswer { status: 204, headers: vec![], body: vec![], about: None },
        Err(rejection) => refused(problem(rejection), &path),
    })
}

fn input(category: Category) -> CategoryInput {
    let Category { handle, name, description, parent, .. } = category;
    CategoryInput { handle, name, description, parent }
}

/// How a saved category looks. What is in it is that of this moment: a new one is empty, and a
/// change of its own does not change what is below it.
fn render(app: &App, call: &Call, status: StatusCode) -> Render<CategoryOutcome, CatalogRejection> {
    let (app, path) = (app.clone(), call.path().to_owned());
    Arc::new(move |outcome| match outcome {
        Ok(category) => {
            let known = node(&app.shop.reads.catalog.load(), &category.handle);
            let (products, children) =
                known.map_or((0, vec![]), |known| (known.products, known.children));
            let node = CategoryNode { category: Arc::clone(category), products, children };
            let location = (status == StatusCode::CREATED)
                .then(|| format!("/v1/categories/{}", category.handle));
            rendered(status, category.version, location, &CategoryJson::from(&node))
        }
        Err(rejection) => refused(problem(rejection), &path),
    })
}

/// A category's place in the tree.
fn node(catalog: &Catalog, handle: &str) -> Option<CategoryNode> {
    let mut level = catalog.category_tree();
    loop {
        let mut below = Vec::new();
        for node in level {
            if node.category.handle == handle {
                return Some(node);
            }
            below.extend(node.children);
        }
        if below.is_empty() {
            return None;
        }
        level = below;
    }
}
