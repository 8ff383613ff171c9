//! A look at a data file that changes no byte of it, and misses no byte that was changed.
//!
//! redb checks all pages of a file only where it may also write to it. So it gets the file with a
//! sheet of memory over it: what it writes goes on the sheet, and is thrown away with it. Thus a file
//! of a newer program, a damaged one, and one that was left by a crash all stay as they are, byte for
//! byte, whatever is found.
//!
//! Two-phase commits (`quick_repair`) let redb say that a damaged page is damage rather than the end
//! of an unfinished commit: it never falls back to an older state by itself. The one flag of the
//! header that chooses between the two last commits has no checksum; it is compared with the numbers
//! of the two here. After a crash the flag may rightly point to the older one (the newer was not
//! acknowledged then), so that there, and only there, this cannot be told from damage.

use super::pages::{self, FLAGS, HEADER_BYTES, LEFT_BY_A_CRASH, SECOND_IS_PRIMARY};
use super::redb_store::{SCHEMA, schema_of};
use super::upgrade::upgrade;
use super::{StoreError, Table};
use redb::backends::FileBackend;
use redb::{BackendError, Database, DatabaseError, ReadableDatabase, StorageBackend, TableHandle};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who checks the pages of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// [`pages`], in a part of the time; redb where that does not find the file whole.
    Quick,
    /// redb itself.
    Thorough,
}

/// Opens a file for reading, after every page of it was checked. Shared with other readers, refused
/// while a shop runs on it.
pub(super) fn look(path: &Path, cache_bytes: usize, check: Check) -> Result<Database, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: path.to_owned(), detail };
    let file = File::open(path)?;
    let header = check_header(&file).map_err(damaged)?;
    if check == Check::Quick
        && let Some(commit) = pages::whole(&file, &header)
    {
        let sheet = Sheet::over(file.try_clone()?)?;
        let database = open(path, cache_bytes, &sheet, Check::Quick)?;
        // What redb opened is what was checked, unless another process wrote to the file meanwhile.
        if sheet.last_commit()? == commit {
            return Ok(database);
        }
    }
    open(path, cache_bytes, &Sheet::over(file)?, Check::Thorough)
}

fn open(
    path: &Path,
    cache_bytes: usize,
    sheet: &Sheet,
    check: Check,
) -> Result<Database, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: path.to_owned(), detail };
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Database::builder()
            .set_cache_size(cache_bytes)
            .set_check_integrity_on_open(check == Check::Thorough)
            .create_with_backend(sheet.clone())
    }));
    // redb means to say so where a page leads it astray, but a panic would mean the same.
    let opened = opened.map_err(|_| damaged("its pages lead nowhere".to_owned()))?;
    match opened {
        Ok(database) => Ok(database),
        Err(DatabaseError::DatabaseAlreadyOpen) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(DatabaseError::Storage(redb::StorageError::Corrupted(detail))) => Err(damaged(detail)),
        // Such a file was never written by this program.
        Err(DatabaseError::UpgradeRequired(_)) => {
            Err(damaged("its header is of another kind than was ever written".to_owned()))
        }
        Err(error) => Err(redb::Error::from(error).into()),
    }
}

/// As [`look`], of the file of a shop that this program knows in full.
pub(super) fn look_at_shop(path: &Path, cache_bytes: usize) -> Result<Database, StoreError> {
    let database = look(path, cache_bytes, Check::Thorough)?;
    match schema_of(&database)? {
        None => return Err(StoreError::NotAShop { path: path.to_owned() }),
        Some(found) if found > SCHEMA => return Err(StoreError::Newer { found, known: SCHEMA }),
        // On the sheet: what is looked at is what the file would become.
        Some(found) => upgrade(&database, found)?,
    }
    match unknown_table(&database)? {
        Some(table) => Err(StoreError::UnknownTable { table }),
        None => Ok(database),
    }
}

fn unknown_table(database: &Database) -> Result<Option<String>, StoreError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let tables = transaction.list_tables().map_err(redb::Error::from)?;
    let known = |name: &str| Table::ALL.iter().any(|table| table.name() == name);
    let mut names = tables.map(|table| table.name().to_owned());
    Ok(names.find(|name| !known(name)))
}

/// Where the numbers of the two last commits are in redb's header (its file format 3).
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];
const COMMIT_NUMBERS: [usize; 2] = [64 + 104, 64 + 128 + 104];

/// What redb takes on trust, or falls over.
fn check_header(file: &File) -> Result<[u8; HEADER_BYTES], String> {
    let mut header = [0; HEADER_BYTES];
    let length = file.metadata().map_or(0, |about| about.len());
    if file.read_exact_at(&mut header, 0).is_err() {
        return Err(format!("it is cut short to {length} bytes"));
    }
    if header[..MAGIC.len()] != MAGIC {
        return Err("it does not begin as a data file does".to_owned());
    }
    let number = |at: usize| {
        let bytes = header[at..at + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes)
    };
    let [first, second] = COMMIT_NUMBERS.map(number);
    let is_second = header[FLAGS] & SECOND_IS_PRIMARY != 0;
    let (newest, other) = if is_second { (second, first) } else { (first, second) };
    if header[FLAGS] & LEFT_BY_A_CRASH == 0 && other > newest {
        return Err("its header names another commit than the last one".to_owned());
    }
    Ok(header)
}

