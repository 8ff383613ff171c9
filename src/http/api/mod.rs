//! The API, version 1.

pub mod dto;
mod auth;
mod products;
mod images;
mod categories;
mod collections;
mod search;
mod imports;
mod carts;
mod events;
mod inventory;
mod machines;
mod orders;
mod test_payments;

pub use carts::checkout_render;
pub use test_payments::pages;

use super::app::App;
use utoipa_axum::router::OpenApiRouter;

/// Every endpoint, area by area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(products::routes())
        .merge(images::routes())
        .merge(categories::routes())
        .merge(collections::routes())
        .merge(search::routes())
        .merge(imports::routes())
        .merge(inventory::routes())
        .merge(carts::routes())
        .merge(orders::routes())
        .merge(test_payments::routes())
        .merge(auth::routes())
        .merge(events::routes())
        .merge(machines::routes())
}
