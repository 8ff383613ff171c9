//! Who has an account and how they prove it: staff and customers, their passwords and their tokens.
//!
//! One actor writes ([`owner`]), so that an address is given once and a refresh token is exchanged
//! once; it waits for each commit, so what is in memory ([`book`]) is durable. Everybody reads: a
//! request is authenticated by one look into a map. Passwords are hashed in their pool before the
//! actor hears of anything, so logins do not stand in line behind each other's hashing. Staff and
//! customers share one set of e-mail addresses and one login.

mod api_keys;
mod book;
mod browser;
mod carts;
mod half_way;
mod identities;
mod invitations;
mod members;
mod owner;
mod register;
mod staff;
mod claims;
mod customers;
mod passwords;
mod mailed;
mod sessions;
pub mod throttle;
mod users;
mod token;
mod totp;
mod where_from;

#[cfg(test)]
mod tests;

pub use api_keys::NewKey;
pub use browser::{Credential, SessionGrant, SessionLife, SessionSettings};
pub use customers::{AddressChange, CustomerView, ProfileChange};
pub use half_way::{HalfWay, Opening};
pub use mailed::{Letter, Proven};
pub use sessions::{Grant, LoginWith};
pub use token::Token;
pub use totp::{Enrolment, SecondFactor, SecondFactorState};
pub use users::{User, UserFilter};
pub use where_from::{Origin, Session};

use super::clock::{Clock, Ids};
use super::engine::Service;
use super::pools::{PoolError, Secrets};
use super::settle::Ticket;
use crate::domain::identity::IdentityRejection;
use crate::domain::password::PasswordRejection;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::profile::AddressRejection;
use crate::domain::staff::{Role, is_email};
use crate::domain::{ApiKeyId, CartId, CustomerId, PersonId, Span, StaffId};
use crate::secrets::Vault;
use crate::storage::records::TokenHolder;
use crate::storage::{Committer, Store, StoreError};
use arc_swap::ArcSwapOption;
use book::Book;
use browser::Extending;
use owner::{Answer, Job, Message, Owner, Parts};
use ractor::ActorRef;
use register::Register;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use throttle::TooManyTries;
use token::hash_of;
use tokio::sync::oneshot;

