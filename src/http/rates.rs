//! How often who may ask: so many requests a minute of each class, for each account and, for those
//! who are nobody yet or prove who they are, for each client address. Whoever spent a minute's worth gets more as time
//! passes, one at a time.
//!
//! All tallies lie in one table of fixed size, found by a keyed hash: memory is bounded by
//! construction, nothing has to be swept, and a flood of made-up addresses pushes nobody out. Two
//! callers who fall on one tally by chance share it; nobody can choose with whom.
//!
//! Answers say where the caller stands in `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10).

use crate::actors::accounts::throttle::network_of;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Tallies in the table; a power of two. Each takes 8 bytes.
const TALLIES: usize = 1 << 17;

/// The window that policies name, in seconds.
const WINDOW: u64 = 60;

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Read,
    Write,
    /// Everything that proves who somebody is: each costs a hash of a password or a guess.
    Auth,
    /// Checkouts: each calls a payment provider.
    Checkout,
}

impl Class {
    const ALL: [Class; 4] = [Class::Read, Class::Write, Class::Auth, Class::Checkout];

    pub fn of(method: &Method, path: &str) -> Class {
        let is_read = [Method::GET, Method::HEAD].contains(method);
        // Pages ask who is logged in; there is nothing to guess.
        if is_read && path == "/v1/auth/session" {
            return Class::Read;
        }
        // Pages of an account show and ask; what proves who somebody is comes as a form. An address is no
        // secret.
        let is_of_accounts = path.starts_with("/v1/auth/")
            || path.starts_with("/account/") && !is_read && !path.starts_with("/account/addresses");
        if is_of_accounts || path.ends_with("/password") {
            return Class::Auth;
        }
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Class::Read,
            Method::POST if path.ends_with("/checkout") => Class::Checkout,
            _ => Class::Write,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Write => "write",
            Class::Auth => "auth",
            Class::Checkout => "checkout",
        }
    }
}

/// Requests a minute by class; 0 for any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerMinute {
    pub read: u32,
    pub write: u32,
    pub auth: u32,
    pub checkout: u32,
}

impl PerMinute {
    fn of(&self, class: Class) -> u32 {
        match class {
            Class::Read => self.read,
            Class::Write => self.write,
            Class::Auth => self.auth,
            Class::Checkout => self.checkout,
        }
    }
}

/// What is granted to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// To a client address that shows no valid credentials.
    pub address: PerMinute,
    /// To an account or API key, from wherever it asks.
    pub account: PerMinute,
}

impl Default for RateSettings {
    fn default() -> RateSettings {
        RateSettings {
            address: PerMinute { read: 1_200, write: 300, auth: 60, checkout: 60 },
            account: PerMinute { read: 6_000, write: 3_000, auth: 60, checkout: 300 },
        }
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Address(IpAddr),
    /// A number that no other account has.
    Account(u64),
}

/// Keeps count.
pub struct Rates<C: Clock = MonotonicClock> {
    hash: RandomState,
    address: [Option<Rate<C>>; 4],
    account: [Option<Rate<C>>; 4],
}

/// One class's quota.
struct Rate<C: Clock> {
    limiter: RateLimiter<u64, Table, C, StateInformationMiddleware>,
    clock: C,
    name: String,
    policy: HeaderValue,
}

/// Where a caller stands after a request.
#[derive(Clone, Debug)]
pub struct Standing {
    policy: HeaderValue,
    limit: HeaderValue,
}

impl Standing {
    /// Says so in an answer.
    pub fn mark(self, headers: &mut HeaderMap) {
        headers.insert(RATE_LIMIT_POLICY, self.policy);
        headers.insert(RATE_LIMIT, self.limit);
    }
}

/// A request that is one too many.
#[derive(Debug)]
pub struct TooMany {
    pub standing: Standing,
    pub retry_after_s: u32,
}

impl<C: Clock + Clone> Rates<C> {
    pub fn new(settings: &RateSettings, clock: &C) -> Rates<C> {
        let table: Arc<[InMemoryState]> =
            std::iter::repeat_with(InMemoryState::default).take(TALLIES).collect();
        let rates = |kind: &str, quotas: &PerMinute| {
            Class::ALL.map(|class| {
                let quota = NonZeroU32::new(quotas.of(class))?;
                Some(Rate::new(kind, class, quota, Table(Arc::clone(&table)), clock.clone()))
            })
        };
        let address = rates("address", &settings.address);
        let account = rates("account", &settings.account);
        Rates { hash: RandomState::new(), address, account }
    }

    /// Counts one request for its account, or else for its address. What proves who somebody is
    /// counts for the address in any case: those routes look at no credentials, and whoever shows
    /// the token of one account after the other would come as often as they like.
    pub fn count_all(
        &self,
        class: Class,
        address: IpAddr,
        account: Option<u64>,
    ) -> Result<Option<Standing>, TooMany> {
        let Some(account) = account else { return self.count(class, Who::Address(address)) };
        if class == Class::Auth {
            self.count(class, Who::Address(address))?;
        }
        self.count(class, Who::Account(account))
    }

    /// Counts one request. No standing where its class is not limited.
    fn count(&self, class: Class, who: Who) -> Result<Option<Standing>, TooMany> {
        let (rates, key) = match who {
            Who::Address(address) => {
                (&self.address, self.hash.hash_one((class, network_of(address))))
            }
            Who::Account(account) => (&self.account, self.hash.hash_one((class, account))),
        };
        rates[class as usize].as_ref().map(|rate| rate.count(key)).transpose()
    }
}

impl<C: Clock + Clone> Rate<C> {
    fn new(kind: &str, class: Class, quota: NonZeroU32, table: Table, clock: C) -> Rate<C> {
        let name = format!("{kind}-{}", class.name());
        let policy = format!("\"{name}\";q={quota};w={WINDOW}");
        Rate {
            limiter: RateLimiter::new(Quota::per_minute(quota), table, clock.clone()),
            clock,
            policy: HeaderValue::from_str(&policy).expect("plain text stands in a header"),
            name,
        }
    }

