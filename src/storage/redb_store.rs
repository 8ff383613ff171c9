//! The store on disk: one redb file in the data folder.
//!
//! Every commit is `Durability::Immediate` and carries the allocator's state (`quick_repair`), so a
//! file is open again at once after an unclean end, however large it is. After any I/O error redb
//! refuses to write; so do we, until [`Store::reopen`]. A failed fsync is never tried again: what
//! the disk then holds is unknown until it is read anew.
//!
//! When a shop opens its file, every page of it is checked first ([`super::look`]); every row carries a
//! checksum of its own, which is looked at with every read ([`super::checked`]).

use super::archive::{Entry, Recorder, Standing};
use super::batch::{Batch, Committed, Conflict};
use super::checked;
use super::commit::{Tx, apply_group};
use super::look::{Check, look};
use super::table::{Table, seq_of};
use super::upgrade::upgrade;
use super::{Direction, Snapshot, Store, StoreError, Visit};
use crate::domain::guard::Guard;
use crate::domain::stock::Level;
use crate::domain::{Seq, Sku};
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

pub(super) const SCHEMA_KEY: &[u8] = b"schema";

/// Where `meta` says which shop this is: bytes of chance, made with the file.
const SHOP_KEY: &[u8] = b"shop";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const fn definition(name: &'static str) -> Definition {
    TableDefinition::new(name)
}

pub struct RedbStore {
    opener: Opener,
    database: RwLock<Option<Arc<Database>>>,
    /// As of the last commit; held for the whole of a commit.
    head: Mutex<Head>,
}

/// Where the file's two sequences are.
#[derive(Clone, Copy)]
struct Head {
    /// The number of the newest event.
    seq: Seq,
    /// The archive, where one is kept.
    archive: Option<Standing>,
}

impl RedbStore {
    /// Opens the data file in `folder`, making both where they are missing, and refuses one that is
    /// damaged or newer without changing it. `cache_bytes` bounds what redb keeps of the file in
    /// memory.
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<RedbStore, StoreError> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE_NAME);
        refuse_unusable(&path, cache_bytes)?;
        RedbStore::open_by(Box::new(move || open_file(&path, cache_bytes)))
    }

    fn open_by(opener: Opener) -> Result<RedbStore, StoreError> {
        let database = opener().and_then(ready)?;
        let head = Mutex::new(head_of(&database)?);
        let database = RwLock::new(Some(Arc::new(database)));
        Ok(RedbStore { opener, database, head })
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or(StoreError::Stopped)
    }

    fn head(&self) -> MutexGuard<'_, Head> {
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
        let mut next = *head;
        let outcomes = {
            let mut tx = RedbTx::new(&transaction, head.archive.as_ref());
            let (outcomes, last_seq) = apply_group(&mut tx, head.seq, group)?;
            next.seq = last_seq;
            tx.moved_on(&mut next.archive);
            outcomes
        };
        transaction.commit().map_err(redb::Error::from)?;
        *head = next;
        if Standing::is_changed_by(group) {
            *head = head_of(&database)?;
        }
        Ok(outcomes)
    }

    fn close(&self) {
        let _no_commit_under_way = self.head();
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut head = self.head();
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The file is locked while the old handle lives; readers still under way keep it for a
        // moment, and then this fails and is tried again.
        *database = None;
        let opened = (self.opener)().and_then(ready)?;
        *head = head_of(&opened)?;
        *database = Some(Arc::new(opened));
        Ok(())
    }
}

/// Opens the database, the first time and again after a fault.
type Opener = Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

fn open_file(path: &Path, cache_bytes: usize) -> Result<Database, StoreError> {
    match Database::builder().set_cache_size(cache_bytes).create(path) {
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
            Err(StoreError::InUse { path: path.to_owned() })
        }
        opened => Ok(opened.map_err(redb::Error::from)?),
    }
}

/// Opened for writing, a file changes even if nothing is written; so it is looked at first.
fn refuse_unusable(path: &Path, cache_bytes: usize) -> Result<(), StoreError> {
    if fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let looked_at = look(path, cache_bytes, Check::Quick)?;
    match schema_of(&looked_at)? {
        Some(found) if found > SCHEMA => Err(StoreError::Newer { found, known: SCHEMA }),
        Some(found) => upgrade(&looked_at, found),
        None => Ok(()),
    }
}

