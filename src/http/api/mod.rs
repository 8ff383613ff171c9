//! The API, version 1.

pub mod dto;
mod auth;
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
        .merge(inventory::routes())
        .merge(carts::routes())
        .merge(orders::routes())
        .merge(test_payments::routes())
        .merge(auth::routes())
        .merge(events::routes())
        .merge(machines::routes())
}
