//! I3 and I5, and of I4 what orders know: each order is there with all that was written with it.

use super::check::{Check, Row, counted};
use super::keys::{KeptKeys, ONE_USE};
use super::people::check_person;
use super::replay::{Replayed, compare};
use super::{CheckError, Invariant};
use crate::domain::cart::{Cart, CartStatus};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::order::{
    CancelReason, Ending, Order, OrderEvent, OrderLine, RefundState, Units,
};
use crate::domain::{OrderId, Span, Timestamp};
use crate::storage::table::{expiry_key, reservation_key};
use crate::storage::{StoreError, Table};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How long after an order's last event a step that is still not done is seen to.
const STEP_WITHIN: Span = Span::minutes(1);

/// Under which time the shop finds an order by itself, if it must come back to it at all: there is a
/// step that is not done, or there are units to release at its deadline.
pub(super) fn attention(order: &Order) -> Option<Timestamp> {
    match order.next() {
        Some(_) => Some(order.updated_at.plus(STEP_WITHIN)),
        None => order.deadline(),
    }
}

pub(super) fn check_orders(check: &mut Check<'_>, kept: &KeptKeys) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Order(OrderId::from_bytes(key.try_into().ok()?)));
    let (mut numbers, mut attempts) = (Numbers::default(), Attempts::default());
    check.entities(Table::Orders, "orders", Invariant::I3, key_of, |check, key, version, order| {
        let EntityKey::Order(id) = *key else { return Ok(()) };
        check_sums(check, key, &order);
        check_events(check, id, version, &order)?;
        check_payment(check, key, &order);
        check_units(check, id, &order)?;
        check_cart(check, id, &order)?;
        check_person(check, Some(key), order.placed.recipient.person)?;
        check_deadline(check, key, &order)?;
        let number = order.placed.number;
        if !numbers.insert(number) {
            let detail = format!("its number, {number}, is that of another order too");
            check.find(Invariant::I4, Some(key), detail);
        }
        check_attempt(check, id, &order, &mut attempts, kept);
        Ok(())
    })
}

fn check_sums(check: &mut Check<'_>, key: &EntityKey, order: &Order) {
    if order.adds_up() {
        return;
    }
    let placed = &order.placed;
    let lines: i64 = placed.lines.iter().map(|line| line.totals.total.minor()).sum();
    let given_back = order.refunds.iter();
    let given_back =
        given_back.filter(|refund| !matches!(refund.state, RefundState::Failed { .. }));
    let given_back: i64 = given_back.map(|refund| refund.amount.minor()).sum();
    let captured = if order.payment.is_captured() { order.payment.amount.minor() } else { 0 };
    let detail = format!(
        "its sums do not hold, in minor units of {}: lines {lines}, subtotal {}, discount {}, \
         shipping {}, tax {}, total {}, payment {}, captured {captured}, refunds {given_back}",
        placed.currency,
        placed.subtotal.minor(),
        placed.discount.minor(),
        placed.shipping_price.minor(),
        placed.tax.minor(),
        placed.total.minor(),
        order.payment.amount.minor()
    );
    check.find(Invariant::I5, Some(key), detail);
}

/// Replays it, and has each event move what the order's lines say.
fn check_events(
    check: &mut Check<'_>,
    id: OrderId,
    version: u64,
    order: &Order,
) -> Result<(), StoreError> {
    let key = EntityKey::Order(id);
    let (mut state, mut since_made) = (None, 0);
    let walk = check.history(&key, |check, event| {
        let Fact::Order(_, happened) = &event.fact else { return };
        let is_first = since_made == 0;
        if is_first != matches!(happened, OrderEvent::Placed(_)) {
            let detail = if is_first {
                format!("it begins with event {}, which is not its placing", event.seq.0)
            } else {
                format!("it is placed a second time by event {}", event.seq.0)
            };
            check.find(Invariant::I3, Some(&key), detail);
        }
        since_made += 1;
        if event.movements != Order::movements(state.as_ref(), happened, id) {
            let detail = format!(
                "event {} ({}) does not move the units that its lines name",
                event.seq.0,
                event.fact.type_name()
            );
            check.find(Invariant::I3, Some(&key), detail);
        }
        state = Order::apply(state.take(), happened);
    })?;
    if walk.events == 0 {
        let detail = "it has a row, but no event says that it was placed";
        check.find(Invariant::I3, Some(&key), detail);
        return Ok(());
    }
    let replayed = Replayed { state, walk, since_made };
    compare(check, Invariant::I6, &key, (version, order), replayed);
    Ok(())
}

fn check_payment(check: &mut Check<'_>, key: &EntityKey, order: &Order) {
    let (payment, placed) = (&order.payment, &order.placed);
    if payment.id != placed.payment || payment.provider != placed.provider {
        let detail = format!(
            "its payment is {} by {:?}, and it was placed with {} by {:?}",
            payment.id, payment.provider, placed.payment, placed.provider
        );
        check.find(Invariant::I3, Some(key), detail);
    }
}

