//! An order's page: right after it was placed, and from then on whenever its link is followed.
//!
//! The link is in the order's mail and holds a key that nobody can guess (`secrets/order_link.rs`). A
//! wrong key is the same as an order that there never was, and no order is even looked for. The page tells
//! no other site where it is, and no search engine finds it. Of somebody who was forgotten nothing is
//! shown but what was bought.

use super::answer::private;
use super::bought::{Mini, Row, delivery, tax};
use super::lists::Asked;
use super::look::Look;
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use super::{addresses, words};
use crate::actors::order::OrderView;
use crate::domain::OrderId;
use crate::domain::cart::CartStatus;
use crate::domain::order::{
    CancelReason, Collected, Ending, Order, OrderStatus, Refund, RefundState,
};
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

/// What every page of an order shows.
struct Slip {
    number: u64,
    minis: Vec<Mini>,
    /// `None` where nobody is known any more.
    to: Option<Vec<String>>,
    bill: Option<Vec<String>>,
    arrives: Option<String>,
    /// Of an order that is paid by hand and is not.
    transfer: Option<Vec<Row>>,
    contact: Option<String>,
}

#[derive(Template)]
#[template(path = "storefront/placed.html")]
struct PlacedPage {
    shell: Shell,
    head: Head,
    slip: Slip,
    rows: Vec<Row>,
    sum: Row,
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
    slip: Slip,
    rows: Vec<Row>,
    sum: Row,
    tag: Tag,
    placed_on: String,
    steps: Vec<Step>,
    /// Where the payment is confirmed.
    next: Option<String>,
    /// Where another payment is tried.
    again: Option<String>,
    paid_with: &'static str,
    money: String,
}

/// How an order stands, in a word or two.
struct Tag {
    /// `good`, `warn` or `bad`.
    state: &'static str,
    words: &'static str,
}

