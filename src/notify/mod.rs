//! How the shop writes to people: one trait, one file per way.
//!
//! A way takes a finished [`Message`] and says what became of it; when to try again, and what is
//! written to whom, is decided elsewhere. Every message has a name of its own ([`Message::id`]),
//! which becomes its Message-ID: a message that is handed over twice, because the answer to the first
//! time was lost, can be recognised as the same one.

use crate::domain::Timestamp;
use futures_util::future::BoxFuture;

pub mod folder;
pub mod letter;
pub mod rfc5322;
pub mod smtp;

/// One message to one person, in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Names this message for ever: letters, digits and `-`.
    pub id: String,
    /// The person's name, where it is known.
    pub name: Option<String>,
    pub email: String,
    /// When it came to be wanted, however much later it is sent: a repeat says the same.
    pub date: Timestamp,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why a message was not taken, as far as anybody knows. Nothing in here names a person or repeats
/// a server's words, which often do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// No message would have been taken: it says nothing about this one.
    #[error("mails cannot be handed over: {why}")]
    Unreachable { why: String },
    /// This message is to be tried again later (4xx of RFC 5321).
    #[error("the mail server does not take it now ({code})")]
    Later { code: u16 },
    /// This message will never be taken (5xx of RFC 5321).
    #[error("the mail server refused it ({code})")]
    Refused { code: u16 },
    /// The address is none that a mail can be sent to.
    #[error("the address is none that a mail can be sent to")]
    Unaddressable,
    /// It may have been taken: the connection was lost before the answer came.
    #[error("the connection was lost before the mail server answered")]
    UnknownOutcome,
}

pub type Delivery<'a> = BoxFuture<'a, Result<(), DeliveryError>>;

/// A way to people. A delivery that is dropped half-way leaves nothing behind that harms the next.
pub trait Notifier: Send + Sync + 'static {
    /// Where messages go, for the log: a server or a folder.
    fn place(&self) -> String;

    fn deliver<'a>(&'a self, message: &'a Message) -> Delivery<'a>;
}
