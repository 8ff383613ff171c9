//! Data folders as they are found on disks.

use super::assert_clean;
use super::books::Town;
use crate::domain::order::tests::NOON;
use crate::domain::{Span, Timestamp};
use crate::storage::redb_store::FILE_NAME;
use crate::storage::{RedbStore, StoreError};
use crate::verify::{VerifyError, verify_folder};
use std::fs;
use std::path::Path;

const CACHE: usize = 1 << 20;
const PAGE: usize = 4_096;
const LATER: Timestamp = NOON.plus(Span::minutes(5));

/// A folder with a shop that was closed well.
fn closed_shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(Town::on(RedbStore::open(folder.path(), CACHE).unwrap()));
    folder
}

fn error(folder: &Path) -> VerifyError {
    verify_folder(folder, None, LATER, |_| {}).unwrap_err()
}

#[test]
fn a_closed_shop_is_checked_and_stays_as_it_is_to_the_byte() {
    let folder = closed_shop();
    let before = fs::read(folder.path().join(FILE_NAME)).unwrap();
    let report = verify_folder(folder.path(), None, LATER, |_| {}).unwrap();
    assert_clean(&report);
    assert!(fs::read(folder.path().join(FILE_NAME)).unwrap() == before);
}

#[test]
fn a_shop_that_was_killed_is_checked_as_of_its_last_commit() {
    let running = tempfile::tempdir().unwrap();
    let town = Town::on(RedbStore::open(running.path(), CACHE).unwrap());
    let killed = tempfile::tempdir().unwrap();
    fs::copy(running.path().join(FILE_NAME), killed.path().join(FILE_NAME)).unwrap();
    drop(town);
    assert_clean(&verify_folder(killed.path(), None, LATER, |_| {}).unwrap());
}

#[test]
fn a_running_shop_is_left_alone() {
    let folder = closed_shop();
    let _running = RedbStore::open(folder.path(), CACHE).unwrap();
    let refused = error(folder.path());
    let VerifyError::Store { source: StoreError::InUse { .. }, .. } = refused else {
        panic!("{refused:?}")
    };
}

#[test]
fn a_folder_without_a_shop_is_an_error_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = error(folder.path());
    assert!(matches!(refused, VerifyError::Store { source: StoreError::Missing { .. }, .. }));
    assert!(!folder.path().join(FILE_NAME).exists());
}

#[test]
fn a_damaged_file_is_named_or_its_damage_is_found_and_nothing_breaks() {
    let folder = closed_shop();
    let path = folder.path().join(FILE_NAME);
    let whole = fs::read(&path).unwrap();
    let is_written = |page: &usize| whole[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0);
    let pages: Vec<usize> = (0..whole.len() / PAGE).filter(is_written).collect();
    let (mut refused, mut found) = (0, 0);
    for page in pages.iter().step_by(pages.len() / 12) {
        let mut damaged = whole.clone();
        // Small numbers: a reference to a page of gigabytes has redb take the memory for it.
        damaged[page * PAGE + 40..][..8].fill(5);
        fs::write(&path, &damaged).unwrap();
        match verify_folder(folder.path(), None, LATER, |_| {}) {
            Ok(report) => found += usize::from(!report.is_clean()),
            Err(error) => {
                assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "{refused} refused, {found} found");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(error(folder.path()).to_string().contains(path.to_str().unwrap()));
}
