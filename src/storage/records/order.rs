//! Stored forms of orders and of what happens to them.

use super::payment::{PaymentEventV1, PaymentV1};
use super::recipient::RecipientV1;
use super::value::{CurrencyV1, LineTotalsV1, MoneyV1, TimeV1, each};
use crate::domain::order::{
    Attempt, CancelReason, Collected, Ending, Order, OrderEvent, OrderLine, Placed, Refund,
    RefundState, Units,
};
use crate::domain::shipping::ShippingOption;
use crate::domain::tax::Prices;
use crate::domain::{CartId, PaymentId, RefundId};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

impl Stored for Order {
    const NAME: &'static str = "order";
    const VERSION: u8 = 1;
    type Latest<'a> = OrderV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OrderV1<'a> {
    #[serde(borrow)]
    placed: PlacedV1<'a>,
    #[serde(borrow)]
    payment: PaymentV1<'a>,
    units: UnitsV1,
    #[serde(borrow)]
    ending: EndingV1<'a>,
    capture_wanted: bool,
    paid_at: Option<TimeV1>,
    #[serde(borrow)]
    refunds: Vec<RefundV1<'a>>,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PlacedV1<'a> {
    number: u64,
    cart: [u8; 22],
    #[serde(borrow)]
    recipient: RecipientV1<'a>,
    currency: CurrencyV1,
    #[serde(borrow)]
    lines: Vec<OrderLineV1<'a>>,
    subtotal: MoneyV1,
    discount: MoneyV1,
    shipping_price: MoneyV1,
    tax: MoneyV1,
    total: MoneyV1,
    prices: PricesV1,
    #[serde(borrow)]
    shipping: Option<ShippingOptionV1<'a>>,
    payment: [u8; 16],
    provider: &'a str,
    collected: CollectedV1,
    expires_at: TimeV1,
    placed_at: TimeV1,
    attempt: Option<AttemptV1>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AttemptV1 {
    key: [u8; 16],
    fingerprint: [u8; 16],
}

#[derive(Debug, Serialize, Deserialize)]
struct OrderLineV1<'a> {
    sku: &'a str,
    product_id: &'a str,
    name: &'a str,
    title: &'a str,
    quantity: u32,
    unit_price: MoneyV1,
    totals: LineTotalsV1,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShippingOptionV1<'a> {
    id: &'a str,
    name: &'a str,
    price: MoneyV1,
    min_days: u32,
    max_days: u32,
}

#[derive(Debug, Serialize, Deserialize)]
enum PricesV1 {
    ExcludeTax,
    IncludeTax,
}

#[derive(Debug, Serialize, Deserialize)]
enum CollectedV1 {
    Online,
    ByHand,
}

#[derive(Debug, Serialize, Deserialize)]
enum UnitsV1 {
    Reserved,
    Sold,
    Released,
}

#[derive(Debug, Serialize, Deserialize)]
enum EndingV1<'a> {
    Live,
    #[serde(borrow)]
    Closing(CancelReasonV1<'a>),
    Cancelled {
        #[serde(borrow)]
        reason: CancelReasonV1<'a>,
        at: TimeV1,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum CancelReasonV1<'a> {
    #[serde(borrow)]
    Requested(Option<&'a str>),
    PaymentFailed {
        reason: &'a str,
    },
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
struct RefundV1<'a> {
    id: [u8; 16],
    amount: MoneyV1,
    reason: &'a str,
    #[serde(borrow)]
    state: RefundStateV1<'a>,
    created_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum RefundStateV1<'a> {
    Started,
    Settled,
    Failed { reason: &'a str },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEventV1<'a> {
    #[serde(borrow)]
    Placed(Box<PlacedV1<'a>>),
    Payment {
        #[serde(borrow)]
        event: PaymentEventV1<'a>,
        at: TimeV1,
    },
    Paid {
        at: TimeV1,
    },
    CaptureWanted {
        at: TimeV1,
    },
    Closing {
        #[serde(borrow)]
        reason: CancelReasonV1<'a>,
        at: TimeV1,
    },
    RefundStarted {
        refund: [u8; 16],
        amount: MoneyV1,
        reason: &'a str,
        at: TimeV1,
    },
    RefundSettled {
        refund: [u8; 16],
        at: TimeV1,
    },
    RefundFailed {
        refund: [u8; 16],
        reason: &'a str,
        at: TimeV1,
    },
    Cancelled {
        #[serde(borrow)]
        reason: CancelReasonV1<'a>,
        at: TimeV1,
    },
}

impl<'a> From<&'a Order> for OrderV1<'a> {
    fn from(order: &'a Order) -> OrderV1<'a> {
        OrderV1 {
            placed: (&*order.placed).into(),
            payment: (&order.payment).into(),
            units: match order.units {
                Units::Reserved => UnitsV1::Reserved,
                Units::Sold => UnitsV1::Sold,
                Units::Released => UnitsV1::Released,
            },
            ending: match &order.ending {
                Ending::Live => EndingV1::Live,
                Ending::Closing(reason) => EndingV1::Closing(reason.into()),
                Ending::Cancelled { reason, at } => {
                    EndingV1::Cancelled { reason: reason.into(), at: (*at).into() }
                }
            },
            capture_wanted: order.capture_wanted,
            paid_at: order.paid_at.map(Into::into),
            refunds: order.refunds.iter().map(RefundV1::from).collect(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl TryFrom<OrderV1<'_>> for Order {
    type Error = ValueError;

    fn try_from(stored: OrderV1<'_>) -> Result<Order, ValueError> {
        Ok(Order {
            placed: Box::new(stored.placed.try_into()?),
            payment: stored.payment.try_into()?,
            units: match stored.units {
                UnitsV1::Reserved => Units::Reserved,
                UnitsV1::Sold => Units::Sold,
                UnitsV1::Released => Units::Released,
            },
            ending: match stored.ending {
                EndingV1::Live => Ending::Live,
                EndingV1::Closing(reason) => Ending::Closing(reason.into()),
                EndingV1::Cancelled { reason, at } => {
                    Ending::Cancelled { reason: reason.into(), at: at.into() }
                }
            },
            capture_wanted: stored.capture_wanted,
            paid_at: stored.paid_at.map(Into::into),
            refunds: each(stored.refunds)?,
            updated_at: stored.updated_at.into(),
        })
    }
}

impl<'a> From<&'a Placed> for PlacedV1<'a> {
    fn from(placed: &'a Placed) -> PlacedV1<'a> {
        PlacedV1 {
            number: placed.number,
            cart: *placed.cart.as_bytes(),
            recipient: (&placed.recipient).into(),
            currency: placed.currency.into(),
            lines: placed.lines.iter().map(OrderLineV1::from).collect(),
            subtotal: placed.subtotal.into(),
            discount: placed.discount.into(),
            shipping_price: placed.shipping_price.into(),
            tax: placed.tax.into(),
            total: placed.total.into(),
            prices: match placed.prices {
                Prices::ExcludeTax => PricesV1::ExcludeTax,
                Prices::IncludeTax => PricesV1::IncludeTax,
            },
            shipping: placed.shipping.as_ref().map(ShippingOptionV1::from),
            payment: *placed.payment.as_bytes(),
            provider: &placed.provider,
            collected: match placed.collected {
                Collected::Online => CollectedV1::Online,
                Collected::ByHand => CollectedV1::ByHand,
            },
            expires_at: placed.expires_at.into(),
            placed_at: placed.placed_at.into(),
            attempt: placed
                .attempt
                .map(|Attempt { key, fingerprint }| AttemptV1 { key, fingerprint }),
        }
    }
}

impl TryFrom<PlacedV1<'_>> for Placed {
    type Error = ValueError;

    fn try_from(stored: PlacedV1<'_>) -> Result<Placed, ValueError> {
        Ok(Placed {
            number: stored.number,
            cart: CartId::from_bytes(stored.cart),
            recipient: stored.recipient.into(),
            currency: stored.currency.try_into()?,
            lines: each(stored.lines)?,
            subtotal: stored.subtotal.try_into()?,
            discount: stored.discount.try_into()?,
            shipping_price: stored.shipping_price.try_into()?,
            tax: stored.tax.try_into()?,
            total: stored.total.try_into()?,
            prices: match stored.prices {
                PricesV1::ExcludeTax => Prices::ExcludeTax,
                PricesV1::IncludeTax => Prices::IncludeTax,
            },
            shipping: stored.shipping.map(ShippingOption::try_from).transpose()?,
            payment: PaymentId::from_bytes(stored.payment),
            provider: stored.provider.into(),
            collected: match stored.collected {
                CollectedV1::Online => Collected::Online,
                CollectedV1::ByHand => Collected::ByHand,
            },
            expires_at: stored.expires_at.into(),
            placed_at: stored.placed_at.into(),
            attempt: stored
                .attempt
                .map(|AttemptV1 { key, fingerprint }| Attempt { key, fingerprint }),
        })
    }
}

impl<'a> From<&'a OrderLine> for OrderLineV1<'a> {
    fn from(line: &'a OrderLine) -> OrderLineV1<'a> {
        OrderLineV1 {
            sku: line.sku.as_str(),
            product_id: line.product_id.as_str(),
            name: &line.name,
            title: &line.title,
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            totals: (&line.totals).into(),
        }
    }
}

impl TryFrom<OrderLineV1<'_>> for OrderLine {
    type Error = ValueError;

    fn try_from(stored: OrderLineV1<'_>) -> Result<OrderLine, ValueError> {
        Ok(OrderLine {
            sku: stored.sku.parse()?,
            product_id: stored.product_id.parse()?,
            name: stored.name.into(),
            title: stored.title.into(),
            quantity: stored.quantity,
            unit_price: stored.unit_price.try_into()?,
            totals: stored.totals.try_into()?,
        })
    }
}

impl<'a> From<&'a ShippingOption> for ShippingOptionV1<'a> {
    fn from(option: &'a ShippingOption) -> ShippingOptionV1<'a> {
        ShippingOptionV1 {
            id: &option.id,
            name: &option.name,
            price: option.price.into(),
            min_days: option.min_days,
            max_days: option.max_days,
        }
    }
}

impl TryFrom<ShippingOptionV1<'_>> for ShippingOption {
    type Error = ValueError;

    fn try_from(stored: ShippingOptionV1<'_>) -> Result<ShippingOption, ValueError> {
        Ok(ShippingOption {
            id: stored.id.into(),
            name: stored.name.into(),
            price: stored.price.try_into()?,
            min_days: stored.min_days,
            max_days: stored.max_days,
        })
    }
}

impl<'a> From<&'a CancelReason> for CancelReasonV1<'a> {
    fn from(reason: &'a CancelReason) -> CancelReasonV1<'a> {
        match reason {
            CancelReason::Requested(words) => CancelReasonV1::Requested(words.as_deref()),
            CancelReason::PaymentFailed { reason } => CancelReasonV1::PaymentFailed { reason },
            CancelReason::Expired => CancelReasonV1::Expired,
        }
    }
}

impl From<CancelReasonV1<'_>> for CancelReason {
    fn from(stored: CancelReasonV1<'_>) -> CancelReason {
        match stored {
            CancelReasonV1::Requested(words) => CancelReason::Requested(words.map(Into::into)),
            CancelReasonV1::PaymentFailed { reason } => {
                CancelReason::PaymentFailed { reason: reason.into() }
            }
            CancelReasonV1::Expired => CancelReason::Expired,
        }
    }
}

impl<'a> From<&'a Refund> for RefundV1<'a> {
    fn from(refund: &'a Refund) -> RefundV1<'a> {
        RefundV1 {
            id: *refund.id.as_bytes(),
            amount: refund.amount.into(),
            reason: &refund.reason,
            state: match &refund.state {
                RefundState::Started => RefundStateV1::Started,
                RefundState::Settled => RefundStateV1::Settled,
                RefundState::Failed { reason } => RefundStateV1::Failed { reason },
            },
            created_at: refund.created_at.into(),
        }
    }
}

impl TryFrom<RefundV1<'_>> for Refund {
    type Error = ValueError;

    fn try_from(stored: RefundV1<'_>) -> Result<Refund, ValueError> {
        Ok(Refund {
            id: RefundId::from_bytes(stored.id),
            amount: stored.amount.try_into()?,
            reason: stored.reason.into(),
            state: match stored.state {
                RefundStateV1::Started => RefundState::Started,
                RefundStateV1::Settled => RefundState::Settled,
                RefundStateV1::Failed { reason } => RefundState::Failed { reason: reason.into() },
            },
            created_at: stored.created_at.into(),
        })
    }
}

impl<'a> From<&'a OrderEvent> for OrderEventV1<'a> {
    fn from(event: &'a OrderEvent) -> OrderEventV1<'a> {
        match event {
            OrderEvent::Placed(placed) => OrderEventV1::Placed(Box::new((&**placed).into())),
            OrderEvent::Payment { event, at } => {
                OrderEventV1::Payment { event: event.into(), at: (*at).into() }
            }
            OrderEvent::Paid { at } => OrderEventV1::Paid { at: (*at).into() },
            OrderEvent::CaptureWanted { at } => OrderEventV1::CaptureWanted { at: (*at).into() },
            OrderEvent::Closing { reason, at } => {
                OrderEventV1::Closing { reason: reason.into(), at: (*at).into() }
            }
            OrderEvent::RefundStarted { refund, amount, reason, at } => {
                OrderEventV1::RefundStarted {
                    refund: *refund.as_bytes(),
                    amount: (*amount).into(),
                    reason,
                    at: (*at).into(),
                }
            }
            OrderEvent::RefundSettled { refund, at } => {
                OrderEventV1::RefundSettled { refund: *refund.as_bytes(), at: (*at).into() }
            }
            OrderEvent::RefundFailed { refund, reason, at } => {
                OrderEventV1::RefundFailed { refund: *refund.as_bytes(), reason, at: (*at).into() }
            }
            OrderEvent::Cancelled { reason, at } => {
                OrderEventV1::Cancelled { reason: reason.into(), at: (*at).into() }
            }
        }
    }
}

impl TryFrom<OrderEventV1<'_>> for OrderEvent {
    type Error = ValueError;

    fn try_from(stored: OrderEventV1<'_>) -> Result<OrderEvent, ValueError> {
        Ok(match stored {
            OrderEventV1::Placed(placed) => OrderEvent::Placed(Box::new((*placed).try_into()?)),
            OrderEventV1::Payment { event, at } => {
                OrderEvent::Payment { event: event.into(), at: at.into() }
            }
            OrderEventV1::Paid { at } => OrderEvent::Paid { at: at.into() },
            OrderEventV1::CaptureWanted { at } => OrderEvent::CaptureWanted { at: at.into() },
            OrderEventV1::Closing { reason, at } => {
                OrderEvent::Closing { reason: reason.into(), at: at.into() }
            }
            OrderEventV1::RefundStarted { refund, amount, reason, at } => {
                OrderEvent::RefundStarted {
                    refund: RefundId::from_bytes(refund),
                    amount: amount.try_into()?,
                    reason: reason.into(),
                    at: at.into(),
                }
            }
            OrderEventV1::RefundSettled { refund, at } => {
                OrderEvent::RefundSettled { refund: RefundId::from_bytes(refund), at: at.into() }
            }
            OrderEventV1::RefundFailed { refund, reason, at } => OrderEvent::RefundFailed {
                refund: RefundId::from_bytes(refund),
                reason: reason.into(),
                at: at.into(),
            },
            OrderEventV1::Cancelled { reason, at } => {
                OrderEvent::Cancelled { reason: reason.into(), at: at.into() }
            }
        })
    }
}
