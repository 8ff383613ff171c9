//! Categories and collections: a heading and a list of products.

use super::addresses;
use super::answer::{Source, page, see_other};
use super::goods::{Card, cards};
use super::home::Entry;
use super::lists::{Asked, ORDERS, OWN, Order, Ways, part};
use super::shell::{Crumb, Head, Shell, crumbs, crumbs_data};
use super::visitor::Visitor;
use super::words;
use crate::actors::reads::{Catalog, Listed};
use crate::domain::grouping::Category;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use std::sync::Arc;

/// How deep a path of categories is followed: a planted circle has no end.
const DEEPEST: usize = 16;

/// How many cards of a list are in sight at once.
const IN_SIGHT: usize = 4;

#[derive(Template)]
#[template(path = "storefront/list.html")]
struct List {
    shell: Shell,
    head: Head,
    crumbs: Vec<Crumb>,
    heading: String,
    lede: String,
    narrower: Vec<Entry>,
    ways: Ways,
    cards: Vec<Card>,
}

/// What a list is of.
struct About {
    path: String,
    name: String,
    description: String,
    crumbs: Vec<Crumb>,
    narrower: Vec<Entry>,
}

pub async fn show(
    State(app): State<App>,
    Named(handle): Named<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let catalog = app.shop.reads.catalog.load();
    let category = catalog.category(&handle).ok_or(ApiError::NotFound { what: "category" })?;
    let asked = Asked::of(request.uri().query());
    let (order, number) = (asked.order(&ORDERS), asked.page());
    let below = below(&catalog, category);
    let names = below.iter().map(|own| own.name.as_str());
    let (total, listed) =
        catalog.in_categories(names, order.sort(), part(number), &app.shop.reads.levels);
    let narrower = below.iter().filter(|own| own.parent.as_deref() == Some(&handle));
    let narrower = narrower.map(|own| Entry {
        href: addresses::category(&own.handle),
        name: own.name.clone(),
        products: self::below(&catalog, own)
            .iter()
            .map(|own| catalog.public_in_category(&own.name))
            .sum(),
    });
    let about = About {
        path: addresses::category(&handle),
        name: category.name.clone(),
        description: category.description.clone(),
        crumbs: way_to(&catalog, category),
        narrower: narrower.filter(|entry| entry.products > 0).collect(),
    };
    list(&app, &request, made_at, &catalog, about, (&ORDERS, order, number, total), &listed)
}

pub async fn show_collection(
    State(app): State<App>,
    Named(handle): Named<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let catalog = app.shop.reads.catalog.load();
    let collection =
        catalog.collection(&handle).ok_or(ApiError::NotFound { what: "collection" })?;
    let orders = [&[OWN][..], &ORDERS].concat();
    let asked = Asked::of(request.uri().query());
    let (order, number) = (asked.order(&orders), asked.page());
    let levels = &app.shop.reads.levels;
    let (total, listed) = match order {
        OWN => catalog.members(collection, part(number), levels),
        order => catalog.members_in_order(collection, order.sort(), part(number), levels),
    };
    let about = About {
        path: addresses::collection(&handle),
        name: collection.name.clone(),
        description: collection.description.clone(),
        crumbs: crumbs([(collection.name.clone(), None)]),
        narrower: Vec::new(),
    };
    list(&app, &request, made_at, &catalog, about, (&orders, order, number, total), &listed)
}

fn list(
    app: &App,
    request: &Request,
    made_at: u64,
    catalog: &Catalog,
    about: About,
    (orders, order, number, total): (&[Order], Order, usize, usize),
    listed: &[Arc<Listed>],
) -> Result<Response, ApiError> {
    let visitor = Visitor::of(app, request.headers());
    let cards = cards(listed, &app.shop.reads.levels, &app.look(), IN_SIGHT);
    let picture = cards.iter().find_map(|card| card.picture.as_ref());
    let text = if about.description.is_empty() { &about.name } else { &about.description };
    // Each page of a list is its own; its orders are not.
    let address = match number {
        1 => about.path.clone(),
        _ => super::lists::address(&about.path, [("page", number.to_string())]),
    };
    let head = Head {
        title: about.name.clone(),
        description: words::brief(text),
        canonical: Some(app.public_url.join(&address)),
        kind: "website",
        picture: picture.map(|picture| app.picture_url(&picture.src).into_owned()),
        data: vec![crumbs_data(app, &about.crumbs)],
    };
    let ways = Ways::new(&about.path, &[], orders, order, number, total);
    if let Some(last) = &ways.back {
        return see_other(app, &visitor, last);
    }
    let shell = Shell::new(app, &visitor, catalog).within(&about.path);
    let About { name: heading, description: lede, crumbs, narrower, .. } = about;
    let list = List { shell, head, crumbs, heading, lede, narrower, ways, cards };
    page(app, &visitor, made_at, request, Source::Models, &list)
}

/// A category and all below it.
fn below<'a>(catalog: &'a Catalog, category: &'a Category) -> Vec<&'a Category> {
    let mut found: Vec<&Category> = vec![category];
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|own| own.handle.as_str()) {
        let children = catalog.categories().map(|own| &own.value);
        let children = children.filter(|own| own.parent.as_deref() == Some(parent));
        let new: Vec<&Category> =
            children.filter(|own| !found.iter().any(|known| known.handle == own.handle)).collect();
        found.extend(new);
        next += 1;
    }
    found
}

/// The way from the front page to a category.
fn way_to(catalog: &Catalog, category: &Category) -> Vec<Crumb> {
    let mut steps = vec![(category.name.clone(), None)];
    let mut above = category.parent.as_deref();
    while let Some(parent) = above.and_then(|handle| catalog.category(handle))
        && steps.len() < DEEPEST
    {
        steps.push((parent.name.clone(), Some(addresses::category(&parent.handle))));
        above = parent.parent.as_deref();
    }
    crumbs(steps.into_iter().rev())
}

/// The way to a product in the category of this name, and that category's address.
pub(super) fn way_to_product(
    catalog: &Catalog,
    category: &str,
    product: &str,
) -> (Vec<Crumb>, Option<String>) {
    let Some(category) = catalog.category_named(category) else {
        return (crumbs([(product.to_owned(), None)]), None);
    };
    let path = addresses::category(&category.handle);
    let mut way = way_to(catalog, category);
    if let Some(last) = way.last_mut() {
        last.href = Some(path.clone());
    }
    way.push(Crumb { name: product.to_owned(), href: None });
    (way, Some(path))
}
