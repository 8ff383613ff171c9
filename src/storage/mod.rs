//! The truth on disk: a narrow store, its committer, and the stored forms.
//!
//! `Store` is all that the rest of the program knows: consistent reads, and `commit` of a group of
//! batches with conditions. redb is the embedded implementation; the one in memory takes injected
//! faults and serves tests and simulation. The rules of a commit (versions, the stock guard,
//! numbering) are in [`commit`] once, for both.

pub mod archive;
pub mod batch;
mod checked;
pub mod codec;
pub mod commit;
pub mod committer;
pub mod copy;
mod look;
pub mod memory;
mod pages;
pub mod read_only;
pub mod records;
pub mod redb_store;
pub mod table;
mod upgrade;

pub use batch::{Batch, Committed, Conflict};
pub use codec::Stored;
pub use committer::{CommitError, Committer, Settled};
pub use read_only::ReadOnlyStore;
pub use redb_store::RedbStore;
pub use table::Table;

#[cfg(test)]
mod tests;

use crate::domain::Seq;
use crate::domain::event::{EntityKey, Event};
use codec::CodecError;
use records::LoggedFact;
use std::ops::ControlFlow;
use std::path::PathBuf;
use table::{entity_prefix, row_key, seq_key, seq_of};

/// Why the store gave no answer. After one, nothing is written until it was opened again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{} is in use by another process; stop that one first", .path.display())]
    InUse { path: PathBuf },
    #[error(
        "the data file was written by a newer program (schema {found}, this one knows {known}); run that program, nothing was changed"
    )]
    Newer { found: u32, known: u32 },
    #[error("there is no shop in {}", .folder.display())]
    Missing { folder: PathBuf },
    #[error("{} holds something else than a shop", .path.display())]
    NotAShop { path: PathBuf },
    #[error(
        "the data file has a table {table:?} that this program does not know; a newer mercat wrote it, so start that one, nothing was changed"
    )]
    UnknownTable { table: String },
    #[error("the data file {} is damaged: {detail}; it was not changed", .path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("the data file is damaged: a row of the table {table} is not what was written")]
    DamagedRow { table: &'static str },
    #[error(transparent)]
    Archive(#[from] archive::DamagedEntry),
    #[error("the data file cannot be used")]
    Redb(#[from] redb::Error),
    #[error("the data folder cannot be used")]
    Io(#[from] std::io::Error),
    #[error("a stored record cannot be read")]
    Codec(#[from] CodecError),
    #[error("the store stopped after a fault and must be opened again")]
    Stopped,
    #[error("an injected fault")]
    Injected,
}

/// Where every acknowledged change is.
pub trait Store: Send + Sync + 'static {
    /// A consistent view as of the last durable commit; never waits for the writer.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Makes all batches whose conditions hold durable in one transaction with one fsync, in order.
    /// An error means that nothing is known of any of them.
    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError>;

    /// Opens again after a fault, with whatever was durable.
    fn reopen(&self) -> Result<(), StoreError>;

    /// Lets go of what is open, so that it is left in order. Nothing is read or written any more.
    fn close(&self) {}
}

/// What a scan calls for every row; `Break` ends it.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// A consistent view of all tables.
pub trait Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the rows with `from <= key < to` (`to` of `None`: to the end).
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError>;

    fn count(&self, table: Table) -> Result<u64, StoreError>;
}

impl dyn Snapshot + '_ {
    /// An entity's row and its version; `None` where there is none.
    pub fn load<T: Stored>(&self, key: &EntityKey) -> Result<Option<(u64, T)>, StoreError> {
        let Some(bytes) = self.get(Table::of(key), row_key(key))? else { return Ok(None) };
        Ok(Some(decode_row(&bytes)?))
    }

    /// Every row of a table of entities, in key order.
    pub fn load_all<T: Stored>(
        &self,
        table: Table,
        mut each: impl FnMut(&[u8], u64, T),
    ) -> Result<(), StoreError> {
        self.load_with(table, &[], decode_row, |key, (version, row)| each(key, version, row))
    }

    /// Walks through a table of entities in key order: key, version, and the record as it is stored.
    pub fn walk_rows(
        &self,
        table: Table,
        mut each: impl FnMut(&[u8], u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scan(table, &[], None, Direction::Forward, &mut |key, bytes| {
            let (version, record) = split_version(bytes);
            each(key, version, record)
        })
    }

    /// Every record of a table of anything else, in key order from `from` on.
    pub fn load_records<T: Stored>(
        &self,
        table: Table,
        from: &[u8],
        each: impl FnMut(&[u8], T),
    ) -> Result<(), StoreError> {
        self.load_with(table, from, T::from_bytes, each)
    }

    /// Ends at the first row that cannot be read.
    fn load_with<T>(
        &self,
        table: Table,
        from: &[u8],
        decode: impl Fn(&[u8]) -> Result<T, CodecError>,
        mut each: impl FnMut(&[u8], T),
    ) -> Result<(), StoreError> {
        let mut failed = None;
        self.scan(table, from, None, Direction::Forward, &mut |key, bytes| match decode(bytes) {
            Ok(row) => {
                each(key, row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Up to `limit` events after `after`, in order.
    pub fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<Event>, StoreError> {
        let from = seq_key(Seq(after.0.saturating_add(1)));
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(vec![]);
        }
        self.scan(Table::Events, &from, None, Direction::Forward, &mut |key, bytes| {
            rows.push((seq_of(key).unwrap_or_default(), bytes.to_vec()));
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        rows.into_iter().map(|(seq, bytes)| Ok(event(seq, &bytes)?)).collect()
    }

    /// Up to `limit` events of one entity, the first `skip` left out.
    pub fn events_of(
        &self,
        entity: &EntityKey,
        direction: Direction,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let (from, to) = self.history_range(entity);
        let (mut seqs, mut passed) = (Vec::new(), 0);
        self.scan(Table::EventsByEntity, &from, Some(&to), direction, &mut |key, _| {
            if seqs.len() >= limit {
                return ControlFlow::Break(());
            }
            if passed >= skip {
                seqs.extend(seq_of(key));
            }
            passed += 1;
            ControlFlow::Continue(())
        })?;
        let mut events = Vec::with_capacity(seqs.len());
        for seq in seqs {
            if let Some(bytes) = self.get(Table::Events, &seq_key(seq))? {
                events.push(event(seq, &bytes)?);
            }
        }
        Ok(events)
    }

    /// How many events an entity has.
    pub fn count_events_of(&self, entity: &EntityKey) -> Result<u64, StoreError> {
        let (from, to) = self.history_range(entity);
        let mut count = 0;
        self.scan(Table::EventsByEntity, &from, Some(&to), Direction::Forward, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// The number of the newest event; zero in an empty log.
    pub fn last_seq(&self) -> Result<Seq, StoreError> {
        let mut last = Seq(0);
        self.scan(Table::Events, &[], None, Direction::Backward, &mut |key, _| {
            last = seq_of(key).unwrap_or_default();
            ControlFlow::Break(())
        })?;
        Ok(last)
    }

    fn history_range(&self, entity: &EntityKey) -> (Vec<u8>, Vec<u8>) {
        let from = entity_prefix(entity);
        let mut to = from.clone();
        // The prefix ends in a zero byte, so the next prefix is the one that ends in a one.
        if let Some(last) = to.last_mut() {
            *last = 1;
        }
        (from, to)
    }
}

/// Takes an entity's row apart: version, then record.
pub fn decode_row<T: Stored>(bytes: &[u8]) -> Result<(u64, T), CodecError> {
    let (version, record) = split_version(bytes);
    Ok((version, T::from_bytes(record)?))
}

fn split_version(bytes: &[u8]) -> (u64, &[u8]) {
    match bytes.split_first_chunk::<8>() {
        Some((version, record)) => (u64::from_be_bytes(*version), record),
        None => (0, &[]),
    }
}

fn join_version(version: u64, record: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + record.len());
    row.extend_from_slice(&version.to_be_bytes());
    row.extend_from_slice(record);
    row
}

fn event(seq: Seq, bytes: &[u8]) -> Result<Event, CodecError> {
    let LoggedFact { at, fact, movements } = LoggedFact::from_bytes(bytes)?;
    Ok(Event { seq, at, fact, movements })
}
