//! The committer alone: what a group of batches costs, by how many wait.
//!
//! Timed is from the first `submit` to the last receipt, with so many batches always under way: one
//! is a caller that waits for each commit, more are callers whose replies ride with the write. The
//! batches are those of real checkouts (see `hot_sku`), recorded from the engine. Then the same for
//! idempotency answers alone, into a table that holds many already, once with their keys in time
//! order as the shop keeps them and once with keys as random as clients make them.
//!
//! `cargo bench --bench committer -- --orders 20000 --rounds 3 --rows 100000`

mod ground;

use ground::recording::{Counted, Recording};
use ground::{CACHE_BYTES, Outcome, folder, fsyncs_per_second, median, option, worked};
use mercat::domain::Timestamp;
use mercat::storage::table::timed_key;
use mercat::storage::{Batch, Committer, RedbStore, Store, Table};
use std::fs;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// What one run showed.
struct Run {
    batches: usize,
    commits: usize,
    took: Duration,
    worked: Duration,
    /// Handed to the disk while it ran.
    written: u64,
    fsyncs: f64,
}

fn main() -> Outcome<()> {
    let orders = option("orders", 20_000);
    let rounds = option("rounds", 3).max(1);
    let rows = option("rows", 100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let recording = runtime.block_on(Recording::make(orders))?;
    drop(runtime);

    println!("Batches of real checkouts, medians of {rounds} rounds.");
    print_head("waiting");
    let mut alone = f64::NAN;
    for waiting in [1, 10, 100, 1_000] {
        let runs: Outcome<Vec<Run>> =
            (0..rounds).map(|_| order_batches(&recording, waiting)).collect();
        let runs = runs?;
        let rate = median(runs.iter().map(Run::rate));
        if waiting == 1 {
            alone = rate;
        }
        print_row(&waiting.to_string(), &runs, alone);
    }

    println!("\nIdempotency answers of 1.2 KB, 100 waiting, into a table of {rows}.");
    print_head("keys");
    let (mut random, mut timed) = (vec![], vec![]);
    for _ in 0..rounds {
        random.push(answers(Keys::Random, rows, orders)?);
        timed.push(answers(Keys::TimeOrdered, rows, orders)?);
    }
    let slow = median(random.iter().map(Run::rate));
    print_row("random", &random, slow);
    print_row("time order", &timed, slow);
    Ok(())
}

fn print_head(what: &str) {
    println!(
        "{what:<11} {:>10} {:>10} {:>14} {:>10} {:>13} {:>7} {:>15}",
        "batches/s",
        "commits/s",
        "batches/commit",
        "KiB/batch",
        "CPU us/batch",
        "times",
        "disk's fsyncs/s"
    );
}

fn print_row(name: &str, runs: &[Run], alone: f64) {
    let middle = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure));
    println!(
        "{name:<11} {:>10.0} {:>10.0} {:>14.1} {:>10.1} {:>13.1} {:>7.1} {:>15.0}",
        middle(&Run::rate),
        middle(&|run| run.commits as f64 / run.took.as_secs_f64()),
        middle(&|run| run.batches as f64 / run.commits as f64),
        middle(&|run| run.written as f64 / 1024.0 / run.batches as f64),
        middle(&|run| run.worked.as_secs_f64() * 1e6 / run.batches as f64),
        middle(&Run::rate) / alone,
        middle(&|run| run.fsyncs),
    );
}

impl Run {
    fn rate(&self) -> f64 {
        self.batches as f64 / self.took.as_secs_f64()
    }
}

fn order_batches(recording: &Recording, waiting: usize) -> Outcome<Run> {
    let folder = folder()?;
    let fsyncs = fsyncs_per_second(folder.path())?;
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), CACHE_BYTES)?);
    recording.ready(&*store)?;
    // Enough commits to be worth timing, however few batches share one.
    let some = recording.orders.len().min(waiting * 1_000);
    let batches = recording.orders[..some].iter().map(|(_, batch)| batch.clone()).collect();
    run(store, batches, waiting, fsyncs)
}

#[derive(Clone, Copy)]
enum Keys {
    TimeOrdered,
    Random,
}

fn answers(keys: Keys, rows: usize, answers: usize) -> Outcome<Run> {
    let folder = folder()?;
    let fsyncs = fsyncs_per_second(folder.path())?;
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), CACHE_BYTES)?);
    let answer = vec![b'{'; 1_200];
    let mut batch_of = |at: usize| {
        let name: [u8; 16] = rand::random();
        let at = match keys {
            // A few in every millisecond, as under load.
            Keys::TimeOrdered => Timestamp::from_millis(1_700_000_000_000 + at as i64 / 8),
            Keys::Random => Timestamp::from_millis(rand::random::<i64>() & i64::MAX),
        };
        let mut batch = Batch::new();
        batch.row(Table::Idempotency, timed_key(at, &name), Some(answer.clone()));
        batch
    };
    for from in (0..rows).step_by(4_096) {
        let some: Vec<Batch> = (from..rows.min(from + 4_096)).map(&mut batch_of).collect();
        store.commit(&some)?;
    }
    let batches = (rows..rows + answers).map(&mut batch_of).collect();
    run(store, batches, 100, fsyncs)
}

/// Hands the batches over, so many at a time.
fn run(store: Arc<dyn Store>, batches: Vec<Batch>, waiting: usize, fsyncs: f64) -> Outcome<Run> {
    let counted = Arc::new(Counted::default());
    let seen = Arc::clone(&counted);
    let (settled, receipts) = mpsc::channel();
    let (committer, writer) = Committer::start(store, move |group| {
        seen.add(&group);
        let refused = group.iter().filter(|settled| settled.outcome.is_err()).count();
        let _ = settled.send((group.len(), refused));
    })?;
    let total = batches.len();
    let before = written()?;
    let (began, idle) = (Instant::now(), worked()?);
    let mut batches = batches.into_iter();
    let (mut free, mut done) = (waiting, 0);
    while done < total {
        for batch in batches.by_ref().take(free) {
            committer.submit(batch, ());
        }
        let (settled, refused) = receipts.recv()?;
        if refused > 0 {
            return Err(format!("{refused} batches were refused").into());
        }
        (free, done) = (settled, done + settled);
    }
    let (took, worked) = (began.elapsed(), worked()? - idle);
    drop(committer);
    writer.join();
    let (commits, batches) = counted.so_far();
    Ok(Run { batches, commits, took, worked, written: written()? - before, fsyncs })
}

/// Bytes that this process has had written to disks.
fn written() -> Outcome<u64> {
    let counters = fs::read_to_string("/proc/self/io")?;
    let line = counters.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("the kernel counts no writes")?.parse()?)
}
