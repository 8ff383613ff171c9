//! Who runs the shop and how they prove it: members of staff, their passwords and their tokens.
//!
//! One actor writes, so that an address is given once and a refresh token is exchanged once; it
//! waits for each commit, so what is in memory is durable. Everybody reads: a request is
//! authenticated by one look into a map. Passwords are hashed in their pool before the actor hears
//! of anything, so logins do not stand in line behind each other's hashing. Customers' accounts are
//! absent; the shop sells to guests.

mod book;
mod token;

pub use token::Token;

use super::ask::Reply;
use super::clock::{Clock, Ids};
use super::engine::Service;
use super::pools::{Password, PoolError, Secrets};
use super::settle::Ticket;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::staff::{PASSWORD_LENGTH, Role, Staff, StaffEvent, is_email};
use crate::domain::{Span, StaffId, Timestamp};
use crate::storage::records::{TokenHolder, TokenKind, TokenRow};
use crate::storage::{Batch, CommitError, Committer, Store, StoreError};
use arc_swap::ArcSwapOption;
use book::{Book, Exchange, FamilyId, write_token};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use token::{TokenHash, hash_of};
use tokio::sync::oneshot;

/// The most logins of one member at a time; another one ends the one that was unused for longest.
const MOST_LOGINS: usize = 100;

/// How often tokens that have run out are removed.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);

/// What is checked for an address that nobody has: as dear as a real check, and never right.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWVyY2F0LWRlY295LTAwMQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why there is no account or no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("this is not an e-mail address")]
    InvalidEmail,
    #[error(
        "a password has {} to {} characters", PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end()
    )]
    PasswordLength,
    #[error("another member of staff has this e-mail address")]
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
pub struct Caller {
    pub staff: StaffId,
    pub role: Role,
    pub email: Arc<str>,
}

/// What a login is answered with.
#[derive(Debug)]
pub struct Grant {
    pub access: Token,
    pub refresh: Token,
    /// How long the access token is good for.
    pub expires_in: Span,
}

/// Asks about accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    shared: Arc<Shared>,
    /// Of the actor, which may have been started again.
    mailbox: Arc<ArcSwapOption<ActorRef<AccountsMessage>>>,
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

    /// Whether there is any staff.
    pub fn has_staff(&self) -> bool {
        self.shared.book().has_staff()
    }

    pub async fn create_staff(
        &self,
        email: &str,
        password: Password,
        role: Role,
    ) -> Result<StaffId, AccountError> {
        let created = self.create(email, password, role, Unless::EmailTaken).await?;
        created.ok_or(AccountError::EmailTaken)
    }

    /// Creates an admin in a shop that has no staff at all; `None` where there is some.
    pub async fn first_admin(
        &self,
        email: &str,
        password: Password,
    ) -> Result<Option<StaffId>, AccountError> {
        if self.has_staff() {
            return Ok(None);
        }
        self.create(email, password, Role::Admin, Unless::AnyStaff).await
    }

    /// Gives tokens for a password. Takes as long for an address that nobody has.
    pub async fn login(&self, email: &str, password: Password) -> Result<Grant, AccountError> {
        let found = self.shared.book().by_email(&email.trim().to_lowercase()).cloned();
        let hash = found.as_ref().map_or(DECOY, |member| member.password_hash.as_str());
        let is_right = self.shared.secrets.verify(password, hash.to_owned()).await?;
        let Some(member) = found.filter(|_| is_right) else {
            return Err(AccountError::WrongCredentials);
        };
        let (staff, password_hash) = (member.caller.staff, member.password_hash);
        self.ask(|reply| AccountsMessage::Login { staff, password_hash, reply }).await
    }

    /// Exchanges a refresh token for new tokens, once. A second time, somebody has a copy of it, and
    /// all tokens of that login end.
    pub async fn refresh(&self, token: &str) -> Result<Grant, AccountError> {
        let hash = hash_of(token).ok_or(AccountError::InvalidToken)?;
        self.ask(|reply| AccountsMessage::Refresh { hash, reply }).await
    }

    /// Ends all tokens of the login that this one came from; a token that is none is fine.
    pub async fn logout(&self, token: &str) -> Result<(), AccountError> {
        let Some(hash) = hash_of(token) else { return Ok(()) };
        self.ask(|reply| AccountsMessage::Logout { hash, reply }).await
    }

    async fn create(
        &self,
        email: &str,
        password: Password,
        role: Role,
        unless: Unless,
    ) -> Result<Option<StaffId>, AccountError> {
        let email = email.trim().to_lowercase();
        if !is_email(&email) {
            return Err(AccountError::InvalidEmail);
        }
        if !PASSWORD_LENGTH.contains(&password.length()) {
            return Err(AccountError::PasswordLength);
        }
        let password_hash = self.shared.secrets.hash(password).await?;
        self.ask(|reply| AccountsMessage::Create { email, role, password_hash, unless, reply })
            .await
    }

    /// A sender that was dropped says that nobody can answer: the actor died, or the shop goes down.
    async fn ask<T>(
        &self,
        message: impl FnOnce(Answer<T>) -> AccountsMessage,
    ) -> Result<T, AccountError> {
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

type Answer<T> = oneshot::Sender<Result<T, AccountError>>;

/// What keeps an account from being created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unless {
    EmailTaken,
    AnyStaff,
}

