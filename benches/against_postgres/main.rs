//! Durable checkouts a second through HTTP, against PostgreSQL making the same rows durable.
//!
//! In every round, on the same disk and one after the other: `pgbench` with the writes of a checkout
//! (`checkout.sql`: order, line, two events, the answer under its idempotency key, the stock with its
//! check) from several numbers of clients, and `mercat bench flash-sale`, the whole shop with its
//! door. First for one hot SKU, then for 10,000. PostgreSQL is started in a folder of its own with
//! fsync on and room enough that no checkpoint comes in between; its script sends prepared statements
//! over a local socket and knows no HTTP, no prices and no person: whatever a shop around it would
//! cost comes on top.
//!
//! Afterwards the rows that PostgreSQL acknowledged are counted, and so are the books of every run of
//! the shop.
//!
//! `cargo bench --bench against_postgres -- --seconds 5 --rounds 3 --skus 10000 --connections 256`

#[path = "../ground/mod.rs"]
mod ground;
mod postgres;

use ground::{Outcome, folder, fsyncs_per_second, median, option};
use mercat::bench::report::{Report, words};
use postgres::{Installation, Server};
use std::path::Path;
use std::process::{Command, Stdio};

/// Clients of pgbench that are tried; it is then taken at its best.
const CLIENTS: [usize; 5] = [1, 4, 16, 32, 64];

/// Connections to the shop for the one SKU.
const BUYERS: usize = 64;

/// What is wanted: so many times PostgreSQL's rate.
const AIM: f64 = 10.0;

fn main() -> Outcome<()> {
    let Some(installed) = Installation::find() else {
        eprintln!(
            "\n  NOTHING WAS MEASURED: PostgreSQL is not installed on this machine.\n\n  \
             This bench needs initdb, postgres, psql and pgbench (Debian: apt-get install \
             postgresql postgresql-contrib), in PATH, below /usr/lib/postgresql, or in the folder \
             that POSTGRES_BIN names.\n"
        );
        return Err("PostgreSQL is not installed".into());
    };
    let seconds = option("seconds", 5).max(1);
    let rounds = option("rounds", 3).max(1);
    let skus = option("skus", 10_000).max(2);
    let connections = option("connections", 256).max(1);
    let folder = folder()?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{}, {cores} cores, medians of {rounds} rounds of {seconds} s.", installed.version()?);
    println!(
        "This disk makes 4 KiB durable {:.0} times a second.",
        fsyncs_per_second(folder.path())?
    );
    let mut fell_short = vec![];
    for (title, skus, connections) in
        [("One hot SKU".to_owned(), 1, BUYERS), (format!("{skus} SKUs"), skus, connections)]
    {
        println!("\n{title}");
        let ratio = compare(&installed, folder.path(), skus, connections, seconds, rounds)?;
        if ratio < AIM {
            fell_short.push(format!("{title}: {ratio:.1} times"));
        }
    }
    match &*fell_short {
        [] => println!("\nBoth are at least {AIM} times PostgreSQL's rate."),
        short => println!("\nLess than {AIM} times PostgreSQL's rate: {}.", short.join("; ")),
    }
    Ok(())
}

/// Takes both in turns, prints the rates, and says how many times as fast the shop was.
fn compare(
    installed: &Installation,
    folder: &Path,
    skus: usize,
    connections: usize,
    seconds: usize,
    rounds: usize,
) -> Outcome<f64> {
    let mut theirs: Vec<Vec<f64>> = vec![vec![]; CLIENTS.len()];
    let mut ours = vec![];
    for _ in 0..rounds {
        let server = Server::start(installed, folder, skus)?;
        for (rates, clients) in theirs.iter_mut().zip(CLIENTS) {
            rates.push(server.checkouts(clients, seconds)?);
        }
        server.stop()?;
        ours.push(sale(folder, skus, connections, seconds)?);
    }
    println!("{:<34} {:>14} {:>12}", "", "checkouts/s", "p99");
    for (rates, clients) in theirs.iter().zip(CLIENTS) {
        let name = format!("PostgreSQL, {}", words::several(clients as u64, "client"));
        println!("{name:<34} {:>14.0}", median(rates.iter().copied()));
    }
    let rate = median(ours.iter().map(|sale| sale.rate));
    let p99 = median(ours.iter().map(|sale| sale.p99_us));
    let name = format!("mercat over HTTP, {connections} connections");
    println!("{name:<34} {rate:>14.0} {:>12}", words::time(p99));
    let best_at = |place: usize| median(theirs[place].iter().copied());
    let best = (0..CLIENTS.len()).max_by(|a, b| best_at(*a).total_cmp(&best_at(*b))).unwrap_or(0);
    let ratio = median(ours.iter().zip(&theirs[best]).map(|(own, their)| own.rate / their));
    println!(
        "mercat against PostgreSQL at its best ({} clients): {ratio:.1} times (aim: {AIM})",
        CLIENTS[best]
    );
    Ok(ratio)
}

/// One run of the shop.
struct Sale {
    rate: f64,
    p99_us: f64,
}

/// The shop's own bench, which starts a shop in a folder of its own and fails if its books disagree.
fn sale(folder: &Path, skus: usize, connections: usize, seconds: usize) -> Outcome<Sale> {
    let json = folder.join("sale.json");
    let ended = Command::new(env!("CARGO_BIN_EXE_mercat"))
        .args(["bench", "flash-sale", "--payment", "manual"])
        .args(["--connections", &connections.to_string(), "--duration", &seconds.to_string()])
        .args(["--products", &skus.to_string(), "--skus", &skus.to_string()])
        .arg("--folder")
        .arg(folder)
        .arg("--json")
        .arg(&json)
        .stdout(Stdio::null())
        .status()?;
    if !ended.success() {
        return Err("mercat bench failed".into());
    }
    let report = Report::read(&json)?;
    let run = report.runs.first().ok_or("mercat bench measured nothing")?;
    let checkout = run.operation("checkout").ok_or("nobody went to the checkout")?;
    if run.books.is_empty() || !run.is_correct() || checkout.outcomes.errors() > 0 {
        return Err("the sale was not right".into());
    }
    Ok(Sale { rate: checkout.throughput, p99_us: checkout.latency.p99_us as f64 })
}
