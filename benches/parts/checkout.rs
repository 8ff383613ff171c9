//! The way of a checkout through the actors, without HTTP and without a disk: quote, hold, the batch
//! and its encoding, the store's rules, receipts, the answer. What is left to a durable one over HTTP
//! is the disk and the door.

use super::ground::recording::{Payment, checkout, fill_carts};
use super::ground::{self, Shop};
use divan::{Bencher, black_box};
use mercat::domain::CartId;
use mercat::storage::Store;
use mercat::storage::memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Carts that are filled beforehand; each is bought once.
const CARTS: usize = 6_000;

/// One after the other: how long it takes, from thread to thread.
#[divan::bench(sample_count = 20, sample_size = 100)]
fn checkout_alone(bencher: Bencher) {
    buy(bencher, 1);
}

/// Two hundred at once: what each costs where threads need not wake for one alone.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn checkout_200_at_once(bencher: Bencher) {
    buy(bencher, 200);
}

fn buy(bencher: Bencher, at_once: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let (shop, carts) = runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        ground::stock_up(&*store, (CARTS + ground::SPARE) as i64).expect("memory");
        let shop = Shop::open(store, Box::new(|_| {})).await.expect("a shop in memory");
        let carts: Vec<CartId> = fill_carts(&shop, CARTS).await.expect("carts are filled");
        shop.engine.settle().await;
        (shop, carts)
    });
    let (render, next) = (ground::render(), AtomicUsize::new(0));
    bencher.counter(divan::counter::ItemsCount::new(at_once)).bench_local(|| {
        runtime.block_on(async {
            let asked = (0..at_once).map(|_| {
                let cart = carts[next.fetch_add(1, Ordering::Relaxed)];
                let keyed = ground::keyed(shop.clock.now(), &render, &shop.vault);
                shop.engine.desk.checkout(checkout(cart, Payment::Manual), Some(keyed))
            });
            for order in black_box(futures_util::future::join_all(asked).await) {
                assert!(order.is_ok(), "an order is placed");
            }
        });
    });
    runtime.block_on(shop.close());
}
