//! Power cuts: what was written and not synced is gone, whole, in part or not at all.
//!
//! One sale is watched by [`Watched`]. Then, for many moments of it, a folder is made of what a disk
//! would hold had the current gone off just then, and the real program is started on that. What had
//! been acknowledged by that moment must be there.

use super::buyers::{Buyer, Mark, crowd};
use super::chance::{chance, count};
use super::disk::{Disk, Journal, Luck, Setting, Watched};
use super::ledger::{Ledger, buys};
use super::program::{Program, Shop};
use rand::Rng;
use rand::rngs::StdRng;
use std::sync::Arc;

const BUYERS: usize = 40;

/// Everything that was seen of one sale.
struct Sale {
    shop: Shop,
    token: String,
    ledger: Ledger,
    /// The disk before the journal began.
    before: Disk,
    journal: Journal,
    /// The moment from which on the goods are on the shelf.
    furnished: u64,
}

/// A sale from the first start of a shop on, ended by a kill.
async fn sale(mut shop: Shop, chance: &mut StdRng) -> Sale {
    let watched = Watched::under(&mut shop);
    let (program, token, ledger) = furnished(&shop).await;
    let furnished = watched.clock()();
    let (program, ledger) = sell(program, ledger, &watched, chance).await;
    program.kill();
    let before = Disk::default();
    Sale { shop, token, ledger, before, journal: watched.journal(), furnished }
}

async fn furnished(shop: &Shop) -> (Arc<Program>, String, Ledger) {
    let program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let ledger = Ledger::furnish(&program, &token).await;
    (program, token, ledger)
}

async fn sell(
    program: Arc<Program>,
    mut ledger: Ledger,
    watched: &Watched,
    chance: &mut StdRng,
) -> (Arc<Program>, Ledger) {
    let buyers = (0..BUYERS).map(|n| Buyer::new(format!("buyer-{n}"), chance)).collect();
    ledger.buyers = crowd(&program, buyers, &Mark::by(watched.clock()), |_| {}).await;
    assert!(buys(&ledger.buyers) > BUYERS / 4, "hardly anybody bought anything");
    (program, ledger)
}

impl Sale {
    /// Cuts the power at `moment`, starts the shop on what is left, and compares it with what had
    /// been acknowledged.
    async fn cut(&self, moment: u64, luck: Luck, chance: &mut StdRng) -> Result<(), String> {
        let mut after = Shop::new();
        after.variables = self.shop.variables.clone();
        after.variables.retain(|(name, _)| *name != "LD_PRELOAD");
        let mut choose = || chance.random();
        let disk = self.journal.replay(self.before.clone(), moment, &mut choose);
        disk.after_power_cut(&after.folder, luck, &mut choose);
        if moment >= self.furnished && chance.random_ratio(1, 3) {
            after.verify()?;
        }
        let program = after.try_start().map_err(|status| format!("{status}: {}", after.said()))?;
        let program = Arc::new(program);
        if moment >= self.furnished {
            let mut ledger = self.ledger.as_of(moment);
            ledger.settle(&after, &program, &self.token).await?;
        }
        program.stop();
        after.verify()
    }

    async fn survives_cuts(&self, chance: &mut StdRng) {
        let moments = self.journal.moments();
        for cut in 0..count("MERCAT_CRASH_CUTS", 8) {
            let moment = moments[chance.random_range(0..moments.len())];
            let luck = [Luck::Some, Luck::Some, Luck::Some, Luck::Nothing, Luck::Everything];
            let luck = luck[chance.random_range(0..luck.len())];
            if let Err(fault) = self.cut(moment, luck, chance).await {
                panic!("cut {cut}, at {moment} of the journal, {luck:?} unsynced: {fault}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let mut chance = chance("power cuts");
    let sale = sale(Shop::new(), &mut chance).await;
    println!("{} syncs were journaled", sale.journal.syncs());
    sale.survives_cuts(&mut chance).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_either_where_the_shop_makes_no_key_file() {
    let mut chance = chance("power cuts with a given key");
    let shop = Shop::new().with("MERCAT_KEY", "07".repeat(32));
    let sale = sale(shop, &mut chance).await;
    let end = *sale.journal.moments().last().expect("something was written");
    sale.cut(end, Luck::Nothing, &mut chance).await.unwrap();
}

/// The check itself is checked: on a disk that says it has synced and has not, it finds orders gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_syncs_acknowledged_orders_are_lost_and_the_check_says_so() {
    let mut chance = chance("power cuts without syncs");
    let mut shop = Shop::new();
    let (program, token, ledger) = furnished(&shop).await;
    program.stop();
    let before = Disk::of(&shop.folder);
    let watched = Watched::under(&mut shop);
    watched.set(Setting::Lie, 1);
    let (program, ledger) = sell(Arc::new(shop.start()), ledger, &watched, &mut chance).await;
    program.kill();
    let sale = Sale { shop, token, ledger, before, journal: watched.journal(), furnished: 0 };
    assert_eq!(sale.journal.syncs(), 0, "nothing was synced");
    let end = *sale.journal.moments().last().expect("something was written");
    let fault = sale.cut(end, Luck::Nothing, &mut chance).await.expect_err("orders were lost");
    assert!(fault.contains("an acknowledged order is gone"), "{fault}");
    sale.cut(end, Luck::Some, &mut chance).await.expect_err("orders were lost, or the whole file");
    // Had everything reached the disk nevertheless, nothing would be missing.
    sale.cut(end, Luck::Everything, &mut chance).await.unwrap();
}
