//! Stored forms of members of staff and of what happens to them.

use super::value::TimeV1;
use crate::domain::staff::{Role, Staff, StaffEvent};
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
    Created { email: &'a str, role: RoleV1, at: TimeV1 },
    PasswordChanged { at: TimeV1 },
}

impl<'a> From<&'a Staff> for StaffV1<'a> {
    fn from(staff: &'a Staff) -> StaffV1<'a> {
        StaffV1 {
            email: &staff.email,
            role: staff.role.into(),
            password_hash: &staff.password_hash,
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
        match event {
            StaffEvent::Created { email, role, at } => {
                StaffEventV1::Created { email, role: (*role).into(), at: (*at).into() }
            }
            StaffEvent::PasswordChanged { at } => {
                StaffEventV1::PasswordChanged { at: (*at).into() }
            }
        }
    }
}

impl From<StaffEventV1<'_>> for StaffEvent {
    fn from(stored: StaffEventV1<'_>) -> StaffEvent {
        match stored {
            StaffEventV1::Created { email, role, at } => {
                StaffEvent::Created { email: email.into(), role: role.into(), at: at.into() }
            }
            StaffEventV1::PasswordChanged { at } => StaffEvent::PasswordChanged { at: at.into() },
        }
    }
}
