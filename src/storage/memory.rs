//! A store in memory that fails on demand: for tests and simulation, behind the same trait and
//! with the same rules of a commit as the one on disk.

use super::batch::{Batch, Committed, Conflict};
use super::commit::{Tx, apply_group};
use super::table::{Table, seq_of};
use super::{Direction, Snapshot, Store, StoreError, Visit};
use crate::domain::Seq;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The write fails and nothing of it is there afterwards.
    Lost,
    /// The fsync fails, but the write turns out to be there afterwards.
    Kept,
}

#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Arc<Rows>,
    faults: VecDeque<Fault>,
    stopped: bool,
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// What the next commits meet, one entry each; afterwards they succeed again.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// Takes back what was injected and not met yet.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Writes a row past all rules, for tests that plant a fault.
    pub fn plant(&self, table: Table, key: &[u8], value: Option<&[u8]>) {
        let mut state = self.lock();
        let rows = Arc::make_mut(&mut state.rows);
        match value {
            Some(value) => rows.insert((table, key.to_vec()), value.to_vec()),
            None => rows.remove(&(table, key.to_vec())),
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(MemorySnapshot { rows: Arc::clone(&self.lock().rows) }))
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        let mut state = self.lock();
        if state.stopped {
            return Err(StoreError::Stopped);
        }
        let fault = state.faults.pop_front().unwrap_or(Fault::None);
        let before = Arc::clone(&state.rows);
        let last =
            before.range((Table::Events, vec![])..(Table::EventsByEntity, vec![])).next_back();
        let last_seq = last.and_then(|((_, key), _)| seq_of(key)).unwrap_or(Seq(0));
        let mut tx = MemoryTx { rows: Arc::make_mut(&mut state.rows) };
        let applied = apply_group(&mut tx, last_seq, group);
        if let (Ok((outcomes, _)), Fault::None) = (&applied, fault) {
            return Ok(outcomes.clone());
        }
        state.stopped = true;
        if fault == Fault::Lost || applied.is_err() {
            state.rows = before;
        }
        Err(applied.err().unwrap_or(StoreError::Injected))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        self.lock().stopped = false;
        Ok(())
    }
}

struct MemoryTx<'a> {
    rows: &'a mut Rows,
}

impl Tx for MemoryTx<'_> {
    fn with<R>(
        &mut self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R, StoreError> {
        Ok(read(self.rows.get(&(table, key.to_vec())).map(Vec::as_slice)))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.rows.insert((table, key.to_vec()), value.to_vec());
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.rows.remove(&(table, key.to_vec()));
        Ok(())
    }
}

struct MemorySnapshot {
    rows: Arc<Rows>,
}

impl Snapshot for MemorySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        let from = Bound::Included((table, from.to_vec()));
        let to = to.map_or(Bound::Unbounded, |to| Bound::Excluded((table, to.to_vec())));
        let rows = self.rows.range((from, to)).filter(|((own, _), _)| *own == table);
        let mut each =
            |(key, value): (&(Table, Vec<u8>), &Vec<u8>)| visit(&key.1, value).is_break();
        match direction {
            Direction::Forward => rows.into_iter().any(&mut each),
            Direction::Backward => rows.rev().any(&mut each),
        };
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        Ok(self.rows.keys().filter(|(own, _)| *own == table).count() as u64)
    }
}
