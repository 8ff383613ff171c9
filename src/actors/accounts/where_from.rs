//! Where logins came from, so that their holder can look them over and end what they do not know.
//!
//! Device and address lie sealed: those of a customer under the key of that person, so that they are
//! forgotten with them, and those of staff for the shop. In memory are times alone. When a login was
//! last used is known to the minute and written down now and then, so that a request costs no write.

use super::book::FamilyId;
use super::owner::Parts;
use super::register::Used;
use super::token::hash_of;
use super::{AccountError, Accounts, Shared};
use crate::domain::{PersonId, Sealed, SessionId, StaffId, Timestamp};
use crate::storage::codec::Stored;
use crate::storage::records::{SessionRow, TokenHolder};
use crate::storage::table::timed_key;
use crate::storage::{Batch, Snapshot, StoreError, Table};
use std::cmp::Reverse;
use std::net::IpAddr;

/// How much is kept of what a device says of itself, in characters.
const DEVICE_LENGTH: usize = 200;

/// The most rows that one tidying writes, so that it keeps nobody waiting.
const MOST_TIDIED: usize = 1_000;

/// Where a login came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    address: String,
    device: String,
}

/// A login that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub address: String,
    /// What the client said it was; its beginning, where that is long.
    pub device: String,
    pub made_at: Timestamp,
    /// To the minute.
    pub used_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Origin {
    /// `device` is what the client says it is (`User-Agent`), which may be anything.
    pub fn new(address: IpAddr, device: &str) -> Origin {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let device = device.chars().take(DEVICE_LENGTH).map(plain).collect();
        Origin { address: address.to_canonical().to_string(), device }
    }

    fn to_text(&self) -> String {
        format!("{}\n{}", self.address, self.device)
    }

    fn from_text(text: &str) -> Origin {
        let (address, device) = text.split_once('\n').unwrap_or_default();
        Origin { address: address.to_owned(), device: device.to_owned() }
    }
}

impl Accounts {
    /// The logins of a holder that have not ended, the last used first.
    pub fn sessions(&self, holder: TokenHolder) -> Result<Vec<Session>, AccountError> {
        let shared = &self.shared;
        let logins = shared.book().logins_of(holder, shared.clock.now());
        let lock = shared.lock_of(holder)?;
        let snapshot = shared.store.snapshot().map_err(unreadable)?;
        let mut sessions = Vec::with_capacity(logins.len());
        for (family, expires_at) in logins {
            let used = shared.register().session(&family);
            let Some(Used { made_at, used_at }) = used else {
                tracing::error!("nothing is known of where a login came from");
                continue;
            };
            let row = row_of(&*snapshot, made_at, &family).map_err(unreadable)?;
            let id = SessionId::from_bytes(family);
            let Origin { address, device } =
                row.map(|row| shared.open_origin(lock, id, &row.origin)).unwrap_or_default();
            sessions.push(Session { id, address, device, made_at, used_at, expires_at });
        }
        sessions.sort_by_key(|own| (Reverse(own.used_at), Reverse(own.made_at), own.id));
        Ok(sessions)
    }

    /// The login that a token is of.
    pub fn session_of(&self, token: &str) -> Option<SessionId> {
        self.shared.book().family(&hash_of(token)?).map(SessionId::from_bytes)
    }

    /// Ends one login of a holder, at once.
    pub async fn end_session(
        &self,
        holder: TokenHolder,
        session: SessionId,
    ) -> Result<(), AccountError> {
        self.write(move |parts| async move { parts.end_session(holder, session).await }).await
    }

    /// Ends all logins of a member of staff, at once, and voids what was mailed to them.
    pub async fn end_all_sessions(&self, member: StaffId) -> Result<(), AccountError> {
        self.write(move |parts| async move {
            parts.member(member)?;
            parts.remove(&parts.tokens_of(TokenHolder::Staff(member))).await
        })
        .await
    }
}

/// What the origins of a holder's logins are sealed with.
#[derive(Clone, Copy)]
enum Lock {
    Shop,
    Person(PersonId),
}

impl Shared {
    fn lock_of(&self, holder: TokenHolder) -> Result<Lock, AccountError> {
        match holder {
            TokenHolder::Staff(_) => Ok(Lock::Shop),
            TokenHolder::Customer(id) => {
                let loaded = self.customer(id)?.ok_or(AccountError::Unknown)?;
                Ok(Lock::Person(loaded.person))
            }
        }
    }

