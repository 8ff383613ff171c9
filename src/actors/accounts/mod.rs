//! Who has an account and how they prove it: staff and customers, their passwords and their tokens.
//!
//! One actor writes ([`owner`]), so that an address is given once and a refresh token is exchanged
//! once; it waits for each commit, so what is in memory ([`book`]) is durable. Everybody reads: a
//! request is authenticated by one look into a map. Passwords are hashed in their pool before the
//! actor hears of anything, so logins do not stand in line behind each other's hashing. Staff and
//! customers share one set of e-mail addresses and one login.

mod book;
mod owner;
mod sessions;
mod staff;
pub mod throttle;
mod token;

#[cfg(test)]
mod tests;

pub use sessions::Grant;
pub use token::Token;

use super::clock::{Clock, Ids};
use super::engine::Service;
use super::pools::{PoolError, Secrets};
use super::settle::Ticket;
use crate::domain::staff::{PASSWORD_LENGTH, Role};
use crate::domain::{CustomerId, Span, StaffId};
use crate::storage::{Committer, Store, StoreError};
use arc_swap::ArcSwapOption;
use book::Book;
use owner::{Answer, Message, Owner, Parts};
use ractor::ActorRef;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use token::hash_of;
use tokio::sync::oneshot;

/// Why there is no account or no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("this is not an e-mail address")]
    InvalidEmail,
    #[error(
        "a password has {} to {} characters", PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end()
    )]
    PasswordLength,
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// One answer to a wrong address and to a wrong password, so that neither can be found out.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    #[error("the token is not valid, or not any more")]
    InvalidToken,
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
}

impl Default for AccountSettings {
    fn default() -> AccountSettings {
        AccountSettings { access_for: Span::hours(1), refresh_for: Span::days(30) }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Staff(StaffCaller),
    Customer(CustomerCaller),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    pub staff: StaffId,
    pub role: Role,
    pub email: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCaller {
    pub customer: CustomerId,
    pub email: Arc<str>,
    /// Whether it was proven that the customer reads mail to that address.
    pub is_verified: bool,
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
    store: Arc<dyn Store>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    ids: Ids,
    settings: AccountSettings,
}

impl Accounts {
    /// Knows nobody before its [`Accounts::service`] has been started.
    pub fn new(
        store: Arc<dyn Store>,
        secrets: Secrets,
        clock: Arc<dyn Clock>,
        settings: AccountSettings,
    ) -> Accounts {
        let (book, ids) = (RwLock::default(), Ids::new(Arc::clone(&clock)));
        let shared = Arc::new(Shared { book, store, secrets, clock, ids, settings });
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

    /// Whose access token this is. Looks into memory only.
    pub fn authenticate(&self, token: &str) -> Option<Caller> {
        let hash = hash_of(token)?;
        self.shared.book().caller(&hash, self.shared.clock.now()).cloned()
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

    fn load(&self) -> Result<(), StoreError> {
        let loaded = Book::load(&*self.store.snapshot()?, self.clock.now())?;
        self.change(|book| *book = loaded);
        Ok(())
    }
}
