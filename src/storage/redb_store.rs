//! The store on disk: one redb file in the data folder.
//!
//! Every commit is `Durability::Immediate` and carries the allocator's state (`quick_repair`), so a
//! file is open again at once after an unclean end, however large it is. After any I/O error redb
//! refuses to write; so do we, until [`Store::reopen`]. A failed fsync is never tried again: what
//! the disk then holds is unknown until it is read anew.

use super::batch::{Batch, Committed, Conflict};
use super::commit::{Tx, apply_group};
use super::table::{Table, seq_of};
use super::{Direction, Snapshot, Store, StoreError, Visit};
use crate::domain::Seq;
use crate::domain::guard::Guard;
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The name of the data file inside the data folder.
pub const FILE_NAME: &str = "mercat.redb";

/// The layout that this program writes; a file with a higher number is refused.
pub const SCHEMA: u32 = 1;

const SCHEMA_KEY: &[u8] = b"schema";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const fn definition(name: &'static str) -> Definition {
    TableDefinition::new(name)
}

pub struct RedbStore {
    opener: Opener,
    database: RwLock<Option<Arc<Database>>>,
    /// The number of the newest event, as of the last commit; held for the whole of a commit.
    head: Mutex<Seq>,
}

impl RedbStore {
    /// Opens the data file in `folder`, making both where they are missing. `cache_bytes` bounds
    /// what redb keeps of the file in memory.
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<RedbStore, StoreError> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE_NAME);
        RedbStore::open_by(Box::new(move || open_file(&path, cache_bytes)))
    }

    fn open_by(opener: Opener) -> Result<RedbStore, StoreError> {
        let database = opener().and_then(ready)?;
        let head = Mutex::new(last_seq(&database)?);
        let database = RwLock::new(Some(Arc::new(database)));
        Ok(RedbStore { opener, database, head })
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or(StoreError::Stopped)
    }

    fn head(&self) -> MutexGuard<'_, Seq> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for RedbStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let transaction = self.database()?.begin_read().map_err(redb::Error::from)?;
        Ok(Box::new(RedbSnapshot { transaction }))
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        let database = self.database()?;
        let mut head = self.head();
        let mut transaction = database.begin_write().map_err(redb::Error::from)?;
        let durability =
            if Guard::Sync.stands() { Durability::Immediate } else { Durability::None };
        transaction.set_durability(durability).map_err(redb::Error::from)?;
        transaction.set_quick_repair(Guard::Sync.stands());
        let (outcomes, last_seq) = {
            let mut tx = RedbTx::new(&transaction);
            apply_group(&mut tx, *head, group)?
        };
        transaction.commit().map_err(redb::Error::from)?;
        *head = last_seq;
        Ok(outcomes)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut head = self.head();
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The file is locked while the old handle lives; readers still under way keep it for a
        // moment, and then this fails and is tried again.
        *database = None;
        let opened = (self.opener)().and_then(ready)?;
        *head = last_seq(&opened)?;
        *database = Some(Arc::new(opened));
        Ok(())
    }
}

/// Opens the database, the first time and again after a fault.
type Opener = Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

fn open_file(path: &Path, cache_bytes: usize) -> Result<Database, StoreError> {
    refuse_newer(path, cache_bytes)?;
    match Database::builder().set_cache_size(cache_bytes).create(path) {
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
            Err(StoreError::InUse { path: path.to_owned() })
        }
        opened => Ok(opened.map_err(redb::Error::from)?),
    }
}