    fn seal_origin(
        &self,
        lock: Lock,
        id: SessionId,
        origin: &Origin,
    ) -> Result<Sealed, AccountError> {
        let (text, context) = (origin.to_text(), context(id));
        match lock {
            Lock::Shop => Ok(self.vault.seal_for_shop(text.as_bytes(), &context)),
            Lock::Person(person) => {
                let sealed = self.vault.seal(person, &context, text.as_bytes());
                sealed.map_err(|_| AccountError::Unknown)
            }
        }
    }

    /// Nothing but what opens: a login is listed whatever became of its row.
    fn open_origin(&self, lock: Lock, id: SessionId, sealed: &Sealed) -> Origin {
        let context = context(id);
        let plain = match lock {
            Lock::Shop => self.vault.open_for_shop(sealed, &context),
            Lock::Person(person) => self.vault.open(person, &context, sealed),
        };
        match plain {
            Ok(plain) => Origin::from_text(&String::from_utf8_lossy(&plain)),
            Err(error) => {
                tracing::error!(%error, "where a login came from cannot be opened");
                Origin::default()
            }
        }
    }
}

impl Parts {
    /// Puts into `batch` where a login that begins now comes from.
    pub(super) fn new_session(
        &self,
        holder: TokenHolder,
        family: FamilyId,
        origin: &Origin,
        batch: &mut Batch,
    ) -> Result<(), AccountError> {
        let (shared, now) = (&self.shared, self.now());
        let lock = shared.lock_of(holder)?;
        let origin = shared.seal_origin(lock, SessionId::from_bytes(family), origin)?;
        let row = SessionRow { origin, used_at: now };
        batch.row(Table::Sessions, timed_key(now, &family), Some(row.to_bytes()));
        // Before the login itself is there, so that no list meets a login without it.
        let used = Used { made_at: now, used_at: now };
        shared.change_register(|register| register.add_session(family, used));
        Ok(())
    }

    async fn end_session(
        &self,
        holder: TokenHolder,
        session: SessionId,
    ) -> Result<(), AccountError> {
        let family = *session.as_bytes();
        let own = self.shared.book().logins_of(holder, self.now());
        if !own.iter().any(|(own, _)| *own == family) {
            return Err(AccountError::NoSuch);
        }
        self.end(family).await
    }

    /// Writes down when logins were last used, and forgets those that have ended.
    pub(super) async fn tidy_sessions(&self) -> Result<(), AccountError> {
        let (used, ended) = {
            let book = self.shared.book();
            self.shared.register().stale_sessions(|family| book.has_family(family), MOST_TIDIED)
        };
        let mut batch = Batch::new();
        let snapshot = self.shared.store.snapshot().map_err(unreadable)?;
        for (family, Used { made_at, used_at }) in &used {
            if let Some(row) = row_of(&*snapshot, *made_at, family).map_err(unreadable)? {
                let row = SessionRow { used_at: *used_at, ..row };
                batch.row(Table::Sessions, timed_key(*made_at, family), Some(row.to_bytes()));
            }
        }
        for (family, used) in &ended {
            batch.row(Table::Sessions, timed_key(used.made_at, family), None);
        }
        drop(snapshot);
        if batch.is_empty() {
            return Ok(());
        }
        self.commit(batch).await?;
        self.shared.change_register(|register| {
            used.into_iter().for_each(|(family, used)| register.add_session(family, used));
            ended.iter().for_each(|(family, _)| register.remove_session(family));
        });
        Ok(())
    }
}

/// The context in which an origin is sealed.
pub(super) fn context(id: SessionId) -> String {
    format!("origin of {id}")
}

fn row_of(
    snapshot: &dyn Snapshot,
    made_at: Timestamp,
    family: &FamilyId,
) -> Result<Option<SessionRow>, StoreError> {
    let bytes = snapshot.get(Table::Sessions, &timed_key(made_at, family))?;
    Ok(bytes.map(|bytes| SessionRow::from_bytes(&bytes)).transpose()?)
}

fn unreadable(error: StoreError) -> AccountError {
    let error = &error as &dyn std::error::Error;
    tracing::error!(error, "where logins came from cannot be read");
    AccountError::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_is_bounded_and_plain() {
        let address = "::ffff:192.0.2.1".parse().unwrap();
        let origin = Origin::new(address, &format!("a\nb\u{1b}[2J{}", "ä".repeat(500)));
        assert_eq!(origin.address, "192.0.2.1");
        assert!(origin.device.starts_with("a b [2Jä"), "{}", origin.device);
        assert_eq!(origin.device.chars().count(), DEVICE_LENGTH);
        assert_eq!(Origin::from_text(&origin.to_text()), origin);
    }
}
