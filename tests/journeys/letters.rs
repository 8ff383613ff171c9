//! Whom mails go to: those who are invited, and nobody who was erased, withdrawn or forgotten.

use crate::goods::{paid_order, text};
use crate::mail::{count, link, parsed, round, shop_with, standing};
use crate::mailserver::MailServer;
use crate::people::{PASSWORD, follow, login, me, unverified};
use crate::testshop::TestShop;
use mercat::actors::ask::Reply;
use mercat::actors::settle::Ticket;
use mercat::domain::mail::Mail;
use mercat::domain::{Seq, Span};
use mercat::storage::records::WaitingMail;
use mercat::storage::{Batch, Stored, Table};
use serde_json::{Value, json};
use tokio::sync::oneshot;

async fn invite(shop: &TestShop, email: &str) -> Value {
    let body = json!({ "email": email, "role": "staff" });
    shop.post("/v1/staff/invitations").staff().json(body).send().await.expect(201).json()
}

async fn commit(shop: &TestShop, batch: Batch) {
    let (done, settled) = oneshot::channel();
    let reply = Reply::new(move |outcome| done.send(outcome.is_ok()).unwrap());
    shop.shop.engine.committer.submit(batch, Ticket::of_service(reply));
    assert!(settled.await.unwrap());
}

