//! One order: what was bought, how its money stands, and the next step to bring it to an end.
//!
//! The order is the process manager of checkout. Every durable step is an event; [`Order::next`]
//! says what must be asked of the payment provider now, so that after a crash the same question is
//! asked again and the order is driven to an end. How far it is paid and whether its units are
//! still promised are separate answers; the one status that shoppers see is computed from them.

use super::guard::Guard;
use super::ids::{CartId, OrderId, PaymentId, ProductId, RefundId, Sku};
use super::money::{Currency, Money};
use super::payment::{Payment, PaymentAnswer, PaymentEvent, PaymentRejection, PaymentState};
use super::pricing::{LineTotals, Totals};
use super::recipient::Recipient;
use super::shipping::ShippingOption;
use super::stock::{Change, Movement};
use super::tax::Prices;
use super::time::Timestamp;

/// What was agreed when the order was placed; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The number that people use, counted up per shop.
    pub number: u64,
    pub cart: CartId,
    /// Its [`Contact`](super::recipient::Contact) is sealed.
    pub recipient: Recipient,
    pub currency: Currency,
    pub lines: Vec<OrderLine>,
    pub subtotal: Money,
    pub discount: Money,
    pub shipping_price: Money,
    pub tax: Money,
    pub total: Money,
    pub prices: Prices,
    pub shipping: Option<ShippingOption>,
    pub payment: PaymentId,
    pub provider: String,
    pub collected: Collected,
    /// Until when it may stay unpaid; its reservations share this deadline.
    pub expires_at: Timestamp,
    pub placed_at: Timestamp,
    /// The caller's name for this attempt, so that its answer is found again after a crash.
    pub attempt: Option<Attempt>,
}

/// An idempotency key as the shop remembers it: hashes of its scope and of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub key: [u8; 16],
    pub fingerprint: [u8; 16],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    pub sku: Sku,
    pub product_id: ProductId,
    pub name: String,
    pub title: String,
    pub quantity: u32,
    pub unit_price: Money,
    pub totals: LineTotals,
}

/// Who takes the money: a provider that is asked, or the merchant (bank transfer, cash).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    Online,
    ByHand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub placed: Box<Placed>,
    pub payment: Payment,
    pub units: Units,
    pub ending: Ending,
    /// Staff want the authorized money to be taken.
    pub capture_wanted: bool,
    pub paid_at: Option<Timestamp>,
    pub refunds: Vec<Refund>,
    pub updated_at: Timestamp,
}

/// Where the order's units are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    Reserved,
    Sold,
    /// Promised no longer, or back on the shelf.
    Released,
}