enum AccountsMessage {
    Create {
        email: String,
        role: Role,
        password_hash: String,
        unless: Unless,
        reply: Answer<Option<StaffId>>,
    },
    /// The password was found to be right for this hash.
    Login {
        staff: StaffId,
        password_hash: String,
        reply: Answer<Grant>,
    },
    Refresh {
        hash: TokenHash,
        reply: Answer<Grant>,
    },
    Logout {
        hash: TokenHash,
        reply: Answer<()>,
    },
    /// Removes what has run out.
    Sweep,
}

/// The one writer of accounts.
struct Owner;

#[derive(Clone)]
struct Parts {
    shared: Arc<Shared>,
    committer: Committer<Ticket>,
}

impl Actor for Owner {
    type Msg = AccountsMessage;
    type State = Parts;
    type Arguments = Parts;

    /// Forgets what a predecessor may have left half done: what is durable is in the store.
    async fn pre_start(
        &self,
        myself: ActorRef<AccountsMessage>,
        parts: Parts,
    ) -> Result<Parts, ActorProcessingErr> {
        parts.shared.load()?;
        myself.send_interval(SWEEP_PAUSE, || AccountsMessage::Sweep);
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<AccountsMessage>,
        message: AccountsMessage,
        parts: &mut Parts,
    ) -> Result<(), ActorProcessingErr> {
        // Whoever asked may be gone; what was done stays done.
        let failed = match message {
            AccountsMessage::Create { email, role, password_hash, unless, reply } => {
                answer(parts.create(email, role, password_hash, unless).await, reply)
            }
            AccountsMessage::Login { staff, password_hash, reply } => {
                answer(parts.login(staff, &password_hash).await, reply)
            }
            AccountsMessage::Refresh { hash, reply } => answer(parts.refresh(hash).await, reply),
            AccountsMessage::Logout { hash, reply } => answer(parts.logout(hash).await, reply),
            AccountsMessage::Sweep => parts.sweep().await == Err(AccountError::Unavailable),
        };
        if failed {
            // A commit of which nothing is known: the store says what became of it.
            parts.shared.load()?;
        }
        Ok(())
    }
}

/// Sends the answer; says whether memory may have parted from the store.
fn answer<T>(result: Result<T, AccountError>, reply: Answer<T>) -> bool {
    let failed = matches!(result, Err(AccountError::Unavailable));
    let _ = reply.send(result);
    failed
}

impl Parts {
    async fn create(
        &self,
        email: String,
        role: Role,
        password_hash: String,
        unless: Unless,
    ) -> Result<Option<StaffId>, AccountError> {
        let is_there = match unless {
            Unless::EmailTaken => self.shared.book().by_email(&email).is_some(),
            Unless::AnyStaff => self.shared.book().has_staff(),
        };
        if is_there {
            return Ok(None);
        }
        let (id, now) = (self.shared.ids.staff(), self.now());
        let created = StaffEvent::Created { email: email.clone(), role, at: now };
        let staff = Staff { email, role, password_hash, created_at: now, updated_at: now };
        let mut batch = Batch::new();
        batch.fact(now, Fact::Staff(id, created), vec![]);
        batch.put(EntityKey::Staff(id), 0, &staff);
        self.commit(batch).await?;
        self.shared.change(|book| book.add_member(id, &staff));
        tracing::info!(staff.id = %id, role = role.name(), "created an account");
        Ok(Some(id))
    }

