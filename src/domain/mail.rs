//! Mails that must be sent: who is to hear of what.
//!
//! That a mail is wanted is a fact of the log like any other, committed with what it tells of, so
//! that none is lost and none tells of what did not happen. Whom it goes to is an account and not an
//! address: the address is looked up when it is sent, so a mail to somebody who was erased meanwhile
//! goes nowhere. How a mail reads and how it travels is absent on purpose.

use super::ids::{CustomerId, StaffId};
use super::sealed::Sealed;
use super::time::Timestamp;

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
}

/// Whom a mail goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addressee {
    Customer(CustomerId),
    Staff(StaffId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub kind: MailKind,
    pub to: Addressee,
    /// What its link carries, sealed for the shop.
    pub token: Option<Sealed>,
    pub wanted_at: Timestamp,
    pub sent_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEvent {
    Wanted { kind: MailKind, to: Addressee, token: Option<Sealed>, at: Timestamp },
    Sent { at: Timestamp },
}

impl Mail {
    /// Takes in a fact. A token is of no more use once it is on its way.
    pub fn apply(current: Option<Mail>, event: &MailEvent) -> Option<Mail> {
        match event {
            MailEvent::Wanted { kind, to, token, at } => Some(Mail {
                kind: *kind,
                to: *to,
                token: token.clone(),
                wanted_at: *at,
                sent_at: None,
            }),
            MailEvent::Sent { at } => Some(Mail { token: None, sent_at: Some(*at), ..current? }),
        }
    }
}

impl MailKind {
    /// The word that the log shows.
    pub fn name(self) -> &'static str {
        match self {
            MailKind::Verification => "verification",
            MailKind::EmailChange => "email_change",
            MailKind::EmailChangeRequested => "email_change_requested",
            MailKind::AlreadyRegistered => "already_registered",
            MailKind::PasswordReset => "password_reset",
            MailKind::PasswordChanged => "password_changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_its_mail_is_sent_and_no_longer() {
        let at = Timestamp::from_millis;
        let to = Addressee::Customer(CustomerId::from_bytes([1; 16]));
        let token = Some(Sealed::from_bytes(vec![1, 2, 3]));
        let kind = MailKind::PasswordReset;
        let wanted = MailEvent::Wanted { kind, to, token: token.clone(), at: at(1) };
        let mail = Mail::apply(None, &wanted).unwrap();
        assert_eq!((&mail.token, mail.sent_at), (&token, None));
        let mail = Mail::apply(Some(mail), &MailEvent::Sent { at: at(2) }).unwrap();
        assert_eq!((mail.token, mail.wanted_at, mail.sent_at), (None, at(1), Some(at(2))));
        assert_eq!(Mail::apply(None, &MailEvent::Sent { at: at(2) }), None);
    }
}
