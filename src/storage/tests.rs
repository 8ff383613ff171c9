//! What every store promises, held against both of them, and what the one on disk keeps when the
//! disk fails under it.

use super::commit::Tx;
use super::memory::{Fault, MemoryStore};
use super::records::Reservation;
use super::redb_store::{FILE_NAME, RedbStore};
use super::*;
use crate::domain::event::Fact;
use crate::domain::stock::{Change, Level, Movement, StockEvent};
use crate::domain::{CartId, OrderId, Sku, Timestamp};
use proptest::prelude::*;
use redb::{Database, StorageBackend};
use std::io;
use std::sync::{Arc, Mutex, mpsc};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const CACHE: usize = 1 << 20;

fn cart(n: u8) -> EntityKey {
    EntityKey::Cart(CartId::from_bytes([n; 22]))
}

fn order(n: u8) -> OrderId {
    OrderId::from_bytes([n; 16])
}

fn sku(n: u8) -> Sku {
    format!("SKU-{n}").parse().unwrap()
}

/// One thing that a batch does.
#[derive(Clone, Debug)]
enum Part {
    Put { cart: u8, expected: u64, row: Vec<u8> },
    Remove { cart: u8, expected: u64 },
    Require { cart: u8, expected: u64 },
    Move { sku: u8, change: Change },
    Configure { sku: u8, backorder: bool },
    Row { name: u8, value: Option<u8> },
}

fn batch(parts: &[Part]) -> Batch {
    let mut batch = Batch::new();
    for part in parts {
        match part.clone() {
            Part::Put { cart: n, expected, row } => batch.put_bytes(cart(n), expected, row),
            Part::Remove { cart: n, expected } => batch.remove(cart(n), expected),
            Part::Require { cart: n, expected } => batch.require(cart(n), expected),
            Part::Move { sku: n, change } => {
                let event = StockEvent::RanLow { available: 0 };
                let movement = Movement { sku: sku(n), change };
                batch.fact(NOON, Fact::Stock(sku(n), event), vec![movement]);
            }
            Part::Configure { sku: n, backorder } => {
                let event = StockEvent::Configured { backorder, low_stock_at: None };
                batch.fact(NOON, Fact::Stock(sku(n), event), vec![]);
            }
            Part::Row { name, value } => {
                batch.row(Table::Cursors, vec![name], value.map(|value| vec![value]));
            }
        }
    }
    batch
}

fn changes() -> impl Strategy<Value = Change> {
    let units = || (0u8..4, 1u32..4);
    prop_oneof![
        units().prop_map(|(n, units)| Change::Reserve { order: order(n), units, expires_at: NOON }),
        units().prop_map(|(n, units)| Change::Release { order: order(n), units }),
        units().prop_map(|(n, units)| Change::Sell { order: order(n), units }),
        units().prop_map(|(n, units)| Change::Return { order: order(n), units }),
        (-4i64..9).prop_map(|delta| Change::Adjust { delta }),
    ]
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let row = || prop::collection::vec(any::<u8>(), 0..20);
    let part = prop_oneof![
        3 => (0u8..3, 0u64..3, row())
            .prop_map(|(cart, expected, row)| Part::Put { cart, expected, row }),
        1 => (0u8..3, 0u64..3).prop_map(|(cart, expected)| Part::Remove { cart, expected }),
        1 => (0u8..3, 0u64..3).prop_map(|(cart, expected)| Part::Require { cart, expected }),
        5 => (0u8..3, changes()).prop_map(|(sku, change)| Part::Move { sku, change }),
        1 => (0u8..3, any::<bool>())
            .prop_map(|(sku, backorder)| Part::Configure { sku, backorder }),
        1 => (0u8..3, prop::option::of(any::<u8>()))
            .prop_map(|(name, value)| Part::Row { name, value }),
    ];
    prop::collection::vec(part, 0..4)
}

/// Groups of batches of parts.
fn groups() -> impl Strategy<Value = Vec<Vec<Vec<Part>>>> {
    prop::collection::vec(prop::collection::vec(parts(), 1..5), 1..12)
}

type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

