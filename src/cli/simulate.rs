//! `mercat simulate`: plays shops in which everything goes wrong, and says what was broken, if anything.

use super::SimulateArgs;
use crate::simulate::{Outcome, run, story};
use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What all runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    steps: u64,
    starts: u64,
    orders: u64,
    events: u64,
    /// Of the lowest seed.
    broken: Option<Outcome>,
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.steps += outcome.steps as u64;
        self.starts += outcome.starts;
        self.orders += outcome.orders as u64;
        self.events += outcome.events as u64;
        let is_first = self.broken.as_ref().is_none_or(|broken| outcome.seed < broken.seed);
        if outcome.violation.is_some() && is_first {
            self.broken = Some(outcome);
        }
    }
}

pub(super) fn run_all(args: &SimulateArgs) -> anyhow::Result<()> {
    let SimulateArgs { seed, runs, steps, whole } = *args;
    let bar = ProgressBar::new(runs);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} runs, {eta} left")?);
    let (next, is_over) = (AtomicU64::new(seed), AtomicBool::new(false));
    let sum = Mutex::new(Sum::default());
    let play = || {
        while !is_over.load(Ordering::Relaxed) {
            let own = next.fetch_add(1, Ordering::Relaxed);
            if own - seed >= runs {
                return;
            }
            let outcome = run(own, steps);
            is_over.fetch_or(outcome.violation.is_some(), Ordering::Relaxed);
            sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
            bar.inc(1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(play);
        }
    });
    bar.finish_and_clear();
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Sum { runs, steps: played, starts, orders, events, broken } = sum;
    println!("{played:>12} steps in {runs} runs, from seed {seed} on");
    println!("{orders:>12} orders placed, {events} events logged");
    println!("{:>12} crashes survived", starts - runs);
    let Some(Outcome { seed, violation: Some(violation), .. }) = broken else {
        println!("No promise was broken.");
        return Ok(());
    };
    eprintln!("Seed {seed} breaks {violation}");
    if !whole {
        eprintln!("Its story is being shortened …");
    }
    for line in story(seed, steps, whole).unwrap_or_default() {
        println!("{line}");
    }
    bail!(
        "seed {seed} breaks {violation}; again: mercat simulate --seed {seed} --runs 1 --steps {steps}"
    )
}
