//! Backups: a copy of a shop at one point of its log, and the way back.
//!
//! ```text
//! FOLDER/                          named by the merchant; one for many backups
//!   mercat-20261123T034012Z-000000001234/
//!     manifest.json                what it is, what it stands for, each file with size and SHA-256
//!     mercat.redb                  the data, copied from one snapshot while the shop goes on
//!     media/…                      pictures, under the hash of their content
//! ```
//!
//! A backup is made under another name (`.mercat-partial-…`), forced to the disk, and then renamed, so
//! a half one never looks whole. Its data file is laid out as a shop's, so that whatever checks a
//! shop checks a backup. It is not opened as a shop: `serve` refuses a folder with a manifest.
//!
//! What is not in it: the search index (made anew from the rest), what was ordered from certificate
//! authorities, the ledger of play money, and, unless asked for, the key that personal data and
//! secrets are sealed with. A person who was erased has no key in later backups; in earlier ones it
//! is still there, sealed with the shop's key, and goes with them.
//!
//! [`segments`] has the archive: what each batch wrote since, by which [`restore()`] brings a backup
//! further, to a moment of choice.

mod check;
pub mod desk;
mod files;
pub mod keep;
mod manifest;
mod restore;
pub mod segments;
mod take;

pub use check::check;
pub use desk::{ArchivePlan, BackupDesk, BackupPlan, Plan};
pub use keep::{Retention, advice};
pub use manifest::{ArchivePoint, FileEntry, MANIFEST, Manifest, rfc3339};
pub use restore::{Order, Restored, Until, restore};
pub use take::{Source, Taken, take};

use crate::storage::StoreError;
use std::io;
use std::path::{Path, PathBuf};

/// How far a backup or a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Such as `rows`.
    pub what: &'static str,
    pub done: u64,
    pub total: u64,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{}", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} is no backup: it has no {MANIFEST}{hint}", .folder.display())]
    NoBackup { folder: PathBuf, hint: String },
    #[error("the manifest of {} cannot be used: {detail}", .folder.display())]
    Manifest { folder: PathBuf, detail: String },
    #[error("the backup {} is damaged: {detail}; take another one", .folder.display())]
    Damaged { folder: PathBuf, detail: String },
    #[error("{} holds a shop already; restore into a new folder", .folder.display())]
    HoldsAShop { folder: PathBuf },
    #[error("{} is not empty; restore into a new folder", .folder.display())]
    NotEmpty { folder: PathBuf },
    #[error("the key is not in the data folder, so it cannot be put into the backup")]
    NoKey,
    #[error("the archive in {} cannot be used: {detail}", .folder.display())]
    Archive { folder: PathBuf, detail: String },
    #[error("{detail}")]
    Unreachable { detail: String },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::Io { path: path.to_owned(), source }
}
