//! The table of all routes and who may call each. A route that is not here is closed to everybody,
//! and a shop with such a route does not start.

use super::Caller;
use crate::domain::permission::Permission;
use crate::http::problem::ApiError;
use Permission as P;
use Rule::{Customer, Form, Key, LoggedIn, May, Member, Open, Own, OwnOrCart, Page, Public};
use std::collections::HashMap;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anybody; credentials are not looked at. Whoever logs in has none, or only old ones.
    Open,
    /// Anybody; who shows a token has to show a good one.
    Public,
    /// Anybody, from a page of this shop: every write needs the CSRF token that belongs to the
    /// browser's cookie, also where nobody is logged in. Of credentials the cookie alone counts.
    Page,
    /// As `Page`, for forms on pages that are the same for everybody and so hold no token: where nobody
    /// is logged in, the browser's own word that it comes from here will do.
    Form,
    /// Whoever knows the random id in the path.
    Key,
    /// Whoever is logged in, for what is their own.
    LoggedIn,
    /// Customers, for what is their own.
    Customer,
    /// Members of staff, for what is their own.
    Member,
    /// A list: customers see in it what is their own, and with the permission it is of everything.
    Own(Permission),
    /// Its customer, the guest whose cart became it, and everything with the permission.
    OwnOrCart(Permission),
    /// Members of staff and API keys that have the permission.
    May(Permission),
}

/// One route and its rule.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    /// The route's template.
    pub path: &'static str,
    pub rule: Rule,
}

const fn row(method: &'static str, path: &'static str, rule: Rule) -> Row {
    Row { method, path, rule }
}

