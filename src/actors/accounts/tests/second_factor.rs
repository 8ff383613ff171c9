//! What holds of second factors and of the logins that are listed, past the hashing of passwords.

use super::super::where_from::{Origin, context};
use super::*;
use crate::domain::SessionId;
use crate::storage::Direction;
use crate::storage::records::SessionRow;
use crate::storage::table::parse_timed_key;
use std::ops::ControlFlow;
use totp_rs::{Builder, Secret};

impl Rig {
    /// The administrator, and the hash of their password.
    fn admin(&self) -> (StaffId, String) {
        let found = self.accounts.shared.book().password_of(EMAIL);
        let Some((TokenHolder::Staff(id), Some(hash))) = found else { panic!("no admin") };
        (id, hash)
    }

    /// Logs in with a password that was found to be right.
    async fn enter(&self, second: Option<SecondFactor>) -> Result<Grant, AccountError> {
        let (id, password_hash) = self.admin();
        let origin = Origin::new([192, 0, 2, 1].into(), "a browser");
        let (holder, with) =
            (TokenHolder::Staff(id), LoginWith { second, origin, ..LoginWith::default() });
        let message = |reply| Message::Login { holder, password_hash, with, reply };
        self.accounts.ask(message).await
    }

    async fn enrol(&self) -> (String, Vec<String>) {
        let (id, _) = self.admin();
        let secret = self.accounts.begin_totp(id).await.unwrap().secret;
        let codes = self.accounts.confirm_totp(id, self.code(&secret)).await.unwrap();
        (secret, codes)
    }

    /// What an authenticator with that seed shows now.
    fn code(&self, secret: &str) -> String {
        let seed = Secret::try_from_base32(secret).unwrap();
        let totp = Builder::new().with_secret(seed).with_account_name("ada").build().unwrap();
        totp.generate(self.clock.now().as_millis().unsigned_abs() / 1_000).to_string()
    }

    fn pass(&self, span: Span) {
        self.clock.set(self.clock.now().plus(span));
    }

    /// Every byte that the store has.
    fn everything(&self) -> Vec<u8> {
        let (snapshot, mut all) = (self.store.snapshot().unwrap(), Vec::new());
        for table in Table::ALL {
            let mut keep = |key: &[u8], row: &[u8]| {
                all.extend_from_slice(key);
                all.extend_from_slice(row);
                ControlFlow::Continue(())
            };
            snapshot.scan(table, &[], None, Direction::Forward, &mut keep).unwrap();
        }
        all
    }

    fn session(&self) -> (Timestamp, SessionId, SessionRow) {
        let (snapshot, mut found) = (self.store.snapshot().unwrap(), None);
        let mut keep = |key: &[u8], row: &[u8]| {
            let (made_at, family) = parse_timed_key(key).unwrap();
            let id = SessionId::from_bytes(family.try_into().unwrap());
            found = Some((made_at, id, crate::storage::Stored::from_bytes(row).unwrap()));
            ControlFlow::Continue(())
        };
        snapshot.scan(Table::Sessions, &[], None, Direction::Forward, &mut keep).unwrap();
        found.unwrap()
    }
}

fn totp(code: &str) -> Option<SecondFactor> {
    Some(SecondFactor::Totp(code.to_owned()))
}

fn recovery(code: &str) -> Option<SecondFactor> {
    Some(SecondFactor::RecoveryCode(code.to_owned()))
}

/// A code that the seed does not show now, nor a step before or after.
fn wrong(rig: &Rig, secret: &str) -> String {
    let near = [-30, 0, 30].map(|seconds| {
        let now = rig.clock.now();
        rig.clock.set(now.plus(Span::seconds(seconds)));
        let code = rig.code(secret);
        rig.clock.set(now);
        code
    });
    (0..).map(|i| format!("{i:06}")).find(|code| !near.contains(code)).unwrap()
}

#[tokio::test]
async fn neither_seed_nor_recovery_code_nor_device_is_stored_in_the_clear() {
    let rig = Rig::start().await;
    let (secret, codes) = rig.enrol().await;
    rig.pass(Span::minutes(1));
    rig.enter(totp(&rig.code(&secret))).await.unwrap();
    let all = rig.everything();
    let has = |text: &[u8]| all.windows(text.len()).any(|window| window == text);
    assert!(has(EMAIL.as_bytes()), "what is looked through is what is stored");
    let seed = Secret::try_from_base32(&secret).unwrap();
    assert!(!has(seed.as_bytes()) && !has(secret.as_bytes()));
    assert!(!has(b"a browser") && !has(b"192.0.2.1"));
    for code in &codes {
        assert!(!has(code.as_bytes()) && !has(code.replace('-', "").as_bytes()));
    }
}

