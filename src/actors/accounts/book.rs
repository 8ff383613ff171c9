//! Accounts and tokens as the shop has them in memory: what is durable, and nothing ahead of it.
//!
//! Tokens arrive in random order, so on disk they lie in the order in which they run out and are
//! looked up here. A refresh token is good for one exchange; what tells a spent one is that its
//! family has a newer one, so nothing has to be rewritten when it is spent.

use super::identities::Bonds;
use super::token::TokenHash;
use super::{AccountError, Caller, CustomerCaller, StaffCaller};
use crate::domain::customer::Account;
use crate::domain::profile::Profile;
use crate::domain::staff::{Role, Staff};
use crate::domain::{CartId, CustomerId, StaffId, Timestamp};
use crate::secrets::Vault;
use crate::storage::codec::Stored;
use crate::storage::records::{CustomerRow, TokenHolder, TokenKind, TokenRow};
use crate::storage::table::{parse_timed_key, timed_key};
use crate::storage::{Batch, Snapshot, StoreError, Table};
use std::collections::{BTreeSet, HashMap};

/// The random name of all tokens that come from one login; one that was mailed has its own.
pub(super) type FamilyId = [u8; 16];

#[derive(Default)]
pub(super) struct Book {
    members: HashMap<TokenHolder, Member>,
    /// By address, in lower case.
    by_email: HashMap<String, TokenHolder>,
    /// Everybody, in the order in which they came.
    by_age: BTreeSet<(Timestamp, TokenHolder)>,
    tokens: HashMap<TokenHash, TokenRow>,
    families: HashMap<FamilyId, Family>,
    /// Identities at providers that open accounts here.
    pub bonds: Bonds,
    /// The carts of customers.
    carts: HashMap<CartId, CustomerId>,
    /// Of everybody who has any.
    held: HashMap<TokenHolder, Vec<FamilyId>>,
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
    /// The refresh token that runs out last, the only one that is not spent; or the session.
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
    /// Reads everybody who has an account, and the tokens that have not run out.
    pub fn load(
        snapshot: &dyn Snapshot,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Book, StoreError> {
        let mut book = Book { bonds: Bonds::load(snapshot)?, ..Book::default() };
        snapshot.load_all(Table::Staff, |key, _, staff: Staff| {
            if let (Ok(id), None) = (key.try_into(), staff.removed_at) {
                book.put_staff(StaffId::from_bytes(id), &staff);
            }
        })?;
        snapshot.load_all(Table::Customers, |key, _, row: CustomerRow| {
            if let Ok(id) = key.try_into() {
                let id = CustomerId::from_bytes(id);
                match super::customers::opened(vault, &row) {
                    Ok(Some(profile)) => book.put_customer(id, &row, &profile),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(customer.id = %id, %error, "a customer cannot be read");
                    }
                }
            }
        })?;
        snapshot.load_records(Table::Tokens, &timed_key(now, &[]), |key, row| {
            if let Some((_, hash)) = parse_timed_key(key)
                && let Ok(hash) = hash.try_into()
            {
                book.add_token(hash, row);
            }
        })?;
        Ok(book)
    }

    /// Whoever has that account.
    pub fn member(&self, holder: TokenHolder) -> Option<&Caller> {
        self.members.get(&holder).map(|member| &member.caller)
    }

    pub fn has_family(&self, family: &FamilyId) -> bool {
        self.families.contains_key(family)
    }

    /// The logins of a holder, and when each ends by itself.
    pub fn logins_of(&self, holder: TokenHolder, now: Timestamp) -> Vec<(FamilyId, Timestamp)> {
        let logins = self.held_by(holder).filter_map(|(id, family)| {
            let (expires_at, _) = family.newest?;
            Some((id, expires_at))
        });
        logins.filter(|(_, expires_at)| now < *expires_at).collect()
    }