/// Why there is no account or no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("this is not an e-mail address")]
    InvalidEmail,
    #[error(transparent)]
    Password(#[from] PasswordRejection),
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// One answer to a wrong address and to a wrong password, so that neither can be found out.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    #[error("the token is not valid, or not any more")]
    InvalidToken,
    #[error("there is nothing of that name")]
    NoSuch,
    #[error("this is the last administrator: make somebody else one first")]
    LastAdmin,
    #[error("there are too many of these already: remove some first")]
    TooMany,
    #[error(transparent)]
    Identity(#[from] IdentityRejection),
    #[error("there is no such account")]
    Unknown,
    #[error("it was changed meanwhile")]
    Changed,
    #[error(transparent)]
    Addresses(#[from] AddressRejection),
    #[error("send the code of the second factor too")]
    SecondFactorNeeded,
    #[error("the code of the second factor is wrong, or was used already")]
    SecondFactorWrong,
    #[error("there is a second factor already: remove it first")]
    SecondFactorSet,
    #[error("there is no second factor")]
    NoSecondFactor,
    #[error("your own second factor is removed with a code of it, or by another administrator")]
    OwnSecondFactor,
    #[error(transparent)]
    TooManyTries(#[from] TooManyTries),
    #[error("too many passwords are being checked")]
    Busy,
    /// Nothing that was asked may be taken as done.
    #[error("the shop cannot answer right now")]
    Unavailable,
}

impl From<PoolError> for AccountError {
    fn from(error: PoolError) -> AccountError {
        match error {
            PoolError::Busy => AccountError::Busy,
            PoolError::Failed => AccountError::Unavailable,
        }
    }
}

/// How long tokens are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    pub access_for: Span,
    pub refresh_for: Span,
    pub sessions: SessionSettings,
}

impl Default for AccountSettings {
    fn default() -> AccountSettings {
        let sessions = SessionSettings::default();
        AccountSettings { access_for: Span::hours(1), refresh_for: Span::days(30), sessions }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Staff(StaffCaller),
    Key(KeyCaller),
    Customer(CustomerCaller),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    pub staff: StaffId,
    pub role: Role,
    pub email: Arc<str>,
}

/// A program with an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCaller {
    pub key: ApiKeyId,
    pub scopes: Permissions,
    /// Whoever made the key, which may do no more than they may.
    pub maker: StaffCaller,
}

impl KeyCaller {
    pub fn may(&self, permission: Permission) -> bool {
        self.scopes.contains(permission) && self.maker.role.may(permission)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCaller {
    pub customer: CustomerId,
    pub email: Arc<str>,
    /// Whether it was proven that the customer reads mail to that address.
    pub is_verified: bool,
    /// Everybody whom they are or were when they bought: themselves first.
    pub people: Arc<[PersonId]>,
    /// What they were picking when that was last noted.
    pub cart: Option<CartId>,
}

impl CustomerCaller {
    /// Under whose key it is kept what they buy.
    pub fn person(&self) -> Option<PersonId> {
        self.people.first().copied()
    }
}

impl Caller {
    pub fn email(&self) -> &str {
        match self {
            Caller::Staff(staff) => &staff.email,
            Caller::Key(key) => &key.maker.email,
            Caller::Customer(customer) => &customer.email,
        }
    }

    pub fn holder(&self) -> TokenHolder {
        match self {
            Caller::Staff(staff) => TokenHolder::Staff(staff.staff),
            Caller::Key(key) => TokenHolder::Staff(key.maker.staff),
            Caller::Customer(customer) => TokenHolder::Customer(customer.customer),
        }
    }
}

/// An e-mail address in the form in which it is kept.
fn address(typed: &str) -> Result<String, AccountError> {
    let email = typed.trim().to_lowercase();
    if is_email(&email) { Ok(email) } else { Err(AccountError::InvalidEmail) }
}

/// Asks about accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    shared: Arc<Shared>,
    /// Of the actor, which may have been started again.
    mailbox: Arc<ArcSwapOption<ActorRef<Message>>>,
}

struct Shared {
    book: RwLock<Book>,
    register: RwLock<Register>,
    vault: Vault,
    store: Arc<dyn Store>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    ids: Ids,
    settings: AccountSettings,
    extending: Extending,
}

impl Accounts {
    /// Knows nobody before its [`Accounts::service`] has been started.
    pub fn new(
        store: Arc<dyn Store>,
        secrets: Secrets,
        vault: Vault,
        clock: Arc<dyn Clock>,
        settings: AccountSettings,
    ) -> Accounts {
        let (book, register) = (RwLock::default(), RwLock::default());
        let (ids, extending) = (Ids::new(Arc::clone(&clock)), Extending::default());
        let shared =
            Shared { book, register, vault, store, secrets, clock, ids, settings, extending };
        let shared = Arc::new(shared);
        Accounts { shared, mailbox: Arc::default() }
    }

    /// The actor behind it, for the supervision tree.
    pub fn service(&self, committer: &Committer<Ticket>) -> Service {
        let parts = Parts { shared: Arc::clone(&self.shared), committer: committer.clone() };
        let mailbox = Arc::clone(&self.mailbox);
        Service::new(
            "accounts",
            || Owner,
            parts,
            move |started| {
                mailbox.store(Some(Arc::new(started)));
            },
        )
    }

    /// Whose access token or API key this is. Looks into memory only.
    pub fn authenticate(&self, token: &str) -> Option<Caller> {
        let (hash, now) = (hash_of(token)?, self.shared.clock.now());
        let book = self.shared.book();
        if let Some(caller) = book.caller(&hash, now) {
            if let Some(family) = book.family(&hash) {
                self.shared.register().use_session(&family, now);
            }
            return Some(caller.clone());
        }
        let register = self.shared.register();
        let key = register.use_key(&hash, now)?;
        let maker = book.member(TokenHolder::Staff(key.made_by))?;
        let Caller::Staff(maker) = maker.clone() else { return None };
        Some(Caller::Key(KeyCaller { key: key.id, scopes: key.scopes, maker }))
    }

    /// Has the one writer do something. What it says is durable.
    async fn write<T, F>(
        &self,
        job: impl FnOnce(Parts) -> F + Send + 'static,
    ) -> Result<T, AccountError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AccountError>> + Send + 'static,
    {
        let job = |reply| {
            let job: Job =
                Box::new(|parts| Box::pin(async { owner::answer(job(parts).await, reply) }));
            Message::Job(job)
        };
        self.ask(job).await
    }

    /// As [`Accounts::write`], for what nobody waits for.
    fn tell<F>(&self, job: impl FnOnce(Parts) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), AccountError>> + Send + 'static,
    {
        let job: Job = Box::new(|parts| {
            Box::pin(async { job(parts).await == Err(AccountError::Unavailable) })
        });
        if let Some(mailbox) = &*self.mailbox.load() {
            let _ = mailbox.cast(Message::Job(job));
        }
    }

    /// A sender that was dropped says that nobody can answer: the actor died, or the shop goes down.
    async fn ask<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<T, AccountError> {
        let (reply, answer) = oneshot::channel();
        if let Some(mailbox) = &*self.mailbox.load() {
            let _ = mailbox.cast(message(reply));
        }
        answer.await.unwrap_or(Err(AccountError::Unavailable))
    }
}

impl Shared {
    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Book) -> R) -> R {
        change(&mut self.book.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn register(&self) -> RwLockReadGuard<'_, Register> {
        self.register.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_register<R>(&self, change: impl FnOnce(&mut Register) -> R) -> R {
        change(&mut self.register.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn load(&self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let loaded = Book::load(&*snapshot, &self.vault, self.clock.now())?;
        let register = Register::load(&*snapshot)?;
        self.change(|book| *book = loaded);
        self.change_register(|own| *own = register);
        Ok(())
    }
}
