//! Which backups there are, which stay, and which one to go back to.

use super::files::put;
use super::take::NAME;
use super::{BackupError, Manifest, Taken, at};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The note in a data folder of where its last backup went.
pub const NOTE: &str = "last-backup.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub folder: PathBuf,
    pub sequence: u64,
    pub taken_at: String,
    pub taken_at_ms: i64,
}

/// How many backups stay; the newest one always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest.
    pub last: usize,
    /// And the newest of each of so many days on which there was one (UTC).
    pub daily: usize,
}

/// A backup in a folder of backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub folder: PathBuf,
    pub manifest: Manifest,
}

/// Writes down where the last backup went.
pub fn note(data: &Path, taken: &Taken) -> Result<(), BackupError> {
    let Taken { folder, manifest } = taken;
    let note = Note {
        folder: folder.clone(),
        sequence: manifest.sequence,
        taken_at: manifest.taken_at.clone(),
        taken_at_ms: manifest.taken_at_ms,
    };
    let text = serde_json::to_vec_pretty(&note).expect("a note is plain data");
    put(&data.join(NOTE), &text)
}

/// What was written down.
pub fn noted(data: &Path) -> Option<Note> {
    serde_json::from_slice(&fs::read(data.join(NOTE)).ok()?).ok()
}

/// The backups in a folder, newest first. What is not whole has no manifest and is not among them.
pub fn list(folder: &Path) -> Result<Vec<Listed>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(NAME) || !path.is_dir() {
            continue;
        }
        // Of a newer program, or spoilt: it is not for us to judge or to remove.
        if let Ok(manifest) = Manifest::read(&path) {
            found.push(Listed { folder: path, manifest });
        }
    }
    found.sort_by(|one, other| {
        let key = |listed: &Listed| (listed.manifest.taken_at_ms, listed.manifest.sequence);
        key(other).cmp(&key(one))
    });
    Ok(found)
}

/// The newest backup in a folder of backups.
pub(super) fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let backups = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(NAME) && path.join(super::MANIFEST).is_file()
    });
    backups.max()
}

/// Removes the backups of this shop that need not stay; gives those that do, newest first.
pub fn prune(folder: &Path, shop: &str, keep: Retention) -> Result<Vec<Listed>, BackupError> {
    let own: Vec<Listed> =
        list(folder)?.into_iter().filter(|listed| listed.manifest.shop == shop).collect();
    let times: Vec<i64> = own.iter().map(|listed| listed.manifest.taken_at_ms).collect();
    let stays = kept(&times, keep);
    let mut staying = Vec::new();
    for (listed, stays) in own.into_iter().zip(stays) {
        if stays {
            staying.push(listed);
            continue;
        }
        // Without its manifest it is no backup any more, however far this comes.
        let manifest = listed.folder.join(super::MANIFEST);
        fs::remove_file(&manifest).map_err(at(&manifest))?;
        fs::remove_dir_all(&listed.folder).map_err(at(&listed.folder))?;
    }
    Ok(staying)
}

/// Which of the backups taken at these times (newest first, in milliseconds since 1970) stay.
fn kept(times: &[i64], keep: Retention) -> Vec<bool> {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let mut days = BTreeSet::new();
    let each = times.iter().enumerate().map(|(i, at)| {
        let is_first_of_day = !days.contains(&at.div_euclid(DAY));
        let is_daily = is_first_of_day && days.len() < keep.daily;
        days.insert(at.div_euclid(DAY));
        i < keep.last.max(1) || is_daily
    });
    each.collect()
}

/// The last backup of the shop in `data` that is still there with all its files: by the note in the
/// folder, or beside where that one was.
pub fn last_good(data: &Path) -> Option<Listed> {
    let note = noted(data)?;
    let is_there = |listed: &Listed| {
        listed.manifest.files.iter().all(|file| {
            fs::metadata(listed.folder.join(&file.path))
                .is_ok_and(|found| found.len() == file.bytes)
        })
    };
    if let Ok(manifest) = Manifest::read(&note.folder) {
        let listed = Listed { folder: note.folder.clone(), manifest };
        if is_there(&listed) {
            return Some(listed);
        }
    }
    list(note.folder.parent()?).ok()?.into_iter().find(is_there)
}

/// What to do about a data folder that is damaged.
pub fn advice(data: &Path) -> String {
    match last_good(data) {
        Some(Listed { folder, manifest }) => format!(
            "keep a copy of the folder, and restore the last good backup ({}, up to event {}) with: \
             mercat restore --from {} --data NEWDIR",
            manifest.taken_at,
            manifest.sequence,
            folder.display()
        ),
        None => {
            "keep a copy of the folder; no backup of it is known here, so look for one where you \
                 keep them and restore it with: mercat restore --from BACKUP --data NEWDIR"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60 * 1_000;

    #[test]
    fn the_newest_stay_and_the_last_of_each_day() {
        // Every six hours, over three days: 20, 14, 8, 2 o'clock.
        let times: Vec<i64> = (0..12).map(|n| (68 - 6 * n) * HOUR).collect();
        let stays = |last, daily| -> Vec<usize> {
            let kept = kept(&times, Retention { last, daily });
            kept.iter().enumerate().filter_map(|(i, stays)| stays.then_some(i)).collect()
        };
        assert_eq!(stays(2, 0), [0, 1]);
        assert_eq!(stays(2, 3), [0, 1, 4, 8]);
        assert_eq!(stays(0, 2), [0, 4]);
        assert_eq!(stays(0, 0), [0], "the newest one always stays");
    }
}
