//! Random choices that can be made again: all come from one number, which a test prints.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Where the choices of a test come from: `MERCAT_CRASH_SEED`, or else another number every time.
/// Printed, and shown by the test runner where the test fails.
pub fn chance(test: &str) -> StdRng {
    let seed = match std::env::var("MERCAT_CRASH_SEED") {
        Ok(seed) => seed.parse().expect("MERCAT_CRASH_SEED is a whole number"),
        Err(_) => rand::random::<u32>().into(),
    };
    println!("{test}: run it again with MERCAT_CRASH_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// A number from the environment, for how long a test goes on.
pub fn count(variable: &str, otherwise: usize) -> usize {
    let set = std::env::var(variable).ok().filter(|set| !set.is_empty());
    set.map_or(otherwise, |set| set.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// True once in so many times.
pub fn one_in(times: u32, chance: &mut StdRng) -> bool {
    chance.random_ratio(1, times)
}
