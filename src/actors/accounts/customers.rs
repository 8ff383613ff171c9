//! Customers: how they come, what they change of themselves, and how they go.
//!
//! What says who they are is sealed under a key of their own before it reaches a row or an event.
//! Nobody learns from an answer whether an address has an account: registering one that has tells
//! its owner by mail, and the caller the same as ever.

use super::mailed::VERIFIES_FOR;
use super::owner::{Message, Parts};
use super::passwords::checked;
use super::token::Token;
use super::{AccountError, Accounts};
use crate::actors::ask::{Answered, AskResult, Keyed, Refusal};
use crate::actors::pools::Password;
use crate::domain::customer::{Account, Customer, CustomerCommand};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::mail::{Addressee, MailKind};
use crate::domain::profile::{Preference, Profile};
use crate::domain::{Address, AddressId, CustomerId, PersonId, Timestamp};
use crate::secrets::{OpenError, Vault};
use crate::storage::codec::{CodecError, Stored};
use crate::storage::records::{CustomerRow, TokenHolder, TokenKind, TokenRow};
use crate::storage::{Batch, StoreError};

/// As what a profile is sealed.
const PROFILE: &str = "profile";

/// A customer as the shop knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerView {
    pub id: CustomerId,
    /// Of the row.
    pub version: u64,
    /// Whose key everything is under.
    pub person: PersonId,
    pub profile: Profile,
    pub verified_at: Option<Timestamp>,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Somebody who would be a customer.
pub(super) struct NewCustomer {
    pub email: String,
    pub name: Option<String>,
    /// `None` where no password is to open the account.
    pub password_hash: Option<String>,
}

/// Whether it is known that a new customer reads mail to their address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Somebody who is trusted in that has said so.
    Given,
    /// A token is mailed there.
    Wanted,
}

/// What a customer, or staff for them, changes of a profile; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub name: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    /// In lower case. It takes the place of the one before once it is proven.
    pub email: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressChange {
    Add(AddressId, Box<Address>, Preference),
    Replace(AddressId, Box<Address>, Preference),
    Remove(AddressId),
}

/// The key of a change of a customer.
pub type KeyedChange = Keyed<CustomerView, AccountError>;

/// Everything of a customer that is to be destroyed.
pub(super) struct Erasure {
    pub customer: CustomerId,
    pub wanted_by: WantedBy,
}

/// Who wants an erasure.
pub(super) enum WantedBy {
    /// The customer, for whose password this hash was found to be right.
    Customer(Option<String>),
    /// Whoever looks after customers, asked in another way.
    Staff,
}

/// A customer's row as the store has it now, opened.
pub(super) struct Loaded {
    pub version: u64,
    pub row: CustomerRow,
    pub person: PersonId,
    pub profile: Profile,
}