/// Brings the server back and has everything sent that waited for it.
async fn come_back(shop: &TestShop, server: &MailServer) {
    server.come_back();
    shop.pass(Span::minutes(2));
    round(shop).await;
    assert_eq!(standing(shop).await.1, json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_invited_hears_of_it_and_can_join() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    let invitation = invite(&shop, "grace@shop.example").await;
    round(&shop).await;
    round(&shop).await;
    let shop = shop.restarted().await;
    round(&shop).await;
    let inbox = server.inbox();
    assert_eq!(inbox.len(), 1, "once");
    let mail = parsed(&inbox[0]);
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("grace@shop.example"));
    let link = link(&mail.body_text(0).unwrap());
    let (_, token) = link.split_once("?token=").unwrap();
    assert_eq!(token, text(&invitation, "token"));
    follow(&shop, &link, PASSWORD).await.expect(200);
    login(&shop, "grace@shop.example", PASSWORD).await.expect(200);
    // The mail itself knows the invitation alone, and no more of the token than a seal.
    let wanted = shop.shop.reads.events_after(Seq(0), 10_000).unwrap();
    let wanted = wanted.iter().filter(|event| event.fact.type_name() == "mail.wanted");
    for event in wanted {
        let event = format!("{event:?}");
        assert!(!event.contains("grace") && !event.contains(token), "{event}");
    }
    assert_eq!((count(&shop, "mail.wanted"), count(&shop, "mail.sent")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_a_person_once_and_for_whoever_only_looks_never() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    let access = unverified(&shop, "ada@example.com").await;
    round(&shop).await;
    let confirm = link(&parsed(&server.inbox()[0]).body_html(0).unwrap());
    // As a program does that looks through mailboxes.
    for _ in 0..2 {
        shop.get(&confirm).send().await.expect(200);
    }
    assert_eq!(me(&shop, &access).await["emailVerified"], false);
    // Whoever reads the mail and does not know the password did not open the account.
    let stranger = follow(&shop, &confirm, "a guess of theirs").await.expect(422).text();
    assert!(stranger.contains("role=\"alert\"") && !stranger.contains("guess"), "{stranger}");
    assert_eq!(me(&shop, &access).await["emailVerified"], false);
    follow(&shop, &confirm, PASSWORD).await.expect(200);
    assert_eq!(me(&shop, &access).await["emailVerified"], true);
    let again = follow(&shop, &confirm, PASSWORD).await.expect(410).text();
    assert!(again.contains("good no more"), "{again}");

    let forgot = json!({ "email": "ada@example.com" });
    shop.post("/v1/auth/password/forgot").json(forgot).send().await.expect(202);
    round(&shop).await;
    let choose = link(&parsed(&server.inbox()[1]).body_text(0).unwrap());
    // A password that is refused costs nothing but another try.
    let weak = follow(&shop, &choose, "password1").await.expect(422).text();
    assert!(weak.contains("role=\"alert\"") && !weak.contains("password1"), "{weak}");
    let other = "marble & lantern + quarry";
    follow(&shop, &choose, other).await.expect(200);
    login(&shop, "ada@example.com", other).await.expect(200);
    follow(&shop, &choose, PASSWORD).await.expect(410);
    // What is not what the page sends changes nothing; what is in a link is shown as text alone.
    let wrong = |kind, body: &'static str| shop.post("/account/confirm").body(kind, body).send();
    wrong("application/json", "{}").await.expect(415);
    wrong("application/x-www-form-urlencoded", "password=x").await.expect(422);
    wrong("application/x-www-form-urlencoded", "token=x&admin=1").await.expect(422);
    let evil = shop.get("/account/confirm?token=%22%3E%3Cscript%3E").send().await.expect(200);
    assert!(!evil.text().contains("\"><script") && evil.text().contains("&#34;&#62;&#60;script"));
    // The address that holds the token is told to nobody.
    assert_eq!(evil.header("referrer-policy"), "no-referrer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_was_withdrawn_or_replaced_is_not_mailed() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_down();
    let withdrawn = invite(&shop, "eve@shop.example").await;
    let path = format!("/v1/staff/invitations/{}", text(&withdrawn, "invitationId"));
    invite(&shop, "grace@shop.example").await;
    let newer = invite(&shop, "grace@shop.example").await;
    round(&shop).await;
    shop.delete(&path).staff().send().await.expect(204);
    come_back(&shop, &server).await;
    let inbox = server.inbox();
    assert_eq!((inbox.len(), count(&shop, "mail.given_up")), (1, 2));
    assert!(parsed(&inbox[0]).body_text(0).unwrap().contains(text(&newer, "token")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_while_mails_waited_gets_none() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_down();
    let access = unverified(&shop, "ada@example.com").await;
    // Tried while its link is good: the wish for another address makes it pointless.
    round(&shop).await;
    // One to the old address without a token, one to the new one with a token.
    let wish = json!({ "email": "ada@example.org", "currentPassword": PASSWORD });
    shop.put("/v1/users/me").bearer(&access).json(wish).send().await.expect(200);
    round(&shop).await;
    assert_eq!(standing(&shop).await, ("down".to_owned(), json!(3)));
    let body = json!({ "password": PASSWORD });
    shop.delete("/v1/users/me").bearer(&access).json(body).send().await.expect(204);
    come_back(&shop, &server).await;
    assert_eq!((server.inbox().len(), count(&shop, "mail.given_up")), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_buyer_was_forgotten_is_not_confirmed() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_down();
    let order = paid_order(&shop, "MUG").await;
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    let id = text(&order, "orderId").parse().unwrap();
    let (_, kept) = shop.shop.reads.order(id).unwrap().unwrap();
    let mut batch = Batch::new();
    shop.shop.vault.forget(kept.placed.recipient.person, &mut batch, shop.shop.env.now());
    commit(&shop, batch).await;
    come_back(&shop, &server).await;
    assert_eq!((server.inbox().len(), count(&shop, "mail.given_up")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_mailed_twice_by_a_cursor_that_was_set_back() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    paid_order(&shop, "MUG").await;
    unverified(&shop, "ada@example.com").await;
    invite(&shop, "grace@shop.example").await;
    round(&shop).await;
    server.go_down();
    unverified(&shop, "grace@example.com").await;
    round(&shop).await;
    let mut batch = Batch::new();
    batch.row(Table::Cursors, mercat::actors::consumers::mail::CURSOR.to_vec(), None);
    // As if those that are over waited still.
    let snapshot = shop.shop.reads.snapshot().unwrap();
    let again = WaitingMail { tries: 0, next_at: shop.shop.env.now() };
    let wait = |key: &[u8], _: u64, _: Mail| {
        batch.row(Table::MailsWaiting, key.to_vec(), Some(again.to_bytes()));
    };
    snapshot.load_all(Table::Mails, wait).unwrap();
    drop(snapshot);
    commit(&shop, batch).await;
    let shop = shop.restarted().await;
    come_back(&shop, &server).await;
    assert_eq!(server.inbox().len(), 4);
    let counts = ["mail.wanted", "mail.sent", "mail.given_up"].map(|event| count(&shop, event));
    assert_eq!(counts, [4, 4, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_a_way_says_so_and_keeps_mails_for_when_there_is_one() {
    let shop = TestShop::open().await;
    unverified(&shop, "ada@example.com").await;
    assert_eq!(standing(&shop).await.0, "off");
    let server = MailServer::open().await;
    let shop = shop.now_mailing(server.notifier()).await;
    round(&shop).await;
    assert_eq!(server.inbox().len(), 1);
    assert_eq!(standing(&shop).await, ("up".to_owned(), json!(0)));
}
