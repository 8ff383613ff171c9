//! Mails, from an order to a mailbox: sent once, whatever the mail server does, and in nobody's way.

use crate::goods::{buy, by_hand, fill, paid_order, shelve, text, with_token};
use crate::mailserver::{MailServer, Turn};
use crate::people::{PASSWORD, register};
use crate::testshop::TestShop;
use mail_parser::{Message, MessageParser};
use mercat::domain::{Seq, Span, Timestamp};
use mercat::notify::smtp::{Encryption, Password, Smtp, SmtpError, SmtpSettings};
use mercat::notify::{DeliveryError, Message as Letter, Notifier};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// A shop with mugs on the shelf, whose mails go to `server`.
pub async fn shop_with(server: &MailServer) -> TestShop {
    let shop = TestShop::mailing(server.notifier()).await;
    shelve(&shop, &[("MUG", 1_250, 100)]).await;
    shop
}

/// Has everything sent that is due.
pub async fn round(shop: &TestShop) {
    shop.shop.mails.as_ref().unwrap().round().await;
}

#[track_caller]
pub fn parsed(raw: &str) -> Message<'_> {
    MessageParser::default().parse(raw.as_bytes()).unwrap()
}

/// The first link to the shop in a text, as a path.
#[track_caller]
pub fn link(text: &str) -> String {
    let (_, rest) = text.split_once("http://shop.example/").expect("a link to the shop");
    let end = rest.find(|c: char| c.is_whitespace() || "\"<".contains(c)).unwrap_or(rest.len());
    format!("/{}", &rest[..end])
}

/// How many events of this type the log holds.
pub fn count(shop: &TestShop, event: &str) -> usize {
    let log = shop.shop.reads.events_after(Seq(0), 10_000).unwrap();
    log.iter().filter(|one| one.fact.type_name() == event).count()
}

/// What the shop says of its mails: `up` or `down`, and how many wait.
pub async fn standing(shop: &TestShop) -> (String, Value) {
    let ready = shop.get("/readyz").send().await.expect(200).json();
    (text(&ready["mail"], "state").to_owned(), ready["mail"]["waiting"].clone())
}

