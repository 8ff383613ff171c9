//! API keys: how programs ask. A key's token is shown once and kept as a hash; it does at most what
//! its scopes say, and never more than the member who made it may do at that moment.

use super::owner::Parts;
use super::register::write_key;
use super::token::Token;
use super::{AccountError, Accounts};
use crate::domain::event::Fact;
use crate::domain::permission::Permissions;
use crate::domain::staff::{ApiKey, StaffEvent};
use crate::domain::{ApiKeyId, StaffId, Timestamp};
use crate::storage::records::ApiKeyRow;
use crate::storage::{Batch, Table};

/// The most keys of a shop.
const MOST_KEYS: usize = 1_000;

/// A key that is to be there.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: Permissions,
    pub expires_at: Option<Timestamp>,
    pub made_by: StaffId,
}

impl Accounts {
    /// All keys, oldest first; also those that have run out.
    pub fn api_keys(&self) -> Vec<ApiKey> {
        self.shared.register().keys()
    }

    /// Makes a key. Its token is nowhere else.
    pub async fn create_key(&self, new: NewKey) -> Result<(ApiKey, Token), AccountError> {
        self.write(|parts| async move { parts.create_key(new).await }).await
    }

    /// Ends a key at once.
    pub async fn revoke_key(&self, key: ApiKeyId, by: StaffId) -> Result<(), AccountError> {
        self.write(move |parts| async move { parts.revoke_key(key, by).await }).await
    }
}

impl Parts {
    async fn create_key(&self, new: NewKey) -> Result<(ApiKey, Token), AccountError> {
        let NewKey { name, scopes, expires_at, made_by } = new;
        if self.shared.register().keys().len() >= MOST_KEYS {
            return Err(AccountError::TooMany);
        }
        let (now, token) = (self.now(), Token::new(self.shared.ids.secret()));
        let id = self.shared.ids.api_key();
        let key = ApiKey {
            id,
            name: name.clone(),
            scopes,
            made_by,
            made_at: now,
            expires_at,
            used_at: None,
        };
        let row = ApiKeyRow { key: key.clone(), hash: token.hash() };
        let mut batch = Batch::new();
        let made = StaffEvent::KeyMade { key: id, name, scopes, expires_at, at: now };
        batch.fact(now, Fact::Staff(made_by, made), vec![]);
        write_key(&row, &mut batch);
        self.commit(batch).await?;
        self.shared.change_register(|register| register.add_key(row));
        Ok((key, token))
    }

    async fn revoke_key(&self, key: ApiKeyId, by: StaffId) -> Result<(), AccountError> {
        if self.shared.register().key(key).is_none() {
            return Err(AccountError::NoSuch);
        }
        let now = self.now();
        let mut batch = Batch::new();
        batch.fact(now, Fact::Staff(by, StaffEvent::KeyRevoked { key, at: now }), vec![]);
        batch.row(Table::ApiKeys, key.as_bytes().to_vec(), None);
        self.commit(batch).await?;
        self.shared.change_register(|register| register.remove_key(key));
        Ok(())
    }

    /// Writes down when keys were last used, and removes invitations that have run out.
    pub(super) async fn tidy_register(&self) -> Result<(), AccountError> {
        let mut batch = Batch::new();
        let (rows, lapsed) = {
            let register = self.shared.register();
            (register.write_uses(&mut batch), register.lapsed(self.now()))
        };
        for id in &lapsed {
            batch.row(Table::Invitations, id.as_bytes().to_vec(), None);
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.commit(batch).await?;
        self.shared.change_register(|register| {
            rows.into_iter().for_each(|row| register.add_key(row));
            lapsed.into_iter().for_each(|id| register.remove_invitation(id));
        });
        Ok(())
    }
}
