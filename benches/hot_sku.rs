//! Durable orders a second on one SKU: the engine, whose replies ride with the write, against an
//! actor that waits for each commit, side by side in every round.
//!
//! Timed is `engine.desk.checkout(...)` of carts made beforehand, asked by 64 callers who each wait
//! for their answer. An order is its row, its reservation, the cart's row, two events, an expiry and
//! the rendered answer under an idempotency key, in one batch; every answer comes after its fsync.
//! The actor that waits is given exactly such batches: those of an earlier run of the engine, which
//! spares it the deciding and encoding. Afterwards the books must agree with what was acknowledged.
//!
//! `cargo bench --bench hot_sku -- --orders 20000 --waiting 1000 --rounds 5 --callers 64`

mod ground;

use ground::recording::{Counted, Payment, Recording, checkout, fill_carts};
use ground::{
    CACHE_BYTES, Outcome, SPARE, Shop, folder, fsyncs_per_second, median, option, stock_up, worked,
};
use mercat::actors::engine::Witness;
use mercat::actors::reads::Reads;
use mercat::domain::event::EntityKey;
use mercat::domain::order::Order;
use mercat::domain::stock::{Level, Stock};
use mercat::domain::{CartId, OrderId, Span, Timestamp};
use mercat::secrets::{ShopKey, Vault};
use mercat::storage::{Batch, Committer, RedbStore, Settled, Store, Table};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

fn main() -> Outcome<()> {
    let plan = Plan {
        orders: option("orders", 20_000),
        waiting: option("waiting", 1_000),
        rounds: option("rounds", 5).max(1),
        callers: option("callers", 64).max(1),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(plan))
}

/// How much is bought, how often, and by how many at once.
#[derive(Clone, Copy)]
struct Plan {
    orders: usize,
    waiting: usize,
    rounds: usize,
    callers: usize,
}

/// What one run of one kind showed.
struct Run {
    orders: usize,
    took: Duration,
    /// Processor time, of all threads.
    worked: Duration,
    /// Of every order, sorted.
    latencies: Vec<Duration>,
    commits: usize,
    fsyncs: f64,
}

async fn run(plan: Plan) -> Outcome<()> {
    let record = Recording::make(plan.waiting).await?;
    let (mut manual, mut test, mut waiting) = (vec![], vec![], vec![]);
    for _ in 0..plan.rounds {
        manual.push(pipelined(Payment::Manual, plan.orders, plan.callers).await?);
        waiting.push(one_at_a_time(&record, plan.callers).await?);
        test.push(pipelined(Payment::Test, plan.orders, plan.callers).await?);
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let disk = median([&manual, &waiting, &test].into_iter().flatten().map(|run| run.fsyncs));
    println!(
        "One SKU, {} callers, medians of {} rounds, {cores} cores.",
        plan.callers, plan.rounds
    );
    println!("This disk makes 4 KiB durable {disk:.0} times a second (overwrite and fdatasync).\n");
    println!(
        "{:<31} {:>9} {:>8} {:>8} {:>10} {:>14} {:>13}",
        "", "orders/s", "p50 ms", "p99 ms", "commits/s", "orders/commit", "CPU us/order"
    );
    print_row("replies ride, manual (1 batch)", &manual);
    print_row("replies ride, test (2 batches)", &test);
    print_row("waits for each commit, manual", &waiting);
    let ratio = median(manual.iter().zip(&waiting).map(|(a, b)| a.rate() / b.rate()));
    let rate = median(manual.iter().map(Run::rate));
    println!("\nriding against waiting: {ratio:.1} times as many (aim: at least 10)");
    println!("durable orders: {rate:.0}/s (aim: at least 15000/s at about 2500 fsyncs/s)");
    println!("the books agree with every acknowledged order");
    Ok(())
}

fn print_row(name: &str, runs: &[Run]) {
    let middle = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure));
    println!(
        "{name:<31} {:>9.0} {:>8.2} {:>8.2} {:>10.0} {:>14.1} {:>13.1}",
        middle(&Run::rate),
        middle(&|run| run.percentile(50)),
        middle(&|run| run.percentile(99)),
        middle(&|run| run.commits as f64 / run.took.as_secs_f64()),
        middle(&|run| run.orders as f64 / run.commits as f64),
        middle(&|run| run.worked.as_secs_f64() * 1e6 / run.orders as f64),
    );
}

