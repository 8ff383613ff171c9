//! Where a running shop is asked for backups: one at a time, whoever asks.

use super::keep::{self, Listed};
use super::{BackupError, Progress, Retention, Source, Taken, segments, take};
use crate::domain::Timestamp;
use crate::storage::{Batch, Store, StoreError, archive, copy};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What the merchant wants kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub backups: Option<BackupPlan>,
    pub archive: Option<ArchivePlan>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    pub folder: PathBuf,
    pub every_ms: i64,
    pub keep: Retention,
    pub with_key: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePlan {
    pub folder: PathBuf,
    pub every_ms: u64,
}

/// How long after the last walk through all rows there is another: a day.
const WALK_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

/// Cheap to clone.
#[derive(Clone)]
pub struct BackupDesk(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    data: PathBuf,
    key: Option<PathBuf>,
    plan: Plan,
    taking: Mutex<()>,
    /// When the last backup was taken, in milliseconds since 1970; zero before the first.
    taken_at: AtomicI64,
    is_failing: AtomicBool,
    archive_is_failing: AtomicBool,
    archive_waiting: AtomicU64,
    /// When all rows were last read through, in milliseconds since 1970.
    walked_at: AtomicI64,
    is_damaged: AtomicBool,
}

/// How it stands with backups and the archive, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub is_planned: bool,
    pub taken_at: Option<Timestamp>,
    /// Whether the last planned one failed.
    pub is_failing: bool,
    pub is_archiving: bool,
    pub archive_is_failing: bool,
    /// Archived batches that lie in the data file and not in the archive's folder yet.
    pub archive_waiting: u64,
    /// Whether the last walk through all rows met one that is not what was written.
    pub is_damaged: bool,
}

impl BackupDesk {
    /// For the shop with this store and data folder; `key` is the file of its key, if it is in one.
    pub fn new(store: Arc<dyn Store>, data: &Path, key: Option<PathBuf>, plan: Plan) -> BackupDesk {
        let taken_at = keep::noted(data).map_or(0, |note| note.taken_at_ms);
        BackupDesk(Arc::new(Inner {
            store,
            data: data.to_owned(),
            key,
            plan,
            taking: Mutex::new(()),
            taken_at: AtomicI64::new(taken_at),
            is_failing: AtomicBool::new(false),
            archive_is_failing: AtomicBool::new(false),
            archive_waiting: AtomicU64::new(0),
            walked_at: AtomicI64::new(0),
            is_damaged: AtomicBool::new(false),
        }))
    }

    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub fn standing(&self) -> Standing {
        let own = &self.0;
        let taken_at = own.taken_at.load(Ordering::Relaxed);
        Standing {
            is_planned: own.plan.backups.is_some(),
            taken_at: (taken_at > 0).then(|| Timestamp::from_millis(taken_at)),
            is_failing: own.is_failing.load(Ordering::Relaxed),
            is_archiving: own.plan.archive.is_some(),
            archive_is_failing: own.archive_is_failing.load(Ordering::Relaxed),
            archive_waiting: own.archive_waiting.load(Ordering::Relaxed),
            is_damaged: own.is_damaged.load(Ordering::Relaxed),
        }
    }

