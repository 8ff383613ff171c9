//! The second factor of members of staff.

use super::auth::{problem, tried};
use super::dto::second_factor::{
    EnrolmentJson, RecoveryCodesJson, TotpBegin, TotpConfirm, TotpRemove, TotpStateJson,
    second_factor,
};
use super::users::private;
use crate::actors::accounts::{Caller, Enrolment, SecondFactor, StaffCaller};
use crate::actors::pools::Password;
use crate::domain::StaffId;
use crate::http::access::{Member, Staff};
use crate::http::app::App;
use crate::http::body::{Body, Named};
use crate::http::client::Client;
use crate::http::etag::answer;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, ProblemSchema};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show, begin))
        .routes(routes!(confirm))
        .routes(routes!(remove))
        .routes(routes!(reset))
}

/// See whether you have a second factor.
#[utoipa::path(get, path = "/v1/users/me/totp", tag = "Users", security(("bearer" = [])),
    responses((status = 200, body = TotpStateJson)))]
async fn show(State(app): State<App>, Member(member): Member) -> Response {
    let state = app.shop.accounts.second_factor(member.staff);
    private(answer(StatusCode::OK, &TotpStateJson::from(state)))
}

/// Begin with a second factor.
///
/// Give the seed to an authenticator (RFC 6238: SHA-1, six digits, 30 seconds), then confirm with
/// its first code. Until then nothing changes.
#[utoipa::path(post, path = "/v1/users/me/totp", tag = "Users", request_body = TotpBegin,
    security(("bearer" = [])),
    responses((status = 201, body = EnrolmentJson), (status = 401, description = "`bad_credentials`", body = ProblemSchema, content_type = "application/problem+json"), (status = 409, description = "`totp_active`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn begin(
    State(app): State<App>,
    Member(member): Member,
    Client(address): Client,
    body: Body<TotpBegin>,
) -> Result<Response, ApiError> {
    let password = Password::from(body.value.password);
    let begun = begun(&app, &member, address, password).await?;
    Ok(private(answer(StatusCode::CREATED, &EnrolmentJson::from(begun))))
}

/// A new seed for whoever shows their password.
pub(in crate::http) async fn begun(
    app: &App,
    member: &StaffCaller,
    address: IpAddr,
    password: Password,
) -> Result<Enrolment, ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), member.staff);
    let caller = Caller::Staff(member.clone());
    let begin = async move {
        accounts.confirm(&caller, password).await?;
        accounts.begin_totp(id).await
    };
    tried(app, &member.email, address, problem, begin).await
}

/// Turn your second factor on, with its first code.
///
/// From now on a login asks for one. The recovery codes are in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/users/me/totp/confirm", tag = "Users", request_body = TotpConfirm,
    security(("bearer" = [])),
    responses((status = 200, body = RecoveryCodesJson), (status = 401, description = "`totp_invalid`", body = ProblemSchema, content_type = "application/problem+json"), (status = 409, description = "`totp_active` or `totp_inactive`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn confirm(
    State(app): State<App>,
    Member(member): Member,
    Client(address): Client,
    body: Body<TotpConfirm>,
) -> Result<Response, ApiError> {
    let recovery_codes = confirmed(&app, &member, address, body.value.totp).await?;
    Ok(private(answer(StatusCode::OK, &RecoveryCodesJson { recovery_codes })))
}

/// Has a seed count from its first code on; gives the recovery codes.
pub(in crate::http) async fn confirmed(
    app: &App,
    member: &StaffCaller,
    address: IpAddr,
    code: String,
) -> Result<Vec<String>, ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), member.staff);
    let confirm = async move { accounts.confirm_totp(id, code).await };
    tried(app, &member.email, address, problem, confirm).await
}

/// Turn your second factor off, with your password and a code of it or a recovery code.
#[utoipa::path(post, path = "/v1/users/me/totp/remove", tag = "Users", request_body = TotpRemove,
    security(("bearer" = [])),
    responses((status = 204), (status = 401, description = "`bad_credentials`, `totp_required` or `totp_invalid`", body = ProblemSchema, content_type = "application/problem+json"), (status = 409, description = "`totp_inactive`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn remove(
    State(app): State<App>,
    Member(member): Member,
    Client(address): Client,
    body: Body<TotpRemove>,
) -> Result<Response, ApiError> {
    let TotpRemove { password, totp, recovery_code } = body.value;
    let shown = second_factor(totp, recovery_code).ok_or(ApiError::TotpRequired)?;
    removed(&app, &member, address, Password::from(password), shown).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes a second factor away from whoever shows it, and their password.
pub(in crate::http) async fn removed(
    app: &App,
    member: &StaffCaller,
    address: IpAddr,
    password: Password,
    shown: SecondFactor,
) -> Result<(), ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), member.staff);
    let caller = Caller::Staff(member.clone());
    let remove = async move {
        accounts.confirm(&caller, password).await?;
        accounts.remove_totp(id, shown).await
    };
    tried(app, &member.email, address, problem, remove).await
}

/// Turn off the second factor of a member of staff who has lost it.
///
/// Your own is turned off with a code of it, or by another administrator.
#[utoipa::path(delete, path = "/v1/staff/{staffId}/totp", tag = "Access",
    params(("staffId" = String, Path)), security(("bearer" = [])),
    responses((status = 204), (status = 409, description = "`totp_inactive` or `totp_own`", body = ProblemSchema, content_type = "application/problem+json")))]
async fn reset(
    State(app): State<App>,
    staff: Staff,
    Named(id): Named<StaffId>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let reset = detached(async move { accounts.reset_totp(id, staff.member).await }).await;
    reset.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(problem)
}
