//! Accounts and tokens as the shop has them in memory: what is durable, and nothing ahead of it.
//!
//! Tokens arrive in random order, so on disk they lie in the order in which they run out and are
//! looked up here. A refresh token is good for one exchange; what tells a spent one is that its
//! family has a newer one, so nothing has to be rewritten when it is spent.

use super::identities::Bonds;
use super::token::TokenHash;
use super::{AccountError, Caller, StaffCaller};
use crate::domain::staff::{Role, Staff};
use crate::domain::{StaffId, Timestamp};
use crate::storage::codec::{CodecError, Stored};
use crate::storage::records::{TokenHolder, TokenKind, TokenRow};
use crate::storage::table::{parse_timed_key, timed_key};
use crate::storage::{Batch, Direction, Snapshot, StoreError, Table};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The random name of all tokens that come from one login.
pub(super) type FamilyId = [u8; 16];

#[derive(Default)]
pub(super) struct Book {
    members: HashMap<TokenHolder, Member>,
    /// By address, in lower case.
    by_email: HashMap<String, TokenHolder>,
    tokens: HashMap<TokenHash, TokenRow>,
    families: HashMap<FamilyId, Family>,
    /// Identities at providers that open accounts here.
    pub bonds: Bonds,
}

/// Somebody with an account.
struct Member {
    caller: Caller,
    /// `None` where no password opens the account.
    password_hash: Option<String>,
}

struct Family {
    holder: TokenHolder,
    tokens: Vec<TokenHash>,
    /// The refresh token that runs out last, the only one that is not spent.
    newest: Option<(Timestamp, TokenHash)>,
}

/// What a refresh token is good for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// New tokens of its family.
    Current(TokenRow),
    /// Nothing: it was exchanged before, so somebody has a copy of it.
    Spent(FamilyId),
}

