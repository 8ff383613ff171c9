//! Damaged data files: said, never served, and the last good backup is named.

use crate::program::{Program, back_up, refused_to_serve, run};
use crate::rows::{CACHE, Rows, rows_of};
use mercat::storage::redb_store::FILE_NAME;
use mercat::storage::{ReadOnlyStore, RedbStore, Store, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A shop with some orders, its data file, and what is in it.
async fn shop(place: &Path) -> (std::path::PathBuf, Vec<u8>, Rows) {
    let data = place.join("shop");
    let program = Program::start(&data, "");
    program.shelve(100).await;
    for _ in 0..8 {
        program.buy().await.expect("an order");
    }
    program.stop();
    let bytes = fs::read(data.join(FILE_NAME)).unwrap();
    let store = ReadOnlyStore::open(&data, CACHE).unwrap();
    let truth = rows_of(&*store.snapshot().unwrap()).unwrap();
    (data, bytes, truth)
}

/// What comes of a file: its rows, or that it is damaged. Looking changes nothing of it, and what a
/// shop would open is no other than what is looked at.
#[track_caller]
fn open(bytes: &[u8]) -> Result<Rows, StoreError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE_NAME);
    fs::write(&file, bytes).unwrap();
    let looked =
        ReadOnlyStore::open(folder.path(), CACHE).and_then(|store| rows_of(&*store.snapshot()?));
    assert!(fs::read(&file).unwrap() == bytes, "a look changes nothing");
    let opened =
        RedbStore::open(folder.path(), CACHE).and_then(|store| rows_of(&*store.snapshot()?));
    match (&looked, &opened) {
        (Ok(looked), Ok(opened)) => assert!(looked == opened),
        (Err(_), Err(_)) => assert!(fs::read(&file).unwrap() == bytes, "a refusal changes nothing"),
        _ => panic!("looked at: {:?}, opened: {:?}", looked.err(), opened.err()),
    }
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_flipped_byte_is_served_as_truth() {
    let place = tempfile::tempdir().unwrap();
    let (_, bytes, truth) = shop(place.path()).await;
    let seed: u64 = rand::random();
    println!("seed {seed}, {} bytes", bytes.len());
    let mut chance = StdRng::seed_from_u64(seed);
    // All of the header's flags, sizes and the two commits that it names, by steps; then anywhere
    // that something was written.
    let header = (0..320).step_by(3).chain([9; 8]).chain(10..24);
    let written: Vec<usize> = (4_096..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let anywhere: Vec<usize> =
        (0..300).map(|_| written[chance.random_range(0..written.len())]).collect();
    let (mut refused, mut served) = (0, 0);
    for (i, at) in header.chain(anywhere).enumerate() {
        let bit = 1u8 << if at == 9 { i % 8 } else { chance.random_range(0..8) };
        let mut flipped = bytes.clone();
        flipped[at] ^= bit;
        match open(&flipped) {
            Ok(rows) => {
                served += 1;
                assert!(rows == truth, "seed {seed}: byte {at} ^ {bit}");
            }
            Err(StoreError::Damaged { .. } | StoreError::DamagedRow { .. }) => refused += 1,
            Err(other) => panic!("seed {seed}: byte {at} ^ {bit}: {other:?}"),
        }
    }
    println!("{refused} refused, {served} did no harm");
    assert!(refused > 100, "{refused} refused, {served} served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_cut_short_is_damaged() {
    let place = tempfile::tempdir().unwrap();
    let (_, bytes, truth) = shop(place.path()).await;
    for length in
        [1, 100, 319, 320, 4_096, 5_000, bytes.len() / 2, bytes.len() - 4_096, bytes.len() - 1]
    {
        match open(&bytes[..length]) {
            Err(StoreError::Damaged { .. }) => {}
            // What was cut off was not in use.
            Ok(rows) => assert!(rows == truth && length > bytes.len() / 2, "{length}"),
            Err(other) => panic!("{length}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_under_a_running_shop_is_noticed_when_it_is_read() {
    let place = tempfile::tempdir().unwrap();
    let (data, bytes, truth) = shop(place.path()).await;
    // Nothing is kept in memory, so each read is one of the disk.
    let store = RedbStore::open(&data, 0).unwrap();
    let disk = fs::OpenOptions::new().write(true).open(data.join(FILE_NAME)).unwrap();
    let (mut noticed, mut tried) = (0, 0);
    assert_eq!(bytes[9] & 2, 0, "it was closed well");
    for row in truth.values().filter(|row| row.len() > 40).step_by(7) {
        let middle = &row[8..];
        let Some(at) = bytes.windows(middle.len()).rposition(|window| window == middle) else {
            continue;
        };
        tried += 1;
        let other = [bytes[at] ^ 16];
        disk.write_all_at(&other, at as u64).unwrap();
        match rows_of(&*store.snapshot().unwrap()) {
            Ok(rows) => assert!(rows == truth, "byte {at}"),
            Err(error) => {
                assert!(matches!(error, StoreError::DamagedRow { .. }), "{error:?}");
                noticed += 1;
            }
        }
        disk.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert!(noticed * 2 > tried && noticed > 5, "{noticed} of {tried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_shop_does_not_open_and_names_its_last_good_backup() {
    let place = tempfile::tempdir().unwrap();
    let (data, bytes, _) = shop(place.path()).await;
    let file = data.join(FILE_NAME);
    // Some byte of a page that is in use.
    let places = (0..bytes.len()).rev().filter(|at| bytes[*at] != 0).step_by(97);
    let mut flipped = places.map(|at| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        damaged
    });
    let damaged = flipped.find(|damaged| open(damaged).is_err()).expect("most pages are in use");
    fs::write(&file, &damaged).unwrap();
    let said = refused_to_serve(&data);
    assert!(said.contains("is damaged"), "{said}");
    assert!(said.contains("no backup of it is known here"), "{said}");

    fs::write(&file, &bytes).unwrap();
    let backup = back_up(&data, &place.path().join("backups"));
    fs::write(&file, &damaged).unwrap();
    let nowhere = place.path().join("nowhere");
    let to = nowhere.to_str().unwrap();
    let said = [
        refused_to_serve(&data),
        run(&["verify"], &data).err,
        run(&["backup", "--to", to], &data).err,
        run(&["key", "rotate"], &data).err,
    ];
    for said in said {
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains("is damaged") && last.contains(backup.to_str().unwrap()), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(fs::read(&file).unwrap() == damaged, "nothing was changed");
}
