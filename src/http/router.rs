//! All routes, and what is made of them once at start: the OpenAPI document and its page.

use super::access;
use super::access::gate::{Gate, differences};
use super::api;
use super::app::App;
use super::docs::Docs;
use super::layers::Front;
use super::openapi;
use super::problem::with_fallbacks;
use super::settings::DoorSettings;
use super::storefront::{self, faults};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Why the routes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    #[error("the OpenAPI document cannot be written")]
    Document(#[from] serde_json::Error),
    #[error("the page of the documentation cannot be written")]
    Docs(#[from] askama::Error),
    /// A route that nobody decided about stays closed, and nobody would notice.
    #[error("the table of access is wrong: {}", .0.join("; "))]
    Access(Vec<String>),
}

/// The front door of a shop.
pub fn front(app: App, settings: DoorSettings) -> Result<Front, RouterError> {
    let (routes, document) = routes(&app);
    let json: Arc<[u8]> = serde_json::to_vec(&document)?.into();
    let docs = Arc::new(Docs::new(&document)?);
    let mut pages = api::pages();
    pages.extend(storefront::pages(&settings.limits));
    pages.extend([
        ("/openapi.json", get(move || std::future::ready(json_document(&json)))),
        ("/docs", get(move |headers: HeaderMap| std::future::ready(docs.answer(&headers)))),
    ]);
    let paths: Vec<&str> = pages.iter().map(|(path, _)| *path).collect();
    let differences = differences(&document, &paths);
    if !differences.is_empty() {
        return Err(RouterError::Access(differences));
    }
    let telemetry = Arc::clone(&app.shop.telemetry);
    let calls = app.shop.env.providers.under_way();
    let routes = pages.into_iter().fold(routes, |routes, (path, page)| routes.route(path, page));
    let (known, answers, telling) = (app.clone(), app.answers.clone(), app.clone());
    let gate = Gate::new(app.clone(), settings.cors.clone());
    let routes = routes.route_layer(gate).with_state(app);
    let front = Front::new(with_fallbacks(routes), settings, rand::random(), telemetry);
    let front = front.not_counting(calls).keeping(answers);
    let front = front.telling(move |problem, asker, id| faults::page(&telling, problem, asker, id));
    Ok(front.counting_by(move |headers| access::account(&known, headers)))
}

/// Every endpoint with its part of the document: neither can be without the other.
fn routes(app: &App) -> (Router<App>, OpenApi) {
    let (routes, mut document) = OpenApiRouter::with_openapi(openapi::base(&app.public_url))
        .merge(api::routes())
        .split_for_parts();
    openapi::complete(&mut document);
    (routes, document)
}

fn json_document(json: &Arc<[u8]>) -> Response {
    let mut response = axum::body::Bytes::copy_from_slice(json).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