/// Refuses a newer file, upgrades an older one, and makes the tables of a fresh one.
fn ready(database: Database) -> Result<Database, StoreError> {
    match schema_of(&database)? {
        Some(found) if found > SCHEMA => Err(StoreError::Newer { found, known: SCHEMA }),
        Some(found) => {
            upgrade(&database, found)?;
            Ok(database)
        }
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
    // Without a look at its checksum: whatever it is, a newer program may have made it otherwise.
    Ok(row.and_then(|row| row.value().first_chunk().copied()).map(u32::from_be_bytes))
}

fn make_tables(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write().map_err(redb::Error::from)?;
    transaction.set_quick_repair(true);
    {
        let mut tx = RedbTx::new(&transaction, None);
        for table in Table::ALL {
            tx.table(table)?;
        }
        tx.put(Table::Meta, SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
        tx.put(Table::Meta, SHOP_KEY, &rand::random::<[u8; 16]>())?;
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

impl dyn Snapshot + '_ {
    /// Which shop this is: bytes of chance, made with its data file.
    pub fn shop_id(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.get(Table::Meta, SHOP_KEY)?.unwrap_or_default())
    }

    /// The layout of the file.
    pub fn schema(&self) -> Result<u32, StoreError> {
        let row = self.get(Table::Meta, SCHEMA_KEY)?;
        let number = row.and_then(|row| Some(u32::from_be_bytes(row.try_into().ok()?)));
        Ok(number.unwrap_or(SCHEMA))
    }
}

fn head_of(database: &Database) -> Result<Head, StoreError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let snapshot: &dyn Snapshot = &RedbSnapshot { transaction };
    Ok(Head { seq: last_seq(database)?, archive: snapshot.archive()? })
}

pub(super) fn last_seq(database: &Database) -> Result<Seq, StoreError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let table =
        transaction.open_table(definition(Table::Events.name())).map_err(redb::Error::from)?;
    let last = table.last().map_err(redb::Error::from)?;
    Ok(last.and_then(|(key, _)| seq_of(key.value())).unwrap_or_default())
}

type OpenTable<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

/// One write transaction; opens each table on its first use.
pub(super) struct RedbTx<'txn> {
    transaction: &'txn WriteTransaction,
    tables: [Option<OpenTable<'txn>>; Table::ALL.len()],
    recorder: Option<Recorder>,
}

impl<'txn> RedbTx<'txn> {
    pub(super) fn new(
        transaction: &'txn WriteTransaction,
        archive: Option<&Standing>,
    ) -> RedbTx<'txn> {
        let recorder = archive.map(Recorder::after);
        RedbTx { transaction, tables: [const { None }; Table::ALL.len()], recorder }
    }

    /// Makes the table where there is none.
    pub(super) fn touch(&mut self, table: Table) -> Result<(), StoreError> {
        self.table(table).map(|_| ())
    }

    fn moved_on(&self, archive: &mut Option<Standing>) {
        if let (Some(recorder), Some(standing)) = (&self.recorder, archive) {
            recorder.moved_on(standing);
        }
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

    fn write(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let stored = checked::seal(table, key, value);
        self.table(table)?.insert(key, &*stored).map_err(redb::Error::from)?;
        Ok(())
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
        match &row {
            Some(row) => Ok(read(Some(checked::open(table, key, row.value())?))),
            None => Ok(read(None)),
        }
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if let Some(recorder) = &mut self.recorder {
            recorder.add(table, key, Some(value));
        }
        self.write(table, key, value)
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        if let Some(recorder) = &mut self.recorder {
            recorder.add(table, key, None);
        }
        self.table(table)?.remove(key).map_err(redb::Error::from)?;
        Ok(())
    }

    fn end_batch(
        &mut self,
        first: Seq,
        last: Seq,
        levels: &[(Sku, u64, Level)],
    ) -> Result<(), StoreError> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        for (sku, version, level) in levels {
            recorder.add_level(sku, *version, level);
        }
        let Some(entry) = recorder.end(first, last) else { return Ok(()) };
        let Entry { number, .. } = entry;
        self.write(Table::Archive, &number.to_be_bytes(), &entry.to_row())
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
        let Some(row) = self.table(table)?.get(key).map_err(redb::Error::from)? else {
            return Ok(None);
        };
        Ok(Some(checked::open(table, key, row.value())?.to_vec()))
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
        let rows = self.table(table)?;
        let mut range = rows.range::<&[u8]>(bounds).map_err(redb::Error::from)?;
        loop {
            let row = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some(row) = row else { return Ok(()) };
            let (key, stored) = row.map_err(redb::Error::from)?;
            let value = checked::open(table, key.value(), stored.value())?;
            if visit(key.value(), value).is_break() {
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
