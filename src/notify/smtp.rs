//! Messages over SMTP (RFC 5321), on connections that are kept for the next ones.
//!
//! The connections are pooled here and not by lettre: its pool takes back one that was dropped in
//! the middle of a conversation, and the answer to one message would then be read as the answer to
//! the next. Here a connection returns to the pool only after an answer that ends a message.
//!
//! Encryption is never left to chance: with `starttls` a server that does not offer it gets nothing,
//! and mails go unencrypted to this machine alone.

use super::rfc5322::{Sender, render};
use super::{Delivery, DeliveryError, Message, Notifier};
use futures_util::FutureExt;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How the way to the server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte (RFC 8314); port 465.
    Required,
    /// After a greeting in the clear (RFC 3207), or not at all; port 587.
    StartTls,
    /// Not at all: only to this machine; port 25.
    None,
}

/// A password that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Where the mail server is and how to speak with it.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// User and password, where the server wants them.
    pub login: Option<(String, Password)>,
    /// Certificates (PEM) of an authority of one's own, trusted beside those of Mozilla's list.
    pub authority: Option<Vec<u8>>,
    /// How long the server may take to take a connection, and again to take a message.
    pub patience: Duration,
    pub sender: Sender,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    #[error(
        "mails may go unencrypted to this machine alone: set tls to \"starttls\" or \"required\""
    )]
    InTheClear,
    #[error("the authority's certificate or the host's name cannot be used")]
    Tls(#[source] Error),
}

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// The most connections kept for later.
const KEPT: usize = 8;

/// A mail server.
pub struct Smtp {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Arc<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections(Mutex<Vec<(AsyncSmtpConnection, Instant)>>);

impl Smtp {
    /// Speaks with the server only when there is something to send. Called within a runtime.
    pub fn new(settings: SmtpSettings) -> Result<Smtp, SmtpError> {
        let tls = match settings.encryption {
            Encryption::None if !is_this_machine(&settings.host) => {
                return Err(SmtpError::InTheClear);
            }
            Encryption::None => None,
            Encryption::Required | Encryption::StartTls => Some(tls(&settings)?),
        };
        let idle = Arc::<IdleConnections>::default();
        tokio::spawn(retire(Arc::downgrade(&idle)));
        Ok(Smtp { settings, tls, hello: ClientId::default(), idle })
    }

    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let sender = &self.settings.sender;
        let rendered = render(message, sender).map_err(|_| DeliveryError::Unaddressable)?;
        let patience = self.settings.patience;
        let silent = |_| unreachable(format!("no answer within {} ms", patience.as_millis()));
        let mut connection = timeout(patience, self.connection()).await.map_err(silent)??;
        let bytes = rendered.formatted();
        let sending = connection.send(rendered.envelope(), &bytes);
        match timeout(patience, sending).await {
            Err(_elapsed) => Err(DeliveryError::UnknownOutcome),
            Ok(Err(error)) => Err(refusal(&error)),
            Ok(Ok(_taken)) => {
                self.idle.put(connection);
                Ok(())
            }
        }
    }

    /// One that was kept and still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        while let Some(mut kept) = self.idle.take() {
            if kept.test_connected().await {
                return Ok(kept);
            }
        }
        self.connect().await.map_err(|error| unreachable(in_short(&error)))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let SmtpSettings { host, port, encryption, login, .. } = &self.settings;
        let from_the_start = self.tls.clone().filter(|_| *encryption == Encryption::Required);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(self.settings.patience),
            &self.hello,
            from_the_start,
            None,
        )
        .await?;
        if let (Some(tls), Encryption::StartTls) = (&self.tls, encryption) {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.0.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }
}

impl Notifier for Smtp {
    fn place(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> Delivery<'a> {
        self.send(message).boxed()
    }
}

impl IdleConnections {
    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().map(|(connection, _)| connection)
    }

    fn put(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }
}

/// Closes what nobody used for long, as long as there is somebody who might.
async fn retire(idle: Weak<IdleConnections>) {
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut kept = idle.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since)| since.elapsed() < IDLE);
    }
}

impl Password {
    pub fn new(text: String) -> Password {
        Password(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn tls(settings: &SmtpSettings) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        let certificate = Certificate::from_pem(pem).map_err(SmtpError::Tls)?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(SmtpError::Tls)
}

/// Whether a host's name can be nothing but this machine.
fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn unreachable(why: String) -> DeliveryError {
    DeliveryError::Unreachable { why }
}

/// What an error on an open connection means for the message.
fn refusal(error: &Error) -> DeliveryError {
    match error.status().map(u16::from) {
        Some(code) if error.is_permanent() => DeliveryError::Refused { code },
        Some(code) => DeliveryError::Later { code },
        // The server cannot take such an address (without SMTPUTF8).
        None if error.is_client() => DeliveryError::Unaddressable,
        None => DeliveryError::UnknownOutcome,
    }
}

/// Why there is no connection: a code, or what the machine says. A server's own words stay out: they
/// may repeat whose login it was.
fn in_short(error: &Error) -> String {
    if let Some(code) = error.status() {
        return format!("the mail server answered {code}");
    }
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