    fn count(&self, key: u64) -> Result<Standing, TooMany> {
        match self.limiter.check_key(&key) {
            Ok(snapshot) => {
                Ok(self.standing(snapshot.remaining_burst_capacity(), full_in(&snapshot)))
            }
            Err(not_yet) => {
                let wait = not_yet.wait_time_from(self.clock.now());
                let retry_after_s = wait.as_millis().div_ceil(1_000).max(1) as u32;
                Err(TooMany { standing: self.standing(0, u64::from(retry_after_s)), retry_after_s })
            }
        }
    }

    /// `t` says after how many seconds the whole quota is there again, or, where nothing is left,
    /// the next request.
    fn standing(&self, remaining: u32, seconds: u64) -> Standing {
        let limit = format!("\"{}\";r={remaining};t={seconds}", self.name);
        let limit = HeaderValue::from_str(&limit).expect("plain text stands in a header");
        Standing { policy: self.policy.clone(), limit }
    }
}

fn full_in(snapshot: &StateSnapshot) -> u64 {
    let quota = u64::from(snapshot.quota().burst_size().get());
    let spent = quota.saturating_sub(u64::from(snapshot.remaining_burst_capacity()));
    (spent * WINDOW).div_ceil(quota)
}

/// The tallies of all classes.
struct Table(Arc<[InMemoryState]>);

impl StateStore for Table {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let place = *key as usize & (TALLIES - 1);
        self.0[place].measure_and_replace(&NotKeyed::NonKey, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn ip(last: u8) -> Who {
        Who::Address([192, 0, 2, last].into())
    }

    fn rates() -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        // Time nothing was asked in: the table's zero means "never".
        clock.advance(Duration::from_secs(1));
        let address = PerMinute { read: 6, write: 2, auth: 1, checkout: 0 };
        let account = PerMinute { read: 60, ..address };
        (Rates::new(&RateSettings { address, account }, &clock), clock)
    }

    #[track_caller]
    fn shown(standing: Standing) -> [String; 2] {
        let mut headers = HeaderMap::new();
        standing.mark(&mut headers);
        ["ratelimit-policy", "ratelimit"].map(|name| headers[name].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_minutes_worth_may_be_spent_and_comes_back_one_by_one() {
        let (rates, clock) = rates();
        for left in (0..6).rev() {
            let standing = rates.count(Class::Read, ip(1)).unwrap().unwrap();
            let seconds = (6 - left) * 10;
            let expected =
                ["\"address-read\";q=6;w=60", &format!("\"address-read\";r={left};t={seconds}")];
            assert_eq!(shown(standing), expected);
        }
        let refused = rates.count(Class::Read, ip(1)).unwrap_err();
        assert_eq!(refused.retry_after_s, 10);
        assert_eq!(shown(refused.standing)[1], "\"address-read\";r=0;t=10");
        clock.advance(Duration::from_millis(9_500));
        assert_eq!(rates.count(Class::Read, ip(1)).unwrap_err().retry_after_s, 1);
        clock.advance(Duration::from_millis(600));
        assert!(rates.count(Class::Read, ip(1)).is_ok());
        assert!(rates.count(Class::Read, ip(1)).is_err());
    }

    #[test]
    fn addresses_accounts_and_classes_are_counted_apart() {
        let (rates, _) = rates();
        while rates.count(Class::Read, ip(1)).is_ok() {}
        assert!(rates.count(Class::Read, ip(2)).is_ok());
        assert!(rates.count(Class::Write, ip(1)).is_ok());
        let account = rates.count(Class::Read, Who::Account(1)).unwrap().unwrap();
        assert_eq!(shown(account)[1], "\"account-read\";r=59;t=1");
        assert!(rates.count(Class::Checkout, ip(1)).unwrap().is_none());
        let v6 = |text: &str| Who::Address(text.parse().unwrap());
        assert!(rates.count(Class::Auth, v6("2001:db8::1")).is_ok());
        assert!(rates.count(Class::Auth, v6("2001:db8::2")).is_err());
    }

    #[test]
    fn every_request_has_its_class() {
        let class = |method: Method, path: &str| Class::of(&method, path);
        assert_eq!(class(Method::GET, "/v1/products"), Class::Read);
        assert_eq!(class(Method::POST, "/v1/carts"), Class::Write);
        assert_eq!(class(Method::POST, "/v1/carts/cart-1/checkout"), Class::Checkout);
        assert_eq!(class(Method::POST, "/v1/auth/login"), Class::Auth);
        assert_eq!(class(Method::POST, "/account/new-password"), Class::Auth);
        assert_eq!(class(Method::GET, "/account/orders"), Class::Read);
        assert_eq!(class(Method::POST, "/account/addresses"), Class::Write);
        for proof in
            ["login", "login/code", "register", "forgot", "security/password", "data/erase"]
        {
            assert_eq!(class(Method::POST, &format!("/account/{proof}")), Class::Auth);
        }
        assert_eq!(class(Method::DELETE, "/v1/carts/cart-1"), Class::Write);
        assert_eq!(class(Method::from_bytes(b"BREW").unwrap(), "/"), Class::Write);
    }
}
