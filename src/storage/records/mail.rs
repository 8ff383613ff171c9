//! Stored forms of mails that must be sent.

use super::value::{BytesV1, TimeV1};
use crate::domain::mail::{Addressee, Mail, MailEvent, MailKind};
use crate::domain::{CustomerId, StaffId};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for Mail {
    const NAME: &'static str = "mail";
    const VERSION: u8 = 1;
    type Latest<'a> = MailV1<'a>;
}

#[derive(Serialize, Deserialize)]
pub struct MailV1<'a> {
    kind: MailKindV1,
    to: AddresseeV1,
    #[serde(borrow)]
    token: Option<BytesV1<'a>>,
    wanted_at: TimeV1,
    sent_at: Option<TimeV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum MailKindV1 {
    Verification,
    EmailChange,
    EmailChangeRequested,
    AlreadyRegistered,
    PasswordReset,
    PasswordChanged,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum AddresseeV1 {
    Customer([u8; 16]),
    Staff([u8; 16]),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum MailEventV1<'a> {
    Wanted {
        kind: MailKindV1,
        to: AddresseeV1,
        #[serde(borrow)]
        token: Option<BytesV1<'a>>,
        at: TimeV1,
    },
    Sent {
        at: TimeV1,
    },
}

impl<'a> From<&'a Mail> for MailV1<'a> {
    fn from(mail: &'a Mail) -> MailV1<'a> {
        MailV1 {
            kind: mail.kind.into(),
            to: mail.to.into(),
            token: mail.token.as_ref().map(Into::into),
            wanted_at: mail.wanted_at.into(),
            sent_at: mail.sent_at.map(Into::into),
        }
    }
}

impl From<MailV1<'_>> for Mail {
    fn from(stored: MailV1<'_>) -> Mail {
        Mail {
            kind: stored.kind.into(),
            to: stored.to.into(),
            token: stored.token.map(Into::into),
            wanted_at: stored.wanted_at.into(),
            sent_at: stored.sent_at.map(Into::into),
        }
    }
}

impl<'a> From<&'a MailEvent> for MailEventV1<'a> {
    fn from(event: &'a MailEvent) -> MailEventV1<'a> {
        match event {
            MailEvent::Wanted { kind, to, token, at } => MailEventV1::Wanted {
                kind: (*kind).into(),
                to: (*to).into(),
                token: token.as_ref().map(Into::into),
                at: (*at).into(),
            },
            MailEvent::Sent { at } => MailEventV1::Sent { at: (*at).into() },
        }
    }
}

impl From<MailEventV1<'_>> for MailEvent {
    fn from(stored: MailEventV1<'_>) -> MailEvent {
        match stored {
            MailEventV1::Wanted { kind, to, token, at } => MailEvent::Wanted {
                kind: kind.into(),
                to: to.into(),
                token: token.map(Into::into),
                at: at.into(),
            },
            MailEventV1::Sent { at } => MailEvent::Sent { at: at.into() },
        }
    }
}

impl From<MailKind> for MailKindV1 {
    fn from(kind: MailKind) -> MailKindV1 {
        match kind {
            MailKind::Verification => MailKindV1::Verification,
            MailKind::EmailChange => MailKindV1::EmailChange,
            MailKind::EmailChangeRequested => MailKindV1::EmailChangeRequested,
            MailKind::AlreadyRegistered => MailKindV1::AlreadyRegistered,
            MailKind::PasswordReset => MailKindV1::PasswordReset,
            MailKind::PasswordChanged => MailKindV1::PasswordChanged,
        }
    }
}

impl From<MailKindV1> for MailKind {
    fn from(stored: MailKindV1) -> MailKind {
        match stored {
            MailKindV1::Verification => MailKind::Verification,
            MailKindV1::EmailChange => MailKind::EmailChange,
            MailKindV1::EmailChangeRequested => MailKind::EmailChangeRequested,
            MailKindV1::AlreadyRegistered => MailKind::AlreadyRegistered,
            MailKindV1::PasswordReset => MailKind::PasswordReset,
            MailKindV1::PasswordChanged => MailKind::PasswordChanged,
        }
    }
}

impl From<Addressee> for AddresseeV1 {
    fn from(to: Addressee) -> AddresseeV1 {
        match to {
            Addressee::Customer(id) => AddresseeV1::Customer(*id.as_bytes()),
            Addressee::Staff(id) => AddresseeV1::Staff(*id.as_bytes()),
        }
    }
}

impl From<AddresseeV1> for Addressee {
    fn from(stored: AddresseeV1) -> Addressee {
        match stored {
            AddresseeV1::Customer(id) => Addressee::Customer(CustomerId::from_bytes(id)),
            AddresseeV1::Staff(id) => Addressee::Staff(StaffId::from_bytes(id)),
        }
    }
}
