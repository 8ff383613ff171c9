//! Signing in with an identity at a provider, and which account each identity opens.
//!
//! What the provider said has been proven before it comes here (`identity`), and which account it
//! opens is a rule (`domain/identity.rs`). Here is the memory of it: an identity that has met its
//! account once opens that one and no other, whatever becomes of its e-mail address.

use super::customers::{NewCustomer, Proof};
use super::owner::{Message, Parts};
use super::staff::{NewStaff, Unless};
use super::token::Token;
use super::{AccountError, Accounts, Grant, Origin};
use crate::actors::pools::Password;
use crate::domain::identity::{
    AccountKind, Admission, Audience, Identity, IdentityRejection, Namesake,
};
use crate::domain::staff::Role;
use crate::domain::{CustomerId, Timestamp};
use crate::storage::codec::Stored;
use crate::storage::records::{IdentityRow, TokenHolder};
use crate::storage::table::{parse_timed_key, timed_key};
use crate::storage::{Batch, Snapshot, StoreError, Table};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The longest name that a customer may have, in characters.
const NAME_MOST: usize = 200;

/// Names a subject at an issuer.
type IdentityHash = [u8; 32];

/// The identities that open accounts. On disk they lie in the order in which they were met.
#[derive(Default)]
pub(super) struct Bonds {
    by_identity: HashMap<IdentityHash, TokenHolder>,
    by_holder: HashMap<TokenHolder, Vec<Bond>>,
}

/// One identity of a holder.
struct Bond {
    issuer: String,
    met_at: Timestamp,
    identity: IdentityHash,
}

impl Bonds {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Bonds, StoreError> {
        let mut bonds = Bonds::default();
        snapshot.load_records(Table::Identities, &[], |key, row| {
            if let Some((met_at, identity)) = parse_timed_key(key)
                && let Ok(identity) = identity.try_into()
            {
                bonds.add(identity, row, met_at);
            }
        })?;
        Ok(bonds)
    }

    fn holder(&self, identity: &IdentityHash) -> Option<TokenHolder> {
        self.by_identity.get(identity).copied()
    }

    /// Whether some identity at this issuer opens the holder's account.
    fn has(&self, holder: TokenHolder, issuer: &str) -> bool {
        self.of(holder).any(|bond| bond.issuer == issuer)
    }

    /// The issuers that open the holder's account.
    pub fn issuers(&self, holder: TokenHolder) -> Vec<String> {
        self.of(holder).map(|bond| bond.issuer.clone()).collect()
    }

    fn of(&self, holder: TokenHolder) -> impl Iterator<Item = &Bond> {
        self.by_holder.get(&holder).into_iter().flatten()
    }

    fn add(&mut self, identity: IdentityHash, row: IdentityRow, met_at: Timestamp) {
        let IdentityRow { holder, issuer } = row;
        self.by_identity.insert(identity, holder);
        self.by_holder.entry(holder).or_default().push(Bond { issuer, met_at, identity });
    }

    /// Puts the removal of all that opens this account into `batch`.
    pub fn write_removal(&self, holder: TokenHolder, batch: &mut Batch) {
        for bond in self.of(holder) {
            batch.row(Table::Identities, timed_key(bond.met_at, &bond.identity), None);
        }
    }

    pub fn remove(&mut self, holder: TokenHolder) {
        for bond in self.by_holder.remove(&holder).into_iter().flatten() {
            self.by_identity.remove(&bond.identity);
        }
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
        let spare_hash = self.spare_hash(&identity, &audience).await?;
        self.ask(|reply| Message::SignIn { identity, audience, spare_hash, origin, reply }).await
    }

    /// The identity providers that open a customer's account.
    pub fn issuers(&self, customer: CustomerId) -> Vec<String> {
        self.shared.book().bonds.issuers(TokenHolder::Customer(customer))
    }

    /// The hash of a password that nobody knows, where an account may have to be made.
    pub(super) async fn spare_hash(
        &self,
        identity: &Identity,
        audience: &Audience,
    ) -> Result<Option<String>, AccountError> {
        if !audience.hires() || self.is_met(identity) {
            return Ok(None);
        }
        Ok(Some(self.shared.secrets.hash(self.unguessable()).await?))
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
        let holder = self.identified(identity, audience, spare_hash).await?;
        self.begin(holder, origin).await
    }

    /// Whose account an identity opens.
    pub(super) async fn identified(
        &self,
        identity: &Identity,
        audience: &Audience,
        spare_hash: Option<String>,
    ) -> Result<TokenHolder, AccountError> {
        let hash = hash_of(identity);
        let (bound, is_there) = {
            let book = self.shared.book();
            let bound = book.bonds.holder(&hash);
            (bound, bound.is_some_and(|holder| book.is_there(holder)))
        };
        if let Some(holder) = bound.filter(|_| is_there) {
            audience.readmit(kind_of(holder))?;
            return Ok(holder);
        }
        // Whoever was let go is not hired again for having an identity still.
        let spare_hash = spare_hash.filter(|_| bound.is_none());
        let holder = self.admit(identity, audience, spare_hash).await?;
        self.bind(hash, &identity.issuer, holder).await?;
        Ok(holder)
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
            (Admission::Register, _) => {
                let name = identity.name.as_deref().map(str::trim);
                let name =
                    name.filter(|name| !name.is_empty() && name.chars().count() <= NAME_MOST);
                let email = super::address(&email)?;
                let new = NewCustomer { email, name: name.map(str::to_owned), password_hash: None };
                self.create_customer(new, Proof::Given).await.map(TokenHolder::Customer)
            }
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
        // They come back by an invitation, whatever the provider knows of it.
        if self.was_let_go(&email)? {
            return Err(IdentityRejection::NotInvited.into());
        }
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
        self.shared.change(|book| book.bonds.add(identity, row, now));
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
