//! Who looks at a page: what their browser's cookies say, as far as pages show it.

use super::cart_cookie;
use crate::actors::accounts::{Caller, Credential, CustomerCaller};
use crate::domain::CartId;
use crate::domain::cart::CartStatus;
use crate::http::app::App;
use crate::http::cookie::{Kept, SESSION};
use crate::http::csrf;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;

pub struct Visitor {
    /// The customer who is logged in.
    pub customer: Option<CustomerCaller>,
    /// The cart of their browser, open or not; of a customer, the open one that they fill elsewhere where
    /// the browser has none.
    pub cart: Option<CartId>,
    /// Units in it, where it is open.
    pub units: u64,
    /// No cookies at all: they are shown what everybody is.
    pub is_anybody: bool,
    /// The value of the cookie to which their CSRF tokens belong.
    pub cookie: Option<String>,
    /// Whether the browser has to be given that cookie.
    is_new: bool,
}

impl Visitor {
    pub fn of(app: &App, headers: &HeaderMap) -> Visitor {
        let own = SESSION.read(headers, &app.public_url).filter(|own| csrf::is_secret(own));
        let customer = own.and_then(|own| customer(app, own));
        let (cart, units) = cart(app, headers, customer.as_ref());
        let mut visitor = Visitor {
            customer,
            cart,
            units,
            is_anybody: !headers.contains_key(COOKIE),
            cookie: own.map(str::to_owned),
            is_new: false,
        };
        // The cookie of a cart outlives that of a browser that was closed.
        if cart.is_some() {
            visitor.give_cookie();
        }
        visitor
    }

    /// Sees to it that there is a cookie to which a form on the page can belong.
    pub fn give_cookie(&mut self) {
        if self.cookie.is_none() {
            (self.cookie, self.is_new) = (Some(csrf::anonymous()), true);
        }
    }

    /// Sets the cookie that the browser lacks.
    pub fn mark(&self, app: &App, headers: &mut HeaderMap) {
        if let Some(cookie) = self.cookie.as_ref().filter(|_| self.is_new) {
            SESSION.set(headers, &app.public_url, cookie, Kept::UntilItCloses);
        }
    }
}

/// The customer whose session a cookie is. One that belongs to forms alone is nobody's.
fn customer(app: &App, cookie: &str) -> Option<CustomerCaller> {
    if csrf::is_anonymous(cookie) {
        return None;
    }
    match app.shop.accounts.who(&Credential::Session(cookie.to_owned()))? {
        Caller::Customer(customer) => Some(customer),
        Caller::Staff(_) | Caller::Key(_) => None,
    }
}

/// The cart that a browser shows, and the units in it where it is open. A customer is not shown the cart that
/// another one left in the browser.
fn cart(
    app: &App,
    headers: &HeaderMap,
    customer: Option<&CustomerCaller>,
) -> (Option<CartId>, u64) {
    let shown = cart_cookie::read(headers, &app.public_url);
    let shown = shown.filter(|cart| may_fill(app, customer, *cart));
    let kept = customer.and_then(|customer| customer.cart);
    let open = |cart: CartId| Some((Some(cart), units(app, cart)?));
    let open = shown.and_then(open).or_else(|| kept.and_then(open));
    open.unwrap_or((shown, 0))
}

/// Whether a cart that a browser shows is for whoever is logged in. Guests have nothing but what their browser
/// shows, so it is theirs.
pub(super) fn may_fill(app: &App, customer: Option<&CustomerCaller>, cart: CartId) -> bool {
    let Some(customer) = customer else { return true };
    let owner = app.shop.accounts.owner_of_cart(cart);
    owner.is_none_or(|owner| owner == customer.customer)
}

/// Units in an open cart. Where the store cannot be read, a page is still shown.
pub(super) fn units(app: &App, cart: CartId) -> Option<u64> {
    let (_, cart) = app.shop.reads.cart(cart).ok().flatten()?;
    let units = || cart.lines.iter().map(|line| u64::from(line.quantity)).sum();
    (cart.status == CartStatus::Open).then(units)
}
