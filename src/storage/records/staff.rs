//! Stored forms of members of staff and of what happens to them.

use super::access::ScopesV1;
use super::value::{BytesV1, TimeV1};
use crate::domain::staff::{Act, Role, Staff, StaffEvent};
use crate::domain::{ApiKeyId, InvitationId};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for Staff {
    const NAME: &'static str = "member of staff";
    const VERSION: u8 = 1;
    type Latest<'a> = StaffV1<'a>;
}

#[derive(Serialize, Deserialize)]
pub struct StaffV1<'a> {
    email: &'a str,
    role: RoleV1,
    password_hash: &'a str,
    removed_at: Option<TimeV1>,
    created_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum RoleV1 {
    Staff,
    Admin,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StaffEventV1<'a> {
    Created {
        email: &'a str,
        role: RoleV1,
        at: TimeV1,
    },
    PasswordChanged {
        at: TimeV1,
    },
    RoleChanged {
        role: RoleV1,
        at: TimeV1,
    },
    Removed {
        at: TimeV1,
    },
    Invited {
        invitation: [u8; 16],
        email: &'a str,
        role: RoleV1,
        #[serde(borrow)]
        token: BytesV1<'a>,
        expires_at: TimeV1,
        at: TimeV1,
    },
    InvitationWithdrawn {
        invitation: [u8; 16],
        at: TimeV1,
    },
    KeyMade {
        key: [u8; 16],
        name: &'a str,
        #[serde(borrow)]
        scopes: ScopesV1<'a>,
        expires_at: Option<TimeV1>,
        at: TimeV1,
    },
    KeyRevoked {
        key: [u8; 16],
        at: TimeV1,
    },
    SecondFactorSet {
        at: TimeV1,
    },
    SecondFactorRemoved {
        at: TimeV1,
    },
    RecoveryCodeUsed {
        left: u32,
        at: TimeV1,
    },
    Acted(#[serde(borrow)] ActV1<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ActV1<'a> {
    method: &'a str,
    route: &'a str,
    path: &'a str,
    key: Option<[u8; 16]>,
    #[serde(borrow)]
    address: Option<&'a str>,
    request_id: &'a str,
    status: u16,
    at: TimeV1,
}

impl<'a> From<&'a Staff> for StaffV1<'a> {
    fn from(staff: &'a Staff) -> StaffV1<'a> {
        StaffV1 {
            email: &staff.email,
            role: staff.role.into(),
            password_hash: &staff.password_hash,
            removed_at: staff.removed_at.map(Into::into),
            created_at: staff.created_at.into(),
            updated_at: staff.updated_at.into(),
        }
    }
}

impl From<StaffV1<'_>> for Staff {
    fn from(stored: StaffV1<'_>) -> Staff {
        Staff {
            email: stored.email.into(),
            role: stored.role.into(),
            password_hash: stored.password_hash.into(),
            removed_at: stored.removed_at.map(Into::into),
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        }
    }
}

impl From<Role> for RoleV1 {
    fn from(role: Role) -> RoleV1 {
        match role {
            Role::Staff => RoleV1::Staff,
            Role::Admin => RoleV1::Admin,
        }
    }
}

impl From<RoleV1> for Role {
    fn from(stored: RoleV1) -> Role {
        match stored {
            RoleV1::Staff => Role::Staff,
            RoleV1::Admin => Role::Admin,
        }
    }
}

impl<'a> From<&'a StaffEvent> for StaffEventV1<'a> {
    fn from(event: &'a StaffEvent) -> StaffEventV1<'a> {
        use StaffEvent as E;
        use StaffEventV1 as V1;
        match event {
            E::Created { email, role, at } => {
                V1::Created { email, role: (*role).into(), at: (*at).into() }
            }
            E::PasswordChanged { at } => V1::PasswordChanged { at: (*at).into() },
            E::RoleChanged { role, at } => {
                V1::RoleChanged { role: (*role).into(), at: (*at).into() }
            }
            E::Removed { at } => V1::Removed { at: (*at).into() },
            E::Invited { invitation, email, role, token, expires_at, at } => V1::Invited {
                invitation: *invitation.as_bytes(),
                email,
                role: (*role).into(),
                token: token.into(),
                expires_at: (*expires_at).into(),
                at: (*at).into(),
            },
            E::InvitationWithdrawn { invitation, at } => {
                V1::InvitationWithdrawn { invitation: *invitation.as_bytes(), at: (*at).into() }
            }
            E::KeyMade { key, name, scopes, expires_at, at } => V1::KeyMade {
                key: *key.as_bytes(),
                name,
                scopes: (*scopes).into(),
                expires_at: expires_at.map(Into::into),
                at: (*at).into(),
            },
            E::KeyRevoked { key, at } => V1::KeyRevoked { key: *key.as_bytes(), at: (*at).into() },
            E::SecondFactorSet { at } => V1::SecondFactorSet { at: (*at).into() },
            E::SecondFactorRemoved { at } => V1::SecondFactorRemoved { at: (*at).into() },
            E::RecoveryCodeUsed { left, at } => {
                V1::RecoveryCodeUsed { left: *left, at: (*at).into() }
            }
            E::Acted(act) => V1::Acted(ActV1 {
                method: &act.method,
                route: &act.route,
                path: &act.path,
                key: act.key.map(|key| *key.as_bytes()),
                address: act.address.as_deref(),
                request_id: &act.request_id,
                status: act.status,
                at: act.at.into(),
            }),
        }
    }
}

impl From<StaffEventV1<'_>> for StaffEvent {
    fn from(stored: StaffEventV1<'_>) -> StaffEvent {
        use StaffEvent as E;
        use StaffEventV1 as V1;
        match stored {
            V1::Created { email, role, at } => {
                E::Created { email: email.into(), role: role.into(), at: at.into() }
            }
            V1::PasswordChanged { at } => E::PasswordChanged { at: at.into() },
            V1::RoleChanged { role, at } => E::RoleChanged { role: role.into(), at: at.into() },
            V1::Removed { at } => E::Removed { at: at.into() },
            V1::Invited { invitation, email, role, token, expires_at, at } => E::Invited {
                invitation: InvitationId::from_bytes(invitation),
                email: email.into(),
                role: role.into(),
                token: token.into(),
                expires_at: expires_at.into(),
                at: at.into(),
            },
            V1::InvitationWithdrawn { invitation, at } => E::InvitationWithdrawn {
                invitation: InvitationId::from_bytes(invitation),
                at: at.into(),
            },
            V1::KeyMade { key, name, scopes, expires_at, at } => E::KeyMade {
                key: ApiKeyId::from_bytes(key),
                name: name.into(),
                scopes: scopes.into(),
                expires_at: expires_at.map(Into::into),
                at: at.into(),
            },
            V1::KeyRevoked { key, at } => {
                E::KeyRevoked { key: ApiKeyId::from_bytes(key), at: at.into() }
            }
            V1::SecondFactorSet { at } => E::SecondFactorSet { at: at.into() },
            V1::SecondFactorRemoved { at } => E::SecondFactorRemoved { at: at.into() },
            V1::RecoveryCodeUsed { left, at } => E::RecoveryCodeUsed { left, at: at.into() },
            V1::Acted(act) => E::Acted(Act {
                method: act.method.into(),
                route: act.route.into(),
                path: act.path.into(),
                key: act.key.map(ApiKeyId::from_bytes),
                address: act.address.map(str::to_owned),
                request_id: act.request_id.into(),
                status: act.status,
                at: act.at.into(),
            }),
        }
    }
}
