//! What an entity costs in memory, and how many calls a second they answer.
//!
//! Timed or weighed are the actors alone: the store behind them takes every batch and keeps nothing.
//! Memory is what the kernel says this process has in use, in processes of their own: once for a
//! million carts of one line in the shards, settled and idle, and once for the same million carts as
//! bare values. The difference is what being an actor costs. Calls are `Show` of a settled cart,
//! sent to its mailbox and answered, from a few callers with many calls under way each.
//!
//! `cargo bench --bench entities -- --carts 1000000 --calls 3000000 --rounds 3`

mod ground;

use ground::recording::fill_carts;
use ground::{Outcome, SHARDS, Shop, median, option, stock_up, worked};
use mercat::actors::ask::Ask;
use mercat::actors::cart::{CartMessage, CartRequest};
use mercat::actors::shard::ShardMessage;
use mercat::domain::cart::{Cart, CartCommand};
use mercat::domain::{CartId, Currency, Seq};
use mercat::secrets::{ShopKey, Vault};
use mercat::storage::memory::MemoryStore;
use mercat::storage::{Batch, Committed, Conflict, Snapshot, Store, StoreError};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Over how many carts the calls go.
const CALLED: usize = 10_000;
const CALLERS: usize = 4;
/// Calls that one caller has under way.
const UNDER_WAY: usize = 256;

fn main() -> Outcome<()> {
    let carts = option("carts", 1_000_000).max(1);
    let calls = option("calls", 3_000_000).max(1);
    let rounds = option("rounds", 3).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match option("part", 0) {
        1 => return weigh_bare(carts),
        2 => return runtime.block_on(weigh_actors(carts)),
        _ => {}
    }
    let (bare, _) = in_own_process(1, carts)?;
    let (actors, whole) = in_own_process(2, carts)?;
    let each = |bytes: u64| bytes as f64 / carts as f64;
    println!("{carts} carts of one line, {SHARDS} shards:");
    println!("  the cart's own state            {:>8.0} bytes a cart", each(bare));
    println!("  alive in its shard              {:>8.0} bytes a cart", each(actors));
    println!(
        "  beyond its own state            {:>8.0} bytes a cart (aim: at most 256)",
        each(actors) - each(bare)
    );
    println!(
        "  the whole process               {:>8.0} MB (aim: 1000000 carts under 1000)",
        whole as f64 / 1e6
    );
    let made: Outcome<Vec<Calls>> =
        (0..rounds).map(|_| runtime.block_on(make_calls(calls))).collect();
    let made = made?;
    println!(
        "{calls} calls over {CALLED} carts, {CALLERS} callers with {UNDER_WAY} under way each:"
    );
    println!(
        "  {:.2} million calls/s, median of {rounds} (aim: 2), {:.2} us of CPU each",
        median(made.iter().map(|calls| calls.rate)) / 1e6,
        median(made.iter().map(|calls| calls.work_us)),
    );
    Ok(())
}

/// A store that takes everything and keeps nothing but the catalog.
struct Forgetful {
    catalog: MemoryStore,
    last_seq: AtomicU64,
}

impl Forgetful {
    fn stocked() -> Outcome<Arc<dyn Store>> {
        let catalog = MemoryStore::new();
        stock_up(&catalog, 1_000)?;
        let last_seq = AtomicU64::new(catalog.snapshot()?.last_seq()?.0);
        Ok(Arc::new(Forgetful { catalog, last_seq }))
    }
}

impl Store for Forgetful {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.catalog.snapshot()
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        let taken = group.iter().map(|batch| {
            let facts = batch.facts().len() as u64;
            let first_seq = Seq(self.last_seq.fetch_add(facts, Ordering::Relaxed) + 1);
            Ok(Committed { first_seq, levels: vec![] })
        });
        Ok(taken.collect())
    }

    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Runs one part of this bench alone: bytes in use that it added, and bytes in use in all.
