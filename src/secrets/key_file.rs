//! Where the shop's key comes from: a file of its own, or the environment.
//!
//! The file is made on the first start, for its owner alone. It changes in one step: the next key is
//! written beside it first, becomes the shop's key with a commit, and then takes its place. A start
//! after a crash finds either that the commit was made, and brings the step to its end, or that it
//! was not, and removes what was beside.

use super::key::ShopKey;
use super::vault::open_ring;
use super::{MalformedKey, SecretsError};
use crate::storage::records::KeyRing;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the key file inside the data folder.
pub const FILE_NAME: &str = "mercat.key";

/// What the mode of a key file may not have: anything for anybody but its owner.
const OTHERS: u32 = 0o077;

/// Far above the length of a key with blanks around it.
const MOST_BYTES: u64 = 1_024;

/// Where a shop's key is.
#[derive(Clone, Debug)]
pub enum KeySource {
    Given(ShopKey),
    File(KeyFile),
}

impl KeySource {
    /// By what the environment says (`MERCAT_KEY`, `MERCAT_KEY_FILE`), or else in the data folder.
    pub fn choose(
        folder: &Path,
        key: Option<&str>,
        file: Option<&Path>,
    ) -> Result<KeySource, SecretsError> {
        match (key, file) {
            (Some(_), Some(_)) => Err(SecretsError::GivenTwice),
            (Some(text), None) => text.parse().map(KeySource::Given).map_err(|source| {
                SecretsError::Malformed { what: "MERCAT_KEY".to_owned(), source }
            }),
            (None, Some(path)) => Ok(KeySource::File(KeyFile::at(path))),
            (None, None) => Ok(KeySource::File(KeyFile::at(&folder.join(FILE_NAME)))),
        }
    }

    /// The key, for data that are sealed as `ring` says; without one, a missing file is made.
    pub(super) fn key(&self, ring: Option<&KeyRing>) -> Result<ShopKey, SecretsError> {
        match (self, ring) {
            (KeySource::Given(key), _) => Ok(key.clone()),
            (KeySource::File(file), Some(ring)) => file.settle(ring),
            (KeySource::File(file), None) => file.read_or_make(),
        }
    }
}

/// For messages; names no key.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Given(_) => f.write_str("MERCAT_KEY"),
            KeySource::File(file) => write!(f, "{}", file.path.display()),
        }
    }
}

/// A key file and, while it changes, the next one beside it.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    pub fn at(path: &Path) -> KeyFile {
        KeyFile { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        name.into()
    }

    /// Brings a change that was broken off to its end, and gives the key that opens `ring`. Where
    /// neither does, whoever opens the ring says so.
    pub(super) fn settle(&self, ring: &KeyRing) -> Result<ShopKey, SecretsError> {
        let beside = self.beside();
        let current = read(&self.path);
        if !exists(&beside)? {
            return current?.ok_or_else(|| SecretsError::Missing { path: self.path.clone() });
        }
        if let Ok(Some(key)) = &current
            && open_ring(ring, key).is_some()
        {
            fs::remove_file(&beside).map_err(|source| unusable(&beside, source))?;
            return Ok(key.clone());
        }
        if let Ok(Some(next)) = read(&beside)
            && open_ring(ring, &next).is_some()
        {
            self.take_over()?;
            return Ok(next);
        }
        current?.ok_or_else(|| SecretsError::Missing { path: self.path.clone() })
    }

    fn read_or_make(&self) -> Result<ShopKey, SecretsError> {
        if let Some(key) = read(&self.path)? {
            return Ok(key);
        }
        let key = ShopKey::random();
        self.write_beside(&key)?;
        self.take_over()?;
        Ok(key)
    }

    /// Writes the next key beside the file, durably and for its owner alone.
    pub(super) fn write_beside(&self, key: &ShopKey) -> Result<(), SecretsError> {
        let beside = self.beside();
        let write = || {
            if beside.symlink_metadata().is_ok() {
                fs::remove_file(&beside)?;
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            let mut text = key.text();
            text.push('\n');
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            sync_folder(&beside)
        };
        write().map_err(|source| unusable(&beside, source))?;
        #[cfg(debug_assertions)]
        crate::failpoints::pass("key-beside-written");
        Ok(())
    }

    /// Puts the next key in the place of this one.
    pub(super) fn take_over(&self) -> Result<(), SecretsError> {
        let take = || {
            fs::rename(self.beside(), &self.path)?;
            sync_folder(&self.path)
        };
        take().map_err(|source| unusable(&self.path, source))?;
        #[cfg(debug_assertions)]
        crate::failpoints::pass("key-taken-over");
        Ok(())
    }
}

/// Makes the names in a file's folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn exists(path: &Path) -> Result<bool, SecretsError> {
    path.try_exists().map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: io::Error) -> SecretsError {
    SecretsError::Io { path: path.to_owned(), source }
}

/// Reads a key file that its owner alone can read; `None` where there is none.
fn read(path: &Path) -> Result<Option<ShopKey>, SecretsError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| unusable(path, source))?,
    };
    let about = file.metadata().map_err(|source| unusable(path, source))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(SecretsError::Exposed { path: path.to_owned(), mode });
    }
    let malformed = |source| SecretsError::Malformed { what: path.display().to_string(), source };
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(malformed(MalformedKey));
    }
    let text = io::read_to_string(file).map_err(|source| unusable(path, source))?;
    Zeroizing::new(text).parse().map(Some).map_err(malformed)
}
