//! The stored form of bearer tokens. The token itself is absent on purpose: its hash and time are
//! the row's key, so a stolen file opens no door.

use super::value::TimeV1;
use crate::domain::{CustomerId, StaffId, Timestamp};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub holder: TokenHolder,
    pub kind: TokenKind,
    pub expires_at: Timestamp,
    /// Shared by all tokens that come from one login, so that they are revoked together.
    pub family: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenHolder {
    Staff(StaffId),
    Customer(CustomerId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Opens what its holder may see and do.
    Access,
    /// Is exchanged, once, for new tokens of its family.
    Refresh,
    /// Was mailed to its holder, and proves once that they read mail to that address.
    Verification,
    /// Was mailed to its holder, and sets a new password once.
    PasswordReset,
    /// Opens to a browser what its holder may see and do. It runs out earlier if it is not used.
    Session { until: Timestamp },
}

impl Stored for TokenRow {
    const NAME: &'static str = "token";
    const VERSION: u8 = 1;
    type Latest<'a> = TokenRowV1;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct TokenRowV1 {
    holder: TokenHolderV1,
    kind: TokenKindV1,
    expires_at: TimeV1,
    family: [u8; 16],
}

#[derive(Debug, Serialize, Deserialize)]
pub enum TokenHolderV1 {
    Staff([u8; 16]),
    Customer([u8; 16]),
}

#[derive(Debug, Serialize, Deserialize)]
enum TokenKindV1 {
    Access,
    Refresh,
    Verification,
    PasswordReset,
    Session { until: TimeV1 },
}

impl From<&TokenRow> for TokenRowV1 {
    fn from(row: &TokenRow) -> TokenRowV1 {
        TokenRowV1 {
            holder: row.holder.into(),
            kind: match row.kind {
                TokenKind::Access => TokenKindV1::Access,
                TokenKind::Refresh => TokenKindV1::Refresh,
                TokenKind::Verification => TokenKindV1::Verification,
                TokenKind::PasswordReset => TokenKindV1::PasswordReset,
                TokenKind::Session { until } => TokenKindV1::Session { until: until.into() },
            },
            expires_at: row.expires_at.into(),
            family: row.family,
        }
    }
}

impl From<TokenRowV1> for TokenRow {
    fn from(stored: TokenRowV1) -> TokenRow {
        TokenRow {
            holder: stored.holder.into(),
            kind: match stored.kind {
                TokenKindV1::Access => TokenKind::Access,
                TokenKindV1::Refresh => TokenKind::Refresh,
                TokenKindV1::Verification => TokenKind::Verification,
                TokenKindV1::PasswordReset => TokenKind::PasswordReset,
                TokenKindV1::Session { until } => TokenKind::Session { until: until.into() },
            },
            expires_at: stored.expires_at.into(),
            family: stored.family,
        }
    }
}

impl From<TokenHolder> for TokenHolderV1 {
    fn from(holder: TokenHolder) -> TokenHolderV1 {
        match holder {
            TokenHolder::Staff(id) => TokenHolderV1::Staff(*id.as_bytes()),
            TokenHolder::Customer(id) => TokenHolderV1::Customer(*id.as_bytes()),
        }
    }
}

impl From<TokenHolderV1> for TokenHolder {
    fn from(stored: TokenHolderV1) -> TokenHolder {
        match stored {
            TokenHolderV1::Staff(id) => TokenHolder::Staff(StaffId::from_bytes(id)),
            TokenHolderV1::Customer(id) => TokenHolder::Customer(CustomerId::from_bytes(id)),
        }
    }
}
