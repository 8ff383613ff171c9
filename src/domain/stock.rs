//! Stock of one SKU: what is on hand, what is promised, what is left to promise.
//!
//! Availability is counted here and nowhere else. [`Level::after`] is the one guard: the SKU's actor
//! asks it before it promises, and the store asks it again inside the transaction, so two carts
//! cannot both get the last unit. Prices are absent on purpose; a price change must not wait behind
//! a sale.

use super::guard::Guard;
use super::ids::{OrderId, Sku};
use super::time::Timestamp;
use std::collections::HashMap;

/// What the books say of one SKU, as of its last durable movement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Units counted in the house. Below zero only where `backorder` is on.
    pub on_hand: i64,
    /// Units promised to orders that are not paid yet.
    pub reserved: i64,
    /// Every unit ever booked in, less those booked out by hand.
    pub received: i64,
    /// Every unit ever sold, less those that came back.
    pub sold: i64,
    /// Whether it may be sold beyond what is on hand.
    pub backorder: bool,
    /// Tell the merchant when available units come down to this many.
    pub low_stock_at: Option<u32>,
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub sku: Sku,
    pub change: Change,
}

/// What an entry does. Units are above zero, save for `Adjust`, which has a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Promises units to an order until a deadline.
    Reserve { order: OrderId, units: u32, expires_at: Timestamp },
    /// Takes a promise back.
    Release { order: OrderId, units: u32 },
    /// Turns a promise into a sale.
    Sell { order: OrderId, units: u32 },
    /// Puts sold units of a cancelled order back on the shelf.
    Return { order: OrderId, units: u32 },
    /// Counts units in (above zero) or out (below zero) by hand.
    Adjust { delta: i64 },
}

/// What a merchant or the shop itself asks of one SKU beside orders' movements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StockCommand {
    Adjust {
        delta: i64,
        reason: String,
        note: Option<String>,
    },
    /// Makes `units` available, by the adjustment that this takes right now.
    SetAvailable {
        units: u32,
        reason: String,
    },
    Configure {
        backorder: Option<bool>,
        low_stock_at: Option<Option<u32>>,
    },
}

/// What happened to one SKU beside orders' movements. An `Adjusted` travels with its movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StockEvent {
    Adjusted { delta: i64, reason: String, note: Option<String> },
    Configured { backorder: bool, low_stock_at: Option<u32> },
    RanLow { available: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StockRejection {
    #[error("{wanted} wanted, {available} available")]
    OutOfStock { wanted: i64, available: i64 },
    #[error("the stock would no longer add up")]
    DoesNotAddUp,
    #[error("a change of zero units is no change")]
    Nothing,
    /// Backorder cannot end while it is in use.
    #[error("{by} units are promised beyond what is on hand; receive them first")]
    Oversold { by: i64 },
}

/// The most units that one SKU may count: far beyond any shelf, far below any overflow.
pub const MOST_UNITS: i64 = 1_000_000_000_000;

impl Level {
    /// Units that may be promised; below zero only with `backorder`.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// The level after one entry, or why the entry may not be made.
    pub fn after(&self, change: &Change) -> Result<Level, StockRejection> {
        let mut next = *self;
        match *change {
            Change::Reserve { units, .. } => next.reserved += i64::from(units),
            Change::Release { units, .. } => next.reserved -= i64::from(units),
            Change::Sell { units, .. } => {
                next.on_hand -= i64::from(units);
                next.reserved -= i64::from(units);
                next.sold += i64::from(units);
            }
            Change::Return { units, .. } => {
                next.on_hand += i64::from(units);
                next.sold -= i64::from(units);
            }
            Change::Adjust { delta } => {
                if delta.abs() > MOST_UNITS || (self.received + delta).abs() > MOST_UNITS {
                    return Err(StockRejection::DoesNotAddUp);
                }
                next.on_hand += delta;
                next.received += delta;
            }
        }
        if next.reserved < 0 {
            return Err(StockRejection::DoesNotAddUp);
        }
        let takes = match *change {
            Change::Reserve { units, .. } => i64::from(units),
            Change::Adjust { delta } if delta < 0 => -delta,
            Change::Release { .. }
            | Change::Sell { .. }
            | Change::Return { .. }
            | Change::Adjust { .. } => 0,
        };
        let is_short = takes > 0 && next.available() < 0 && !self.backorder;
        if is_short && Guard::StockInStore.stands() {
            return Err(StockRejection::OutOfStock { wanted: takes, available: self.available() });
        }
        Ok(next)
    }

    /// Takes in what happened beside movements.
    pub fn apply(&mut self, event: &StockEvent) {
        match event {
            StockEvent::Configured { backorder, low_stock_at } => {
                self.backorder = *backorder;
                self.low_stock_at = *low_stock_at;
            }
            StockEvent::Adjusted { .. } | StockEvent::RanLow { .. } => {}
        }
    }

    /// Whether going from `self` to `next` crosses the merchant's mark downwards.
    pub fn runs_low(&self, next: &Level) -> bool {
        next.low_stock_at.is_some_and(|mark| {
            self.available() > i64::from(mark) && next.available() <= i64::from(mark)
        })
    }

    /// What must hold of every level in the books (invariant I2).
    pub fn adds_up(&self) -> bool {
        self.reserved >= 0
            && self.on_hand == self.received - self.sold
            && (self.backorder || self.available() >= 0)
    }
}

/// One SKU as its actor sees it: the durable level, and the promises that are not in it yet.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    level: Level,
    /// Units adjusted by hand in batches that are not durable yet.
    adjusting: i64,
    /// Backorder ends with a batch that is not durable yet: nothing more is promised by it.
    is_ending_backorder: bool,
    promises: HashMap<OrderId, Promise>,
    promised: i64,
}