    pub fn admins(&self) -> usize {
        let is_admin = |member: &&Member| matches!(&member.caller, Caller::Staff(own) if own.role == Role::Admin);
        self.members.values().filter(is_admin).count()
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

    pub fn password_hash(&self, holder: TokenHolder) -> Option<String> {
        self.members.get(&holder)?.password_hash.clone()
    }

    /// Whether this is still the holder's password.
    pub fn check_password(
        &self,
        holder: TokenHolder,
        password_hash: Option<&str>,
    ) -> Result<(), AccountError> {
        let member = self.members.get(&holder).ok_or(AccountError::WrongCredentials)?;
        let is_same = member.password_hash.as_deref() == password_hash;
        if is_same { Ok(()) } else { Err(AccountError::WrongCredentials) }
    }

    /// Those for whom `wanted` holds, newest first: how many there are, and a part of them.
    pub fn newest(
        &self,
        wanted: impl Fn(&Caller) -> bool,
        offset: usize,
        limit: usize,
    ) -> (usize, Vec<TokenHolder>) {
        let all = self.by_age.iter().rev().map(|(_, holder)| *holder);
        let found = all.filter(|holder| self.member(*holder).is_some_and(&wanted));
        let (mut total, mut part) = (0, Vec::new());
        for holder in found {
            if total >= offset && part.len() < limit {
                part.push(holder);
            }
            total += 1;
        }
        (total, part)
    }

    /// Who holds the access token.
    pub fn caller(&self, hash: &TokenHash, now: Timestamp) -> Option<&Caller> {
        let row = self.live(hash, now).filter(|row| row.kind == TokenKind::Access)?;
        self.member(row.holder)
    }

    /// The session of a browser.
    pub fn session(&self, hash: &TokenHash, now: Timestamp) -> Option<TokenRow> {
        let row = self.live(hash, now)?;
        matches!(row.kind, TokenKind::Session { .. }).then_some(*row)
    }

    pub fn exchange(&self, hash: &TokenHash, now: Timestamp) -> Option<Exchange> {
        let row = self.live(hash, now).filter(|row| row.kind == TokenKind::Refresh)?;
        let newest = self.families.get(&row.family).and_then(|family| family.newest);
        let is_newest = newest.is_some_and(|(_, newest)| newest == *hash);
        Some(if is_newest { Exchange::Current(*row) } else { Exchange::Spent(row.family) })
    }

    /// To whom this token was mailed.
    pub fn mailed_to(
        &self,
        hash: &TokenHash,
        kind: TokenKind,
        now: Timestamp,
    ) -> Option<TokenHolder> {
        self.live(hash, now).filter(|row| row.kind == kind).map(|row| row.holder)
    }

    /// Whether a token of any kind is good for something still.
    pub fn is_live(&self, hash: &TokenHash, now: Timestamp) -> bool {
        self.live(hash, now).is_some()
    }

    /// A token of any kind, live or not.
    pub fn token(&self, hash: &TokenHash) -> Option<&TokenRow> {
        self.tokens.get(hash)
    }

    /// The family of a token of any kind.
    pub fn family(&self, hash: &TokenHash) -> Option<FamilyId> {
        self.tokens.get(hash).map(|row| row.family)
    }

    /// The logins of a holder who has at least `most`, except the youngest `most - 1`: those that
    /// must end before another may begin.
    pub fn surplus(&self, holder: TokenHolder, most: usize) -> Vec<FamilyId> {
        let held = self.held_by(holder).filter_map(|(id, family)| Some((family.newest?, id)));
        let mut own: Vec<_> = held.collect();
        own.sort_unstable();
        let surplus = (own.len() + 1).saturating_sub(most);
        own.into_iter().take(surplus).map(|(_, id)| id).collect()
    }

    /// The tokens of one kind that a holder has, live or not.
    pub fn tokens_of_kind(&self, holder: TokenHolder, kind: TokenKind) -> Vec<TokenHash> {
        let all = self.held_by(holder).flat_map(|(_, family)| &family.tokens);
        all.filter(|hash| self.tokens.get(*hash).is_some_and(|row| row.kind == kind))
            .copied()
            .collect()
    }

    /// All tokens of a holder, except those of the login to be kept.
    pub fn tokens_held(&self, holder: TokenHolder, keep: Option<FamilyId>) -> Vec<TokenHash> {
        let others = self.held_by(holder).filter(|(id, _)| Some(*id) != keep);
        others.flat_map(|(_, family)| &family.tokens).copied().collect()
    }

    /// Tokens that have run out.
    pub fn expired(&self, now: Timestamp) -> Vec<TokenHash> {
        let expired = self.tokens.iter().filter(|(_, row)| row.expires_at <= now);
        expired.map(|(hash, _)| *hash).collect()
    }

    pub fn tokens_of(&self, family: &FamilyId) -> Vec<TokenHash> {
        self.families.get(family).map(|family| family.tokens.clone()).unwrap_or_default()
    }

    /// The tokens of a login that are more than `most`, the oldest ones.
    pub fn oldest_of(&self, family: &FamilyId, most: usize) -> Vec<TokenHash> {
        let tokens = self.families.get(family).map_or(&[][..], |family| &family.tokens);
        tokens[..tokens.len().saturating_sub(most)].to_vec()
    }

    /// Puts the removal of these tokens into `batch`.
    pub fn write_removal(&self, hashes: &[TokenHash], batch: &mut Batch) {
        for hash in hashes {
            if let Some(row) = self.tokens.get(hash) {
                batch.row(Table::Tokens, timed_key(row.expires_at, hash), None);
            }
        }
    }

    pub fn put_staff(&mut self, id: StaffId, staff: &Staff) {
        let caller =
            StaffCaller { staff: id, role: staff.role, email: staff.email.as_str().into() };
        let password_hash = Some(staff.password_hash.clone());
        let member = Member { caller: Caller::Staff(caller), password_hash };
        self.put(TokenHolder::Staff(id), staff.created_at, member);
    }

    pub fn put_customer(&mut self, id: CustomerId, row: &CustomerRow, profile: &Profile) {
        let caller = CustomerCaller {
            customer: id,
            email: profile.email.as_str().into(),
            is_verified: row.customer.account().is_some_and(|account| account.is_verified()),
            people: row.customer.account().into_iter().flat_map(Account::people).collect(),
            cart: row.customer.account().and_then(|account| account.cart),
        };
        self.put_cart(id, caller.cart);
        let password_hash = row.password_hash.clone();
        let member = Member { caller: Caller::Customer(caller), password_hash };
        self.put(TokenHolder::Customer(id), row.customer.registered_at(), member);
    }

    /// Notes which cart is a customer's, in place of the one before.
    fn put_cart(&mut self, id: CustomerId, cart: Option<CartId>) {
        let before = match self.member(TokenHolder::Customer(id)) {
            Some(Caller::Customer(before)) => before.cart,
            Some(Caller::Staff(_) | Caller::Key(_)) | None => None,
        };
        if let Some(before) = before.filter(|before| Some(*before) != cart) {
            self.carts.remove(&before);
        }
        if let Some(cart) = cart {
            self.carts.insert(cart, id);
        }
    }

    /// Whose cart it is, if it is a customer's.
    pub fn owner_of_cart(&self, cart: CartId) -> Option<CustomerId> {
        self.carts.get(&cart).copied()
    }

    fn put(&mut self, holder: TokenHolder, since: Timestamp, member: Member) {
        let email = member.caller.email().to_owned();
        if let Some(before) = self.members.insert(holder, member)
            && *before.caller.email() != *email
        {
            self.by_email.remove(before.caller.email());
        }
        self.by_email.insert(email, holder);
        self.by_age.insert((since, holder));
    }

    /// Forgets an account. Its tokens must be removed too.
    pub fn remove(&mut self, holder: TokenHolder, since: Timestamp) {
        if let Some(member) = self.members.remove(&holder) {
            self.by_email.remove(member.caller.email());
            if let Caller::Customer(CustomerCaller { cart: Some(cart), .. }) = member.caller {
                self.carts.remove(&cart);
            }
        }
        self.by_age.remove(&(since, holder));
    }

    pub fn add_token(&mut self, hash: TokenHash, row: TokenRow) {
        let family = self.families.entry(row.family).or_insert_with(|| {
            self.held.entry(row.holder).or_default().push(row.family);
            Family { holder: row.holder, tokens: Vec::new(), newest: None }
        });
        family.tokens.push(hash);
        if matches!(row.kind, TokenKind::Refresh | TokenKind::Session { .. }) {
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
                let holder = family.holder;
                self.families.remove(&row.family);
                if let Some(held) = self.held.get_mut(&holder) {
                    held.retain(|own| *own != row.family);
                    if held.is_empty() {
                        self.held.remove(&holder);
                    }
                }
            }
        }
    }

    fn held_by(&self, holder: TokenHolder) -> impl Iterator<Item = (FamilyId, &Family)> {
        let ids = self.held.get(&holder).into_iter().flatten();
        ids.filter_map(|id| self.families.get(id).map(|family| (*id, family)))
    }

    fn live(&self, hash: &TokenHash, now: Timestamp) -> Option<&TokenRow> {
        self.tokens.get(hash).filter(|row| now < row.expires_at)
    }
}

/// Puts a new token into `batch`.
pub(super) fn write_token(hash: &TokenHash, row: &TokenRow, batch: &mut Batch) {
    batch.row(Table::Tokens, timed_key(row.expires_at, hash), Some(row.to_bytes()));
}
