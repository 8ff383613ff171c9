//! The archive on disk: what each batch wrote, in files that are sealed once they are written.
//!
//! ```text
//! FOLDER/0f3a…/00000000000000000001.segment      entries from number 1 on
//! ```
//!
//! A segment is `MERCATA1`, the archive's id, its entries (length, number, row), a length of zero, and
//! the SHA-256 of all that. It is written under another name, forced to the disk and renamed before the
//! rows that it holds are removed from the data file; broken off in between, it is written again, with
//! those rows and perhaps more. So the archive has every entry, once or more, and a reader who counts
//! them knows that none is missing.

use super::files::put;
use super::manifest::hex;
use super::{BackupError, at};
use crate::storage::archive::{ArchiveId, Entry};
use crate::storage::{Snapshot, StoreError, archive};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"MERCATA1";
const HASH_BYTES: usize = 32;
const ENDING: &str = "segment";

/// About how large a segment becomes: small enough to be read in one piece.
const SEGMENT_BYTES: usize = 8 << 20;

/// Writes the oldest entries that still lie in the data file into a segment. Gives the batch that
/// removes them there, which must be committed then; nothing where there are none.
pub fn move_out(
    snapshot: &dyn Snapshot,
    folder: &Path,
) -> Result<Option<crate::storage::Batch>, BackupError> {
    let Some(standing) = snapshot.archive()? else { return Ok(None) };
    let entries = snapshot.archived(SEGMENT_BYTES)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let expected = standing.moved + 1..;
    if !entries.iter().map(|entry| entry.number).eq(expected.take(entries.len())) {
        return Err(StoreError::DamagedRow { table: "archive.v1" }.into());
    }
    write(folder, &standing.id, &entries)?;
    Ok(Some(archive::moved(&standing, &entries)))
}

fn write(folder: &Path, id: &ArchiveId, entries: &[Entry]) -> Result<(), BackupError> {
    let own = folder.join(hex(id));
    fs::create_dir_all(folder).map_err(at(folder))?;
    match fs::DirBuilder::new().mode(0o700).create(&own) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(at(&own)(error));
        }
        Err(_) => {}
        Ok(()) => super::files::sync_folder(folder)?,
    }
    let mut bytes = [&MAGIC[..], id].concat();
    for entry in entries {
        let row = entry.to_row();
        let length = u32::try_from(8 + row.len()).expect("entries are far below 4 GB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&entry.number.to_be_bytes());
        bytes.extend_from_slice(&row);
    }
    bytes.extend_from_slice(&[0; 4]);
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    let first = entries.first().map_or(0, |entry| entry.number);
    put(&own.join(format!("{first:020}.{ENDING}")), &bytes)
}

/// The segments of one archive, by the numbers of their first entries.
fn segments(folder: &Path, id: &str) -> Result<Vec<(u64, PathBuf)>, BackupError> {
    let own = folder.join(id);
    let mut found = Vec::new();
    let entries = match fs::read_dir(&own) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(at(&own))?,
    };
    for entry in entries {
        let path = entry.map_err(at(&own))?.path();
        let is_segment = path.extension().is_some_and(|ending| ending == ENDING);
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (true, Some(first)) = (is_segment, first) {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path, id: &str) -> Result<Vec<Entry>, BackupError> {
    let damaged = || BackupError::Archive {
        folder: path.to_owned(),
        detail: "it is not what was written".to_owned(),
    };
    let bytes = fs::read(path).map_err(at(path))?;
    let (body, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or_else(damaged)?;
    if Sha256::digest(body)[..] != hash[..] {
        return Err(damaged());
    }
    let rest = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (own, mut rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
    if hex(own) != id {
        return Err(damaged());
    }
    let mut entries = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 {
            break;
        }
        let (entry, behind) = behind.split_at_checked(length).ok_or_else(damaged)?;
        let (number, row) = entry.split_at_checked(8).ok_or_else(damaged)?;
        entries.push(Entry::from_row(number, row).ok_or_else(damaged)?);
        rest = behind;
    }
    Ok(entries)
}

/// The entries of an archive behind one, in order; ends with an error where one is missing or spoilt.
pub struct Entries {
    folder: PathBuf,
    id: String,
    segments: std::vec::IntoIter<(u64, PathBuf)>,
    read: std::vec::IntoIter<Entry>,
    next: u64,
}

/// Opens an archive behind the entry `after`.
pub fn entries(folder: &Path, id: &str, after: u64) -> Result<Entries, BackupError> {
    let mut segments = segments(folder, id)?;
    let behind = segments.partition_point(|(first, _)| *first <= after + 1);
    segments.drain(..behind.saturating_sub(1));
    Ok(Entries {
        folder: folder.to_owned(),
        id: id.to_owned(),
        segments: segments.into_iter(),
        read: Vec::new().into_iter(),
        next: after + 1,
    })
}

impl Iterator for Entries {
    type Item = Result<Entry, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read.next() {
                Some(entry) if entry.number < self.next => {}
                Some(entry) if entry.number == self.next => {
                    self.next += 1;
                    return Some(Ok(entry));
                }
                Some(entry) => {
                    let detail = format!(
                        "entries {} to {} of {} are missing",
                        self.next,
                        entry.number - 1,
                        self.id
                    );
                    let folder = self.folder.clone();
                    return Some(Err(BackupError::Archive { folder, detail }));
                }
                None => {
                    let (_, path) = self.segments.next()?;
                    match read(&path, &self.id) {
                        Ok(entries) => self.read = entries.into_iter(),
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
    }
}

/// Removes the segments that no backup needs any more: all of whose entries are in the oldest one.
pub fn prune(folder: &Path, id: &str, oldest_backup_at: u64) -> Result<(), BackupError> {
    let segments = segments(folder, id)?;
    for pair in segments.windows(2) {
        let [(_, path), (next, _)] = pair else { continue };
        if *next <= oldest_backup_at + 1 {
            fs::remove_file(path).map_err(at(path))?;
        }
    }
    Ok(())
}
