//! Taking a backup.

use super::files::{copy, describe, put, sync_folder};
use super::manifest::hex;
use super::{ArchivePoint, BackupError, MANIFEST, Manifest, Progress, at, rfc3339};
use crate::domain::{Seq, Timestamp};
use crate::storage::redb_store::FILE_NAME;
use crate::storage::{Snapshot, copy as rows};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a backup is taken of.
pub struct Source<'a> {
    /// All of the data, at one point of the log.
    pub snapshot: &'a dyn Snapshot,
    /// The data folder: pictures are in it.
    pub data: &'a Path,
    /// The shop's key, where that is to be in the backup.
    pub key: Option<&'a Path>,
}

/// A backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub folder: PathBuf,
    pub manifest: Manifest,
}

/// How the names of unfinished backups begin.
pub(super) const PARTIAL: &str = ".mercat-partial-";

/// How the names of backups begin.
pub(super) const NAME: &str = "mercat-";

/// The name of the key file in a backup.
const KEY_NAME: &str = "mercat.key";

/// The file that whoever makes a backup keeps locked in it, so that nobody takes it for left over.
const LOCK: &str = "lock";

/// How old a folder must be that has not even a lock file, to be taken for left over.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes a backup into a new folder below `to`.
pub fn take(
    source: &Source<'_>,
    to: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Taken, BackupError> {
    fs::create_dir_all(to).map_err(at(to))?;
    remove_left_overs(to);
    let partial = super::files::beside(PARTIAL, to)?;
    let lock_path = partial.path().join(LOCK);
    let lock = File::create_new(&lock_path).map_err(at(&lock_path))?;
    lock.lock().map_err(at(&lock_path))?;

    let manifest = fill(source, partial.path(), now, progress)?;
    put(&partial.path().join(MANIFEST), &to_json(&manifest))?;
    fs::remove_file(&lock_path).map_err(at(&lock_path))?;
    sync_folder(partial.path())?;
    let folder = to.join(name(&manifest, now));
    fs::rename(partial.path(), &folder).map_err(at(&folder))?;
    // It is not there to be removed any more.
    let _ = partial.keep();
    sync_folder(to)?;
    Ok(Taken { folder, manifest })
}

fn to_json(manifest: &Manifest) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(manifest).expect("a manifest is plain data");
    text.push(b'\n');
    text
}

/// Its time and its place in the log, so that names sort as backups were taken.
fn name(manifest: &Manifest, now: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let time = time.strftime("%Y%m%dT%H%M%S%.3fZ");
    format!("{NAME}{time}-{:012}", manifest.sequence)
}

fn fill(
    source: &Source<'_>,
    partial: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let Source { snapshot, data, key } = *source;
    let sequence = snapshot.last_seq()?;
    let before = Seq(sequence.0.saturating_sub(1));
    let newest = snapshot.events_after(before, 1)?.into_iter().next();
    let archive = snapshot.archive()?;

    let file = partial.join(FILE_NAME);
    rows::copy(snapshot, &file, &mut |rows| {
        progress(Progress { what: "rows", done: rows.done, total: rows.total });
    })?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(at(&file))?;
    File::open(&file).and_then(|file| file.sync_all()).map_err(at(&file))?;
    let mut files = vec![describe(&file, FILE_NAME)?];

    // Pictures are durable before anything names them and never change, so those of now have all
    // that the snapshot names.
    let pictures = pictures(&data.join("media"))?;
    let total = pictures.len() as u64;
    for (done, (name, path)) in pictures.iter().enumerate() {
        progress(Progress { what: "pictures", done: done as u64, total });
        let name = format!("media/{name}");
        files.push(copy(path, &partial.join(&name), &name)?);
    }
    progress(Progress { what: "pictures", done: total, total });
    if total > 0 {
        sync_folder(&partial.join("media"))?;
    }
    if let Some(key) = key {
        if !key.is_file() {
            return Err(BackupError::NoKey);
        }
        files.push(copy(key, &partial.join(KEY_NAME), KEY_NAME)?);
    }
    Ok(Manifest {
        format: Manifest::current_format(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: snapshot.schema()?,
        shop: hex(&snapshot.shop_id()?),
        sequence: sequence.0,
        newest_event_at: newest.map(|event| rfc3339(event.at)),
        taken_at: rfc3339(now),
        taken_at_ms: now.as_millis(),
        archive: archive.map(|own| ArchivePoint { id: hex(&own.id), entry: own.last }),
        key_included: key.is_some(),
        files,
    })
}

/// The pictures in a folder, by name. What is being written there has a name that begins with a dot.
fn pictures(folder: &Path) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(at(folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(at(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what was left by backups that a crash broke off. What cannot be removed stays: it looks
/// like no backup.
fn remove_left_overs(to: &Path) {
    let entries = fs::read_dir(to).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PARTIAL) && is_left_over(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn is_left_over(partial: &Path) -> bool {
    match File::open(partial.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let made = fs::metadata(partial).and_then(|about| about.modified());
            let age = made.ok().and_then(|made| SystemTime::now().duration_since(made).ok());
            age.is_some_and(|age| age > LEFT_OVER_AFTER)
        }
    }
}