const BLOCK: u64 = 4_096;

/// A file that stays as it is, and what was written over it. Clones are the same sheet.
#[derive(Clone, Debug)]
struct Sheet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// The same file, for its locks.
    locks: FileBackend,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    /// How much of the file still counts: it may have been cut and made longer again.
    of_file: u64,
    written: BTreeMap<u64, Box<[u8]>>,
}

impl Sheet {
    fn over(file: File) -> Result<Sheet, StoreError> {
        let length = file.metadata()?.len();
        let locks = FileBackend::new(file.try_clone()?).map_err(redb::Error::from)?;
        let state = State { length, of_file: length, written: BTreeMap::new() };
        Ok(Sheet(Arc::new(Inner { file, locks, state: Mutex::new(state) })))
    }

    /// The last commit that its header names.
    fn last_commit(&self) -> io::Result<pages::Slot> {
        let mut header = [0; HEADER_BYTES];
        self.read(0, &mut header)?;
        Ok(*pages::primary(&header))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of the file from `offset` on, with zeros where it has none.
    fn read_file(&self, of_file: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = of_file.saturating_sub(offset).min(out.len() as u64) as usize;
        out[there..].fill(0);
        self.0.file.read_exact_at(&mut out[..there], offset)
    }
}

impl StorageBackend for Sheet {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let end = offset + out.len() as u64;
        if end > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(state.of_file, offset, out)?;
        let first = offset / BLOCK;
        for (block, bytes) in state.written.range(first..end.div_ceil(BLOCK)) {
            let from = (block * BLOCK).max(offset);
            let to = ((block + 1) * BLOCK).min(end);
            let inside = &bytes[(from % BLOCK) as usize..][..(to - from) as usize];
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(inside);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if length < state.length {
            // Whole blocks alone: redb's lengths are whole pages.
            state.written.split_off(&length.div_ceil(BLOCK));
        }
        state.of_file = state.of_file.min(length);
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let end = offset + data.len() as u64;
        let of_file = state.of_file;
        for block in offset / BLOCK..end.div_ceil(BLOCK) {
            let from = (block * BLOCK).max(offset);
            let to = ((block + 1) * BLOCK).min(end);
            let bytes = match state.written.entry(block) {
                Entry::Occupied(written) => written.into_mut(),
                Entry::Vacant(unwritten) => {
                    let mut bytes = vec![0; BLOCK as usize].into_boxed_slice();
                    self.read_file(of_file, block * BLOCK, &mut bytes)?;
                    unwritten.insert(bytes)
                }
            };
            let inside = &mut bytes[(from % BLOCK) as usize..][..(to - from) as usize];
            inside.copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.locks.close()
    }

    // Nothing is written to the file: whoever else reads it may do so.
    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.0.locks.try_lock_shared_range(from, to)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.locks.try_lock_shared_range(from, to)
    }

    fn lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.0.locks.lock_shared_range(from, to)
    }

    fn lock_shared_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.0.locks.lock_shared_range(from, to)
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.0.locks.unlock_range(from, to)
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.0.locks.query_lock_range(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::redb_store::{FILE_NAME, RedbStore};
    use crate::storage::{Batch, Store};
    use std::fs;

    const CACHE: usize = 1 << 20;

    #[test]
    fn a_header_that_names_the_commit_before_the_last_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = RedbStore::open(folder.path(), CACHE).unwrap();
        for n in 0..3 {
            let mut batch = Batch::new();
            batch.row(Table::Cursors, vec![n], Some(vec![n]));
            store.commit(&[batch]).unwrap();
        }
        drop(store);
        let path = folder.path().join(FILE_NAME);
        let mut bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[FLAGS] & LEFT_BY_A_CRASH, 0, "it was closed well");
        for check in [Check::Quick, Check::Thorough] {
            assert!(look(&path, CACHE, check).is_ok());
        }
        bytes[FLAGS] ^= SECOND_IS_PRIMARY;
        fs::write(&path, &bytes).unwrap();
        for check in [Check::Quick, Check::Thorough] {
            let Err(StoreError::Damaged { detail, .. }) = look(&path, CACHE, check) else {
                panic!("it was taken for whole")
            };
            assert_eq!(detail, "its header names another commit than the last one");
        }
    }

    #[test]
    fn what_is_written_on_the_sheet_is_read_from_it_and_never_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let under: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
        fs::write(&path, &under).unwrap();
        let sheet = Sheet::over(File::open(&path).unwrap()).unwrap();
        let mut expected = under.clone();
        for (at, length) in [(0, 1), (4_090, 12), (5_000, 9_000), (19_990, 10)] {
            let bytes = vec![0xEE; length];
            sheet.write(at as u64, &bytes).unwrap();
            expected[at..at + length].copy_from_slice(&bytes);
        }
        sheet.set_len(8_192).unwrap();
        sheet.set_len(24_576).unwrap();
        expected.truncate(8_192);
        expected.resize(24_576, 0);
        for (from, to) in [(0, 24_576), (3, 4_100), (8_000, 20_000)] {
            let mut read = vec![1; to - from];
            sheet.read(from as u64, &mut read).unwrap();
            assert!(read == expected[from..to], "{from} to {to}");
        }
        assert!(sheet.read(24_570, &mut [0; 10]).is_err(), "beyond its end");
        assert!(fs::read(&path).unwrap() == under);
    }
}
