//! The simulator on the shop as it is, and on shops that lack one of their guards.

use super::script::Theme;
use super::{run, story};
use crate::actors::tests::a_row_of_before_is_taken_in;
use crate::domain::guard::Guard;

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
    /// What the guard forbids, tried: it is done.
    Tried(fn() -> bool),
}

fn who_notices(guard: Guard) -> Noticed {
    use Noticed::{Simulated, Tried};
    match guard {
        Guard::StockInActor
        | Guard::SettleBeforePassivation
        | Guard::AnswerWhenDurable
        | Guard::AnswerBehindWrite
        | Guard::OneTurn
        | Guard::OneRequest
        | Guard::CartStandsStill
        | Guard::PriceOfTheMoment
        | Guard::Sweeping
        | Guard::RefundWithinCapture => Simulated(Theme::Calm),
        Guard::StockInStore
        | Guard::NextVersion
        | Guard::ForgetAfterFailure
        | Guard::LookAfterDoubt => Simulated(Theme::Disks),
        Guard::HoldsLapse => Simulated(Theme::Panics),
        Guard::AnswerWithEffect
        | Guard::ReservationOnce
        | Guard::SettleBeforeLoad
        | Guard::SettleBeforeSuccessor
        | Guard::VoidBeforeEnd => Simulated(Theme::Payments),
        Guard::Sync | Guard::LateMoneyBack => Simulated(Theme::Crashes),
        Guard::FreshRow => Tried(a_row_of_before_is_taken_in),
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
