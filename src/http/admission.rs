//! How many writes may be under way, so that none waits for long: whoever comes when as many wait as
//! can be served in time is turned away at once, and those who are in are served as ever.
//!
//! All writes go through one committer, which takes whatever waits in groups. By Little's law
//! (waiting = rate × wait) the wait is bounded by bounding how many wait. How many that may be
//! depends on the machine and on what is written, so it is found by trying, as TCP finds its window:
//! additive increase, and a decrease when it gets late (Chiu and Jain, 1989); the decrease goes at once
//! to what Little's law says. As with CoDel (RFC 8289), a burst is let in whole, and only a queue that
//! stands is cut: late is not that one waited, but that more than half did in a window of time. The
//! median is not moved by the few who wait for a payment provider, nor by refusals that wait for nothing.
//!
//! One rule says who goes first: [`Errand::share`].
//!
//! Not counted are reads, which wait for no disk; what proves who somebody is, which waits for a pool
//! with a bound of its own; imports and pictures, which take their time; calls of a payment provider
//! while they last; and whoever is still sending, so that nobody holds places by sending slowly.

use super::rates::Class;
use crate::telemetry::WriteGauge;
use axum::http::Method;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// So many writes under way at once are let in on any machine, whatever they wait.
const FLOOR: usize = 64;

/// The least bound: the one of which [`Errand::Begins`] has [`FLOOR`].
const LEAST: usize = 2 * FLOOR;

/// How many more are tried when the bound was reached and kept the wait.
const STEP: usize = 8;

/// After how much time it is asked how long those who left meanwhile have waited.
const WINDOW: Duration = Duration::from_millis(50);

/// What a write is for, as far as its way in depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Begins something new: a cart.
    Begins,
    /// Goes on with what was begun, up to the till; and everything that staff do.
    GoesOn,
}

impl Errand {
    /// The errand of a request; none of one that is not counted. `patient` are the starts of paths
    /// that may take their time.
    pub fn of(method: &Method, path: &str, patient: &[&str]) -> Option<Errand> {
        match Class::of(method, path) {
            Class::Read | Class::Auth => return None,
            Class::Write | Class::Checkout => {}
        }
        let is_picture = path.starts_with("/v1/products/") && path.ends_with("/images");
        if is_picture || patient.iter().any(|start| path.starts_with(start)) {
            return None;
        }
        let begins = *method == Method::POST && path == "/v1/carts";
        Some(if begins { Errand::Begins } else { Errand::GoesOn })
    }

    /// How much of the bound it may use: a flood turns away who comes, and not who is at the till. Those
    /// who came together are answered together, by one commit, and then all go on at once, so half of
    /// the places are theirs.
    fn share(self, bound: usize) -> usize {
        match self {
            Errand::Begins => (bound / 2).max(1),
            Errand::GoesOn => bound,
        }
    }
}

/// What is wanted: how long a write may take, and the most that may be under way.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub target: Duration,
    pub most: usize,
}

/// What was seen since the bound was last thought over.
#[derive(Clone, Copy, Debug)]
struct Seen {
    elapsed: Duration,
    ended: u64,
    /// How many of those took longer than the target.
    late: u64,
    /// The most that were under way or wanted to be.
    peak: usize,
}

impl Rule {
    fn least(&self) -> usize {
        LEAST.min(self.most)
    }

    /// The bound from now on.
    fn next(&self, bound: usize, seen: &Seen) -> usize {
        let next = if 2 * seen.late > seen.ended {
            let in_target = u128::from(seen.ended) * self.target.as_micros();
            let served = in_target / seen.elapsed.as_micros().max(1);
            usize::try_from(served).unwrap_or(usize::MAX).min(bound - bound / 8)
        } else if seen.peak >= Errand::Begins.share(bound) {
            bound.saturating_add(STEP)
        } else {
            let windows = seen.elapsed.as_micros() / WINDOW.as_micros();
            bound.saturating_mul(1 << windows.min(4))
        };
        next.clamp(self.least(), self.most)
    }
}

/// The writes under way, and how many there may be.
pub struct Admission {
    rule: Rule,
    gauge: Arc<WriteGauge>,
    /// How many wait for a payment provider.
    outside: Arc<AtomicUsize>,
    began: Instant,
    /// When the bound was last thought over, in microseconds since `began`.
    thought_over: AtomicU64,
    ended: AtomicU64,
    late: AtomicU64,
    peak: AtomicUsize,
}

