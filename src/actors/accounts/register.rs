//! The ways in beside passwords, as they are on the disk: API keys, invitations, second factors, and
//! when logins were used.
//!
//! When a key or a login was last used is kept in memory to the minute and written down now and
//! then, so that a request costs no write. What is written beside the times of a login stays on the
//! disk ([`where_from`](super::where_from)).

use super::book::FamilyId;
use super::throttle::{self, Tally, TooManyTries};
use super::token::TokenHash;
use crate::domain::staff::{ApiKey, Invitation};
use crate::domain::{ApiKeyId, CustomerId, InvitationId, Span, StaffId, Timestamp};
use crate::storage::codec::Stored;
use crate::storage::records::{ApiKeyRow, InvitationRow, SecondFactorRow, SessionRow};
use crate::storage::table::parse_timed_key;
use crate::storage::{Batch, Snapshot, StoreError, Table};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

/// Wrong codes of a second factor in a row that are free, wherever they come from. Whoever tries one
/// has shown the password, so nobody else can make a member wait.
const FREE_CODES: u32 = 10;

/// Wishes of a customer for another e-mail address that are free; each has the shop write to an
/// address that nobody has proven yet, in the customer's words.
const FREE_WISHES: u32 = 5;

/// How exactly it is known when a key or a login was last used.
const MINUTE: i64 = Span::minutes(1).as_millis();

/// How old the last use may get before it is written down.
const WRITTEN_EVERY: Span = Span::hours(1);

#[derive(Default)]
pub(super) struct Register {
    keys: HashMap<TokenHash, HeldKey>,
    invitations: HashMap<TokenHash, Invitation>,
    factors: HashMap<StaffId, SecondFactorRow>,
    /// Codes of members that were wrong since the last right one.
    wrong_codes: HashMap<StaffId, Tally>,
    /// How often customers wished for another address lately.
    wishes: HashMap<CustomerId, Tally>,
    sessions: HashMap<FamilyId, HeldSession>,
}

/// When a login began, and when it was last used, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub made_at: Timestamp,
    pub used_at: Timestamp,
}

/// A login and its times.
pub(super) type Login = (FamilyId, Used);

struct HeldSession {
    /// As it is written.
    written: Used,
    /// In milliseconds.
    used_at: AtomicI64,
}

impl HeldSession {
    fn used(&self) -> Used {
        let used_at = Timestamp::from_millis(self.used_at.load(Ordering::Relaxed));
        Used { used_at, ..self.written }
    }
}

struct HeldKey {
    key: ApiKey,
    /// In milliseconds; 0 where it never was.
    used_at: AtomicI64,
}

impl HeldKey {
    fn shown(&self) -> ApiKey {
        let used_at = self.used_at.load(Ordering::Relaxed);
        let used_at = (used_at > 0).then_some(Timestamp::from_millis(used_at));
        ApiKey { used_at, ..self.key.clone() }
    }
}

impl Register {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Register, StoreError> {
        let mut register = Register::default();
        snapshot.load_records(Table::ApiKeys, &[], |_, row| register.add_key(row))?;
        snapshot.load_records(Table::Invitations, &[], |_, row| register.add_invitation(row))?;
        snapshot.load_records(Table::SecondFactors, &[], |key, row| {
            if let Ok(id) = key.try_into() {
                register.set_factor(StaffId::from_bytes(id), row);
            }
        })?;
        snapshot.load_records(Table::Sessions, &[], |key, row: SessionRow| {
            if let Some((made_at, family)) = parse_timed_key(key)
                && let Ok(family) = family.try_into()
            {
                register.add_session(family, Used { made_at, used_at: row.used_at });
            }
        })?;
        Ok(register)
    }

    pub fn factor(&self, id: StaffId) -> Option<&SecondFactorRow> {
        self.factors.get(&id)
    }

    /// Refuses while a member's wrong codes make the next one wait.
    pub fn may_try_code(&self, id: StaffId, now: Timestamp) -> Result<(), TooManyTries> {
        throttle::wait(self.wrong_codes.get(&id), FREE_CODES, now)
    }

    pub fn note_wrong_code(&mut self, id: StaffId, now: Timestamp) {
        let tally = Tally::after(self.wrong_codes.get(&id), now);
        self.wrong_codes.insert(id, tally);
    }

    /// Refuses while a customer's wishes for another address make the next one wait.
    pub fn may_wish(&self, id: CustomerId, now: Timestamp) -> Result<(), TooManyTries> {
        throttle::wait(self.wishes.get(&id), FREE_WISHES, now)
    }

    /// Notes a wish for another address, and forgets those of long ago.
    pub fn note_wish(&mut self, id: CustomerId, now: Timestamp) {
        self.wishes.retain(|_, tally| !tally.is_forgotten(now));
        let tally = Tally::after(self.wishes.get(&id), now);
        self.wishes.insert(id, tally);
    }

    /// A factor that is new, or of which something right was shown.
    pub fn set_factor(&mut self, id: StaffId, row: SecondFactorRow) {
        self.wrong_codes.remove(&id);
        self.factors.insert(id, row);
    }

    pub fn remove_factor(&mut self, id: StaffId) {
        self.wrong_codes.remove(&id);
        self.factors.remove(&id);
    }

