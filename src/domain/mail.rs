//! Mails that must be sent: who is to hear of what.
//!
//! That a mail is wanted is a fact of the log like any other, committed with what it tells of, so
//! that none is lost and none tells of what did not happen. Whom it goes to is an account or an order
//! and not an address: the address is looked up when it is sent, so a mail to somebody who was erased
//! meanwhile goes nowhere. How a mail reads and how it travels is absent on purpose.

use super::ids::{CustomerId, InvitationId, MailId, OrderId, Seq, StaffId};
use super::sealed::Sealed;
use super::time::{Span, Timestamp};

/// Why somebody is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A new customer proves their address with the token.
    Verification,
    /// A customer proves the address that they would have instead; it goes to that one.
    EmailChange,
    /// A customer asked for another address; it goes to the one they have, in case it was not them.
    EmailChangeRequested,
    /// Somebody tried to register with the address of an account. The token sets a new password.
    AlreadyRegistered,
    /// The token sets a new password.
    PasswordReset,
    PasswordChanged,
    /// Somebody is asked to join the staff. The token lets them choose a password.
    StaffInvitation,
    /// An order was placed, and nothing stands in its way.
    OrderPlaced,
}

/// Whom a mail goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addressee {
    Customer(CustomerId),
    Staff(StaffId),
    /// Whoever placed it.
    Order(OrderId),
    /// Whoever is invited, as long as they are.
    Invitation(InvitationId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub kind: MailKind,
    pub to: Addressee,
    /// What its link carries, sealed for the shop; what is in the log already keeps that seal.
    pub token: Option<Sealed>,
    pub wanted_at: Timestamp,
    pub state: MailState,
}

/// How far a mail got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    Waiting,
    /// A mail server has taken it.
    Sent {
        at: Timestamp,
    },
    GivenUp {
        reason: GiveUp,
        at: Timestamp,
    },
}

/// Why a mail is never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GiveUp {
    /// The mail server will never take it; its answer's code (RFC 5321, section 4.2).
    #[error("the mail server refused it ({code})")]
    Refused { code: u16 },
    #[error("the address is none that a mail can be sent to")]
    Unaddressable,
    #[error("it could not be sent for as long as it was worth sending")]
    TooLate,
    /// The person was erased, or there is nobody, or the token in it is worth nothing any more.
    #[error("there is nobody to send it to, or its link is of no use any more")]
    NoRecipient,
    /// What it was to tell is no longer so.
    #[error("what it was to tell is no longer so")]
    Overtaken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEvent {
    Wanted { kind: MailKind, to: Addressee, token: Option<Sealed>, at: Timestamp },
    Sent { at: Timestamp },
    GivenUp { reason: GiveUp, at: Timestamp },
}

impl Mail {
    /// Takes in a fact. A token is of no more use once it is on its way, or never will be.
    pub fn apply(current: Option<Mail>, event: &MailEvent) -> Option<Mail> {
        match event {
            MailEvent::Wanted { kind, to, token, at } => Some(Mail {
                kind: *kind,
                to: *to,
                token: token.clone(),
                wanted_at: *at,
                state: MailState::Waiting,
            }),
            MailEvent::Sent { at } => {
                Some(Mail { token: None, state: MailState::Sent { at: *at }, ..current? })
            }
            MailEvent::GivenUp { reason, at } => {
                let state = MailState::GivenUp { reason: *reason, at: *at };
                Some(Mail { token: None, state, ..current? })
            }
        }
    }
}

impl MailId {
    /// The id of the one mail that follows from an event: asked again, it is the same mail.
    pub fn of_event(seq: Seq, at: Timestamp) -> MailId {
        let mut rest = [0; MailId::RANDOM_BYTES];
        rest[MailId::RANDOM_BYTES - 8..].copy_from_slice(&seq.0.to_be_bytes());
        MailId::new(at, rest)
    }
}

impl MailKind {
    pub const ALL: [MailKind; 8] = [
        MailKind::Verification,
        MailKind::EmailChange,
        MailKind::EmailChangeRequested,
        MailKind::AlreadyRegistered,
        MailKind::PasswordReset,
        MailKind::PasswordChanged,
        MailKind::StaffInvitation,
        MailKind::OrderPlaced,
    ];

    /// For how long it is tried to send one. A mail server gives up after four to five days (RFC
    /// 5321, section 4.5.4.1); a link that is asked for anew by then is of no use.
    pub fn worth_sending_for(self) -> Span {
        match self {
            MailKind::AlreadyRegistered | MailKind::PasswordReset => Span::hours(1),
            MailKind::Verification | MailKind::EmailChange => Span::days(1),
            MailKind::EmailChangeRequested
            | MailKind::PasswordChanged
            | MailKind::StaffInvitation
            | MailKind::OrderPlaced => Span::days(5),
        }
    }

    /// The word that the log shows.
    pub fn name(self) -> &'static str {
        match self {
            MailKind::Verification => "verification",
            MailKind::EmailChange => "email_change",
            MailKind::EmailChangeRequested => "email_change_requested",
            MailKind::AlreadyRegistered => "already_registered",
            MailKind::PasswordReset => "password_reset",
            MailKind::PasswordChanged => "password_changed",
            MailKind::StaffInvitation => "staff_invitation",
            MailKind::OrderPlaced => "order_placed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_its_mail_is_over_and_no_longer() {
        let at = Timestamp::from_millis;
        let to = Addressee::Customer(CustomerId::from_bytes([1; 16]));
        let token = Some(Sealed::from_bytes(vec![1, 2, 3]));
        let kind = MailKind::PasswordReset;
        let wanted = MailEvent::Wanted { kind, to, token: token.clone(), at: at(1) };
        let mail = Mail::apply(None, &wanted).unwrap();
        assert_eq!((&mail.token, mail.state), (&token, MailState::Waiting));
        let reason = GiveUp::TooLate;
        for (event, state) in [
            (MailEvent::Sent { at: at(2) }, MailState::Sent { at: at(2) }),
            (MailEvent::GivenUp { reason, at: at(2) }, MailState::GivenUp { reason, at: at(2) }),
        ] {
            let over = Mail::apply(Some(mail.clone()), &event).unwrap();
            assert_eq!(over, Mail { token: None, state, ..mail.clone() });
            assert_eq!(Mail::apply(None, &event), None);
        }
    }

    #[test]
    fn an_event_has_one_mail_and_no_two_events_have_the_same() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let id = MailId::of_event(Seq(42), at);
        assert_eq!((id, id.made_at()), (MailId::of_event(Seq(42), at), at));
        assert_ne!(id, MailId::of_event(Seq(43), at));
    }
}
