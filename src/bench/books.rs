//! The books: what was acknowledged to the outside, against what the shop has.
//!
//! A comparison of values and nothing else, so that a test can tamper with either side. Where they
//! come from is `inspect.rs`'s business.

use super::ledger::Ledger;
use super::report::{Finding, words};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the shop says of itself, before and after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Orders that were placed during the run.
    pub orders: Vec<Stored>,
    /// Of each SKU that is for sale, in the order that [`Ledger`] names them by.
    pub skus: Vec<Stock>,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Box<str>,
    pub status: Box<str>,
    /// SKU and units.
    pub lines: Vec<(Box<str>, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    pub sku: String,
    pub before: Level,
    pub after: Level,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    pub on_hand: i64,
    pub reserved: i64,
    /// Whether it may be sold beyond what is on hand.
    pub backorder: bool,
}

/// The log of events, as read from the end that it had before the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub events: u64,
    /// Numbers that are missing, or out of order: what came after which.
    pub gaps: Vec<(u64, u64)>,
    /// How often each order is said to have been placed.
    pub placed: HashMap<Box<str>, u32>,
}

impl Log {
    /// Takes in the next event's number.
    pub fn follow(&mut self, last: u64, number: u64) {
        self.events += 1;
        if number != last + 1 {
            self.gaps.push((last, number));
        }
    }
}

/// What is looked at: each rule with what was counted.
pub fn findings(ledger: &Ledger, state: &State) -> Vec<Finding> {
    vec![
        acknowledged_is_stored(ledger, state),
        stored_is_acknowledged(ledger, state),
        as_ordered(ledger, state),
        one_order_for_a_key(ledger),
        nothing_oversold(state),
        stock_is_conserved(state),
        log_is_gapless(state),
    ]
}

/// Counted, with an example of what is wrong.
fn finding(rule: &str, detail: String, wrong: &[String]) -> Finding {
    let detail = match wrong.first() {
        None => detail,
        Some(first) => format!("{detail}; {} wrong, such as {first}", thousands(wrong.len())),
    };
    Finding { rule: rule.into(), holds: wrong.is_empty(), detail }
}

fn acknowledged_is_stored(ledger: &Ledger, state: &State) -> Finding {
    let stored: HashSet<&str> = state.orders.iter().map(|order| &*order.id).collect();
    let lost = ledger.bought.iter().filter(|bought| !stored.contains(&*bought.order));
    let lost: Vec<String> = lost.map(|bought| bought.order.to_string()).collect();
    let detail = format!(
        "{} acknowledged, {} stored",
        thousands(ledger.bought.len()),
        thousands(state.orders.len())
    );
    finding("every acknowledged order is stored", detail, &lost)
}

fn stored_is_acknowledged(ledger: &Ledger, state: &State) -> Finding {
    let known: HashSet<&str> = ledger.bought.iter().map(|bought| &*bought.order).collect();
    let lives = state.orders.iter().filter(|order| &*order.status != "cancelled");
    let unknown = lives.filter(|order| !known.contains(&*order.id));
    let mut wrong: Vec<String> = unknown.map(|order| order.id.to_string()).collect();
    let left = ledger.uncertain.len();
    if left > 0 {
        wrong.push(format!("{} of which nothing could be learned", thousands(left)));
    }
    let detail = format!("{} refused", thousands(ledger.refused));
    finding("nothing is stored that nobody was told of", detail, &wrong)
}

fn as_ordered(ledger: &Ledger, state: &State) -> Finding {
    let stored: HashMap<&str, &Stored> =
        state.orders.iter().map(|order| (&*order.id, order)).collect();
    let mut wrong = Vec::new();
    let mut units = 0;
    for bought in &ledger.bought {
        let Some(order) = stored.get(&*bought.order) else { continue };
        let wanted = state.skus.get(bought.attempt.sku as usize).map(|stock| &*stock.sku);
        let is_it = match (&order.lines[..], wanted) {
            ([(sku, count)], Some(wanted)) => **sku == *wanted && *count == bought.attempt.units,
            _ => false,
        };
        let is_paid = matches!(&*order.status, "paid") || !bought.is_paid;
        if !is_it || !is_paid {
            wrong.push(format!("{} ({}, {:?})", order.id, order.status, order.lines));
        }
        units += u64::from(bought.attempt.units);
    }
    finding("each order is what its buyer was told", format!("{} units", thousands(units)), &wrong)
}