/// Units held for an order whose reservation is not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Promise {
    units: u32,
    /// When an order that never wrote its reservation loses the units; `None` once it is on its way.
    expires_at: Option<Timestamp>,
}

impl Stock {
    pub fn new(level: Level) -> Stock {
        Stock { level, ..Stock::default() }
    }

    pub fn level(&self) -> &Level {
        &self.level
    }

    /// The level as it will be once adjustments under way are durable.
    pub fn ahead(&self) -> Level {
        let (on_hand, received) =
            (self.level.on_hand + self.adjusting, self.level.received + self.adjusting);
        Level { on_hand, received, ..self.level }
    }

    /// Units left to promise: the books' figure and adjustments under way, less what is promised
    /// but not booked.
    pub fn available(&self) -> i64 {
        self.ahead().available() - self.promised
    }

    /// An adjustment was handed over: what follows counts with it.
    pub fn adjusting(&mut self, delta: i64) {
        self.adjusting += delta;
    }

    /// An adjustment that was handed over is in the books.
    pub fn adjusted(&mut self, delta: i64) {
        self.adjusting -= delta;
    }

    /// Another configuration was handed over.
    pub fn configuring(&mut self, backorder: bool) {
        self.is_ending_backorder = !backorder;
    }

    /// The configuration that was handed over is in the books.
    pub fn configured(&mut self) {
        self.is_ending_backorder = false;
    }

