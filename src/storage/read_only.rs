//! Looking at a data file without running a shop on it.
//!
//! The file stays as it is, byte for byte, also where a crash left it: it is read as of its last
//! durable commit, as the next start would bring it to. Every page of it is checked first. Nothing is
//! ever made here: a folder without a shop is an error.

use super::look::look_at_shop;
use super::redb_store::{FILE_NAME, RedbSnapshot};
use super::{Snapshot, StoreError};
use redb::{Database, ReadableDatabase};
use std::path::Path;

/// The data file of a shop that is not running.
pub struct ReadOnlyStore {
    database: Database,
}

impl ReadOnlyStore {
    /// Opens the data file in `folder`, unless a shop runs on it, it is damaged, or a newer program
    /// wrote it.
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<ReadOnlyStore, StoreError> {
        let path = folder.join(FILE_NAME);
        if !path.is_file() {
            return Err(StoreError::Missing { folder: folder.to_owned() });
        }
        Ok(ReadOnlyStore { database: look_at_shop(&path, cache_bytes)? })
    }

    /// A view of all tables.
    pub fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        Ok(Box::new(RedbSnapshot { transaction }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Table;
    use crate::storage::redb_store::{Definition, RedbStore, SCHEMA, definition};
    use std::fs;

    const CACHE: usize = 1 << 20;

    /// A folder with an empty shop that was closed well.
    fn shop() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        drop(RedbStore::open(folder.path(), CACHE).unwrap());
        folder
    }

    fn write(folder: &Path, table: Definition, key: &[u8], value: &[u8]) {
        let database = Database::open(folder.join(FILE_NAME)).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(table).unwrap().insert(key, value).unwrap();
        transaction.commit().unwrap();
    }

    #[test]
    fn reading_changes_no_byte() {
        let folder = shop();
        let before = fs::read(folder.path().join(FILE_NAME)).unwrap();
        let store = ReadOnlyStore::open(folder.path(), CACHE).unwrap();
        assert_eq!(store.snapshot().unwrap().count(Table::Meta).unwrap(), 2);
        drop(store);
        assert!(fs::read(folder.path().join(FILE_NAME)).unwrap() == before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_left_by_a_crash_is_read_as_of_its_last_commit() {
        let folder = shop();
        let store = RedbStore::open(folder.path(), CACHE).unwrap();
        let crashed = tempfile::tempdir().unwrap();
        let left = crashed.path().join(FILE_NAME);
        fs::copy(folder.path().join(FILE_NAME), &left).unwrap();
        drop(store);
        let before = fs::read(&left).unwrap();
        let store = ReadOnlyStore::open(crashed.path(), CACHE).unwrap();
        assert_eq!(store.snapshot().unwrap().count(Table::Meta).unwrap(), 2);
        drop(store);
        assert!(fs::read(&left).unwrap() == before, "it stays as the crash left it");
    }

    #[test]
    fn a_running_shop_is_left_alone() {
        let folder = shop();
        let _running = RedbStore::open(folder.path(), CACHE).unwrap();
        let refused = ReadOnlyStore::open(folder.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::InUse { .. })));
    }

    #[test]
    fn what_is_no_shop_is_refused_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let refused = ReadOnlyStore::open(folder.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::Missing { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join(FILE_NAME), b"not a database").unwrap();
        let refused = ReadOnlyStore::open(folder.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::Damaged { .. })));
        let other = tempfile::tempdir().unwrap();
        drop(Database::create(other.path().join(FILE_NAME)).unwrap());
        let refused = ReadOnlyStore::open(other.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::NotAShop { .. })));
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused() {
        let newer = shop();
        let schema = (SCHEMA + 1).to_be_bytes();
        write(newer.path(), definition(Table::Meta.name()), b"schema", &schema);
        let refused = ReadOnlyStore::open(newer.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::Newer { .. })));
        let unknown = shop();
        write(unknown.path(), definition("wishes.v1"), b"a", b"b");
        let refused = ReadOnlyStore::open(unknown.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::UnknownTable { table }) if table == "wishes.v1"));
    }
}
