//! Stored forms of the ways in beside passwords: API keys, invitations, second factors, and where
//! logins came from. As with tokens, only the hash of what opens is kept.

use super::staff::RoleV1;
use super::value::{BytesV1, TimeV1};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::staff::{ApiKey, Invitation};
use crate::domain::{ApiKeyId, InvitationId, Sealed, StaffId, Timestamp};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// An API key and the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    pub key: ApiKey,
    pub hash: [u8; 32],
}

/// An invitation and the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    pub invitation: Invitation,
    pub hash: [u8; 32],
}

/// The second factor of a member of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorRow {
    /// Sealed for the shop.
    pub seed: Sealed,
    pub state: FactorState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorState {
    /// No code of it was seen yet.
    Pending,
    On {
        /// Of the last code that was taken; older ones are not.
        last_step: u64,
        /// The hashes of the recovery codes that are left.
        recovery: Vec<[u8; 32]>,
    },
}

/// Where a login came from. Its key is when it began, and the family of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Device and address, sealed.
    pub origin: Sealed,
    /// To the hour or better.
    pub used_at: Timestamp,
}

impl Stored for SecondFactorRow {
    const NAME: &'static str = "second factor";
    const VERSION: u8 = 1;
    type Latest<'a> = SecondFactorRowV1<'a>;
}

impl Stored for SessionRow {
    const NAME: &'static str = "session";
    const VERSION: u8 = 1;
    type Latest<'a> = SessionRowV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SecondFactorRowV1<'a> {
    #[serde(borrow)]
    seed: BytesV1<'a>,
    state: FactorStateV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum FactorStateV1 {
    Pending,
    On { last_step: u64, recovery: Vec<[u8; 32]> },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SessionRowV1<'a> {
    #[serde(borrow)]
    origin: BytesV1<'a>,
    used_at: TimeV1,
}

impl<'a> From<&'a SecondFactorRow> for SecondFactorRowV1<'a> {
    fn from(row: &'a SecondFactorRow) -> SecondFactorRowV1<'a> {
        let state = match &row.state {
            FactorState::Pending => FactorStateV1::Pending,
            FactorState::On { last_step, recovery } => {
                FactorStateV1::On { last_step: *last_step, recovery: recovery.clone() }
            }
        };
        SecondFactorRowV1 { seed: (&row.seed).into(), state }
    }
}

impl From<SecondFactorRowV1<'_>> for SecondFactorRow {
    fn from(stored: SecondFactorRowV1<'_>) -> SecondFactorRow {
        let state = match stored.state {
            FactorStateV1::Pending => FactorState::Pending,
            FactorStateV1::On { last_step, recovery } => FactorState::On { last_step, recovery },
        };
        SecondFactorRow { seed: stored.seed.into(), state }
    }
}

impl<'a> From<&'a SessionRow> for SessionRowV1<'a> {
    fn from(row: &'a SessionRow) -> SessionRowV1<'a> {
        SessionRowV1 { origin: (&row.origin).into(), used_at: row.used_at.into() }
    }
}

impl From<SessionRowV1<'_>> for SessionRow {
    fn from(stored: SessionRowV1<'_>) -> SessionRow {
        SessionRow { origin: stored.origin.into(), used_at: stored.used_at.into() }
    }
}

impl Stored for ApiKeyRow {
    const NAME: &'static str = "API key";
    const VERSION: u8 = 1;
    type Latest<'a> = ApiKeyRowV1<'a>;
}

impl Stored for InvitationRow {
    const NAME: &'static str = "invitation";
    const VERSION: u8 = 1;
    type Latest<'a> = InvitationRowV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ApiKeyRowV1<'a> {
    id: [u8; 16],
    name: &'a str,
    #[serde(borrow)]
    scopes: ScopesV1<'a>,
    made_by: [u8; 16],
    made_at: TimeV1,
    expires_at: Option<TimeV1>,
    used_at: Option<TimeV1>,
    hash: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
pub struct InvitationRowV1<'a> {
    id: [u8; 16],
    email: &'a str,
    role: RoleV1,
    made_by: [u8; 16],
    made_at: TimeV1,
    expires_at: TimeV1,
    hash: [u8; 32],
}

/// Permissions by their names: a name that is not known any more opens nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScopesV1<'a>(#[serde(borrow)] Vec<&'a str>);

impl From<Permissions> for ScopesV1<'_> {
    fn from(scopes: Permissions) -> Self {
        ScopesV1(scopes.iter().map(Permission::name).collect())
    }
}

impl From<ScopesV1<'_>> for Permissions {
    fn from(stored: ScopesV1<'_>) -> Permissions {
        stored.0.into_iter().filter_map(Permission::named).collect()
    }
}

impl<'a> From<&'a ApiKeyRow> for ApiKeyRowV1<'a> {
    fn from(row: &'a ApiKeyRow) -> ApiKeyRowV1<'a> {
        let ApiKeyRow { key, hash } = row;
        ApiKeyRowV1 {
            id: *key.id.as_bytes(),
            name: &key.name,
            scopes: key.scopes.into(),
            made_by: *key.made_by.as_bytes(),
            made_at: key.made_at.into(),
            expires_at: key.expires_at.map(Into::into),
            used_at: key.used_at.map(Into::into),
            hash: *hash,
        }
    }
}

impl From<ApiKeyRowV1<'_>> for ApiKeyRow {
    fn from(stored: ApiKeyRowV1<'_>) -> ApiKeyRow {
        let key = ApiKey {
            id: ApiKeyId::from_bytes(stored.id),
            name: stored.name.into(),
            scopes: stored.scopes.into(),
            made_by: StaffId::from_bytes(stored.made_by),
            made_at: stored.made_at.into(),
            expires_at: stored.expires_at.map(Into::into),
            used_at: stored.used_at.map(Into::into),
        };
        ApiKeyRow { key, hash: stored.hash }
    }
}

impl<'a> From<&'a InvitationRow> for InvitationRowV1<'a> {
    fn from(row: &'a InvitationRow) -> InvitationRowV1<'a> {
        let InvitationRow { invitation, hash } = row;
        InvitationRowV1 {
            id: *invitation.id.as_bytes(),
            email: &invitation.email,
            role: invitation.role.into(),
            made_by: *invitation.made_by.as_bytes(),
            made_at: invitation.made_at.into(),
            expires_at: invitation.expires_at.into(),
            hash: *hash,
        }
    }
}

impl From<InvitationRowV1<'_>> for InvitationRow {
    fn from(stored: InvitationRowV1<'_>) -> InvitationRow {
        let invitation = Invitation {
            id: InvitationId::from_bytes(stored.id),
            email: stored.email.into(),
            role: stored.role.into(),
            made_by: StaffId::from_bytes(stored.made_by),
            made_at: stored.made_at.into(),
            expires_at: stored.expires_at.into(),
        };
        InvitationRow { invitation, hash: stored.hash }
    }
}
