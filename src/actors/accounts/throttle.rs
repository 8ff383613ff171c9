//! Slows whoever guesses passwords or codes, without giving anybody a way to lock out the owner.
//!
//! Three tallies of failures, each with its own answer:
//! - one account from one network: after a few tries each further one has to wait, ever longer. The
//!   owner, who is somewhere else, does not notice.
//! - one network on all accounts: the same, later. Who logged in there before is exempt, so that a
//!   neighbour's guessing costs nobody their login.
//! - one account from everywhere: a try is answered a little later, such tries have their passwords
//!   looked at one at a time, and none is refused for it. Where the owner logged in before, it is
//!   not even that.
//!
//! An account is the text that was given for it, whether anybody has it or not: known and unknown
//! ones are answered alike. A try counts as failed from its beginning until it is found to be right,
//! so tries at the same time count too. Tallies are in memory alone, a bounded number of them under
//! keyed hashes; the longest unused go first.

use crate::actors::clock::Clock;
use crate::actors::pools::Lane;
use crate::domain::{Span, Timestamp};
use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Tries at one account from one network that are free.
const FREE_AT_ONE_ACCOUNT: u32 = 5;

/// Tries from one network that are free.
const FREE_FROM_ONE_NETWORK: u32 = 50;

/// Failures at one account from everywhere that are free.
const FREE_FROM_EVERYWHERE: u32 = 20;

/// The first wait; doubled with each further failure.
const FIRST_WAIT: Span = Span::seconds(1);

/// The longest that a try is made to wait.
const LONGEST_WAIT: Span = Span::minutes(5);

/// By how much later each failure from everywhere makes the answer, and at most.
const SLOWER: Duration = Duration::from_millis(100);
const SLOWEST: Duration = Duration::from_secs(2);

/// Failures are forgotten after this long without another one.
const FORGOTTEN_AFTER: Span = Span::hours(24);

/// How many tallies of each kind are kept, and how many networks that are known to an account.
const MOST_TALLIES: usize = 65_536;

/// Answers that are held back at once; beyond that a try is asked to come again.
const MOST_HELD: usize = 256;

/// What counts as one client: an IPv4 address, or the /64 network that an IPv6 host has to itself
/// (RFC 6177 gives a site no less).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// A try that has to wait first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed tries; the next one may be made in {} ms", .wait.as_millis())]
pub struct TooManyTries {
    pub wait: Span,
}

impl TooManyTries {
    /// Whole seconds, rounded up.
    pub fn retry_after_s(&self) -> u32 {
        u32::try_from(self.wait.as_millis().max(0).unsigned_abs().div_ceil(1_000)).unwrap_or(1)
    }
}

/// Keeps the tallies. Cheap to clone.
#[derive(Clone)]
pub struct Throttle(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    /// Of this process alone, so nobody can choose what falls together.
    hash: RandomState,
    tallies: Mutex<Tallies>,
    held: Semaphore,
}

struct Tallies {
    /// An account from a network.
    pairs: LruCache<u64, Tally>,
    networks: LruCache<u64, Tally>,
    accounts: LruCache<u64, Tally>,
    /// Pairs that were right before.
    known: LruCache<u64, ()>,
}

/// Failures that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    failures: u32,
    last: Timestamp,
}

#[derive(Clone, Copy)]
struct Keys {
    pair: u64,
    network: u64,
    account: u64,
}

impl Throttle {
    pub fn new(clock: Arc<dyn Clock>) -> Throttle {
        let tallies = Tallies {
            pairs: LruCache::unbounded(),
            networks: LruCache::unbounded(),
            accounts: LruCache::unbounded(),
            known: LruCache::unbounded(),
        };
        Throttle(Arc::new(Shared {
            clock,
            hash: RandomState::new(),
            tallies: Mutex::new(tallies),
            held: Semaphore::new(MOST_HELD),
        }))
    }

