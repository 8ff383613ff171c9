//! Members of staff: how they come to the shop.

use super::owner::{Message, Parts};
use super::passwords::checked;
use super::{AccountError, Accounts, Shared};
use crate::actors::pools::Password;
use crate::domain::StaffId;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::staff::{Role, Staff, StaffEvent};
use crate::storage::Batch;

/// What keeps an account from being created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unless {
    EmailTaken,
    AnyStaff,
}

/// A member of staff who is to be there.
pub(super) struct NewStaff {
    pub email: String,
    pub role: Role,
    pub password_hash: String,
    pub unless: Unless,
}

impl Accounts {
    /// Whether there is any staff.
    pub fn has_staff(&self) -> bool {
        self.shared.book().has_staff()
    }

    pub async fn create_staff(
        &self,
        email: &str,
        password: Password,
        role: Role,
    ) -> Result<StaffId, AccountError> {
        let created = self.create(email, password, role, Unless::EmailTaken).await?;
        created.ok_or(AccountError::EmailTaken)
    }

    /// Creates an admin in a shop that has no staff at all; `None` where there is some.
    pub async fn first_admin(
        &self,
        email: &str,
        password: Password,
    ) -> Result<Option<StaffId>, AccountError> {
        if self.has_staff() {
            return Ok(None);
        }
        self.create(email, password, Role::Admin, Unless::AnyStaff).await
    }

    pub(super) async fn create(
        &self,
        email: &str,
        password: Password,
        role: Role,
        unless: Unless,
    ) -> Result<Option<StaffId>, AccountError> {
        let email = super::address(email)?;
        let password = checked(password, &email)?;
        let password_hash = self.shared.secrets.hash(password).await?;
        let new = NewStaff { email, role, password_hash, unless };
        self.ask(|reply| Message::CreateStaff(new, reply)).await
    }
}

impl Shared {
    /// A member of staff, with the version of their row.
    pub(super) fn staff(&self, id: StaffId) -> Result<Option<(u64, Staff)>, AccountError> {
        let read = || self.store.snapshot()?.load::<Staff>(&EntityKey::Staff(id));
        let found = read().map(|found| found.filter(|(_, staff)| staff.removed_at.is_none()));
        found.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(staff.id = %id, error, "a member of staff cannot be read");
            AccountError::Unavailable
        })
    }
}

impl Parts {
    pub(super) async fn create_staff(
        &self,
        new: NewStaff,
    ) -> Result<Option<StaffId>, AccountError> {
        let NewStaff { email, role, password_hash, unless } = new;
        let is_there = match unless {
            Unless::EmailTaken => self.shared.book().holder_of(&email).is_some(),
            Unless::AnyStaff => self.shared.book().has_staff(),
        };
        if is_there {
            return Ok(None);
        }
        self.add_staff(email, role, password_hash, Batch::new()).await.map(Some)
    }

    /// Makes a member of staff durable, together with what is in `batch` already. The address must
    /// be nobody's.
    pub(super) async fn add_staff(
        &self,
        email: String,
        role: Role,
        password_hash: String,
        mut batch: Batch,
    ) -> Result<StaffId, AccountError> {
        let (id, now) = (self.shared.ids.staff(), self.now());
        let created = StaffEvent::Created { email: email.clone(), role, at: now };
        let staff = Staff {
            email,
            role,
            password_hash,
            removed_at: None,
            created_at: now,
            updated_at: now,
        };
        batch.fact(now, Fact::Staff(id, created), vec![]);
        batch.put(EntityKey::Staff(id), 0, &staff);
        self.commit(batch).await?;
        self.shared.change(|book| book.put_staff(id, &staff));
        tracing::info!(staff.id = %id, role = role.name(), "created an account of staff");
        Ok(id)
    }
}
