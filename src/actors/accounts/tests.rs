//! What holds of accounts, whatever is asked at the same time and whatever fails.

use super::customers::recipient;
use super::owner::{Message, Owner, Parts};
use super::sessions::{DECOY, MOST_LOGINS, MOST_TOKENS};
use super::staff::Unless;
use super::*;
use crate::actors::clock::ManualClock;
use crate::actors::directory::Directory;
use crate::actors::pools::{Password, PoolSizes, Pools};
use crate::actors::settle;
use crate::domain::mail::{Mail, MailKind};
use crate::domain::{MailId, Timestamp};
use crate::secrets::{ShopKey, Vault};
use crate::storage::memory::{Fault, MemoryStore};
use crate::storage::records::TokenKind;
use crate::storage::{Batch, Settled, Table};
use futures_util::FutureExt;
use futures_util::future::join_all;
use ractor::Actor;

mod second_factor;

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

    async fn at(store: Arc<MemoryStore>, clock: Arc<ManualClock>, most_passwords: usize) -> Rig {
        let as_store: Arc<dyn Store> = store.clone();
        let sizes = PoolSizes { most_passwords, ..PoolSizes::for_cores(1) };
        let secrets = Pools::start(sizes, Arc::clone(&as_store)).unwrap().secrets();
        let directory = Directory::new(1);
        let vault = Vault::with_key(&*as_store, ShopKey::from_bytes([7; 32])).unwrap();
        let told = vault.clone();
        let (committer, _) =
            Committer::start(Arc::clone(&as_store), move |group: Vec<Settled<Ticket>>| {
                for Settled { batch, outcome, .. } in &group {
                    told.settled(batch, outcome);
                }
                settle::distribute(group, &directory);
            })
            .unwrap();
        let settings = AccountSettings::default();
        let accounts = Accounts::new(as_store, secrets, vault, clock.clone(), settings);
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
        self.accounts.login(EMAIL, password(), LoginWith::default()).await.unwrap()
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
        mailbox.cast(Message::Sweep).unwrap();
        // Behind it in the same mailbox.
        self.accounts.logout(&format!("mct_{}", "0".repeat(64))).await.unwrap();
    }
}

fn password() -> Password {
    PASSWORD.to_owned().into()
}

#[tokio::test]
async fn who_was_let_go_while_they_asked_changes_nothing() {
    let rig = Rig::start().await;
    let accounts = &rig.accounts;
    let create = async |email, role| accounts.create_staff(email, password(), role).await.unwrap();
    let stays = create("grace@example.com", Role::Admin).await;
    let (gone, demoted) = (
        create("eve@example.com", Role::Admin).await,
        create("mallory@example.com", Role::Admin).await,
    );
    accounts.remove_member(gone, stays).await.unwrap();
    accounts.change_role(demoted, Role::Staff, stays).await.unwrap();
    let refused = Some(AccountError::InvalidToken);
    for late in [gone, demoted] {
        let invited = accounts.invite("bob@example.com", Role::Admin, late).await;
        assert_eq!(invited.err(), refused);
        assert_eq!(accounts.change_role(demoted, Role::Admin, late).await.err(), refused);
        assert_eq!(accounts.remove_member(stays, late).await.err(), refused);
        assert_eq!(accounts.reset_totp(stays, late).await.err(), refused);
    }
    assert!(accounts.invite("bob@example.com", Role::Staff, stays).await.is_ok());
}

