//! The simulator on the shop as it is, and on shops that lack one of their guards.

use super::script::Theme;
use super::{run, story};
use crate::actors::keys::{Begin, Keys};
use crate::actors::tests::{checkouts, crashes, obligations};
use crate::domain::event::Fact;
use crate::domain::guard::Guard;
use crate::domain::order::Attempt;
use crate::domain::permission::Permission;
use crate::domain::stock::{Change, Movement, StockEvent};
use crate::domain::{CartId, OrderId, Sku, Timestamp};
use crate::http::access::Caller;
use crate::http::access::rules::Rule;
use crate::storage::memory::MemoryStore;
use crate::storage::records::{Answer, Body, KeyRow};
use crate::storage::{Batch, Store};
use std::panic::catch_unwind;
use std::sync::Arc;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Seeds and steps of each that `cargo test` plays; `mercat simulate` plays more.
const SEEDS: u64 = 60;
const STEPS: usize = 1_000;

/// Runs of [`STEPS`] steps within which the simulator misses a guard: 10,000 steps.
const RUNS: usize = 10;

#[test]
fn no_promise_is_broken() {
    for seed in 0..SEEDS {
        let outcome = run(seed, STEPS);
        if let Some(violation) = outcome.violation {
            let told = story(seed, STEPS, false).unwrap_or_default().join("\n");
            panic!("seed {seed}: {violation}\n{told}");
        }
    }
}

#[test]
fn one_seed_is_one_story() {
    for seed in 0..10 {
        let (one, two) = (run(seed, STEPS), run(seed, STEPS));
        assert_eq!((one.digest, one.steps), (two.digest, two.steps), "seed {seed}");
    }
    assert_ne!(run(0, STEPS).digest, run(1, STEPS).digest);
}

/// Who has to notice that a guard is missing.
enum Noticed {
    /// The simulator, in runs of this theme.
    Simulated(Theme),
    /// A test of the engine, which fails without it.
    Tested(fn()),
    /// What the guard forbids, tried: it is done.
    Tried(fn() -> bool),
}

fn who_notices(guard: Guard) -> Noticed {
    use Noticed::{Simulated, Tested, Tried};
    match guard {
        Guard::StockInActor
        | Guard::SettleBeforePassivation
        | Guard::AnswerWhenDurable
        | Guard::AnswerBehindWrite
        | Guard::OneTurn
        | Guard::CartStandsStill
        | Guard::PriceOfTheMoment
        | Guard::Sweeping
        | Guard::RefundWithinCapture => Simulated(Theme::Calm),
        Guard::NextVersion | Guard::ForgetAfterFailure => Simulated(Theme::Disks),
        Guard::Sync | Guard::AnswerWithEffect => Simulated(Theme::Crashes),
        Guard::SettleBeforeLoad => {
            Tested(obligations::a_sku_is_loaded_only_when_all_its_batches_are_settled)
        }
        Guard::HoldsLapse => Tested(obligations::a_hold_lapses_unless_its_order_is_handed_over),
        Guard::LateMoneyBack => Tested(checkouts::money_that_comes_after_the_deadline_goes_back),
        Guard::VoidBeforeEnd => Tested(
            crashes::money_that_is_still_on_its_way_when_the_shop_recovers_is_not_taken_for_nothing,
        ),
        Guard::LookAfterDoubt => Tried(what_was_done_is_done_again),
        Guard::StockInStore => Tried(more_is_booked_than_there_is),
        Guard::ReservationOnce => Tried(a_promise_is_taken_back_twice),
        Guard::OneRequest => Tried(a_key_serves_two_requests),
        Guard::Admission => Tried(a_guest_writes_products),
    }
}