fn one_order_for_a_key(ledger: &Ledger) -> Finding {
    let mut wrong = ledger.contradictions.clone();
    let mut orders = HashSet::new();
    let mut keys = HashSet::new();
    for bought in &ledger.bought {
        if !orders.insert(&bought.order) {
            wrong.push(format!("{} was given under two keys", bought.order));
        }
        if !keys.insert(bought.attempt.number) {
            wrong.push(format!("key {} brought two orders", bought.attempt.number));
        }
    }
    let detail = format!(
        "{} keys, {} of them used again and answered as before",
        thousands(keys.len()),
        thousands(ledger.repeated)
    );
    finding("one key, one order, one answer", detail, &wrong)
}

fn nothing_oversold(state: &State) -> Finding {
    let is_wrong = |stock: &&Stock| {
        let Level { on_hand, reserved, backorder } = stock.after;
        let is_covered = (0..=on_hand).contains(&reserved);
        !backorder && !is_covered
    };
    let wrong = state.skus.iter().filter(is_wrong);
    let wrong: Vec<String> =
        wrong.map(|stock| format!("{} ({:?})", stock.sku, stock.after)).collect();
    let sold_out = |stock: &&Stock| stock.after.on_hand == stock.after.reserved;
    let sold_out = state.skus.iter().filter(sold_out).count();
    let detail = format!("{} SKUs, {} sold out", thousands(state.skus.len()), thousands(sold_out));
    finding("no unit is sold that is not there", detail, &wrong)
}

/// What came off the shelf is in paid orders, and what is promised in unpaid ones.
fn stock_is_conserved(state: &State) -> Finding {
    let mut moved: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for order in &state.orders {
        for (sku, units) in &order.lines {
            let (sold, promised) = moved.entry(sku).or_default();
            match &*order.status {
                "cancelled" => {}
                "pending_payment" => *promised += i64::from(*units),
                _ => *sold += i64::from(*units),
            }
        }
    }
    let mut wrong = Vec::new();
    let mut units = 0;
    for Stock { sku, before, after } in &state.skus {
        let (sold, promised) = moved.remove(&**sku).unwrap_or_default();
        let gone = before.on_hand - after.on_hand;
        let held = after.reserved - before.reserved;
        if (gone, held) != (sold, promised) {
            wrong.push(format!(
                "{sku}: {gone} left the shelf and {held} are held, where orders say {sold} and {promised}"
            ));
        }
        units += sold;
    }
    wrong.extend(moved.into_keys().map(|sku| format!("{sku} was sold and was not for sale")));
    finding("stock is conserved", format!("{} units sold", thousands(units as u64)), &wrong)
}

fn log_is_gapless(state: &State) -> Finding {
    let log = &state.log;
    let mut wrong: Vec<String> =
        log.gaps.iter().map(|(last, next)| format!("{next} behind {last}")).collect();
    for order in &state.orders {
        match log.placed.get(&order.id).copied().unwrap_or(0) {
            1 => {}
            times => wrong.push(format!("{} was placed {times} times", order.id)),
        }
    }
    finding("the log is gapless", format!("{} events", thousands(log.events)), &wrong)
}