/// Every route there is.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // The catalog.
    row("GET", "/v1/products", Public),
    row("POST", "/v1/products", May(P::ProductsWrite)),
    row("GET", "/v1/products/{productId}", Public),
    row("PUT", "/v1/products/{productId}", May(P::ProductsWrite)),
    row("DELETE", "/v1/products/{productId}", May(P::ProductsWrite)),
    row("GET", "/v1/products/by-handle/{handle}", Public),
    row("POST", "/v1/products/{productId}/images", May(P::ProductsWrite)),
    row("GET", "/v1/categories", Public),
    row("POST", "/v1/categories", May(P::ProductsWrite)),
    row("GET", "/v1/categories/{handle}", Public),
    row("PUT", "/v1/categories/{handle}", May(P::ProductsWrite)),
    row("DELETE", "/v1/categories/{handle}", May(P::ProductsWrite)),
    row("GET", "/v1/collections", Public),
    row("POST", "/v1/collections", May(P::ProductsWrite)),
    row("GET", "/v1/collections/{handle}", Public),
    row("PUT", "/v1/collections/{handle}", May(P::ProductsWrite)),
    row("DELETE", "/v1/collections/{handle}", May(P::ProductsWrite)),
    row("GET", "/v1/search", Public),
    row("GET", "/v1/search/suggest", Public),
    row("POST", "/v1/imports/products", May(P::ImportsWrite)),
    row("GET", "/v1/imports/{importId}", May(P::ImportsWrite)),
    row("GET", "/v1/exports/products.csv", May(P::ProductsRead)),
    // What the merchant says about the shop.
    row("GET", "/v1/settings", Public),
    row("PUT", "/v1/settings", May(P::SettingsWrite)),
    row("GET", "/v1/pages", Public),
    row("GET", "/v1/pages/{handle}", Public),
    row("PUT", "/v1/pages/{handle}", May(P::SettingsWrite)),
    row("DELETE", "/v1/pages/{handle}", May(P::SettingsWrite)),
    // Stock.
    row("GET", "/v1/inventory", May(P::InventoryRead)),
    row("GET", "/v1/inventory/{sku}", May(P::InventoryRead)),
    row("PATCH", "/v1/inventory/{sku}", May(P::InventoryWrite)),
    row("POST", "/v1/inventory/{sku}/adjustments", May(P::InventoryWrite)),
    row("GET", "/v1/inventory/{sku}/movements", May(P::InventoryRead)),
    // Carts: a cart's id is its guest's key.
    row("POST", "/v1/carts", Public),
    row("GET", "/v1/carts/{cartId}", Key),
    row("DELETE", "/v1/carts/{cartId}", Key),
    row("POST", "/v1/carts/{cartId}/items", Key),
    row("PATCH", "/v1/carts/{cartId}/items/{sku}", Key),
    row("DELETE", "/v1/carts/{cartId}/items/{sku}", Key),
    row("PUT", "/v1/carts/{cartId}/shipping-address", Key),
    row("GET", "/v1/carts/{cartId}/shipping-options", Key),
    row("PUT", "/v1/carts/{cartId}/shipping-option", Key),
    row("POST", "/v1/carts/{cartId}/discount-codes", Key),
    row("DELETE", "/v1/carts/{cartId}/discount-codes", Key),
    row("POST", "/v1/carts/{cartId}/checkout", Key),
    // Orders.
    row("GET", "/v1/orders", Own(P::OrdersRead)),
    row("GET", "/v1/orders/{orderId}", OwnOrCart(P::OrdersRead)),
    row("GET", "/v1/orders/{orderId}/events", OwnOrCart(P::OrdersRead)),
    row("POST", "/v1/orders/{orderId}/cancel", May(P::OrdersRefund)),
    row("POST", "/v1/orders/{orderId}/payments/{paymentId}/capture", May(P::OrdersWrite)),
    row("POST", "/v1/test-payments/{paymentId}", Key),
    row("GET", "/test-payments/{paymentId}", Key),
    row("POST", "/test-payments/{paymentId}", Key),
    // Accounts.
    row("POST", "/v1/auth/register", Open),
    row("POST", "/v1/auth/verify", Open),
    row("POST", "/v1/auth/password/forgot", Open),
    row("POST", "/v1/auth/password/reset", Open),
    row("POST", "/v1/auth/login", Open),
    row("POST", "/v1/auth/refresh", Open),
    row("POST", "/v1/auth/logout", LoggedIn),
    row("GET", "/v1/auth/session", Page),
    row("POST", "/v1/auth/session", Page),
    row("DELETE", "/v1/auth/session", Page),
    row("GET", "/account/confirm", Open),
    row("POST", "/account/confirm", Open),
    row("GET", "/account/new-password", Open),
    row("POST", "/account/new-password", Open),
    row("GET", "/account/invitation", Open),
    row("POST", "/account/invitation", Open),
    row("GET", "/v1/auth/oidc", Open),
    row("GET", "/v1/auth/oidc/{provider}", Open),
    row("GET", "/v1/auth/oidc/{provider}/callback", Open),
    // Staff, and the programs that act for them.
    row("GET", "/v1/staff", May(P::StaffWrite)),
    row("PUT", "/v1/staff/{staffId}", May(P::StaffWrite)),
    row("DELETE", "/v1/staff/{staffId}", May(P::StaffWrite)),
    row("DELETE", "/v1/staff/{staffId}/totp", May(P::StaffWrite)),
    row("DELETE", "/v1/staff/{staffId}/sessions", May(P::StaffWrite)),
    row("GET", "/v1/staff/invitations", May(P::StaffWrite)),
    row("POST", "/v1/staff/invitations", May(P::StaffWrite)),
    row("DELETE", "/v1/staff/invitations/{invitationId}", May(P::StaffWrite)),
    row("POST", "/v1/staff/invitations/accept", Open),
    row("GET", "/v1/api-keys", May(P::KeysWrite)),
    row("POST", "/v1/api-keys", May(P::KeysWrite)),
    row("DELETE", "/v1/api-keys/{keyId}", May(P::KeysWrite)),
    row("GET", "/v1/audit", May(P::AuditRead)),
    row("GET", "/v1/users/me", LoggedIn),
    row("PUT", "/v1/users/me", LoggedIn),
    row("DELETE", "/v1/users/me", Customer),
    row("GET", "/v1/users/me/sessions", LoggedIn),
    row("DELETE", "/v1/users/me/sessions/{sessionId}", LoggedIn),
    row("GET", "/v1/users/me/totp", Member),
    row("POST", "/v1/users/me/totp", Member),
    row("POST", "/v1/users/me/totp/confirm", Member),
    row("POST", "/v1/users/me/totp/remove", Member),
    row("GET", "/v1/users/me/export", Customer),
    row("POST", "/v1/users/me/verification", Customer),
    row("POST", "/v1/users/me/claims", Customer),
    row("GET", "/v1/users/me/addresses", Customer),
    row("POST", "/v1/users/me/addresses", Customer),
    row("GET", "/v1/users/me/addresses/{addressId}", Customer),
    row("PUT", "/v1/users/me/addresses/{addressId}", Customer),
    row("DELETE", "/v1/users/me/addresses/{addressId}", Customer),
    row("GET", "/v1/users", May(P::UsersRead)),
    row("GET", "/v1/users/{userId}", May(P::UsersRead)),
    row("PUT", "/v1/users/{userId}", May(P::UsersWrite)),
    row("DELETE", "/v1/users/{userId}", May(P::UsersErase)),
    // The log and machines.
    row("GET", "/v1/events", May(P::EventsRead)),
    row("GET", "/v1/events/stream", May(P::EventsRead)),
    row("GET", "/healthz", Open),
    row("GET", "/readyz", Open),
    row("GET", "/metrics", Open),
    row("GET", "/openapi.json", Open),
    row("GET", "/docs", Open),
    // The pages of the shop.
    row("GET", "/", Page),
    row("GET", "/c/{handle}", Page),
    row("GET", "/collections/{handle}", Page),
    row("GET", "/search", Page),
    row("GET", "/p/{handle}", Page),
    row("GET", "/cart", Page),
    row("POST", "/cart/lines", Form),
    row("POST", "/cart/lines/{sku}", Page),
    row("POST", "/cart/lines/{sku}/remove", Page),
    row("GET", "/pages/{handle}", Page),
    // The shopper's account: whoever is not logged in is sent to the login.
    row("GET", "/account", Page),
    row("GET", "/account/login", Page),
    row("POST", "/account/login", Page),
    row("GET", "/account/login/code", Page),
    row("POST", "/account/login/code", Page),
    row("POST", "/account/logout", Page),
    row("GET", "/account/register", Page),
    row("POST", "/account/register", Page),
    row("GET", "/account/forgot", Page),
    row("POST", "/account/forgot", Page),
    row("GET", "/account/sent", Page),
    row("GET", "/account/orders", Page),
    row("GET", "/account/orders/{orderId}", Page),
    row("POST", "/account/verification", Page),
    row("GET", "/account/addresses", Page),
    row("POST", "/account/addresses", Page),
    row("GET", "/account/addresses/{addressId}", Page),
    row("POST", "/account/addresses/{addressId}", Page),
    row("POST", "/account/addresses/{addressId}/remove", Page),
    row("POST", "/account/addresses/{addressId}/first", Page),
    row("GET", "/account/security", Page),
    row("POST", "/account/security/password", Page),
    row("POST", "/account/security/factor", Page),
    row("POST", "/account/security/factor/confirm", Page),
    row("POST", "/account/security/factor/remove", Page),
    row("POST", "/account/security/sessions/{sessionId}/end", Page),
    row("GET", "/account/data", Page),
    row("POST", "/account/data/export", Page),
    row("POST", "/account/data/erase", Page),
    row("GET", "/account/forgotten", Page),
    row("GET", "/checkout", Page),
    row("POST", "/checkout", Page),
    row("GET", "/orders/{orderId}", Page),
    row("GET", "/assets/{hash}/{*file}", Open),
    row("GET", "/favicon.svg", Open),
    // Pictures.
    row("GET", "/media/{name}", Open),
    row("GET", "/media/demo/{file}", Open),
    // What browsers follow and other people's machines read.
    row("GET", "/live/stock", Open),
    row("GET", "/sitemap.xml", Open),
    row("GET", "/robots.txt", Open),
    row("GET", "/feeds/google.xml", Open),
    row("GET", "/feeds/new.xml", Open),
    row("GET", "/llms.txt", Open),
];

