//! The way back: a backup, and what was archived since, become a shop in a new folder.
//!
//! The folder is made beside its place and renamed when all is there, so a restore that was broken
//! off leaves no shop that looks whole.

use super::files::{beside, copy, sync_folder};
use super::{BackupError, Manifest, Progress, at, check, rfc3339, segments};
use crate::domain::{Seq, Timestamp};
use crate::storage::redb_store::FILE_NAME;
use crate::storage::{ReadOnlyStore, StoreError, copy as rows};
use std::fs;
use std::path::Path;

/// What is to be restored.
pub struct Order<'a> {
    /// The backup.
    pub from: &'a Path,
    /// The new data folder.
    pub data: &'a Path,
    /// The folder of the archive, to go beyond the backup.
    pub archive: Option<&'a Path>,
    /// How far beyond; without, as far as the archive goes.
    pub until: Option<Until>,
}

/// A moment to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Right after the batch that holds this event.
    Seq(Seq),
    /// What was written up to this time, by the shop's clock.
    Time(Timestamp),
}

/// What there is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub manifest: Manifest,
    /// The number of the newest event.
    pub sequence: u64,
    pub newest_event_at: Option<String>,
    /// Batches that came from the archive.
    pub batches: u64,
    /// Whether the archive ended before something was found that is later than the wanted time.
    pub archive_ended: bool,
}

/// How much of a restored file is kept in memory while it is read, in bytes.
const CACHE_BYTES: usize = 32 << 20;

/// Restores a backup into a new folder.
pub fn restore(
    order: &Order<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    let Order { from, data, archive, until } = *order;
    refuse_used(data)?;
    let manifest = check(from, progress)?;
    refuse_earlier(&manifest, until)?;
    let parent = match data.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(at(parent))?;
    let partial = beside(".mercat-restoring-", parent)?;
    let total = manifest.files.len() as u64;
    for (done, file) in manifest.files.iter().enumerate() {
        progress(Progress { what: "files", done: done as u64, total });
        let copied = copy(&from.join(&file.path), &partial.path().join(&file.path), &file.path)?;
        if copied != *file {
            let detail = format!("{} changed while it was read", file.path);
            return Err(BackupError::Damaged { folder: from.to_owned(), detail });
        }
    }
    progress(Progress { what: "files", done: total, total });
    let media = partial.path().join("media");
    if media.is_dir() {
        sync_folder(&media)?;
    }
    let further = match archive {
        Some(folder) => go_on(partial.path(), &manifest, folder, until, progress)?,
        None => Further::default(),
    };
    let (sequence, newest_event_at) = look(partial.path())?;
    sync_folder(partial.path())?;
    fs::rename(partial.path(), data).map_err(at(data))?;
    // It is not there to be removed any more.
    let _ = partial.keep();
    sync_folder(parent)?;
    let Further { batches, ended } = further;
    Ok(Restored {
        manifest,
        sequence: sequence.0,
        newest_event_at,
        batches,
        archive_ended: ended && matches!(until, Some(Until::Time(_))),
    })
}

fn refuse_used(data: &Path) -> Result<(), BackupError> {
    if data.join(FILE_NAME).exists() {
        return Err(BackupError::HoldsAShop { folder: data.to_owned() });
    }
    match fs::read_dir(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(data)(error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::NotEmpty { folder: data.to_owned() }),
        },
    }
}

fn refuse_earlier(manifest: &Manifest, until: Option<Until>) -> Result<(), BackupError> {
    let is_earlier = match until {
        None => false,
        Some(Until::Seq(seq)) => seq.0 < manifest.sequence,
        Some(Until::Time(time)) => time.as_millis() < manifest.taken_at_ms,
    };
    if !is_earlier {
        return Ok(());
    }
    let (taken_at, sequence) = (&manifest.taken_at, manifest.sequence);
    Err(BackupError::Unreachable {
        detail: format!(
            "the backup is of {taken_at} (event {sequence}), which is later than that: take an earlier backup"
        ),
    })
}

#[derive(Default)]
struct Further {
    batches: u64,
    /// Whether it went to the end of the archive.
    ended: bool,
}

fn go_on(
    partial: &Path,
    manifest: &Manifest,
    folder: &Path,
    until: Option<Until>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Further, BackupError> {
    let Some(point) = &manifest.archive else {
        return Err(BackupError::Unreachable {
            detail: "no archive was kept when the backup was taken, so there is nothing to go on with: take a later backup".to_owned(),
        });
    };
    let mut archived = segments::entries(folder, &point.id, point.entry)?;
    let mut further = Further::default();
    let (mut reached, mut failed) = (manifest.sequence, None);
    let mut chosen = std::iter::from_fn(|| {
        if matches!(until, Some(Until::Seq(seq)) if reached >= seq.0) {
            return None;
        }
        let entry = match archived.next() {
            None => {
                further.ended = true;
                return None;
            }
            Some(Err(error)) => {
                failed = Some(error);
                return Some(Err(StoreError::Stopped));
            }
            Some(Ok(entry)) => entry,
        };
        if matches!(until, Some(Until::Time(time)) if entry.at > time) {
            return None;
        }
        reached = reached.max(entry.last.0);
        further.batches += 1;
        if further.batches.is_multiple_of(1_000) {
            progress(Progress { what: "batches", done: further.batches, total: 0 });
        }
        Some(Ok(entry))
    });
    let brought = rows::bring_further(&partial.join(FILE_NAME), &mut chosen);
    if let Some(error) = failed {
        return Err(error);
    }
    let sequence = brought?;
    match until {
        Some(Until::Seq(wanted)) if sequence < wanted => Err(BackupError::Unreachable {
            detail: format!("the archive goes up to event {}, not to {}", sequence.0, wanted.0),
        }),
        Some(_) | None => Ok(further),
    }
}

/// Looks at all pages of what was made, and says how far it goes.
fn look(folder: &Path) -> Result<(Seq, Option<String>), BackupError> {
    let store = ReadOnlyStore::open(folder, CACHE_BYTES)?;
    let snapshot = store.snapshot()?;
    let last = snapshot.last_seq()?;
    let newest = snapshot.events_after(Seq(last.0.saturating_sub(1)), 1)?.into_iter().next();
    Ok((last, newest.map(|event| rfc3339(event.at))))
}