fn message_ids(inbox: &[String]) -> Vec<String> {
    inbox.iter().map(|raw| parsed(raw).message_id().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_confirmed_once_with_a_link_that_leads_to_it() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    let cart = fill(&shop, &[("MUG", 2)]).await;
    let order = buy(&shop, &cart, with_token("tok_visa")).await.expect(201).json();
    round(&shop).await;
    let inbox = server.inbox();
    assert_eq!(inbox.len(), 1);
    let mail = parsed(&inbox[0]);
    let to = mail.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("Ada Lovelace"), Some("ada@example.com")));
    assert_eq!(mail.subject(), Some("Your order 1001"));
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2023-11-14T22:13:20Z");
    assert!(mail.message_id().unwrap().ends_with("@shop.example"));
    for part in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
        for word in ["The MUG", "2 × 12.50 USD", "30.00 USD", "Market Street", "Acme &"] {
            assert!(part.contains(word), "{word} is not in {part}");
        }
        let link = link(&part);
        assert!(link.starts_with(&format!("/orders/{}?key=", text(&order, "orderId"))), "{link}");
        let seen = shop.get(&link).send().await.expect(200).text();
        assert!(seen.contains("<h1>Order 1001</h1>") && seen.contains("12 Market Street"));
    }
    // Neither another look nor another run of the shop sends it again.
    round(&shop).await;
    let shop = shop.restarted().await;
    round(&shop).await;
    assert_eq!(server.inbox().len(), 1);
    assert_eq!((count(&shop, "mail.wanted"), count(&shop, "mail.sent")), (1, 1));
    assert_eq!(standing(&shop).await, ("up".to_owned(), json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_order_that_stands_is_confirmed() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    buy(&shop, &cart, with_token("tok_declined")).await.expect(402);
    let cart = fill(&shop, &[("MUG", 1)]).await;
    buy(&shop, &cart, with_token("tok_action")).await.expect(201);
    round(&shop).await;
    assert_eq!(server.inbox(), [""; 0], "neither is paid");
    // Money that is taken by hand: the order stands at once, and being paid is no further news.
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy(&shop, &cart, by_hand()).await.expect(201).json();
    round(&shop).await;
    let inbox = server.inbox();
    assert_eq!(inbox.len(), 1);
    assert!(parsed(&inbox[0]).body_text(0).unwrap().contains("until 21 November 2023"));
    let (order, payment) = (text(&order, "orderId"), text(&order["payment"], "paymentId"));
    let capture = format!("/v1/orders/{order}/payments/{payment}/capture");
    shop.post(&capture).staff().key("capture").send().await.expect(200);
    round(&shop).await;
    assert_eq!(server.inbox().len(), 1);
    // Called off before its mail could go.
    server.go_down();
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy(&shop, &cart, by_hand()).await.expect(201).json();
    round(&shop).await;
    let cancel = format!("/v1/orders/{}/cancel", text(&order, "orderId"));
    shop.post(&cancel).staff().key("cancel").send().await.expect(200);
    server.come_back();
    shop.pass(Span::minutes(2));
    round(&shop).await;
    assert_eq!((server.inbox().len(), count(&shop, "mail.given_up")), (1, 1));
    assert_eq!(standing(&shop).await.1, json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_put_off_is_tried_again_later() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.then([Turn::Answer(450), Turn::Answer(421)]);
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    round(&shop).await;
    assert_eq!((server.inbox().len(), standing(&shop).await.1), (0, json!(1)), "not at once");
    // Other mails do not wait for it, and it outlives the shop's run.
    let shop = shop.restarted().await;
    shop.pass(Span::minutes(2));
    round(&shop).await;
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    assert_eq!((server.inbox().len(), standing(&shop).await.1), (1, json!(1)));
    shop.pass(Span::minutes(3));
    round(&shop).await;
    assert_eq!((server.inbox().len(), standing(&shop).await.1), (2, json!(0)));
    assert_eq!(count(&shop, "mail.sent"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_is_given_up() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.then([Turn::Answer(550)]);
    paid_order(&shop, "MUG").await;
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    shop.pass(Span::days(1));
    round(&shop).await;
    assert_eq!((server.inbox().len(), standing(&shop).await.1), (1, json!(0)));
    let sent = (count(&shop, "mail.sent"), count(&shop, "mail.given_up"));
    assert_eq!(sent, (1, 1));
    let figures = shop.get("/metrics").send().await.expect(200).text();
    for line in [
        "mercat_mails_waiting 0\n",
        "mercat_mails_total{outcome=\"sent\"} 1\n",
        "mercat_mails_total{outcome=\"given_up\"} 1\n",
    ] {
        assert!(figures.contains(line), "{line} is not in {figures}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_has_the_same_mail_sent_again_and_a_heard_one_does_not() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.then([Turn::LostBefore]);
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    shop.pass(Span::minutes(2));
    round(&shop).await;
    let ids = message_ids(&server.inbox());
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "the repeat can be recognised");
    assert_eq!(count(&shop, "mail.sent"), 1);

    server.then([Turn::LostAfter]);
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    shop.pass(Span::minutes(2));
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    let ids = message_ids(&server.inbox());
    assert_eq!(ids.len(), 4);
    assert!(ids[1] != ids[2] && ids[2] != ids[3], "{ids:?}");
    assert_eq!(count(&shop, "mail.sent"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_note_repeats_the_mail_under_its_own_name() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    paid_order(&shop, "MUG").await;
    server.hold();
    let handle = shop.shop.mails.clone().unwrap();
    let sending = tokio::spawn(async move { handle.round().await });
    server.holds(1).await;
    // What is on the disk while the mail server has the message and nothing says so.
    let left = tempfile::tempdir().unwrap();
    for name in ["mercat.redb", "mercat.key"] {
        fs::copy(shop.folder.path().join(name), left.path().join(name)).unwrap();
    }
    server.release();
    sending.await.unwrap();
    assert_eq!(server.inbox().len(), 1);
    let twin = shop.twin(left).await;
    round(&twin).await;
    let ids = message_ids(&server.inbox());
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert_eq!(count(&twin, "mail.sent"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_holds_up_mails_alone() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_down();
    for _ in 0..6 {
        paid_order(&shop, "MUG").await;
        round(&shop).await;
    }
    assert_eq!(standing(&shop).await, ("down".to_owned(), json!(6)));
    shop.eventually("/v1/search?q=mug", |found| found["meta"]["totalItems"] == 1).await;
    // It costs no mail a try: when it is back, all of them go, however long it was away.
    for _ in 0..20 {
        shop.pass(Span::minutes(2));
        round(&shop).await;
    }
    let shop = shop.restarted().await;
    server.come_back();
    shop.pass(Span::minutes(2));
    round(&shop).await;
    assert_eq!((server.inbox().len(), standing(&shop).await), (6, ("up".to_owned(), json!(0))));
    let mut ids = message_ids(&server.inbox());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_in_a_mail_verifies_the_address_and_sets_a_password() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    register(&shop, "grace@example.com").await.expect(202);
    round(&shop).await;
    let token = |raw: &str| {
        let text = parsed(raw).body_text(0).unwrap().into_owned();
        link(&text).split_once("?token=").unwrap().1.to_owned()
    };
    let inbox = server.inbox();
    assert_eq!(inbox.len(), 1);
    let to = parsed(&inbox[0]).to().unwrap().first().unwrap().address().unwrap().to_owned();
    assert_eq!(to, "grace@example.com");
    let verify = json!({ "token": token(&inbox[0]), "password": PASSWORD });
    shop.post("/v1/auth/verify").json(verify.clone()).send().await.expect(204);
    shop.post("/v1/auth/verify").json(verify).send().await.expect(401);
    // A forgotten password; and nothing to an address that nobody has.
    for email in ["grace@example.com", "nobody@example.com"] {
        let forgot = json!({ "email": email });
        shop.post("/v1/auth/password/forgot").json(forgot).send().await.expect(202);
    }
    round(&shop).await;
    let inbox = server.inbox();
    assert_eq!(inbox.len(), 2);
    let reset = json!({ "token": token(&inbox[1]), "password": "another long password 42" });
    shop.post("/v1/auth/password/reset").json(reset).send().await.expect(204);
    round(&shop).await;
    let changed = &server.inbox()[2];
    assert!(parsed(changed).subject().unwrap().ends_with("Your password was changed"));
    // Neither the log that callers see nor the disk has a token in it.
    let disk = fs::read(shop.folder.path().join("mercat.redb")).unwrap();
    for raw in &inbox {
        let token = token(raw);
        assert!(!disk.windows(token.len()).any(|part| part == token.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_not_tried_for_ever() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_down();
    paid_order(&shop, "MUG").await;
    round(&shop).await;
    shop.pass(Span::days(6));
    server.come_back();
    round(&shop).await;
    assert_eq!((server.inbox().len(), count(&shop, "mail.given_up")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn few_mails_are_under_way_at_once() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.hold();
    for _ in 0..10 {
        paid_order(&shop, "MUG").await;
    }
    server.holds(4).await;
    server.release();
    server.takes(10).await;
    assert_eq!(server.most_held(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_says_nothing_does_not_keep_the_shop_open() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.hold();
    paid_order(&shop, "MUG").await;
    server.holds(1).await;
    // The answer never comes, and the shop's end waits for it but a moment.
    let shop = shop.restarted().await;
    assert_eq!(standing(&shop).await.0, "up");
    server.release();
    server.takes(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_hangs_holds_up_nothing_but_mails() {
    let server = MailServer::open().await;
    let shop = shop_with(&server).await;
    server.go_silent();
    paid_order(&shop, "MUG").await;
    server.is_knocked(1).await;
    for _ in 0..5 {
        paid_order(&shop, "MUG").await;
    }
    shop.eventually("/v1/search?q=mug", |found| found["meta"]["totalItems"] == 1).await;
    // The consumer itself goes on too: it takes in what comes while four mails hang.
    shop.eventually("/readyz", |ready| ready["mail"]["waiting"] == 6).await;
    assert_eq!(server.inbox(), [""; 0]);
    server.speak();
    server.takes(6).await;
}

fn letter() -> Letter {
    Letter {
        id: "mail-1".into(),
        name: None,
        email: "ada@example.com".into(),
        date: Timestamp::from_millis(0),
        subject: "Hello".into(),
        text: "Hello.".into(),
        html: "<p>Hello.</p>".into(),
    }
}

/// One letter that cannot be handed over, and why.
async fn refused(settings: SmtpSettings) -> String {
    match Smtp::new(settings).unwrap().deliver(&letter()).await {
        Err(DeliveryError::Unreachable { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_says_nothing_is_left_after_a_while() {
    let server = MailServer::open().await;
    server.go_silent();
    let patience = Duration::from_millis(20);
    let why = refused(SmtpSettings { patience, ..server.settings() }).await;
    assert_eq!(why, "no answer within 20 ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_unencrypted_where_encryption_is_set() {
    let server = MailServer::open().await;
    let login = Some(("shop".into(), Password::new("geheim".into())));
    let host = "localhost".to_owned();
    let settings = SmtpSettings { host, login, ..server.settings() };
    // Whoever sits on the line can leave STARTTLS out of the server's greeting.
    for encryption in [Encryption::StartTls, Encryption::Required] {
        refused(SmtpSettings { encryption, ..settings.clone() }).await;
    }
    let heard = server.heard();
    let is_harmless = |line: &String| line.starts_with("EHLO") || line == "QUIT";
    assert!(heard.iter().any(|line| line.starts_with("EHLO")), "it was asked: {heard:?}");
    assert!(heard.iter().all(is_harmless), "{heard:?}");
    for host in ["mail.example", "localhost.example", "10.0.0.1", "::2"] {
        let settings = SmtpSettings { host: host.into(), ..settings.clone() };
        assert!(matches!(Smtp::new(settings), Err(SmtpError::InTheClear)), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_the_server_repeats_is_repeated_no_further() {
    let server = MailServer::open().await;
    let login = Some(("shop".into(), Password::new("geheim".into())));
    let why = refused(SmtpSettings { login, ..server.settings() }).await;
    assert_eq!(why, "the mail server answered 535");
    // It was told: printf '\0shop\0geheim' | base64
    assert!(server.heard().contains(&"AUTH PLAIN AHNob3AAZ2VoZWlt".to_owned()));
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")));
}