/// Whether the order is being, or was, called off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Live,
    /// Its money must be let go or given back first.
    Closing(CancelReason),
    Cancelled {
        reason: CancelReason,
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelReason {
    Requested(Option<String>),
    PaymentFailed {
        reason: String,
    },
    /// It stayed unpaid past its deadline.
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: RefundId,
    pub amount: Money,
    pub reason: String,
    pub state: RefundState,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    Started,
    Settled,
    Failed { reason: String },
}

/// The one word that shoppers and staff see, computed from the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    PendingPayment,
    Paid,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderCommand {
    Place(Box<Placed>),
    /// What became of the payment. `refund` names the refund that follows should money have
    /// arrived for an order that is called off.
    TakePayment {
        answer: PaymentAnswer,
        refund: RefundId,
    },
    Capture,
    Cancel {
        reason: Option<String>,
        refund: RefundId,
    },
    /// The deadline passed.
    Expire,
    TakeRefund {
        refund: RefundId,
        answer: RefundAnswer,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    Settled,
    Refused { reason: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    Placed(Box<Placed>),
    Payment {
        event: PaymentEvent,
        at: Timestamp,
    },
    Paid {
        at: Timestamp,
    },
    CaptureWanted {
        at: Timestamp,
    },
    /// It is called off; units not yet sold are free again at once.
    Closing {
        reason: CancelReason,
        at: Timestamp,
    },
    RefundStarted {
        refund: RefundId,
        amount: Money,
        reason: String,
        at: Timestamp,
    },
    RefundSettled {
        refund: RefundId,
        at: Timestamp,
    },
    RefundFailed {
        refund: RefundId,
        reason: String,
        at: Timestamp,
    },
    Cancelled {
        reason: CancelReason,
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    #[error("there is no such order")]
    Unknown,
    #[error("the order is there already")]
    Exists,
    #[error("the order's sums do not add up")]
    DoesNotAddUp,
    #[error("the payment is under way; ask again in a moment")]
    PaymentUnderWay,
    #[error("the order was cancelled")]
    Cancelled,
    #[error("there is no such refund")]
    NoSuchRefund,
    #[error(transparent)]
    Payment(#[from] PaymentRejection),
}

/// What must be asked of the payment provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take the money, or look the attempt up where it may have been made before.
    Authorize,
    Capture {
        reference: String,
    },
    /// Make sure that no money moves, or learn that it has.
    Void,
    Refund {
        refund: RefundId,
        amount: Money,
        reference: String,
    },
}

impl Order {
    /// Says which events follow from `command`; `current` is `None` for an order not yet placed.
    pub fn decide(
        current: Option<&Order>,
        command: OrderCommand,
        now: Timestamp,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        let order = match (current, command) {
            (None, OrderCommand::Place(placed)) => return place(placed, now),
            (Some(_), OrderCommand::Place(_)) => return Err(OrderRejection::Exists),
            (None, _) => return Err(OrderRejection::Unknown),
            (Some(order), command) => (order, command),
        };
        match order {
            (order, OrderCommand::TakePayment { answer, refund }) => {
                order.take_payment(answer, refund, now)
            }
            (order, OrderCommand::Capture) => order.capture(now),
            (order, OrderCommand::Cancel { reason, refund }) => order.cancel(reason, refund, now),
            (order, OrderCommand::Expire) => order.expire(now),
            (order, OrderCommand::TakeRefund { refund, answer }) => {
                order.take_refund(refund, answer, now)
            }
            (_, OrderCommand::Place(_)) => Err(OrderRejection::Exists),
        }
    }

    /// Takes in a fact; the first one makes the order.
    pub fn apply(current: Option<Order>, event: &OrderEvent) -> Option<Order> {
        let mut order = match (current, event) {
            (_, OrderEvent::Placed(placed)) => return Some(Order::new(placed.clone())),
            (None, _) => return None,
            (Some(order), _) => order,
        };
        order.updated_at = match event {
            OrderEvent::Placed(placed) => placed.placed_at,
            OrderEvent::Payment { event, at } => {
                order.payment.apply(event);
                if order.payment.is_captured() {
                    order.capture_wanted = false;
                }
                *at
            }
            OrderEvent::Paid { at } => {
                order.paid_at = Some(*at);
                order.units = Units::Sold;
                *at
            }
            OrderEvent::CaptureWanted { at } => {
                order.capture_wanted = true;
                *at
            }
            OrderEvent::Closing { reason, at } => {
                order.ending = Ending::Closing(reason.clone());
                if order.units == Units::Reserved {
                    order.units = Units::Released;
                }
                *at
            }
            OrderEvent::RefundStarted { refund, amount, reason, at } => {
                order.refunds.push(Refund {
                    id: *refund,
                    amount: *amount,
                    reason: reason.clone(),
                    state: RefundState::Started,
                    created_at: *at,
                });
                *at
            }
            OrderEvent::RefundSettled { refund, at } => {
                order.set_refund(refund, RefundState::Settled);
                *at
            }
            OrderEvent::RefundFailed { refund, reason, at } => {
                order.set_refund(refund, RefundState::Failed { reason: reason.clone() });
                if matches!(order.ending, Ending::Closing(_)) {
                    order.ending = Ending::Live;
                }
                *at
            }
            OrderEvent::Cancelled { reason, at } => {
                order.ending = Ending::Cancelled { reason: reason.clone(), at: *at };
                order.units = Units::Released;
                *at
            }
        };
        Some(order)
    }

    /// The stock movements that go into the same batch as `event`; `self` is the order before it.
    pub fn movements(current: Option<&Order>, event: &OrderEvent, id: OrderId) -> Vec<Movement> {
        let lines = |order: &Placed, change: &dyn Fn(u32) -> Change| -> Vec<Movement> {
            let movement = |line: &OrderLine| Movement {
                sku: line.sku.clone(),
                change: change(line.quantity),
            };
            order.lines.iter().map(movement).collect()
        };
        match (current, event) {
            (_, OrderEvent::Placed(placed)) => {
                let expires_at = placed.expires_at;
                lines(placed, &|units| Change::Reserve { order: id, units, expires_at })
            }
            (Some(order), OrderEvent::Paid { .. }) if order.units == Units::Reserved => {
                lines(&order.placed, &|units| Change::Sell { order: id, units })
            }
            (Some(order), OrderEvent::Closing { .. } | OrderEvent::Cancelled { .. })
                if order.units == Units::Reserved =>
            {
                lines(&order.placed, &|units| Change::Release { order: id, units })
            }
            (Some(order), OrderEvent::Cancelled { .. }) if order.units == Units::Sold => {
                lines(&order.placed, &|units| Change::Return { order: id, units })
            }
            (
                _,
                OrderEvent::Payment { .. }
                | OrderEvent::Paid { .. }
                | OrderEvent::CaptureWanted { .. }
                | OrderEvent::Closing { .. }
                | OrderEvent::RefundStarted { .. }
                | OrderEvent::RefundSettled { .. }
                | OrderEvent::RefundFailed { .. }
                | OrderEvent::Cancelled { .. },
            ) => vec![],
        }
    }

    /// What must be asked of the provider now; `None` where the order rests.
    pub fn next(&self) -> Option<Step> {
        if let Some(refund) =
            self.refunds.iter().find(|refund| refund.state == RefundState::Started)
        {
            let PaymentState::Captured { reference } = &self.payment.state else { return None };
            let reference = reference.clone();
            return Some(Step::Refund { refund: refund.id, amount: refund.amount, reference });
        }
        if self.placed.collected == Collected::ByHand {
            return None;
        }
        match (&self.ending, &self.payment.state) {
            (
                Ending::Closing(_),
                PaymentState::Pending
                | PaymentState::ActionNeeded { .. }
                | PaymentState::Authorized { .. },
            ) => Some(Step::Void),
            (Ending::Live, PaymentState::Pending) => Some(Step::Authorize),
            (Ending::Live, PaymentState::Authorized { reference }) if self.capture_wanted => {
                Some(Step::Capture { reference: reference.clone() })
            }
            (Ending::Live | Ending::Closing(_) | Ending::Cancelled { .. }, _) => None,
        }
    }

    pub fn status(&self) -> OrderStatus {
        match (&self.ending, &self.payment.state) {
            (Ending::Cancelled { .. }, _) => OrderStatus::Cancelled,
            (_, PaymentState::Authorized { .. } | PaymentState::Captured { .. }) => {
                OrderStatus::Paid
            }
            (Ending::Live | Ending::Closing(_), _) => OrderStatus::PendingPayment,
        }
    }

    /// The contract's word for how the money stands.
    pub fn payment_status(&self) -> &'static str {
        let refunded = self.refunded().minor();
        match refunded {
            0 => self.payment.state.name(),
            all if all >= self.payment.amount.minor() => "refunded",
            _ => "partially_refunded",
        }
    }

    /// What was given back for certain.
    pub fn refunded(&self) -> Money {
        let settled = self.refunds.iter().filter(|refund| refund.state == RefundState::Settled);
        let minor = settled.map(|refund| refund.amount.minor()).sum();
        Money::from_minor(minor, self.placed.currency)
    }

    /// Until when the shop must come back to it by itself, if at all.
    pub fn deadline(&self) -> Option<Timestamp> {
        (self.units == Units::Reserved).then_some(self.placed.expires_at)
    }

    /// Whether its sums hold and no more was given back than taken (invariant I5).
    pub fn adds_up(&self) -> bool {
        let captured = if self.payment.is_captured() { self.payment.amount.minor() } else { 0 };
        let given_back =
            self.refunds.iter().filter(|r| !matches!(r.state, RefundState::Failed { .. }));
        self.placed.adds_up()
            && self.payment.amount == self.placed.total
            && given_back.map(|refund| refund.amount.minor()).sum::<i64>() <= captured
    }

    fn new(placed: Box<Placed>) -> Order {
        Order {
            payment: Payment {
                id: placed.payment,
                provider: placed.provider.clone(),
                amount: placed.total,
                state: PaymentState::Pending,
            },
            units: Units::Reserved,
            ending: Ending::Live,
            capture_wanted: false,
            paid_at: None,
            refunds: Vec::new(),
            updated_at: placed.placed_at,
            placed,
        }
    }

    fn set_refund(&mut self, id: &RefundId, state: RefundState) {
        if let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == *id) {
            refund.state = state;
        }
    }

    fn take_payment(
        &self,
        answer: PaymentAnswer,
        refund: RefundId,
        at: Timestamp,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        let facts = self.payment.decide(answer)?;
        let mut events = Vec::with_capacity(facts.len() + 1);
        for event in facts {
            let follow_up = self.follow_up(&event, refund, at);
            events.push(OrderEvent::Payment { event, at });
            events.extend(follow_up);
        }
        Ok(events)
    }

    /// What a fact about the payment means for the order.
    fn follow_up(
        &self,
        fact: &PaymentEvent,
        refund: RefundId,
        at: Timestamp,
    ) -> Option<OrderEvent> {
        match (fact, &self.ending) {
            (PaymentEvent::Authorized { .. } | PaymentEvent::Captured { .. }, Ending::Live) => {
                self.paid_at.is_none().then_some(OrderEvent::Paid { at })
            }
            // Money for an order that was called off goes back.
            (PaymentEvent::Captured { .. }, Ending::Closing(_) | Ending::Cancelled { .. })
                if Guard::LateMoneyBack.stands() =>
            {
                let amount = self.payment.amount;
                let reason = "the order was called off".to_owned();
                Some(OrderEvent::RefundStarted { refund, amount, reason, at })
            }
            (PaymentEvent::Declined { reason }, Ending::Live) => {
                let reason = CancelReason::PaymentFailed { reason: reason.clone() };
                Some(OrderEvent::Cancelled { reason, at })
            }
            (PaymentEvent::Declined { .. } | PaymentEvent::Voided, Ending::Closing(reason)) => {
                Some(OrderEvent::Cancelled { reason: reason.clone(), at })
            }
            (PaymentEvent::Voided, Ending::Live) => {
                Some(OrderEvent::Cancelled { reason: CancelReason::Requested(None), at })
            }
            (
                PaymentEvent::ActionNeeded { .. }
                | PaymentEvent::Authorized { .. }
                | PaymentEvent::Captured { .. },
                _,
            )
            | (PaymentEvent::Declined { .. } | PaymentEvent::Voided, Ending::Cancelled { .. }) => {
                None
            }
        }
    }

    fn capture(&self, at: Timestamp) -> Result<Vec<OrderEvent>, OrderRejection> {
        match (&self.ending, &self.payment.state, self.placed.collected) {
            (_, PaymentState::Captured { .. }, _) => Ok(vec![]),
            (Ending::Closing(_) | Ending::Cancelled { .. }, _, _) => Err(OrderRejection::Cancelled),
            (Ending::Live, PaymentState::Pending, Collected::ByHand) => {
                let event = PaymentEvent::Captured { reference: "by hand".into() };
                Ok(vec![OrderEvent::Payment { event, at }, OrderEvent::Paid { at }])
            }
            (Ending::Live, PaymentState::Authorized { .. }, _) if self.capture_wanted => Ok(vec![]),
            (Ending::Live, PaymentState::Authorized { .. }, _) => {
                Ok(vec![OrderEvent::CaptureWanted { at }])
            }
            (Ending::Live, PaymentState::Pending | PaymentState::ActionNeeded { .. }, _) => {
                Err(OrderRejection::PaymentUnderWay)
            }
            (Ending::Live, state @ (PaymentState::Declined { .. } | PaymentState::Voided), _) => {
                Err(PaymentRejection { state: state.name(), answer: "captured" }.into())
            }
        }
    }

    fn cancel(
        &self,
        reason: Option<String>,
        refund: RefundId,
        at: Timestamp,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        let why = CancelReason::Requested(reason.clone());
        match (&self.ending, &self.payment.state, self.placed.collected) {
            (Ending::Closing(_) | Ending::Cancelled { .. }, _, _)
                if Guard::RefundWithinCapture.stands() =>
            {
                Ok(vec![])
            }
            (_, PaymentState::Captured { .. }, collected) => {
                let amount = self.payment.amount;
                let reason = reason.unwrap_or_else(|| "the order was cancelled".to_owned());
                let mut events = vec![
                    OrderEvent::Closing { reason: why.clone(), at },
                    OrderEvent::RefundStarted { refund, amount, reason, at },
                ];
                if collected == Collected::ByHand {
                    events.push(OrderEvent::RefundSettled { refund, at });
                    events.push(OrderEvent::Cancelled { reason: why, at });
                }
                Ok(events)
            }
            (Ending::Live, PaymentState::Pending, Collected::Online) => {
                Err(OrderRejection::PaymentUnderWay)
            }
            (
                Ending::Live,
                PaymentState::ActionNeeded { .. } | PaymentState::Authorized { .. },
                Collected::Online,
            ) => Ok(vec![OrderEvent::Closing { reason: why, at }]),
            (Ending::Live, _, _) => Ok(vec![
                OrderEvent::Payment { event: PaymentEvent::Voided, at },
                OrderEvent::Cancelled { reason: why, at },
            ]),
            (Ending::Closing(_) | Ending::Cancelled { .. }, _, _) => Ok(vec![]),
        }
    }

    fn expire(&self, now: Timestamp) -> Result<Vec<OrderEvent>, OrderRejection> {
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        match (&self.ending, self.placed.collected) {
            (Ending::Live, Collected::ByHand) if due => Ok(vec![
                OrderEvent::Payment { event: PaymentEvent::Voided, at: now },
                OrderEvent::Cancelled { reason: CancelReason::Expired, at: now },
            ]),
            (Ending::Live, Collected::Online) if due => {
                Ok(vec![OrderEvent::Closing { reason: CancelReason::Expired, at: now }])
            }
            (Ending::Live | Ending::Closing(_) | Ending::Cancelled { .. }, _) => Ok(vec![]),
        }
    }

    fn take_refund(
        &self,
        id: RefundId,
        answer: RefundAnswer,
        at: Timestamp,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        let refund = self.refunds.iter().find(|refund| refund.id == id);
        let refund = refund.ok_or(OrderRejection::NoSuchRefund)?;
        if refund.state != RefundState::Started {
            return Ok(vec![]);
        }
        match answer {
            RefundAnswer::Refused { reason } => {
                Ok(vec![OrderEvent::RefundFailed { refund: id, reason, at }])
            }
            RefundAnswer::Settled => {
                let mut events = vec![OrderEvent::RefundSettled { refund: id, at }];
                if let Ending::Closing(reason) = &self.ending {
                    events.push(OrderEvent::Cancelled { reason: reason.clone(), at });
                }
                Ok(events)
            }
        }
    }
}

fn place(placed: Box<Placed>, now: Timestamp) -> Result<Vec<OrderEvent>, OrderRejection> {
    if !placed.adds_up() {
        return Err(OrderRejection::DoesNotAddUp);
    }
    let free = placed.total.is_zero();
    let mut events = vec![OrderEvent::Placed(placed)];
    if free {
        let event = PaymentEvent::Captured { reference: "nothing to pay".into() };
        events.push(OrderEvent::Payment { event, at: now });
        events.push(OrderEvent::Paid { at: now });
    }
    Ok(events)
}

impl Placed {
    fn adds_up(&self) -> bool {
        let totals = Totals {
            lines: self.lines.iter().map(|line| line.totals.clone()).collect(),
            subtotal: self.subtotal,
            discount: self.discount,
            shipping: self.shipping_price,
            tax: self.tax,
            total: self.total,
            prices: self.prices,
        };
        let exact =
            |line: &OrderLine| line.unit_price.times(line.quantity) == Ok(line.totals.subtotal);
        totals.add_up() && self.lines.iter().all(exact) && !self.lines.is_empty()
    }
}

impl OrderStatus {
    pub const ALL: [OrderStatus; 3] =
        [OrderStatus::PendingPayment, OrderStatus::Paid, OrderStatus::Cancelled];

    /// The contract's word for it.
    pub fn name(self) -> &'static str {
        match self {
            OrderStatus::PendingPayment => "pending_payment",
            OrderStatus::Paid => "paid",
            OrderStatus::Cancelled => "cancelled",
        }
    }
}

impl CancelReason {
    /// The contract's word for it.
    pub fn name(&self) -> &'static str {
        match self {
            CancelReason::Requested(_) => "requested",
            CancelReason::PaymentFailed { .. } => "payment_failed",
            CancelReason::Expired => "expired",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::pricing::Item;
    use crate::domain::pricing::tests::{rules, usd};
    use crate::domain::recipient::tests::recipient;
    use crate::domain::stock::Level;
    use crate::domain::time::Span;
    use proptest::prelude::*;

    pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    pub(crate) fn id() -> OrderId {
        OrderId::from_bytes([7; 16])
    }

    fn refund(n: u8) -> RefundId {
        RefundId::from_bytes([n; 16])
    }

    pub(crate) fn placed(collected: Collected, quantity: u32) -> Box<Placed> {
        let sku: Sku = "A".parse().unwrap();
        let item = Item { sku: sku.clone(), quantity, unit_price: usd(999) };
        let totals = rules(Prices::ExcludeTax, 80_000, false)
            .totals(Currency::USD, &[item], None, None)
            .unwrap();
        Box::new(Placed {
            number: 1001,
            cart: CartId::from_bytes([1; 22]),
            recipient: recipient(),
            currency: Currency::USD,
            lines: vec![OrderLine {
                sku,
                product_id: "prod-1".parse().unwrap(),
                name: "Kettle".into(),
                title: "Default".into(),
                quantity,
                unit_price: usd(999),
                totals: totals.lines[0].clone(),
            }],
            subtotal: totals.subtotal,
            discount: totals.discount,
            shipping_price: totals.shipping,
            tax: totals.tax,
            total: totals.total,
            prices: totals.prices,
            shipping: None,
            payment: PaymentId::from_bytes([2; 16]),
            provider: "test".into(),
            collected,
            expires_at: NOON.plus(Span::minutes(30)),
            placed_at: NOON,
            attempt: None,
        })
    }

    /// An order and the level of its one SKU, kept together as the store does.
    struct World {
        order: Option<Order>,
        level: Level,
        log: Vec<OrderEvent>,
    }

    impl World {
        fn new(collected: Collected, on_hand: i64) -> World {
            let level = Level::default().after(&Change::Adjust { delta: on_hand }).unwrap();
            let mut world = World { order: None, level, log: vec![] };
            world.act(OrderCommand::Place(placed(collected, 2)), NOON).unwrap();
            world
        }

        fn act(&mut self, command: OrderCommand, now: Timestamp) -> Result<(), OrderRejection> {
            for event in Order::decide(self.order.as_ref(), command, now)? {
                for movement in Order::movements(self.order.as_ref(), &event, id()) {
                    self.level = self.level.after(&movement.change).expect("the books allow it");
                }
                self.order = Order::apply(self.order.take(), &event);
                self.log.push(event);
            }
            Ok(())
        }

        fn order(&self) -> &Order {
            self.order.as_ref().unwrap()
        }

        fn pay(&mut self, answer: PaymentAnswer) {
            self.act(OrderCommand::TakePayment { answer, refund: refund(9) }, NOON).unwrap();
        }
    }

    fn captured() -> PaymentAnswer {
        PaymentAnswer::Captured { reference: "r".into() }
    }

    #[test]
    fn a_paid_order_sells_its_units() {
        let mut world = World::new(Collected::Online, 5);
        assert_eq!((world.level.on_hand, world.level.reserved), (5, 2));
        assert_eq!(world.order().next(), Some(Step::Authorize));
        world.pay(captured());
        assert_eq!((world.level.on_hand, world.level.reserved, world.level.sold), (3, 0, 2));
        assert_eq!((world.order().status(), world.order().next()), (OrderStatus::Paid, None));
    }

    #[test]
    fn a_declined_order_gives_its_units_back() {
        let mut world = World::new(Collected::Online, 5);
        world.pay(PaymentAnswer::Declined { reason: "card declined".into() });
        assert_eq!((world.level.on_hand, world.level.reserved), (5, 0));
        assert_eq!(world.order().status(), OrderStatus::Cancelled);
        assert_eq!(world.order().payment_status(), "failed");
    }

    #[test]
    fn cancelling_a_paid_order_refunds_all_of_it_and_restocks() {
        let mut world = World::new(Collected::Online, 5);
        world.pay(captured());
        world.act(OrderCommand::Cancel { reason: None, refund: refund(1) }, NOON).unwrap();
        assert!(matches!(world.order().next(), Some(Step::Refund { .. })));
        assert_eq!(world.level.on_hand, 3, "nothing is restocked before the money is back");
        let settled = OrderCommand::TakeRefund { refund: refund(1), answer: RefundAnswer::Settled };
        world.act(settled.clone(), NOON).unwrap();
        world.act(settled, NOON).unwrap();
        assert_eq!((world.level.on_hand, world.level.sold), (5, 0));
        assert_eq!(world.order().payment_status(), "refunded");
    }

    #[test]
    fn a_refused_refund_leaves_the_order_paid() {
        let mut world = World::new(Collected::Online, 5);
        world.pay(captured());
        world.act(OrderCommand::Cancel { reason: None, refund: refund(1) }, NOON).unwrap();
        let refused = RefundAnswer::Refused { reason: "closed account".into() };
        world.act(OrderCommand::TakeRefund { refund: refund(1), answer: refused }, NOON).unwrap();
        assert_eq!(
            (world.order().status(), world.order().ending.clone()),
            (OrderStatus::Paid, Ending::Live)
        );
        world.act(OrderCommand::Cancel { reason: None, refund: refund(2) }, NOON).unwrap();
        assert!(
            matches!(world.order().next(), Some(Step::Refund { refund: id, .. }) if id == refund(2))
        );
    }

    #[test]
    fn an_unpaid_order_ends_at_its_deadline_and_late_money_goes_back() {
        let mut world = World::new(Collected::Online, 5);
        world.act(OrderCommand::Expire, NOON).unwrap();
        assert_eq!(world.level.reserved, 2, "not yet due");
        let later = NOON.plus(Span::hours(1));
        world.act(OrderCommand::Expire, later).unwrap();
        assert_eq!((world.level.reserved, world.order().next()), (0, Some(Step::Void)));
        world.pay(captured());
        assert!(matches!(world.order().next(), Some(Step::Refund { .. })));
        let settled = OrderCommand::TakeRefund { refund: refund(9), answer: RefundAnswer::Settled };
        world.act(settled, later).unwrap();
        assert_eq!(world.order().status(), OrderStatus::Cancelled);
        assert_eq!((world.level.on_hand, world.level.sold), (5, 0));
    }

    #[test]
    fn money_taken_by_hand_needs_no_provider() {
        let mut world = World::new(Collected::ByHand, 5);
        assert_eq!(
            (world.order().next(), world.order().status()),
            (None, OrderStatus::PendingPayment)
        );
        world.act(OrderCommand::Capture, NOON).unwrap();
        assert_eq!((world.order().status(), world.level.sold), (OrderStatus::Paid, 2));
        world.act(OrderCommand::Cancel { reason: None, refund: refund(1) }, NOON).unwrap();
        assert_eq!((world.order().payment_status(), world.level.on_hand), ("refunded", 5));
    }

    fn commands() -> impl Strategy<Value = Vec<(OrderCommand, i64)>> {
        let text = || "r".to_owned();
        let answers = prop::sample::select(vec![
            PaymentAnswer::ActionNeeded { reference: text(), url: text() },
            PaymentAnswer::Authorized { reference: text() },
            captured(),
            PaymentAnswer::Declined { reason: text() },
            PaymentAnswer::Voided,
        ]);
        let command = prop_oneof![
            (answers, 0u8..4)
                .prop_map(|(answer, n)| OrderCommand::TakePayment { answer, refund: refund(n) }),
            Just(OrderCommand::Capture),
            (0u8..4).prop_map(|n| OrderCommand::Cancel { reason: None, refund: refund(n) }),
            Just(OrderCommand::Expire),
            (0u8..4, any::<bool>()).prop_map(|(n, fine)| OrderCommand::TakeRefund {
                refund: refund(n),
                answer: if fine {
                    RefundAnswer::Settled
                } else {
                    RefundAnswer::Refused { reason: "no".into() }
                },
            }),
        ];
        prop::collection::vec((command, 0i64..20), 1..40)
    }

    proptest! {
        #[test]
        fn whatever_happens_money_and_units_add_up(by_hand: bool, commands in commands()) {
            let collected = if by_hand { Collected::ByHand } else { Collected::Online };
            let mut world = World::new(collected, 5);
            let mut now = NOON;
            for (command, minutes) in commands {
                now = now.plus(Span::minutes(minutes));
                let before = world.order.clone();
                if world.act(command, now).is_err() {
                    prop_assert_eq!(&world.order, &before);
                }
                let order = world.order();
                prop_assert!(world.level.adds_up() && order.adds_up(), "{:?}", order);
                let (reserved, sold) = match order.units {
                    Units::Reserved => (2, 0),
                    Units::Sold => (0, 2),
                    Units::Released => (0, 0),
                };
                prop_assert_eq!((world.level.reserved, world.level.sold), (reserved, sold));
                // Captured money of a called-off order is on its way back or back.
                if matches!(order.ending, Ending::Cancelled { .. }) && order.payment.is_captured() {
                    prop_assert!(order.refunds.iter().any(|r| r.state != RefundState::Started) || order.next().is_some());
                }
            }
            prop_assert_eq!(world.log.iter().fold(None, Order::apply), world.order);
        }
    }
}
