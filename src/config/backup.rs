//! Settings of backups and of the archive.

use super::{ConfigError, value};
use crate::backup::{ArchivePlan, BackupPlan, Plan, Retention};
use serde::Deserialize;
use std::path::PathBuf;

/// Backups that the shop takes by itself. Default: none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// Where they go, best on another disk; without it none are taken.
    pub folder: Option<PathBuf>,
    /// How long after the last one the next is due; default 1 440, a day.
    pub every_minutes: u32,
    /// How many of the newest stay; default 7.
    pub keep_last: usize,
    /// Of how many days the newest one stays beside them; default 30.
    pub keep_daily: usize,
    /// Whether the shop's key is in them, which opens what they hold of persons; default no.
    pub with_key: bool,
}

/// What each change wrote, kept beside the backups, so that a restore can go to any moment. Default:
/// none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Where it is kept, best on another disk; without it none is.
    pub folder: Option<PathBuf>,
    /// How often what is new is brought there; default 10.
    pub every_seconds: u32,
}

impl Default for Backup {
    fn default() -> Backup {
        Backup { folder: None, every_minutes: 1_440, keep_last: 7, keep_daily: 30, with_key: false }
    }
}

impl Default for Archive {
    fn default() -> Archive {
        Archive { folder: None, every_seconds: 10 }
    }
}

/// What is to be kept, or the first setting that makes no sense.
pub(super) fn plan(backup: &Backup, archive: &Archive) -> Result<Plan, ConfigError> {
    let at_least_1 = |key: &str, number: u32| match number {
        0 => Err(value(key.to_owned(), "must be at least 1")),
        number => Ok(number),
    };
    let minutes = at_least_1("backup.every_minutes", backup.every_minutes)?;
    let seconds = at_least_1("archive.every_seconds", archive.every_seconds)?;
    if backup.keep_last == 0 {
        return Err(value("backup.keep_last".to_owned(), "must be at least 1"));
    }
    let backups = backup.folder.clone().map(|folder| BackupPlan {
        folder,
        every_ms: i64::from(minutes) * 60_000,
        keep: Retention { last: backup.keep_last, daily: backup.keep_daily },
        with_key: backup.with_key,
    });
    let archive = archive
        .folder
        .clone()
        .map(|folder| ArchivePlan { folder, every_ms: u64::from(seconds) * 1_000 });
    Ok(Plan { backups, archive })
}
