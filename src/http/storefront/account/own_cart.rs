//! A customer's cart in a browser: after a login, what was picked before it and what the account has become one,
//! and the browser's cookie names it.
//!
//! Every step may be done again: a cart that was merged is not open any more, and what is noted is noted once.
//! Where two carts cannot be merged now, such as in the middle of a checkout, both stay as they are, and
//! the next login tries again. No login fails for it.

use crate::actors::accounts::{Caller, Credential, CustomerCaller};
use crate::domain::CartId;
use crate::http::app::App;
use crate::http::cookie::CART;
use crate::http::layers::detached;
use crate::http::storefront::cart_cookie;
use crate::http::storefront::visitor::{may_fill, units};
use axum::http::HeaderMap;

/// Brings together the cart of a browser in which a customer has just logged in and that of their account.
/// `asked` are the headers that the browser sent, `answer` those that it will get.
pub async fn meet(app: &App, session: &Credential, asked: &HeaderMap, answer: &mut HeaderMap) {
    let Some(Caller::Customer(customer)) = app.shop.accounts.who(session) else { return };
    let brought = cart_cookie::read(asked, &app.public_url);
    let own = brought.filter(|cart| may_fill(app, Some(&customer), *cart));
    let open = |cart: &CartId| units(app, *cart).is_some();
    let (shown, kept) = (own.filter(open), customer.cart.filter(open));
    let (doing, of) = (app.clone(), customer.clone());
    let cart = detached(async move { one_of(&doing, &of, shown, kept).await }).await;
    match cart {
        Some(cart) => cart_cookie::keep(answer, &app.public_url, cart),
        // It was bought, or is another customer's.
        None if brought.is_some() => CART.clear(answer, &app.public_url),
        None => {}
    }
}

/// The cart that the customer goes on with, of one that the browser shows and one of the account's; both are
/// open.
async fn one_of(
    app: &App,
    customer: &CustomerCaller,
    shown: Option<CartId>,
    kept: Option<CartId>,
) -> Option<CartId> {
    let (from, into) = match (shown, kept) {
        (Some(shown), Some(kept)) if shown != kept => (shown, kept),
        (Some(shown), _) => {
            keep(app, customer, shown).await;
            return Some(shown);
        }
        (None, kept) => return kept,
    };
    match app.shop.engine.desk.merge_carts(from, into).await {
        Ok(_) => Some(into),
        Err(error) => {
            // Somebody was faster, or it has to wait.
            tracing::info!(customer.id = %customer.customer, %error, "two carts were not merged");
            let is_open = units(app, from).is_some();
            Some(if is_open { from } else { into })
        }
    }
}

/// Notes that a customer fills this cart, unless they fill another one that is open.
pub async fn keep(app: &App, customer: &CustomerCaller, cart: CartId) {
    let other = customer.cart.filter(|own| *own == cart || units(app, *own).is_some());
    if other.is_some() {
        return;
    }
    let (accounts, id) = (app.shop.accounts.clone(), customer.customer);
    let kept = detached(async move { accounts.keep_cart(id, cart).await }).await;
    if let Err(error) = kept {
        // The browser's cookie names it still.
        let error = &error as &dyn std::error::Error;
        tracing::warn!(customer.id = %customer.customer, error, "a cart was not noted as a customer's");
    }
}
