//! Stored forms of mails that must be sent.

use super::value::{BytesV1, TimeV1};
use crate::domain::mail::{Addressee, GiveUp, Mail, MailEvent, MailKind, MailState};
use crate::domain::{CustomerId, InvitationId, OrderId, StaffId, Timestamp};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// How one of the mails that are not over yet waits: how often it was tried in vain, and when its turn
/// is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingMail {
    pub tries: u32,
    pub next_at: Timestamp,
}

impl Stored for WaitingMail {
    const NAME: &'static str = "waiting mail";
    const VERSION: u8 = 1;
    type Latest<'a> = WaitingMailV1;
}

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
    state: MailStateV1,
}

#[derive(Serialize, Deserialize)]
enum MailStateV1 {
    Waiting,
    Sent { at: TimeV1 },
    GivenUp { reason: GiveUpV1, at: TimeV1 },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum GiveUpV1 {
    Refused { code: u16 },
    Unaddressable,
    TooLate,
    NoRecipient,
    Overtaken,
}

#[derive(Serialize, Deserialize)]
pub struct WaitingMailV1 {
    tries: u32,
    next_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum MailKindV1 {
    Verification,
    EmailChange,
    EmailChangeRequested,
    AlreadyRegistered,
    PasswordReset,
    PasswordChanged,
    StaffInvitation,
    OrderPlaced,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum AddresseeV1 {
    Customer([u8; 16]),
    Staff([u8; 16]),
    Order([u8; 16]),
    Invitation([u8; 16]),
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
    GivenUp {
        reason: GiveUpV1,
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
            state: mail.state.into(),
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
            state: stored.state.into(),
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
            MailEvent::GivenUp { reason, at } => {
                MailEventV1::GivenUp { reason: (*reason).into(), at: (*at).into() }
            }
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
            MailEventV1::GivenUp { reason, at } => {
                MailEvent::GivenUp { reason: reason.into(), at: at.into() }
            }
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
            MailKind::StaffInvitation => MailKindV1::StaffInvitation,
            MailKind::OrderPlaced => MailKindV1::OrderPlaced,
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
            MailKindV1::StaffInvitation => MailKind::StaffInvitation,
            MailKindV1::OrderPlaced => MailKind::OrderPlaced,
        }
    }
}

impl From<Addressee> for AddresseeV1 {
    fn from(to: Addressee) -> AddresseeV1 {
        match to {
            Addressee::Customer(id) => AddresseeV1::Customer(*id.as_bytes()),
            Addressee::Staff(id) => AddresseeV1::Staff(*id.as_bytes()),
            Addressee::Order(id) => AddresseeV1::Order(*id.as_bytes()),
            Addressee::Invitation(id) => AddresseeV1::Invitation(*id.as_bytes()),
        }
    }
}

impl From<AddresseeV1> for Addressee {
    fn from(stored: AddresseeV1) -> Addressee {
        match stored {
            AddresseeV1::Customer(id) => Addressee::Customer(CustomerId::from_bytes(id)),
            AddresseeV1::Staff(id) => Addressee::Staff(StaffId::from_bytes(id)),
            AddresseeV1::Order(id) => Addressee::Order(OrderId::from_bytes(id)),
            AddresseeV1::Invitation(id) => Addressee::Invitation(InvitationId::from_bytes(id)),
        }
    }
}

impl From<MailState> for MailStateV1 {
    fn from(state: MailState) -> MailStateV1 {
        match state {
            MailState::Waiting => MailStateV1::Waiting,
            MailState::Sent { at } => MailStateV1::Sent { at: at.into() },
            MailState::GivenUp { reason, at } => {
                MailStateV1::GivenUp { reason: reason.into(), at: at.into() }
            }
        }
    }
}

impl From<MailStateV1> for MailState {
    fn from(stored: MailStateV1) -> MailState {
        match stored {
            MailStateV1::Waiting => MailState::Waiting,
            MailStateV1::Sent { at } => MailState::Sent { at: at.into() },
            MailStateV1::GivenUp { reason, at } => {
                MailState::GivenUp { reason: reason.into(), at: at.into() }
            }
        }
    }
}

impl From<GiveUp> for GiveUpV1 {
    fn from(reason: GiveUp) -> GiveUpV1 {
        match reason {
            GiveUp::Refused { code } => GiveUpV1::Refused { code },
            GiveUp::Unaddressable => GiveUpV1::Unaddressable,
            GiveUp::TooLate => GiveUpV1::TooLate,
            GiveUp::NoRecipient => GiveUpV1::NoRecipient,
            GiveUp::Overtaken => GiveUpV1::Overtaken,
        }
    }
}

impl From<GiveUpV1> for GiveUp {
    fn from(stored: GiveUpV1) -> GiveUp {
        match stored {
            GiveUpV1::Refused { code } => GiveUp::Refused { code },
            GiveUpV1::Unaddressable => GiveUp::Unaddressable,
            GiveUpV1::TooLate => GiveUp::TooLate,
            GiveUpV1::NoRecipient => GiveUp::NoRecipient,
            GiveUpV1::Overtaken => GiveUp::Overtaken,
        }
    }
}

impl From<&WaitingMail> for WaitingMailV1 {
    fn from(waiting: &WaitingMail) -> WaitingMailV1 {
        WaitingMailV1 { tries: waiting.tries, next_at: waiting.next_at.into() }
    }
}

impl From<WaitingMailV1> for WaitingMail {
    fn from(stored: WaitingMailV1) -> WaitingMail {
        WaitingMail { tries: stored.tries, next_at: stored.next_at.into() }
    }
}
