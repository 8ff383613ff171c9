//! Signing in with an identity at a provider, and which account each identity opens.
//!
//! What the provider said has been proven before it comes here (`identity`), and which account it
//! opens is a rule (`domain/identity.rs`). Here is the memory of it: an identity that has met its
//! account once opens that one and no other, whatever becomes of its e-mail address.

use super::owner::{Message, Parts};
use super::staff::{NewStaff, Unless};
use super::token::Token;
use super::{AccountError, Accounts, Grant, Origin};
use crate::actors::pools::Password;
use crate::domain::identity::{
    AccountKind, Admission, Audience, Identity, IdentityRejection, Namesake,
};
use crate::domain::staff::Role;
use crate::storage::codec::{CodecError, Stored};
use crate::storage::records::{IdentityRow, TokenHolder};
use crate::storage::table::{parse_timed_key, timed_key};
use crate::storage::{Batch, Direction, Snapshot, StoreError, Table};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Names a subject at an issuer.
type IdentityHash = [u8; 32];

/// The identities that open accounts. On disk they lie in the order in which they were met.
#[derive(Default)]
pub(super) struct Bonds {
    by_identity: HashMap<IdentityHash, TokenHolder>,
    /// The issuers at which a holder has one.
    issuers: HashMap<TokenHolder, Vec<String>>,
}

impl Bonds {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Bonds, StoreError> {
        let mut bonds = Bonds::default();
        let mut failed: Option<CodecError> = None;
        snapshot.scan(Table::Identities, &[], None, Direction::Forward, &mut |key, row| {
            let hash = parse_timed_key(key).and_then(|(_, hash)| hash.try_into().ok());
            match (hash, IdentityRow::from_bytes(row)) {
                (Some(identity), Ok(row)) => bonds.add(identity, row),
                (None, Ok(_)) => {}
                (_, Err(error)) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(bonds), |error| Err(error.into()))
    }

    fn holder(&self, identity: &IdentityHash) -> Option<TokenHolder> {
        self.by_identity.get(identity).copied()
    }

    /// Whether some identity at this issuer opens the holder's account.
    fn has(&self, holder: TokenHolder, issuer: &str) -> bool {
        self.issuers.get(&holder).is_some_and(|own| own.iter().any(|own| own == issuer))
    }

    fn add(&mut self, identity: IdentityHash, row: IdentityRow) {
        self.by_identity.insert(identity, row.holder);
        self.issuers.entry(row.holder).or_default().push(row.issuer);
    }
}

impl Accounts {
    /// Gives tokens for an identity that a provider has vouched for. The first time, it is bound to
    /// the account that has its verified address, or to a new one where `audience` allows that.
    pub async fn sign_in_with(
        &self,
        identity: Identity,
        audience: Arc<Audience>,
        origin: Origin,
    ) -> Result<Grant, AccountError> {
        let spare_hash = if audience.hires() && !self.is_met(&identity) {
            Some(self.shared.secrets.hash(self.unguessable()).await?)
        } else {
            None
        };
        self.ask(|reply| Message::SignIn { identity, audience, spare_hash, origin, reply }).await
    }

    /// Whether the identity or its address is known.
    fn is_met(&self, identity: &Identity) -> bool {
        let book = self.shared.book();
        let email = identity.proven_email();
        book.bonds.holder(&hash_of(identity)).is_some()
            || email.is_ok_and(|email| book.holder_of(&email).is_some())
    }

    /// The password of an account that is opened by an identity: nobody ever learns it.
    fn unguessable(&self) -> Password {
        Password::from(Token::new(self.shared.ids.secret()).expose().to_owned())
    }
}

impl Parts {
    pub(super) async fn sign_in(
        &self,
        identity: &Identity,
        audience: &Audience,
        spare_hash: Option<String>,
        origin: &Origin,
    ) -> Result<Grant, AccountError> {
        let hash = hash_of(identity);
        let (bound, is_there) = {
            let book = self.shared.book();
            let bound = book.bonds.holder(&hash);
            (bound, bound.is_some_and(|holder| book.is_there(holder)))
        };
        if let Some(holder) = bound.filter(|_| is_there) {
            audience.readmit(kind_of(holder))?;
            return self.begin(holder, origin).await;
        }
        // Whoever was let go is not hired again for having an identity still.
        let spare_hash = spare_hash.filter(|_| bound.is_none());
        let holder = self.admit(identity, audience, spare_hash).await?;
        self.bind(hash, &identity.issuer, holder).await?;
        self.begin(holder, origin).await
    }

    /// The account that an identity is to open which the shop has not seen before.
    async fn admit(
        &self,
        identity: &Identity,
        audience: &Audience,
        spare_hash: Option<String>,
    ) -> Result<TokenHolder, AccountError> {
        let email = identity.proven_email()?;
        let (found, namesake) = {
            let book = self.shared.book();
            let found = book.holder_of(&email);
            let namesake = found.map(|holder| Namesake {
                kind: kind_of(holder),
                has_other: book.bonds.has(holder, &identity.issuer),
                is_proven: book.is_proven(holder),
            });
            (found, namesake)
        };
        match (audience.admit(identity, namesake)?, found) {
            (Admission::Bind, Some(holder)) => Ok(holder),
            (Admission::Hire(role), _) => self.hire(email, role, spare_hash).await,
            (Admission::Bind, None) => Err(IdentityRejection::NotInvited.into()),
        }
    }

    async fn hire(
        &self,
        email: String,
        role: Role,
        spare_hash: Option<String>,
    ) -> Result<TokenHolder, AccountError> {
        let password_hash = spare_hash.ok_or(IdentityRejection::NotInvited)?;
        let new = NewStaff { email, role, password_hash, unless: Unless::EmailTaken };
        let hired = self.create_staff(new).await?;
        hired.map(TokenHolder::Staff).ok_or(AccountError::EmailTaken)
    }

    /// From now on the identity opens this account.
    async fn bind(
        &self,
        identity: IdentityHash,
        issuer: &str,
        holder: TokenHolder,
    ) -> Result<(), AccountError> {
        let (row, now) = (IdentityRow { holder, issuer: issuer.to_owned() }, self.now());
        let mut batch = Batch::new();
        batch.row(Table::Identities, timed_key(now, &identity), Some(row.to_bytes()));
        self.commit(batch).await?;
        self.shared.change(|book| book.bonds.add(identity, row));
        tracing::info!(issuer, "an identity opens an account from now on");
        Ok(())
    }
}

fn kind_of(holder: TokenHolder) -> AccountKind {
    match holder {
        TokenHolder::Staff(_) => AccountKind::Staff,
        TokenHolder::Customer(_) => AccountKind::Customer,
    }
}

/// The issuer's length comes first, so that no two pairs make the same text.
fn hash_of(identity: &Identity) -> IdentityHash {
    let Identity { issuer, subject, .. } = identity;
    let mut hash = Sha256::new();
    hash.update((issuer.len() as u64).to_be_bytes());
    hash.update(issuer);
    hash.update(subject);
    hash.finalize().into()
}