    /// Begins a try at `account` (as it was typed) from `address`, or says how long to wait.
    pub fn begin(&self, account: &str, address: IpAddr) -> Result<Try<'_>, TooManyTries> {
        let account = account.trim().to_lowercase();
        let network = network_of(address);
        let hash = &self.0.hash;
        let keys = Keys {
            pair: hash.hash_one((0_u8, &account, network)),
            network: hash.hash_one((1_u8, network)),
            account: hash.hash_one((2_u8, &account)),
        };
        let now = self.0.clock.now();
        let mut tallies = self.tallies();
        let known = tallies.known.get(&keys.pair).is_some();
        wait(tallies.pairs.get(&keys.pair), FREE_AT_ONE_ACCOUNT, now)?;
        if !known {
            wait(tallies.networks.get(&keys.network), FREE_FROM_ONE_NETWORK, now)?;
        }
        let failures = tallies.accounts.get(&keys.account).map_or(0, |tally| tally.at(now));
        let over = if known { 0 } else { failures.saturating_sub(FREE_FROM_EVERYWHERE) };
        let hold = SLOWER.saturating_mul(over).min(SLOWEST);
        let place = if hold.is_zero() {
            None
        } else {
            let held = self.0.held.try_acquire();
            Some(held.map_err(|_| TooManyTries { wait: Span::seconds(2) })?)
        };
        count(&mut tallies.pairs, keys.pair, now);
        count(&mut tallies.networks, keys.network, now);
        count(&mut tallies.accounts, keys.account, now);
        drop(tallies);
        Ok(Try { throttle: self, keys, hold, _place: place })
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.0.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A try that was let through. Dropped without a word, it stays counted as failed.
pub struct Try<'a> {
    throttle: &'a Throttle,
    keys: Keys,
    hold: Duration,
    _place: Option<SemaphorePermit<'a>>,
}

impl Try<'_> {
    /// How long this try is held back.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// In which line its password stands: those of an account that is under attack from everywhere
    /// take turns, so that they leave the threads that hash to everybody else.
    pub fn lane(&self) -> Lane {
        if self.hold.is_zero() { Lane::Wide } else { Lane::Narrow }
    }

    /// Holds the try back. Before the password is looked at, so that it says nothing about it.
    pub async fn held(&self) {
        if !self.hold.is_zero() {
            tokio::time::sleep(self.hold).await;
        }
    }

    /// It was right: the failures of this account here are forgotten, and it is known here.
    pub fn succeeded(self) {
        let mut tallies = self.throttle.tallies();
        tallies.pairs.pop(&self.keys.pair);
        tallies.known.put(self.keys.pair, ());
        bound(&mut tallies.known);
        uncount(&mut tallies.networks, self.keys.network);
        uncount(&mut tallies.accounts, self.keys.account);
    }

    /// Nobody could tell whether it was right: it counts for nothing.
    pub fn undecided(self) {
        let mut tallies = self.throttle.tallies();
        uncount(&mut tallies.pairs, self.keys.pair);
        uncount(&mut tallies.networks, self.keys.network);
        uncount(&mut tallies.accounts, self.keys.account);
    }
}

impl Tally {
    /// One more failure than `before`.
    pub(super) fn after(before: Option<&Tally>, now: Timestamp) -> Tally {
        let failures = before.map_or(0, |tally| tally.at(now));
        Tally { failures: failures.saturating_add(1), last: now }
    }

    /// Failures that are not forgotten.
    fn at(&self, now: Timestamp) -> u32 {
        if self.is_forgotten(now) { 0 } else { self.failures }
    }

    pub(super) fn is_forgotten(&self, now: Timestamp) -> bool {
        self.last.plus(FORGOTTEN_AFTER) <= now
    }
}

/// Refuses while the wait after the last failure is not over; the first `free` cost none.
pub(super) fn wait(tally: Option<&Tally>, free: u32, now: Timestamp) -> Result<(), TooManyTries> {
    let Some(tally) = tally else { return Ok(()) };
    let over = tally.at(now).saturating_sub(free - 1);
    if over == 0 {
        return Ok(());
    }
    let doubled = FIRST_WAIT.as_millis() << (over - 1).min(20);
    let until = tally.last.plus(Span::millis(doubled.min(LONGEST_WAIT.as_millis())));
    if until <= now {
        return Ok(());
    }
    Err(TooManyTries { wait: Span::millis(until.as_millis() - now.as_millis()) })
}

fn count(tallies: &mut LruCache<u64, Tally>, key: u64, now: Timestamp) {
    let tally = Tally::after(tallies.get(&key), now);
    tallies.put(key, tally);
    bound(tallies);
}

fn uncount(tallies: &mut LruCache<u64, Tally>, key: u64) {
    if let Some(tally) = tallies.peek_mut(&key) {
        tally.failures = tally.failures.saturating_sub(1);
    }
}