/// A count as people read it.
pub fn thousands(number: impl TryInto<u64>) -> String {
    words::count(number.try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::ledger::{Attempt, Bought};
    use super::*;

    const KETTLE: u32 = 1;

    fn bought(number: u64) -> Bought {
        let cart = format!("cart-{number}").into();
        let attempt = Attempt { number, cart, sku: KETTLE, units: 2 };
        Bought { attempt, order: format!("order-{number}").into(), is_paid: true }
    }

    fn stored(number: u64) -> Stored {
        let lines = vec![("KETTLE".into(), 2)];
        Stored { id: format!("order-{number}").into(), status: "paid".into(), lines }
    }

    fn level(on_hand: i64, reserved: i64) -> Level {
        Level { on_hand, reserved, backorder: false }
    }

    /// Three orders of two kettles each, and all is well.
    fn well() -> (Ledger, State) {
        let ledger = Ledger { bought: (1..=3).map(bought).collect(), ..Ledger::default() };
        let stock = |sku: &str, before, after| Stock { sku: sku.into(), before, after };
        let mut log = Log::default();
        for number in 11..=20 {
            log.follow(number - 1, number);
        }
        log.placed = (1..=3).map(|number| (stored(number).id, 1)).collect();
        let state = State {
            orders: (1..=3).map(stored).collect(),
            skus: vec![
                stock("CUP", level(5, 1), level(5, 1)),
                stock("KETTLE", level(7, 0), level(1, 0)),
            ],
            log,
        };
        (ledger, state)
    }

    #[track_caller]
    fn found(change: impl FnOnce(&mut Ledger, &mut State)) -> Vec<String> {
        let (mut ledger, mut state) = well();
        change(&mut ledger, &mut state);
        let findings = findings(&ledger, &state);
        findings.into_iter().filter(|one| !one.holds).map(|one| one.rule).collect()
    }

    const STORED: &str = "every acknowledged order is stored";
    const TOLD: &str = "nothing is stored that nobody was told of";
    const AS_TOLD: &str = "each order is what its buyer was told";
    const ONE_KEY: &str = "one key, one order, one answer";
    const OVERSOLD: &str = "no unit is sold that is not there";
    const CONSERVED: &str = "stock is conserved";
    const GAPLESS: &str = "the log is gapless";

    #[test]
    fn books_that_agree_are_found_so() {
        assert!(found(|_, _| {}).is_empty());
        let (ledger, state) = well();
        assert_eq!(findings(&ledger, &state)[0].detail, "3 acknowledged, 3 stored");
    }

    #[test]
    fn an_order_that_is_lost_is_missed() {
        let lost = found(|_, state| {
            state.orders.pop();
        });
        // The units went with it, and nobody has them.
        assert_eq!(lost, [STORED, CONSERVED]);
    }

    #[test]
    fn an_order_that_nobody_heard_of_is_found() {
        let unheard = |ledger: &mut Ledger, _: &mut State| {
            ledger.bought.pop();
        };
        assert_eq!(found(unheard), [TOLD]);
        let unsettled = |ledger: &mut Ledger, _: &mut State| {
            ledger.uncertain.push(bought(9).attempt);
        };
        assert_eq!(found(unsettled), [TOLD]);
    }

    #[test]
    fn a_cancelled_order_is_nobodys_and_holds_nothing() {
        let cancelled = |ledger: &mut Ledger, state: &mut State| {
            ledger.bought.pop();
            state.orders[2].status = "cancelled".into();
            state.skus[1].after.on_hand += 2;
        };
        assert!(found(cancelled).is_empty());
        assert_eq!(
            found(|_, state| state.orders[2].status = "cancelled".into()),
            [AS_TOLD, CONSERVED]
        );
    }

    #[test]
    fn an_order_for_something_else_is_found() {
        let fewer = |_: &mut Ledger, state: &mut State| state.orders[0].lines[0].1 = 1;
        assert_eq!(found(fewer), [AS_TOLD, CONSERVED]);
        let other = |_: &mut Ledger, state: &mut State| state.orders[0].lines[0].0 = "CUP".into();
        assert_eq!(found(other), [AS_TOLD, CONSERVED]);
    }

    #[test]
    fn a_key_that_brought_two_orders_is_found() {
        assert_eq!(found(|ledger, _| ledger.bought[1].attempt.number = 1), [ONE_KEY]);
        let again = |ledger: &mut Ledger, _: &mut State| {
            ledger.contradictions.push("key 1: order-1, then order-2".into());
        };
        assert_eq!(found(again), [ONE_KEY]);
    }

    #[test]
    fn a_unit_that_is_sold_twice_is_found() {
        let twice = |_: &mut Ledger, state: &mut State| {
            state.skus[1].before.on_hand = 5;
            state.skus[1].after.on_hand = -1;
        };
        assert_eq!(found(twice), [OVERSOLD]);
        let promised = |_: &mut Ledger, state: &mut State| state.skus[0].after = level(5, 6);
        assert_eq!(found(promised), [OVERSOLD, CONSERVED]);
        let backorder = |_: &mut Ledger, state: &mut State| {
            state.skus[1].before.on_hand = 5;
            state.skus[1].after = Level { backorder: true, ..level(-1, 0) };
        };
        assert!(found(backorder).is_empty());
    }

    #[test]
    fn a_unit_that_vanished_is_found() {
        assert_eq!(found(|_, state| state.skus[1].after.on_hand -= 1), [CONSERVED]);
        assert_eq!(found(|_, state| state.skus[0].after.reserved -= 1), [CONSERVED]);
    }

    #[test]
    fn a_gap_in_the_log_and_an_order_without_its_event_are_found() {
        assert_eq!(found(|_, state| state.log.follow(20, 22)), [GAPLESS]);
        assert_eq!(found(|_, state| state.log.follow(20, 20)), [GAPLESS]);
        assert_eq!(found(|_, state| *state.log.placed.get_mut("order-2").unwrap() = 2), [GAPLESS]);
        assert_eq!(found(|_, state| state.log.placed.clear()), [GAPLESS]);
    }
}