/// Why a profile cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProfileError {
    #[error("the profile does not open: {0}")]
    Sealed(#[from] OpenError),
    #[error("the profile is damaged: {0}")]
    Stored(#[from] CodecError),
}

/// The profile in a row; `None` where the customer was erased.
pub(super) fn opened(vault: &Vault, row: &CustomerRow) -> Result<Option<Profile>, ProfileError> {
    let Some(account) = row.customer.account() else { return Ok(None) };
    let plain = vault.open(account.person, PROFILE, &account.profile)?;
    Ok(Some(Profile::from_bytes(&plain)?))
}

impl Accounts {
    /// Makes a customer of somebody, and has them prove their address. Where that address has an
    /// account already, its owner is told instead, and the answer is the same.
    pub async fn register(
        &self,
        email: &str,
        password: Password,
        name: Option<String>,
    ) -> Result<(), AccountError> {
        let email = super::address(email)?;
        let password = checked(password, &email)?;
        let password_hash = self.shared.secrets.hash(password).await?;
        let new = NewCustomer { email, name, password_hash: Some(password_hash) };
        self.ask(|reply| Message::Register(new, reply)).await
    }

    /// A customer, unless they were erased.
    pub fn customer(&self, id: CustomerId) -> Result<Option<CustomerView>, AccountError> {
        self.shared.customer(id).map(|found| found.map(|loaded| loaded.view(id)))
    }

    /// Changes a profile. Another e-mail address must be proven first; with `expected`, the row must
    /// still have that version.
    pub async fn change_profile(
        &self,
        id: CustomerId,
        change: ProfileChange,
        expected: Option<u64>,
    ) -> Result<CustomerView, AccountError> {
        if let Some(email) = &change.email {
            super::address(email)?;
        }
        self.ask(|reply| Message::ChangeProfile { id, change, expected, reply }).await
    }

    pub async fn change_addresses(
        &self,
        id: CustomerId,
        change: AddressChange,
        expected: Option<u64>,
        keyed: Option<KeyedChange>,
    ) -> AskResult<CustomerView, AccountError> {
        let changed = self.write(move |parts| async move {
            parts.change_addresses(id, change, expected, keyed).await
        });
        changed.await.map_err(|error| match error {
            AccountError::Unavailable => Refusal::Unavailable,
            rejected => Refusal::Rejected(rejected),
        })
    }

    /// Destroys the keys of a customer and of the guests whom they were, and ends all logins.
    pub async fn erase(
        &self,
        customer: CustomerId,
        password: Option<Password>,
    ) -> Result<(), AccountError> {
        let holder = TokenHolder::Customer(customer);
        let password_hash = self.confirmed(holder, password).await?;
        let erasure = Erasure { customer, wanted_by: WantedBy::Customer(password_hash) };
        self.ask(|reply| Message::Erase(erasure, reply)).await
    }

    /// As [`Accounts::erase`], for a customer who asked for it in another way.
    pub async fn erase_for(&self, customer: CustomerId) -> Result<(), AccountError> {
        let erasure = Erasure { customer, wanted_by: WantedBy::Staff };
        self.ask(|reply| Message::Erase(erasure, reply)).await
    }
}

impl super::Shared {
    pub(super) fn customer(&self, id: CustomerId) -> Result<Option<Loaded>, AccountError> {
        let failed = |error: StoreError| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(customer.id = %id, error, "a customer cannot be read");
            AccountError::Unavailable
        };
        let snapshot = self.store.snapshot().map_err(failed)?;
        let found = snapshot.load::<CustomerRow>(&EntityKey::Customer(id)).map_err(failed)?;
        let Some((version, row)) = found else { return Ok(None) };
        let Some(account) = row.customer.account() else { return Ok(None) };
        let person = account.person;
        match opened(&self.vault, &row) {
            Ok(Some(profile)) => Ok(Some(Loaded { version, row, person, profile })),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(customer.id = %id, %error, "a customer cannot be read");
                Err(AccountError::Unavailable)
            }
        }
    }
}

impl Loaded {
    fn view(self, id: CustomerId) -> CustomerView {
        let Loaded { version, row, person, profile } = self;
        let account = row.customer.account();
        CustomerView {
            id,
            version,
            person,
            profile,
            verified_at: account.and_then(|account| account.verified_at),
            registered_at: row.customer.registered_at(),
            updated_at: account.map_or(row.customer.registered_at(), |account| account.updated_at),
        }
    }

    pub(super) fn is_verified(&self) -> bool {
        self.row.customer.account().is_some_and(|account| account.is_verified())
    }
}

impl Parts {
    pub(super) async fn register(&self, new: NewCustomer) -> Result<(), AccountError> {
        let holder = self.shared.book().holder_of(&new.email);
        match holder {
            Some(holder) => self.tell_owner(holder).await,
            None => self.create_customer(new, Proof::Wanted).await.map(|_| ()),
        }
    }