/// How it was noticed that the guard is missing; `None` where nobody did.
fn is_missed(guard: Guard) -> Option<String> {
    match who_notices(guard) {
        Noticed::Simulated(theme) => {
            let seeds = (0..).filter(|seed| Theme::of(*seed) == theme).take(RUNS);
            seeds.enumerate().find_map(|(before, seed)| {
                let violation = run(seed, STEPS).violation?;
                let steps = (before + 1) * STEPS;
                Some(format!("within {steps} steps, seed {seed}: {violation}"))
            })
        }
        Noticed::Tested(test) => catch_unwind(test).is_err().then(|| "a test failed".to_owned()),
        Noticed::Tried(is_done) => is_done().then(|| "it was done".to_owned()),
    }
}

#[test]
fn every_guard_is_missed() {
    let mut unmissed = Vec::new();
    for guard in Guard::ALL {
        match guard.without(|| is_missed(guard)) {
            Some(how) => println!("{guard:?}: {how}"),
            None => unmissed.push(guard),
        }
    }
    assert_eq!(unmissed, [], "nobody noticed that they were missing");
}

#[test]
fn what_guards_forbid_is_not_done_while_they_stand() {
    for guard in Guard::ALL {
        if let Noticed::Tried(is_done) = who_notices(guard) {
            assert!(!is_done(), "{guard:?}");
        }
    }
}

fn moved(store: &MemoryStore, change: Change) -> bool {
    let sku: Sku = "A".parse().unwrap();
    let mut batch = Batch::new();
    let event = StockEvent::Adjusted { delta: 0, reason: "test".into(), note: None };
    let movement = Movement { sku: sku.clone(), change };
    batch.fact(NOON, Fact::Stock(sku, event), vec![movement]);
    store.commit(&[batch]).unwrap().remove(0).is_ok()
}

fn reserve(order: u8, units: u32) -> Change {
    Change::Reserve { order: OrderId::from_bytes([order; 16]), units, expires_at: NOON }
}

fn more_is_booked_than_there_is() -> bool {
    let store = MemoryStore::new();
    assert!(moved(&store, Change::Adjust { delta: 1 }));
    moved(&store, reserve(1, 2))
}

fn a_promise_is_taken_back_twice() -> bool {
    let store = MemoryStore::new();
    assert!(moved(&store, Change::Adjust { delta: 4 }));
    assert!(moved(&store, reserve(1, 1)) && moved(&store, reserve(2, 1)));
    let release = Change::Release { order: OrderId::from_bytes([1; 16]), units: 1 };
    assert!(moved(&store, release.clone()));
    moved(&store, release)
}

fn a_key_serves_two_requests() -> bool {
    let keys = Keys::load(Arc::new(MemoryStore::new()), NOON).unwrap();
    let attempt = |body| Attempt { key: [1; 16], fingerprint: [body; 16] };
    let _running = keys.begin(attempt(1), NOON).unwrap();
    !matches!(keys.begin(attempt(2), NOON).unwrap(), Begin::Reused)
}

fn a_guest_writes_products() -> bool {
    let cart = CartId::new(NOON, [1; 16]);
    Rule::May(Permission::ProductsWrite).admits(&Caller::Cart(cart)).is_ok()
}

/// A request that was cut off had an effect, of which nobody heard.
fn what_was_done_is_done_again() -> bool {
    let store = Arc::new(MemoryStore::new());
    let keys = Keys::load(store.clone(), NOON).unwrap();
    let attempt = Attempt { key: [1; 16], fingerprint: [1; 16] };
    let Begin::Fresh(running) = keys.begin(attempt, NOON).unwrap() else { return false };
    let body = Body::Plain(b"done".to_vec());
    let row = Answer { status: 201, headers: vec![], body, fingerprint: [1; 16], at: NOON };
    let mut batch = Batch::new();
    batch.answer(running.first_used(), attempt, &KeyRow::Done(row));
    store.commit(&[batch]).unwrap().remove(0).unwrap();
    drop(running);
    matches!(keys.begin(attempt, NOON).unwrap(), Begin::Fresh(_))
}
