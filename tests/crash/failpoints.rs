//! `kill -9` at chosen moments: at every point of the program's own list, the first time that it is
//! passed (and, where there is time, a later time), and then once more while the next start mends
//! what was left.

use super::buyers::{Buyer, Mark, crowd};
use super::chance::{chance, count};
use super::ledger::{Delivery, Ledger};
use super::program::{PATIENCE, Shop};
use mercat::failpoints::ALL;
use rand::Rng;
use rand::rngs::StdRng;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FAILPOINT: &str = "MERCAT_FAILPOINT";

const BUYERS: usize = 6;

/// A shop with goods and nobody in it yet, whose mails go to a folder.
struct Furnished {
    shop: Shop,
    token: String,
    ledger: Ledger,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_whatever_point_the_process_dies_the_shop_is_whole_afterwards() {
    let mut chance = chance("failpoints");
    let shop = with_mails(Shop::new());
    let program = shop.start();
    let token = program.staff_token().await;
    let ledger = Ledger::furnish(&program, &token).await;
    program.stop();
    let furnished = Furnished { shop, token, ledger };
    for point in ALL {
        let first = die_in_a_new_shop(point).await;
        assert!(
            furnished.die(point, 1, &mut chance).await || first,
            "{point} is on the list, and nothing leads past it"
        );
        if count("MERCAT_CRASH_CYCLES", 0) >= 100 {
            let later = chance.random_range(2..10);
            furnished.die(point, later, &mut chance).await;
        }
    }
}

/// Mails are files, each with its message's name: one that is sent again replaces itself.
fn with_mails(shop: Shop) -> Shop {
    let home = shop.folder.parent().expect("it is in a folder").to_owned();
    let settings = format!(
        "[mail]\nfrom = \"Shop <shop@shop.example>\"\nfolder = {:?}\n",
        home.join("mails").display().to_string()
    );
    let file = home.join("shop.toml");
    fs::write(&file, settings).expect("a file");
    shop.with("MERCAT_CONFIG", file.display().to_string())
}

fn mails(shop: &Shop) -> usize {
    let home = shop.folder.parent().expect("it is in a folder");
    let files = fs::read_dir(home.join("mails")).expect("a folder of mails");
    files.filter(|file| file.as_ref().is_ok_and(|file| is_mail(&file.path()))).count()
}

fn is_mail(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|ending| ending == "eml")
}

fn was_killed(status: ExitStatus) -> bool {
    match status.signal() {
        Some(9) => true,
        _ if status.success() => false,
        _ => panic!("the program ended with {status}"),
    }
}

/// The very first start dies at the point, if it comes past it; the second one opens a new shop.
async fn die_in_a_new_shop(point: &str) -> bool {
    let mut shop = Shop::new().with(FAILPOINT, point);
    let died = match shop.try_start() {
        Ok(program) => was_killed(program.end()),
        Err(status) => was_killed(status),
    };
    if !died {
        return false;
    }
    shop.unset(FAILPOINT);
    let program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let mut ledger = Ledger::furnish(&program, &token).await;
    ledger.settle(&shop, &program, &token).await.unwrap_or_else(|fault| panic!("{point}: {fault}"));
    true
}

impl Furnished {
    /// Does with a shop whatever can be done until it dies at the point; then looks what is left.
    /// Whether it died.
    async fn die(&self, point: &str, nth: usize, chance: &mut StdRng) -> bool {
        let mut shop = with_mails(self.shop.copied());
        let mut ledger = self.ledger.clone();
        let what = format!("{point}:{nth}");
        shop.set(FAILPOINT, &what);
        let died = self.sell(&shop, &mut ledger, chance).await
            || was_killed(shop.run(&["key", "rotate"]).0)
            || self.recover(&mut shop, &mut ledger, &what, chance).await;
        // And once more, while the next start is at it.
        let again = ["recovery-begun", "order-driven", "recovery-ended", "commit-made"];
        shop.set(FAILPOINT, again[chance.random_range(0..again.len())]);
        match shop.try_start() {
            Ok(program) => was_killed(program.end()),
            Err(status) => was_killed(status),
        };
        shop.unset(FAILPOINT);
        let program = Arc::new(shop.start());
        if let Err(fault) = ledger.settle(&shop, &program, &self.token).await {
            panic!("{what}: {fault}");
        }
        // A mail that the log wants may not be waited for yet.
        let since = Instant::now();
        while mails(&shop) < ledger.orders() && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program.at_rest().await;
        program.stop();
        assert_eq!(mails(&shop), ledger.orders(), "{what}: every order has one mail");
        shop.verify().unwrap_or_else(|fault| panic!("{what}: {fault}"));
        died
    }

    /// A start, a sale and an end.
    async fn sell(&self, shop: &Shop, ledger: &mut Ledger, chance: &mut StdRng) -> bool {
        let program = match shop.try_start() {
            Ok(program) => Arc::new(program),
            Err(status) => return was_killed(status),
        };
        let mut delivery = Delivery::new("CUP", 5, "a-delivery".to_owned());
        delivery.go(&program, &self.token).await.expect("it is taken or not answered");
        ledger.deliveries.push(delivery);
        ledger.buyers = (0..BUYERS).map(|n| Buyer::new(format!("buyer-{n}"), chance)).collect();
        let buyers = std::mem::take(&mut ledger.buyers);
        ledger.buyers = crowd(&program, buyers, &Mark::default(), |_| {}).await;
        program.at_rest().await;
        was_killed(program.end())
    }

    /// A crash with an order under way, and a start that comes to the point while it mends that.
    async fn recover(
        &self,
        shop: &mut Shop,
        ledger: &mut Ledger,
        point: &str,
        chance: &mut StdRng,
    ) -> bool {
        shop.set(FAILPOINT, "provider-to-be-asked");
        let program = Arc::new(shop.start());
        let late = vec![Buyer::new("late".to_owned(), chance)];
        ledger.buyers.extend(crowd(&program, late, &Mark::default(), |_| {}).await);
        assert!(was_killed(program.wait()), "an order is under way");
        shop.set(FAILPOINT, point);
        match shop.try_start() {
            Ok(program) => was_killed(program.end()),
            Err(status) => was_killed(status),
        }
    }
}