impl Rule {
    /// The permission that opens everything there, if one does.
    pub fn scope(self) -> Option<Permission> {
        match self {
            Rule::May(permission) | Rule::Own(permission) | Rule::OwnOrCart(permission) => {
                Some(permission)
            }
            Rule::Open
            | Rule::Public
            | Rule::Page
            | Rule::Form
            | Rule::Key
            | Rule::LoggedIn
            | Rule::Customer
            | Rule::Member => None,
        }
    }

    /// Whether a caller may come in at all. What is whose is then the handler's to see.
    pub fn admits(self, caller: &Caller) -> Result<(), ApiError> {
        let (permission, is_owned, is_carts) = match self {
            Rule::Open | Rule::Public | Rule::Page | Rule::Form | Rule::Key => return Ok(()),
            Rule::LoggedIn => {
                return match caller {
                    Caller::Nobody => Err(ApiError::Unauthenticated),
                    Caller::Customer(_) | Caller::Staff(_) => Ok(()),
                    Caller::Key(_) => {
                        Err(ApiError::Forbidden { needs: "an API key has no account".into() })
                    }
                    Caller::Cart(_) => Err(ApiError::Forbidden { needs: "log in first".into() }),
                };
            }
            Rule::Customer => {
                return match caller {
                    Caller::Nobody => Err(ApiError::Unauthenticated),
                    Caller::Customer(_) => Ok(()),
                    Caller::Cart(_) | Caller::Staff(_) | Caller::Key(_) => {
                        Err(ApiError::Forbidden { needs: "this is for customers".into() })
                    }
                };
            }
            Rule::Member => {
                return match caller {
                    Caller::Nobody => Err(ApiError::Unauthenticated),
                    Caller::Staff(_) => Ok(()),
                    Caller::Cart(_) | Caller::Customer(_) | Caller::Key(_) => {
                        Err(ApiError::Forbidden { needs: "this is for members of staff".into() })
                    }
                };
            }
            Rule::May(permission) => (permission, false, false),
            Rule::Own(permission) => (permission, true, false),
            Rule::OwnOrCart(permission) => (permission, true, true),
        };
        let is_admitted = match caller {
            Caller::Nobody => return Err(ApiError::Unauthenticated),
            Caller::Customer(_) => is_owned,
            Caller::Cart(_) => is_carts,
            Caller::Staff(_) | Caller::Key(_) => caller.may(permission),
        };
        if is_admitted {
            return Ok(());
        }
        let needs = format!("this needs the permission {}", permission.name());
        Err(ApiError::Forbidden { needs: needs.into() })
    }

