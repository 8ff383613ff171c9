//! Invitations: how somebody becomes a member of staff. Whoever has the token chooses a password and
//! is in; the token is good once, for a few days, and replaces an earlier one to the same address.

use super::owner::Parts;
use super::passwords::checked;
use super::register::write_invitation;
use super::token::{Token, TokenHash, hash_of};
use super::{AccountError, Accounts};
use crate::actors::pools::Password;
use crate::domain::event::Fact;
use crate::domain::staff::{Invitation, Role, StaffEvent, is_email};
use crate::domain::{InvitationId, Span, StaffId};
use crate::storage::records::InvitationRow;
use crate::storage::{Batch, Table};

/// How long an invitation can be accepted.
const OPEN_FOR: Span = Span::days(7);

/// The most invitations that are open at a time.
const MOST_OPEN: usize = 1_000;

/// As what the token of an invitation is sealed.
pub(super) fn token_context(invitation: InvitationId) -> String {
    format!("invitation {invitation}")
}

impl Accounts {
    /// All that can still be accepted, oldest first.
    pub fn invitations(&self) -> Vec<Invitation> {
        self.shared.register().invitations(self.shared.clock.now())
    }

    /// Invites whoever reads mail to that address.
    pub async fn invite(
        &self,
        email: &str,
        role: Role,
        by: StaffId,
    ) -> Result<(Invitation, Token), AccountError> {
        let email = email.trim().to_lowercase();
        if !is_email(&email) {
            return Err(AccountError::InvalidEmail);
        }
        self.write(move |parts| async move { parts.invite(email, role, by).await }).await
    }

    pub async fn withdraw(&self, id: InvitationId, by: StaffId) -> Result<(), AccountError> {
        self.write(move |parts| async move { parts.withdraw(id, by).await }).await
    }

    /// Makes the one who was invited a member of staff.
    pub async fn accept(&self, token: &str, password: Password) -> Result<StaffId, AccountError> {
        let hash = hash_of(token).ok_or(AccountError::InvalidToken)?;
        // Nobody without a token has the shop hash passwords.
        let invited = self.shared.register().invitation(&hash, self.shared.clock.now());
        let invited = invited.ok_or(AccountError::InvalidToken)?;
        let password = checked(password, &invited.email)?;
        let password_hash = self.shared.secrets.hash(password).await?;
        self.write(move |parts| async move { parts.accept(hash, password_hash).await }).await
    }
}

impl Parts {
    async fn invite(
        &self,
        email: String,
        role: Role,
        by: StaffId,
    ) -> Result<(Invitation, Token), AccountError> {
        self.must_manage(by)?;
        if self.shared.book().holder_of(&email).is_some() {
            return Err(AccountError::EmailTaken);
        }
        let now = self.now();
        if self.shared.register().invitations(now).len() >= MOST_OPEN {
            return Err(AccountError::TooMany);
        }
        let (id, token) = (self.shared.ids.invitation(), Token::new(self.shared.ids.secret()));
        let earlier = self.shared.register().invitation_of(&email).map(|own| own.id);
        let expires_at = now.plus(OPEN_FOR);
        let sealed = self.shared.vault.seal_for_shop(token.expose().as_bytes(), &token_context(id));
        let invitation =
            Invitation { id, email: email.clone(), role, made_by: by, made_at: now, expires_at };
        let row = InvitationRow { invitation: invitation.clone(), hash: token.hash() };
        let invited =
            StaffEvent::Invited { invitation: id, email, role, token: sealed, expires_at, at: now };
        let mut batch = Batch::new();
        batch.fact(now, Fact::Staff(by, invited), vec![]);
        if let Some(earlier) = earlier {
            batch.row(Table::Invitations, earlier.as_bytes().to_vec(), None);
        }
        write_invitation(&row, &mut batch);
        self.commit(batch).await?;
        self.shared.change_register(|register| {
            earlier.into_iter().for_each(|own| register.remove_invitation(own));
            register.add_invitation(row);
        });
        Ok((invitation, token))
    }

    async fn withdraw(&self, id: InvitationId, by: StaffId) -> Result<(), AccountError> {
        let now = self.now();
        let is_open = self.shared.register().invitations(now).iter().any(|own| own.id == id);
        if !is_open {
            return Err(AccountError::NoSuch);
        }
        let withdrawn = StaffEvent::InvitationWithdrawn { invitation: id, at: now };
        let mut batch = Batch::new();
        batch.fact(now, Fact::Staff(by, withdrawn), vec![]);
        batch.row(Table::Invitations, id.as_bytes().to_vec(), None);
        self.commit(batch).await?;
        self.shared.change_register(|register| register.remove_invitation(id));
        Ok(())
    }

    async fn accept(
        &self,
        hash: TokenHash,
        password_hash: String,
    ) -> Result<StaffId, AccountError> {
        let invited = self.shared.register().invitation(&hash, self.now());
        let Invitation { id: invitation, email, role, .. } =
            invited.ok_or(AccountError::InvalidToken)?;
        if self.shared.book().holder_of(&email).is_some() {
            return Err(AccountError::EmailTaken);
        }
        let mut batch = Batch::new();
        batch.row(Table::Invitations, invitation.as_bytes().to_vec(), None);
        let id = self.add_staff(email, role, password_hash, batch).await?;
        self.shared.change_register(|register| register.remove_invitation(invitation));
        Ok(id)
    }
}