/// A step on the order's way.
struct Step {
    name: String,
    when: Option<String>,
    text: Option<String>,
    is_done: bool,
    is_current: bool,
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

fn slip(app: &App, view: &OrderView, look: &Look) -> (Slip, Vec<Row>, Row) {
    let (order, placed) = (&view.order, &view.order.placed);
    let catalog = app.shop.reads.catalog.load();
    let mut rows = vec![Row::new("Goods", look.price(placed.subtotal))];
    if !placed.discount.is_zero() {
        rows.push(Row::new("Discount", format!("−{}", look.price(placed.discount))));
    }
    rows.push(delivery(placed.shipping.as_ref(), placed.shipping_price, look));
    rows.extend(tax("", placed.tax, placed.prices, false, look));
    let refunded = order.refunded();
    let total_of = match order.status() {
        OrderStatus::Paid => "Paid",
        OrderStatus::PendingPayment => "To pay",
        OrderStatus::Cancelled => "Total",
    };
    if !refunded.is_zero() {
        rows.push(Row::new("Given back", look.price(refunded)));
    }
    let is_open = order.status() == OrderStatus::PendingPayment;
    let transfer = (is_open && placed.collected == Collected::ByHand).then(|| {
        vec![
            Row::new("To", look.shop().name.clone()),
            Row::new("Reference", placed.number.to_string()),
            Row::new("Amount", look.price(placed.total)),
        ]
    });
    let contact = view.contact.as_ref();
    let arrives = placed.shipping.as_ref().map(|own| {
        let from = order.paid_at.unwrap_or(placed.placed_at);
        words::arrives(from, own.min_days, own.max_days)
    });
    let slip = Slip {
        number: placed.number,
        minis: placed.lines.iter().map(|line| Mini::of_order(line, &catalog, look)).collect(),
        to: contact.map(|own| words::address(&own.shipping_address)),
        bill: contact.and_then(|own| own.billing_address.as_ref()).map(words::address),
        arrives: arrives.filter(|_| order.status() == OrderStatus::Paid),
        transfer,
        contact: look.shop().contact_email.clone(),
    };
    (slip, rows, Row::new(total_of, look.price(placed.total)))
}

fn placed_page(app: &App, visitor: &Visitor, view: &OrderView, is_nobody: bool) -> PlacedPage {
    let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
    let (slip, rows, sum) = slip(app, view, &look);
    let contact = view.contact.as_ref();
    let name = contact.and_then(|own| own.shipping_address.name.split_whitespace().next());
    PlacedPage {
        shell: Shell::new(app, visitor, &catalog),
        head: Head::unlisted("Thank you"),
        first_name: name.map(str::to_owned),
        email: contact.map(|own| own.email.clone()),
        until: words::day(view.order.placed.expires_at),
        status: addresses::order(view.id, &app.shop.vault.order_key(view.id)),
        offers_account: is_nobody && contact.is_some(),
        slip,
        rows,
        sum,
    }
}

fn order_page(app: &App, visitor: &Visitor, view: &OrderView) -> Result<OrderPage, ApiError> {
    let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
    let (slip, rows, sum) = slip(app, view, &look);
    let order = &view.order;
    let next = match &order.payment.state {
        PaymentState::ActionNeeded { url, .. } if order.ending == Ending::Live => {
            Some(at_home(app, url))
        }
        _ => None,
    };
    Ok(OrderPage {
        shell: Shell::new(app, visitor, &catalog),
        head: Head::unlisted(format!("Order {}", order.placed.number)),
        tag: tag(order, next.is_some()),
        placed_on: words::day_of_year(order.placed.placed_at),
        steps: steps(order, slip.arrives.as_deref(), &look),
        again: again(app, visitor, view)?,
        paid_with: paid_with(&order.placed.provider),
        money: money(order, &look),
        next,
        slip,
        rows,
        sum,
    })
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

fn tag(order: &Order, asks: bool) -> Tag {
    let (state, words) = match (&order.ending, order.status(), order.placed.collected) {
        (Ending::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. }, ..) => {
            ("bad", "Not paid")
        }
        (Ending::Cancelled { .. }, ..) => ("bad", "Cancelled"),
        (Ending::Closing(_), ..) => ("warn", "Being cancelled"),
        (_, OrderStatus::Paid, _) => ("good", "Being packed"),
        (_, _, Collected::ByHand) => ("warn", "Waiting for your payment"),
        (..) if asks => ("warn", "Waiting for you"),
        (..) => ("warn", "Your payment is under way"),
    };
    Tag { state, words }
}

/// What happened when, and what is still to come.
fn steps(order: &Order, arrives: Option<&str>, look: &Look) -> Vec<Step> {
    let placed = &order.placed;
    let done = |name: &str, at| Step {
        name: name.to_owned(),
        when: Some(words::moment(at)),
        text: None,
        is_done: true,
        is_current: false,
    };
    let to_come = |name: &str, text: Option<String>| Step {
        name: name.to_owned(),
        when: None,
        text,
        is_done: false,
        is_current: false,
    };
    let mut steps = vec![done("Placed", placed.placed_at)];
    steps.extend(order.paid_at.map(|at| done("Paid", at)));
    if let Ending::Cancelled { reason, at } = &order.ending {
        let text = Some(why(reason).to_owned());
        steps.push(Step { text, ..done("Cancelled", *at) });
    }
    steps.extend(order.refunds.iter().map(|refund| given_back(refund, look)));
    if order.paid_at.is_none() && order.ending == Ending::Live {
        let until = words::day(placed.expires_at);
        let text = match placed.collected {
            Collected::ByHand => format!("Waiting for your transfer until {until}."),
            Collected::Online => "Waiting for the bank.".to_owned(),
        };
        steps.push(Step { is_current: true, ..to_come("Paid", Some(text)) });
    } else if let Some(last) = steps.last_mut() {
        last.is_current = true;
    }
    if !matches!(order.ending, Ending::Cancelled { .. }) {
        steps.push(to_come("On its way", None));
        let text = arrives.map(|days| format!("Expected {days}."));
        steps.push(to_come("Delivered", text));
    }
    steps
}

fn given_back(refund: &Refund, look: &Look) -> Step {
    let amount = look.price(refund.amount);
    let text = match &refund.state {
        RefundState::Settled => format!("{amount} were given back."),
        RefundState::Started => format!("{amount} are on their way back to you."),
        RefundState::Failed { .. } => format!("{amount} could not be given back yet: write to us."),
    };
    Step {
        name: "Money given back".into(),
        when: Some(words::moment(refund.created_at)),
        text: Some(text),
        is_done: refund.state == RefundState::Settled,
        is_current: false,
    }
}

fn why(reason: &CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested(_) => "As was asked for.",
        CancelReason::PaymentFailed { .. } => "The payment came to nothing, and nothing was taken.",
        CancelReason::Expired => "It was not paid in time, so its things are for others again.",
    }
}

fn paid_with(provider: &str) -> &'static str {
    match provider {
        "manual" => "Bank transfer",
        "test" => "Test card",
        _ => "Card",
    }
}

/// How the money stands.
fn money(order: &Order, look: &Look) -> String {
    let amount = look.price(order.placed.total);
    match &order.payment.state {
        PaymentState::Captured { .. } if !order.refunded().is_zero() => {
            format!("{amount}, of which {} were given back", look.price(order.refunded()))
        }
        PaymentState::Captured { .. } => format!("{amount}, taken in full"),
        PaymentState::Authorized { .. } => format!("{amount}, set aside and taken when we send it"),
        PaymentState::Pending | PaymentState::ActionNeeded { .. } => {
            format!("{amount}, not yet here")
        }
        PaymentState::Declined { .. } | PaymentState::Voided => {
            format!("Nothing of the {amount} was taken")
        }
    }
}
