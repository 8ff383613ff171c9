//! The cart of a browser: its id in a cookie that no script can read.
//!
//! A cart's id is its guest's key, so it is never in an address or on a page. The cookie lives as long
//! as a cart that nobody touches, and is set anew with each change of it.

use crate::domain::CartId;
use crate::domain::cart::KEPT_FOR;
use crate::http::cookie::{CART, Kept};
use crate::http::list::PublicUrl;
use axum::http::HeaderMap;

/// The cart that a browser shows, whatever became of it.
pub fn read(headers: &HeaderMap, url: &PublicUrl) -> Option<CartId> {
    CART.read(headers, url)?.parse().ok()
}

/// Has the browser keep a cart for as long as the shop does.
pub fn keep(headers: &mut HeaderMap, url: &PublicUrl, cart: CartId) {
    let seconds = (KEPT_FOR.as_millis() / 1_000).unsigned_abs();
    CART.set(headers, url, &cart.to_string(), Kept::Seconds(seconds));
}

/// Of a cart that was ordered, so long that a form which is sent again finds what it has become.
pub fn keep_ordered(headers: &mut HeaderMap, url: &PublicUrl, cart: CartId) {
    CART.set(headers, url, &cart.to_string(), Kept::Seconds(3_600));
}
