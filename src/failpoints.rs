//! Points at which a test has the process killed, to see what the next start makes of it. In builds
//! with debug assertions alone; in others neither this module nor any call of it exists.
//!
//! `MERCAT_FAILPOINT=commit-made:3` kills the process with `SIGKILL` when it comes to the point
//! `commit-made` for the third time. `tests/crash/failpoints.rs` goes through all of [`ALL`].

use rustix::process::{Signal, getpid, kill_process};
use std::env;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Every point, by the part of the shop where it is. Each says what was done last.
pub const ALL: [&str; 21] = [
    // The data file: a new one, a group of batches, and what follows from it in memory.
    "store-made",
    "commit-asked-for",
    "commit-made",
    "group-taken-in",
    "receipts-sent",
    // A call of a payment provider.
    "provider-to-be-asked",
    "provider-has-answered",
    // A start, after the data file was opened.
    "vault-opened",
    "models-loaded",
    "recovery-begun",
    "order-driven",
    "recovery-ended",
    // The key file: the first one, and another one in its place.
    "key-beside-written",
    "key-taken-over",
    "keys-resealed",
    "keys-committed",
    // What follows the log.
    "index-to-be-committed",
    "index-committed",
    "mail-taken-in",
    "mail-to-be-sent",
    "mail-sent",
];

/// Which point kills, and how often it is yet to be passed.
struct Set {
    name: String,
    left: AtomicUsize,
}

static SET: LazyLock<Option<Set>> = LazyLock::new(|| {
    let set = env::var("MERCAT_FAILPOINT").ok()?;
    let (name, nth) = set.split_once(':').unwrap_or((&set, "1"));
    let nth = nth.parse().expect("MERCAT_FAILPOINT is name:nth");
    assert!(ALL.contains(&name), "there is no failpoint {name}");
    Some(Set { name: name.to_owned(), left: AtomicUsize::new(nth) })
});

/// Goes past a point, or nowhere any more.
pub fn pass(name: &'static str) {
    assert!(ALL.contains(&name), "{name} is not on the list of failpoints");
    let Some(set) = &*SET else { return };
    if set.name == name && set.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            thread::park();
        }
    }
}
