//! What is handed to the committer: one batch is one decision, all or nothing.

use super::codec::Stored;
use super::records::{KeyRow, LoggedFact};
use super::table::{Table, expiry_key, timed_key};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::order::Attempt;
use crate::domain::stock::{Level, Movement, StockRejection};
use crate::domain::{OrderId, Seq, Sku, Timestamp};

/// Rows, facts with their stock movements, and the idempotency answer, to become durable together.
///
/// SKU rows are never written by a batch: the store books its movements and stock facts itself, so
/// that the guard cannot be gone around.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) writes: Vec<EntityWrite>,
    pub(super) facts: Vec<NewFact>,
    pub(super) answers: Vec<AnswerWrite>,
    pub(super) rows: Vec<RowWrite>,
}

/// A new version of one entity's row; refused unless it follows the version that is there.
#[derive(Clone, Debug)]
pub(super) struct EntityWrite {
    pub key: EntityKey,
    /// The version it was built on; 0 where there must be no row.
    pub expected: u64,
    pub change: Change,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Put(Vec<u8>),
    Remove,
    /// Nothing is written, but what the answer says rests on this version.
    Require,
}

/// A fact for the log, encoded where it was decided and not in the writer's thread.
#[derive(Clone, Debug)]
pub(super) struct NewFact {
    pub logged: LoggedFact,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct AnswerWrite {
    pub key: Vec<u8>,
    pub attempt: Attempt,
    pub first_used: Timestamp,
    pub done: bool,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct RowWrite {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Writes version `expected + 1` of an entity's row.
    pub fn put(&mut self, key: EntityKey, expected: u64, row: &impl Stored) {
        self.put_bytes(key, expected, row.to_bytes());
    }

    /// As [`Batch::put`], of a row that is encoded already.
    pub fn put_bytes(&mut self, key: EntityKey, expected: u64, row: Vec<u8>) {
        self.writes.push(EntityWrite { key, expected, change: Change::Put(row) });
    }

    pub fn remove(&mut self, key: EntityKey, expected: u64) {
        self.writes.push(EntityWrite { key, expected, change: Change::Remove });
    }

    /// Makes the batch fail unless the entity is still at this version: for an answer that says
    /// "already so" and must not be heard before what it rests on is durable.
    pub fn require(&mut self, key: EntityKey, version: u64) {
        self.writes.push(EntityWrite { key, expected: version, change: Change::Require });
    }

    pub fn fact(&mut self, at: Timestamp, fact: Fact, movements: Vec<Movement>) {
        let logged = LoggedFact { at, fact, movements };
        self.facts.push(NewFact { bytes: logged.to_bytes(), logged });
    }

    /// Keeps what an idempotency key was answered, under the time of its first use.
    pub fn answer(&mut self, first_used: Timestamp, attempt: Attempt, row: &KeyRow) {
        let key = timed_key(first_used, &attempt.key);
        self.answers.push(AnswerWrite {
            key,
            attempt,
            bytes: row.to_bytes(),
            first_used,
            done: matches!(row, KeyRow::Done(_)),
        });
    }

    /// Has the shop come back to `entity` at `at`.
    pub fn expire_at(&mut self, at: Timestamp, entity: &EntityKey) {
        self.row(Table::Expiries, expiry_key(at, entity), Some(Vec::new()));
    }

    pub fn forget_expiry(&mut self, at: Timestamp, entity: &EntityKey) {
        self.row(Table::Expiries, expiry_key(at, entity), None);
    }

    /// Writes (`Some`) or removes (`None`) a row that has no version.
    pub fn row(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows.push(RowWrite { table, key, value });
    }

    /// The rows without a version that it writes in one table (`None`: removes).
    pub fn rows_of(&self, table: Table) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let rows = self.rows.iter().filter(move |row| row.table == table);
        rows.map(|row| (&*row.key, row.value.as_deref()))
    }

    /// The facts in the order in which they will be numbered.
    pub fn facts(&self) -> impl ExactSizeIterator<Item = &LoggedFact> {
        self.facts.iter().map(|new| &new.logged)
    }

    /// The entity rows that it writes (new version and record) or removes (`None`).
    pub fn written(&self) -> impl Iterator<Item = (&EntityKey, Option<(u64, &[u8])>)> {
        self.writes.iter().filter_map(|write| match &write.change {
            Change::Put(record) => Some((&write.key, Some((write.expected + 1, &**record)))),
            Change::Remove => Some((&write.key, None)),
            Change::Require => None,
        })
    }

    /// The idempotency keys whose final answers this batch holds, and when each was first used.
    pub fn answered(&self) -> impl Iterator<Item = (Attempt, Timestamp)> {
        let done = self.answers.iter().filter(|answer| answer.done);
        done.map(|answer| (answer.attempt, answer.first_used))
    }

    /// The version of an entity's row that this batch makes, if it writes one.
    pub fn version_of(&self, key: &EntityKey) -> Option<u64> {
        let put =
            |write: &&EntityWrite| write.key == *key && matches!(write.change, Change::Put(_));
        self.writes.iter().find(put).map(|write| write.expected + 1)
    }

    /// Whose rows it writes or rests on, and which SKUs it moves.
    pub fn touched(&self) -> Vec<EntityKey> {
        let mut touched: Vec<EntityKey> =
            self.writes.iter().map(|write| write.key.clone()).collect();
        for fact in self.facts() {
            let movements =
                fact.movements.iter().map(|movement| EntityKey::Sku(movement.sku.clone()));
            let own = match &fact.fact {
                Fact::Stock(sku, _) => Some(EntityKey::Sku(sku.clone())),
                _ => None,
            };
            for key in movements.chain(own) {
                if !touched.contains(&key) {
                    touched.push(key);
                }
            }
        }
        touched
    }

    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
            && self.facts.is_empty()
            && self.answers.is_empty()
            && self.rows.is_empty()
    }
}

/// What became of a batch that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of its first fact; the others follow without a gap.
    pub first_seq: Seq,
    /// The SKUs it moved, as they stand after it: version and level.
    pub levels: Vec<(Sku, u64, Level)>,
}

/// Why one batch was refused. The others of its group are not affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("{entity} is at version {found}, not at {expected}")]
    Version { entity: EntityKey, expected: u64, found: u64 },
    #[error("stock of {sku}: {rejection}")]
    Stock { sku: Sku, rejection: StockRejection },
    #[error("order {order} has no such reservation of {sku}")]
    Reservation { order: OrderId, sku: Sku },
}
