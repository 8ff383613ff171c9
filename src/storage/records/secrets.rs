//! Stored forms of keys, each of them sealed with another one. The key that all of this hangs on is
//! absent on purpose: it lies outside of the data file.

use super::value::{BytesV1, TimeV1};
use crate::domain::{Sealed, Timestamp};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// What there is of one person's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRow {
    /// Their key, sealed with the shop's.
    Known { wrapped: Sealed, standing: Standing },
    /// It was destroyed, and with it whatever was sealed under it.
    Forgotten { at: Timestamp },
}

/// What somebody is to the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Known by a cart and what became of it alone.
    Guest,
    /// Known for more than one purchase.
    Regular,
}

/// The keys that the shop seals its own secrets with, each sealed with the shop's key. New secrets
/// are sealed with the last of them; the others open what was sealed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    pub keys: Vec<WrappedKey>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    pub id: u32,
    pub wrapped: Sealed,
}

impl Stored for PersonRow {
    const NAME: &'static str = "person's key";
    const VERSION: u8 = 1;
    type Latest<'a> = PersonRowV1<'a>;
}

impl Stored for KeyRing {
    const NAME: &'static str = "ring of keys";
    const VERSION: u8 = 1;
    type Latest<'a> = KeyRingV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum PersonRowV1<'a> {
    Known {
        #[serde(borrow)]
        wrapped: BytesV1<'a>,
        standing: StandingV1,
    },
    Forgotten {
        at: TimeV1,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StandingV1 {
    Guest,
    Regular,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct KeyRingV1<'a> {
    #[serde(borrow)]
    keys: Vec<WrappedKeyV1<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrappedKeyV1<'a> {
    id: u32,
    #[serde(borrow)]
    wrapped: BytesV1<'a>,
}

impl<'a> From<&'a PersonRow> for PersonRowV1<'a> {
    fn from(row: &'a PersonRow) -> PersonRowV1<'a> {
        match row {
            PersonRow::Known { wrapped, standing } => PersonRowV1::Known {
                wrapped: wrapped.into(),
                standing: match standing {
                    Standing::Guest => StandingV1::Guest,
                    Standing::Regular => StandingV1::Regular,
                },
            },
            PersonRow::Forgotten { at } => PersonRowV1::Forgotten { at: (*at).into() },
        }
    }
}

impl From<PersonRowV1<'_>> for PersonRow {
    fn from(stored: PersonRowV1<'_>) -> PersonRow {
        match stored {
            PersonRowV1::Known { wrapped, standing } => PersonRow::Known {
                wrapped: wrapped.into(),
                standing: match standing {
                    StandingV1::Guest => Standing::Guest,
                    StandingV1::Regular => Standing::Regular,
                },
            },
            PersonRowV1::Forgotten { at } => PersonRow::Forgotten { at: at.into() },
        }
    }
}

impl<'a> From<&'a KeyRing> for KeyRingV1<'a> {
    fn from(ring: &'a KeyRing) -> KeyRingV1<'a> {
        let key = |key: &'a WrappedKey| WrappedKeyV1 { id: key.id, wrapped: (&key.wrapped).into() };
        KeyRingV1 { keys: ring.keys.iter().map(key).collect() }
    }
}

impl From<KeyRingV1<'_>> for KeyRing {
    fn from(stored: KeyRingV1<'_>) -> KeyRing {
        let key = |key: WrappedKeyV1<'_>| WrappedKey { id: key.id, wrapped: key.wrapped.into() };
        KeyRing { keys: stored.keys.into_iter().map(key).collect() }
    }
}
