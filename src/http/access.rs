//! Who asks, and what they may: the one place where access is decided. Deny by default.
//!
//! The table in [`rules`] says who may call each route, and the [`gate`] before all routes holds to
//! it. Handlers get their caller by an extractor that takes it from the gate: a handler that was
//! reached in another way gets none.

mod audit;
pub mod gate;
pub mod page;
pub mod rules;

use super::app::App;
use super::problem::ApiError;
use super::{cookie, csrf};
use crate::actors::accounts;
use crate::actors::accounts::Credential;
use crate::domain::permission::Permission;
use crate::domain::{CartId, PersonId, StaffId};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use rules::Rule;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub enum Caller {
    Nobody,
    /// A guest who shows the key of a cart as bearer token; it opens that cart's order, no more.
    Cart(CartId),
    Customer(accounts::CustomerCaller),
    Staff(accounts::StaffCaller),
    /// A program with an API key.
    Key(accounts::KeyCaller),
}

/// A caller whom the gate let in, by what they are known, and by which rule.
#[derive(Clone, Debug)]
struct Admitted {
    caller: Caller,
    shown: Option<Credential>,
    rule: Rule,
}

impl Admitted {
    fn of(parts: &Parts) -> Result<&Admitted, ApiError> {
        parts.extensions.get().ok_or(ApiError::Forbidden { needs: "nobody may do this".into() })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Caller, ApiError> {
        Admitted::of(parts).map(|admitted| admitted.caller.clone())
    }
}

/// By what the caller of a route that asks for a login is known.
impl FromRequestParts<App> for Credential {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Credential, ApiError> {
        Admitted::of(parts)?.shown.clone().ok_or(ApiError::Unauthenticated)
    }
}

/// The browser that a request came from, where the route's row is for pages of this shop.
pub struct Browser {
    /// The value of its cookie, whatever became of it.
    pub cookie: Option<String>,
    /// Its session, where somebody is logged in.
    pub shown: Option<Credential>,
}

impl FromRequestParts<App> for Browser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Browser, ApiError> {
        let cookie = cookie::SESSION.read(&parts.headers, &app.public_url).map(str::to_owned);
        Ok(Browser { cookie, shown: Admitted::of(parts)?.shown.clone() })
    }
}

/// What a form on a page must hold in its field [`csrf::FIELD`], where somebody is logged in in the
/// browser that the page is shown to.
pub struct FormToken(pub Option<String>);

impl FromRequestParts<App> for FormToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<FormToken, ApiError> {
        let shown = Admitted::of(parts)?.shown.as_ref();
        let session = shown.filter(|shown| matches!(shown, Credential::Session(_)));
        Ok(FormToken(session.map(|own| csrf::token(own.expose()))))
    }
}

/// The account that requests with these headers are counted for: a number that no other has. Guests
/// have none; they are counted by their address.
pub fn account(app: &App, headers: &HeaderMap) -> Option<u64> {
    let mut number = DefaultHasher::new();
    match Caller::of(app, headers).ok()?.0 {
        Caller::Nobody | Caller::Cart(_) => return None,
        Caller::Customer(caller) => ("customer", caller.customer).hash(&mut number),
        Caller::Staff(caller) => ("staff", caller.staff).hash(&mut number),
        Caller::Key(caller) => ("key", caller.key).hash(&mut number),
    }
    Some(number.finish())
}

/// A caller who has the permission that the route's row names.
pub struct Staff {
    /// The caller's scope for idempotency keys.
    pub scope: String,
    /// Who answers for what is done.
    pub member: StaffId,
}

impl FromRequestParts<App> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Staff, ApiError> {
        let Admitted { caller, rule, .. } = Admitted::of(parts)?;
        match (rule, caller.scope(), caller.member()) {
            (Rule::May(_), Some(scope), Some(member)) => Ok(Staff { scope, member }),
            _ => Err(ApiError::Forbidden { needs: "this is for staff".into() }),
        }
    }
}

/// Whoever is logged in, where the route's row says so.
pub struct LoggedIn(pub accounts::Caller);

impl FromRequestParts<App> for LoggedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<LoggedIn, ApiError> {
        match &Admitted::of(parts)?.caller {
            Caller::Customer(customer) => {
                Ok(LoggedIn(accounts::Caller::Customer(customer.clone())))
            }
            Caller::Staff(staff) => Ok(LoggedIn(accounts::Caller::Staff(staff.clone()))),
            Caller::Nobody | Caller::Cart(_) | Caller::Key(_) => {
                Err(ApiError::Forbidden { needs: "log in first".into() })
            }
        }
    }
}

