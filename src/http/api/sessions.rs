//! Logins: where one's own came from, an end to each, and to all of a member of staff.

use super::api_keys::page;
use super::auth::problem;
use super::dto::session::SessionJson;
use super::users::private;
use crate::actors::accounts::Credential;
use crate::domain::{SessionId, StaffId};
use crate::http::access::LoggedIn;
use crate::http::app::{App, Call};
use crate::http::body::{Named, Params};
use crate::http::layers::detached;
use crate::http::list::{List, Paging};
use crate::http::problem::ApiError;
use crate::storage::records::TokenHolder;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end)).routes(routes!(end_all))
}

/// List your logins, the last used first.
#[utoipa::path(get, path = "/v1/users/me/sessions", tag = "Users", params(Paging),
    security(("bearer" = [])), responses((status = 200, body = List<SessionJson>)))]
async fn list(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    shown: Credential,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let sessions = own_sessions(&app, &shown, caller.holder())?;
    Ok(private(page(&app, &call, sessions, paging)))
}

/// All logins of whoever asks.
pub fn own_sessions(
    app: &App,
    shown: &Credential,
    holder: TokenHolder,
) -> Result<Vec<SessionJson>, ApiError> {
    let accounts = &app.shop.accounts;
    let current = accounts.session_of(shown.expose());
    let sessions = accounts.sessions(holder).map_err(problem)?.into_iter().map(|own| {
        let is_current = current == Some(own.id);
        SessionJson::new(own, is_current)
    });
    Ok(sessions.collect())
}

/// End one of your logins, at once.
#[utoipa::path(delete, path = "/v1/users/me/sessions/{sessionId}", tag = "Users",
    params(("sessionId" = String, Path)), security(("bearer" = [])), responses((status = 204)))]
async fn end(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(session): Named<SessionId>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let ended = detached(async move { accounts.end_session(caller.holder(), session).await }).await;
    ended.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// End all logins of a member of staff, at once.
///
/// Links to set a new password that were mailed to them are void, too. Their API keys stay.
#[utoipa::path(delete, path = "/v1/staff/{staffId}/sessions", tag = "Access",
    params(("staffId" = String, Path)), security(("bearer" = [])), responses((status = 204)))]
async fn end_all(State(app): State<App>, Named(id): Named<StaffId>) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let ended = detached(async move { accounts.end_all_sessions(id).await }).await;
    ended.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}
