//! Turns a mail that is wanted into a message: looks up whom it goes to, opens what is sealed, and
//! finds out whether it is still worth sending.

use super::super::super::accounts::{AccountError, Accounts};
use super::super::super::reads::Reads;
use super::MailParts;
use crate::domain::event::EntityKey;
use crate::domain::mail::{Addressee, GiveUp, Mail, MailState};
use crate::domain::order::OrderStatus;
use crate::domain::recipient::Contact;
use crate::domain::{MailId, OrderId, Timestamp};
use crate::notify::Message;
use crate::notify::letter::{self, Letterhead, PlacedOrder, Words};
use crate::secrets::Vault;
use crate::storage::StoreError;
use std::sync::Arc;

pub(super) struct Composer {
    reads: Arc<Reads>,
    accounts: Accounts,
    vault: Vault,
    letterhead: Letterhead,
}

pub(super) enum Composed {
    Ready(Message),
    Pointless(GiveUp),
    /// What it needs cannot be read now; no other mail waits for that.
    NotNow,
}

/// Why a mail is not written now.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// A letter and whom it is addressed to.
struct Letter {
    name: Option<String>,
    email: String,
    words: Words,
}

impl Composer {
    pub fn new(parts: &MailParts) -> Composer {
        Composer {
            reads: Arc::clone(&parts.reads),
            accounts: parts.accounts.clone(),
            vault: parts.vault.clone(),
            letterhead: parts.letterhead.clone(),
        }
    }

    /// With the name that the merchant gave the shop last.
    fn letterhead(&self) -> Letterhead {
        let merchant = self.reads.merchant.load();
        let mut letterhead = self.letterhead.clone();
        if let Some(saved) = merchant.saved() {
            letterhead.shop.clone_from(&saved.settings.name);
        }
        letterhead
    }

    pub async fn compose(&self, id: MailId, now: Timestamp) -> Composed {
        match self.try_compose(id, now).await {
            Ok(Ok(message)) => Composed::Ready(message),
            Ok(Err(why)) => Composed::Pointless(why),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(mail.id = %id, error, "a mail cannot be written now");
                Composed::NotNow
            }
        }
    }

    async fn try_compose(
        &self,
        id: MailId,
        now: Timestamp,
    ) -> Result<Result<Message, GiveUp>, Unready> {
        let row = self.reads.snapshot()?.load::<Mail>(&EntityKey::Mail(id))?;
        let Some((_, mail)) = row.filter(|(_, mail)| mail.state == MailState::Waiting) else {
            return Ok(Err(GiveUp::Overtaken));
        };
        if mail.wanted_at.plus(mail.kind.worth_sending_for()) <= now {
            return Ok(Err(GiveUp::TooLate));
        }
        let letter = match mail.to {
            Addressee::Order(order) => self.order_placed(order)?,
            Addressee::Customer(_) | Addressee::Staff(_) | Addressee::Invitation(_) => {
                self.notice(id, &mail).await?
            }
        };
        Ok(letter.map(|Letter { name, email, words: Words { subject, text, html } }| {
            let (id, date) = (id.to_string(), mail.wanted_at);
            Message { id, name, email, date, subject, text, html }
        }))
    }

    fn order_placed(&self, id: OrderId) -> Result<Result<Letter, GiveUp>, Unready> {
        let Some((_, order)) = self.reads.order(id)? else { return Ok(Err(GiveUp::NoRecipient)) };
        if order.status() == OrderStatus::Cancelled {
            return Ok(Err(GiveUp::Overtaken));
        }
        let to = &order.placed.recipient;
        let Some(contact) = self.vault.known::<Contact>(to.person, &to.sealed) else {
            return Ok(Err(GiveUp::NoRecipient));
        };
        let key = &self.vault.order_key(id);
        let letter = PlacedOrder { id, key, order: &order, contact: &contact };
        let words = letter::order_placed(&self.letterhead(), &letter);
        let Contact { email, shipping_address, .. } = contact;
        Ok(Ok(Letter { name: Some(shipping_address.name), email, words }))
    }

    async fn notice(&self, id: MailId, mail: &Mail) -> Result<Result<Letter, GiveUp>, Unready> {
        let Some(known) = self.accounts.letter(id, mail).await? else {
            return Ok(Err(GiveUp::NoRecipient));
        };
        let token = known.token.as_ref().map(|token| token.expose());
        let words = letter::notice(&self.letterhead(), mail.kind, None, token);
        Ok(Ok(Letter { name: None, email: known.address, words }))
    }
}