impl Run {
    fn rate(&self) -> f64 {
        self.orders as f64 / self.took.as_secs_f64()
    }

    /// In milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies[place].as_secs_f64() * 1e3
    }
}

/// The engine as it is.
async fn pipelined(payment: Payment, orders: usize, callers: usize) -> Outcome<Run> {
    let folder = folder()?;
    let fsyncs = fsyncs_per_second(folder.path())?;
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), CACHE_BYTES)?);
    stock_up(&*store, (orders + SPARE) as i64)?;
    let counted = Arc::new(Counted::default());
    let witness: Witness = {
        let counted = Arc::clone(&counted);
        Box::new(move |group| counted.add(group))
    };
    let shop = Shop::open(Arc::clone(&store), witness).await?;
    let carts: Arc<[CartId]> = fill_carts(&shop, orders).await?.into();
    shop.engine.settle().await;

    let next = Arc::new(AtomicUsize::new(0));
    let before = counted.so_far();
    let (began, idle) = (Instant::now(), worked()?);
    let buyers: Vec<_> = (0..callers)
        .map(|_| {
            let (desk, clock) = (shop.engine.desk.clone(), Arc::clone(&shop.clock));
            let vault = shop.vault.clone();
            let (carts, next, render) = (Arc::clone(&carts), Arc::clone(&next), ground::render());
            tokio::spawn(async move {
                let mut bought = Vec::with_capacity(carts.len() / callers + 1);
                while let Some(cart) = carts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = Instant::now();
                    let request = checkout(*cart, payment);
                    let keyed = ground::keyed(clock.now(), &render, &vault);
                    let order = desk.checkout(request, Some(keyed)).await;
                    bought.push((order.map(|answered| answered.value.id), asked.elapsed()));
                }
                bought
            })
        })
        .collect();
    let (mut acknowledged, mut latencies) = (HashSet::new(), Vec::with_capacity(orders));
    for buyer in buyers {
        for (order, latency) in buyer.await? {
            acknowledged.insert(order.map_err(|refusal| refusal.to_string())?);
            latencies.push(latency);
        }
    }
    let (took, worked) = (began.elapsed(), worked()? - idle);
    shop.engine.settle().await;
    let after = counted.so_far();
    check_books(&*store, payment, orders, &acknowledged)?;
    shop.close().await;
    latencies.sort_unstable();
    let commits = after.0 - before.0;
    Ok(Run { orders, took, worked, latencies, commits, fsyncs })
}

/// Every acknowledged order is there, no other one, and the units agree.
fn check_books(
    store: &dyn Store,
    payment: Payment,
    orders: usize,
    acknowledged: &HashSet<OrderId>,
) -> Outcome<()> {
    let snapshot = store.snapshot()?;
    let (_, level) = snapshot.load::<Level>(&EntityKey::Sku(ground::sku()))?.unwrap_or_default();
    let mut stored = HashSet::new();
    snapshot.load_all(Table::Orders, |key, _, _: Order| {
        stored.extend(key.try_into().ok().map(OrderId::from_bytes));
    })?;
    let received = (orders + SPARE) as i64;
    let bought = orders as i64;
    let expected = match payment {
        Payment::Manual => (received, bought, 0),
        Payment::Test => (received - bought, 0, bought),
    };
    let found = (level.on_hand, level.reserved, level.sold);
    if found != expected || !level.adds_up() {
        return Err(format!("on hand, reserved, sold: {found:?} and not {expected:?}").into());
    }
    if stored != *acknowledged || stored.len() != orders {
        let (stored, acknowledged) = (stored.len(), acknowledged.len());
        return Err(format!("{stored} orders stored, {acknowledged} acknowledged").into());
    }
    let (answers, reservations) =
        (snapshot.count(Table::Idempotency)?, snapshot.count(Table::Reservations)?);
    let promised = level.reserved as u64;
    if answers != orders as u64 || reservations != promised {
        return Err(format!("{answers} answers kept, {reservations} reservations").into());
    }
    Ok(())
}

