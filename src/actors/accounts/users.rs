//! Everybody who has an account, for those who look after them.

use super::{AccountError, Accounts, Caller, CustomerView};
use crate::domain::staff::{Role, Staff};
use crate::domain::{CustomerId, StaffId};
use crate::storage::records::TokenHolder;

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    Customer(CustomerView),
    /// With the version of the row.
    Staff(StaffId, u64, Staff),
}

/// Which users; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// `None` within it: a customer.
    pub role: Option<Option<Role>>,
    /// Without regard to case.
    pub email: Option<String>,
}

impl UserFilter {
    fn allows(&self, caller: &Caller) -> bool {
        let role = match caller {
            Caller::Staff(staff) => Some(staff.role),
            Caller::Key(key) => Some(key.maker.role),
            Caller::Customer(_) => None,
        };
        self.role.is_none_or(|wanted| wanted == role)
            && self.email.as_ref().is_none_or(|email| email == caller.email())
    }
}

impl Accounts {
    /// How many users the filter holds for, and a part of them, newest first.
    pub fn users(
        &self,
        filter: &UserFilter,
        offset: usize,
        limit: usize,
    ) -> Result<(usize, Vec<User>), AccountError> {
        let email = filter.email.as_ref().map(|email| email.trim().to_lowercase());
        let filter = UserFilter { role: filter.role, email };
        let (total, part) =
            self.shared.book().newest(|caller| filter.allows(caller), offset, limit);
        let mut users = Vec::with_capacity(part.len());
        for holder in part {
            users.extend(match holder {
                TokenHolder::Customer(id) => self.customer(id)?.map(User::Customer),
                TokenHolder::Staff(id) => self.staff(id)?,
            });
        }
        Ok((total, users))
    }

    /// A customer or a member of staff, by the text of their id.
    pub fn user(&self, id: &str) -> Result<Option<User>, AccountError> {
        if let Ok(id) = id.parse::<CustomerId>() {
            return Ok(self.customer(id)?.map(User::Customer));
        }
        match id.parse::<StaffId>() {
            Ok(id) => self.staff(id),
            Err(_) => Ok(None),
        }
    }

    fn staff(&self, id: StaffId) -> Result<Option<User>, AccountError> {
        let found = self.shared.staff(id)?;
        Ok(found.map(|(version, staff)| User::Staff(id, version, staff)))
    }
}