impl Book {
    /// Reads all staff, and the tokens that have not run out.
    pub fn load(snapshot: &dyn Snapshot, now: Timestamp) -> Result<Book, StoreError> {
        let mut book = Book { bonds: Bonds::load(snapshot)?, ..Book::default() };
        snapshot.load_all(Table::Staff, |key, _, staff: Staff| {
            if let (Ok(id), None) = (key.try_into(), staff.removed_at) {
                book.add_staff(StaffId::from_bytes(id), &staff);
            }
        })?;
        let mut failed: Option<CodecError> = None;
        let from = timed_key(now, &[]);
        snapshot.scan(Table::Tokens, &from, None, Direction::Forward, &mut |key, row| {
            let hash = parse_timed_key(key).and_then(|(_, hash)| TokenHash::try_from(hash).ok());
            match (hash, TokenRow::from_bytes(row)) {
                (Some(hash), Ok(row)) => book.add_token(hash, row),
                (None, Ok(_)) => {}
                (_, Err(error)) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(book), |error| Err(error.into()))
    }

    /// Whoever has that account.
    pub fn member(&self, holder: TokenHolder) -> Option<&Caller> {
        self.members.get(&holder).map(|member| &member.caller)
    }

    pub fn admins(&self) -> usize {
        let is_admin = |member: &&Member| matches!(&member.caller, Caller::Staff(own) if own.role == Role::Admin);
        self.members.values().filter(is_admin).count()
    }

    pub fn remove_member(&mut self, holder: TokenHolder, email: &str) {
        self.members.remove(&holder);
        self.by_email.remove(email);
    }

    pub fn has_staff(&self) -> bool {
        self.members.keys().any(|holder| matches!(holder, TokenHolder::Staff(_)))
    }

    /// Whether there is such an account.
    pub fn is_there(&self, holder: TokenHolder) -> bool {
        self.members.contains_key(&holder)
    }

    /// Whether it is sure that the holder reads mail to the account's address. An administrator has
    /// vouched for that of staff.
    pub fn is_proven(&self, holder: TokenHolder) -> bool {
        self.members.get(&holder).is_some_and(|member| match &member.caller {
            Caller::Staff(_) => true,
            Caller::Customer(customer) => customer.is_verified,
            // A program is nobody's account.
            Caller::Key(_) => false,
        })
    }

    /// Whose address this is, given in lower case.
    pub fn holder_of(&self, email: &str) -> Option<TokenHolder> {
        self.by_email.get(email).copied()
    }

    /// Whose address this is, given in lower case, and the hash of their password.
    pub fn password_of(&self, email: &str) -> Option<(TokenHolder, Option<String>)> {
        let holder = self.holder_of(email)?;
        self.members.get(&holder).map(|member| (holder, member.password_hash.clone()))
    }

    /// Whether this is still the holder's password.
    pub fn check_password(
        &self,
        holder: TokenHolder,
        password_hash: &str,
    ) -> Result<(), AccountError> {
        let own = self.members.get(&holder).and_then(|member| member.password_hash.as_deref());
        let is_same = own == Some(password_hash);
        if is_same { Ok(()) } else { Err(AccountError::WrongCredentials) }
    }

    /// Who holds the access token.
    pub fn caller(&self, hash: &TokenHash, now: Timestamp) -> Option<&Caller> {
        let row = self.live(hash, now).filter(|row| row.kind == TokenKind::Access)?;
        self.members.get(&row.holder).map(|member| &member.caller)
    }

    pub fn exchange(&self, hash: &TokenHash, now: Timestamp) -> Option<Exchange> {
        let row = self.live(hash, now).filter(|row| row.kind == TokenKind::Refresh)?;
        let newest = self.families.get(&row.family).and_then(|family| family.newest);
        let is_newest = newest.is_some_and(|(_, newest)| newest == *hash);
        Some(if is_newest { Exchange::Current(*row) } else { Exchange::Spent(row.family) })
    }

    /// The family of a token of either kind.
    pub fn family(&self, hash: &TokenHash) -> Option<FamilyId> {
        self.tokens.get(hash).map(|row| row.family)
    }

    /// The families of a holder who has at least `most`, except the youngest `most - 1`: those that
    /// must end before another may begin.
    pub fn surplus(&self, holder: TokenHolder, most: usize) -> Vec<FamilyId> {
        let own = self.families.iter().filter(|(_, family)| family.holder == holder);
        let mut own: Vec<_> = own.map(|(id, family)| (family.newest, *id)).collect();
        own.sort_unstable();
        let surplus = (own.len() + 1).saturating_sub(most);
        own.into_iter().take(surplus).map(|(_, id)| id).collect()
    }

    /// Tokens that have run out.
    pub fn expired(&self, now: Timestamp) -> Vec<TokenHash> {
        let expired = self.tokens.iter().filter(|(_, row)| row.expires_at <= now);
        expired.map(|(hash, _)| *hash).collect()
    }

    pub fn tokens_of(&self, family: &FamilyId) -> Vec<TokenHash> {
        self.families.get(family).map(|family| family.tokens.clone()).unwrap_or_default()
    }

    /// Puts the removal of these tokens into `batch`.
    pub fn write_removal(&self, hashes: &[TokenHash], batch: &mut Batch) {
        for hash in hashes {
            if let Some(row) = self.tokens.get(hash) {
                batch.row(Table::Tokens, timed_key(row.expires_at, hash), None);
            }
        }
    }

    pub fn add_staff(&mut self, id: StaffId, staff: &Staff) {
        let caller =
            StaffCaller { staff: id, role: staff.role, email: staff.email.as_str().into() };
        let password_hash = Some(staff.password_hash.clone());
        self.by_email.insert(staff.email.clone(), TokenHolder::Staff(id));
        let member = Member { caller: Caller::Staff(caller), password_hash };
        self.members.insert(TokenHolder::Staff(id), member);
    }

    pub fn add_token(&mut self, hash: TokenHash, row: TokenRow) {
        let family = self.families.entry(row.family).or_insert_with(|| Family {
            holder: row.holder,
            tokens: Vec::new(),
            newest: None,
        });
        family.tokens.push(hash);
        if row.kind == TokenKind::Refresh {
            family.newest = family.newest.max(Some((row.expires_at, hash)));
        }
        self.tokens.insert(hash, row);
    }

    pub fn remove_tokens(&mut self, hashes: &[TokenHash]) {
        for hash in hashes {
            let Some(row) = self.tokens.remove(hash) else { continue };
            let Some(family) = self.families.get_mut(&row.family) else { continue };
            family.tokens.retain(|own| own != hash);
            if family.tokens.is_empty() {
                self.families.remove(&row.family);
            }
        }
    }

    fn live(&self, hash: &TokenHash, now: Timestamp) -> Option<&TokenRow> {
        self.tokens.get(hash).filter(|row| now < row.expires_at)
    }
}

/// Puts a new token into `batch`.
pub(super) fn write_token(hash: &TokenHash, row: &TokenRow, batch: &mut Batch) {
    batch.row(Table::Tokens, timed_key(row.expires_at, hash), Some(row.to_bytes()));
}