/// A member of staff who is logged in, where the route's row says so.
pub struct Member(pub accounts::StaffCaller);

impl FromRequestParts<App> for Member {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Member, ApiError> {
        match &Admitted::of(parts)?.caller {
            Caller::Staff(member) => Ok(Member(member.clone())),
            Caller::Nobody | Caller::Cart(_) | Caller::Customer(_) | Caller::Key(_) => {
                Err(ApiError::Forbidden { needs: "this is for members of staff".into() })
            }
        }
    }
}

/// Whoever fills a cart or buys it.
pub struct Shopper {
    /// The scope for idempotency keys. All guests are one; a cart's id is in the path.
    pub scope: String,
    /// The customer under whose key it is kept who buys; `None` for a guest.
    pub person: Option<PersonId>,
}

impl FromRequestParts<App> for Shopper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Shopper, ApiError> {
        let caller = &Admitted::of(parts)?.caller;
        let person = match caller {
            Caller::Customer(customer) => customer.person(),
            Caller::Nobody | Caller::Cart(_) | Caller::Staff(_) | Caller::Key(_) => None,
        };
        Ok(Shopper { scope: caller.scope().unwrap_or_else(|| "guest".to_owned()), person })
    }
}

/// A customer who is logged in, where the route's row says so.
pub struct Customer(pub accounts::CustomerCaller);

impl FromRequestParts<App> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Customer, ApiError> {
        match &Admitted::of(parts)?.caller {
            Caller::Customer(customer) => Ok(Customer(customer.clone())),
            Caller::Nobody | Caller::Cart(_) | Caller::Staff(_) | Caller::Key(_) => {
                Err(ApiError::Forbidden { needs: "this is for customers".into() })
            }
        }
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl From<accounts::Caller> for Caller {
    fn from(caller: accounts::Caller) -> Caller {
        match caller {
            accounts::Caller::Customer(customer) => Caller::Customer(customer),
            accounts::Caller::Staff(staff) => Caller::Staff(staff),
            accounts::Caller::Key(key) => Caller::Key(key),
        }
    }
}

impl Caller {
    /// Whoever shows these credentials, and by which of them. A bearer token is looked at before any
    /// cookie, and a bad one is an error; none are nobody.
    fn of(app: &App, headers: &HeaderMap) -> Result<(Caller, Option<Credential>), ApiError> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = lines.next() else { return Ok(Caller::of_cookie(app, headers)) };
        // Of two, one would be left unread.
        let token = header.to_str().ok().filter(|_| lines.next().is_none()).and_then(bearer);
        let token = token.ok_or(ApiError::InvalidToken)?;
        if let Ok(cart) = token.parse() {
            return Ok((Caller::Cart(cart), None));
        }
        let shown = Credential::Bearer(token.to_owned());
        let caller = app.shop.accounts.who(&shown).ok_or(ApiError::InvalidToken)?;
        Ok((caller.into(), Some(shown)))
    }

    /// Whose session the browser has. One that has ended is nobody's: whoever comes back to a shop
    /// after a while comes as a guest.
    fn of_cookie(app: &App, headers: &HeaderMap) -> (Caller, Option<Credential>) {
        let session = cookie::SESSION.read(headers, &app.public_url);
        let shown = session.map(|token| Credential::Session(token.to_owned()));
        let caller = shown.as_ref().and_then(|shown| app.shop.accounts.who(shown));
        match caller {
            Some(caller) => (caller.into(), shown),
            None => (Caller::Nobody, None),
        }
    }

    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Caller::Nobody | Caller::Cart(_) | Caller::Customer(_) => false,
            Caller::Staff(caller) => caller.role.may(permission),
            Caller::Key(caller) => caller.may(permission),
        }
    }

    /// The member of staff who answers for what is done: they themselves, or who made the key.
    fn member(&self) -> Option<StaffId> {
        match self {
            Caller::Nobody | Caller::Cart(_) | Caller::Customer(_) => None,
            Caller::Staff(caller) => Some(caller.staff),
            Caller::Key(caller) => Some(caller.maker.staff),
        }
    }

    /// The scope for idempotency keys; guests have none of their own.
    fn scope(&self) -> Option<String> {
        match self {
            Caller::Nobody | Caller::Cart(_) => None,
            Caller::Customer(caller) => Some(format!("customer:{}", caller.customer)),
            Caller::Staff(caller) => Some(format!("staff:{}", caller.staff)),
            Caller::Key(caller) => Some(format!("key:{}", caller.key)),
        }
    }
}
