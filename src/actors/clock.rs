//! Where time and randomness come from; nothing else in the program asks the machine for either.

use crate::domain::{
    AddressId, ApiKeyId, CartId, CustomerId, ImportId, InvitationId, MailId, OrderId, PaymentId,
    PersonId, ProductId, RefundId, StaffId, Timestamp,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    chance: Chance,
}

/// Where the random bytes of ids come from.
#[derive(Clone)]
enum Chance {
    /// The operating system's generator, by way of one for each thread.
    System,
    /// The same bytes in every run: for simulation, where nobody has to guess them.
    Seeded(Arc<Mutex<ChaCha12Rng>>),
}

impl Chance {
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Chance::System => rand::fill(&mut bytes[..]),
            Chance::Seeded(own) => {
                own.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
            }
        }
        bytes
    }
}

impl Ids {
    pub fn new(clock: Arc<dyn Clock>) -> Ids {
        Ids { clock, chance: Chance::System }
    }

    /// Ids that are the same in every run with this seed. Whoever knows it knows them all.
    pub(crate) fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Ids {
        let chance = Arc::new(Mutex::new(ChaCha12Rng::seed_from_u64(seed)));
        Ids { clock, chance: Chance::Seeded(chance) }
    }

    pub fn cart(&self) -> CartId {
        CartId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn order(&self) -> OrderId {
        OrderId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn payment(&self) -> PaymentId {
        PaymentId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn refund(&self) -> RefundId {
        RefundId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn import(&self) -> ImportId {
        ImportId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn staff(&self) -> StaffId {
        StaffId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn api_key(&self) -> ApiKeyId {
        ApiKeyId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn invitation(&self) -> InvitationId {
        InvitationId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn customer(&self) -> CustomerId {
        CustomerId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn person(&self) -> PersonId {
        PersonId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn mail(&self) -> MailId {
        MailId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn address(&self) -> AddressId {
        AddressId::new(self.clock.now(), self.chance.bytes())
    }

    pub fn product(&self) -> ProductId {
        ProductId::new(self.clock.now(), self.chance.bytes())
    }

    /// Something to choose by, where nobody may foresee it and nothing rests on that.
    pub fn random(&self) -> u64 {
        u64::from_le_bytes(self.chance.bytes())
    }

    /// 256 random bits for a token.
    pub fn secret(&self) -> [u8; 32] {
        self.chance.bytes()
    }
}
