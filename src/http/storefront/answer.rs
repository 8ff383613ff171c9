//! How a page goes out: its policy, its tag, kept for those who are nobody in particular, and with the
//! tokens of whoever has a cookie put in last.

use super::shell::CSRF_PLACE;
use super::visitor::Visitor;
use crate::http::app::App;
use crate::http::csrf;
use crate::http::etag::EntityTag;
use crate::http::headers::{keep_out_of_caches, storefront_policy};
use crate::http::kept::Shown;
use crate::http::problem::ApiError;
use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

pub const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const BY_COOKIE: HeaderValue = HeaderValue::from_static("accept-encoding, cookie");
/// Kept by whoever likes, and asked for again each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const ASK_AGAIN_OWN: HeaderValue = HeaderValue::from_static("private, no-cache");
const SPECULATION_RULES: HeaderName = HeaderName::from_static("speculation-rules");

/// Whether a page follows from the read models alone, which say when they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Models,
    /// The index is behind the models, and does not say by how much.
    Index,
}

/// A page that was asked for. `made_at` is the moment of the models before any of them was read.
pub fn page(
    app: &App,
    visitor: &Visitor,
    made_at: u64,
    request: &Request,
    source: Source,
    page: &impl Template,
) -> Result<Response, ApiError> {
    let html = render(page)?;
    if visitor.is_anybody {
        let shown = shown(app, &html, ASK_AGAIN, EntityTag::of_bytes(html.as_bytes()));
        return Ok(match source {
            Source::Models => app.answers.give(made_at, request, shown),
            Source::Index => shown.answer(request.headers()),
        });
    }
    Ok(own(app, visitor, &html, request.headers()))
}

/// A page that is the visitor's own.
pub fn private(
    app: &App,
    visitor: &Visitor,
    asked: &HeaderMap,
    page: &impl Template,
) -> Result<Response, ApiError> {
    Ok(own(app, visitor, &render(page)?, asked))
}

/// As [`private`], for what is no plain answer to a read: a form that was refused, a part of a page.
pub fn told(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    page: &impl Template,
) -> Result<Response, ApiError> {
    let mut response = own(app, visitor, &render(page)?, &HeaderMap::new());
    *response.status_mut() = status;
    Ok(response)
}

/// As [`told`], for what nobody may keep: it is gone when somebody else sits at the screen.
pub fn secret(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    page: &impl Template,
) -> Result<Response, ApiError> {
    let mut response = told(app, visitor, status, page)?;
    keep_out_of_caches(response.headers_mut());
    response.headers_mut().remove(ETAG);
    Ok(response)
}

/// Sends the browser on after a form was carried out: a reload does not send it again.
pub fn see_other(app: &App, visitor: &Visitor, path: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::from_str(path).map_err(|error| ApiError::fault(&error))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    visitor.mark(app, response.headers_mut());
    Ok(response)
}

/// Sends whoever has an address that was left to the one that it has now, for good; yet the old one may
/// be taken by something else one day, so that is not kept for long.
pub fn moved(path: &str, query: Option<&str>) -> Result<Response, ApiError> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = HeaderValue::from_str(&format!("{path}{query}"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location.map_err(|error| ApiError::fault(&error))?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

fn render(page: &impl Template) -> Result<String, ApiError> {
    page.render().map_err(|error| ApiError::fault(&error))
}

/// The tag is made before the tokens are put in, which look different each time: whoever has the page
/// already has tokens that are good.
fn own(app: &App, visitor: &Visitor, html: &str, asked: &HeaderMap) -> Response {
    let cookie = visitor.cookie.as_deref().unwrap_or_default();
    let tag = EntityTag::of_bytes(format!("{cookie}{html}").as_bytes());
    let html = match &visitor.cookie {
        Some(cookie) => html.replace(&**CSRF_PLACE, &csrf::token(cookie)),
        None => html.to_owned(),
    };
    let mut response = shown(app, &html, ASK_AGAIN_OWN, tag).answer(asked);
    visitor.mark(app, response.headers_mut());
    response
}

fn shown(app: &App, html: &str, caching: HeaderValue, tag: EntityTag) -> Shown {
    let rules = format!("\"{}/speculation.json\"", app.look().assets.address());
    let shown = Shown::of_type(HTML, tag, html.to_owned().into())
        .with(CONTENT_SECURITY_POLICY, storefront_policy(html))
        .with(CACHE_CONTROL, caching)
        .with(VARY, BY_COOKIE);
    match HeaderValue::from_str(&rules) {
        Ok(rules) => shown.with(SPECULATION_RULES, rules),
        Err(_) => shown,
    }
}

/// A page that needs nothing: no tag, and nobody keeps it.
pub fn bare(page: &impl Template) -> Option<Response> {
    let html = page.render().ok()?;
    let policy = storefront_policy(&html);
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HTML);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}
