//! The API, version 1.

pub mod dto;
mod api_keys;
mod audit;
pub(super) mod auth;
pub(super) mod browser;
pub(super) mod users;
mod products;
mod images;
mod categories;
mod collections;
pub(super) mod search;
pub(super) mod sessions;
mod settings;
mod imports;
pub(super) mod carts;
mod events;
mod inventory;
mod machines;
pub mod oidc;
pub(super) mod orders;
mod pages;
mod staff;
mod test_payments;
pub(super) mod totp;

pub use carts::checkout_render;

use super::app::App;
use axum::routing::MethodRouter;
use utoipa_axum::router::OpenApiRouter;

/// What is not of the API and so not in its document, by path.
pub fn pages() -> Vec<(&'static str, MethodRouter<App>)> {
    let mut pages = vec![test_payments::pages()];
    pages.extend(images::pages());
    pages
}

/// Every endpoint, area by area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(products::routes())
        .merge(images::routes())
        .merge(categories::routes())
        .merge(collections::routes())
        .merge(search::routes())
        .merge(settings::routes())
        .merge(pages::routes())
        .merge(imports::routes())
        .merge(inventory::routes())
        .merge(carts::routes())
        .merge(orders::routes())
        .merge(test_payments::routes())
        .merge(auth::routes())
        .merge(browser::routes())
        .merge(sessions::routes())
        .merge(totp::routes())
        .merge(staff::routes())
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(users::routes())
        .merge(events::routes())
        .merge(machines::routes())
        .merge(oidc::routes())
}
