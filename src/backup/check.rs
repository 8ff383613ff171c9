//! Whether a backup is what it says.

use super::files::describe;
use super::{BackupError, Manifest, Progress};
use std::path::Path;

/// Reads every file of the backup in `folder` and compares it with the manifest.
pub fn check(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    let damaged = |detail: String| BackupError::Damaged { folder: folder.to_owned(), detail };
    let (mut done, total) = (0, manifest.bytes());
    for file in &manifest.files {
        progress(Progress { what: "bytes checked", done, total });
        let path = folder.join(&file.path);
        if !path.is_file() {
            return Err(damaged(format!("{} is missing", file.path)));
        }
        let found = describe(&path, &file.path)?;
        if found.bytes != file.bytes {
            let (has, had) = (found.bytes, file.bytes);
            return Err(damaged(format!("{} has {has} bytes and had {had}", file.path)));
        }
        if found != *file {
            return Err(damaged(format!("{} is not what was written", file.path)));
        }
        done += file.bytes;
    }
    progress(Progress { what: "bytes checked", done, total });
    Ok(manifest)
}