    /// Whether nobody gets in without credentials.
    pub fn is_closed(self) -> bool {
        self.admits(&Caller::Nobody).is_err()
    }
}

/// The rules of one path, by method.
type OfPath = Vec<(&'static str, Rule)>;

/// The table as it is looked into for every request.
#[derive(Debug)]
pub struct Rules(HashMap<&'static str, OfPath>);

/// What the table says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Rule(Rule),
    /// The path is there and takes other methods.
    Methods(Vec<&'static str>),
    Nothing,
}

impl Rules {
    pub fn of(rows: &[Row]) -> Rules {
        let mut rules: HashMap<&'static str, OfPath> = HashMap::new();
        for row in rows {
            rules.entry(row.path).or_default().push((row.method, row.rule));
        }
        Rules(rules)
    }

    /// What holds for a route; `HEAD` is asked as `GET` is.
    pub fn find(&self, method: &str, path: &str) -> Found {
        let Some(of_path) = self.0.get(path) else { return Found::Nothing };
        let method = if method == "HEAD" { "GET" } else { method };
        if let Some((_, rule)) = of_path.iter().find(|(own, _)| *own == method) {
            return Found::Rule(*rule);
        }
        let mut methods: Vec<_> = of_path.iter().map(|(own, _)| *own).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        Found::Methods(methods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_row_has_no_rule_and_head_is_asked_as_get() {
        let rules = Rules::of(&[row("GET", "/a", Open), row("PUT", "/a", Public)]);
        assert_eq!(rules.find("HEAD", "/a"), Found::Rule(Open));
        assert_eq!(rules.find("PUT", "/a"), Found::Rule(Public));
        assert_eq!(rules.find("POST", "/a"), Found::Methods(vec!["GET", "PUT", "HEAD"]));
        assert_eq!(rules.find("GET", "/b"), Found::Nothing);
    }
}
