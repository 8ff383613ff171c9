//! Customers, as journeys need them: registered, verified, logged in, and their mailboxes.

use crate::goods::text;
use crate::testshop::{Answer, TestShop};
use mercat::domain::MailId;
use mercat::domain::mail::{Mail, MailKind};
use mercat::storage::Table;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

pub const PASSWORD: &str = "violet kettle orchard";

pub async fn register(shop: &TestShop, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ada Lovelace" });
    shop.post("/v1/auth/register").json(body).send().await
}

pub async fn login(shop: &TestShop, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    shop.post("/v1/auth/login").json(body).send().await
}

/// A customer who is registered and logged in; gives the access token.
pub async fn unverified(shop: &TestShop, email: &str) -> String {
    register(shop, email).await.expect(202);
    text(&login(shop, email, PASSWORD).await.expect(200).json(), "accessToken").to_owned()
}

/// As [`unverified`], with a verified address.
pub async fn customer(shop: &TestShop, email: &str) -> String {
    let access = unverified(shop, email).await;
    let token = mailbox(shop, email).await.token(MailKind::Verification);
    verify(shop, &token).await.expect(204);
    access
}

pub async fn verify(shop: &TestShop, token: &str) -> Answer {
    shop.post("/v1/auth/verify").json(json!({ "token": token, "password": PASSWORD })).send().await
}

pub async fn me(shop: &TestShop, access: &str) -> Value {
    shop.get("/v1/users/me").bearer(access).send().await.expect(200).json()
}

/// All mails to one address that are good for something, oldest first, with their tokens.
pub struct Mailbox(Vec<(MailKind, Option<String>)>);

pub async fn mailbox(shop: &TestShop, email: &str) -> Mailbox {
    let (mut all, mut mails, shop) = (Vec::new(), Vec::new(), &shop.shop);
    let found = |key: &[u8], _, mail: Mail| all.push((key.try_into().unwrap(), mail));
    shop.reads.snapshot().unwrap().load_all(Table::Mails, found).unwrap();
    for (id, mail) in all {
        let letter = shop.accounts.letter(MailId::from_bytes(id), &mail).await.unwrap();
        if let Some(letter) = letter.filter(|letter| letter.address == email) {
            let token = letter.token.map(|own| own.expose().to_owned());
            mails.push((mail.wanted_at, mail.kind, token));
        }
    }
    mails.sort_by_key(|(at, ..)| *at);
    Mailbox(mails.into_iter().map(|(_, kind, token)| (kind, token)).collect())
}

impl Mailbox {
    pub fn count(&self, kind: MailKind) -> usize {
        self.0.iter().filter(|(own, _)| *own == kind).count()
    }

    pub fn total(&self) -> usize {
        self.0.len()
    }

    /// What the newest mail of that kind brings.
    #[track_caller]
    pub fn token(&self, kind: MailKind) -> String {
        let newest = self.0.iter().rev().find(|(own, _)| *own == kind);
        let (_, token) = newest.unwrap_or_else(|| panic!("no {kind:?}"));
        token.clone().unwrap_or_else(|| panic!("{kind:?} brings none"))
    }
}

/// The link in a mail opened as a person does it: the page is read, its form is sent with this
/// password. Gives the answer to the form.
pub async fn follow(shop: &TestShop, link: &str, password: &str) -> Answer {
    let page = shop.get(link).send().await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let html = page.text();
    let (_, rest) = html.split_once("name=\"token\" value=\"").expect("a form");
    let token = rest.split_once('"').unwrap().0;
    let (path, _) = link.split_once('?').unwrap();
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = format!("token={}&password={}", encoded(token), encoded(password));
    shop.post(path).body("application/x-www-form-urlencoded", form).send().await
}