/// Everything but the notes about the file itself.
fn rows(store: &dyn Store) -> Rows {
    let snapshot = store.snapshot().unwrap();
    let mut rows = Rows::new();
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.push((table, key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        snapshot.scan(table, &[], None, Direction::Forward, &mut visit).unwrap();
        let own = rows.iter().filter(|(own, _, _)| *own == table).count();
        assert_eq!(snapshot.count(table).unwrap(), own as u64);
    }
    rows
}

#[track_caller]
fn check(store: &dyn Store) {
    let snapshot = store.snapshot().unwrap();
    let events = snapshot.events_after(Seq(0), usize::MAX).unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "no gap in the log");
    assert_eq!(snapshot.last_seq().unwrap().0, events.len() as u64);
    snapshot
        .load_all(Table::Skus, |_, _, level: Level| {
            assert!(level.reserved >= 0, "{level:?}");
            assert_eq!(level.on_hand, level.received - level.sold);
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_archive_makes_the_state_after_each_batch_again(groups in groups()) {
        let folder = tempfile::tempdir().unwrap();
        let disk = RedbStore::open(folder.path(), CACHE).unwrap();
        disk.commit(&[archive::begin([7; 16])]).unwrap();
        let base = folder.path().join("base");
        copy::copy(&*disk.snapshot().unwrap(), &base, &mut |_| {}).unwrap();
        // One batch at a time, so that there is a state after each.
        let memory = MemoryStore::new();
        let mut after = std::collections::HashMap::new();
        for group in &groups {
            let group: Vec<Batch> = group.iter().map(|parts| batch(parts)).collect();
            disk.commit(&group).unwrap();
            for batch in group {
                memory.commit(&[batch]).unwrap();
                let last = memory.snapshot().unwrap().last_seq().unwrap();
                after.entry(last).or_insert_with(|| rows(&memory));
            }
        }
        let entries = disk.snapshot().unwrap().archived(usize::MAX).unwrap();
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
        prop_assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>());
        let with_facts: Vec<_> = entries.iter().filter(|entry| entry.last >= entry.first).collect();
        for entry in with_facts.iter().rev().step_by(with_facts.len().div_ceil(3).max(1)) {
            let again = tempfile::tempdir().unwrap();
            let file = again.path().join(FILE_NAME);
            std::fs::copy(&base, &file).unwrap();
            let mut upto = entries[..entry.number as usize].iter().cloned().map(Ok);
            let reached = copy::bring_further(&file, &mut upto).unwrap();
            prop_assert_eq!(reached, entry.last);
            let made = RedbStore::open(again.path(), CACHE).unwrap();
            prop_assert!(made.snapshot().unwrap().archive().unwrap().is_none());
            prop_assert_eq!(&rows(&made), &after[&entry.last]);
        }
    }

    #[test]
    fn both_stores_say_and_keep_the_same(groups in groups()) {
        let folder = tempfile::tempdir().unwrap();
        let disk = RedbStore::open(folder.path(), CACHE).unwrap();
        let memory = MemoryStore::new();
        for group in &groups {
            let group: Vec<Batch> = group.iter().map(|parts| batch(parts)).collect();
            let said = disk.commit(&group).unwrap();
            prop_assert_eq!(&said, &memory.commit(&group).unwrap());
            let kept = rows(&disk);
            prop_assert_eq!(&kept, &rows(&memory));
            check(&disk);
        }
        disk.reopen().unwrap();
        prop_assert_eq!(rows(&disk), rows(&memory));
        drop(disk);
        let disk = RedbStore::open(folder.path(), CACHE).unwrap();
        prop_assert_eq!(rows(&disk), rows(&memory));
    }

    #[test]
    fn a_batch_is_there_whole_or_not_at_all_and_its_neighbours_do_not_feel_it(groups in groups()) {
        let (together, alone) = (MemoryStore::new(), MemoryStore::new());
        for group in &groups {
            let group: Vec<Batch> = group.iter().map(|parts| batch(parts)).collect();
            let said = together.commit(&group).unwrap();
            for (batch, said) in group.into_iter().zip(said) {
                let before = rows(&alone);
                let own = alone.commit(&[batch]).unwrap().pop().unwrap();
                if own.is_err() {
                    prop_assert_eq!(before, rows(&alone));
                }
                prop_assert_eq!(own, said);
            }
            prop_assert_eq!(rows(&together), rows(&alone));
        }
    }

    #[test]
    fn whatever_the_disk_does_what_was_acknowledged_is_there(
        groups in groups(),
        fails_at in 0usize..120,
        end in prop::sample::select(vec![End::Lost, End::Kept, End::Torn]),
    ) {
        let disk = Arc::new(Mutex::new(Disk::default()));
        let store = open_on(&disk).unwrap();
        let model = MemoryStore::new();
        disk.lock().unwrap().plan = Some((fails_at, end));
        for group in &groups {
            let group: Vec<Batch> = group.iter().map(|parts| batch(parts)).collect();
            match store.commit(&group) {
                Ok(said) => prop_assert_eq!(said, model.commit(&group).unwrap()),
                Err(_) => {
                    prop_assert!(store.commit(&group).is_err(), "nothing is tried again");
                    store.reopen().unwrap();
                    let before = rows(&model);
                    let kept = rows(&store);
                    if kept != before {
                        model.commit(&group).unwrap();
                        prop_assert_eq!(kept, rows(&model));
                    }
                }
            }
            // A power cut right now loses nothing of it either.
            let after_cut = Arc::new(Mutex::new(disk.lock().unwrap().after_a_power_cut()));
            prop_assert_eq!(rows(&open_on(&after_cut).unwrap()), rows(&model));
            check(&store);
        }
    }
}

/// What becomes of what was written and not synced when the disk fails.
#[derive(Clone, Copy, Debug)]
enum End {
    Lost,
    Kept,
    /// Of the writes since the last sync, every other one is there.
    Torn,
}

/// A disk that fails once, at a write or a sync.
#[derive(Debug, Default)]
struct Disk {
    synced: Vec<u8>,
    unsynced: Vec<DiskWrite>,
    now: Vec<u8>,
    plan: Option<(usize, End)>,
    /// How often it was opened: a handle from before a fault is of no use any more.
    opened: usize,
}

impl Disk {
    fn after_a_power_cut(&self) -> Disk {
        Disk { synced: self.synced.clone(), now: self.synced.clone(), ..Disk::default() }
    }

    /// Fails if its time has come.
    fn point(&mut self) -> Result<(), io::Error> {
        match &mut self.plan {
            None => return Ok(()),
            Some((left, _)) if *left > 0 => {
                *left -= 1;
                return Ok(());
            }
            Some(_) => {}
        }
        let Some((_, end)) = self.plan.take() else { return Ok(()) };
        let writes = std::mem::take(&mut self.unsynced);
        let kept = writes.into_iter().enumerate().filter(|(i, _)| match end {
            End::Lost => false,
            End::Kept => true,
            End::Torn => i % 2 == 0,
        });
        let mut synced = std::mem::take(&mut self.synced);
        for (_, write) in kept {
            write.apply(&mut synced);
        }
        self.now = synced.clone();
        self.synced = synced;
        self.opened += 1;
        Err(io::Error::other("a planted fault"))
    }
}

#[derive(Debug)]
enum DiskWrite {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

impl DiskWrite {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            DiskWrite::Length(length) => file.resize(*length as usize, 0),
            DiskWrite::Bytes(at, bytes) => {
                let (from, to) = (*at as usize, *at as usize + bytes.len());
                if file.len() < to {
                    file.resize(to, 0);
                }
                file[from..to].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Debug)]
struct Handle {
    disk: Arc<Mutex<Disk>>,
    opened: usize,
}

impl Handle {
    fn with<T>(&self, run: impl FnOnce(&mut Disk) -> Result<T, io::Error>) -> Result<T, io::Error> {
        let mut disk = self.disk.lock().unwrap();
        if disk.opened != self.opened {
            return Err(io::Error::other("the disk has failed"));
        }
        run(&mut disk)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, io::Error> {
        self.with(|disk| Ok(disk.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.with(|disk| {
            let from = offset as usize;
            let found = disk.now.get(from..from + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.change(DiskWrite::Length(len))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.with(|disk| {
            disk.point()?;
            disk.unsynced.clear();
            disk.synced.clone_from(&disk.now);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.change(DiskWrite::Bytes(offset, data.to_vec()))
    }
}

impl Handle {
    fn change(&self, write: DiskWrite) -> Result<(), io::Error> {
        self.with(|disk| {
            disk.point()?;
            write.apply(&mut disk.now);
            disk.unsynced.push(write);
            Ok(())
        })
    }
}

fn open_on(disk: &Arc<Mutex<Disk>>) -> Result<RedbStore, StoreError> {
    let disk = Arc::clone(disk);
    RedbStore::open_on(move || {
        let opened = disk.lock().unwrap().opened;
        let handle = Handle { disk: Arc::clone(&disk), opened };
        let opened = Database::builder().set_cache_size(CACHE).create_with_backend(handle);
        Ok(opened.map_err(redb::Error::from)?)
    })
}

fn put(n: u8, expected: u64) -> Batch {
    batch(&[
        Part::Put { cart: n, expected, row: vec![n] },
        Part::Configure { sku: n, backorder: true },
    ])
}

#[test]
fn the_disk_failing_at_any_point_of_a_commit_costs_no_more_than_that_commit() {
    for end in [End::Lost, End::Kept, End::Torn] {
        let mut failed = 0;
        for fails_at in 0..60 {
            let disk = Arc::new(Mutex::new(Disk::default()));
            let store = open_on(&disk).unwrap();
            store.commit(&[put(1, 0)]).unwrap();
            disk.lock().unwrap().plan = Some((fails_at, end));
            let said = store.commit(&[put(2, 0)]);
            if said.is_err() {
                failed += 1;
                store.reopen().unwrap();
            }
            disk.lock().unwrap().plan = None;
            let there = store.snapshot().unwrap().count(Table::Carts).unwrap();
            assert!(there == 2 || (there == 1 && said.is_err()), "{end:?} at {fails_at}");
            let again = store.commit(&[put(2, 0)]).unwrap().pop().unwrap();
            assert_eq!(again.is_ok(), there == 1, "what is there is not written over");
            check(&store);
        }
        assert!(failed > 2, "the commit was never hit");
    }
}

#[test]
fn the_disk_failing_at_any_point_leaves_an_archive_without_a_gap() {
    for end in [End::Lost, End::Kept, End::Torn] {
        for fails_at in 0..60 {
            let disk = Arc::new(Mutex::new(Disk::default()));
            let store = open_on(&disk).unwrap();
            store.commit(&[archive::begin([7; 16])]).unwrap();
            store.commit(&[put(1, 0)]).unwrap();
            disk.lock().unwrap().plan = Some((fails_at, end));
            if store.commit(&[put(2, 0)]).is_err() {
                store.reopen().unwrap();
            }
            disk.lock().unwrap().plan = None;
            let _ = store.commit(&[put(2, 0)]).unwrap();
            store.commit(&[put(3, 0)]).unwrap();
            let snapshot = store.snapshot().unwrap();
            let entries = snapshot.archived(usize::MAX).unwrap();
            let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
            assert_eq!(numbers, [1, 2, 3], "{end:?} at {fails_at}");
            let facts: Vec<u64> =
                entries.iter().flat_map(|entry| entry.first.0..=entry.last.0).collect();
            let last = snapshot.last_seq().unwrap().0;
            assert_eq!(facts, (1..=last).collect::<Vec<_>>(), "{end:?} at {fails_at}");
        }
    }
}

/// The layouts after today's, for a test: each cart's row gets a byte in front, and moves to another
/// key; then cursors get one.
const STEPS: [upgrade::Step; 2] = [
    |tx| {
        for n in 1..=3 {
            let key = cart(n);
            let key = row_key(&key);
            let row = tx.with(Table::Carts, key, |row| row.map(<[u8]>::to_vec))?;
            if let Some(row) = row {
                tx.remove(Table::Carts, key)?;
                tx.put(Table::Carts, &[b"moved", key].concat(), &[&[9], &*row].concat())?;
            }
        }
        Ok(())
    },
    |tx| tx.put(Table::Cursors, b"upgraded", &[2]),
];

#[test]
fn an_upgrade_that_is_cut_off_anywhere_is_done_or_not_begun() {
    let (mut done, mut not_begun) = (0, 0);
    for end in [End::Lost, End::Kept, End::Torn] {
        for fails_at in 0..80 {
            let disk = Arc::new(Mutex::new(Disk::default()));
            let store = open_on(&disk).unwrap();
            store.commit(&[put(1, 0), put(2, 0), put(3, 0)]).unwrap();
            let before = rows(&store);
            drop(store);
            let open = || {
                let opened = disk.lock().unwrap().opened;
                let handle = Handle { disk: Arc::clone(&disk), opened };
                Database::builder().set_cache_size(CACHE).create_with_backend(handle).unwrap()
            };
            let database = open();
            disk.lock().unwrap().plan = Some((fails_at, end));
            let upgraded = upgrade::upgrade_by(&database, 1, &STEPS);
            drop(database);
            disk.lock().unwrap().plan = None;
            let database = open();
            let schema = redb_store::schema_of(&database).unwrap().unwrap();
            assert!(schema == 3 || upgraded.is_err(), "{end:?} at {fails_at}");
            match schema {
                1 => not_begun += 1,
                3 => done += 1,
                other => panic!("half way, at layout {other}"),
            }
            if schema == 1 {
                drop(database);
                assert!(rows(&open_on(&disk).unwrap()) == before, "{end:?} at {fails_at}");
                upgrade::upgrade_by(&open(), 1, &STEPS).unwrap();
            } else {
                upgrade::upgrade_by(&database, 3, &STEPS).unwrap();
                drop(database);
            }
            let database = open();
            assert_eq!(redb_store::schema_of(&database).unwrap(), Some(3));
            let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
            let snapshot: &dyn Snapshot = &redb_store::RedbSnapshot { transaction };
            assert_eq!(snapshot.get(Table::Cursors, b"upgraded").unwrap(), Some(vec![2]));
            let mut carts = 0;
            let mut visit = |key: &[u8], row: &[u8]| {
                assert!(key.starts_with(b"moved") && row[0] == 9, "each row once");
                carts += 1;
                ControlFlow::Continue(())
            };
            snapshot.scan(Table::Carts, &[], None, Direction::Forward, &mut visit).unwrap();
            assert_eq!(carts, 3, "{end:?} at {fails_at}");
        }
    }
    assert!(done > 3 && not_begun > 3, "{done} done, {not_begun} not begun");
}

#[test]
fn a_copy_on_a_disk_that_is_full_is_an_error_and_the_shop_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), CACHE).unwrap();
    store.commit(&[put(1, 0), put(2, 0)]).unwrap();
    let before = rows(&store);
    let mut failed = 0;
    for fails_at in 0..60 {
        let disk = Arc::new(Mutex::new(Disk::default()));
        let handle = Handle { disk: Arc::clone(&disk), opened: 0 };
        let made = Database::builder().set_cache_size(CACHE).create_with_backend(handle).unwrap();
        disk.lock().unwrap().plan = Some((fails_at, End::Kept));
        let snapshot = store.snapshot().unwrap();
        failed += u32::from(copy::copy_into(&*snapshot, made, &mut |_| {}).is_err());
        store.commit(&[batch(&[Part::Row { name: 1, value: None }])]).unwrap();
        assert!(rows(&store) == before);
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_conflict_leaves_no_number_unused() {
    let store = MemoryStore::new();
    let said = store.commit(&[put(1, 0), put(1, 0), put(2, 0)]).unwrap();
    let firsts: Vec<Option<u64>> =
        said.iter().map(|said| said.as_ref().ok().map(|done| done.first_seq.0)).collect();
    assert_eq!(firsts, [Some(1), None, Some(2)]);
    check(&store);
}

#[test]
fn a_file_in_use_is_said_to_be_so_and_a_dropped_one_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let first = RedbStore::open(folder.path(), CACHE).unwrap();
    first.commit(&[put(1, 0)]).unwrap();
    let second = RedbStore::open(folder.path(), CACHE);
    let Err(error @ StoreError::InUse { .. }) = second else { panic!("opened twice") };
    assert!(error.to_string().ends_with("is in use by another process; stop that one first"));
    drop(first);
    let again = RedbStore::open(folder.path(), CACHE).unwrap();
    assert_eq!(again.snapshot().unwrap().count(Table::Carts).unwrap(), 1);
}

#[test]
fn a_newer_file_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), CACHE).unwrap();
    let mut newer = Batch::new();
    newer.row(Table::Meta, b"schema".to_vec(), Some(7u32.to_be_bytes().to_vec()));
    store.commit(&[newer]).unwrap();
    drop(store);
    let path = folder.path().join(FILE_NAME);
    let before = std::fs::read(&path).unwrap();
    for _ in 0..2 {
        let refused = RedbStore::open(folder.path(), CACHE);
        assert!(matches!(refused, Err(StoreError::Newer { found: 7, known: 1 })));
        assert!(std::fs::read(&path).unwrap() == before, "not a byte has changed");
    }
}

#[test]
fn a_reader_sees_one_moment_and_keeps_nobody_from_writing() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] =
        [Box::new(MemoryStore::new()), Box::new(RedbStore::open(folder.path(), CACHE).unwrap())];
    for store in stores {
        store.commit(&[put(1, 0)]).unwrap();
        let snapshot = store.snapshot().unwrap();
        store.commit(&[put(2, 0)]).unwrap();
        assert_eq!(snapshot.count(Table::Carts).unwrap(), 1);
        assert_eq!(store.snapshot().unwrap().count(Table::Carts).unwrap(), 2);
    }
}

/// A committer that passes on what became of each batch.
fn committer(store: Arc<dyn Store>) -> (Committer<u8>, mpsc::Receiver<(u8, bool)>) {
    let (sender, outcomes) = mpsc::channel();
    let (committer, _) = Committer::start(store, move |group: Vec<Settled<u8>>| {
        for Settled { ticket, outcome, .. } in group {
            sender.send((ticket, outcome.is_ok())).unwrap();
        }
    })
    .unwrap();
    (committer, outcomes)
}

#[test]
fn a_store_that_failed_is_open_again_for_the_next_batch() {
    let store = Arc::new(MemoryStore::new());
    let (committer, outcomes) = committer(store.clone());
    store.inject([Fault::None, Fault::Lost]);
    for n in 1..=3 {
        committer.submit(put(n, 0), n);
        assert_eq!(outcomes.recv().unwrap(), (n, n != 2));
    }
    assert!(committer.is_healthy());
    assert_eq!(store.snapshot().unwrap().count(Table::Carts).unwrap(), 2);
}

/// A store that cannot be opened again until it is repaired.
struct Shut {
    inner: MemoryStore,
    is_repaired: std::sync::atomic::AtomicBool,
}

impl Store for Shut {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.inner.snapshot()
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        self.inner.commit(group)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        if !self.is_repaired.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::Stopped);
        }
        self.inner.reopen()
    }
}

