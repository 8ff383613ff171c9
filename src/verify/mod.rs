//! Checks the promises of the books: invariants I2 to I8 on the data of any shop.
//!
//! Nothing is believed that can be counted again: every row is compared with the replay of its
//! events, every figure with the sum of its parts, and every reference is followed. The rules are
//! those of `domain`; what is written together by whom is restated here on purpose, so that a
//! mistake over there is found and not repeated. Nothing is changed or mended, ever.
//!
//! Rows are looked at one after the other. What is kept in memory beside is one entity, the findings
//! (up to a bound), sums per SKU with open reservations, and the idempotency keys of a day.

mod accounts;
mod check;
mod consumers;
mod keys;
mod log;
mod orders;
mod people;
mod promises;
mod replay;
mod stock;

#[cfg(test)]
mod tests;

use crate::domain::Timestamp;
use crate::search::SearchError;
use crate::storage::redb_store::FILE_NAME;
use crate::storage::{ReadOnlyStore, Snapshot, StoreError};
use check::Check;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What is promised, by the numbers of `ARCHITECTURE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Stock adds up, and nothing is promised that is not there.
    I2,
    /// An order exists whole or not at all.
    I3,
    /// One idempotency key, one effect, one answer.
    I4,
    /// Totals equal the sum of their parts; refunds never exceed captures.
    I5,
    /// The log has no gap, and replaying an entity's events gives its row.
    I6,
    /// Consumers of the log are where the log has been, and what they made of it is right.
    I7,
    /// No reservation outlives its order or its deadline.
    I8,
}

/// One thing that is not as promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub invariant: Invariant,
    /// Whose row or event it is about, such as `SKU KETTLE-1`.
    pub entity: Option<String>,
    /// A sentence with the numbers.
    pub detail: String,
}

/// How many rows of one kind were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub what: &'static str,
    pub rows: u64,
}

/// How far the check has come with one kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub what: &'static str,
    pub done: u64,
    pub total: u64,
}

/// What was checked and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which it was checked.
    pub checked: Vec<Counted>,
    /// The first [`MOST_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub more: u64,
    /// What is in order, but worth knowing.
    pub notes: Vec<String>,
}

/// How many findings are kept: who has more has one cause, and reads the first ones.
pub const MOST_FINDINGS: usize = 1_000;

/// How much of the data file is kept in memory while it is read, in bytes.
const CACHE_BYTES: usize = 64 << 20;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{} cannot be checked", .path.display())]
    Store {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error("{} is damaged: its pages contradict each other", .path.display())]
    Damaged { path: PathBuf },
    #[error("the search index cannot be checked")]
    Search(#[from] SearchError),
}

/// Why a check of a snapshot ended early.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    #[error("the search index cannot be read")]
    Search(#[from] SearchError),
}

impl Report {
    /// Whether all is as promised.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Checks the shop in `folder`, which must not be running; `search` is the folder of its index.
pub fn verify_folder(
    folder: &Path,
    search: Option<&Path>,
    now: Timestamp,
    mut progress: impl FnMut(Progress),
) -> Result<Report, VerifyError> {
    let path = folder.join(FILE_NAME);
    let check = || -> Result<Report, CheckError> {
        let store = ReadOnlyStore::open(folder, CACHE_BYTES)?;
        verify(&*store.snapshot()?, search, now, &mut progress)
    };
    // redb panics where a damaged page leads it astray.
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(CheckError::Store(source))) => Err(VerifyError::Store { path, source }),
        Ok(Err(CheckError::Search(error))) => Err(error.into()),
        Err(_) => Err(VerifyError::Damaged { path }),
    }
}

/// Checks everything in a snapshot. `search` is the folder of the search index; without one, or where
/// there is none, the index is not checked. `now` is compared with deadlines.
pub fn verify(
    snapshot: &dyn Snapshot,
    search: Option<&Path>,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, CheckError> {
    let mut check = Check::new(snapshot, now, progress)?;
    log::check_events(&mut check)?;
    log::check_histories(&mut check)?;
    replay::check_carts(&mut check)?;
    let kept = keys::check_keys(&mut check)?;
    orders::check_orders(&mut check, &kept)?;
    let reserved = promises::check_reservations(&mut check)?;
    promises::check_deadlines(&mut check)?;
    stock::check_levels(&mut check, reserved)?;
    replay::check_products(&mut check)?;
    replay::check_groupings(&mut check)?;
    replay::check_settings(&mut check)?;
    replay::check_text_pages(&mut check)?;
    accounts::check_staff(&mut check)?;
    accounts::check_customers(&mut check)?;
    accounts::check_mails(&mut check)?;
    accounts::check_tokens(&mut check)?;
    accounts::check_ways_in(&mut check)?;
    accounts::check_identities(&mut check)?;
    accounts::check_logins(&mut check)?;
    people::check_people(&mut check)?;
    consumers::check_cursors(&mut check)?;
    if let Some(dir) = search {
        consumers::check_index(&mut check, dir)?;
    }
    Ok(check.report)
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entity {
            Some(entity) => write!(f, "{} {entity}: {}", self.invariant, self.detail),
            None => write!(f, "{} {}", self.invariant, self.detail),
        }
    }
}
