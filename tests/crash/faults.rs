//! A disk that is full, fails or is slow, and a clock that is wrong, while the shop is open.
//!
//! What it then cannot promise it refuses (503); what needs no disk goes on; and when the fault is
//! over it goes on by itself.

use super::buyers::{Buyer, Mark, Meaning, crowd, meaning};
use super::chance::chance;
use super::disk::{Disk, Luck, Setting, Watched};
use super::ledger::{Ledger, buys};
use super::program::{PATIENCE, Program, Shop};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A shop with goods on a disk that can be spoilt.
struct World {
    shop: Shop,
    disk: Watched,
    program: Arc<Program>,
    token: String,
    ledger: Ledger,
    sales: usize,
}

impl World {
    async fn new() -> World {
        let mut shop = Shop::new();
        let disk = Watched::under(&mut shop);
        let program = Arc::new(shop.start());
        let token = program.staff_token().await;
        let ledger = Ledger::furnish(&program, &token).await;
        World { shop, disk, program, token, ledger, sales: 0 }
    }

    /// Some buyers come; what they heard is in the ledger.
    async fn sale(&mut self, count: usize, chance: &mut StdRng) {
        self.sales += 1;
        let name = |n| format!("buyer-{}-{n}", self.sales);
        let buyers = (0..count).map(|n| Buyer::new(name(n), chance)).collect();
        let mark = Mark::by(self.disk.clock());
        self.ledger.buyers.extend(crowd(&self.program, buyers, &mark, |_| {}).await);
    }

    async fn settle(&mut self) {
        let settled = self.ledger.settle(&self.shop, &self.program, &self.token).await;
        settled.unwrap_or_else(|fault| panic!("{fault}\nThe program said:\n{}", self.shop.said()));
    }

    /// Whether the shop takes a new cart now.
    async fn takes_carts(&self) -> bool {
        let body = json!({ "items": [{ "sku": "CUP", "quantity": 1 }] });
        let made = self.program.send(self.program.post("/v1/carts").json(&body)).await;
        let made = made.expect("an answer");
        match made.status {
            201 => true,
            503 => {
                assert_eq!(made.code(), "unavailable", "{}", made.body);
                false
            }
            _ => panic!("{made:?}"),
        }
    }

    /// What needs no write is answered as ever.
    async fn assert_readable(&self) {
        let order = self.ledger.buyers.iter().find_map(Buyer::bought).expect("somebody bought").0;
        let order = order["orderId"].as_str().expect("an id");
        for path in ["/v1/products?limit=5", "/v1/inventory/CUP", "/v1/search?q=cup"] {
            self.program.look(path, &self.token).await.unwrap();
        }
        // The data file is shut while it cannot be opened for writing, and says so.
        if let Err(refused) = self.program.look(&format!("/v1/orders/{order}"), &self.token).await {
            assert!(refused.contains(": 503 "), "{refused}");
        }
    }

    async fn is_ready(&self) -> bool {
        self.program.readiness().await.expect("an answer").status == 200
    }

