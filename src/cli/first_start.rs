//! The data file of a new shop.
//!
//! redb needs several writes for a new file, and what a power cut leaves of them is no database: the
//! shop would never open again. So the file is made in a folder of its own and moved when it is whole.

use crate::storage::redb_store::FILE_NAME;
use crate::storage::{RedbStore, StoreError};
use std::fs::{self, File};
use std::path::Path;

/// Where the file is until it is whole.
const BESIDE: &str = "mercat.new";

/// What redb keeps in memory while it makes a file without a row, in bytes.
const CACHE_BYTES: usize = 1 << 20;

/// Makes the data file in `folder`, which is there, unless it has one.
pub(super) fn make_data_file(folder: &Path) -> Result<(), StoreError> {
    let place = folder.join(FILE_NAME);
    if place.try_exists()? {
        return Ok(());
    }
    let names = File::open(folder)?;
    // Of two first starts at once, the second waits and finds the file of the first. File systems
    // that lock no folders lock no data file either, so nothing is lost by going on there.
    let _ = names.lock();
    if place.try_exists()? {
        return Ok(());
    }
    let beside = folder.join(BESIDE);
    if beside.try_exists()? {
        // Left by a start that was broken off.
        fs::remove_dir_all(&beside)?;
    }
    // Dropped, it is closed well, and everything in it is synced.
    drop(RedbStore::open(&beside, CACHE_BYTES)?);
    fs::rename(beside.join(FILE_NAME), &place)?;
    fs::remove_dir(&beside)?;
    names.sync_all()?;
    #[cfg(debug_assertions)]
    crate::failpoints::pass("store-made");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_half_made_is_made_anew_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let beside = folder.path().join(BESIDE);
        fs::create_dir(&beside).unwrap();
        // What a power cut leaves of a new file: its length, and not what makes it a database.
        fs::write(beside.join(FILE_NAME), [0; 73_728]).unwrap();
        make_data_file(folder.path()).unwrap();
        let names = fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE_NAME]);
        RedbStore::open(folder.path(), CACHE_BYTES).unwrap();
        fs::write(folder.path().join(FILE_NAME), b"somebody's").unwrap();
        make_data_file(folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join(FILE_NAME)).unwrap(), b"somebody's");
    }
}
