//! API keys, for administrators. A key's token is shown when it is made and never again, so a
//! repeated request makes another key: no answer that has a token is kept for retries.

use super::auth::problem;
use super::dto::staff::{ApiKeyCreate, ApiKeyJson};
use crate::actors::accounts::NewKey;
use crate::domain::ApiKeyId;
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::list::{List, Paging};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// List API keys, oldest first; their tokens are not shown again.
#[utoipa::path(get, path = "/v1/api-keys", tag = "Access", params(Paging),
    security(("bearer" = [])), responses((status = 200, body = List<ApiKeyJson>)))]
async fn list(
    State(app): State<App>,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let now = app.shop.env.now();
    let keys = app.shop.accounts.api_keys();
    let keys: Vec<_> = keys.iter().map(|key| ApiKeyJson::new(key, None, now)).collect();
    Ok(page(&app, &call, keys, paging))
}

/// One page of what is whole in memory.
pub(super) fn page<T: serde::Serialize>(
    app: &App,
    call: &Call,
    all: Vec<T>,
    paging: Paging,
) -> Response {
    let list = List::cut(all, paging);
    let mut response = answer(StatusCode::OK, &list);
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    response
}

/// Make an API key.
///
/// Its token is in this answer and nowhere else. A key can be given only what its maker may do.
#[utoipa::path(post, path = "/v1/api-keys", tag = "Access", request_body = ApiKeyCreate,
    security(("bearer" = [])), responses((status = 201, body = ApiKeyJson)))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    caller: Caller,
    body: Body<ApiKeyCreate>,
) -> Result<Response, ApiError> {
    let (now, scopes) = (app.shop.env.now(), body.value.permissions()?);
    if let Some(wider) = scopes.iter().find(|scope| !caller.may(*scope)) {
        let needs = format!("you cannot give {}, for you do not have it", wider.name());
        return Err(ApiError::Forbidden { needs: needs.into() });
    }
    let expires_at = body.value.expires_at.map(|time| time.0);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(ApiError::invalid("/expiresAt", "must be in the future"));
    }
    let new = NewKey { name: body.value.name, scopes, expires_at, made_by: staff.member };
    let accounts = app.shop.accounts.clone();
    let made = detached(async move { accounts.create_key(new).await }).await;
    let (key, token) = made.map_err(problem)?;
    let shown = ApiKeyJson::new(&key, Some(token.expose().to_owned()), now);
    Ok(once(&shown, &format!("/v1/api-keys/{}", key.id)))
}

/// Something new whose answer holds a secret.
pub(super) fn once(shown: &impl serde::Serialize, location: &str) -> Response {
    let mut response = answer(StatusCode::CREATED, shown);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(HeaderValue::from_str(location).ok().map(|location| (LOCATION, location)));
    response
}

/// End an API key, at once.
#[utoipa::path(delete, path = "/v1/api-keys/{keyId}", tag = "Access",
    params(("keyId" = String, Path)), security(("bearer" = [])), responses((status = 204)))]
async fn revoke(
    State(app): State<App>,
    staff: Staff,
    Named(key): Named<ApiKeyId>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let revoked = detached(async move { accounts.revoke_key(key, staff.member).await }).await;
    revoked.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}