    pub fn add_session(&mut self, family: FamilyId, written: Used) {
        let used_at = AtomicI64::new(written.used_at.as_millis());
        self.sessions.insert(family, HeldSession { written, used_at });
    }

    /// Notes that a login is used.
    pub fn use_session(&self, family: &FamilyId, now: Timestamp) {
        if let Some(held) = self.sessions.get(family) {
            held.used_at.fetch_max(now.as_millis() / MINUTE * MINUTE, Ordering::Relaxed);
        }
    }

    pub fn session(&self, family: &FamilyId) -> Option<Used> {
        self.sessions.get(family).map(HeldSession::used)
    }

    /// Up to `most` logins whose last use is known far better than it is written, and as many that
    /// are not there any more.
    pub fn stale_sessions(
        &self,
        is_there: impl Fn(&FamilyId) -> bool,
        most: usize,
    ) -> (Vec<Login>, Vec<Login>) {
        let (mut used, mut ended) = (Vec::new(), Vec::new());
        for (family, held) in &self.sessions {
            let known = held.used();
            if !is_there(family) {
                ended.push((*family, known));
            } else if held.written.used_at.plus(WRITTEN_EVERY) <= known.used_at {
                used.push((*family, known));
            }
        }
        used.truncate(most);
        ended.truncate(most);
        (used, ended)
    }

    pub fn remove_session(&mut self, family: &FamilyId) {
        self.sessions.remove(family);
    }

    pub fn add_key(&mut self, row: ApiKeyRow) {
        let used_at = AtomicI64::new(row.key.used_at.map_or(0, Timestamp::as_millis));
        self.keys.insert(row.hash, HeldKey { key: row.key, used_at });
    }

    pub fn add_invitation(&mut self, row: InvitationRow) {
        self.invitations.insert(row.hash, row.invitation);
    }

    /// The key that this token is of; notes that it was used.
    pub fn use_key(&self, hash: &TokenHash, now: Timestamp) -> Option<&ApiKey> {
        let held = self.keys.get(hash)?;
        if held.key.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        held.used_at.fetch_max(now.as_millis() / MINUTE * MINUTE, Ordering::Relaxed);
        Some(&held.key)
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = self.keys.values().map(HeldKey::shown).collect();
        keys.sort_unstable_by_key(|key| key.id);
        keys
    }

    pub fn key(&self, id: ApiKeyId) -> Option<ApiKey> {
        self.keys.values().find(|held| held.key.id == id).map(HeldKey::shown)
    }

    /// Puts into `batch` what is known better than it is written; gives the rows, for when they are.
    pub fn write_uses(&self, batch: &mut Batch) -> Vec<ApiKeyRow> {
        let mut rows = Vec::new();
        for (hash, held) in &self.keys {
            let (shown, written) = (held.shown(), held.key.used_at.unwrap_or_default());
            if shown.used_at.is_some_and(|used| written.plus(WRITTEN_EVERY) <= used) {
                rows.push(ApiKeyRow { key: shown, hash: *hash });
            }
        }
        for row in &rows {
            write_key(row, batch);
        }
        rows
    }

    /// All invitations that can still be accepted, oldest first.
    pub fn invitations(&self, now: Timestamp) -> Vec<Invitation> {
        let open = self.invitations.values().filter(|own| now < own.expires_at);
        let mut open: Vec<Invitation> = open.cloned().collect();
        open.sort_unstable_by_key(|own| own.id);
        open
    }

    pub fn invitation(&self, hash: &TokenHash, now: Timestamp) -> Option<Invitation> {
        self.invitations.get(hash).filter(|own| now < own.expires_at).cloned()
    }

    pub fn invitation_of(&self, email: &str) -> Option<Invitation> {
        self.invitations.values().find(|own| own.email == email).cloned()
    }

    /// Invitations that have run out.
    pub fn lapsed(&self, now: Timestamp) -> Vec<InvitationId> {
        let lapsed = self.invitations.values().filter(|own| own.expires_at <= now);
        lapsed.map(|own| own.id).collect()
    }

    /// What a member has made and what ends when they leave.
    pub fn made_by(&self, member: StaffId) -> (Vec<ApiKeyId>, Vec<InvitationId>) {
        let keys = self.keys.values().filter(|held| held.key.made_by == member);
        let invitations = self.invitations.values().filter(|own| own.made_by == member);
        (keys.map(|held| held.key.id).collect(), invitations.map(|own| own.id).collect())
    }

    pub fn remove_key(&mut self, id: ApiKeyId) {
        self.keys.retain(|_, held| held.key.id != id);
    }

    pub fn remove_invitation(&mut self, id: InvitationId) {
        self.invitations.retain(|_, own| own.id != id);
    }
}

pub(super) fn write_key(row: &ApiKeyRow, batch: &mut Batch) {
    batch.row(Table::ApiKeys, row.key.id.as_bytes().to_vec(), Some(row.to_bytes()));
}

pub(super) fn write_invitation(row: &InvitationRow, batch: &mut Batch) {
    let key = row.invitation.id.as_bytes().to_vec();
    batch.row(Table::Invitations, key, Some(row.to_bytes()));
}
