//! Pictures: where they are kept, under which names, and how uploads become them.
//!
//! A picture's name is made of its content, so it never changes and may be cached for ever. It says
//! the picture's size, too, and so in which widths it can be had ([`srcset`]): a page that shows
//! twenty pictures asks nobody for them. What is kept was encoded here: nothing of an upload gets
//! out but its pixels.

mod folder;
mod picture;
mod samples;
mod widths;

pub use folder::Folder;
pub use picture::{MOST_PIXELS, MOST_PIXELS_A_SIDE, Picture, PictureError, PictureKind, renewed};
pub use samples::{Sample, sample};
pub use widths::{Srcset, WIDTHS, narrowed, srcset};

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

/// Half of a SHA-256 in hex, the size in pixels and the ending of the kind: `0f3a…-1600x1200.jpg`. A
/// narrower copy is named after its original: `0f3a…-1600x1200-640.jpg`. No other text is a name, so
/// none leads out of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaName {
    /// Of the original.
    digest: String,
    kind: PictureKind,
    /// Of the original.
    width: u32,
    height: u32,
    /// The copy's width; one of [`WIDTHS`], and below the original's.
    narrowed: Option<u32>,
}

/// The text is not the name of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a picture")]
pub struct MediaNameError;

/// Hex digits of a name.
const DIGITS: usize = 32;

impl MediaName {
    /// The name of this content, a picture of that size.
    pub fn of(bytes: &[u8], kind: PictureKind, width: u32, height: u32) -> MediaName {
        let digest = Sha256::digest(bytes);
        let digits = digest[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}"));
        MediaName { digest: digits.collect(), kind, width, height, narrowed: None }
    }

    pub fn kind(&self) -> PictureKind {
        self.kind
    }

    /// Pixels that the original is wide.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels that the original is high.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Of a narrower copy: what it is a copy of.
    pub fn original(&self) -> Option<MediaName> {
        self.narrowed.map(|_| MediaName { narrowed: None, ..self.clone() })
    }

    /// Where it is served.
    pub fn path(&self) -> String {
        format!("{PATH}{self}")
    }
}

impl fmt::Display for MediaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MediaName { digest, width, height, .. } = self;
        write!(f, "{digest}-{width}x{height}")?;
        if let Some(narrowed) = self.narrowed {
            write!(f, "-{narrowed}")?;
        }
        write!(f, ".{}", self.kind.ending())
    }
}

impl FromStr for MediaName {
    type Err = MediaNameError;

    fn from_str(text: &str) -> Result<MediaName, MediaNameError> {
        let (stem, ending) = text.split_once('.').ok_or(MediaNameError)?;
        let kind = PictureKind::ALL.into_iter().find(|kind| kind.ending() == ending);
        let mut parts = stem.split('-');
        let digest = parts.next().unwrap_or_default();
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_digest = digest.len() == DIGITS && digest.bytes().all(hex);
        let size = parts.next().and_then(|size| size.split_once('x'));
        let size = size.and_then(|(width, height)| Some((pixels(width)?, pixels(height)?)));
        let (Some(kind), true, Some((width, height))) = (kind, is_digest, size) else {
            return Err(MediaNameError);
        };
        let original = MediaName { digest: digest.into(), kind, width, height, narrowed: None };
        let name = match parts.next().map(pixels) {
            None => Some(original),
            Some(narrower) => narrower.and_then(|width| original.at(width)),
        };
        name.filter(|_| parts.next().is_none()).ok_or(MediaNameError)
    }
}

/// A number of pixels as it is written in names: without a zero or a sign in front.
fn pixels(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|pixels| is_plain && (1..=MOST_PIXELS_A_SIDE).contains(pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_content_and_reads_back() {
        let name = MediaName::of(b"pixels", PictureKind::Png, 700, 40);
        assert!(name.to_string().ends_with("-700x40.png"));
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert_eq!(name.path(), format!("/media/{name}"));
        assert_ne!(name, MediaName::of(b"other pixels", PictureKind::Png, 700, 40));
        let narrower = name.at(640).unwrap();
        assert!(narrower.to_string().ends_with("-700x40-640.png"));
        assert_eq!(narrower.to_string().parse(), Ok(narrower.clone()));
        assert_eq!((narrower.original(), name.original()), (Some(name), None));
    }

    #[test]
    fn nothing_else_is_a_name() {
        let good = MediaName::of(b"x", PictureKind::Jpeg, 700, 40).to_string();
        assert!(good.parse::<MediaName>().is_ok());
        let digest = &good[..DIGITS];
        let named = |rest: &str| format!("{digest}{rest}");
        let bad = [
            String::new(),
            ".jpg".into(),
            "../../etc/passwd".into(),
            good.to_uppercase(),
            format!("0{good}"),
            format!("../{good}"),
            format!("{good}.jpg"),
            named(""),
            named(".jpg"),
            named("-.jpg"),
            named("-700.jpg"),
            named("-700x.jpg"),
            named("-0x40.jpg"),
            named("-0700x40.jpg"),
            named("-+700x40.jpg"),
            named("-12001x40.jpg"),
            named("-99999999999x40.jpg"),
            named("-700x40.gif"),
            // No width of ours, one that is not narrower, and one copy of a copy.
            named("-700x40-641.jpg"),
            named("-700x40-960.jpg"),
            named("-640x40-640.jpg"),
            named("-700x40-0640.jpg"),
            named("-700x40-.jpg"),
            named("-700x40-640-320.jpg"),
        ];
        for bad in bad {
            assert!(bad.parse::<MediaName>().is_err(), "{bad:?}");
        }
    }
}
