//! The stored form of a bond between an identity at a provider and an account of the shop. The
//! subject is absent on purpose: its hash is in the row's key, which is all that finding it takes.

use super::tokens::{TokenHolder, TokenHolderV1};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// Which account an identity opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    pub holder: TokenHolder,
    /// The provider's address: an account has at most one identity at each.
    pub issuer: String,
}

impl Stored for IdentityRow {
    const NAME: &'static str = "identity";
    const VERSION: u8 = 1;
    type Latest<'a> = IdentityRowV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct IdentityRowV1<'a> {
    holder: TokenHolderV1,
    issuer: &'a str,
}

impl<'a> From<&'a IdentityRow> for IdentityRowV1<'a> {
    fn from(row: &'a IdentityRow) -> IdentityRowV1<'a> {
        IdentityRowV1 { holder: row.holder.into(), issuer: &row.issuer }
    }
}

impl From<IdentityRowV1<'_>> for IdentityRow {
    fn from(stored: IdentityRowV1<'_>) -> IdentityRow {
        IdentityRow { holder: stored.holder.into(), issuer: stored.issuer.to_owned() }
    }
}
