//! A data file made anew: a copy of what a snapshot sees, and a copy brought further by an archive.
//!
//! Every row is read and its checksum looked at, their order and their number too, so a copy of a
//! damaged file is never made: it fails, which makes each backup a check of the whole file.

use super::archive::{self, Entry};
use super::commit::Tx;
use super::redb_store::RedbTx;
use super::{Direction, Snapshot, StoreError, Table};
use crate::domain::Seq;
use redb::{Database, Durability};
use std::ops::ControlFlow;
use std::path::Path;

/// What redb keeps in memory of a copy while it is written.
const CACHE_BYTES: usize = 32 << 20;

/// After how many rows progress is told.
const STRIDE: u64 = 1_000;

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsDone {
    pub done: u64,
    pub total: u64,
}

/// Which rows a copy leaves out: a copy has no archive, since what it will write is another story.
fn is_left_out(table: Table, key: &[u8]) -> bool {
    table == Table::Archive || (table == Table::Meta && key == archive::META_KEY)
}

/// What a walk calls for every row.
pub type Each<'a> = &'a mut dyn FnMut(Table, &[u8], &[u8]) -> Result<(), StoreError>;

/// Reads every row of a snapshot, whether it is what was written, in order and complete.
pub fn walk(
    snapshot: &dyn Snapshot,
    progress: &mut dyn FnMut(RowsDone),
    each: Each<'_>,
) -> Result<(), StoreError> {
    let mut total = 0;
    for table in Table::ALL {
        total += snapshot.count(table)?;
    }
    let mut done = 0;
    for table in Table::ALL {
        let expected = snapshot.count(table)?;
        let (mut rows, mut failed, mut before) = (0, None, Vec::new());
        snapshot.scan(table, &[], None, Direction::Forward, &mut |key, value| {
            if rows > 0 && *key <= *before {
                failed = Some(StoreError::DamagedRow { table: table.name() });
                return ControlFlow::Break(());
            }
            before.clear();
            before.extend_from_slice(key);
            if done % STRIDE == 0 {
                progress(RowsDone { done, total });
            }
            (rows, done) = (rows + 1, done + 1);
            match each(table, key, value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if rows != expected {
            return Err(StoreError::DamagedRow { table: table.name() });
        }
    }
    progress(RowsDone { done, total });
    Ok(())
}

/// Writes what a snapshot sees into a new data file, and closes it well.
pub fn copy(
    snapshot: &dyn Snapshot,
    path: &Path,
    progress: &mut dyn FnMut(RowsDone),
) -> Result<(), StoreError> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path);
    copy_into(snapshot, database.map_err(redb::Error::from)?, progress)
}

pub(super) fn copy_into(
    snapshot: &dyn Snapshot,
    database: Database,
    progress: &mut dyn FnMut(RowsDone),
) -> Result<(), StoreError> {
    let mut transaction = database.begin_write().map_err(redb::Error::from)?;
    transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    transaction.set_quick_repair(true);
    {
        let mut tx = RedbTx::new(&transaction, None);
        for table in Table::ALL {
            tx.touch(table)?;
        }
        walk(snapshot, progress, &mut |table, key, value| {
            if is_left_out(table, key) {
                return Ok(());
            }
            tx.put(table, key, value)
        })?;
    }
    transaction.commit().map_err(redb::Error::from)?;
    database.close().map_err(redb::Error::from)?;
    Ok(())
}

/// Brings a data file that nobody uses further by archived entries, until there is none. Gives the
/// number of the newest event.
pub fn bring_further(
    path: &Path,
    entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
) -> Result<Seq, StoreError> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).open(path);
    let database = database.map_err(redb::Error::from)?;
    loop {
        let mut transaction = database.begin_write().map_err(redb::Error::from)?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        transaction.set_quick_repair(true);
        let mut bytes = 0;
        {
            let mut tx = RedbTx::new(&transaction, None);
            while bytes < CACHE_BYTES {
                let Some(entry) = entries.next() else { break };
                let entry = entry?;
                bytes += entry.packed.len().max(1);
                archive::replay(&mut tx, &entry)?;
            }
        }
        transaction.commit().map_err(redb::Error::from)?;
        if bytes == 0 {
            break;
        }
    }
    let last = super::redb_store::last_seq(&database)?;
    database.close().map_err(redb::Error::from)?;
    Ok(last)
}
