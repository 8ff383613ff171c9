//! Pictures: where they are kept, under which names, and how uploads become them.
//!
//! A picture's name is made of its content, so it never changes and may be cached for ever. What is
//! kept was encoded here: nothing of an upload gets out but its pixels.

mod folder;
mod picture;
mod samples;
mod size;

pub use folder::Folder;
pub use picture::{MOST_PIXELS_A_SIDE, Picture, PictureError, PictureKind, renewed};
pub use samples::{Sample, sample};
pub use size::size;

use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::str::FromStr;

/// The path under which pictures are served, with the slash before their names.
pub const PATH: &str = "/media/";

/// Where pictures are kept.
pub trait MediaStore: Send + Sync + 'static {
    /// Keeps a picture; returns when it is durable. The same name is the same content.
    fn put(&self, name: &MediaName, bytes: &[u8]) -> io::Result<()>;

    /// A picture's bytes; `None` where there is none of that name.
    fn get(&self, name: &MediaName) -> io::Result<Option<Vec<u8>>>;
}

/// Half of a SHA-256 in hex, and the ending of its kind: `0f3a….jpg`. No other text is a name, so
/// none leads out of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaName {
    digest: String,
    kind: PictureKind,
}

/// The text is not the name of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a picture")]
pub struct MediaNameError;

/// Hex digits of a name.
const DIGITS: usize = 32;

impl MediaName {
    /// The name of this content.
    pub fn of(bytes: &[u8], kind: PictureKind) -> MediaName {
        let digest = Sha256::digest(bytes);
        let digits = digest[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}"));
        MediaName { digest: digits.collect(), kind }
    }

    pub fn kind(&self) -> PictureKind {
        self.kind
    }

    /// Where it is served.
    pub fn path(&self) -> String {
        format!("{PATH}{self}")
    }
}

impl fmt::Display for MediaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.digest, self.kind.ending())
    }
}

impl FromStr for MediaName {
    type Err = MediaNameError;

    fn from_str(text: &str) -> Result<MediaName, MediaNameError> {
        let (digest, ending) = text.split_once('.').ok_or(MediaNameError)?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let kind = PictureKind::ALL.into_iter().find(|kind| kind.ending() == ending);
        match kind {
            Some(kind) if digest.len() == DIGITS && digest.bytes().all(hex) => {
                Ok(MediaName { digest: digest.to_owned(), kind })
            }
            Some(_) | None => Err(MediaNameError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_content_and_reads_back() {
        let name = MediaName::of(b"pixels", PictureKind::Png);
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert_eq!(name.path(), format!("/media/{name}"));
        assert_ne!(name, MediaName::of(b"other pixels", PictureKind::Png));
    }

    #[test]
    fn nothing_else_is_a_name() {
        let good = MediaName::of(b"x", PictureKind::Jpeg).to_string();
        let upper = good.to_uppercase();
        let longer = format!("0{good}");
        let nested = format!("../{good}");
        let double = format!("{good}.jpg");
        for bad in ["", ".jpg", "../../etc/passwd", &upper, &longer, &nested, &double, &good[..32]]
        {
            assert!(bad.parse::<MediaName>().is_err(), "{bad:?}");
        }
    }
}
