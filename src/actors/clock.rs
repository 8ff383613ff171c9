//! Where time and randomness come from; nothing else in the program asks the machine for either.

use crate::domain::{
    AddressId, ApiKeyId, CartId, CustomerId, ImportId, InvitationId, MailId, OrderId, PaymentId,
    ProductId, RefundId, StaffId, Timestamp,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is set: for tests.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(now: Timestamp) -> ManualClock {
        ManualClock(AtomicI64::new(now.as_millis()))
    }

    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A clock that is set by hand until it comes home to the machine's: for the demo shop's past.
pub struct TravelClock {
    away: ManualClock,
    is_home: AtomicBool,
}

impl TravelClock {
    pub fn at(start: Timestamp) -> TravelClock {
        TravelClock { away: ManualClock::at(start), is_home: AtomicBool::new(false) }
    }

    /// Travels to `now`; without effect once it came home.
    pub fn set(&self, now: Timestamp) {
        self.away.set(now);
    }

    /// From here on it shows the machine's time.
    pub fn come_home(&self) {
        self.is_home.store(true, Ordering::Relaxed);
    }
}

impl Clock for TravelClock {
    fn now(&self) -> Timestamp {
        if self.is_home.load(Ordering::Relaxed) { SystemClock.now() } else { self.away.now() }
    }
}

/// Makes ids: the clock's time and fresh random bytes.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
}

impl Ids {
    pub fn new(clock: Arc<dyn Clock>) -> Ids {
        Ids { clock }
    }

    pub fn cart(&self) -> CartId {
        CartId::new(self.clock.now(), rand::random())
    }

    pub fn order(&self) -> OrderId {
        OrderId::new(self.clock.now(), rand::random())
    }

    pub fn payment(&self) -> PaymentId {
        PaymentId::new(self.clock.now(), rand::random())
    }

    pub fn refund(&self) -> RefundId {
        RefundId::new(self.clock.now(), rand::random())
    }

    pub fn import(&self) -> ImportId {
        ImportId::new(self.clock.now(), rand::random())
    }

    pub fn staff(&self) -> StaffId {
        StaffId::new(self.clock.now(), rand::random())
    }

    pub fn api_key(&self) -> ApiKeyId {
        ApiKeyId::new(self.clock.now(), rand::random())
    }

    pub fn invitation(&self) -> InvitationId {
        InvitationId::new(self.clock.now(), rand::random())
    }

    pub fn customer(&self) -> CustomerId {
        CustomerId::new(self.clock.now(), rand::random())
    }

    pub fn mail(&self) -> MailId {
        MailId::new(self.clock.now(), rand::random())
    }

    pub fn address(&self) -> AddressId {
        AddressId::new(self.clock.now(), rand::random())
    }

    pub fn product(&self) -> ProductId {
        ProductId::new(self.clock.now(), rand::random())
    }

    /// Something to choose by, where nobody may foresee it and nothing rests on that.
    pub fn random(&self) -> u64 {
        rand::random()
    }

    /// 256 random bits for a token.
    pub fn secret(&self) -> [u8; 32] {
        rand::random()
    }
}