fn in_own_process(part: usize, carts: usize) -> Outcome<(u64, u64)> {
    let own = std::env::current_exe()?;
    let words = ["--part", &part.to_string(), "--carts", &carts.to_string()];
    let told = Command::new(own).args(words).output()?;
    let text = String::from_utf8(told.stdout)?;
    let mut figures = text.split_whitespace().map(str::parse::<u64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(added)), Some(Ok(whole))) => Ok((added, whole)),
        _ => Err(String::from_utf8_lossy(&told.stderr).into_owned().into()),
    }
}

fn weigh_bare(carts: usize) -> Outcome<()> {
    let catalog = MemoryStore::new();
    stock_up(&catalog, 1_000)?;
    let vault = Vault::with_key(&catalog, ShopKey::from_bytes([7; 32]))?;
    let reads = mercat::actors::reads::Reads::load(Arc::new(catalog), &vault)?;
    let offer = reads.catalog.load().offer(&ground::sku()).ok_or("it is for sale")?;
    let now = mercat::domain::Timestamp::from_millis(1_700_000_000_000);
    let before = in_use()?;
    let made: Vec<Cart> = (0..carts)
        .filter_map(|_| {
            let items = vec![(offer.clone(), 1)];
            let create = CartCommand::Create { currency: Currency::USD, items };
            let events = Cart::decide(None, create, now).ok()?;
            events.iter().fold(None, Cart::apply)
        })
        .collect();
    let after = in_use()?;
    println!("{} {after}", after - before);
    match made.len() == carts {
        true => Ok(()),
        false => Err("a cart was refused".into()),
    }
}

async fn weigh_actors(carts: usize) -> Outcome<()> {
    let shop = Shop::open(Forgetful::stocked()?, Box::new(|_| {})).await?;
    // Mailboxes and allocator reach their working size.
    fill_carts(&shop, 10_000).await?;
    shop.engine.settle().await;
    let before = in_use()?;
    fill_carts(&shop, carts).await?;
    shop.engine.settle().await;
    let after = in_use()?;
    let alive = shop.engine.desk.census().await.carts;
    if alive != carts + 10_000 {
        return Err(format!("{alive} carts are alive").into());
    }
    println!("{} {after}", after - before);
    Ok(())
}

/// Bytes of memory that this process has in use.
fn in_use() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// Calls a second, and the processor time of all threads for each.
struct Calls {
    rate: f64,
    work_us: f64,
}

async fn make_calls(calls: usize) -> Outcome<Calls> {
    let shop = Shop::open(Forgetful::stocked()?, Box::new(|_| {})).await?;
    let carts: Arc<[CartId]> = fill_carts(&shop, CALLED).await?.into();
    shop.engine.settle().await;
    let refused = Arc::new(AtomicUsize::new(0));
    let (began, idle) = (Instant::now(), worked()?);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (directory, carts) = (shop.engine.directory.clone(), Arc::clone(&carts));
            let refused = Arc::clone(&refused);
            tokio::spawn(async move {
                let mut under_way = Vec::with_capacity(UNDER_WAY);
                // Each caller starts elsewhere, and goes round.
                let own = carts.iter().cycle().skip(caller * CALLED / CALLERS);
                let mut own = own.take(calls / CALLERS);
                loop {
                    for cart in own.by_ref().take(UNDER_WAY) {
                        let (ask, answer) = Ask::new(None);
                        let request = CartRequest::Show;
                        let show = CartMessage::Request { request, expected: None, ask };
                        directory.send(ShardMessage::Cart(*cart, show));
                        under_way.push(answer);
                    }
                    if under_way.is_empty() {
                        return;
                    }
                    for answer in under_way.drain(..) {
                        if !matches!(answer.await, Ok(Ok(_))) {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await?;
    }
    let (took, worked) = (began.elapsed().as_secs_f64(), worked()? - idle);
    shop.close().await;
    match refused.load(Ordering::Relaxed) {
        0 => {
            let made = (calls / CALLERS * CALLERS) as f64;
            Ok(Calls { rate: made / took, work_us: worked.as_secs_f64() * 1e6 / made })
        }
        unanswered => Err(format!("{unanswered} calls were not answered").into()),
    }
}