    /// Promises `units` to `order`, in memory alone. Asked again by the same order, it is the same
    /// promise. With backorder, any number may be promised.
    pub fn hold(
        &mut self,
        order: OrderId,
        units: u32,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StockRejection> {
        self.drop_expired(now);
        self.forget(order);
        let is_backorder = self.level.backorder && !self.is_ending_backorder;
        let is_short = i64::from(units) > self.available() && !is_backorder;
        if is_short && Guard::StockInActor.stands() {
            let available = self.available();
            return Err(StockRejection::OutOfStock { wanted: units.into(), available });
        }
        self.promises.insert(order, Promise { units, expires_at: Some(expires_at) });
        self.promised += i64::from(units);
        Ok(())
    }

    /// The order's batch was handed over: its promise no longer lapses, it settles. A promise that
    /// lapsed or was forgotten stands again, whatever is left; the guard in the store decides.
    pub fn hand_over(&mut self, order: OrderId, units: u32) {
        self.forget(order);
        self.promises.insert(order, Promise { units, expires_at: None });
        self.promised += i64::from(units);
    }

    /// How many promises are outstanding.
    pub fn promises(&self) -> usize {
        self.promises.len()
    }

    /// Takes a promise back, or drops it because the books now contain it.
    pub fn forget(&mut self, order: OrderId) {
        if let Some(promise) = self.promises.remove(&order) {
            self.promised -= i64::from(promise.units);
        }
    }

    /// Takes over a level from the books.
    pub fn booked(&mut self, level: Level) {
        self.level = level;
    }

    /// Whether no promise is outstanding.
    pub fn is_settled(&self) -> bool {
        self.promises.is_empty() && self.adjusting == 0
    }

    /// What follows from a command beside orders'; adjustments respect promises under way.
    pub fn decide(&self, command: StockCommand) -> Result<Vec<StockEvent>, StockRejection> {
        match command {
            StockCommand::Adjust { delta: 0, .. } => Err(StockRejection::Nothing),
            StockCommand::Adjust { delta, reason, note } => {
                if delta < 0 && -delta > self.available() && !self.level.backorder {
                    let available = self.available();
                    return Err(StockRejection::OutOfStock { wanted: -delta, available });
                }
                self.ahead().after(&Change::Adjust { delta })?;
                Ok(vec![StockEvent::Adjusted { delta, reason, note }])
            }
            StockCommand::SetAvailable { units, reason } => {
                let delta = i64::from(units) - self.available();
                if delta == 0 {
                    return Ok(vec![]);
                }
                self.ahead().after(&Change::Adjust { delta })?;
                Ok(vec![StockEvent::Adjusted { delta, reason, note: None }])
            }
            StockCommand::Configure { backorder, low_stock_at } => {
                let backorder = backorder.unwrap_or(self.level.backorder);
                let low_stock_at = low_stock_at.unwrap_or(self.level.low_stock_at);
                if (backorder, low_stock_at) == (self.level.backorder, self.level.low_stock_at) {
                    return Ok(vec![]);
                }
                if !backorder && self.available() < 0 {
                    return Err(StockRejection::Oversold { by: -self.available() });
                }
                Ok(vec![StockEvent::Configured { backorder, low_stock_at }])
            }
        }
    }

    fn drop_expired(&mut self, now: Timestamp) {
        if !Guard::HoldsLapse.stands() {
            return;
        }
        if self.promises.values().all(|promise| promise.expires_at.is_none_or(|at| at > now)) {
            return;
        }
        self.promises.retain(|_, promise| promise.expires_at.is_none_or(|at| at > now));
        self.promised = self.promises.values().map(|promise| i64::from(promise.units)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn order(n: u8) -> OrderId {
        OrderId::from_bytes([n; 16])
    }

    fn received(units: i64) -> Level {
        Level::default().after(&Change::Adjust { delta: units }).unwrap()
    }

    fn reserve(n: u8, units: u32) -> Change {
        Change::Reserve { order: order(n), units, expires_at: NOON }
    }

    #[test]
    fn backorder_that_is_about_to_end_promises_nothing_more() {
        let mut stock = Stock::new(Level { backorder: true, ..received(1) });
        let hold =
            |stock: &mut Stock, n| stock.hold(order(n), 2, NOON.plus(Span::seconds(9)), NOON);
        hold(&mut stock, 1).unwrap();
        stock.configuring(false);
        assert!(hold(&mut stock, 2).is_err());
        stock.configured();
        hold(&mut stock, 2).unwrap();
    }

    #[test]
    fn the_last_unit_is_promised_once() {
        let level = received(1).after(&reserve(1, 1)).unwrap();
        assert_eq!(
            level.after(&reserve(2, 1)),
            Err(StockRejection::OutOfStock { wanted: 1, available: 0 })
        );
        let mut stock = Stock::new(received(1));
        let soon = NOON.plus(Span::seconds(10));
        stock.hold(order(1), 1, soon, NOON).unwrap();
        stock.hold(order(1), 1, soon, NOON).expect("asked again, the same promise");
        assert!(stock.hold(order(2), 1, soon, NOON).is_err());
    }

    #[test]
    fn a_hold_lapses_unless_its_batch_is_on_its_way() {
        let mut stock = Stock::new(received(2));
        let soon = NOON.plus(Span::seconds(10));
        stock.hold(order(1), 1, soon, NOON).unwrap();
        stock.hold(order(2), 1, soon, NOON).unwrap();
        stock.hand_over(order(2), 1);
        assert!(stock.hold(order(3), 2, soon.plus(Span::seconds(10)), soon).is_err());
        stock.hold(order(3), 1, soon.plus(Span::seconds(10)), soon).expect("the first one lapsed");
        stock.hand_over(order(1), 1);
        assert_eq!(stock.available(), -1, "two were promised the same unit; the store decides");
        assert!(stock.hold(order(4), 1, soon.plus(Span::seconds(20)), soon).is_err());
    }

    #[test]
    fn making_units_available_spares_what_is_promised() {
        let mut stock = Stock::new(received(10).after(&reserve(1, 3)).unwrap());
        stock.hold(order(2), 2, NOON.plus(Span::seconds(1)), NOON).unwrap();
        let events = stock.decide(StockCommand::SetAvailable { units: 4, reason: "count".into() });
        let adjusted = StockEvent::Adjusted { delta: -1, reason: "count".into(), note: None };
        assert_eq!(events, Ok(vec![adjusted]));
        let taken =
            stock.decide(StockCommand::Adjust { delta: -6, reason: "damaged".into(), note: None });
        assert_eq!(taken, Err(StockRejection::OutOfStock { wanted: 6, available: 5 }));
    }

    #[test]
    fn backorder_sells_beyond_the_shelf() {
        let level = Level { backorder: true, ..received(1) };
        let level = level.after(&reserve(1, 5)).unwrap();
        let level = level.after(&Change::Sell { order: order(1), units: 5 }).unwrap();
        assert_eq!((level.on_hand, level.available(), level.adds_up()), (-4, -4, true));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Change(Change),
        Hold(u8, u32),
        HandOver(u8),
        Forget(u8),
        Wait(i64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let change = prop_oneof![
            (0u8..8, 1u32..9).prop_map(|(n, units)| reserve(n, units)),
            (0u8..8, 1u32..9).prop_map(|(n, units)| Change::Release { order: order(n), units }),
            (0u8..8, 1u32..9).prop_map(|(n, units)| Change::Sell { order: order(n), units }),
            (-9i64..20).prop_map(|delta| Change::Adjust { delta }),
        ];
        let act = prop_oneof![
            change.prop_map(Act::Change),
            (0u8..8, 1u32..9).prop_map(|(n, units)| Act::Hold(n, units)),
            (0u8..8).prop_map(Act::HandOver),
            (0u8..8).prop_map(Act::Forget),
            (0i64..4_000).prop_map(Act::Wait),
        ];
        prop::collection::vec(act, 1..200)
    }

    proptest! {
        #[test]
        fn promises_never_exceed_what_is_on_hand(acts in acts()) {
            let mut stock = Stock::default();
            let mut now = NOON;
            for act in acts {
                match act {
                    // The store books only what is left beside the promises to others, as the actor
                    // would have it: an order's own reservation replaces its promise.
                    Act::Change(change) => {
                        let own = match change { Change::Reserve { order, .. } => Some(order), _ => None };
                        if let Some(order) = own { stock.forget(order) }
                        let takes = !matches!(change, Change::Release { .. } | Change::Sell { .. });
                        let promised = stock.promised;
                        if let Ok(next) = stock.level.after(&change) && (!takes || next.available() >= promised) {
                            stock.booked(next);
                        }
                    }
                    Act::Hold(n, units) => {
                        let before = stock.available();
                        let held = stock.hold(order(n), units, now.plus(Span::seconds(2)), now);
                        prop_assert!(held.is_err() || stock.available() <= before.max(stock.level.available()));
                    }
                    Act::HandOver(n) => {
                        if let Some(promise) = stock.promises.get(&order(n)).copied() {
                            stock.hand_over(order(n), promise.units);
                        }
                    }
                    Act::Forget(n) => stock.forget(order(n)),
                    Act::Wait(millis) => now = now.plus(Span::millis(millis)),
                }
                prop_assert!(stock.level.adds_up(), "{:?}", stock.level);
                prop_assert!(stock.available() >= 0, "{:?}", stock);
                let sum: i64 = stock.promises.values().map(|promise| i64::from(promise.units)).sum();
                prop_assert_eq!(stock.promised, sum);
            }
        }
    }
}
