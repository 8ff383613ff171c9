//! Members of staff and how they come to the shop, for administrators.

use super::api_keys::{once, page};
use super::auth::problem;
use super::dto::staff::{
    InvitationAccept, InvitationCreate, InvitationJson, StaffJson, StaffUpdate,
};
use crate::actors::pools::Password;
use crate::domain::permission::Permission;
use crate::domain::staff::Role;
use crate::domain::{InvitationId, StaffId};
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::list::{List, Paging};
use crate::http::problem::{ApiError, ProblemSchema};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(update, remove))
        .routes(routes!(invitations, invite))
        .routes(routes!(accept))
        .routes(routes!(withdraw))
}

/// List members of staff, oldest first.
#[utoipa::path(get, path = "/v1/staff", tag = "Access", params(Paging),
    security(("bearer" = [])), responses((status = 200, body = List<StaffJson>)))]
async fn list(
    State(app): State<App>,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let members = app.shop.accounts.members().map_err(|error| ApiError::fault(&error))?;
    let members: Vec<_> = members.iter().map(|(id, own)| StaffJson::new(*id, own)).collect();
    Ok(page(&app, &call, members, paging))
}

/// Give a member of staff another role.
///
/// All their logins end at once, for a token never outlives what it was given for, and so do the
/// invitations of somebody who may invite nobody any more. The last administrator stays one. A role
/// can be given only by those who may do all that it allows.
#[utoipa::path(put, path = "/v1/staff/{staffId}", tag = "Access", request_body = StaffUpdate,
    params(("staffId" = String, Path)), security(("bearer" = [])),
    responses((status = 200, body = StaffJson), (status = 409, description = "`last_admin`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn update(
    State(app): State<App>,
    staff: Staff,
    caller: Caller,
    Named(id): Named<StaffId>,
    body: Body<StaffUpdate>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let (role, by) = (given(&caller, body.value.role.into())?, staff.member);
    let changed = detached(async move { accounts.change_role(id, role, by).await }).await;
    let changed = changed.map_err(problem)?;
    Ok(answer(StatusCode::OK, &StaffJson::new(id, &changed)))
}

/// Let a member of staff go.
///
/// Their logins, API keys and invitations end at once. The last administrator cannot go.
#[utoipa::path(delete, path = "/v1/staff/{staffId}", tag = "Access",
    params(("staffId" = String, Path)), security(("bearer" = [])),
    responses((status = 204), (status = 409, description = "`last_admin`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn remove(
    State(app): State<App>,
    staff: Staff,
    Named(id): Named<StaffId>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let removed = detached(async move { accounts.remove_member(id, staff.member).await }).await;
    removed.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// List invitations that can still be accepted, oldest first.
#[utoipa::path(get, path = "/v1/staff/invitations", tag = "Access", params(Paging),
    security(("bearer" = [])), responses((status = 200, body = List<InvitationJson>)))]
async fn invitations(
    State(app): State<App>,
    call: Call,
    Params(paging): Params<Paging>,
) -> Result<Response, ApiError> {
    let open = app.shop.accounts.invitations();
    let open: Vec<_> = open.iter().map(|own| InvitationJson::new(own, None)).collect();
    Ok(page(&app, &call, open, paging))
}

/// Invite somebody to the staff.
///
/// The token is good for seven days and for one acceptance. Another invitation to the same address
/// replaces it. It is mailed, and shown here once as well: a shop without a mail server has no other
/// way to hand it over, and who may invite may let in whom they like, to a role that allows no more
/// than they may do themselves.
#[utoipa::path(post, path = "/v1/staff/invitations", tag = "Access", request_body = InvitationCreate,
    security(("bearer" = [])),
    responses((status = 201, body = InvitationJson), (status = 409, description = "`email_taken`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn invite(
    State(app): State<App>,
    staff: Staff,
    caller: Caller,
    body: Body<InvitationCreate>,
) -> Result<Response, ApiError> {
    let (accounts, InvitationCreate { email, role }) = (app.shop.accounts.clone(), body.value);
    let role = given(&caller, role.into())?;
    let invited = detached(async move { accounts.invite(&email, role, staff.member).await }).await;
    let (invitation, token) = invited.map_err(problem)?;
    let shown = InvitationJson::new(&invitation, Some(token.expose().to_owned()));
    Ok(once(&shown, &format!("/v1/staff/invitations/{}", invitation.id)))
}

/// A role that the caller may give. With a key for staff alone, whoever has it could else make
/// themselves an administrator.
fn given(caller: &Caller, role: Role) -> Result<Role, ApiError> {
    let wider = Permission::all().find(|one| role.may(*one) && !caller.may(*one));
    match wider {
        None => Ok(role),
        Some(wider) => {
            let needs = format!("you cannot give {}, for you do not have it", wider.name());
            Err(ApiError::Forbidden { needs: needs.into() })
        }
    }
}

/// Withdraw an invitation.
#[utoipa::path(delete, path = "/v1/staff/invitations/{invitationId}", tag = "Access",
    params(("invitationId" = String, Path)), security(("bearer" = [])),
    responses((status = 204)))]
async fn withdraw(
    State(app): State<App>,
    staff: Staff,
    Named(id): Named<InvitationId>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let withdrawn = detached(async move { accounts.withdraw(id, staff.member).await }).await;
    withdrawn.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}

/// Accept an invitation to the staff, with a password of one's own.
#[utoipa::path(post, path = "/v1/staff/invitations/accept", tag = "Access", request_body = InvitationAccept,
    responses((status = 204), (status = 401, description = "`invalid_token`", body = ProblemSchema, content_type = "application/problem+json"), (status = 409, description = "`email_taken`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn accept(
    State(app): State<App>,
    body: Body<InvitationAccept>,
) -> Result<Response, ApiError> {
    let (accounts, InvitationAccept { token, password }) = (app.shop.accounts.clone(), body.value);
    let accepted =
        detached(async move { accounts.accept(&token, Password::from(password)).await }).await;
    accepted.map(|_| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}