    /// Makes a customer of somebody whose address has no account.
    pub(super) async fn create_customer(
        &self,
        new: NewCustomer,
        proof: Proof,
    ) -> Result<CustomerId, AccountError> {
        let NewCustomer { email, name, password_hash } = new;
        let id = self.shared.ids.customer();
        let mut batch = Batch::new();
        let person = self.shared.vault.new_person(self.shared.ids.person(), &mut batch);
        let profile = Profile::new(email, name);
        let register = CustomerCommand::Register { person, profile: self.seal(person, &profile)? };
        let mut customer = self.decided(id, None, register, &mut batch)?;
        let mut token = None;
        match proof {
            Proof::Given => {
                let verify = CustomerCommand::Verify;
                customer = self.decided(id, Some(customer), verify, &mut batch)?;
            }
            Proof::Wanted => {
                let holder = TokenHolder::Customer(id);
                let kind = TokenKind::Verification;
                let (own, row) = self.mail_token(holder, kind, VERIFIES_FOR, &mut batch);
                let to = Addressee::Customer(id);
                self.want_mail(MailKind::Verification, to, Some(&own), &mut batch);
                token = Some((own.hash(), row));
            }
        }
        let row = CustomerRow { customer, password_hash };
        batch.put(EntityKey::Customer(id), 0, &row);
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.put_customer(id, &row, &profile);
            if let Some((hash, row)) = token {
                book.add_token(hash, row);
            }
        });
        tracing::info!(customer.id = %id, "a customer registered");
        Ok(id)
    }

    pub(super) async fn change_profile(
        &self,
        id: CustomerId,
        change: ProfileChange,
        expected: Option<u64>,
    ) -> Result<CustomerView, AccountError> {
        let mut loaded = self.loaded(id, expected)?;
        let (holder, to) = (TokenHolder::Customer(id), Addressee::Customer(id));
        let profile = &mut loaded.profile;
        profile.name = change.name.unwrap_or(profile.name.take());
        profile.phone = change.phone.unwrap_or(profile.phone.take());
        let mut batch = Batch::new();
        let (mut revoked, mut token) = (Vec::new(), None);
        if let Some(email) = change.email {
            // What was mailed before proves another address than the one that is wanted now.
            revoked = self.shared.book().tokens_of_kind(holder, TokenKind::Verification);
            profile.wanted_email = Some(email).filter(|email| *email != profile.email);
            if let Some(wanted) = &profile.wanted_email {
                // Nobody has the shop flood somebody's mailbox, wished for or their own.
                let now = self.now();
                self.shared.register().may_wish(id, now)?;
                self.shared.change_register(|register| register.note_wish(id, now));
                token = self.want_proof(holder, wanted, &mut batch);
                self.want_mail(MailKind::EmailChangeRequested, to, None, &mut batch);
            }
        }
        self.shared.book().write_removal(&revoked, &mut batch);
        let sealed = self.seal(loaded.person, &loaded.profile)?;
        let view = self.write(id, loaded, CustomerCommand::ChangeProfile(sealed), batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(&revoked);
            if let Some((token, row)) = token {
                book.add_token(token.hash(), row);
            }
        });
        Ok(view)
    }

    /// Has the customer prove the address that they want; where it has an account, its owner is told
    /// instead.
    fn want_proof(
        &self,
        holder: TokenHolder,
        wanted: &str,
        batch: &mut Batch,
    ) -> Option<(Token, TokenRow)> {
        let owner = self.shared.book().holder_of(wanted);
        if let Some(owner) = owner {
            self.want_mail(MailKind::AlreadyRegistered, recipient(owner), None, batch);
            return None;
        }
        let token = self.mail_token(holder, TokenKind::Verification, VERIFIES_FOR, batch);
        self.want_mail(MailKind::EmailChange, recipient(holder), Some(&token.0), batch);
        Some(token)
    }

    async fn change_addresses(
        &self,
        id: CustomerId,
        change: AddressChange,
        expected: Option<u64>,
        keyed: Option<KeyedChange>,
    ) -> Result<Answered<CustomerView>, AccountError> {
        let mut loaded = self.loaded(id, expected)?;
        let book = &mut loaded.profile.addresses;
        match change {
            AddressChange::Add(id, address, preference) => book.add(id, *address, preference),
            AddressChange::Replace(id, address, preference) => {
                book.replace(id, *address, preference)
            }
            AddressChange::Remove(id) => book.remove(id),
        }?;
        let sealed = self.seal(loaded.person, &loaded.profile)?;
        let command = CustomerCommand::ChangeAddresses(sealed);
        self.write_answered(id, loaded, command, Batch::new(), keyed).await
    }

    pub(super) async fn erase(&self, erasure: Erasure) -> Result<(), AccountError> {
        let Erasure { customer: id, wanted_by } = erasure;
        let holder = TokenHolder::Customer(id);
        let tokens = {
            let book = self.shared.book();
            if let WantedBy::Customer(password_hash) = wanted_by {
                book.check_password(holder, password_hash.as_deref())?;
            }
            book.tokens_held(holder, None)
        };
        let Loaded { version, row, .. } = self.loaded(id, None)?;
        let (since, now) = (row.customer.registered_at(), self.now());
        let mut batch = Batch::new();
        for person in row.customer.account().into_iter().flat_map(Account::people) {
            self.shared.vault.forget(person, &mut batch, now);
        }
        self.shared.book().bonds.write_removal(holder, &mut batch);
        let customer = self.decided(id, Some(row.customer), CustomerCommand::Erase, &mut batch)?;
        let row = CustomerRow { customer, password_hash: None };
        batch.put(EntityKey::Customer(id), version, &row);
        self.shared.book().write_removal(&tokens, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(&tokens);
            book.bonds.remove(holder);
            book.remove(holder, since);
        });
        tracing::info!(customer.id = %id, "a customer was erased");
        Ok(())
    }

    /// The customer's row, if it is there and still has the version that is expected.
    pub(super) fn loaded(
        &self,
        id: CustomerId,
        expected: Option<u64>,
    ) -> Result<Loaded, AccountError> {
        let loaded = self.shared.customer(id)?.ok_or(AccountError::Unknown)?;
        match expected {
            Some(version) if version != loaded.version => Err(AccountError::Changed),
            Some(_) | None => Ok(loaded),
        }
    }

    /// Puts what follows from a command into `batch`; gives the customer after it.
    pub(super) fn decided(
        &self,
        id: CustomerId,
        before: Option<Customer>,
        command: CustomerCommand,
        batch: &mut Batch,
    ) -> Result<Customer, AccountError> {
        let now = self.now();
        let events =
            Customer::decide(before.as_ref(), command, now).map_err(|_| AccountError::Unknown)?;
        let mut customer = before;
        for event in events {
            customer = Customer::apply(customer, &event);
            batch.fact(now, Fact::Customer(id, event), vec![]);
        }
        customer.ok_or(AccountError::Unknown)
    }

    /// Makes a change of a customer durable, together with what is in `batch` already.
    pub(super) async fn write(
        &self,
        id: CustomerId,
        loaded: Loaded,
        command: CustomerCommand,
        batch: Batch,
    ) -> Result<CustomerView, AccountError> {
        self.write_answered(id, loaded, command, batch, None).await.map(|answered| answered.value)
    }

    /// As [`Parts::write`], with what is answered to it under an idempotency key.
    async fn write_answered(
        &self,
        id: CustomerId,
        loaded: Loaded,
        command: CustomerCommand,
        mut batch: Batch,
        keyed: Option<KeyedChange>,
    ) -> Result<Answered<CustomerView>, AccountError> {
        let Loaded { version, row, person, profile } = loaded;
        let customer = self.decided(id, Some(row.customer), command, &mut batch)?;
        let row = CustomerRow { customer, ..row };
        batch.put(EntityKey::Customer(id), version, &row);
        let changed =
            Loaded { version: version + 1, row: row.clone(), person, profile: profile.clone() };
        let value = changed.view(id);
        let stored = keyed.map(|keyed| keyed.record(&value, &mut batch, self.now()));
        self.commit(batch).await?;
        self.shared.change(|book| book.put_customer(id, &row, &profile));
        Ok(Answered { value, stored })
    }

    pub(super) fn seal(
        &self,
        person: PersonId,
        profile: &Profile,
    ) -> Result<crate::domain::Sealed, AccountError> {
        let sealed = self.shared.vault.seal(person, PROFILE, &profile.to_bytes());
        sealed.map_err(|_| AccountError::Unknown)
    }
}

pub(super) fn recipient(holder: TokenHolder) -> Addressee {
    match holder {
        TokenHolder::Staff(id) => Addressee::Staff(id),
        TokenHolder::Customer(id) => Addressee::Customer(id),
    }
}
