//! What somebody sees and changes of themselves.

use super::private;
use crate::actors::accounts::{AccountError, Accounts, Caller, Credential, CustomerCaller, User};
use crate::actors::pools::Password;
use crate::http::access::{Customer, LoggedIn};
use crate::http::api::auth::{mail_wanted, problem, tried};
use crate::http::api::dto::auth::MailWantedJson;
use crate::http::api::dto::user::{Erase, MeUpdate, UserJson};
use crate::http::app::{App, Call};
use crate::http::body::{Body, MaybeBody};
use crate::http::client::Client;
use crate::http::etag::versioned;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, update, erase)).routes(routes!(verify_again))
}

/// See who you are.
#[utoipa::path(get, path = "/v1/users/me", tag = "Users", security(("bearer" = [])),
    responses((status = 200, body = UserJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    call: Call,
) -> Result<Response, ApiError> {
    let (version, user) = UserJson::of(&own(&app.shop.accounts, &caller)?);
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(version), &user)))
}

/// Change your name, phone number, e-mail address or password.
///
/// Another e-mail address is used once the link that is mailed to it was followed. Another password
/// ends all other logins at once.
#[utoipa::path(put, path = "/v1/users/me", tag = "Users", request_body = MeUpdate,
    params(("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = UserJson), (status = 412)))]
async fn update(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    shown: Credential,
    Client(address): Client,
    call: Call,
    body: Body<MeUpdate>,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let user = own(&accounts, &caller)?;
    let expected = call.expected(Some(UserJson::of(&user).0))?;
    let update = body.value;
    let changed = async move {
        let profile = update.profile();
        let confirmed = || Password::from(update.current_password.clone().unwrap_or_default());
        if profile.email.is_some() {
            let (accounts, own, password) = (accounts.clone(), caller.clone(), confirmed());
            let confirm = async move { accounts.confirm(&own, password).await };
            tried(&app, caller.email(), address, unconfirmed, confirm).await?;
        }
        let is_profile =
            profile.name.is_some() || profile.phone.is_some() || profile.email.is_some();
        match user {
            User::Customer(customer) if is_profile => {
                let changed = accounts.change_profile(customer.id, profile, expected).await;
                changed.map_err(problem)?;
            }
            User::Staff(..) if is_profile => {
                let detail = "a member of staff has no profile".to_owned();
                return Err(ApiError::Conflict { code: "no_profile", detail });
            }
            User::Customer(_) | User::Staff(..) => {}
        }
        if let Some(password) = update.password.clone() {
            let (old, new) = (confirmed(), Password::from(password));
            change_password(&app, &caller, shown, address, old, new).await?;
        }
        own(&accounts, &caller)
    };
    let (version, user) = UserJson::of(&detached(changed).await?);
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(version), &user)))
}

/// Be forgotten.
///
/// What the shop knows of you is destroyed: profile, addresses, and what your orders say of you.
/// The orders themselves stay in the books, of nobody.
#[utoipa::path(delete, path = "/v1/users/me", tag = "Users", request_body = Erase,
    security(("bearer" = [])), responses((status = 204)))]
async fn erase(
    State(app): State<App>,
    Customer(customer): Customer,
    Client(address): Client,
    body: MaybeBody<Erase>,
) -> Result<Response, ApiError> {
    let password = body.value.password.map(Password::from);
    forget(&app, &customer, address, password).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Destroys what the shop knows of a customer, for their password where they have one.
pub(in crate::http) async fn forget(
    app: &App,
    customer: &CustomerCaller,
    address: IpAddr,
    password: Option<Password>,
) -> Result<(), ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), customer.customer);
    let erase = async move { accounts.erase(id, password).await };
    let wrong = |error| match error {
        AccountError::WrongCredentials => ApiError::invalid("/password", "is not the right one"),
        other => problem(other),
    };
    tried(app, &customer.email, address, wrong, erase).await
}

/// Sets another password for whoever shows the current one, and ends all other logins.
pub(in crate::http) async fn change_password(
    app: &App,
    caller: &Caller,
    shown: Credential,
    address: IpAddr,
    old: Password,
    new: Password,
) -> Result<(), ApiError> {
    let (accounts, own) = (app.shop.accounts.clone(), caller.clone());
    let change = async move { accounts.change_password(&own, shown.expose(), old, new).await };
    tried(app, caller.email(), address, unconfirmed, change).await
}

/// Have the mail to verify your e-mail address sent again.
#[utoipa::path(post, path = "/v1/users/me/verification", tag = "Users", security(("bearer" = [])),
    responses((status = 202, body = MailWantedJson)))]
async fn verify_again(
    State(app): State<App>,
    Customer(customer): Customer,
) -> Result<Response, ApiError> {
    let accounts = app.shop.accounts.clone();
    let asked = detached(async move { accounts.verify_again(customer.customer).await }).await;
    asked.map(|()| mail_wanted()).map_err(problem)
}

/// The account behind a login.
pub(in crate::http::api) fn own(accounts: &Accounts, caller: &Caller) -> Result<User, ApiError> {
    let id = match caller {
        Caller::Customer(customer) => customer.customer.to_string(),
        Caller::Staff(staff) => staff.staff.to_string(),
        // A key is nobody with an account; the gate lets none come here.
        Caller::Key(_) => return Err(ApiError::InvalidToken),
    };
    // Whoever was erased meanwhile has no login any more.
    accounts.user(&id).map_err(problem)?.ok_or(ApiError::InvalidToken)
}

/// A change that needs the current password, and has another one.
fn unconfirmed(error: AccountError) -> ApiError {
    match error {
        AccountError::WrongCredentials => {
            ApiError::invalid("/currentPassword", "is not the right one")
        }
        other => problem(other),
    }
}
