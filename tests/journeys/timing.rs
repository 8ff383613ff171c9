//! Whether anybody can find out by the clock who has an account.

use crate::people::{login, register};
use crate::testshop::TestShop;
use mercat::domain::Span;
use std::time::{Duration, Instant};

const TRIES: usize = 500;

/// How far from 1/2 the share of pairs may be in which the known address took longer: 4.5 standard
/// deviations of what chance alone makes of so many tries, so that it fails once in 100,000 runs.
/// Source: Mann and Whitney, On a Test of Whether one of Two Random Variables is Stochastically
/// Larger than the Other, 1947.
fn most_apart(tries: usize) -> f64 {
    let tries = tries as f64;
    4.5 * ((2.0 * tries + 1.0) / (12.0 * tries * tries)).sqrt()
}

/// The share of all pairs in which the first is longer; ties count half.
fn share_longer(first: &[Duration], second: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = first.iter().map(|time| (*time, true)).collect();
    all.extend(second.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let (mut longer, mut shorter_seconds, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let ties = all[at..].iter().take_while(|(time, _)| *time == all[at].0).count();
        let firsts = all[at..at + ties].iter().filter(|(_, is_first)| *is_first).count() as f64;
        let seconds = ties as f64 - firsts;
        longer += firsts * (shorter_seconds + seconds / 2.0);
        shorter_seconds += seconds;
        at += ties;
    }
    longer / (first.len() as f64 * second.len() as f64)
}

#[test]
fn the_measure_tells_apart_what_differs() {
    let times = |from: u64| (from..from + 500).map(Duration::from_micros).collect::<Vec<_>>();
    assert!((share_longer(&times(0), &times(0)) - 0.5).abs() < 1e-9);
    // A tenth of the spread is found.
    assert!(share_longer(&times(50), &times(0)) - 0.5 > most_apart(500));
    assert!(0.5 - share_longer(&times(0), &times(50)) > most_apart(500));
    assert!((share_longer(&times(1_000), &times(0)) - 1.0).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_says_and_takes_the_same_for_a_known_and_an_unknown_address() {
    let shop = TestShop::open().await;
    register(&shop, "known@example.com").await.expect(202);
    let emails = ["known@example.com", "stray@example.com"];
    let (mut times, mut answers) = ([Vec::new(), Vec::new()], Vec::new());
    for turn in 0..TRIES {
        // In turns, and each first as often, so that what else the machine does meets both alike.
        for which in [turn % 2, 1 - turn % 2] {
            let began = Instant::now();
            let answer = login(&shop, emails[which], "not the password").await;
            times[which].push(began.elapsed());
            answers.push((answer.status, answer.bytes));
        }
        // Guesses are slowed after a few; what is measured here is not that.
        shop.pass(Span::hours(25));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "an answer differs");
    let share = share_longer(&times[0], &times[1]);
    let apart = (share - 0.5).abs();
    assert!(apart < most_apart(TRIES), "the known address takes longer in {share} of all pairs");
}
