//! Files that are there whole and for good, or not at all.

use super::manifest::hex;
use super::{BackupError, FileEntry, at};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

const BUFFER: usize = 1 << 20;

/// Copies a file to a place where there is none, forces it to the disk, and says what was copied.
/// Nobody but its owner may read the copy.
pub(super) fn copy(from: &Path, to: &Path, name: &str) -> Result<FileEntry, BackupError> {
    let mut input = File::open(from).map_err(at(from))?;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let output = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut output = output.map_err(at(to))?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = input.read(&mut buffer).map_err(at(from))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        output.write_all(&buffer[..read]).map_err(at(to))?;
        bytes += read as u64;
    }
    output.sync_all().map_err(at(to))?;
    Ok(FileEntry { path: name.to_owned(), bytes, sha256: hex(&hasher.finalize()) })
}

/// What a file is, by reading it.
pub(super) fn describe(path: &Path, name: &str) -> Result<FileEntry, BackupError> {
    let mut input = File::open(path).map_err(at(path))?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = input.read(&mut buffer).map_err(at(path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok(FileEntry { path: name.to_owned(), bytes, sha256: hex(&hasher.finalize()) })
}

/// Writes a file beside its place, forces it to the disk, and puts it there in one step.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(at(folder))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    sync_folder(folder)
}

/// What is in a folder stays there once this is done.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// A folder to fill before it gets its name; gone again unless it is kept. Nobody but its owner may
/// look into it.
pub(super) fn beside(prefix: &str, parent: &Path) -> Result<TempDir, BackupError> {
    let private = fs::Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix(prefix).permissions(private).tempdir_in(parent);
    made.map_err(at(parent))
}
