//! Who asks, and what they may: the one place where access is decided. Deny by default.

use super::app::App;
use super::problem::ApiError;
use crate::actors::accounts;
use crate::domain::CartId;
use crate::domain::staff::Role;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub enum Caller {
    Nobody,
    /// A guest who shows the key of a cart as bearer token; it opens that cart's order, no more.
    Cart(CartId),
    Customer(accounts::CustomerCaller),
    Staff(accounts::StaffCaller),
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(Caller::Nobody) };
        let token = header.to_str().ok().and_then(bearer).ok_or(ApiError::InvalidToken)?;
        if let Ok(cart) = token.parse() {
            return Ok(Caller::Cart(cart));
        }
        match app.shop.accounts.authenticate(token) {
            Some(accounts::Caller::Customer(customer)) => Ok(Caller::Customer(customer)),
            Some(accounts::Caller::Staff(staff)) => Ok(Caller::Staff(staff)),
            None => Err(ApiError::InvalidToken),
        }
    }
}

/// A caller who is staff. As the first argument of a handler it refuses everybody else before
/// anything of the request is looked at, so that nothing can be found out by guessing.
pub struct Staff {
    /// The caller's scope for idempotency keys.
    pub scope: String,
}

impl FromRequestParts<App> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Staff, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.must_be_staff().map(|scope| Staff { scope })
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A caller who is logged in, as a customer or as staff; placed as [`Staff`] is.
pub struct LoggedIn;

impl FromRequestParts<App> for LoggedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<LoggedIn, ApiError> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Nobody => Err(ApiError::Unauthenticated),
            Caller::Cart(_) => Err(ApiError::Forbidden { needs: "log in first" }),
            Caller::Customer(_) | Caller::Staff(_) => Ok(LoggedIn),
        }
    }
}

/// Whoever shows a token of any kind; placed as [`Staff`] is.
pub struct Bearer(pub Caller);

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Bearer, ApiError> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Nobody => Err(ApiError::Unauthenticated),
            caller => Ok(Bearer(caller)),
        }
    }
}

/// The bearer token of a request, as it was sent.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok().and_then(bearer)
}

impl Caller {
    /// Only staff may; gives the caller's scope for idempotency keys.
    pub fn must_be_staff(&self) -> Result<String, ApiError> {
        match self {
            Caller::Nobody => Err(ApiError::Unauthenticated),
            Caller::Cart(_) | Caller::Customer(_) => {
                Err(ApiError::Forbidden { needs: "this is for staff" })
            }
            Caller::Staff(caller) => Ok(format!("staff:{}", caller.staff)),
        }
    }

    /// Only administrators may.
    pub fn must_be_admin(&self) -> Result<String, ApiError> {
        let scope = self.must_be_staff()?;
        match self {
            Caller::Staff(caller) if caller.role == Role::Admin => Ok(scope),
            Caller::Nobody | Caller::Cart(_) | Caller::Customer(_) | Caller::Staff(_) => {
                Err(ApiError::Forbidden { needs: "this is for administrators" })
            }
        }
    }

    /// Whether drafts and archived products are shown.
    pub fn is_staff(&self) -> bool {
        matches!(self, Caller::Staff(_))
    }
}