impl Admission {
    /// `outside` says at any time how many writes wait for somebody other than the shop.
    pub fn new(
        rule: Rule,
        gauge: Arc<WriteGauge>,
        outside: Arc<AtomicUsize>,
        now: Instant,
    ) -> Admission {
        let rule = Rule { most: rule.most.max(1), ..rule };
        gauge.most.store(rule.most, Ordering::Relaxed);
        Admission {
            rule,
            gauge,
            outside,
            began: now,
            thought_over: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            late: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    fn bound(&self) -> usize {
        self.gauge.most.load(Ordering::Relaxed)
    }

    /// How many of so many wait for the shop.
    fn inside(&self, under_way: usize) -> usize {
        under_way.saturating_sub(self.outside.load(Ordering::Relaxed))
    }

    /// Whether one more would be let in. Takes no place.
    pub fn has_room(&self, errand: Errand) -> bool {
        let inside = self.inside(self.gauge.under_way.load(Ordering::Relaxed));
        self.peak.fetch_max(inside + 1, Ordering::Relaxed);
        inside < errand.share(self.bound())
    }

    /// Takes a place, if there is one. Whoever got it says so when it is over: [`Admission::left`].
    pub fn enter(&self, errand: Errand, now: Instant) -> bool {
        let before = self.inside(self.gauge.under_way.fetch_add(1, Ordering::Relaxed));
        if before == 0 {
            // An empty house: whatever it was like before is over.
            self.think_over(now, |seen| Seen { ended: 0, late: 0, peak: 0, ..seen });
        }
        self.peak.fetch_max(before + 1, Ordering::Relaxed);
        let is_in = before < errand.share(self.bound());
        if !is_in {
            self.gauge.under_way.fetch_sub(1, Ordering::Relaxed);
        }
        is_in
    }

    /// A write is over that took so long.
    pub fn left(&self, took: Duration, now: Instant) {
        self.gauge.under_way.fetch_sub(1, Ordering::Relaxed);
        self.late.fetch_add(u64::from(took > self.rule.target), Ordering::Relaxed);
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.think_over(now, |seen| seen);
    }

    /// Sets the bound anew when it is time for that. Whoever comes first does it; a write that ends in
    /// between is counted on either side.
    fn think_over(&self, now: Instant, of: impl FnOnce(Seen) -> Seen) {
        let last = self.thought_over.load(Ordering::Relaxed);
        let now = now.saturating_duration_since(self.began).as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let elapsed = Duration::from_micros(now.saturating_sub(last));
        let order = Ordering::Relaxed;
        if elapsed < WINDOW || self.thought_over.compare_exchange(last, now, order, order).is_err()
        {
            return;
        }
        let inside = self.inside(self.gauge.under_way.load(order));
        let seen = Seen {
            elapsed,
            late: self.late.swap(0, order),
            ended: self.ended.swap(0, order),
            peak: self.peak.swap(inside, order),
        };
        self.gauge.most.store(self.rule.next(self.bound(), &of(seen)), order);
    }
}

/// One write and its place, which it takes when all of it has come and gives back when nobody works
/// for it any more.
pub struct Seat {
    admission: Arc<Admission>,
    errand: Errand,
    taken: OnceLock<Instant>,
    refused: AtomicBool,
}

impl Seat {
    /// None where the house is full already.
    pub fn at(admission: &Arc<Admission>, errand: Errand) -> Option<Seat> {
        let seat = Seat {
            admission: Arc::clone(admission),
            errand,
            taken: OnceLock::new(),
            refused: AtomicBool::new(false),
        };
        admission.has_room(errand).then_some(seat)
    }

    /// Takes the place; says whether there was one.
    pub fn take(&self) -> bool {
        let now = Instant::now();
        let is_in = self.admission.enter(self.errand, now);
        if is_in {
            // A request comes to its end once.
            let _ = self.taken.set(now);
        } else {
            self.refused.store(true, Ordering::Relaxed);
        }
        is_in
    }

    /// Whether there was no place when it came to that.
    pub fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.get() {
            let now = Instant::now();
            self.admission.left(now.saturating_duration_since(*taken), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const TARGET: Duration = Duration::from_millis(15);
    const MOST: usize = 512;
    const MILLISECOND: Duration = Duration::from_millis(1);

    /// A shop that takes `fixed` and, for each write under way, `each` more, by a clock of its own.
    struct Server {
        admission: Admission,
        gauge: Arc<WriteGauge>,
        now: Instant,
        fixed: Duration,
        each: Duration,
        /// When each is over, and when it came.
        under_way: VecDeque<(Instant, Instant)>,
        took: Vec<Duration>,
        refused: usize,
    }

    impl Server {
        fn new(each: Duration) -> Server {
            let (gauge, now) = (Arc::<WriteGauge>::default(), Instant::now());
            let rule = Rule { target: TARGET, most: MOST };
            let admission = Admission::new(rule, gauge.clone(), Arc::default(), now);
            let fixed = 2 * MILLISECOND;
            let (under_way, took) = (VecDeque::new(), vec![]);
            Server { admission, gauge, now, fixed, each, under_way, took, refused: 0 }
        }

        /// One that serves at most 6,000 writes a second.
        fn usual() -> Server {
            Server::new(Duration::from_micros(1_000_000 / 6_000))
        }

        fn bound(&self) -> usize {
            self.gauge.most.load(Ordering::Relaxed)
        }

        /// Lets so many a second come for so long.
        fn comes(&mut self, errand: Errand, a_second: usize, lasting: Duration) {
            (self.took, self.refused) = (vec![], 0);
            for millisecond in 1..=lasting.as_millis() as usize {
                let due = a_second * millisecond / 1_000 - a_second * (millisecond - 1) / 1_000;
                for _ in 0..due {
                    if self.admission.has_room(errand) && self.admission.enter(errand, self.now) {
                        let takes = self.fixed + self.each * (self.under_way.len() as u32 + 1);
                        self.under_way.push_back((self.now + takes, self.now));
                    } else {
                        self.refused += 1;
                    }
                }
                self.pass();
            }
        }

        /// One millisecond.
        fn pass(&mut self) {
            self.now += MILLISECOND;
            self.under_way.make_contiguous().sort();
            while self.under_way.front().is_some_and(|(over, _)| *over <= self.now) {
                let (over, came) = self.under_way.pop_front().unwrap();
                self.took.push(over - came);
                self.admission.left(over - came, self.now);
                let bound = self.bound();
                assert!((LEAST..=MOST).contains(&bound), "{bound}");
            }
        }

        fn slowest(&self, part: f64) -> Duration {
            let mut took = self.took.clone();
            took.sort();
            took[((took.len() - 1) as f64 * part) as usize]
        }
    }

    #[test]
    fn a_flood_of_ten_times_what_can_be_served_leaves_the_wait_near_the_target() {
        let mut server = Server::new(Duration::from_micros(1_000_000 / 12_000));
        server.comes(Errand::GoesOn, 120_000, Duration::from_millis(300));
        server.comes(Errand::GoesOn, 120_000, Duration::from_secs(3));
        assert!(server.slowest(0.99) < 2 * TARGET, "{:?}", server.slowest(0.99));
        let rate = server.took.len() / 3;
        assert!(rate > 8_000, "most of what can be served is: {rate}");
        assert!(server.refused > 200_000);
        assert!((LEAST + 1..MOST).contains(&server.bound()), "{}", server.bound());
    }

    #[test]
    fn in_calm_and_in_a_burst_after_it_everybody_is_let_in() {
        let mut server = Server::usual();
        server.comes(Errand::Begins, 3_000, Duration::from_secs(2));
        assert_eq!((server.refused, server.bound()), (0, MOST));
        let burst = Errand::Begins.share(MOST) - server.under_way.len();
        server.comes(Errand::Begins, burst * 1_000, MILLISECOND);
        assert_eq!(server.refused, 0, "a burst is let in whole");
    }

    #[test]
    fn within_a_second_after_a_flood_all_is_as_before() {
        let mut server = Server::usual();
        server.comes(Errand::Begins, 60_000, Duration::from_secs(2));
        assert!(server.bound() < MOST / 2, "{}", server.bound());
        server.comes(Errand::Begins, 3_000, Duration::from_secs(1));
        assert_eq!(server.bound(), MOST);
        // As it does where nobody comes at all, until somebody does.
        server.comes(Errand::Begins, 60_000, Duration::from_secs(2));
        server.comes(Errand::Begins, 0, Duration::from_secs(1));
        server.comes(Errand::Begins, 200_000, MILLISECOND);
        assert_eq!((server.refused, server.bound()), (0, MOST));
    }

    #[test]
    fn a_shop_that_is_always_slow_lets_the_floor_in() {
        let mut server = Server::new(Duration::from_millis(5));
        server.comes(Errand::Begins, 5_000, Duration::from_secs(5));
        assert_eq!(server.bound(), LEAST);
        assert_eq!(server.under_way.len(), FLOOR, "of those who begin something");
        server.comes(Errand::GoesOn, 1_000, 30 * MILLISECOND);
        assert_eq!(server.refused, 0, "who goes on finds room");
    }

    #[test]
    fn who_begins_is_turned_away_before_who_goes_on() {
        let mut server = Server::usual();
        server.comes(Errand::Begins, 1_000_000, MILLISECOND);
        assert!(server.refused > 0);
        server.comes(Errand::GoesOn, 100_000, MILLISECOND);
        assert_eq!(server.refused, 0);
    }

    #[test]
    fn who_waits_for_a_payment_provider_takes_no_place() {
        let outside = Arc::new(AtomicUsize::new(0));
        let (rule, now) = (Rule { target: TARGET, most: 2 }, Instant::now());
        let admission = Admission::new(rule, Arc::default(), outside.clone(), now);
        let enter = || admission.enter(Errand::GoesOn, now);
        assert_eq!([enter(), enter(), enter()], [true, true, false]);
        outside.store(1, Ordering::Relaxed);
        assert_eq!([enter(), enter()], [true, false]);
    }

    #[test]
    fn what_is_counted_are_writes_that_wait_for_the_disk() {
        let of = |method: &str, path: &str| {
            Errand::of(&method.parse().unwrap(), path, &["/v1/imports/"])
        };
        assert_eq!(of("POST", "/v1/carts"), Some(Errand::Begins));
        for (method, path) in [
            ("POST", "/v1/carts/cart-1/items"),
            ("POST", "/v1/carts/cart-1/checkout"),
            ("PATCH", "/v1/inventory/MUG"),
            ("DELETE", "/v1/carts/cart-1"),
        ] {
            assert_eq!(of(method, path), Some(Errand::GoesOn), "{method} {path}");
        }
        for (method, path) in [
            ("GET", "/v1/carts/cart-1"),
            ("HEAD", "/v1/products"),
            ("OPTIONS", "/v1/carts"),
            ("POST", "/v1/auth/login"),
            ("POST", "/v1/imports/products"),
            ("POST", "/v1/products/prod-1/images"),
        ] {
            assert_eq!(of(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_seat_is_given_back_once_it_was_taken() {
        let gauge = Arc::<WriteGauge>::default();
        let rule = Rule { target: TARGET, most: 1 };
        let admission = Admission::new(rule, gauge.clone(), Arc::default(), Instant::now());
        let admission = Arc::new(admission);
        let seat = || Seat::at(&admission, Errand::GoesOn);
        let (first, second) = (seat().unwrap(), seat().unwrap());
        assert!(first.take() && !second.take() && second.was_refused());
        assert!(seat().is_none());
        drop(second);
        assert_eq!(gauge.under_way.load(Ordering::Relaxed), 1);
        drop(first);
        assert_eq!(gauge.under_way.load(Ordering::Relaxed), 0);
        assert!(seat().is_some());
    }

    proptest! {
        #[test]
        fn the_bound_stays_between_its_ends(
            most in 1usize..2_000,
            windows in prop::collection::vec((0u64..10_000_000, 0u64..5_000, 0u64..=100, 0usize..5_000), 1..50),
        ) {
            let rule = Rule { target: TARGET, most };
            let mut bound = most;
            for (us, ended, percent, peak) in windows {
                let (elapsed, late) = (Duration::from_micros(us), ended * percent / 100);
                let next = rule.next(bound, &Seen { elapsed, ended, late, peak });
                prop_assert!(LEAST.min(most) <= next && next <= most);
                if 2 * late > ended {
                    prop_assert!(next < bound || next == LEAST.min(most));
                } else {
                    prop_assert!(next >= bound);
                }
                bound = next;
            }
        }
    }
}
