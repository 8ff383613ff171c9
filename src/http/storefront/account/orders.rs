//! What a customer bought: all of it, and one order. Somebody else's is not there.

use super::{Frame, HOME, OwnCustomer, Tab};
use crate::actors::reads::{Catalog, OrderFilter, Page};
use crate::domain::OrderId;
use crate::domain::order::{Order, OrderLine};
use crate::http::access::Caller;
use crate::http::api::auth::problem;
use crate::http::api::orders;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::goods::Picture;
use crate::http::storefront::lists::{Asked, Ways};
use crate::http::storefront::look::Look;
use crate::http::storefront::order::{Tag, Whole, tag};
use crate::http::storefront::shell::{Crumb, Head, Shell};
use crate::http::storefront::words;
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

/// Orders on a page.
const PER_PAGE: usize = 12;

/// Pictures beside an order in the list.
const MOST_PICTURES: usize = 4;

#[derive(Template)]
#[template(path = "storefront/account/orders.html")]
struct OrdersPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    is_verified: bool,
    orders: Vec<Entry>,
    ways: Ways,
}

/// An order in the list.
struct Entry {
    href: String,
    number: u64,
    total: String,
    when: String,
    things: String,
    tag: Tag,
    pictures: Vec<Picture>,
}

#[derive(Template)]
#[template(path = "storefront/account/order.html")]
struct OrderPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    crumbs: Vec<Crumb>,
    order: Whole,
}

pub async fn list(
    State(app): State<App>,
    own: OwnCustomer,
    uri: Uri,
) -> Result<Response, ApiError> {
    let OwnCustomer { visitor, customer, .. } = own;
    let number = Asked::of(uri.query()).page();
    let filter = OrderFilter { people: Some(customer.people.clone()), ..OrderFilter::default() };
    let part = Page { offset: (number - 1) * PER_PAGE, limit: PER_PAGE };
    let (total, summaries) = app.shop.reads.orders.list(&filter, part);
    let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
    let mut entries = Vec::with_capacity(summaries.len());
    for summary in summaries {
        if let Some((_, order)) = orders::find(&app, summary.id)? {
            entries.push(entry(&look, &catalog, summary.id, &order));
        }
    }
    let Frame { shell, head, tabs } = Frame::new(&app, &visitor, HOME, true, "Your orders".into());
    let ways = Ways::plain(HOME, number, total, PER_PAGE);
    if let Some(last) = &ways.back {
        return see_other(&app, &visitor, last);
    }
    let is_verified = customer.is_verified;
    let page = OrdersPage { shell, head, tabs, is_verified, orders: entries, ways };
    secret(&app, &visitor, StatusCode::OK, &page)
}

fn entry(look: &Look, catalog: &Catalog, id: OrderId, order: &Order) -> Entry {
    let placed = &order.placed;
    let things = placed.lines.iter().map(|line| u64::from(line.quantity)).sum();
    let pictures = placed.lines.iter().filter_map(|line| picture(catalog, line));
    Entry {
        href: format!("{HOME}/{id}"),
        number: placed.number,
        total: look.price(placed.total),
        when: look.date(placed.placed_at),
        things: words::count(things, "thing"),
        tag: tag(order),
        pictures: pictures.take(MOST_PICTURES).collect(),
    }
}

/// What the thing looks like now, if it is still shown.
fn picture(catalog: &Catalog, line: &OrderLine) -> Option<Picture> {
    let (listed, _) = catalog.variant(&line.sku)?;
    Picture::first_of(&listed.product())
}

pub async fn show(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<OrderId>,
) -> Result<Response, ApiError> {
    let OwnCustomer { visitor, customer, .. } = own;
    let (version, order) = orders::readable(&app, &Caller::Customer(customer), id)?;
    let view = orders::view(&app, id, version, order);
    let title = format!("Order {}", view.order.placed.number);
    let Frame { shell, head, tabs } = Frame::new(&app, &visitor, HOME, true, title.clone());
    let crumbs = vec![
        Crumb { name: "Your orders".into(), href: Some(HOME.into()) },
        Crumb { name: title, href: None },
    ];
    let order = Whole::of(&app, &visitor, &app.shop.reads.catalog.load(), &view)?;
    let page = OrderPage { shell, head, tabs, crumbs, order };
    secret(&app, &visitor, StatusCode::OK, &page)
}

/// Has the letter that proves the address sent again.
pub async fn verify_again(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), own.customer.customer);
    let asked = detached(async move { accounts.verify_again(id).await }).await;
    asked.map_err(problem)?;
    see_other(&app, &own.visitor, "/account/sent?of=address")
}
