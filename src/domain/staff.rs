//! Who runs the shop: members of staff and their roles.
//!
//! Passwords reach this file only as the strings that the hashing pool made of them.

use super::ids::{ApiKeyId, InvitationId, StaffId};
use super::permission::Permissions;
use super::sealed::Sealed;
use super::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Staff,
    /// May also manage staff.
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// In lower case; unique.
    pub email: String,
    pub role: Role,
    /// A PHC string, such as `$argon2id$v=19$…`.
    pub password_hash: String,
    /// Whoever left keeps their row, so that the log still says who they were.
    pub removed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffEvent {
    Created {
        email: String,
        role: Role,
        at: Timestamp,
    },
    PasswordChanged {
        at: Timestamp,
    },
    RoleChanged {
        role: Role,
        at: Timestamp,
    },
    Removed {
        at: Timestamp,
    },
    /// The member invited somebody; whoever has the token may come.
    Invited {
        invitation: InvitationId,
        email: String,
        role: Role,
        /// Sealed for the shop, which mails it.
        token: Sealed,
        expires_at: Timestamp,
        at: Timestamp,
    },
    InvitationWithdrawn {
        invitation: InvitationId,
        at: Timestamp,
    },
    KeyMade {
        key: ApiKeyId,
        name: String,
        scopes: Permissions,
        expires_at: Option<Timestamp>,
        at: Timestamp,
    },
    KeyRevoked {
        key: ApiKeyId,
        at: Timestamp,
    },
    SecondFactorSet {
        at: Timestamp,
    },
    SecondFactorRemoved {
        at: Timestamp,
    },
    /// One of the codes for the day on which the device is lost.
    RecoveryCodeUsed {
        left: u32,
        at: Timestamp,
    },
    Acted(Act),
}

/// Something that a member of staff changed, for the audit log: how they asked for it and from
/// where. What became of it the log says elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub method: String,
    /// The route's template, such as `/v1/orders/{orderId}/cancel`.
    pub route: String,
    pub path: String,
    /// Where it was asked for with one of the member's keys.
    pub key: Option<ApiKeyId>,
    /// The address of the client.
    pub address: Option<String>,
    pub request_id: String,
    pub status: u16,
    pub at: Timestamp,
}

/// An API key, without what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub scopes: Permissions,
    /// The member who made it. It may do no more than they may, and ends when they leave.
    pub made_by: StaffId,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub used_at: Option<Timestamp>,
}

/// An invitation that nobody has accepted yet, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: InvitationId,
    /// In lower case.
    pub email: String,
    pub role: Role,
    pub made_by: StaffId,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Staff => "staff",
            Role::Admin => "admin",
        }
    }
}

/// Whether `text` looks enough like an address to try: one `@`, something on both sides, a sane
/// length (RFC 5321, section 4.5.3.1), no blanks. Only a mail that arrives proves more.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && local.len() <= 64
        && !domain.is_empty()
        && text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && !local.contains('@')
        && !domain.starts_with(['.', '-'])
        && !domain.ends_with(['.', '-'])
        && !domain.contains("..")
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses_are_checked_for_shape_alone() {
        for good in ["ada@example.com", "a+b@localhost", "ö@exämple.de"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@.b", "a@b..c", "a@b\n"] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }
}
