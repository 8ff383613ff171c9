//! The shopper's account: coming in, and what is theirs.
//!
//! Nothing of it is kept by anybody: whoever presses "back" after a logout is shown nothing. Whoever is
//! not logged in is sent to the login and comes back afterwards, and only to a page of this shop. Members
//! of staff log in here, too; they have no orders and no addresses, so they are shown their security.

mod addresses;
mod data;
mod links;
mod login;
mod orders;
mod own_cart;
mod register;
mod security;

pub use own_cart::{keep, meet};

use super::answer::see_other;
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use crate::actors::accounts::{self, Credential, CustomerCaller};
use crate::http::access::Caller;
use crate::http::api::oidc::is_own_path;
use crate::http::app::App;
use crate::http::problem::ApiError;
use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

const HOME: &str = "/account/orders";
const SECURITY: &str = "/account/security";
const LOGIN: &str = "/account/login";

/// How long a path to come back to may be, in bytes.
const LONGEST_WAY_BACK: usize = 2_048;

pub fn pages() -> Vec<(&'static str, MethodRouter<App>)> {
    let mut pages = vec![
        ("/account", get(home)),
        (LOGIN, get(login::show).post(login::log_in)),
        ("/account/login/code", get(login::show_factor).post(login::show_code)),
        ("/account/logout", post(login::log_out)),
        ("/account/register", get(register::show).post(register::register)),
        ("/account/forgot", get(register::show_forgot).post(register::forgot)),
        ("/account/sent", get(register::sent)),
        (HOME, get(orders::list)),
        ("/account/orders/{orderId}", get(orders::show)),
        ("/account/verification", post(orders::verify_again)),
        ("/account/addresses", get(addresses::list).post(addresses::add)),
        ("/account/addresses/{addressId}", get(addresses::show).post(addresses::replace)),
        ("/account/addresses/{addressId}/remove", post(addresses::remove)),
        ("/account/addresses/{addressId}/first", post(addresses::use_first)),
        (SECURITY, get(security::show)),
        ("/account/security/password", post(security::change_password)),
        ("/account/security/factor", post(security::begin_factor)),
        ("/account/security/factor/confirm", post(security::confirm_factor)),
        ("/account/security/factor/remove", post(security::remove_factor)),
        ("/account/security/sessions/{sessionId}/end", post(security::end_session)),
        ("/account/data", get(data::show)),
        ("/account/data/export", post(data::export)),
        ("/account/data/erase", post(data::erase)),
        ("/account/forgotten", get(data::forgotten)),
    ];
    pages.extend(links::pages());
    pages
}

/// Where a login leads: to the page that was asked for, if it is one of this shop.
fn way_back(next: &str) -> Option<&str> {
    Some(next).filter(|next| next.len() <= LONGEST_WAY_BACK && is_own_path(next))
}

/// The login, and from there on to `next`.
fn login_for(next: &str) -> String {
    super::lists::address(LOGIN, [("next", next)])
}

/// Whoever is logged in; everybody else is shown the login.
pub struct Own {
    pub visitor: Visitor,
    pub caller: accounts::Caller,
    pub shown: Credential,
}

impl FromRequestParts<App> for Own {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Own, Response> {
        let told = |error: ApiError| error.into_response();
        let visitor = Visitor::of(app, &parts.headers);
        let caller = Caller::from_request_parts(parts, app).await.map_err(told)?;
        let caller = match caller {
            Caller::Customer(customer) => accounts::Caller::Customer(customer),
            Caller::Staff(staff) => accounts::Caller::Staff(staff),
            Caller::Nobody | Caller::Cart(_) | Caller::Key(_) => {
                // What a form would have done is not done by going back to where it was sent.
                let asked = parts.uri.path_and_query().map_or("", |asked| asked.as_str());
                let next = if parts.method == Method::GET { asked } else { "/account" };
                return Err(see_other(app, &visitor, &login_for(next)).unwrap_or_else(told));
            }
        };
        let shown = Credential::from_request_parts(parts, app).await.map_err(told)?;
        Ok(Own { visitor, caller, shown })
    }
}

/// A customer who is logged in. Members of staff are shown what they have, whatever they send.
pub struct OwnCustomer {
    pub visitor: Visitor,
    pub customer: CustomerCaller,
    pub shown: Credential,
}

impl FromRequestParts<App> for OwnCustomer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<OwnCustomer, Response> {
        let Own { visitor, caller, shown } = Own::from_request_parts(parts, app).await?;
        let told = |error: ApiError| error.into_response();
        match caller {
            accounts::Caller::Customer(customer) => Ok(OwnCustomer { visitor, customer, shown }),
            accounts::Caller::Staff(_) | accounts::Caller::Key(_) => {
                Err(see_other(app, &visitor, SECURITY).unwrap_or_else(told))
            }
        }
    }
}

async fn home(_: OwnCustomer) -> axum::response::Redirect {
    axum::response::Redirect::to(HOME)
}

/// What is around every page of an account.
struct Frame {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
}

struct Tab {
    href: &'static str,
    text: &'static str,
    is_current: bool,
}

impl Frame {
    /// Of the page below `current`, which is one of the tabs.
    fn new(app: &App, visitor: &Visitor, current: &str, is_customer: bool, title: String) -> Frame {
        let all = [
            (HOME, "Orders", true),
            ("/account/addresses", "Addresses", true),
            (SECURITY, "Security", false),
            ("/account/data", "Your data", true),
        ];
        let shown = all.into_iter().filter(|(_, _, of_customers)| is_customer || !of_customers);
        let tab = |(href, text, _)| Tab { href, text, is_current: href == current };
        let catalog = app.shop.reads.catalog.load();
        Frame {
            shell: Shell::new(app, visitor, &catalog),
            head: Head::unlisted(title),
            tabs: shown.map(tab).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_pages_of_this_shop_and_nowhere_else() {
        for good in ["/", "/account", "/account/orders?page=2", "/p/mug#reviews", "/a//b"] {
            assert_eq!(way_back(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(LONGEST_WAY_BACK));
        for bad in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/größe",
            &long,
        ] {
            assert_eq!(way_back(bad), None, "{bad:?}");
        }
    }
}