/// One buyer's wish: units for an order, whose batch is ready.
struct Wish {
    order: OrderId,
    batch: Batch,
    reply: oneshot::Sender<bool>,
}

/// The same orders on the same store by an actor that waits for each commit.
async fn one_at_a_time(record: &Recording, callers: usize) -> Outcome<Run> {
    let folder = folder()?;
    let fsyncs = fsyncs_per_second(folder.path())?;
    let orders = record.orders.len();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), CACHE_BYTES)?);
    record.ready(&*store)?;
    let vault = Vault::with_key(&*store, ShopKey::from_bytes([7; 32]))?;
    let reads = Reads::load(Arc::clone(&store), &vault)?;
    let level = reads.levels.get(&ground::sku());
    let counted = Arc::new(Counted::default());
    let seen = Arc::clone(&counted);
    let (committer, writer) = Committer::start(Arc::clone(&store), move |group| {
        reads.project(&group);
        seen.add(&group);
        for Settled { ticket, outcome, .. } in group {
            let ticket: oneshot::Sender<Option<Level>> = ticket;
            let level = outcome.ok().and_then(|committed| Some(committed.levels.first()?.2));
            let _ = ticket.send(level);
        }
    })?;
    let (mailbox, wishes) = mpsc::unbounded_channel();
    let actor = tokio::spawn(serve(Stock::new(level), wishes, committer));

    let next = Arc::new(AtomicUsize::new(0));
    let placed: Arc<[(OrderId, Batch)]> = record.orders.clone().into();
    let (began, idle) = (Instant::now(), worked()?);
    let buyers: Vec<_> = (0..callers)
        .map(|_| {
            let (mailbox, placed, next) = (mailbox.clone(), placed.clone(), next.clone());
            tokio::spawn(async move {
                let mut bought = vec![];
                while let Some((order, batch)) = placed.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = Instant::now();
                    let (reply, answer) = oneshot::channel();
                    let wish = Wish { order: *order, batch: batch.clone(), reply };
                    let _ = mailbox.send(wish);
                    bought.push((*order, answer.await.unwrap_or(false), asked.elapsed()));
                }
                bought
            })
        })
        .collect();
    drop(mailbox);
    let (mut acknowledged, mut latencies) = (HashSet::new(), Vec::with_capacity(orders));
    for buyer in buyers {
        for (order, served, latency) in buyer.await? {
            acknowledged.extend(served.then_some(order));
            latencies.push(latency);
        }
    }
    let (took, worked) = (began.elapsed(), worked()? - idle);
    actor.await?;
    writer.join();
    check_books(&*store, Payment::Manual, orders, &acknowledged)?;
    latencies.sort_unstable();
    let (commits, _) = counted.so_far();
    Ok(Run { orders, took, worked, latencies, commits, fsyncs })
}

/// Hold, write, wait until that is durable, answer, and only then the next one.
async fn serve(
    mut stock: Stock,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    committer: Committer<oneshot::Sender<Option<Level>>>,
) {
    let now = Timestamp::from_millis(0);
    while let Some(Wish { order, batch, reply }) = wishes.recv().await {
        let held = stock.hold(order, 1, now.plus(Span::seconds(30)), now);
        let booked = match held {
            Ok(()) => {
                let (settled, durable) = oneshot::channel();
                committer.submit(batch, settled);
                durable.await.ok().flatten()
            }
            Err(_) => None,
        };
        stock.forget(order);
        booked.into_iter().for_each(|level| stock.booked(level));
        let _ = reply.send(booked.is_some());
    }
}
