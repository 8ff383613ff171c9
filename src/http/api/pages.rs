//! Text pages: about, terms, privacy, returns, contact, and whatever else the merchant has to say.

use super::dto::page::{PageJson, PageSave, PageSummaryJson};
use crate::actors::ask::{Refusal, Render, RenderedAnswer};
use crate::actors::merchant::MerchantRejection;
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

const NO_PAGE: ApiError = ApiError::NotFound { what: "page" };

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, save, delete))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PagesQuery {
    #[serde(default)]
    #[param(inline)]
    page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
}

/// List text pages by handle.
#[utoipa::path(get, path = "/v1/pages", tag = "Storefront", params(PagesQuery),
    responses((status = 200, body = List<PageSummaryJson>), (status = 304)))]
async fn list(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Params(query): Params<PagesQuery>,
) -> Response {
    let paging = Paging { page: query.page, limit: query.limit };
    let pages = app.shop.reads.merchant.load().pages();
    let list = List::cut(pages.iter().map(|page| PageSummaryJson::from(&**page)), paging);
    let mut response = versioned(&call.headers, StatusCode::OK, None, &list);
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    response
}

/// See a text page.
#[utoipa::path(get, path = "/v1/pages/{handle}", tag = "Storefront",
    params(("handle" = String, Path)),
    responses((status = 200, body = PageJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let page = app.shop.reads.merchant.load().page(&handle).ok_or(NO_PAGE)?;
    let version = Some(page.version);
    Ok(versioned(&call.headers, StatusCode::OK, version, &PageJson::from(&*page)))
}

/// Write a text page.
///
/// One of the five that are there from the beginning is said in your own words from then on.
#[utoipa::path(put, path = "/v1/pages/{handle}", tag = "Storefront", request_body = PageSave,
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = PageJson), (status = 201, body = PageJson), (status = 412)))]
async fn save(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
    body: Body<PageSave>,
) -> Result<Response, ApiError> {
    detached(async move {
        let current = app.shop.reads.merchant.load().page(&handle);
        let expected = call.expected(current.as_ref().map(|current| current.version))?;
        let status = if current.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let PageSave { title, markdown } = body.value;
        let title = title.trim().to_owned();
        let saved = app.shop.merchant.save_page(handle, title, markdown, expected).await?;
        let page = PageJson::from(&*saved.value);
        Ok(send(rendered(status, saved.value.version, None, &page)))
    })
    .await
}

/// Delete a text page.
///
/// One of the five that are there from the beginning is said in its first words again.
#[utoipa::path(delete, path = "/v1/pages/{handle}", tag = "Storefront",
    params(("handle" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 412)))]
async fn delete(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(handle): Named<String>,
) -> Result<Response, ApiError> {
    let current = app.shop.reads.merchant.load().page(&handle);
    let current = current.filter(|current| !current.is_default()).ok_or(NO_PAGE)?;
    let expected = call.expected(Some(current.version))?;
    let (owner, path) = (app.shop.merchant.clone(), call.path().to_owned());
    let render: Render<(), MerchantRejection> = Arc::new(move |outcome| match outcome {
        Ok(()) => RenderedAnswer { status: 204, headers: vec![], body: vec![], about: None },
        Err(rejection) => refused(ApiError::from(Refusal::Rejected(rejection.clone())), &path),
    });
    carry_out(&app, None, render, move |_| async move { owner.delete_page(handle, expected).await })
        .await
}
