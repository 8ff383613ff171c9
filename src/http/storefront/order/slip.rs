//! What was bought: an order's lines, sums, addresses and money, as each of its pages shows them.

use crate::actors::order::OrderView;
use crate::actors::reads::Catalog;
use crate::domain::order::{Collected, Order, OrderStatus};
use crate::domain::payment::PaymentState;
use crate::http::storefront::bought::{Mini, Row, delivery, tax};
use crate::http::storefront::look::Look;
use crate::http::storefront::words;

pub struct Slip {
    pub number: u64,
    pub minis: Vec<Mini>,
    pub rows: Vec<Row>,
    pub sum: Row,
    /// `None` where nobody is known any more.
    pub to: Option<Vec<String>>,
    pub bill: Option<Vec<String>>,
    pub arrives: Option<String>,
    /// Of an order that is paid by hand and is not.
    pub transfer: Option<Vec<Row>>,
    /// The shop's address.
    pub contact: Option<String>,
    pub paid_with: &'static str,
    /// How the money stands.
    pub money: String,
}

impl Slip {
    pub fn of(view: &OrderView, catalog: &Catalog, look: &Look) -> Slip {
        let (order, placed) = (&view.order, &view.order.placed);
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
        Slip {
            number: placed.number,
            minis: placed.lines.iter().map(|line| Mini::of_order(line, catalog, look)).collect(),
            rows: rows(order, look),
            sum: Row::new(sum_of(order), look.price(placed.total)),
            to: contact.map(|own| words::address(&own.shipping_address)),
            bill: contact.and_then(|own| own.billing_address.as_ref()).map(words::address),
            arrives: arrives.filter(|_| order.status() == OrderStatus::Paid),
            transfer,
            contact: look.shop().contact_email.clone(),
            paid_with: paid_with(&placed.provider),
            money: money(order, look),
        }
    }
}

/// What the total is made of.
fn rows(order: &Order, look: &Look) -> Vec<Row> {
    let placed = &order.placed;
    let mut rows = vec![Row::new("Goods", look.price(placed.subtotal))];
    if !placed.discount.is_zero() {
        rows.push(Row::new("Discount", format!("−{}", look.price(placed.discount))));
    }
    rows.push(delivery(placed.shipping.as_ref(), placed.shipping_price, look));
    rows.extend(tax("", placed.tax, placed.prices, false, look));
    let refunded = order.refunded();
    if !refunded.is_zero() {
        rows.push(Row::new("Given back", look.price(refunded)));
    }
    rows
}

/// What the total is called.
fn sum_of(order: &Order) -> &'static str {
    match order.status() {
        OrderStatus::Paid => "Paid",
        OrderStatus::PendingPayment => "To pay",
        OrderStatus::Cancelled => "Total",
    }
}

fn paid_with(provider: &str) -> &'static str {
    match provider {
        "manual" => "Bank transfer",
        "test" => "Test card",
        _ => "Card",
    }
}

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
