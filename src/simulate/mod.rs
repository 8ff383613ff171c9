//! The simulator: a whole shop, its disk, its bank and its clients on one seed.
//!
//! `mercat simulate` plays as many runs as it is told to. In each, shoppers and staff go about their
//! errands while disks tear writes and fail to sync, the power goes off between any two operations,
//! entities and shards panic, clocks jump, the bank's answers get lost, doubled and late, and so do
//! clients' requests. The engine is the real one (domain, actors, committer, redb, providers, keys,
//! recovery); what is simulated is time, the order of events, the disk under redb and the network.
//! After every step it is held against a shop kept in lists ([`model`]). One seed gives one story,
//! always; a story in which a promise was broken is told in its shortest form ([`shorten`]).
//!
//! Left out: HTTP, accounts, mail and search; they have their own tests. The method is that of
//! FoundationDB's simulation (Zhou et al., SIGMOD 2021).

mod dice;
mod disk;
mod tasks;
mod story;
mod bank;
mod script;
mod model;
mod life;
mod clients;
mod world;
mod shorten;

#[cfg(test)]
mod tests;

pub use model::Violation;

use script::Script;
use world::World;

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub seed: u64,
    /// With those in which the shop was stocked and came to rest.
    pub steps: usize,
    /// How often the shop started.
    pub starts: u64,
    pub events: usize,
    pub orders: usize,
    /// A number for all that happened, in its order: the same for the same seed.
    pub digest: u64,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
}

/// Plays one run of at least so many steps.
pub fn run(seed: u64, steps: usize) -> Outcome {
    let ended = World::new(Script::of(seed, steps), false).play(steps);
    Outcome {
        seed,
        steps: ended.steps,
        starts: ended.lives,
        events: ended.events,
        orders: ended.orders,
        digest: ended.digest,
        violation: ended.violation,
    }
}

/// Tells a run whose promise was broken: what was attempted, and what happened, line by line; as
/// short as it can be made, or `whole`. `None` where all was well.
pub fn story(seed: u64, steps: usize, whole: bool) -> Option<Vec<String>> {
    let script = Script::of(seed, steps);
    if whole { Some(shorten::told(script, steps)) } else { shorten::story(script, steps) }
}
