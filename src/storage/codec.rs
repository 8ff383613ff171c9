//! How a record becomes bytes and back: one version byte, then the record in bincode.
//!
//! The configuration below (little-endian, variable-length integers) is part of the format, so it
//! never changes. Bytes of an older version go through [`Stored::upgrade`]; bytes of a newer one
//! are refused, never guessed at. Only what this program wrote itself is read here: what comes from
//! outside is JSON and belongs to `http`. Records borrow their text from what is written or read,
//! so the same type serves both ways and no string is copied on its way to the disk.

use crate::domain::ids::IdError;
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::DecodeError;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// The longest record, in bytes, version byte included: far above the largest product, far below
/// what could hurt.
pub const MOST_BYTES: usize = 4 << 20;

/// bincode counts what it reads as if it were unpacked: a number of one byte as eight. What keeps
/// memory bounded is the length of the bytes; this limit only must not come before it.
const CONFIG: Configuration<LittleEndian, Varint, Limit<{ 8 * MOST_BYTES }>> =
    bincode::config::standard().with_limit::<{ 8 * MOST_BYTES }>();

/// Room for a cart or an event of a few lines, so that most records are written without growing.
const USUAL_BYTES: usize = 512;

/// Something with a stored form.
///
/// A change of that form is a new record type beside the old one, a higher `VERSION`, and an arm in
/// `upgrade` that reads the old bytes with the old type.
pub trait Stored: Sized {
    /// What people call it.
    const NAME: &'static str;
    /// The version that is written today; the first one is 1.
    const VERSION: u8;
    /// The form that is written today.
    type Latest<'a>: Serialize
        + Deserialize<'a>
        + From<&'a Self>
        + TryInto<Self, Error: Into<ValueError>>
    where
        Self: 'a;

    /// Reads the body of a version before today's.
    fn upgrade(version: u8, _body: &[u8]) -> Result<Self, CodecError> {
        Err(CodecError::NoSuchVersion { record: Self::NAME, found: version })
    }

    /// The stored form.
    ///
    /// # Panics
    /// Where it comes to more than [`MOST_BYTES`]: it could never be read back, and the limits on
    /// what is taken in are far smaller.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.push(Self::VERSION);
        bincode::serde::encode_into_std_write(Self::Latest::from(self), &mut bytes, CONFIG)
            .expect("records are plain data and memory takes every write");
        assert!(bytes.len() <= MOST_BYTES, "a {} of {} bytes", Self::NAME, bytes.len());
        bytes
    }

    /// Reads what [`Stored::to_bytes`] wrote, in this version of the program or an earlier one.
    fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let record = Self::NAME;
        let (&version, body) = bytes.split_first().ok_or(CodecError::Empty { record })?;
        if version > Self::VERSION {
            return Err(CodecError::Newer { record, found: version, known: Self::VERSION });
        }
        if version < Self::VERSION {
            return Self::upgrade(version, body);
        }
        let latest: Self::Latest<'_> = read(record, body)?;
        latest.try_into().map_err(|error| CodecError::Value { record, source: error.into() })
    }

    /// The stored form itself, with its text left where it is: for a look at a field or two of what was
    /// read in full before. `None` where the bytes are not of today's version, or damaged.
    fn glance<'a>(bytes: &'a [u8]) -> Option<Self::Latest<'a>>
    where
        Self: 'a,
    {
        let (version, body) = bytes.split_first()?;
        (*version == Self::VERSION).then(|| read(Self::NAME, body).ok())?
    }
}

/// Reads the body of one version of a record, to its last byte.
pub(super) fn read<'a, R: Deserialize<'a>>(
    record: &'static str,
    body: &'a [u8],
) -> Result<R, CodecError> {
    if body.len() >= MOST_BYTES {
        return Err(CodecError::TooLong { record, bytes: body.len() + 1 });
    }
    let (read, length) = bincode::serde::borrow_decode_from_slice(body, CONFIG)
        .map_err(|source| CodecError::Damaged { record, source })?;
    match body.len() - length {
        0 => Ok(read),
        extra => Err(CodecError::TrailingBytes { record, extra }),
    }
}

