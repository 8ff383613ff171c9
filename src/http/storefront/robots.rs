//! What crawlers should leave alone (RFC 9309), and where the map is.

use super::document::Document;
use super::sitemap;
use crate::http::app::{App, Call};
use crate::http::list::PublicUrl;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

/// What is somebody's own, endless, or for programs alone.
const NOT_FOR_CRAWLERS: [&str; 7] =
    ["/account", "/cart", "/checkout", "/live/", "/orders/", "/search", "/v1/"];

pub fn page() -> (&'static str, MethodRouter<App>) {
    ("/robots.txt", get(show))
}

async fn show(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let text = text(&app.public_url);
    let document = Document::of("text/plain; charset=utf-8", |out| out.write_all(text.as_bytes()));
    Ok(document.map_err(|error| ApiError::fault(&error))?.answer(&call.headers))
}

fn text(url: &PublicUrl) -> String {
    let mut text = String::from("User-agent: *\n");
    // Rules name paths as the world sees them, and the shop may lie below one.
    let place = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    let place = place.find('/').map_or("", |slash| &place[slash..]);
    for path in NOT_FOR_CRAWLERS {
        text.push_str(&format!("Disallow: {place}{path}\n"));
    }
    text.push_str(&format!("\nSitemap: {}\n", url.join(sitemap::PATH)));
    text
}

#[cfg(test)]
mod tests {

    #[test]
    fn rules_name_paths_as_the_world_sees_them() {
        let text = |url: &str| super::text(&url.parse().unwrap());
        let root = text("https://shop.example");
        assert!(root.starts_with("User-agent: *\nDisallow: /account\n"), "{root}");
        assert!(root.ends_with("\n\nSitemap: https://shop.example/sitemap.xml\n"), "{root}");
        let below = text("https://example.com/shop/");
        assert!(below.contains("\nDisallow: /shop/cart\n"), "{below}");
        assert!(below.ends_with("Sitemap: https://example.com/shop/sitemap.xml\n"), "{below}");
    }
}
