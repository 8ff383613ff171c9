//! Settings of mails: who writes, and which way.

use super::{ConfigError, value};
use crate::notify::rfc5322::Sender;
use crate::notify::smtp::{Encryption, Password, SmtpSettings};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Whose mails they are, such as `My shop <shop@example.com>`; needed with `mail.smtp`, and
    /// otherwise `shop@` and the host of the public URL.
    pub from: Option<String>,
    /// Where answers go; default: to `from`.
    pub reply_to: Option<String>,
    /// The server that takes mails to people.
    pub smtp: Option<SmtpServer>,
    /// Where mails are kept as files instead, with all that is in them; nothing takes them away.
    /// With neither this nor a server, mails wait.
    pub folder: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpServer {
    pub host: String,
    /// Default: 465, 587 or 25, as `tls` says.
    pub port: Option<u16>,
    /// Default: `required`.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Default: none, and no login.
    pub user: Option<String>,
    /// Also from `MERCAT_SMTP_PASSWORD`.
    #[serde(default, deserialize_with = "password")]
    pub password: Option<Password>,
    /// Certificates (PEM) of an authority of one's own, trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long the server may take to take a connection, and again to take a mail; default 60 000.
    pub timeout_ms: Option<u32>,
}

/// How the way to the server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// From the first byte.
    #[default]
    Required,
    /// After a greeting in the clear, or not at all.
    Starttls,
    /// Not at all: to this machine alone.
    None,
}

/// Which way mails go.
#[derive(Debug)]
pub enum MailWay {
    Smtp(SmtpSettings),
    Folder { path: PathBuf, sender: Sender },
}

impl Mail {
    /// The way that is set, for a shop called `shop` whose public URL has this host.
    /// `None` where none is.
    pub fn way(&self, shop: &str, host: &str) -> Result<Option<MailWay>, ConfigError> {
        let sender = match &self.from {
            Some(from) => Sender::new(from, self.reply_to.as_deref())
                .map_err(|error| value("mail.from, mail.reply_to".into(), &error.to_string()))?,
            None if self.smtp.is_some() => {
                return Err(value("mail.from".into(), "is needed where mail.smtp is set"));
            }
            None if self.reply_to.is_some() => {
                return Err(value("mail.from".into(), "is needed where mail.reply_to is set"));
            }
            None => Sender::of_host(shop, host),
        };
        match (&self.smtp, &self.folder) {
            (Some(_), Some(_)) => Err(value("mail".into(), "set either mail.smtp or mail.folder")),
            (Some(server), None) => server.settings(sender).map(|way| Some(MailWay::Smtp(way))),
            (None, Some(path)) => Ok(Some(MailWay::Folder { path: path.clone(), sender })),
            (None, None) => Ok(None),
        }
    }
}

impl SmtpServer {
    fn settings(&self, sender: Sender) -> Result<SmtpSettings, ConfigError> {
        let (encryption, usual_port) = match self.tls {
            SmtpTls::Required => (Encryption::Required, 465),
            SmtpTls::Starttls => (Encryption::StartTls, 587),
            SmtpTls::None => (Encryption::None, 25),
        };
        let login = match (&self.user, &self.password) {
            (Some(user), Some(password)) => Some((user.clone(), password.clone())),
            (None, None) => None,
            (Some(_), None) => {
                return Err(value(
                    "mail.smtp.password".into(),
                    "is needed (or MERCAT_SMTP_PASSWORD)",
                ));
            }
            (None, Some(_)) => {
                return Err(value("mail.smtp.user".into(), "is needed where there is a password"));
            }
        };
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|source| ConfigError::Read { path: path.clone(), source })
        };
        Ok(SmtpSettings {
            host: self.host.clone(),
            port: self.port.unwrap_or(usual_port),
            encryption,
            login,
            authority: self.ca_file.as_ref().map(read).transpose()?,
            patience: Duration::from_millis(self.timeout_ms.unwrap_or(60_000).into()),
            sender,
        })
    }
}

/// What is no text is not repeated in the error: it may be the password without its quotes.
fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Password>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => Ok(Some(Password::new(text))),
        _ => Err(D::Error::custom("the password must be text in quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn way(text: &str) -> Result<Option<MailWay>, String> {
        let mail = Config::parse(text).unwrap().mail;
        mail.way("Alder", "shop.example").map_err(|error| error.to_string())
    }

    #[track_caller]
    fn smtp(text: &str) -> SmtpSettings {
        let text = format!("[mail]\nfrom = \"shop@shop.example\"\n[mail.smtp]\n{text}");
        match way(&text) {
            Ok(Some(MailWay::Smtp(settings))) => settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn mails_are_files_only_where_that_is_said() {
        assert!(matches!(way(""), Ok(None)));
        assert!(matches!(way("mail.from = \"a@b.example\""), Ok(None)));
        match way("mail.folder = \"/m\"") {
            Ok(Some(MailWay::Folder { path, .. })) => assert_eq!(path, PathBuf::from("/m")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_way_to_a_server_is_encrypted_unless_it_is_said_otherwise() {
        for (tls, encryption, port) in [
            ("", Encryption::Required, 465),
            ("tls = \"required\"", Encryption::Required, 465),
            ("tls = \"starttls\"", Encryption::StartTls, 587),
            ("tls = \"none\"", Encryption::None, 25),
        ] {
            let settings = smtp(&format!("host = \"localhost\"\n{tls}"));
            assert_eq!((settings.encryption, settings.port), (encryption, port), "{tls}");
        }
        assert_eq!(smtp("host = \"a\"\nport = 2525").port, 2_525);
    }

    #[test]
    fn a_password_needs_a_user_and_is_never_printed() {
        let text = "host = \"a\"\nuser = \"shop\"\npassword = \"geheim\"";
        let settings = smtp(text);
        assert_eq!(settings.login, Some(("shop".into(), Password::new("geheim".into()))));
        assert!(!format!("{settings:?}").contains("geheim"));
        let config = Config::parse(&format!("[mail.smtp]\n{text}")).unwrap();
        assert!(!format!("{config:?}").contains("geheim"));
        for (text, number) in [
            ("host = \"a\"\npassword = \"geheim", 3),
            ("host = \"a\"\npassword = geheim", 3),
            ("host = \"a\"\npassword = [\"geheim\"]", 3),
            ("password = \"geheim\"\nhost = 7", 3),
            ("passwort = \"geheim\"", 2),
        ] {
            let error = Config::parse(&format!("[mail.smtp]\n{text}")).unwrap_err();
            assert!(error.starts_with(&format!("line {number}: ")), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
        let error = Config::parse("[mail.smtp]\nhost = \"a\"\npassword = 271828").unwrap_err();
        assert!(error.contains("in quotes") && !error.contains("271828"), "{error}");
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let from = "[mail]\nfrom = \"shop@shop.example\"\n";
        for (text, word) in [
            ("[mail]\nfrom = \"nobody\"".to_owned(), "mail.from"),
            ("[mail]\nreply_to = \"a@b.example\"".to_owned(), "mail.from"),
            ("[mail.smtp]\nhost = \"a\"".to_owned(), "mail.from"),
            (format!("{from}folder = \"m\"\n[mail.smtp]\nhost = \"a\""), "either"),
            (format!("{from}[mail.smtp]\nhost = \"a\"\nuser = \"u\""), "mail.smtp.password"),
            (format!("{from}[mail.smtp]\nhost = \"a\"\npassword = \"p\""), "mail.smtp.user"),
            (format!("{from}[mail.smtp]\nhost = \"a\"\nca_file = \"/nowhere\""), "/nowhere"),
        ] {
            let error = way(&text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