#[test]
fn a_store_that_stays_shut_refuses_at_once_and_opens_without_a_batch_once_it_can() {
    let (inner, is_repaired) = (MemoryStore::new(), false.into());
    inner.inject([Fault::Lost]);
    let store = Arc::new(Shut { inner, is_repaired });
    let (committer, outcomes) = committer(store.clone());
    for n in 1..=3 {
        committer.submit(put(n, 0), n);
        assert_eq!(outcomes.recv().unwrap(), (n, false));
        assert!(!committer.is_healthy());
    }
    store.is_repaired.store(true, std::sync::atomic::Ordering::SeqCst);
    while !committer.is_healthy() {
        std::thread::yield_now();
    }
    committer.submit(put(4, 0), 4);
    assert_eq!(outcomes.recv().unwrap(), (4, true));
    check(&*store);
}

#[test]
fn records_are_read_from_a_key_on_and_a_damaged_one_is_an_error() {
    let store = MemoryStore::new();
    let reservation = Reservation { units: 2, expires_at: NOON };
    for key in [b"a", b"b", b"c"] {
        store.plant(Table::Reservations, key, Some(&reservation.to_bytes()));
    }
    let read = || {
        let mut keys = Vec::new();
        let snapshot = store.snapshot().unwrap();
        let read = snapshot.load_records(Table::Reservations, b"b", |key, row: Reservation| {
            assert_eq!(row, reservation);
            keys.push(key.to_vec());
        });
        (keys, read)
    };
    let (keys, outcome) = read();
    assert_eq!(keys, [b"b", b"c"]);
    assert!(outcome.is_ok());
    store.plant(Table::Reservations, b"b", Some(b"rubbish"));
    let (keys, outcome) = read();
    assert!(keys.is_empty());
    assert!(matches!(outcome, Err(StoreError::Codec(_))), "{outcome:?}");
}
