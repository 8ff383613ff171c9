//! An order's page: right after it was placed, and from then on whenever its link is followed.
//!
//! The link is in the order's mail and holds a key that nobody can guess (`secrets/order_link.rs`). A
//! wrong key is the same as an order that there never was, and no order is even looked for. The page tells
//! no other site where it is, and no search engine finds it. Of somebody who was forgotten nothing is
//! shown but what was bought.

mod slip;
mod way;

pub use self::way::{Tag, tag};

use self::slip::Slip;
use self::way::{Step, steps};
use super::answer::private;
use super::lists::Asked;
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use super::{addresses, words};
use crate::actors::order::OrderView;
use crate::actors::reads::Catalog;
use crate::domain::OrderId;
use crate::domain::cart::CartStatus;
use crate::domain::order::{CancelReason, Collected, Ending, Order, OrderStatus};
use crate::domain::payment::PaymentState;
use crate::http::access::Caller;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::REFERRER_POLICY;
use axum::response::Response;

const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

#[derive(Template)]
#[template(path = "storefront/placed.html")]
struct PlacedPage {
    shell: Shell,
    head: Head,
    slip: Slip,
    first_name: Option<String>,
    email: Option<String>,
    until: String,
    status: String,
    offers_account: bool,
}

#[derive(Template)]
#[template(path = "storefront/order.html")]
struct OrderPage {
    shell: Shell,
    head: Head,
    order: Whole,
}

/// All that is said of an order, to whoever follows its link and to the customer that it is of.
pub struct Whole {
    pub slip: Slip,
    pub tag: Tag,
    pub placed_on: String,
    pub steps: Vec<Step>,
    /// Where the payment is confirmed.
    pub next: Option<String>,
    /// Where another payment is tried.
    pub again: Option<String>,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<OrderId>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(request.uri().query());
    let found = find(&app, id, asked.get("key").unwrap_or_default())?;
    let view = found.ok_or(ApiError::NotFound { what: "order" })?;
    let visitor = Visitor::of(&app, request.headers());
    let is_fresh = asked.get("placed").is_some() && is_settled(&view.order);
    let mut response = if is_fresh {
        let is_nobody = matches!(caller, Caller::Nobody);
        private(&app, &visitor, request.headers(), &placed_page(&app, &visitor, &view, is_nobody))
    } else {
        private(&app, &visitor, request.headers(), &order_page(&app, &visitor, &view)?)
    }?;
    response.headers_mut().insert(REFERRER_POLICY, NO_REFERRER);
    Ok(response)
}

/// The order, for whoever shows its key.
pub(super) fn find(app: &App, id: OrderId, key: &str) -> Result<Option<OrderView>, ApiError> {
    let vault = &app.shop.vault;
    if !vault.opens_order(id, key) {
        return Ok(None);
    }
    let found = app.shop.reads.order(id).map_err(|error| ApiError::fault(&error))?;
    Ok(found.map(|(version, order)| OrderView::new(id, version, order, vault)))
}

/// An address of ours without the host, for a browser may know that by another name.
pub(super) fn at_home(app: &App, url: &str) -> String {
    let path = url.strip_prefix(app.public_url.as_str()).filter(|path| path.starts_with('/'));
    path.unwrap_or(url).to_owned()
}

/// Whether the shopper has done their part, or knows what is left to do.
fn is_settled(order: &Order) -> bool {
    match order.status() {
        OrderStatus::Paid => true,
        OrderStatus::PendingPayment => order.placed.collected == Collected::ByHand,
        OrderStatus::Cancelled => false,
    }
}

fn placed_page(app: &App, visitor: &Visitor, view: &OrderView, is_nobody: bool) -> PlacedPage {
    let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
    let contact = view.contact.as_ref();
    let name = contact.and_then(|own| own.shipping_address.name.split_whitespace().next());
    PlacedPage {
        shell: Shell::new(app, visitor, &catalog),
        head: Head::unlisted("Thank you"),
        slip: Slip::of(view, &catalog, &look),
        first_name: name.map(str::to_owned),
        email: contact.map(|own| own.email.clone()),
        until: words::day(view.order.placed.expires_at),
        status: addresses::order(view.id, &app.shop.vault.order_key(view.id)),
        offers_account: is_nobody && contact.is_some(),
    }
}

fn order_page(app: &App, visitor: &Visitor, view: &OrderView) -> Result<OrderPage, ApiError> {
    let catalog = app.shop.reads.catalog.load();
    Ok(OrderPage {
        shell: Shell::new(app, visitor, &catalog),
        head: Head::unlisted(format!("Order {}", view.order.placed.number)),
        order: Whole::of(app, visitor, &catalog, view)?,
    })
}

impl Whole {
    pub fn of(
        app: &App,
        visitor: &Visitor,
        catalog: &Catalog,
        view: &OrderView,
    ) -> Result<Whole, ApiError> {
        let (look, order) = (app.look(), &view.order);
        let next = match &order.payment.state {
            PaymentState::ActionNeeded { url, .. } if order.ending == Ending::Live => {
                Some(at_home(app, url))
            }
            _ => None,
        };
        let slip = Slip::of(view, catalog, &look);
        Ok(Whole {
            tag: tag(order),
            placed_on: words::day_of_year(order.placed.placed_at),
            steps: steps(order, slip.arrives.as_deref(), &look),
            again: again(app, visitor, view)?,
            next,
            slip,
        })
    }
}

/// Where another payment is tried, after one that came to nothing gave the cart back.
fn again(app: &App, visitor: &Visitor, view: &OrderView) -> Result<Option<String>, ApiError> {
    let Ending::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. } = view.order.ending
    else {
        return Ok(None);
    };
    let Some(cart) = visitor.cart.filter(|cart| *cart == view.order.placed.cart) else {
        return Ok(None);
    };
    let found = app.shop.reads.cart(cart).map_err(|error| ApiError::fault(&error))?;
    let is_open = found.is_some_and(|(_, cart)| cart.status == CartStatus::Open);
    let key = app.shop.vault.order_key(view.id);
    Ok(is_open.then(|| format!("/checkout?order={}&key={key}", view.id)))
}
