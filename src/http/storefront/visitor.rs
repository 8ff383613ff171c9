//! Who looks at a page: what their browser's cookies say, as far as pages show it.

use super::cart_cookie;
use crate::domain::CartId;
use crate::domain::cart::CartStatus;
use crate::http::app::App;
use crate::http::cookie::{Kept, SESSION};
use crate::http::csrf;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;

pub struct Visitor {
    /// The cart of their browser, open or not.
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
        let cart = cart_cookie::read(headers, &app.public_url);
        let own = SESSION.read(headers, &app.public_url).filter(|own| csrf::is_secret(own));
        let mut visitor = Visitor {
            cart,
            units: cart.map_or(0, |cart| units(app, cart)),
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

/// Units in an open cart. Where the store cannot be read, a page is still shown.
fn units(app: &App, cart: CartId) -> u64 {
    let found = app.shop.reads.cart(cart).ok().flatten();
    let open = found.map(|(_, cart)| cart).filter(|cart| cart.status == CartStatus::Open);
    open.map_or(0, |cart| cart.lines.iter().map(|line| u64::from(line.quantity)).sum())
}
