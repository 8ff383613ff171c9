//! Every row of a table at a start: one thread walks through the table, and all cores read what it
//! comes by.

use crate::storage::codec::CodecError;
use crate::storage::{Snapshot, StoreError, Table};
use std::mem;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, available_parallelism};

/// A row as it is stored.
pub(super) struct RawRow {
    pub key: Box<[u8]>,
    pub version: u64,
    pub record: Box<[u8]>,
}

/// Rows that are handed over together.
const TOGETHER: usize = 256;

/// Bundles that may wait for a reader.
const WAITING: usize = 16;

/// What `read` makes of each row, in order of key. Ends at a row that cannot be read.
pub(super) fn read_all<T: Send>(
    snapshot: &dyn Snapshot,
    table: Table,
    read: impl Fn(RawRow) -> Result<T, CodecError> + Sync,
) -> Result<Vec<T>, StoreError> {
    let (sender, receiver) = sync_channel::<(usize, Vec<RawRow>)>(WAITING);
    let receiver = Arc::new(Mutex::new(receiver));
    let read = &read;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..available_parallelism().map_or(2, usize::from))
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || read_bundles(&receiver, read))
            })
            .collect();
        // The readers' alone, so that it is gone when they are.
        drop(receiver);
        let (mut bundles, mut bundle) = (0, Vec::with_capacity(TOGETHER));
        let walked = snapshot.walk_rows(table, |key, version, record| {
            bundle.push(RawRow { key: key.into(), version, record: record.into() });
            if bundle.len() < TOGETHER {
                return ControlFlow::Continue(());
            }
            bundles += 1;
            let full = mem::replace(&mut bundle, Vec::with_capacity(TOGETHER));
            match sender.send((bundles, full)) {
                Ok(()) => ControlFlow::Continue(()),
                // Every reader came to a row that cannot be read.
                Err(_) => ControlFlow::Break(()),
            }
        });
        // Where nobody is left, the readers say why.
        let _ = sender.send((bundles + 1, bundle));
        drop(sender);
        let mut done = Vec::new();
        for reader in readers {
            done.extend(reader.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        walked?;
        done.sort_unstable_by_key(|(number, _)| *number);
        Ok(done.into_iter().flat_map(|(_, rows)| rows).collect())
    })
}

/// Reads one bundle after the other until there are no more.
fn read_bundles<T>(
    receiver: &Mutex<Receiver<(usize, Vec<RawRow>)>>,
    read: impl Fn(RawRow) -> Result<T, CodecError>,
) -> Result<Vec<(usize, Vec<T>)>, CodecError> {
    let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let mut done = Vec::new();
    while let Ok((number, bundle)) = next() {
        let rows: Result<Vec<T>, CodecError> = bundle.into_iter().map(&read).collect();
        done.push((number, rows?));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Store;
    use crate::storage::memory::MemoryStore;

    const ROWS: u32 = 5 * (TOGETHER * WAITING) as u32 + 3;

    /// Rows whose record is their number, in order of it.
    fn store() -> MemoryStore {
        let store = MemoryStore::new();
        for n in 0..ROWS {
            let row = [&u64::from(n + 1).to_be_bytes()[..], &n.to_be_bytes()].concat();
            store.plant(Table::Products, &n.to_be_bytes(), Some(&row));
        }
        store
    }

    #[test]
    fn rows_are_read_once_and_in_order() {
        let snapshot = store().snapshot().unwrap();
        let rows = read_all(&*snapshot, Table::Products, |row| {
            assert_eq!(row.key, row.record);
            Ok((u32::from_be_bytes(*row.key.first_chunk().unwrap()), row.version))
        });
        let expected: Vec<_> = (0..ROWS).map(|n| (n, u64::from(n) + 1)).collect();
        assert_eq!(rows.unwrap(), expected);
        assert!(read_all(&*snapshot, Table::Orders, |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn one_row_that_cannot_be_read_is_enough_and_so_are_all() {
        let snapshot = store().snapshot().unwrap();
        for is_good in [|n: u32| n != ROWS / 2, |_| false] {
            let read = |row: RawRow| {
                let n = u32::from_be_bytes(*row.key.first_chunk().unwrap());
                is_good(n).then_some(n).ok_or(CodecError::Empty { record: "row" })
            };
            assert!(read_all(&*snapshot, Table::Products, read).is_err());
        }
    }
}
