//! The ways in beside passwords, as they are on the disk: API keys and invitations.
//!
//! When a key was last used is kept in memory to the minute and written down now and then, so that a
//! request with a key costs no write.

use super::token::TokenHash;
use crate::domain::staff::{ApiKey, Invitation};
use crate::domain::{ApiKeyId, InvitationId, Span, StaffId, Timestamp};
use crate::storage::codec::{CodecError, Stored};
use crate::storage::records::{ApiKeyRow, InvitationRow};
use crate::storage::{Batch, Direction, Snapshot, StoreError, Table};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};

/// How exactly it is known when a key was last used.
const MINUTE: i64 = Span::minutes(1).as_millis();

/// How old the last use of a key may get before it is written down.
const WRITTEN_EVERY: Span = Span::hours(1);

#[derive(Default)]
pub(super) struct Register {
    keys: HashMap<TokenHash, HeldKey>,
    invitations: HashMap<TokenHash, Invitation>,
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
        each(snapshot, Table::ApiKeys, |row: ApiKeyRow| register.add_key(row))?;
        each(snapshot, Table::Invitations, |row: InvitationRow| register.add_invitation(row))?;
        Ok(register)
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

fn each<T: Stored>(
    snapshot: &dyn Snapshot,
    table: Table,
    mut take: impl FnMut(T),
) -> Result<(), StoreError> {
    let mut failed: Option<CodecError> = None;
    snapshot.scan(
        table,
        &[],
        None,
        Direction::Forward,
        &mut |_, row| match T::from_bytes(row) {
            Ok(row) => {
                take(row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

pub(super) fn write_key(row: &ApiKeyRow, batch: &mut Batch) {
    batch.row(Table::ApiKeys, row.key.id.as_bytes().to_vec(), Some(row.to_bytes()));
}

pub(super) fn write_invitation(row: &InvitationRow, batch: &mut Batch) {
    let key = row.invitation.id.as_bytes().to_vec();
    batch.row(Table::Invitations, key, Some(row.to_bytes()));
}
