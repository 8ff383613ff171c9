//! The drill: a backup of a shop in the middle of a sale, crashes while it is archived, and the way
//! back to the backup, to moments after it, and to the end.

use crate::program::{Program, back_up, run, run_well};
use crate::rows::{events, order_rows, orders, rows};
use mercat::backup::Manifest;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

const BUYERS: usize = 12;

/// Buyers who buy as fast as they can.
struct Sale {
    program: Arc<Program>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    count: watch::Receiver<usize>,
    over: Arc<AtomicBool>,
    buyers: Vec<tokio::task::JoinHandle<()>>,
}

impl Sale {
    fn begin(program: Program) -> Sale {
        let program = Arc::new(program);
        let acknowledged: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let over = Arc::<AtomicBool>::default();
        let buyers = (0..BUYERS).map(|_| {
            let (program, acknowledged) = (Arc::clone(&program), Arc::clone(&acknowledged));
            let (counted, over) = (counted.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if let Some(order) = program.buy().await {
                        acknowledged.lock().unwrap().insert(order);
                        counted.send_modify(|count| *count += 1);
                    }
                }
            })
        });
        let buyers = buyers.collect();
        Sale { program, acknowledged, count, over, buyers }
    }

    /// Until so many more orders are acknowledged.
    async fn go_on(&self, orders: usize) {
        let mut count = self.count.clone();
        let wanted = *count.borrow() + orders;
        count.wait_for(|count| *count >= wanted).await.expect("they buy on");
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn end(self, how: impl FnOnce(Program)) -> BTreeSet<String> {
        let Sale { program, acknowledged, over, buyers, .. } = self;
        over.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await.unwrap();
        }
        let Ok(program) = Arc::try_unwrap(program) else { panic!("nobody uses it any more") };
        how(program);
        Arc::try_unwrap(acknowledged).unwrap().into_inner().unwrap()
    }

    /// Killed while they all buy on.
    async fn kill(self) -> BTreeSet<String> {
        self.over.store(true, Ordering::Relaxed);
        self.program.kill_now();
        self.end(Program::reap).await
    }
}

/// Restores and checks all invariants of what comes out.
#[track_caller]
fn restore(backup: &Path, into: &Path, more: &[&str]) -> String {
    let from = backup.to_str().expect("a plain path");
    let said = run_well(&[&["restore", "--from", from][..], more].concat(), into);
    run_well(&["verify"], into);
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shop_comes_back_as_it_was_at_any_moment() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let place = tempfile::tempdir().unwrap();
    let (data, backups) = (place.path().join("shop"), place.path().join("backups"));
    let archive = place.path().join("archive");
    let settings = format!("[archive]\nfolder = '{}'\nevery_seconds = 1", archive.display());

    let program = Program::start(&data, &settings);
    program.shelve(100_000).await;
    let sale = Sale::begin(program);
    sale.go_on(30).await;
    let before = sale.acknowledged();
    let (from, to) = (data.clone(), backups.clone());
    let backup = tokio::task::spawn_blocking(move || back_up(&from, &to)).await.unwrap();
    sale.go_on(40).await;
    let mut acknowledged = sale.kill().await;

    // Twice more, each time killed somewhere between two rounds of the archive.
    for _ in 0..2 {
        let sale = Sale::begin(Program::start(&data, &settings));
        sale.go_on(chance.random_range(20..60)).await;
        acknowledged.extend(sale.kill().await);
        // On a fast machine no round has come yet; an orderly end makes a segment of what there is.
        drop(Program::start(&data, &settings).stop());
    }
    let sale = Sale::begin(Program::start(&data, &settings));
    sale.go_on(20).await;
    acknowledged.extend(sale.end(|program| drop(program.stop())).await);

    let log = events(&data);
    let manifest = Manifest::read(&backup).unwrap();
    assert!(manifest.sequence < log.len() as u64, "the shop sold on while it was backed up");

    // The backup: exactly what the log says up to its number, and all that was acknowledged before.
    run_well(&["verify"], &backup);
    let first = place.path().join("first");
    let said = restore(&backup, &first, &[]);
    assert!(said.contains(&format!("up to event {} ", manifest.sequence)), "{said}");
    agree(&first, &log, manifest.sequence);
    assert!(order_rows(&first).is_superset(&before));

    // All of it, through every crash: row for row what the shop has now.
    let archive = archive.to_str().unwrap();
    let whole = place.path().join("whole");
    restore(&backup, &whole, &["--archive", archive]);
    assert!(order_rows(&whole).is_superset(&acknowledged));
    let (restored, live) = (rows(&whole), rows(&data));
    let differ: Vec<_> = live
        .iter()
        .filter(|(key, row)| restored.get(*key) != Some(*row))
        .map(|((table, key), _)| (*table, key.escape_ascii().to_string()))
        .collect();
    assert!(differ.is_empty() && restored.len() == live.len(), "seed {seed}: {differ:?}");

    // Moments in between, by number and by time.
    for i in 0..3 {
        let wanted = chance.random_range(manifest.sequence + 1..=log.len() as u64);
        let into = place.path().join(format!("moment-{i}"));
        let number = wanted.to_string();
        restore(&backup, &into, &["--archive", archive, "--until", &number]);
        let reached = events(&into).len() as u64;
        assert!(reached >= wanted && reached < wanted + 12, "seed {seed}: {reached} for {wanted}");
        agree(&into, &log, reached);
    }
    let moment = log[(manifest.sequence as usize + log.len()) / 2].at;
    let until = mercat::backup::rfc3339(moment);
    let into = place.path().join("moment-by-time");
    restore(&backup, &into, &["--archive", archive, "--until", &until]);
    let reached = events(&into);
    agree(&into, &log, reached.len() as u64);
    assert!(reached.iter().all(|event| event.at <= moment), "nothing later than {until}");

    refusals(place.path(), &backup, archive, &manifest, log.len());
}