#[tokio::test]
async fn exchanging_on_and_on_fills_nothing() {
    let rig = Rig::start().await;
    let first = rig.login().await;
    let mut grant = rig.refresh(&first).await.unwrap();
    let mut spent = first;
    for _ in 0..MOST_TOKENS {
        let next = rig.refresh(&grant).await.unwrap();
        spent = std::mem::replace(&mut grant, next);
    }
    assert_eq!(rig.rows(Table::Tokens), MOST_TOKENS as u64);
    let rig = rig.restarted().await;
    let next = rig.refresh(&grant).await.unwrap();
    assert_eq!(rig.rows(Table::Tokens), MOST_TOKENS as u64);
    // A replay is still one.
    assert!(rig.knows(&next));
    assert_eq!(rig.refresh(&spent).await.err(), Some(AccountError::InvalidToken));
    assert!(!rig.knows(&next));
    assert_eq!(rig.rows(Table::Tokens), 0);
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
    let length = Err(AccountError::Password(PasswordRejection::Length));
    assert_eq!(create("eve@b.c", "seven77").await, length);
    let long: String = "violet kettle ä ".chars().cycle().take(128).collect();
    assert!(create("eve@b.c", &long).await.is_ok());
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
    let Caller::Staff(staff) = &caller else { panic!("{caller:?}") };
    assert_eq!((staff.role, &*staff.email), (Role::Admin, EMAIL));
    assert_eq!(rig.restarted().await.accounts.authenticate(grant.access.expose()), Some(caller));
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
    let wrong =
        rig.accounts.login(EMAIL, String::from("wrong horse").into(), LoginWith::default()).await;
    let unknown = rig.accounts.login("eve@example.com", password(), LoginWith::default()).await;
    assert_eq!(wrong.unwrap_err(), AccountError::WrongCredentials);
    assert_eq!(unknown.unwrap_err(), AccountError::WrongCredentials);
    assert!(rig.accounts.login(" ADA@example.com", password(), LoginWith::default()).await.is_ok());
    // Both take a place among the passwords being checked.
    let full = Rig::on(rig.store.clone(), 0).await;
    for email in [EMAIL, "eve@example.com"] {
        let refused = full.accounts.login(email, password(), LoginWith::default()).await;
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
    rig.login().await;
    let (holder, hash) = rig.accounts.shared.book().password_of(EMAIL).unwrap();
    let hash = hash.unwrap();
    // Past the hashing, which is what takes long.
    let login = async || {
        let password_hash = hash.clone();
        let message =
            |reply| Message::Login { holder, password_hash, with: LoginWith::default(), reply };
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
    let (holder, _) = rig.accounts.shared.book().password_of(EMAIL).unwrap();
    let message = |reply| Message::Login {
        holder,
        password_hash: DECOY.into(),
        with: LoginWith::default(),
        reply,
    };
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

#[tokio::test]
async fn a_mail_that_is_durable_before_memory_knows_its_token_finds_its_reader() {
    let rig = Rig::start().await;
    let (holder, _) = rig.accounts.shared.book().password_of(EMAIL).unwrap();
    let (arrive, arrived) = oneshot::channel();
    let (go_on, gone_on) = oneshot::channel::<()>();
    let accounts = rig.accounts.clone();
    let wanting = tokio::spawn(async move {
        let wants = move |parts: Parts| async move {
            let (kind, mut batch) = (TokenKind::PasswordReset, Batch::new());
            let (token, row) = parts.mail_token(holder, kind, Span::hours(1), &mut batch);
            let to = recipient(holder);
            parts.want_mail(MailKind::PasswordReset, to, Some(&token), &mut batch);
            parts.commit(batch).await?;
            arrive.send(()).unwrap();
            gone_on.await.unwrap();
            parts.shared.change(|book| book.add_token(token.hash(), row));
            Ok(token)
        };
        accounts.write(wants).await
    });
    arrived.await.unwrap();
    let mut mails = Vec::new();
    let snapshot = rig.store.snapshot().unwrap();
    let found = |key: &[u8], _, mail: Mail| mails.push((key.try_into().unwrap(), mail));
    snapshot.load_all(Table::Mails, found).unwrap();
    let (id, mail) = mails.pop().unwrap();
    let id = MailId::from_bytes(id);
    let mut letter = Box::pin(rig.accounts.letter(id, &mail));
    assert!(letter.as_mut().now_or_never().is_none(), "it is not over before memory knows");
    go_on.send(()).unwrap();
    let letter = letter.await.unwrap().expect("its recipient is there");
    let token = wanting.await.unwrap().unwrap();
    assert_eq!(letter.address, EMAIL);
    assert_eq!(letter.token.map(|own| own.hash()), Some(token.hash()));
}
