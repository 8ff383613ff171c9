//! Passwords: which may be chosen, and how somebody who is logged in changes theirs.

use super::book::FamilyId;
use super::customers::recipient;
use super::owner::{Message, Parts};
use super::sessions::DECOY;
use super::token::hash_of;
use super::{AccountError, Accounts, Caller};
use crate::actors::pools::Password;
use crate::domain::StaffId;
use crate::domain::customer::CustomerCommand;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::mail::MailKind;
use crate::domain::password::check;
use crate::domain::staff::{Staff, StaffEvent};
use crate::storage::Batch;
use crate::storage::records::TokenHolder;

/// Hands a password on that whoever has this address may choose.
pub(super) fn checked(password: Password, email: &str) -> Result<Password, AccountError> {
    check(password.as_str(), email).map_err(AccountError::Password)?;
    Ok(password)
}

/// A password that is to take another's place.
pub(super) struct NewPassword {
    pub holder: TokenHolder,
    /// The hash for which the old one was found to be right.
    pub old_hash: Option<String>,
    pub new_hash: String,
    /// The login that goes on.
    pub keep: Option<FamilyId>,
}

impl Accounts {
    /// Changes the password of whoever holds this access token, ends all their other logins, and
    /// tells them by mail.
    pub async fn change_password(
        &self,
        caller: &Caller,
        token: &str,
        old: Password,
        new: Password,
    ) -> Result<(), AccountError> {
        let holder = caller.holder();
        let keep = hash_of(token).and_then(|hash| self.shared.book().family(&hash));
        let new = checked(new, caller.email())?;
        let old_hash = self.confirmed(holder, Some(old)).await?;
        let new_hash = self.shared.secrets.hash(new).await?;
        let new = NewPassword { holder, old_hash, new_hash, keep };
        self.ask(|reply| Message::ChangePassword(new, reply)).await
    }

    /// Whether a password opens the account.
    pub fn has_password(&self, holder: TokenHolder) -> bool {
        self.shared.book().password_hash(holder).is_some()
    }

    /// Whether this is the holder's password.
    pub async fn confirm(&self, caller: &Caller, password: Password) -> Result<(), AccountError> {
        self.confirmed(caller.holder(), Some(password)).await.map(|_| ())
    }

    /// The hash for which this is the right password; `None` where the account has none and none
    /// was given.
    pub(super) async fn confirmed(
        &self,
        holder: TokenHolder,
        password: Option<Password>,
    ) -> Result<Option<String>, AccountError> {
        let hash = self.shared.book().password_hash(holder);
        let Some(password) = password else {
            return if hash.is_none() { Ok(None) } else { Err(AccountError::WrongCredentials) };
        };
        let against = hash.clone().unwrap_or_else(|| DECOY.to_owned());
        let is_right = self.shared.secrets.verify(password, against).await?;
        if is_right && hash.is_some() { Ok(hash) } else { Err(AccountError::WrongCredentials) }
    }
}

impl Parts {
    pub(super) async fn change_password(&self, new: NewPassword) -> Result<(), AccountError> {
        let NewPassword { holder, old_hash, new_hash, keep } = new;
        self.shared.book().check_password(holder, old_hash.as_deref())?;
        self.set_password(holder, new_hash, keep, None).await
    }

    /// Sets a password, ends every login but the one to be kept, revokes what was mailed and what it
    /// was mailed for, and tells the holder. `proven`: the holder has shown that they read mail to their address.
    pub(super) async fn set_password(
        &self,
        holder: TokenHolder,
        password_hash: String,
        keep: Option<FamilyId>,
        proven: Option<CustomerCommand>,
    ) -> Result<(), AccountError> {
        let mut batch = Batch::new();
        let ended = self.shared.book().tokens_held(holder, keep);
        self.shared.book().write_removal(&ended, &mut batch);
        self.want_mail(MailKind::PasswordChanged, recipient(holder), None, &mut batch);
        match holder {
            TokenHolder::Customer(id) => {
                let mut loaded = self.loaded(id, None)?;
                if let Some(proven) = proven {
                    let customer = loaded.row.customer;
                    loaded.row.customer = self.decided(id, Some(customer), proven, &mut batch)?;
                }
                // A wish for another address goes with its link: whoever made it may be the one who
                // is locked out here.
                if loaded.profile.wanted_email.take().is_some() {
                    let sealed = self.seal(loaded.person, &loaded.profile)?;
                    let change = CustomerCommand::ChangeProfile(sealed);
                    let customer = loaded.row.customer;
                    loaded.row.customer = self.decided(id, Some(customer), change, &mut batch)?;
                }
                loaded.row.password_hash = Some(password_hash);
                self.write(id, loaded, CustomerCommand::ChangePassword, batch).await?;
            }
            TokenHolder::Staff(id) => self.set_staff_password(id, password_hash, batch).await?,
        }
        self.shared.change(|book| book.remove_tokens(&ended));
        Ok(())
    }

    async fn set_staff_password(
        &self,
        id: StaffId,
        password_hash: String,
        mut batch: Batch,
    ) -> Result<(), AccountError> {
        let now = self.now();
        let (version, staff) = self.shared.staff(id)?.ok_or(AccountError::Unknown)?;
        let staff = Staff { password_hash, updated_at: now, ..staff };
        batch.fact(now, Fact::Staff(id, StaffEvent::PasswordChanged { at: now }), vec![]);
        batch.put(EntityKey::Staff(id), version, &staff);
        self.commit(batch).await?;
        self.shared.change(|book| book.put_staff(id, &staff));
        Ok(())
    }
}
