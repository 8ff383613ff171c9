//! What shoppers' browsers and other people's machines read of the shop.

pub mod addresses;
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
use axum::routing::MethodRouter;

/// Every page by its path.
pub fn pages(limits: &Limits) -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        live::page(limits.live),
        sitemap::page(),
        robots::page(),
        google::page(),
        feeds::page(),
        llms::page(),
    ]
}