fn bound<V>(kept: &mut LruCache<u64, V>) {
    while kept.len() > MOST_TALLIES {
        kept.pop_lru();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::clock::ManualClock;

    const OWNER: &str = "ada@example.com";

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        (Throttle::new(clock.clone()), clock)
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn pass(clock: &ManualClock, span: Span) {
        clock.set(clock.now().plus(span));
    }

    /// A failed try, or the seconds to wait.
    fn fail(throttle: &Throttle, account: &str, address: IpAddr) -> Result<(), u32> {
        throttle.begin(account, address).map(drop).map_err(|refused| refused.retry_after_s())
    }

    #[test]
    fn guessing_at_one_account_waits_ever_longer() {
        let (throttle, clock) = throttle();
        for _ in 0..FREE_AT_ONE_ACCOUNT {
            assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
        }
        let mut waited = 1;
        for _ in 0..12 {
            assert_eq!(fail(&throttle, OWNER, ip(1)), Err(waited));
            assert_eq!(fail(&throttle, " ADA@example.com ", ip(1)), Err(waited));
            pass(&clock, Span::seconds(waited.into()));
            assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
            waited = (waited * 2).min(300);
        }
        pass(&clock, FORGOTTEN_AFTER);
        for _ in 0..FREE_AT_ONE_ACCOUNT {
            assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
        }
    }

    #[test]
    fn the_owner_elsewhere_is_never_refused_and_held_back_only_a_little() {
        let (throttle, _) = throttle();
        for attacker in 2..200 {
            while fail(&throttle, OWNER, ip(attacker)).is_ok() {}
        }
        let owner = throttle.begin(OWNER, ip(1)).unwrap();
        assert_eq!((owner.hold(), owner.lane()), (SLOWEST, Lane::Narrow));
        owner.succeeded();
        let owner = throttle.begin(OWNER, ip(1)).unwrap();
        assert_eq!((owner.hold(), owner.lane()), (Duration::ZERO, Lane::Wide));
    }

    #[test]
    fn a_network_that_tries_many_accounts_waits_and_who_is_known_there_does_not() {
        let (throttle, _) = throttle();
        throttle.begin(OWNER, ip(1)).unwrap().succeeded();
        for i in 0..FREE_FROM_ONE_NETWORK {
            assert_eq!(fail(&throttle, &format!("{i}@example.com"), ip(1)), Ok(()));
        }
        assert_eq!(fail(&throttle, "new@example.com", ip(1)), Err(1));
        assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
        assert_eq!(fail(&throttle, "new@example.com", ip(2)), Ok(()));
    }

    #[test]
    fn tries_at_the_same_time_count_and_undecided_ones_do_not() {
        let (throttle, _) = throttle();
        let free = FREE_AT_ONE_ACCOUNT as usize;
        let at_once: Vec<Try> = (0..free).map(|_| throttle.begin(OWNER, ip(1)).unwrap()).collect();
        assert!(throttle.begin(OWNER, ip(1)).is_err());
        at_once.into_iter().for_each(Try::undecided);
        for _ in 0..free {
            throttle.begin(OWNER, ip(1)).unwrap().undecided();
        }
        assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (throttle, _) = throttle();
        for i in 0..MOST_TALLIES + 10 {
            let network = IpAddr::from([10, (i >> 16) as u8, (i >> 8) as u8, i as u8]);
            throttle.begin(&format!("{i}"), network).unwrap().succeeded();
            throttle.begin(&format!("{i}"), network).map(drop).unwrap();
        }
        let tallies = throttle.tallies();
        let kept = [&tallies.pairs, &tallies.networks, &tallies.accounts].map(LruCache::len);
        assert_eq!(kept, [MOST_TALLIES; 3]);
        assert_eq!(tallies.known.len(), MOST_TALLIES);
    }

    #[test]
    fn held_answers_are_bounded() {
        let (throttle, _) = throttle();
        for i in 0..=FREE_FROM_EVERYWHERE {
            fail(&throttle, OWNER, [10, 0, 0, i as u8].into()).unwrap();
        }
        let address = |i: usize| IpAddr::from([10, 1, (i >> 8) as u8, i as u8]);
        let held: Vec<Try> =
            (0..MOST_HELD).map(|i| throttle.begin(OWNER, address(i)).unwrap()).collect();
        assert!(held.iter().all(|one| !one.hold().is_zero()));
        assert_eq!(fail(&throttle, OWNER, ip(1)), Err(2));
        drop(held);
        assert_eq!(fail(&throttle, OWNER, ip(1)), Ok(()));
    }

    #[test]
    fn an_ipv6_host_is_known_by_its_network() {
        let of = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }
}
