//! The list of all that is to be found, for search engines (the sitemaps protocol, 0.9).
//!
//! Up to 50 000 addresses are one map; of more, the map is a list of maps, each of which is a part of
//! the same address: a map may only name what lies below its own place.

use super::addresses;
use super::document::Document;
use super::remade::Remade;
use super::xml::Xml;
use crate::domain::Timestamp;
use crate::http::app::{App, Call};
use crate::http::body::Params;
use crate::http::json::time_text;
use crate::http::list::PublicUrl;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use std::io;
use utoipa::IntoParams;

pub const PATH: &str = "/sitemap.xml";

/// Addresses in one map, as the protocol has it.
const MOST_IN_ONE: usize = 50_000;

const XMLNS: (&str, &str) = ("xmlns", "http://www.sitemaps.org/schemas/sitemap/0.9");

const XML: &str = "application/xml";

pub fn page() -> (&'static str, MethodRouter<App>) {
    let maps = Remade::by(|app| maps(&app.public_url, &places(app), MOST_IN_ONE));
    let show = get(move |State(app): State<App>, call: Call, Params(query): Params<MapQuery>| {
        show(app, call, query, maps.clone())
    });
    (PATH, show)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MapQuery {
    /// One map of several, from 1.
    #[param(minimum = 1)]
    part: Option<u32>,
}

async fn show(
    app: App,
    call: Call,
    query: MapQuery,
    maps: Remade<Vec<Document>>,
) -> Result<Response, ApiError> {
    let maps = maps.now(&app).await?;
    let map = maps.get(query.part.unwrap_or(0) as usize);
    Ok(map.ok_or(ApiError::NotFound { what: "part of the map" })?.answer(&call.headers))
}

/// Something to be found, and since when it looks as it does, where that is known.
struct Place {
    path: String,
    changed_at: Option<Timestamp>,
}

fn places(app: &App) -> Vec<Place> {
    let catalog = app.shop.reads.catalog.load();
    let at = |path, changed_at| Place { path, changed_at: Some(changed_at) };
    let mut places = vec![Place { path: "/".into(), changed_at: None }];
    let categories = catalog.categories();
    places.extend(categories.map(|own| at(addresses::category(&own.handle), own.updated_at)));
    let collections = catalog.collections();
    places.extend(collections.map(|own| at(addresses::collection(&own.handle), own.updated_at)));
    let public = catalog.products().into_iter().filter(|listed| listed.is_public());
    places.extend(
        public.map(|listed| {
            at(addresses::product(&listed.product().content.handle), listed.updated_at)
        }),
    );
    let pages = app.shop.reads.merchant.load().pages();
    places.extend(pages.iter().map(|own| Place {
        path: addresses::text_page(&own.page.handle),
        // Nobody knows since when a shop says what all begin with.
        changed_at: (!own.is_default()).then_some(own.page.updated_at),
    }));
    places
}

/// The map, and behind it its parts where it has any.
fn maps(url: &PublicUrl, places: &[Place], most_in_one: usize) -> io::Result<Vec<Document>> {
    let mut parts: Vec<Document> =
        places.chunks(most_in_one).map(|places| map(url, places)).collect::<io::Result<_>>()?;
    if parts.len() > 1 {
        parts.insert(0, list(url, parts.len())?);
    }
    Ok(parts)
}

fn map(url: &PublicUrl, places: &[Place]) -> io::Result<Document> {
    Document::of(XML, |out| {
        Xml::new(out)?.element("urlset", &[XMLNS], |xml| {
            for Place { path, changed_at } in places {
                xml.element("url", &[], |xml| {
                    xml.text("loc", &url.join(path))?;
                    changed_at.map_or(Ok(()), |at| xml.text("lastmod", &time_text(at)))
                })?;
            }
            Ok(())
        })
    })
}

fn list(url: &PublicUrl, parts: usize) -> io::Result<Document> {
    Document::of(XML, |out| {
        Xml::new(out)?.element("sitemapindex", &[XMLNS], |xml| {
            for part in 1..=parts {
                let address = url.join(&format!("{PATH}?part={part}"));
                xml.element("sitemap", &[], |xml| xml.text("loc", &address))?;
            }
            Ok(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    async fn addresses(map: &Document) -> Vec<String> {
        let body = map.answer(&HeaderMap::new()).into_body();
        let text = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let document = roxmltree::Document::parse(text).unwrap();
        let nodes = document.descendants().filter(|node| node.has_tag_name((XMLNS.1, "loc")));
        nodes.map(|node| node.text().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn more_than_fit_into_one_map_are_in_several() {
        let url = "https://shop.example".parse().unwrap();
        let places = |count| -> Vec<Place> {
            (0..count).map(|n| Place { path: format!("/p/{n}"), changed_at: None }).collect()
        };
        let one = maps(&url, &places(3), 3).unwrap();
        assert_eq!((one.len(), addresses(&one[0]).await.len()), (1, 3));
        let several = maps(&url, &places(7), 3).unwrap();
        let parts: Vec<_> =
            (1..=3).map(|n| format!("https://shop.example/sitemap.xml?part={n}")).collect();
        assert_eq!(addresses(&several[0]).await, parts);
        let mut found = Vec::new();
        for part in &several[1..] {
            found.extend(addresses(part).await);
        }
        let all: Vec<_> = (0..7).map(|n| format!("https://shop.example/p/{n}")).collect();
        assert_eq!(found, all);
    }
}