    /// Takes a backup while the shop goes on. Blocks for as long as that takes, and for as long as
    /// another one is being taken.
    pub fn take(
        &self,
        to: &Path,
        with_key: bool,
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Taken, BackupError> {
        let own = &self.0;
        let _one_at_a_time = own.taking.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let key = match (with_key, &own.key) {
            (false, _) => None,
            (true, Some(key)) => Some(&**key),
            (true, None) => return Err(BackupError::NoKey),
        };
        let snapshot = own.store.snapshot()?;
        let source = Source { snapshot: &*snapshot, data: &own.data, key };
        let taken = take(&source, to, now, progress);
        self.walked(&taken, now);
        let taken = taken?;
        keep::note(&own.data, &taken)?;
        own.taken_at.store(now.as_millis(), Ordering::Relaxed);
        Ok(taken)
    }

    /// Whether a planned backup is due: the last one is too old, or the archive began after it.
    pub fn is_due(&self, now: Timestamp) -> Result<bool, BackupError> {
        let Some(plan) = &self.0.plan.backups else { return Ok(false) };
        let snapshot = self.0.store.snapshot()?;
        let Some(last) = self.own_backups(plan)?.into_iter().next() else { return Ok(true) };
        let age = now.as_millis().saturating_sub(last.manifest.taken_at_ms);
        let archive = snapshot.archive()?.map(|own| super::manifest::hex(&own.id));
        let knows_it = match (&archive, &last.manifest.archive) {
            (None, _) => true,
            (Some(own), Some(point)) => *own == point.id,
            (Some(_), None) => false,
        };
        Ok(age >= plan.every_ms || age < 0 || !knows_it)
    }

    /// Takes the planned backup, and removes the old ones that need not stay, with the part of the
    /// archive that none of the others needs.
    pub fn take_planned(&self, now: Timestamp) -> Result<Option<Taken>, BackupError> {
        let Some(plan) = &self.0.plan.backups else { return Ok(None) };
        let taken = self.take(&plan.folder, plan.with_key, now, &mut |_| {});
        self.0.is_failing.store(taken.is_err(), Ordering::Relaxed);
        let taken = taken?;
        let staying = keep::prune(&plan.folder, &taken.manifest.shop, plan.keep)?;
        if let Some(archive) = &self.0.plan.archive {
            prune_archive(&archive.folder, &taken, &staying)?;
        }
        Ok(Some(taken))
    }

    /// Reads all rows through, as a backup does, where none was taken for a day. Says whether it did.
    pub fn walk(&self, now: Timestamp) -> Result<bool, BackupError> {
        let own = &self.0;
        let age = now.as_millis().saturating_sub(own.walked_at.load(Ordering::Relaxed));
        if age < WALK_AFTER_MS {
            return Ok(false);
        }
        // The file was checked when the shop opened.
        if own.walked_at.swap(now.as_millis(), Ordering::Relaxed) == 0 {
            return Ok(false);
        }
        let snapshot = own.store.snapshot()?;
        let walked = copy::walk(&*snapshot, &mut |_| {}, &mut |_, _, _| Ok(()));
        let walked = walked.map_err(BackupError::from);
        self.walked(&walked, now);
        walked.map(|()| true)
    }

    fn walked<T>(&self, walked: &Result<T, BackupError>, now: Timestamp) {
        let is_damaged = match walked {
            Ok(_) => false,
            Err(BackupError::Store(StoreError::DamagedRow { .. } | StoreError::Codec(_))) => true,
            // It says nothing about the data.
            Err(_) => return,
        };
        self.0.walked_at.store(now.as_millis(), Ordering::Relaxed);
        self.0.is_damaged.store(is_damaged, Ordering::Relaxed);
    }

    /// What to do about damage.
    pub fn advice(&self) -> String {
        keep::advice(&self.0.data)
    }

    fn own_backups(&self, plan: &BackupPlan) -> Result<Vec<Listed>, BackupError> {
        if !plan.folder.is_dir() {
            return Ok(Vec::new());
        }
        let shop = super::manifest::hex(&self.0.store.snapshot()?.shop_id()?);
        let own = |listed: &Listed| listed.manifest.shop == shop;
        Ok(keep::list(&plan.folder)?.into_iter().filter(own).collect())
    }

    /// Writes what lies in the data file into the archive's folder. Gives the batch that removes it
    /// there, which is to be committed before the next call.
    pub fn move_out(&self) -> Result<Option<Batch>, BackupError> {
        let Some(plan) = &self.0.plan.archive else { return Ok(None) };
        let snapshot = self.0.store.snapshot()?;
        let waiting = snapshot.archive()?.map_or(0, |own| own.last - own.moved);
        self.0.archive_waiting.store(waiting, Ordering::Relaxed);
        let moved = segments::move_out(&*snapshot, &plan.folder);
        self.0.archive_is_failing.store(moved.is_err(), Ordering::Relaxed);
        moved
    }
}

impl BackupDesk {
    /// Brings what still lies in the data file into the archive's folder, and closes the file: when
    /// the shop is closed and nobody writes any more. A backup that is under way is waited for.
    pub fn finish(&self) -> Result<(), BackupError> {
        let _no_backup = self.0.taking.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let moved = self.move_all();
        self.0.store.close();
        moved
    }

    fn move_all(&self) -> Result<(), BackupError> {
        while let Some(batch) = self.move_out()? {
            self.0.store.commit(&[batch])?;
        }
        Ok(())
    }
}

/// Begins an archive where one is wanted and none is kept, and ends the one that is not wanted any
/// more: what would be missing in it from then on cannot be told later.
pub fn switch_archive(store: &dyn Store, wanted: bool) -> Result<(), BackupError> {
    let snapshot = store.snapshot()?;
    let batch = match (snapshot.archive()?, wanted) {
        (Some(_), true) | (None, false) => return Ok(()),
        (None, true) => {
            tracing::info!("an archive begins: restores can go on from backups taken from now on");
            archive::begin(rand::random())
        }
        (Some(_), false) => {
            tracing::warn!("the archive ends here: no folder is set for it (archive.folder)");
            archive::end(&*snapshot)?
        }
    };
    drop(snapshot);
    store.commit(&[batch])?;
    Ok(())
}

/// What was archived before the oldest backup that stays is of no use.
fn prune_archive(folder: &Path, taken: &Taken, staying: &[Listed]) -> Result<(), BackupError> {
    let Some(current) = &taken.manifest.archive else { return Ok(()) };
    let points = staying.iter().filter_map(|listed| listed.manifest.archive.as_ref());
    let of_this = points.filter(|point| point.id == current.id).map(|point| point.entry);
    segments::prune(folder, &current.id, of_this.min().unwrap_or(current.entry))
}
