//! The front page: the shop's sign among its newest things, what is new, what was gathered for a
//! reason, and the index of all categories.

use super::addresses;
use super::answer::{Source, page};
use super::goods::{Card, Picture, cards};
use super::shell::{Head, Shell, json_ld};
use super::visitor::Visitor;
use super::words;
use crate::actors::reads::{Catalog, CategoryNode, Page, ProductFilter, Sort, Versioned};
use crate::domain::grouping::Collection;
use crate::http::app::App;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

/// Products under "Just in".
const NEW: usize = 8;
/// Tiles around the sign.
const TILES: usize = 6;
/// Among how many of the newest pictures for the tiles are looked for.
const LOOKED_AT: usize = 24;
const COLLECTIONS: usize = 3;
const PICTURES_OF_COLLECTION: usize = 3;

#[derive(Template)]
#[template(path = "storefront/home.html")]
struct Home {
    shell: Shell,
    head: Head,
    tiles: Vec<Tile>,
    new: Vec<Card>,
    lots: Vec<Lot>,
    index: Vec<Entry>,
    things: String,
    delivery: Option<String>,
}

struct Tile {
    href: String,
    picture: Picture,
}

/// A collection with some of its pictures.
struct Lot {
    href: String,
    name: String,
    description: String,
    pictures: Vec<Picture>,
}

/// A category in the index.
pub struct Entry {
    pub href: String,
    pub name: String,
    pub products: usize,
}

pub async fn show(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let visitor = Visitor::of(&app, request.headers());
    let (catalog, levels) = (app.shop.reads.catalog.load(), &app.shop.reads.levels);
    let newest = Page { offset: 0, limit: LOOKED_AT };
    let (total, newest) = catalog.list(&ProductFilter::default(), Sort::default(), newest, levels);
    let products = newest.iter().map(|listed| listed.product());
    let tile = |product: crate::domain::catalog::Product| {
        let picture = Picture::first_of(&product)?;
        Some(Tile { href: addresses::product(&product.content.handle), picture })
    };
    let tiles: Vec<Tile> = products.filter_map(tile).take(TILES).collect();
    let shell = Shell::new(&app, &visitor, &catalog);
    let settings = &app.shop.env.settings;
    let rate = words::cheapest_rate(&settings.rules, settings.currency);
    let (look, shop) = (&shell.look, shell.look.shop());
    let tagline = look.tagline();
    let logo = match &shop.logo {
        Some(logo) => app.picture_url(&logo.path).into_owned(),
        None => app.public_url.join("/favicon.svg"),
    };
    let organization = json!({ "@context": "https://schema.org", "@type": "Organization",
        "name": shop.name, "url": shell.home, "logo": logo });
    let target = app.public_url.join("/search?q={q}");
    let site = json!({ "@context": "https://schema.org", "@type": "WebSite",
        "name": shop.name, "url": shell.home,
        "potentialAction": { "@type": "SearchAction",
            "target": { "@type": "EntryPoint", "urlTemplate": target },
            "query-input": "required name=q" } });
    let head = Head {
        title: tagline.clone(),
        description: words::brief(&tagline),
        canonical: Some(shell.home.clone()),
        kind: "website",
        picture: tiles.first().map(|tile| app.picture_url(&tile.picture.src).into_owned()),
        data: vec![json_ld(&organization), json_ld(&site)],
    };
    let home = Home {
        head,
        new: cards(&newest[..newest.len().min(NEW)], levels, look, 0),
        lots: lots(&app, &catalog, &shop.featured_collections),
        index: index(&catalog),
        things: words::count(total as u64, "thing"),
        delivery: rate.map(|rate| words::delivery(rate, &shop.formats)),
        tiles,
        shell,
    };
    page(&app, &visitor, made_at, &request, Source::Models, &home)
}

/// The collections that the merchant features, as far as they have something to show; where none was
/// named, the first that do.
fn lots(app: &App, catalog: &Catalog, featured: &[String]) -> Vec<Lot> {
    let lot = |collection: &Arc<Versioned<Collection>>| {
        let some = Page { offset: 0, limit: LOOKED_AT };
        let (_, members) = catalog.members(collection, some, &app.shop.reads.levels);
        let pictures = members.iter().filter_map(|listed| Picture::first_of(&listed.product()));
        let pictures: Vec<Picture> = pictures.take(PICTURES_OF_COLLECTION).collect();
        (pictures.len() == PICTURES_OF_COLLECTION).then(|| Lot {
            href: addresses::collection(&collection.handle),
            name: collection.name.clone(),
            description: collection.description.clone(),
            pictures,
        })
    };
    if featured.is_empty() {
        return catalog.collections().filter_map(lot).take(COLLECTIONS).collect();
    }
    featured.iter().filter_map(|handle| catalog.collection(handle)).filter_map(lot).collect()
}

/// All categories in which, or below which, there is something, by name.
pub fn index(catalog: &Catalog) -> Vec<Entry> {
    let mut entries = Vec::new();
    for node in catalog.category_tree() {
        enter(&node, &mut entries);
    }
    entries.retain(|entry| entry.products > 0);
    entries.sort_by_cached_key(|entry| entry.name.to_lowercase());
    entries
}

/// Gives the products of a category and of all below it.
fn enter(node: &CategoryNode, entries: &mut Vec<Entry>) -> usize {
    let below: usize = node.children.iter().map(|child| enter(child, entries)).sum();
    let products = node.products + below;
    let href = addresses::category(&node.category.handle);
    entries.push(Entry { href, name: node.category.name.clone(), products });
    products
}
