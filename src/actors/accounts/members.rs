//! Members of staff after they came: what they may, and how they leave. There is always an admin.

use super::owner::Parts;
use super::token::TokenHash;
use super::{AccountError, Accounts, Caller};
use crate::domain::StaffId;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::permission::Permission;
use crate::domain::staff::{Role, Staff, StaffEvent};
use crate::storage::records::TokenHolder;
use crate::storage::{Batch, StoreError, Table};

impl Accounts {
    /// All members who did not leave, oldest first.
    pub fn members(&self) -> Result<Vec<(StaffId, Staff)>, StoreError> {
        Ok(self.all_members()?.into_iter().filter(|(_, own)| own.removed_at.is_none()).collect())
    }

    /// All members there ever were, oldest first.
    pub fn all_members(&self) -> Result<Vec<(StaffId, Staff)>, StoreError> {
        let mut members = Vec::new();
        self.shared.store.snapshot()?.load_all(Table::Staff, |key, _, staff: Staff| {
            if let Ok(id) = key.try_into() {
                members.push((StaffId::from_bytes(id), staff));
            }
        })?;
        Ok(members)
    }

    /// Gives a member another role, and ends all their logins; invitations of theirs that they could
    /// not make any more end, too.
    pub async fn change_role(
        &self,
        id: StaffId,
        role: Role,
        by: StaffId,
    ) -> Result<Staff, AccountError> {
        self.write(move |parts| async move {
            parts.must_manage(by)?;
            parts.change_role(id, role).await
        })
        .await
    }

    /// Lets a member go: all their logins, API keys and invitations end at once.
    pub async fn remove_member(&self, id: StaffId, by: StaffId) -> Result<(), AccountError> {
        self.write(move |parts| async move {
            parts.must_manage(by)?;
            parts.remove_member(id).await
        })
        .await
    }
}

impl Parts {
    /// The row of a member who did not leave, and its version.
    pub(super) fn member(&self, id: StaffId) -> Result<(u64, Staff), AccountError> {
        self.shared.staff(id)?.ok_or(AccountError::NoSuch)
    }

    /// Refuses what somebody wants who manages staff no more: while the body of their request was on
    /// its way, they may have been let go.
    pub(super) fn must_manage(&self, by: StaffId) -> Result<(), AccountError> {
        match self.shared.book().member(TokenHolder::Staff(by)) {
            Some(Caller::Staff(own)) if own.role.may(Permission::StaffWrite) => Ok(()),
            Some(_) | None => Err(AccountError::InvalidToken),
        }
    }

    /// Whether a member with this address, given in lower case, was let go.
    pub(super) fn was_let_go(&self, email: &str) -> Result<bool, AccountError> {
        let mut found = false;
        let read = self.shared.store.snapshot().and_then(|snapshot| {
            snapshot.load_all(Table::Staff, |_, _, staff: Staff| {
                found |= staff.removed_at.is_some() && staff.email == email;
            })
        });
        read.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the members of staff cannot be read");
            AccountError::Unavailable
        })?;
        Ok(found)
    }

    /// The tokens of all logins of a holder, and those that were mailed to them.
    pub(super) fn tokens_of(&self, holder: TokenHolder) -> Vec<TokenHash> {
        self.shared.book().tokens_held(holder, None)
    }

    async fn change_role(&self, id: StaffId, role: Role) -> Result<Staff, AccountError> {
        let (version, staff) = self.member(id)?;
        if staff.role == role {
            return Ok(staff);
        }
        if staff.role == Role::Admin && self.shared.book().admins() <= 1 {
            return Err(AccountError::LastAdmin);
        }
        let now = self.now();
        let staff = Staff { role, updated_at: now, ..staff };
        let ended = self.tokens_of(TokenHolder::Staff(id));
        let (_, invitations) = self.shared.register().made_by(id);
        let void = if role.may(Permission::StaffWrite) { vec![] } else { invitations };
        let mut batch = Batch::new();
        for invitation in &void {
            batch.row(Table::Invitations, invitation.as_bytes().to_vec(), None);
        }
        batch.fact(now, Fact::Staff(id, StaffEvent::RoleChanged { role, at: now }), vec![]);
        batch.put(EntityKey::Staff(id), version, &staff);
        self.shared.book().write_removal(&ended, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(&ended);
            book.put_staff(id, &staff);
        });
        self.shared.change_register(|register| {
            void.into_iter().for_each(|own| register.remove_invitation(own));
        });
        Ok(staff)
    }

    async fn remove_member(&self, id: StaffId) -> Result<(), AccountError> {
        let (version, staff) = self.member(id)?;
        if staff.role == Role::Admin && self.shared.book().admins() <= 1 {
            return Err(AccountError::LastAdmin);
        }
        let now = self.now();
        let gone =
            Staff { password_hash: String::new(), removed_at: Some(now), updated_at: now, ..staff };
        let holder = TokenHolder::Staff(id);
        let ended = self.tokens_of(holder);
        let (keys, invitations) = self.shared.register().made_by(id);
        let mut batch = Batch::new();
        for key in &keys {
            let revoked = StaffEvent::KeyRevoked { key: *key, at: now };
            batch.fact(now, Fact::Staff(id, revoked), vec![]);
            batch.row(Table::ApiKeys, key.as_bytes().to_vec(), None);
        }
        batch.row(Table::SecondFactors, id.as_bytes().to_vec(), None);
        for invitation in &invitations {
            batch.row(Table::Invitations, invitation.as_bytes().to_vec(), None);
        }
        batch.fact(now, Fact::Staff(id, StaffEvent::Removed { at: now }), vec![]);
        batch.put(EntityKey::Staff(id), version, &gone);
        self.shared.book().write_removal(&ended, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(&ended);
            book.remove(holder, gone.created_at);
        });
        self.shared.change_register(|register| {
            keys.into_iter().for_each(|key| register.remove_key(key));
            invitations.into_iter().for_each(|own| register.remove_invitation(own));
            register.remove_factor(id);
        });
        Ok(())
    }
}
