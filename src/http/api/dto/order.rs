//! Orders.

use super::address::AddressJson;
use super::cart::ShippingOptionJson;
use crate::actors::order::OrderView;
use crate::domain::order::{CancelReason, Ending, OrderLine, OrderStatus, Refund, RefundState};
use crate::domain::payment::{Payment, PaymentState};
use crate::domain::tax::Prices;
use crate::http::body::Input;
use crate::http::json::{MoneyJson, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderJson {
    pub order_id: String,
    /// The number that people use.
    #[schema(example = 1001)]
    pub number: u64,
    #[schema(example = "paid")]
    pub status: &'static str,
    #[schema(example = "captured")]
    pub payment_status: &'static str,
    #[schema(example = "unfulfilled")]
    pub fulfillment_status: &'static str,
    /// `null`, as are addresses and note, where the person was forgotten.
    pub email: Option<String>,
    pub currency: &'static str,
    pub items: Vec<OrderItemJson>,
    pub subtotal: MoneyJson,
    pub discount_total: MoneyJson,
    pub shipping_total: MoneyJson,
    pub tax_total: MoneyJson,
    pub total: MoneyJson,
    /// Whether prices contain the tax, so that it is shown and not added.
    pub prices_include_tax: bool,
    pub refunded_total: MoneyJson,
    pub shipping_address: Option<AddressJson>,
    pub billing_address: Option<AddressJson>,
    pub shipping_option: Option<ShippingOptionJson>,
    pub note: Option<String>,
    /// The payment that counts now.
    pub payment: PaymentJson,
    pub payments: Vec<PaymentJson>,
    pub fulfillments: Vec<FulfillmentJson>,
    pub refunds: Vec<RefundJson>,
    /// `requested`, `payment_failed` or `expired`.
    pub cancel_reason: Option<&'static str>,
    /// Until when it may stay unpaid.
    pub expires_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A line of an order, as it was agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderItem)]
pub struct OrderItemJson {
    pub sku: String,
    pub product_id: String,
    pub name: String,
    pub title: String,
    pub quantity: u32,
    pub unit_price: MoneyJson,
    pub subtotal: MoneyJson,
    pub discount: MoneyJson,
    pub tax: MoneyJson,
    pub total: MoneyJson,
}

/// One payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentJson {
    pub payment_id: String,
    #[schema(example = "test")]
    pub provider: String,
    /// `pending`, `authorized`, `captured`, `failed` or `voided`.
    #[schema(example = "captured")]
    pub status: &'static str,
    pub amount: MoneyJson,
    pub currency: &'static str,
    /// What the shopper must do before the payment can go on.
    pub next_action: Option<NextAction>,
    /// Why it was declined.
    pub failure_reason: Option<String>,
}

/// Send the shopper to `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextAction {
    #[schema(example = "redirect")]
    pub r#type: &'static str,
    pub url: String,
}

/// A parcel of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Fulfillment)]
pub struct FulfillmentJson {
    pub fulfillment_id: String,
}

/// Money given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refund)]
pub struct RefundJson {
    pub refund_id: String,
    pub amount: MoneyJson,
    pub reason: String,
    /// `pending`, `settled` or `failed`.
    #[schema(example = "settled")]
    pub status: &'static str,
    pub created_at: Time,
}

