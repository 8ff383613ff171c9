//! The manifest: what a backup is, and what it stands for.

use super::{BackupError, at};
use crate::domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Component, Path};

/// Its name inside the backup.
pub const MANIFEST: &str = "manifest.json";

/// The layout of a backup that this program writes; a higher number is refused.
const FORMAT: u32 = 1;

/// The longest manifest that is read: some hundred bytes for each of very many pictures.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// The layout of its data file.
    pub schema: u32,
    /// Which shop it is of: the same for all backups of one.
    pub shop: String,
    /// The number of the newest event in it.
    pub sequence: u64,
    /// When that event happened (RFC 3339); none in an empty shop.
    pub newest_event_at: Option<String>,
    /// When the backup was begun (RFC 3339): it has all that was acknowledged before.
    pub taken_at: String,
    /// The same in milliseconds since 1970.
    pub taken_at_ms: i64,
    /// Where it stands in the archive, if one was kept.
    pub archive: Option<ArchivePoint>,
    /// Whether `mercat.key` is in it.
    pub key_included: bool,
    pub files: Vec<FileEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePoint {
    pub id: String,
    /// The last entry whose writes are in the backup.
    pub entry: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Inside the backup, with `/`.
    pub path: String,
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    pub fn current_format() -> u32 {
        FORMAT
    }

    /// Reads the manifest of the backup in `folder`.
    pub fn read(folder: &Path) -> Result<Manifest, BackupError> {
        let path = folder.join(MANIFEST);
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = super::keep::newest(folder)
                    .map(|found| format!("; did you mean {}?", found.display()))
                    .unwrap_or_default();
                return Err(BackupError::NoBackup { folder: folder.to_owned(), hint });
            }
            about => about.map_err(at(&path))?.len(),
        };
        let unusable = |detail: String| BackupError::Manifest { folder: folder.to_owned(), detail };
        if bytes > MOST_BYTES {
            return Err(unusable("it is longer than any that is written".into()));
        }
        let text = fs::read(&path).map_err(at(&path))?;
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format: Format =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if format.format > FORMAT {
            return Err(unusable(format!(
                "it has format {}, and this program knows formats up to {FORMAT}: a newer mercat \
                 made it, so use that one",
                format.format
            )));
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        match manifest.files.iter().find(|file| !is_inside(&file.path)) {
            Some(file) => Err(unusable(format!("it names a file outside of it: {:?}", file.path))),
            None => Ok(manifest),
        }
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether a path stays inside of the folder that it is joined to.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A time as people and programs read it.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().to_string()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