    async fn login(&self, staff: StaffId, password_hash: &str) -> Result<Grant, AccountError> {
        let holder = TokenHolder::Staff(staff);
        let surplus: Vec<TokenHash> = {
            let book = self.shared.book();
            book.check_password(staff, password_hash)?;
            let surplus = book.surplus(holder, MOST_LOGINS);
            surplus.iter().flat_map(|family| book.tokens_of(family)).collect()
        };
        let mut family = FamilyId::default();
        family.copy_from_slice(&self.shared.ids.secret()[..16]);
        self.grant(holder, family, None, &surplus).await
    }

    async fn refresh(&self, hash: TokenHash) -> Result<Grant, AccountError> {
        let exchange = self.shared.book().exchange(&hash, self.now());
        match exchange {
            None => Err(AccountError::InvalidToken),
            Some(Exchange::Current(row)) => {
                self.grant(row.holder, row.family, Some(row.expires_at), &[]).await
            }
            Some(Exchange::Spent(family)) => {
                tracing::warn!("a spent refresh token was used again; its login has ended");
                self.end(family).await?;
                Err(AccountError::InvalidToken)
            }
        }
    }

    async fn logout(&self, hash: TokenHash) -> Result<(), AccountError> {
        let family = self.shared.book().family(&hash);
        match family {
            Some(family) => self.end(family).await,
            None => Ok(()),
        }
    }

    async fn sweep(&self) -> Result<(), AccountError> {
        let expired = self.shared.book().expired(self.now());
        self.remove(&expired).await
    }

