//! Pictures in a local folder, one file each.

use super::{MediaName, MediaStore};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A folder of pictures. A file is there whole or not at all: it is written under another name,
/// forced to the disk, and then renamed.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, made if it is not there.
    pub fn open(path: &Path) -> io::Result<Folder> {
        fs::create_dir_all(path)?;
        Ok(Folder { path: path.to_owned() })
    }

    fn file(&self, name: &MediaName) -> PathBuf {
        self.path.join(name.to_string())
    }
}

impl MediaStore for Folder {
    fn put(&self, name: &MediaName, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.file(name))?;
        // The rename itself is durable once the folder is.
        File::open(&self.path)?.sync_all()
    }

    fn get(&self, name: &MediaName) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PictureKind;

    #[test]
    fn what_was_put_is_got_also_by_the_next_who_opens() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("media");
        let name = MediaName::of(b"pixels", PictureKind::Webp, 3, 2);
        let folder = Folder::open(&path).unwrap();
        assert_eq!(folder.get(&name).unwrap(), None);
        folder.put(&name, b"pixels").unwrap();
        folder.put(&name, b"pixels").unwrap();
        let again = Folder::open(&path).unwrap();
        assert_eq!(again.get(&name).unwrap().as_deref(), Some(&b"pixels"[..]));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no half file is left");
    }
}
