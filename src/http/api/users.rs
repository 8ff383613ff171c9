//! Users: everybody what is their own, and staff those whom they look after. Nothing here is kept by
//! a cache on the way.

pub(in crate::http) mod addresses;
pub mod claims;
pub(in crate::http) mod export;
pub(in crate::http) mod me;

pub(super) use me::own;

use super::auth::problem;
use super::dto::user::{UserJson, UserUpdate};
use crate::actors::accounts::{User, UserFilter};
use crate::domain::permission::Permission;
use crate::domain::staff::Role;
use crate::http::access::Caller;
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::versioned;
use crate::http::layers::detached;
use crate::http::list::{List, PageLimit, PageNumber, Paging};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(me::routes())
        .merge(addresses::routes())
        .merge(claims::routes())
        .merge(export::routes())
        .routes(routes!(list))
        .routes(routes!(show, update, erase))
}

/// Which users.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    #[serde(default)]
    #[param(inline)]
    page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
    /// `customer`, `staff` or `admin`.
    #[param(pattern = "^(customer|staff|admin)$")]
    role: Option<String>,
    /// The e-mail address, without regard to case.
    #[param(max_length = 254)]
    email: Option<String>,
}

/// List users, newest first.
///
/// Members of staff are shown to those who manage them.
#[utoipa::path(get, path = "/v1/users", tag = "Users", params(UserQuery),
    security(("bearer" = [])), responses((status = 200, body = List<UserJson>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Params(query): Params<UserQuery>,
) -> Result<Response, ApiError> {
    let paging = Paging { page: query.page, limit: query.limit };
    let asked = query.role.as_deref().map(|name| match name {
        "admin" => Some(Role::Admin),
        "staff" => Some(Role::Staff),
        _ => None,
    });
    let is_shown = caller.may(Permission::StaffWrite) || !matches!(asked, Some(Some(_)));
    let role = if caller.may(Permission::StaffWrite) { asked } else { Some(None) };
    let filter = UserFilter { role, email: query.email };
    let (total, users) = if is_shown {
        app.shop.accounts.users(&filter, paging.skip(), paging.take()).map_err(problem)?
    } else {
        (0, vec![])
    };
    let data = users.iter().map(|user| UserJson::of(user).1).collect();
    let list = List::new(data, total as u64, paging);
    let mut response = private(versioned(&call.headers, StatusCode::OK, None, &list));
    list.meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

/// See a user.
#[utoipa::path(get, path = "/v1/users/{userId}", tag = "Users", params(("userId" = String, Path)),
    security(("bearer" = [])), responses((status = 200, body = UserJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Named(id): Named<String>,
) -> Result<Response, ApiError> {
    let (version, user) = UserJson::of(&find(&app, &caller, &id)?);
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(version), &user)))
}

/// Correct a customer's name or phone number.
#[utoipa::path(put, path = "/v1/users/{userId}", tag = "Users", request_body = UserUpdate,
    params(("userId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = UserJson), (status = 412)))]
async fn update(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Named(id): Named<String>,
    body: Body<UserUpdate>,
) -> Result<Response, ApiError> {
    let User::Customer(customer) = find(&app, &caller, &id)? else {
        let detail = "a member of staff has no profile".to_owned();
        return Err(ApiError::Conflict { code: "no_profile", detail });
    };
    let expected = call.expected(Some(customer.version))?;
    let change = body.value.profile();
    let accounts = app.shop.accounts.clone();
    let changed =
        detached(async move { accounts.change_profile(customer.id, change, expected).await }).await;
    let changed = changed.map_err(problem)?;
    let user = UserJson::from(&changed);
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(changed.version), &user)))
}

/// Erase a customer who asked for it in another way than here.
///
/// There is no way back. What the shop knows of them is destroyed, as by `DELETE /v1/users/me`; their
/// orders stay in the books, of nobody.
#[utoipa::path(delete, path = "/v1/users/{userId}", tag = "Users",
    params(("userId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 412)))]
async fn erase(
    State(app): State<App>,
    caller: Caller,
    call: Call,
    Named(id): Named<String>,
) -> Result<Response, ApiError> {
    let User::Customer(customer) = find(&app, &caller, &id)? else {
        let detail = "members of staff are removed at /v1/staff".to_owned();
        return Err(ApiError::Conflict { code: "is_staff", detail });
    };
    call.expected(Some(customer.version))?;
    let accounts = app.shop.accounts.clone();
    let erased = detached(async move { accounts.erase_for(customer.id).await }).await;
    erased.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// Members of staff are there for those who manage them alone.
fn find(app: &App, caller: &Caller, id: &str) -> Result<User, ApiError> {
    let found = app.shop.accounts.user(id).map_err(problem)?;
    found
        .filter(|user| match user {
            User::Customer(_) => true,
            User::Staff(..) => caller.may(Permission::StaffWrite),
        })
        .ok_or(ApiError::NotFound { what: "user" })
}

/// What is somebody's own stays with them.
pub(super) fn private(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
