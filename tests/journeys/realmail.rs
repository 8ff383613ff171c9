//! Mails to a mail server that others wrote (aiosmtpd), encrypted and with a login. It runs where
//! `MERCAT_TEST_SMTP` is the Python that has it; `.ci/run` sees to that.

use crate::goods::{paid_order, shelve};
use crate::mail::link;
use crate::people::{PASSWORD, follow, me, unverified};
use crate::testshop::TestShop;
use mail_parser::{Message, MessageParser};
use mercat::notify::rfc5322::Sender;
use mercat::notify::smtp::{Encryption, Password, Smtp, SmtpSettings};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail");

/// A running server; it ends with this.
struct Server {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// `None` where there is none on this machine.
    fn start(tls: &str) -> Option<Server> {
        let Some(python) = std::env::var_os("MERCAT_TEST_SMTP") else {
            // Past the test harness, which keeps what a test that passes prints to itself.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: the tests against a real mail server; MERCAT_TEST_SMTP does not name a Python with aiosmtpd"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(python)
            .arg(format!("{FIXTURES}/server.py"))
            .arg(folder.path())
            .arg(tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("MERCAT_TEST_SMTP can be started");
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the server says its port");
        Some(Server { process, folder, port })
    }

    fn settings(&self, encryption: Encryption) -> SmtpSettings {
        SmtpSettings {
            host: "localhost".into(),
            port: self.port,
            encryption,
            login: Some(("shop".into(), Password::new("geheim".into()))),
            authority: Some(fs::read(format!("{FIXTURES}/ca.pem")).unwrap()),
            patience: Duration::from_secs(120),
            sender: Sender::new("Acme <shop@shop.example>", None).unwrap(),
        }
    }

    fn inbox(&self) -> Vec<Vec<u8>> {
        let kept = fs::read_dir(self.folder.path()).unwrap();
        kept.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One order, and one look at what is to be mailed.
async fn order_with(settings: SmtpSettings) -> TestShop {
    let shop = TestShop::mailing(Arc::new(Smtp::new(settings).unwrap())).await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    paid_order(&shop, "MUG").await;
    shop.shop.mails.as_ref().unwrap().round().await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_reach_a_real_mail_server() {
    for (tls, encryption) in
        [("starttls", Encryption::StartTls), ("required", Encryption::Required)]
    {
        let Some(server) = Server::start(tls) else { return };
        let shop = order_with(server.settings(encryption)).await;
        // On the same connection.
        paid_order(&shop, "MUG").await;
        shop.shop.mails.as_ref().unwrap().round().await;
        let inbox = server.inbox();
        assert_eq!(inbox.len(), 2, "{tls}");
        for raw in &inbox {
            let mail = MessageParser::default().parse(raw).unwrap();
            assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("ada@example.com"));
            assert!(mail.body_text(0).unwrap().contains("1 × 12.50 USD"));
        }
        assert_eq!(shop.shop.figures(Default::default()).mails_waiting, 0);
        // And the link of one is followed.
        let access = unverified(&shop, "grace@example.com").await;
        shop.shop.mails.as_ref().unwrap().round().await;
        let inbox = server.inbox();
        let mut mails = inbox.iter().map(|raw| MessageParser::default().parse(raw).unwrap());
        let is_hers = |mail: &Message<'_>| {
            mail.to().unwrap().first().unwrap().address() == Some("grace@example.com")
        };
        let mail = mails.find(is_hers).unwrap();
        let links =
            [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()].map(|part| link(&part));
        assert_eq!(links[0], links[1]);
        follow(&shop, &links[0], PASSWORD).await.expect(200);
        assert_eq!(me(&shop, &access).await["emailVerified"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_mail_server_that_is_not_trusted_or_does_not_trust_us_gets_nothing() {
    let Some(server) = Server::start("starttls") else { return };
    let settings = server.settings(Encryption::StartTls);
    let wrong = Some(("shop".into(), Password::new("wrong".into())));
    for settings in [
        SmtpSettings { authority: None, ..settings.clone() },
        SmtpSettings { login: wrong, ..settings.clone() },
        // It would need encryption from the first byte.
        SmtpSettings { encryption: Encryption::Required, ..settings.clone() },
    ] {
        let shop = order_with(settings).await;
        let figures = shop.shop.figures(Default::default());
        assert_eq!((figures.mails_waiting, figures.mails_held_up), (1, true));
    }
    assert_eq!(server.inbox().len(), 0);
}
