//! Who runs the shop: members of staff and their roles.
//!
//! Passwords reach this file only as the strings that the hashing pool made of them.

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
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffEvent {
    Created { email: String, role: Role, at: Timestamp },
    PasswordChanged { at: Timestamp },
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Staff => "staff",
            Role::Admin => "admin",
        }
    }
}

/// The fewest and the most characters of a password (NIST SP 800-63B, section 5.1.1.2, asks for at
/// least 8 and to allow at least 64).
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

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
