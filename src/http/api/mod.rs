//! The API, version 1.

pub mod dto;
mod carts;
mod orders;

pub use carts::checkout_render;

use super::app::App;
use utoipa_axum::router::OpenApiRouter;

/// Every endpoint, area by area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(carts::routes()).merge(orders::routes())
}
