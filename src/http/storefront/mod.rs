//! The pages of the shop, for people: rendered here from the read models, so they sell without any
//! script, and a script only makes them quicker. Beside them stands what other people's machines read.
//!
//! One file a page or a pair of them. `shell` is what is around every page, `goods` how products are
//! shown, `words` how figures read, `answer` how a page goes out, `assets` what it loads.

pub mod addresses;
pub mod assets;
pub mod look;
pub mod shell;
pub mod words;
pub mod faults;
pub(in crate::http) mod account;
mod answer;
mod form;
mod cart_cookie;
mod goods;
mod lists;
mod visitor;
mod home;
mod category;
mod search;
mod place;
mod product;
mod cart;
mod text;
mod bought;
mod checkout;
mod order;
mod document;
mod feeds;
mod google;
mod live;
mod llms;
mod remade;
mod robots;
mod sitemap;
mod xml;

use super::app::App;
use super::limits::Limits;
use axum::routing::{MethodRouter, get, post};

/// Every page by its path. Who may ask for it stands in `http/access/rules.rs`.
pub fn pages(limits: &Limits) -> Vec<(&'static str, MethodRouter<App>)> {
    let mut pages = vec![
        ("/", get(home::show)),
        ("/c/{handle}", get(category::show)),
        ("/collections/{handle}", get(category::show_collection)),
        ("/search", get(search::show)),
        ("/p/{handle}", get(product::show)),
        ("/cart", get(cart::show)),
        ("/cart/lines", post(cart::add)),
        ("/cart/lines/{sku}", post(cart::change)),
        ("/cart/lines/{sku}/remove", post(cart::remove)),
        ("/pages/{handle}", get(text::show)),
        ("/checkout", get(checkout::show).post(checkout::send)),
        ("/orders/{orderId}", get(order::show)),
        ("/assets/{hash}/{*file}", get(assets::file)),
        ("/favicon.svg", get(assets::favicon)),
        live::page(limits.live),
        sitemap::page(),
        robots::page(),
        google::page(),
        feeds::page(),
        llms::page(),
    ];
    pages.extend(account::pages());
    pages
}