/// While its units are reserved, there is a reservation for each of its lines. What is reserved and
/// should not be is found with the reservations.
fn check_units(check: &mut Check<'_>, id: OrderId, order: &Order) -> Result<(), StoreError> {
    if order.units != Units::Reserved {
        return Ok(());
    }
    for OrderLine { sku, quantity, .. } in &order.placed.lines {
        if !check.has(Table::Reservations, &reservation_key(id, sku))? {
            let units = counted(u64::from(*quantity), "unit");
            let detail = format!("{units} of {sku} should be reserved for it, and none are");
            check.find(Invariant::I3, Some(&EntityKey::Order(id)), detail);
        }
    }
    Ok(())
}

/// Its cart became this order, and its lines are the cart's. Only where a payment failed may the cart
/// be open again.
fn check_cart(check: &mut Check<'_>, id: OrderId, order: &Order) -> Result<(), StoreError> {
    let key = EntityKey::Order(id);
    let cart_id = order.placed.cart;
    let cart: Cart = match check.load(&EntityKey::Cart(cart_id))? {
        Row::There(cart) => cart,
        Row::Unreadable => return Ok(()),
        Row::Missing => {
            let detail = format!("it was made of {cart_id}, and there is no such cart");
            check.find(Invariant::I3, Some(&key), detail);
            return Ok(());
        }
    };
    let detail = match cart.status {
        CartStatus::Ordered(own) if own == id => {
            let mut lines = order.placed.lines.iter();
            let same = cart.lines.len() == lines.len()
                && cart.lines.iter().all(|line| {
                    lines.next().is_some_and(|own| {
                        (&own.sku, own.quantity, own.unit_price)
                            == (&line.sku, line.quantity, line.unit_price)
                    })
                });
            if same {
                return Ok(());
            }
            format!("its lines are not those of {cart_id}, of which it was made")
        }
        _ if may_reopen_cart(order) => return Ok(()),
        CartStatus::Ordered(other) => {
            format!("it was made of {cart_id}, which became {other}")
        }
        CartStatus::Open => format!("it was made of {cart_id}, which is still open"),
        CartStatus::Merged(into) => format!("it was made of {cart_id}, which went into {into}"),
        CartStatus::Abandoned => format!("it was made of {cart_id}, which was abandoned"),
    };
    check.find(Invariant::I3, Some(&key), detail);
    Ok(())
}

fn may_reopen_cart(order: &Order) -> bool {
    matches!(&order.ending, Ending::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. })
}

/// What must be come back to is found again after a crash. A row too many is found with the
/// deadlines.
fn check_deadline(check: &mut Check<'_>, key: &EntityKey, order: &Order) -> Result<(), StoreError> {
    let Some(at) = attention(order) else { return Ok(()) };
    if !check.has(Table::Expiries, &expiry_key(at, key))? {
        let detail = "it is unfinished, and has no deadline under which it would be found again";
        check.find(Invariant::I3, Some(key), detail);
    }
    Ok(())
}

/// One key makes one order, and its answer is kept for a day.
fn check_attempt(
    check: &mut Check<'_>,
    id: OrderId,
    order: &Order,
    attempts: &mut Attempts,
    kept: &KeptKeys,
) {
    let Some(attempt) = order.placed.attempt else { return };
    let key = EntityKey::Order(id);
    let placed_at = order.placed.placed_at;
    if let Some(other) = attempts.insert(attempt.key, id, placed_at) {
        let detail = format!("it was placed under the idempotency key that placed {other}");
        check.find(Invariant::I4, Some(&key), detail);
    }
    if placed_at.plus(ONE_USE) > check.now && !kept.contains(&attempt.key) {
        let detail = "nothing is kept under the idempotency key that placed it: sent again, it \
                      would buy twice";
        check.find(Invariant::I4, Some(&key), detail);
    }
}

/// Which numbers were seen. They are counted up, so a set of bits is small.
#[derive(Default)]
struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    fn insert(&mut self, number: u64) -> bool {
        let bits = self.0.entry(number / 64).or_default();
        let bit = 1 << (number % 64);
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }
}

/// The keys of the orders of one day, as orders come by in the order of their placing.
#[derive(Default)]
struct Attempts {
    orders: HashMap<[u8; 16], OrderId>,
    recent: VecDeque<(Timestamp, [u8; 16], OrderId)>,
}

impl Attempts {
    /// Gives the order that used the key before, if that was within one use of it.
    fn insert(&mut self, key: [u8; 16], order: OrderId, at: Timestamp) -> Option<OrderId> {
        while let Some((then, old, whose)) = self.recent.front().copied() {
            if then.plus(ONE_USE) > at {
                break;
            }
            self.recent.pop_front();
            if self.orders.get(&old) == Some(&whose) {
                self.orders.remove(&old);
            }
        }
        self.recent.push_back((at, key, order));
        self.orders.insert(key, order)
    }
}
