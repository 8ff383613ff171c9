//! What shoppers' browsers and other people's machines read of the shop.

mod live;

use super::app::App;
use super::limits::Limits;
use axum::routing::MethodRouter;

/// Every page by its path.
pub fn pages(limits: &Limits) -> Vec<(&'static str, MethodRouter<App>)> {
    vec![live::page(limits.live)]
}
