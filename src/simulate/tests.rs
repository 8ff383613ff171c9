//! The simulator on the shop as it is, and on shops that lack one of their guards.

use super::{run, story};

#[test]
fn no_promise_is_broken() {
    for seed in 0..40 {
        let outcome = run(seed, 1_000);
        if let Some(violation) = outcome.violation {
            let told = story(seed, 1_000, false).unwrap_or_default().join("\n");
            panic!("seed {seed}: {violation}\n{told}");
        }
    }
}

#[test]
fn one_seed_is_one_story() {
    for seed in 0..10 {
        let (one, two) = (run(seed, 1_000), run(seed, 1_000));
        assert_eq!((one.digest, one.steps), (two.digest, two.steps), "seed {seed}");
    }
}
