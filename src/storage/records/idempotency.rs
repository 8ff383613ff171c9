//! The stored form of idempotency keys: what was answered, so that a retry hears the same again.

use super::packed::PackedV1;
use super::value::{BytesV1, TimeV1, owned_pairs, pairs};
use crate::domain::{OrderId, PersonId, Sealed, Timestamp};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

/// What is known under one idempotency key; the key and its time are the row's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRow {
    /// The request was answered.
    Done(Answer),
    /// The request placed this order, and the answer follows from how that ends.
    Order { order: OrderId, fingerprint: [u8; 16] },
}

/// One HTTP answer, byte for byte.
///
/// Headers tell nothing of persons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// A hash of the request, so that the same key with another body is found out.
    pub fingerprint: [u8; 16],
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Plain(Vec<u8>),
    /// It tells of a person: a [`PackedText`](super::PackedText), under their key.
    Sealed {
        person: PersonId,
        packed: Sealed,
    },
}

impl Stored for KeyRow {
    const NAME: &'static str = "idempotency key";
    const VERSION: u8 = 1;
    type Latest<'a> = KeyRowV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum KeyRowV1<'a> {
    #[serde(borrow)]
    Done(AnswerV1<'a>),
    Order {
        order: [u8; 16],
        fingerprint: [u8; 16],
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AnswerV1<'a> {
    status: u16,
    #[serde(borrow)]
    headers: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    body: BodyV1<'a>,
    fingerprint: [u8; 16],
    at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum BodyV1<'a> {
    #[serde(borrow)]
    Plain(PackedV1<'a>),
    Sealed {
        person: [u8; 16],
        #[serde(borrow)]
        packed: BytesV1<'a>,
    },
}

impl<'a> From<&'a KeyRow> for KeyRowV1<'a> {
    fn from(row: &'a KeyRow) -> KeyRowV1<'a> {
        match row {
            KeyRow::Done(answer) => KeyRowV1::Done(AnswerV1 {
                status: answer.status,
                headers: pairs(&answer.headers),
                body: match &answer.body {
                    Body::Plain(text) => BodyV1::Plain(PackedV1::pack(text)),
                    Body::Sealed { person, packed } => {
                        BodyV1::Sealed { person: *person.as_bytes(), packed: packed.into() }
                    }
                },
                fingerprint: answer.fingerprint,
                at: answer.at.into(),
            }),
            KeyRow::Order { order, fingerprint } => {
                KeyRowV1::Order { order: *order.as_bytes(), fingerprint: *fingerprint }
            }
        }
    }
}

impl TryFrom<KeyRowV1<'_>> for KeyRow {
    type Error = ValueError;

    fn try_from(stored: KeyRowV1<'_>) -> Result<KeyRow, ValueError> {
        Ok(match stored {
            KeyRowV1::Done(answer) => KeyRow::Done(Answer {
                status: answer.status,
                headers: owned_pairs(answer.headers),
                body: match answer.body {
                    BodyV1::Plain(packed) => Body::Plain(packed.unpack()?),
                    BodyV1::Sealed { person, packed } => {
                        Body::Sealed { person: PersonId::from_bytes(person), packed: packed.into() }
                    }
                },
                fingerprint: answer.fingerprint,
                at: answer.at.into(),
            }),
            KeyRowV1::Order { order, fingerprint } => {
                KeyRow::Order { order: OrderId::from_bytes(order), fingerprint }
            }
        })
    }
}
