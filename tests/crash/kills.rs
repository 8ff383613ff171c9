//! `kill -9` at random moments, over and over on one folder: in the middle of a sale, while the shop
//! opens again, while everybody asks again, and after it was told to stop.

use super::buyers::{Buyer, Mark, SKUS, crowd};
use super::chance::{chance, count, one_in};
use super::ledger::{Delivery, Ledger, buys};
use super::program::{Program, Shop};
use rand::Rng;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::time::Duration;

/// How often one folder is killed before a new one is made.
const LIVES: usize = 25;

/// Who comes to one sale.
const BUYERS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_however_often_the_program_is_killed() {
    let mut chance = chance("kills");
    let cycles = count("MERCAT_CRASH_CYCLES", 12);
    let mut left = cycles;
    let (mut sold, mut killed_early) = (0, 0);
    while left > 0 {
        let lives = left.min(LIVES);
        let life = live(lives, &mut chance).await;
        sold += life.sold;
        killed_early += life.killed_early;
        left -= lives;
    }
    println!("{cycles} cycles, {sold} orders; {killed_early} starts were killed too");
    assert!(sold > cycles, "hardly anybody bought anything: {sold}");
}

struct Life {
    sold: usize,
    killed_early: usize,
}

/// One folder, from its first start through so many kills to a check of everything in it.
async fn live(lives: usize, chance: &mut StdRng) -> Life {
    let shop = Shop::new();
    let mut killed_early = interrupt_starts(&shop, chance).await;
    let mut program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let mut ledger = Ledger::furnish(&program, &token).await;
    let mut sold = 0;
    for life in 0..lives {
        sale(&program, &token, &mut ledger, life, chance).await;
        killed_early += interrupt_starts(&shop, chance).await;
        if one_in(5, chance) {
            expect(&shop, shop.verify());
        }
        program = Arc::new(shop.start());
        if one_in(8, chance) {
            // Once more, while everybody asks what became of their order.
            let soon = Duration::from_millis(chance.random_range(0..150));
            let asking = std::mem::take(&mut ledger.buyers);
            ledger.buyers = ended_by(&program, kill_after(&program, soon), asking).await;
            program = Arc::new(shop.start());
        }
        sold += buys(&ledger.buyers);
        expect(&shop, ledger.settle(&shop, &program, &token).await);
    }
    expect(&shop, ledger.every_order_is_there(&program, &token).await);
    program.stop();
    expect(&shop, shop.verify());
    Life { sold, killed_early }
}

/// A sale that ends with the end of the program.
async fn sale(
    program: &Arc<Program>,
    token: &str,
    ledger: &mut Ledger,
    life: usize,
    chance: &mut StdRng,
) {
    let buyers: Vec<Buyer> =
        (0..BUYERS).map(|n| Buyer::new(format!("buyer-{life}-{n}"), chance)).collect();
    let delivery = SKUS.map(|sku| {
        Delivery::new(sku, chance.random_range(1..30), format!("delivery-{life}-{sku}"))
    });
    let supplier = tokio::spawn({
        let (program, token, mut delivery) = (Arc::clone(program), token.to_owned(), delivery);
        async move {
            for some in &mut delivery {
                some.go(&program, &token).await.expect("a delivery is taken or not answered");
            }
            delivery
        }
    });
    let soon = Duration::from_millis(chance.random_range(0..1_000));
    ledger.buyers = match chance.random_range(0..10) {
        // Killed by who hears of the nth order.
        0..6 => {
            let nth = chance.random_range(1..BUYERS / 2);
            let (own, none) = (Arc::clone(program), Mark::default());
            let back = crowd(program, buyers, &none, move |n| {
                if n == nth {
                    own.kill();
                }
            });
            back.await
        }
        6..9 => ended_by(program, kill_after(program, soon), buyers).await,
        // Told to stop, as by a service manager, which takes what is under way to its end.
        _ => {
            let own = Arc::clone(program);
            let stop = async move {
                tokio::time::sleep(soon).await;
                own.signal("TERM");
            };
            let back = ended_by(program, stop, buyers).await;
            assert!(program.wait().success());
            back
        }
    };
    program.kill();
    ledger.deliveries = supplier.await.expect("the supplier met a fault").into();
}

async fn ended_by(
    program: &Arc<Program>,
    end: impl Future<Output = ()> + Send + 'static,
    buyers: Vec<Buyer>,
) -> Vec<Buyer> {
    let end = tokio::spawn(end);
    let back = crowd(program, buyers, &Mark::default(), |_| {}).await;
    end.await.expect("it is ended");
    back
}

fn kill_after(program: &Arc<Program>, soon: Duration) -> impl Future<Output = ()> + use<> {
    let own = Arc::clone(program);
    async move {
        tokio::time::sleep(soon).await;
        own.kill();
    }
}

/// Now and then the next starts are killed before the shop is open. Says how many.
async fn interrupt_starts(shop: &Shop, chance: &mut StdRng) -> usize {
    let mut killed = 0;
    while one_in(3, chance) {
        let mut process = shop.launch();
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..250))).await;
        process.kill();
        killed += 1;
    }
    killed
}

#[track_caller]
fn expect(shop: &Shop, checked: Result<(), String>) {
    if let Err(fault) = checked {
        panic!("{fault}\nThe program said:\n{}", shop.said());
    }
}