/// Why stored bytes could not be read. None of these is ever worth a second try.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("a stored {record} is empty")]
    Empty { record: &'static str },
    #[error(
        "a stored {record} has version {found} and this program knows versions up to {known}: a \
         newer mercat wrote it, so start that one or a later one; nothing was changed"
    )]
    Newer { record: &'static str, found: u8, known: u8 },
    #[error("a stored {record} has version {found}, which there never was: it is damaged")]
    NoSuchVersion { record: &'static str, found: u8 },
    #[error("a stored {record} is damaged")]
    Damaged { record: &'static str, source: DecodeError },
    #[error("a stored {record} is damaged: {extra} bytes follow its end")]
    TrailingBytes { record: &'static str, extra: usize },
    #[error("a stored {record} of {bytes} bytes is longer than any that is written")]
    TooLong { record: &'static str, bytes: usize },
    #[error("a stored {record} holds what the shop does not allow")]
    Value { record: &'static str, source: ValueError },
}

/// A value that was stored as text or numbers and is no value of the shop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct ValueError(pub &'static str);

impl From<IdError> for ValueError {
    fn from(error: IdError) -> ValueError {
        ValueError(error.kind)
    }
}

/// Lets records whose every value is allowed convert with `From`.
impl From<Infallible> for ValueError {
    fn from(never: Infallible) -> ValueError {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thing whose stored form changed once: version 1 knew no colour.
    #[derive(Debug, PartialEq)]
    struct Chair {
        legs: u32,
        colour: String,
    }

    #[derive(Serialize, Deserialize)]
    struct ChairV1 {
        legs: u32,
    }

    #[derive(Serialize, Deserialize)]
    struct ChairV2<'a> {
        legs: u32,
        colour: &'a str,
    }

    impl Stored for Chair {
        const NAME: &'static str = "chair";
        const VERSION: u8 = 2;
        type Latest<'a> = ChairV2<'a>;

        fn upgrade(version: u8, body: &[u8]) -> Result<Chair, CodecError> {
            let colour = "plain".to_owned();
            match version {
                1 => read(Chair::NAME, body).map(|ChairV1 { legs }| Chair { legs, colour }),
                found => Err(CodecError::NoSuchVersion { record: Chair::NAME, found }),
            }
        }
    }

    impl<'a> From<&'a Chair> for ChairV2<'a> {
        fn from(chair: &'a Chair) -> ChairV2<'a> {
            ChairV2 { legs: chair.legs, colour: &chair.colour }
        }
    }

    impl TryFrom<ChairV2<'_>> for Chair {
        type Error = ValueError;

        fn try_from(stored: ChairV2<'_>) -> Result<Chair, ValueError> {
            match stored.legs {
                0 => Err(ValueError("number of legs")),
                legs => Ok(Chair { legs, colour: stored.colour.to_owned() }),
            }
        }
    }

    fn message(bytes: &[u8]) -> String {
        Chair::from_bytes(bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_version_stands_before_the_record() {
        let chair = Chair { legs: 300, colour: "red".into() };
        let bytes = chair.to_bytes();
        assert_eq!(bytes, [2, 251, 44, 1, 3, b'r', b'e', b'd']);
        assert_eq!(Chair::from_bytes(&bytes).unwrap(), chair);
    }

    #[test]
    fn an_older_version_is_read_as_it_was_written() {
        let chair = Chair { legs: 4, colour: "plain".into() };
        assert_eq!(Chair::from_bytes(&[1, 4]).unwrap(), chair);
    }

    #[test]
    fn a_newer_version_is_refused_and_says_what_to_do() {
        assert_eq!(
            message(&[3, 4]),
            "a stored chair has version 3 and this program knows versions up to 2: a newer mercat \
             wrote it, so start that one or a later one; nothing was changed"
        );
        assert!(matches!(Chair::from_bytes(&[0]), Err(CodecError::NoSuchVersion { .. })));
    }

    #[test]
    fn a_record_ends_where_its_bytes_do() {
        let whole = Chair { legs: 4, colour: "red".into() }.to_bytes();
        for length in 1..whole.len() {
            let cut = Chair::from_bytes(&whole[..length]);
            assert!(matches!(cut, Err(CodecError::Damaged { .. })), "{length}: {cut:?}");
        }
        assert_eq!(message(&[]), "a stored chair is empty");
        let longer = [whole, vec![0, 0]].concat();
        assert_eq!(message(&longer), "a stored chair is damaged: 2 bytes follow its end");
    }

    #[test]
    fn a_value_that_the_shop_does_not_allow_is_refused() {
        let no_legs = Chair { legs: 0, colour: String::new() }.to_bytes();
        let error = Chair::from_bytes(&no_legs).unwrap_err();
        assert!(matches!(error, CodecError::Value { source: ValueError("number of legs"), .. }));
    }

    #[test]
    fn the_longest_record_is_read_and_a_longer_one_is_not() {
        // Version, legs, and five bytes for the length of the colour.
        let colour = "x".repeat(MOST_BYTES - 7);
        let bytes = Chair { legs: 4, colour }.to_bytes();
        assert_eq!(bytes.len(), MOST_BYTES);
        assert_eq!(Chair::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        let longer = [bytes, vec![0]].concat();
        assert!(matches!(Chair::from_bytes(&longer), Err(CodecError::TooLong { .. })));
    }

    #[test]
    fn a_glance_is_of_todays_form_alone() {
        let bytes = Chair { legs: 3, colour: "red".into() }.to_bytes();
        assert_eq!(Chair::glance(&bytes).map(|chair| chair.colour), Some("red"));
        assert!(Chair::glance(&[1, 3]).is_none(), "of version 1");
        assert!(Chair::glance(&bytes[..4]).is_none(), "cut off");
        assert!(Chair::glance(&[]).is_none());
    }

    #[test]
    fn how_much_fits_does_not_depend_on_what_it_is() {
        // As dense as bytes can be: each is a number that unpacks to eight.
        let most = MOST_BYTES - 6;
        let body = [&[252][..], &(most as u32).to_le_bytes(), &vec![1; most]].concat();
        assert_eq!(read::<Vec<u64>>("list", &body).unwrap().len(), most);
    }

    #[test]
    #[should_panic(expected = "a chair of 4194305 bytes")]
    fn what_could_not_be_read_back_is_not_written() {
        Chair { legs: 4, colour: "x".repeat(MOST_BYTES - 6) }.to_bytes();
    }
}