impl OrderJson {
    pub fn new(view: &OrderView) -> OrderJson {
        let OrderView { id, order, contact, .. } = view;
        let (placed, contact) = (&order.placed, contact.as_ref());
        let payment = PaymentJson::from(&order.payment);
        let shipping_address = contact.map(|contact| AddressJson::from(&contact.shipping_address));
        let billing = contact.and_then(|contact| contact.billing_address.as_ref());
        let billing = billing.map(AddressJson::from);
        OrderJson {
            order_id: id.to_string(),
            number: placed.number,
            status: order.status().name(),
            payment_status: order.payment_status(),
            fulfillment_status: "unfulfilled",
            email: contact.map(|contact| contact.email.clone()),
            currency: placed.currency.code(),
            items: placed.lines.iter().map(OrderItemJson::from).collect(),
            subtotal: placed.subtotal.into(),
            discount_total: placed.discount.into(),
            shipping_total: placed.shipping_price.into(),
            tax_total: placed.tax.into(),
            total: placed.total.into(),
            prices_include_tax: placed.prices == Prices::IncludeTax,
            refunded_total: order.refunded().into(),
            billing_address: billing.or_else(|| shipping_address.clone()),
            shipping_address,
            shipping_option: placed.shipping.as_ref().map(ShippingOptionJson::from),
            note: contact.and_then(|contact| contact.note.clone()),
            payments: vec![payment.clone()],
            payment,
            fulfillments: Vec::new(),
            refunds: order.refunds.iter().map(RefundJson::from).collect(),
            cancel_reason: match &order.ending {
                Ending::Live => None,
                Ending::Closing(reason) | Ending::Cancelled { reason, .. } => Some(reason.name()),
            },
            expires_at: order
                .deadline()
                .filter(|_| order.status() == OrderStatus::PendingPayment)
                .map(Time),
            created_at: placed.placed_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl From<&OrderLine> for OrderItemJson {
    fn from(line: &OrderLine) -> OrderItemJson {
        OrderItemJson {
            sku: line.sku.to_string(),
            product_id: line.product_id.to_string(),
            name: line.name.clone(),
            title: line.title.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            subtotal: line.totals.subtotal.into(),
            discount: line.totals.discount.into(),
            tax: line.totals.tax.into(),
            total: line.totals.total.into(),
        }
    }
}

impl From<&Payment> for PaymentJson {
    fn from(payment: &Payment) -> PaymentJson {
        let (next_action, failure_reason) = match &payment.state {
            PaymentState::ActionNeeded { url, .. } => {
                (Some(NextAction { r#type: "redirect", url: url.clone() }), None)
            }
            PaymentState::Declined { reason } => (None, Some(reason.clone())),
            PaymentState::Pending
            | PaymentState::Authorized { .. }
            | PaymentState::Captured { .. }
            | PaymentState::Voided => (None, None),
        };
        PaymentJson {
            payment_id: payment.id.to_string(),
            provider: payment.provider.clone(),
            status: payment.state.name(),
            amount: payment.amount.into(),
            currency: payment.amount.currency().code(),
            next_action,
            failure_reason,
        }
    }
}

impl From<&Refund> for RefundJson {
    fn from(refund: &Refund) -> RefundJson {
        RefundJson {
            refund_id: refund.id.to_string(),
            amount: refund.amount.into(),
            reason: refund.reason.clone(),
            status: match refund.state {
                RefundState::Started => "pending",
                RefundState::Settled => "settled",
                RefundState::Failed { .. } => "failed",
            },
            created_at: refund.created_at.into(),
        }
    }
}

/// The reason that people gave, if any.
pub fn requested_reason(reason: &CancelReason) -> Option<&str> {
    match reason {
        CancelReason::Requested(reason) => reason.as_deref(),
        CancelReason::PaymentFailed { reason } => Some(reason),
        CancelReason::Expired => None,
    }
}

/// Why an order is called off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cancel {
    #[schema(min_length = 1, max_length = 500, example = "ordered twice")]
    pub reason: Option<String>,
}

impl Input for Cancel {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RefundId;
    use crate::domain::order::tests::{NOON, id, placed};
    use crate::domain::order::{Collected, Order, OrderCommand};
    use crate::domain::payment::PaymentAnswer;
    use crate::domain::recipient::tests::contact;
    use crate::http::parse::parse;
    use serde_json::{Value, json};

    fn order_after(commands: impl IntoIterator<Item = OrderCommand>) -> Order {
        let place = OrderCommand::Place(placed(Collected::Online, 2));
        let mut order = None;
        for command in std::iter::once(place).chain(commands) {
            let events = Order::decide(order.as_ref(), command, NOON).unwrap();
            order = events.iter().fold(order, Order::apply);
        }
        order.unwrap()
    }

    fn paid_with(answer: PaymentAnswer) -> OrderCommand {
        OrderCommand::TakePayment { answer, refund: RefundId::from_bytes([9; 16]) }
    }

    fn shown(order: &Order) -> Value {
        let (order, contact) = (order.clone(), Some(contact()));
        let view = OrderView { id: id(), version: 1, order, contact };
        parse(&serde_json::to_vec(&OrderJson::new(&view)).unwrap()).unwrap()
    }

    #[test]
    fn a_paid_order_looks_as_the_contract_shows() {
        let captured = PaymentAnswer::Captured { reference: "secret".into() };
        let order = shown(&order_after([paid_with(captured)]));
        let words =
            ["status", "paymentStatus", "fulfillmentStatus"].map(|name| order[name].clone());
        assert_eq!(words, ["paid", "captured", "unfulfilled"]);
        assert_eq!(
            (order["number"].to_string(), order["total"].to_string()),
            ("1001".into(), "21.58".into())
        );
        assert_eq!(order["items"][0]["unitPrice"].to_string(), "9.99");
        assert_eq!(order["billingAddress"], order["shippingAddress"]);
        assert_eq!(order["payments"][0], order["payment"]);
        assert_eq!(order["expiresAt"], Value::Null);
        assert_eq!((&order["fulfillments"], &order["refunds"]), (&json!([]), &json!([])));
        assert!(!order.to_string().contains("secret") && order.get("cartId").is_none());
    }

    #[test]
    fn an_order_of_somebody_forgotten_shows_all_but_them() {
        let known = shown(&order_after([]));
        let view = OrderView { id: id(), version: 1, order: order_after([]), contact: None };
        let shown = parse(&serde_json::to_vec(&OrderJson::new(&view)).unwrap()).unwrap();
        for name in ["email", "shippingAddress", "billingAddress", "note"] {
            assert_eq!(shown[name], Value::Null, "{name}");
        }
        assert_eq!(
            (&known["email"], &known["shippingAddress"]["city"]),
            (&json!("ada@example.com"), &json!("Salem"))
        );
        assert_eq!(shown["total"], known["total"]);
        assert_eq!(shown["items"], known["items"]);
    }

    #[test]
    fn what_the_shopper_must_do_is_said() {
        let action = PaymentAnswer::ActionNeeded { reference: "r".into(), url: "https://x".into() };
        let order = shown(&order_after([paid_with(action)]));
        assert_eq!(order["status"], "pending_payment");
        assert_eq!(
            order["payment"]["nextAction"],
            json!({ "type": "redirect", "url": "https://x" })
        );
        assert_eq!(order["expiresAt"], "2023-11-14T22:43:20Z");
    }

    #[test]
    fn a_cancelled_order_shows_its_refund_and_why() {
        let captured = PaymentAnswer::Captured { reference: "r".into() };
        let refund = RefundId::from_bytes([3; 16]);
        let cancel = OrderCommand::Cancel { reason: Some("twice".into()), refund };
        let order = shown(&order_after([paid_with(captured), cancel]));
        assert_eq!(order["cancelReason"], "requested");
        assert_eq!(order["refunds"][0]["status"], "pending");
        assert_eq!(order["refunds"][0]["amount"].to_string(), "21.58");
        let declined = PaymentAnswer::Declined { reason: "no funds".into() };
        let order = shown(&order_after([paid_with(declined)]));
        assert_eq!(
            (&order["status"], &order["paymentStatus"]),
            (&json!("cancelled"), &json!("failed"))
        );
        assert_eq!(order["payment"]["failureReason"], "no funds");
    }
}
