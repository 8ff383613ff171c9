//! What a customer bought: all of it, and one order. Somebody else's is not there.

use super::super::answer::{secret, see_other};
use super::super::goods::Picture;
use super::super::lists::{Asked, Ways};
use super::super::look::Look;
use super::super::shell::{Crumb, Head, Shell};
use super::super::words;
use super::{Frame, HOME, OwnCustomer, Tab};
use crate::actors::order::OrderView;
use crate::actors::reads::{Catalog, OrderFilter, Page};
use crate::domain::OrderId;
use crate::domain::order::{Ending, Order, OrderLine, OrderStatus};
use crate::domain::tax::Prices;
use crate::http::access::Caller;
use crate::http::api::auth::problem;
use crate::http::api::orders;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
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
    state: Standing,
    pictures: Vec<Picture>,
}

/// How an order stands, in words and in a colour.
struct Standing {
    kind: &'static str,
    words: &'static str,
}

#[derive(Template)]
#[template(path = "storefront/account/order.html")]
struct OrderPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    crumbs: Vec<Crumb>,
    number: u64,
    state: Standing,
    when: String,
    lines: Vec<Line>,
    sums: Vec<(String, String)>,
    total_of: &'static str,
    total: String,
    steps: Vec<Step>,
    to: Vec<String>,
    bill: Vec<String>,
}

struct Line {
    name: String,
    href: Option<String>,
    details: String,
    total: String,
    picture: Option<Picture>,
}

/// A step of an order's way.
struct Step {
    text: &'static str,
    when: Option<String>,
    is_last: bool,
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
        state: state(order),
        pictures: pictures.take(MOST_PICTURES).collect(),
    }
}

/// What the thing looks like now, if it is still shown.
fn picture(catalog: &Catalog, line: &OrderLine) -> Option<Picture> {
    let (listed, _) = catalog.variant(&line.sku)?;
    Picture::first_of(&listed.product())
}

fn state(order: &Order) -> Standing {
    let (kind, words) = match order.status() {
        OrderStatus::PendingPayment => ("warn", "Waiting for your payment"),
        OrderStatus::Paid => ("good", "Paid"),
        OrderStatus::Cancelled if order.refunded().is_zero() => ("bad", "Cancelled"),
        OrderStatus::Cancelled => ("bad", "Cancelled, money returned"),
    };
    Standing { kind, words }
}

pub async fn show(
    State(app): State<App>,
    own: OwnCustomer,
    Named(id): Named<OrderId>,
) -> Result<Response, ApiError> {
    let OwnCustomer { visitor, customer, .. } = own;
    let (version, order) = orders::readable(&app, &Caller::Customer(customer), id)?;
    let view = orders::view(&app, id, version, order);
    let number = view.order.placed.number;
    let frame = Frame::new(&app, &visitor, HOME, true, format!("Order {number}"));
    let page = order_page(&app.look(), &app.shop.reads.catalog.load(), frame, &view);
    secret(&app, &visitor, StatusCode::OK, &page)
}

fn order_page(look: &Look, catalog: &Catalog, frame: Frame, view: &OrderView) -> OrderPage {
    let Frame { shell, head, tabs } = frame;
    let (order, placed) = (&view.order, &view.order.placed);
    let number = placed.number;
    let contact = view.contact.as_ref();
    let to = contact.map(|contact| words::address(&contact.shipping_address));
    let bill = contact.and_then(|contact| contact.billing_address.as_ref()).map(words::address);
    OrderPage {
        shell,
        head,
        tabs,
        crumbs: vec![
            Crumb { name: "Your orders".into(), href: Some(HOME.into()) },
            Crumb { name: format!("Order {number}"), href: None },
        ],
        number,
        state: state(order),
        when: look.date(placed.placed_at),
        lines: placed.lines.iter().map(|line| shown_line(look, catalog, line)).collect(),
        sums: sums(look, order),
        total_of: if order.paid_at.is_some() { "Paid" } else { "Total" },
        total: look.price(placed.total),
        steps: steps(look, order),
        to: to.unwrap_or_default(),
        bill: bill.unwrap_or_default(),
    }
}

fn shown_line(look: &Look, catalog: &Catalog, line: &OrderLine) -> Line {
    let listed = catalog.variant(&line.sku).map(|(listed, _)| listed);
    let href = listed.filter(|listed| listed.is_public()).map(|listed| {
        super::super::addresses::variant(&listed.product().content.handle, &line.sku)
    });
    let several = listed.is_none_or(|listed| listed.variants.len() > 1);
    let title = Some(line.title.clone()).filter(|title| several && !title.is_empty());
    let pieces = words::count(line.quantity.into(), "piece");
    Line {
        name: line.name.clone(),
        href,
        details: title.into_iter().chain([pieces]).collect::<Vec<_>>().join(" · "),
        total: look.price(line.totals.subtotal),
        picture: picture(catalog, line),
    }
}

/// What the total is made of.
fn sums(look: &Look, order: &Order) -> Vec<(String, String)> {
    let placed = &order.placed;
    let mut sums = vec![("Goods".to_owned(), look.price(placed.subtotal))];
    if !placed.discount.is_zero() {
        sums.push(("Discount".to_owned(), format!("−{}", look.price(placed.discount))));
    }
    if let Some(shipping) = &placed.shipping {
        let price = if placed.shipping_price.is_zero() {
            "Free".to_owned()
        } else {
            look.price(placed.shipping_price)
        };
        sums.push((format!("Delivery, {}", shipping.name), price));
    }
    if !placed.tax.is_zero() {
        let tax = match placed.prices {
            Prices::IncludeTax => "Tax, included",
            Prices::ExcludeTax => "Tax",
        };
        sums.push((tax.to_owned(), look.price(placed.tax)));
    }
    if !order.refunded().is_zero() {
        sums.push(("Returned to you".to_owned(), look.price(order.refunded())));
    }
    sums
}

fn steps(look: &Look, order: &Order) -> Vec<Step> {
    let step = |text, at| Step { text, when: Some(look.date(at)), is_last: false };
    let mut steps = vec![step("Placed", order.placed.placed_at)];
    steps.extend(order.paid_at.map(|at| step("Paid", at)));
    if let Ending::Cancelled { at, .. } = order.ending {
        steps.push(step("Cancelled", at));
    }
    if let Some(last) = steps.last_mut() {
        last.is_last = true;
    }
    steps
}

/// Has the letter that proves the address sent again.
pub async fn verify_again(State(app): State<App>, own: OwnCustomer) -> Result<Response, ApiError> {
    let (accounts, id) = (app.shop.accounts.clone(), own.customer.customer);
    let asked = detached(async move { accounts.verify_again(id).await }).await;
    asked.map_err(problem)?;
    see_other(&app, &own.visitor, "/account/sent?of=address")
}