    /// Waits until the shop has found out by itself that the fault is over.
    async fn ready_again(&self) {
        let since = Instant::now();
        while !self.is_ready().await || !self.takes_carts().await {
            assert!(since.elapsed() < PATIENCE, "it does not recover: {}", self.shop.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it well, with all that follows from the log done, and looks at what is left.
    async fn close(&self) {
        self.program.at_rest().await;
        self.program.stop();
        self.shop.verify().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_the_shop_can_be_read_and_sells_again_when_there_is_room() {
    let mut chance = chance("full disk");
    let mut world = World::new().await;
    world.sale(10, &mut chance).await;
    world.disk.set(Setting::Room, chance.random_range(0..600_000));
    world.sale(20, &mut chance).await;
    world.disk.set(Setting::Room, 0);
    assert!(!world.takes_carts().await, "there is no room for a cart");
    assert!(!world.is_ready().await, "and its service manager can see that");
    world.assert_readable().await;
    assert!(world.shop.said().contains("No space left on device"), "{}", world.shop.said());
    world.disk.set(Setting::Room, u64::MAX);
    world.ready_again().await;
    world.settle().await;
    world.sale(10, &mut chance).await;
    world.settle().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_was_killed_on_a_full_disk_opens_when_there_is_room() {
    let mut chance = chance("killed on a full disk");
    let mut world = World::new().await;
    world.disk.set(Setting::Room, chance.random_range(100_000..600_000));
    world.sale(20, &mut chance).await;
    world.program.kill();
    world.disk.set(Setting::Room, u64::MAX);
    world.program = Arc::new(world.shop.start());
    world.settle().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_costs_nothing_acknowledged_even_if_the_power_goes_later() {
    let mut chance = chance("failing syncs");
    let mut world = World::new().await;
    for _ in 0..4 {
        world.disk.set(Setting::Failures, chance.random_range(1..4));
        world.disk.set(Setting::SyncsLeft, chance.random_range(0..12));
        world.sale(8, &mut chance).await;
    }
    world.disk.set(Setting::SyncsLeft, u64::MAX);
    assert!(world.shop.said().contains("Input/output error"), "{}", world.shop.said());
    world.ready_again().await;
    let (at_end, known) = (world.disk.clock()(), world.ledger.clone());
    world.settle().await;
    world.close().await;

    // Some of what the kernel could not write is on no disk, and was read from memory until now.
    let journal = world.disk.journal();
    let mut choose = || chance.random();
    let disk = journal.replay(Disk::default(), at_end, &mut choose);
    let mut after = Shop::new();
    disk.after_power_cut(&after.folder, Luck::Nothing, &mut choose);
    after.unset("LD_PRELOAD");
    let program = Arc::new(after.start());
    known.as_of(at_end).settle(&after, &program, &world.token).await.unwrap();
    program.stop();
    after.verify().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_makes_slow_answers_and_no_wrong_ones() {
    let mut chance = chance("slow disk");
    let mut world = World::new().await;
    world.disk.set(Setting::SyncDelay, 200_000);
    world.sale(20, &mut chance).await;
    assert!(buys(&world.ledger.buyers) > 0, "nobody could buy anything");
    world.assert_readable().await;
    world.settle().await;
    world.disk.set(Setting::SyncDelay, 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_changes_no_book() {
    const HOUR: i64 = 3_600;
    let mut chance = chance("wrong clock");
    let mut world = World::new().await;
    for shift in [-24 * HOUR, -48 * HOUR, 2 * HOUR, -HOUR, 5 * HOUR] {
        world.disk.set(Setting::ClockShift, shift as u64);
        world.sale(6, &mut chance).await;
        if chance.random_ratio(1, 2) {
            world.program.kill();
            world.program = Arc::new(world.shop.start());
        }
        // A login is an hour's.
        world.token = world.program.staff_token().await;
        world.settle().await;
    }
    world.close().await;
    // And with the right time again.
    world.disk.set(Setting::ClockShift, 0);
    world.shop.verify().unwrap();
}

/// The process stands still, as on a machine that is suspended, for an hour by the clock: units that
/// were held for a checkout are free by then, and whoever paid has an order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stood_still_goes_on_as_if_it_had_been_slow() {
    let mut chance = chance("stopped process");
    let mut world = World::new().await;
    let (own, clock) = (Arc::clone(&world.program), world.disk.clock());
    let begun = clock();
    let standstill = tokio::spawn(async move {
        let since = Instant::now();
        while clock() < begun + 200_000 && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        own.signal("STOP");
    });
    let (own, pid) = (Arc::clone(&world.program), world.program.pid);
    let goes_on = tokio::task::spawn_blocking(move || {
        wait_for_state(pid, 'T');
        own
    });
    let name = |n| format!("buyer-{n}");
    let buyers: Vec<Buyer> = (0..30).map(|n| Buyer::new(name(n), &mut chance)).collect();
    let (program, mark) = (Arc::clone(&world.program), Mark::by(world.disk.clock()));
    let sale = tokio::spawn(async move { crowd(&program, buyers, &mark, |_| {}).await });
    standstill.await.expect("it is stopped");
    let own = goes_on.await.expect("it stands still");
    world.disk.set(Setting::ClockShift, 3_600);
    own.signal("CONT");
    world.ledger.buyers = sale.await.expect("a buyer met a fault");
    world.token = world.program.staff_token().await;
    let late = world.ledger.buyers.iter().flat_map(|buyer| &buyer.attempts);
    let late = late.filter_map(|attempt| attempt.heard.as_ref()).map(meaning);
    println!("{} took too long", late.filter(|late| *late == Meaning::TookTooLong).count());
    world.settle().await;
    world.close().await;
}

/// Waits until the kernel says that a process is in a state (proc(5): `T` is stopped).
fn wait_for_state(pid: u32, state: char) {
    let since = Instant::now();
    let is_there = || {
        let about = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        about.rsplit(") ").next().is_some_and(|rest| rest.starts_with(state))
    };
    while !is_there() {
        assert!(since.elapsed() < PATIENCE, "process {pid} is never {state}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