    /// Makes a pair of tokens durable, and removes `surplus` in the same commit. The refresh token
    /// runs out after the one that it follows, for that is what makes it the newest.
    async fn grant(
        &self,
        holder: TokenHolder,
        family: FamilyId,
        follows: Option<Timestamp>,
        surplus: &[TokenHash],
    ) -> Result<Grant, AccountError> {
        let AccountSettings { access_for, refresh_for } = self.shared.settings;
        let (now, ids) = (self.now(), &self.shared.ids);
        let after = follows.map(|at| at.plus(Span::millis(1)));
        let refresh_until = now.plus(refresh_for).max(after.unwrap_or_default());
        let token = |kind, expires_at| {
            let token = Token::new(ids.secret());
            (token, TokenRow { holder, kind, expires_at, family })
        };
        let pair = [
            token(TokenKind::Access, now.plus(access_for)),
            token(TokenKind::Refresh, refresh_until),
        ];
        let mut batch = Batch::new();
        for (token, row) in &pair {
            write_token(&token.hash(), row, &mut batch);
        }
        self.shared.book().write_removal(surplus, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(surplus);
            for (token, row) in &pair {
                book.add_token(token.hash(), *row);
            }
        });
        let [(access, _), (refresh, _)] = pair;
        Ok(Grant { access, refresh, expires_in: access_for })
    }

    async fn end(&self, family: FamilyId) -> Result<(), AccountError> {
        let hashes = self.shared.book().tokens_of(&family);
        self.remove(&hashes).await
    }

    async fn remove(&self, hashes: &[TokenHash]) -> Result<(), AccountError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        self.shared.book().write_removal(hashes, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| book.remove_tokens(hashes));
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<(), AccountError> {
        let (done, settled) = oneshot::channel();
        let reply = Reply::new(move |outcome| {
            let _ = done.send(outcome.map_err(CommitError::clone));
        });
        self.committer.submit(batch, Ticket::of_service(reply));
        match settled.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "a change of accounts is not durable");
                Err(AccountError::Unavailable)
            }
            Err(_) => Err(AccountError::Unavailable),
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::clock::ManualClock;
    use crate::actors::directory::Directory;
    use crate::actors::pools::{PoolSizes, Pools};
    use crate::actors::settle;
    use crate::storage::Table;
    use crate::storage::memory::{Fault, MemoryStore};
    use futures_util::future::join_all;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const EMAIL: &str = "ada@example.com";
    const PASSWORD: &str = "correct horse";

    struct Rig {
        store: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
        accounts: Accounts,
    }

    impl Rig {
        /// A shop with one admin.
        async fn start() -> Rig {
            let rig = Rig::on(Arc::new(MemoryStore::new()), 100).await;
            assert!(rig.accounts.first_admin(EMAIL, password()).await.unwrap().is_some());
            rig
        }

        async fn on(store: Arc<MemoryStore>, most_passwords: usize) -> Rig {
            let clock = Arc::new(ManualClock::at(NOON));
            Rig::at(store, clock, most_passwords).await
        }

        async fn at(
            store: Arc<MemoryStore>,
            clock: Arc<ManualClock>,
            most_passwords: usize,
        ) -> Rig {
            let as_store: Arc<dyn Store> = store.clone();
            let sizes = PoolSizes { most_passwords, ..PoolSizes::for_cores(1) };
            let secrets = Pools::start(sizes, Arc::clone(&as_store)).unwrap().secrets();
            let directory = Directory::new(1);
            let (committer, _) = Committer::start(Arc::clone(&as_store), move |group| {
                settle::distribute(group, &directory);
            })
            .unwrap();
            let settings = AccountSettings::default();
            let accounts = Accounts::new(as_store, secrets, clock.clone(), settings);
            let parts = Parts { shared: Arc::clone(&accounts.shared), committer };
            let (mailbox, _) = Actor::spawn(None, Owner, parts).await.unwrap();
            accounts.mailbox.store(Some(Arc::new(mailbox)));
            Rig { store, clock, accounts }
        }

        /// The same shop after a crash.
        async fn restarted(&self) -> Rig {
            Rig::at(self.store.clone(), self.clock.clone(), 100).await
        }

        async fn login(&self) -> Grant {
            self.accounts.login(EMAIL, password()).await.unwrap()
        }

        async fn refresh(&self, grant: &Grant) -> Result<Grant, AccountError> {
            self.accounts.refresh(grant.refresh.expose()).await
        }

        fn knows(&self, grant: &Grant) -> bool {
            self.accounts.authenticate(grant.access.expose()).is_some()
        }

        fn rows(&self, table: Table) -> u64 {
            self.store.snapshot().unwrap().count(table).unwrap()
        }

        async fn sweep(&self) {
            let mailbox = self.accounts.mailbox.load_full().unwrap();
            mailbox.cast(AccountsMessage::Sweep).unwrap();
            // Behind it in the same mailbox.
            self.accounts.logout(&format!("mct_{}", "0".repeat(64))).await.unwrap();
        }
    }

    fn password() -> Password {
        PASSWORD.to_owned().into()
    }

    #[tokio::test]
    async fn the_first_admin_is_made_only_in_a_shop_without_staff() {
        let rig = Rig::start().await;
        let (accounts, other) = (&rig.accounts, "eve@example.com");
        assert_eq!(accounts.first_admin(other, password()).await, Ok(None));
        assert_eq!(rig.restarted().await.accounts.first_admin(other, password()).await, Ok(None));
        // As if two had found no staff at the same time.
        let late = accounts.create(other, password(), Role::Admin, Unless::AnyStaff).await;
        assert_eq!(late, Ok(None));
        assert_eq!(rig.rows(Table::Staff), 1);
        assert_eq!(rig.rows(Table::Events), 1);
    }

    #[tokio::test]
    async fn an_address_belongs_to_one_member_whatever_its_case() {
        let rig = Rig::start().await;
        let create = |email: &'static str, password: &str| {
            rig.accounts.create_staff(email, password.to_owned().into(), Role::Staff)
        };
        assert_eq!(create("Ada@Example.COM ", PASSWORD).await, Err(AccountError::EmailTaken));
        assert_eq!(create("ada", PASSWORD).await, Err(AccountError::InvalidEmail));
        assert_eq!(create("eve@b.c", "seven77").await, Err(AccountError::PasswordLength));
        assert_eq!(create("eve@b.c", &"ä".repeat(129)).await, Err(AccountError::PasswordLength));
        assert!(create("eve@b.c", &"ä".repeat(128)).await.is_ok());
        let twins = join_all([create("twin@b.c", PASSWORD), create("TWIN@b.c", PASSWORD)]).await;
        assert_eq!(twins.iter().filter(|twin| twin.is_ok()).count(), 1);
        assert_eq!(rig.rows(Table::Staff), 3);
    }

    #[tokio::test]
    async fn a_login_opens_the_door_until_its_token_runs_out_or_is_given_back() {
        let rig = Rig::start().await;
        let grant = rig.login().await;
        assert_eq!(grant.expires_in, Span::hours(1));
        let caller = rig.accounts.authenticate(grant.access.expose()).unwrap();
        assert_eq!((caller.role, &*caller.email), (Role::Admin, EMAIL));
        assert_eq!(
            rig.restarted().await.accounts.authenticate(grant.access.expose()),
            Some(caller)
        );
        for bad in ["", "mct_", grant.refresh.expose(), &grant.access.expose().to_uppercase()] {
            assert_eq!(rig.accounts.authenticate(bad), None, "{bad}");
        }
        rig.clock.set(NOON.plus(Span::hours(1)));
        assert!(!rig.knows(&grant));

        let (grant, other) = (rig.login().await, rig.login().await);
        rig.accounts.logout(grant.access.expose()).await.unwrap();
        rig.accounts.logout("no token").await.unwrap();
        assert!(!rig.knows(&grant) && rig.knows(&other));
        let restarted = rig.restarted().await;
        assert!(!restarted.knows(&grant) && restarted.knows(&other));
        assert_eq!(rig.refresh(&grant).await.unwrap_err(), AccountError::InvalidToken);
    }

    #[tokio::test]
    async fn a_wrong_address_and_a_wrong_password_are_told_apart_by_nobody() {
        let rig = Rig::start().await;
        let wrong = rig.accounts.login(EMAIL, String::from("wrong horse").into()).await;
        let unknown = rig.accounts.login("eve@example.com", password()).await;
        assert_eq!(wrong.unwrap_err(), AccountError::WrongCredentials);
        assert_eq!(unknown.unwrap_err(), AccountError::WrongCredentials);
        assert!(rig.accounts.login(" ADA@example.com", password()).await.is_ok());
        // Both take a place among the passwords being checked.
        let full = Rig::on(rig.store.clone(), 0).await;
        for email in [EMAIL, "eve@example.com"] {
            let refused = full.accounts.login(email, password()).await;
            assert_eq!(refused.unwrap_err(), AccountError::Busy);
        }
    }

    #[tokio::test]
    async fn the_decoy_is_as_dear_to_check_as_a_password() {
        let rig = Rig::on(Arc::new(MemoryStore::new()), 100).await;
        let secrets = &rig.accounts.shared.secrets;
        let real = secrets.hash(password()).await.unwrap();
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        let lengths = |phc: &str| phc.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(parameters(DECOY), parameters(&real));
        assert_eq!(lengths(DECOY), lengths(&real));
        assert_eq!(secrets.verify(password(), DECOY.to_owned()).await, Ok(false));
    }

    #[tokio::test]
    async fn a_refresh_token_is_exchanged_once_and_a_copy_ends_the_login() {
        let rig = Rig::start().await;
        let other = rig.login().await;
        let first = rig.login().await;
        let second = rig.refresh(&first).await.unwrap();
        let third = rig.refresh(&second).await.unwrap();
        assert!(rig.knows(&first) && rig.knows(&second) && rig.knows(&third));
        let access = rig.accounts.refresh(third.access.expose()).await;
        assert_eq!(access.unwrap_err(), AccountError::InvalidToken, "it is of the other kind");

        // What is spent stays so after a start.
        let rig = rig.restarted().await;
        let fourth = rig.refresh(&third).await.unwrap();
        assert_eq!(rig.refresh(&second).await.unwrap_err(), AccountError::InvalidToken);
        assert!(!rig.knows(&first) && !rig.knows(&fourth), "the whole login has ended");
        assert_eq!(rig.refresh(&fourth).await.unwrap_err(), AccountError::InvalidToken);
        let restarted = rig.restarted().await;
        assert!(!restarted.knows(&fourth) && restarted.knows(&other));
        assert!(rig.refresh(&other).await.is_ok());
    }

    #[tokio::test]
    async fn two_exchanges_at_once_give_one_pair_of_tokens() {
        let rig = Rig::start().await;
        let grant = rig.login().await;
        let both = join_all([rig.refresh(&grant), rig.refresh(&grant)]).await;
        assert_eq!(both.iter().filter(|grant| grant.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn tokens_are_kept_as_hashes_and_removed_when_they_have_run_out() {
        let rig = Rig::start().await;
        let grant = rig.login().await;
        let secret = grant.access.expose().trim_start_matches("mct_").as_bytes().to_vec();
        let mut found = false;
        let snapshot = rig.store.snapshot().unwrap();
        for table in Table::ALL {
            let mut visit = |key: &[u8], row: &[u8]| {
                let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
                found |= holds(key) || holds(row);
                std::ops::ControlFlow::Continue(())
            };
            let forward = crate::storage::Direction::Forward;
            snapshot.scan(table, &[], None, forward, &mut visit).unwrap();
        }
        assert!(!found);

        assert_eq!(rig.rows(Table::Tokens), 2);
        rig.clock.set(NOON.plus(Span::hours(1)));
        rig.sweep().await;
        assert_eq!(rig.rows(Table::Tokens), 1);
        assert!(rig.refresh(&grant).await.is_ok());
        rig.clock.set(NOON.plus(Span::days(31)));
        assert_eq!(rig.refresh(&grant).await.unwrap_err(), AccountError::InvalidToken);
        rig.sweep().await;
        assert_eq!(rig.rows(Table::Tokens), 0);
    }

    #[tokio::test]
    async fn a_member_has_a_bounded_number_of_logins() {
        let rig = Rig::start().await;
        let staff = rig.accounts.authenticate(rig.login().await.access.expose()).unwrap().staff;
        let hash = rig.accounts.shared.book().by_email(EMAIL).unwrap().password_hash.clone();
        // Past the hashing, which is what takes long.
        let login = async || {
            let password_hash = hash.clone();
            let message = |reply| AccountsMessage::Login { staff, password_hash, reply };
            rig.accounts.ask(message).await.unwrap()
        };
        rig.clock.set(NOON.plus(Span::seconds(1)));
        let oldest = login().await;
        rig.clock.set(NOON.plus(Span::seconds(2)));
        let mut newest = None;
        for _ in 0..MOST_LOGINS {
            newest = Some(login().await);
        }
        assert!(!rig.knows(&oldest) && rig.knows(&newest.unwrap()));
        assert_eq!(rig.rows(Table::Tokens), 2 * MOST_LOGINS as u64);
        assert!(rig.restarted().await.accounts.authenticate(oldest.access.expose()).is_none());
    }

    #[tokio::test]
    async fn a_password_that_changed_during_the_login_is_no_good_any_more() {
        let rig = Rig::start().await;
        let staff = rig.accounts.authenticate(rig.login().await.access.expose()).unwrap().staff;
        let message = |reply| AccountsMessage::Login { staff, password_hash: DECOY.into(), reply };
        let late = rig.accounts.ask(message).await;
        assert_eq!(late.unwrap_err(), AccountError::WrongCredentials);
    }

    #[tokio::test]
    async fn after_a_failed_commit_memory_is_what_the_store_says() {
        let rig = Rig::start().await;
        let grant = rig.login().await;
        for (fault, is_there) in [(Fault::Lost, true), (Fault::Kept, false)] {
            rig.store.inject([fault]);
            let ended = rig.accounts.logout(grant.access.expose()).await;
            assert_eq!(ended, Err(AccountError::Unavailable));
            // Behind it in the same mailbox, so memory has been read again.
            rig.sweep().await;
            assert_eq!(rig.knows(&grant), is_there);
        }
        rig.store.inject([Fault::Kept]);
        let create = || rig.accounts.create_staff("eve@b.c", password(), Role::Staff);
        assert_eq!(create().await, Err(AccountError::Unavailable));
        assert_eq!(create().await, Err(AccountError::EmailTaken));
    }
}