/// Opened for writing, a file changes even if nothing is written; so a newer one is looked at first.
/// One that was left by a crash can only be looked at after it was repaired.
fn refuse_newer(path: &Path, cache_bytes: usize) -> Result<(), StoreError> {
    let length = fs::metadata(path).map_or(0, |file| file.len());
    if length == 0 {
        return Ok(());
    }
    let looked_at = Database::builder().set_cache_size(cache_bytes).open_read_only(path);
    match looked_at.ok().map(|database| schema_of(&database)).transpose()?.flatten() {
        Some(found) if found > SCHEMA => Err(StoreError::Newer { found, known: SCHEMA }),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a newer file, and makes the tables of a fresh one.
fn ready(database: Database) -> Result<Database, StoreError> {
    match schema_of(&database)? {
        Some(found) if found > SCHEMA => Err(StoreError::Newer { found, known: SCHEMA }),
        Some(_) => Ok(database),
        None => {
            make_tables(&database)?;
            Ok(database)
        }
    }
}

pub(super) fn schema_of(database: &impl ReadableDatabase) -> Result<Option<u32>, StoreError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let table = match transaction.open_table(definition(Table::Meta.name())) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table.map_err(redb::Error::from)?,
    };
    let row = table.get(SCHEMA_KEY).map_err(redb::Error::from)?;
    Ok(row.and_then(|row| row.value().try_into().ok()).map(u32::from_be_bytes))
}

fn make_tables(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write().map_err(redb::Error::from)?;
    transaction.set_quick_repair(true);
    {
        let mut tx = RedbTx::new(&transaction);
        for table in Table::ALL {
            tx.table(table)?;
        }
        tx.put(Table::Meta, SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

fn last_seq(database: &Database) -> Result<Seq, StoreError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let table =
        transaction.open_table(definition(Table::Events.name())).map_err(redb::Error::from)?;
    let last = table.last().map_err(redb::Error::from)?;
    Ok(last.and_then(|(key, _)| seq_of(key.value())).unwrap_or_default())
}

type OpenTable<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

/// One write transaction; opens each table on its first use.
struct RedbTx<'txn> {
    transaction: &'txn WriteTransaction,
    tables: [Option<OpenTable<'txn>>; Table::ALL.len()],
}

impl<'txn> RedbTx<'txn> {
    fn new(transaction: &'txn WriteTransaction) -> RedbTx<'txn> {
        RedbTx { transaction, tables: [const { None }; Table::ALL.len()] }
    }

    fn table(&mut self, table: Table) -> Result<&mut OpenTable<'txn>, StoreError> {
        let slot = &mut self.tables[table as usize];
        match slot {
            Some(open) => Ok(open),
            None => {
                let opened = self.transaction.open_table(definition(table.name()));
                Ok(slot.insert(opened.map_err(redb::Error::from)?))
            }
        }
    }
}

impl Tx for RedbTx<'_> {
    fn with<R>(
        &mut self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R, StoreError> {
        let row = self.table(table)?.get(key).map_err(redb::Error::from)?;
        Ok(read(row.as_ref().map(|row| row.value())))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.table(table)?.insert(key, value).map_err(redb::Error::from)?;
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.table(table)?.remove(key).map_err(redb::Error::from)?;
        Ok(())
    }
}

pub(super) struct RedbSnapshot {
    pub(super) transaction: ReadTransaction,
}

impl RedbSnapshot {
    fn table(
        &self,
        table: Table,
    ) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        let opened = self.transaction.open_table(definition(table.name()));
        Ok(opened.map_err(redb::Error::from)?)
    }
}

impl Snapshot for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.table(table)?.get(key).map_err(redb::Error::from)?;
        Ok(row.map(|row| row.value().to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let table = self.table(table)?;
        let mut range = table.range::<&[u8]>(bounds).map_err(redb::Error::from)?;
        loop {
            let row = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some(row) = row else { return Ok(()) };
            let (key, value) = row.map_err(redb::Error::from)?;
            if visit(key.value(), value.value()).is_break() {
                return Ok(());
            }
        }
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        Ok(self.table(table)?.len().map_err(redb::Error::from)?)
    }
}

impl RedbStore {
    /// A store on whatever `opener` gives: on a simulated disk, or on one with planted faults.
    pub(crate) fn open_on(
        opener: impl Fn() -> Result<Database, StoreError> + Send + Sync + 'static,
    ) -> Result<RedbStore, StoreError> {
        RedbStore::open_by(Box::new(opener))
    }
}
