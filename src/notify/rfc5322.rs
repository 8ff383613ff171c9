//! A message as it travels (RFC 5322), with a plain and an HTML part (RFC 2046, section 5.1.4).

use super::Message;
use crate::domain::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who writes, and where answers go.
#[derive(Clone, Debug)]
pub struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

/// The text is no address, such as `shop@example.com` or `My shop <shop@example.com>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no mail address, such as \"My shop <shop@example.com>\"")]
pub struct NotAnAddress;

impl Sender {
    pub fn new(from: &str, reply_to: Option<&str>) -> Result<Sender, NotAnAddress> {
        let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|_| NotAnAddress);
        Ok(Sender { from: mailbox(from)?, reply_to: reply_to.map(mailbox).transpose()? })
    }

    /// A sender that is called `name`. A host that is no domain, such as an IP address, gives way
    /// to `localhost`.
    pub fn of_host(name: &str, host: &str) -> Sender {
        let is_domain = |host: &&str| host.chars().any(char::is_alphabetic) && !host.contains(':');
        let host = Some(host).filter(is_domain).unwrap_or("localhost");
        let address = Address::new("shop", host);
        let address = address.or_else(|_| Address::new("shop", "localhost"));
        let email = address.expect("shop@localhost is an address");
        Sender { from: Mailbox::new(Some(one_line(name)), email), reply_to: None }
    }
}

/// The message with all its headers; an error where the address is none that mail can go to.
pub fn render(message: &Message, sender: &Sender) -> Result<lettre::Message, NotAnAddress> {
    let email: Address = message.email.parse().map_err(|_| NotAnAddress)?;
    let name = message.name.as_deref().map(one_line).filter(|name| !name.is_empty());
    let mut builder = lettre::Message::builder()
        .message_id(Some(format!("<{}@{}>", message.id, sender.from.email.domain())))
        .date(system_time(message.date))
        .from(sender.from.clone())
        .to(Mailbox::new(name, email))
        .subject(one_line(&message.subject));
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    // So that no program answers a program (RFC 3834, section 5).
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let rendered =
        builder.raw_header(HeaderValue::new(automatic, "auto-generated".to_owned())).multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
                .singlepart(part(ContentType::TEXT_HTML, &message.html)),
        );
    rendered.map_err(|_| NotAnAddress)
}

fn part(kind: ContentType, body: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(body.to_owned())
}

/// A header is one line: whatever breaks lines, or is no character to be seen, becomes a blank.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let words = text.split(|c: char| breaks(c) || c == ' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use mail_parser::{HeaderValue, MessageParser};

    pub(in super::super) fn message() -> Message {
        Message {
            id: "mail-1".into(),
            name: Some("Ada Lovelace".into()),
            email: "ada@example.com".into(),
            date: Timestamp::from_millis(1_700_000_000_000),
            subject: "Your order 1001".into(),
            text: "Thank you.\n".into(),
            html: "<p>Thank you.</p>".into(),
        }
    }

    fn sender() -> Sender {
        Sender::new("My shop <shop@shop.example>", Some("help@shop.example")).unwrap()
    }

    fn bytes(message: &Message) -> Vec<u8> {
        render(message, &sender()).unwrap().formatted()
    }

    #[test]
    fn a_message_says_who_when_and_that_no_person_wrote_it() {
        let bytes = bytes(&message());
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.message_id(), Some("mail-1@shop.example"));
        assert_eq!(parsed.date().unwrap().to_rfc3339(), "2023-11-14T22:13:20Z");
        let address = |list: Option<&mail_parser::Address<'_>>| {
            let first = list.unwrap().first().unwrap();
            (first.name().map(str::to_owned), first.address().unwrap().to_owned())
        };
        assert_eq!(address(parsed.from()), (Some("My shop".into()), "shop@shop.example".into()));
        assert_eq!(address(parsed.to()), (Some("Ada Lovelace".into()), "ada@example.com".into()));
        assert_eq!(address(parsed.reply_to()), (None, "help@shop.example".into()));
        let automatic = parsed.header("Auto-Submitted").and_then(HeaderValue::as_text);
        assert_eq!(automatic, Some("auto-generated"));
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), "Thank you.");
        assert_eq!(parsed.body_html(0).unwrap().trim_end(), "<p>Thank you.</p>");
    }

    #[test]
    fn names_and_subjects_of_every_script_come_back_as_they_were() {
        let message = Message {
            name: Some("Zoë \"Ωmega\" Müller, Jr.".into()),
            subject: "注文 1001: ½ Kessel für Zoë – ".repeat(12).trim().to_owned(),
            text: format!("{}\n.\n..dots\n", "ü".repeat(2_000)),
            ..message()
        };
        let bytes = bytes(&message);
        assert!(bytes.is_ascii(), "every server takes it");
        assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.to().unwrap().first().unwrap().name(), message.name.as_deref());
        assert_eq!(parsed.subject(), Some(&*message.subject));
        assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), message.text);
    }

    #[test]
    fn no_name_and_no_subject_makes_a_header() {
        for (evil, seen) in [
            ("Ada\r\nBcc: eve@example.com", "Ada Bcc: eve@example.com"),
            ("Ada\nBcc: eve@example.com", "Ada Bcc: eve@example.com"),
            ("Ada\rBcc: eve@example.com\r\n\r\nbody", "Ada Bcc: eve@example.com body"),
            ("Ada\0\u{85}\u{2028}Bcc: eve@example.com", "Ada Bcc: eve@example.com"),
            ("\"<eve@example.com>, Ada", "\"<eve@example.com>, Ada"),
        ] {
            let evil = Message { name: Some(evil.into()), subject: evil.into(), ..message() };
            let rendered = render(&evil, &sender()).unwrap();
            assert_eq!(rendered.envelope().to().len(), 1);
            let bytes = rendered.formatted();
            let parsed = MessageParser::default().parse(&bytes).unwrap();
            assert!(parsed.bcc().is_none() && parsed.cc().is_none());
            assert_eq!(parsed.to().unwrap().iter().count(), 1);
            assert_eq!(parsed.to().unwrap().first().unwrap().name(), Some(seen));
            assert_eq!(parsed.subject(), Some(seen));
            assert_eq!(parsed.body_text(0).unwrap().trim_end(), "Thank you.");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for bad in ["", "ada", "ada@", "a@b>\r\nRCPT TO:<eve@example.com", "a b@c d"] {
            let bad = Message { email: bad.into(), ..message() };
            assert!(render(&bad, &sender()).is_err(), "{}", bad.email);
        }
        assert_eq!(Sender::new("nobody", None).unwrap_err(), NotAnAddress);
        assert_eq!(Sender::new("a@b.c", Some("nobody")).unwrap_err(), NotAnAddress);
    }

    #[test]
    fn a_shop_without_an_address_writes_from_its_host() {
        for (host, from) in [
            ("shop.example", "\"A, B\" <shop@shop.example>"),
            ("127.0.0.1", "\"A, B\" <shop@localhost>"),
            ("[::1]", "\"A, B\" <shop@localhost>"),
        ] {
            assert_eq!(Sender::of_host("A, B", host).from.to_string(), from);
        }
    }
}