#[tokio::test]
async fn of_many_logins_with_one_code_one_gets_in() {
    let rig = Rig::start().await;
    let (secret, codes) = rig.enrol().await;
    rig.pass(Span::minutes(1));
    let code = rig.code(&secret);
    for second in [totp(&code), recovery(&codes[3])] {
        let entered = join_all((0..5).map(|_| rig.enter(second.clone()))).await;
        assert_eq!(entered.iter().filter(|one| one.is_ok()).count(), 1);
        let refused: Vec<_> = entered.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused, [AccountError::SecondFactorWrong; 4]);
    }
    let left = SecondFactorState::On { recovery_codes_left: 9 };
    assert_eq!(rig.restarted().await.accounts.second_factor(rig.admin().0), left);
}

#[tokio::test]
async fn codes_are_not_guessed_from_many_places_and_a_recovery_code_always_helps() {
    let rig = Rig::start().await;
    let (secret, codes) = rig.enrol().await;
    rig.pass(Span::minutes(1));
    let guess = wrong(&rig, &secret);
    for _ in 0..10 {
        assert_eq!(rig.enter(totp(&guess)).await.unwrap_err(), AccountError::SecondFactorWrong);
    }
    let refused = rig.enter(totp(&rig.code(&secret))).await.unwrap_err();
    assert!(matches!(refused, AccountError::TooManyTries(_)), "{refused:?}");
    rig.pass(Span::seconds(1));
    assert_eq!(rig.enter(totp(&guess)).await.unwrap_err(), AccountError::SecondFactorWrong);
    // Twice as long.
    rig.pass(Span::seconds(1));
    let refused = rig.enter(totp(&rig.code(&secret))).await.unwrap_err();
    assert!(matches!(refused, AccountError::TooManyTries(_)), "{refused:?}");
    rig.enter(recovery(&codes[0])).await.unwrap();
    // Something right was shown, so the count begins anew.
    assert_eq!(rig.enter(totp(&guess)).await.unwrap_err(), AccountError::SecondFactorWrong);
    rig.enter(totp(&rig.code(&secret))).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_failed_spends_no_code() {
    let rig = Rig::start().await;
    let (secret, codes) = rig.enrol().await;
    rig.pass(Span::minutes(1));
    for second in [totp(&rig.code(&secret)), recovery(&codes[0])] {
        rig.store.inject([Fault::Lost]);
        assert_eq!(rig.enter(second.clone()).await.unwrap_err(), AccountError::Unavailable);
        rig.enter(second).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_is_remembered_until_it_ends() {
    let rig = Rig::start().await;
    let (id, _) = rig.admin();
    let holder = TokenHolder::Staff(id);
    let grant = rig.enter(None).await.unwrap();
    rig.pass(Span::minutes(59));
    assert!(rig.knows(&grant));
    // Known in memory, and not worth a write yet.
    rig.sweep().await;
    assert_eq!(rig.session().2.used_at, NOON);
    let used_at = rig.accounts.sessions(holder).unwrap()[0].used_at;
    assert!(used_at > NOON.plus(Span::minutes(58)) && used_at <= rig.clock.now());
    let grant = rig.refresh(&grant).await.unwrap();
    rig.pass(Span::minutes(2));
    assert!(rig.knows(&grant));
    rig.sweep().await;
    let restarted = rig.restarted().await;
    let listed = restarted.accounts.sessions(holder).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].made_at, listed[0].address.as_str()), (NOON, "192.0.2.1"));
    assert!(listed[0].used_at > NOON.plus(Span::minutes(60)));
    assert_eq!(listed[0].id, rig.session().1);
    rig.accounts.logout(grant.access.expose()).await.unwrap();
    assert_eq!(rig.accounts.sessions(holder).unwrap(), []);
    rig.sweep().await;
    assert_eq!(rig.rows(Table::Sessions), 0);
}

#[tokio::test]
async fn where_a_customer_logged_in_is_forgotten_with_them() {
    let rig = Rig::start().await;
    let email = "grace@example.com";
    rig.accounts.register(email, "violet kettle orchard".to_owned().into(), None).await.unwrap();
    let found = rig.accounts.shared.book().password_of(email);
    let Some((TokenHolder::Customer(id), Some(hash))) = found else { panic!("no customer") };
    let holder = TokenHolder::Customer(id);
    let origin = Origin::new([192, 0, 2, 1].into(), "a browser");
    let with = LoginWith { origin, ..LoginWith::default() };
    let message = |reply| Message::Login { holder, password_hash: hash, with, reply };
    rig.accounts.ask(message).await.unwrap();
    // The mail that verifies the address is no login.
    let listed = rig.accounts.sessions(holder).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].address.as_str(), listed[0].device.as_str()), ("192.0.2.1", "a browser"));
    let (vault, (_, session, row)) = (&rig.accounts.shared.vault, rig.session());
    let person = rig.accounts.customer(id).unwrap().unwrap().person;
    let opened = vault.open(person, &context(session), &row.origin);
    assert!(opened.is_ok());
    assert!(vault.open_for_shop(&row.origin, &context(session)).is_err());
    let password = "violet kettle orchard".to_owned().into();
    rig.accounts.erase(id, Some(password)).await.unwrap();
    rig.sweep().await;
    assert_eq!(rig.rows(Table::Sessions), 0);
    assert!(vault.open(person, &context(session), &row.origin).is_err());
}