/// A folder has exactly what the log says up to a number: events, orders, and, since its rows were
/// verified against its own events, every level of stock.
#[track_caller]
fn agree(folder: &Path, log: &[mercat::domain::event::Event], up_to: u64) {
    let log = &log[..up_to as usize];
    assert!(events(folder) == log, "the events up to {up_to}");
    assert_eq!(order_rows(folder), orders(log));
}

/// What cannot be restored is refused, and leaves nothing behind.
fn refusals(place: &Path, backup: &Path, archive: &str, manifest: &Manifest, newest: usize) {
    let from = backup.to_str().unwrap();
    let folders = || fs::read_dir(place).unwrap().count();
    let before = folders();
    let into = place.join("never");
    let (earlier, later) = ((manifest.sequence - 1).to_string(), (newest + 1).to_string());
    let refused = |more: &[&str], into: &Path, why: &str| {
        let said = run(&[&["restore", "--from", from][..], more].concat(), into);
        assert!(!said.is_fine && said.err.contains(why), "{more:?}: {said:?}");
    };
    refused(&["--archive", archive, "--until", &earlier], &into, "take an earlier backup");
    refused(&["--archive", archive, "--until", &later], &into, "the archive goes up to event");
    refused(&["--until", &later], &into, "--archive");
    refused(&[], &place.join("shop"), "holds a shop already");

    // An entry that is missing in the middle is noticed, and so is one that was spoilt.
    let id = &manifest.archive.as_ref().expect("an archive was kept").id;
    let mut segments: Vec<PathBuf> = fs::read_dir(Path::new(archive).join(id))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    assert!(segments.len() >= 3, "{segments:?}");
    let last = segments.last().unwrap();
    let mut bytes = fs::read(last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(last, &bytes).unwrap();
    refused(&["--archive", archive], &into, "it is not what was written");
    fs::remove_file(&segments[segments.len() - 2]).unwrap();
    refused(&["--archive", archive], &into, "");
    assert_eq!(folders(), before, "nothing is left of what was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_that_was_killed_is_no_backup_and_the_shop_is_unharmed() {
    let place = tempfile::tempdir().unwrap();
    let (data, backups) = (place.path().join("shop"), place.path().join("backups"));
    let program = Program::start(&data, "");
    program.shelve(10).await;
    let order = program.buy().await.expect("an order");
    // A picture large enough for its copy to be seen under way.
    let picture = data.join("media/00000000000000000000000000000000.png");
    fs::File::create(&picture).unwrap().set_len(64 << 20).unwrap();
    let (from, to) = (data.clone(), backups.clone());
    let asked = std::thread::spawn(move || {
        run(&["backup", "--to", to.to_str().expect("a plain path")], &from)
    });
    let under_way = || {
        let found = fs::read_dir(&backups).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).find(|path| path.join("media").is_dir())
    };
    while under_way().is_none() {
        program.get("/readyz").await;
    }
    program.kill();
    let said = asked.join().unwrap();
    assert!(!said.is_fine && said.err.contains("the shop ended before"), "{said:?}");
    let left: Vec<PathBuf> =
        fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1);
    let half = left[0].to_str().unwrap();
    let said = run(&["restore", "--from", half], &place.path().join("never"));
    assert!(!said.is_fine && said.err.contains("is no backup"), "{said:?}");

    fs::remove_file(picture).unwrap();
    let program = Program::start(&data, "");
    assert_eq!(program.order(&order).await["status"], "paid");
    let backup = back_up(&data, &backups);
    program.stop();
    run_well(&["verify"], &data);
    run_well(&["verify"], &backup);
    let there: Vec<PathBuf> =
        fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there, [backup], "what the killed one left is gone");
}
