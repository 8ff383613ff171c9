//! What the system around the shop can do to it, and what a merchant then reads.

use super::buyers::{Buyer, Mark, crowd};
use super::chance::chance;
use super::ledger::{Ledger, buys};
use super::program::{PATIENCE, Program, Shop};
use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts a shop that must not open: what it says in its last line, with an exit code of 1.
#[track_caller]
fn refused(shop: &Shop) -> String {
    let Err(status) = shop.try_start() else { panic!("it opened") };
    let said = shop.said();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said.lines().last().expect("it says why").to_owned()
}

#[track_caller]
fn says(line: &str, parts: &[&str]) {
    assert!(line.starts_with("mercat: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_is_refused_and_the_first_sells_on() {
    let mut chance = chance("two processes");
    let shop = Shop::new();
    let program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let mut ledger = Ledger::furnish(&program, &token).await;
    let folder = shop.folder.display().to_string();
    says(&refused(&shop), &[&folder, "in use by another process", "stop that one first"]);
    for command in [&["verify"][..], &["key", "rotate"]] {
        let (status, said) = shop.run(command);
        assert_eq!(status.code(), Some(1), "{said}");
        says(&said, &[&folder, "in use by another process"]);
    }
    let buyers = (0..8).map(|n| Buyer::new(format!("buyer-{n}"), &mut chance)).collect();
    ledger.buyers = crowd(&program, buyers, &Mark::default(), |_| {}).await;
    ledger.settle(&shop, &program, &token).await.unwrap();
    program.stop();
    shop.verify().unwrap();
}

/// A small disk of its own, gone with the test. `None`, said loudly, where nobody may mount one.
struct SmallDisk {
    place: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(kilobytes: usize) -> Option<SmallDisk> {
        let place = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={kilobytes}k");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path()).output();
        match mounted {
            Ok(done) if done.status.success() => Some(SmallDisk { place }),
            _ => {
                println!("******** SKIPPED: a small disk can be mounted by root alone ********");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &how]).arg(self.path()).status();
        assert!(done.expect("mount runs").success());
    }

    /// Takes all the room there is left.
    fn fill(&self) {
        let mut bytes = 1 << 16;
        let mut ballast = Vec::new();
        while bytes > 0 {
            ballast.resize(ballast.len() + bytes, 7);
            let mut file = fs::File::create(self.path().join("ballast")).expect("a file");
            if std::io::Write::write_all(&mut file, &ballast).is_err() {
                ballast.truncate(ballast.len() - bytes);
                bytes /= 2;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_for_real_stops_the_selling_and_nothing_else() {
    let mut chance = chance("a small disk");
    let Some(disk) = SmallDisk::mount(6_000) else { return };
    let mut shop = Shop::new();
    shop.folder = disk.path().join("shop");
    let program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let mut ledger = Ledger::furnish(&program, &token).await;
    let buyers = (0..8).map(|n| Buyer::new(format!("buyer-{n}"), &mut chance)).collect();
    ledger.buyers = crowd(&program, buyers, &Mark::default(), |_| {}).await;
    assert!(buys(&ledger.buyers) > 0, "there was room at first");
    disk.fill();
    // What is left inside of the file is sold first.
    let mut sold_on = 0;
    let since = Instant::now();
    loop {
        let buyers = (0..16).map(|n| Buyer::new(format!("late-{sold_on}-{n}"), &mut chance));
        let back = crowd(&program, buyers.collect(), &Mark::default(), |_| {}).await;
        let refused = back.iter().any(|buyer| !buyer.is_settled());
        ledger.buyers.extend(back);
        if refused {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "the disk is never full");
        sold_on += 1;
    }
    ledger.acknowledged_is_there(&program, &token).await.unwrap();
    program.look("/v1/products?limit=5", &token).await.unwrap();
    disk.make_room();
    ready_again(&shop, &program).await;
    ledger.settle(&shop, &program, &token).await.unwrap();
    program.stop();
    shop.verify().unwrap();
}

async fn ready_again(shop: &Shop, program: &Program) {
    let since = Instant::now();
    while program.readiness().await.expect("an answer").status != 200 {
        assert!(since.elapsed() < PATIENCE, "it does not recover: {}", shop.said());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_first_start_on_a_full_disk_says_so_and_leaves_nothing_in_the_way() {
    let Some(disk) = SmallDisk::mount(1_000) else { return };
    let mut shop = Shop::new();
    shop.folder = disk.path().join("shop");
    disk.fill();
    let folder = shop.folder.display().to_string();
    says(&refused(&shop), &[&folder, "No space left on device", "make room"]);
    disk.remount("size=6000k");
    disk.make_room();
    shop.start().stop();
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
    let Some(disk) = SmallDisk::mount(6_000) else { return };
    let mut shop = Shop::new();
    shop.folder = disk.path().join("shop");
    shop.start().stop();
    disk.remount("ro");
    let folder = shop.folder.display().to_string();
    says(&refused(&shop), &[&folder, "Read-only file system", "for writing"]);
    // The shop was closed well, so what only reads can look at it all the same.
    shop.verify().unwrap();
    let mut new = Shop::new();
    new.folder = disk.path().join("another");
    says(&refused(&new), &[&new.folder.display().to_string(), "Read-only file system"]);
}

#[test]
fn a_folder_of_another_user_is_named_with_what_to_do() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let program = env!("CARGO_BIN_EXE_mercat");
    let tried = Command::new(nobody[0]).args(&nobody[1..]).args([program, "--version"]).output();
    if !tried.is_ok_and(|done| done.status.success()) {
        println!("******** SKIPPED: another user can be made up by root alone ********");
        return;
    }
    let mut shop = Shop::new();
    shop.folder = place.path().join("shop");
    shop.wrapper = nobody.map(str::to_owned).into();
    let folder = shop.folder.display().to_string();
    says(&refused(&shop), &[&folder, "Permission denied", "let the user"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_without_files_to_open_refuses_visitors_and_loses_nothing() {
    let mut chance = chance("few files");
    let mut shop = Shop::new();
    let with_files = |most: usize| {
        vec!["sh".to_owned(), "-c".to_owned(), format!("ulimit -n {most}; exec \"$0\" \"$@\"")]
    };
    shop.wrapper = with_files(16);
    says(&refused(&shop), &["16 files", "raise the limit", "ulimit -n"]);

    shop.wrapper = with_files(64);
    let program = Arc::new(shop.start());
    let token = program.staff_token().await;
    let mut ledger = Ledger::furnish(&program, &token).await;
    let address = program.base.trim_start_matches("http://").to_socket_addrs();
    let address = address.expect("an address").next().expect("an address");
    // More visitors than it has files for, who say nothing.
    let crowding: Vec<TcpStream> =
        (0..100).filter_map(|_| TcpStream::connect(address).ok()).collect();
    let buyers = (0..16).map(|n| Buyer::new(format!("buyer-{n}"), &mut chance)).collect();
    let (own, own_program) = (Mark::default(), Arc::clone(&program));
    let sale = tokio::spawn(async move { crowd(&own_program, buyers, &own, |_| {}).await });
    drop(crowding);
    ledger.buyers = sale.await.expect("a buyer met a fault");
    ledger.settle(&shop, &program, &token).await.unwrap();
    program.stop();
    assert!(!shop.said().contains("panicked"), "{}", shop.said());
    shop.verify().unwrap();
}
