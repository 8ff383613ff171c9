//! One order, and the process that brings it to an end: quote → hold → create → pay → confirm.
//!
//! The first half ([`checkout`]) happens in memory: the cart is borrowed, units are held, and then
//! order, reservations, cart, events and idempotency key go into one batch. The second half
//! ([`process`]) is driven by [`Order::next`]: whatever it names is asked of the provider, the
//! answer is decided on, made durable, and so on until the order rests. After a crash the same
//! function names the same step. Orders ask carts and SKUs; those ask nobody.

mod checkout;
mod merge;
mod process;

pub use checkout::{CheckoutRefusal, CheckoutRequest, Short};
pub use merge::MergeRefusal;
pub use process::{ChangeRefusal, OrderChange};

use super::ask::{Ask, Keyed, Refusal};
use super::cart::{CartView, Loan, LoanRefusal};
use super::entity::{Entity, Settlement, Step};
use super::providers::Told;
use crate::domain::event::EntityKey;
use crate::domain::order::Order;
use crate::domain::recipient::Contact;
use crate::domain::stock::StockRejection;
use crate::domain::{CartId, OrderId, PersonId, Sku, Span, Timestamp};
use crate::payments::ProviderError;
use crate::secrets::Vault;
use crate::storage::codec::CodecError;
use crate::storage::{CommitError, Committed, decode_row};
use checkout::Checkout;
use merge::Merging;
use process::{Reopening, Waiter};
use tokio::sync::oneshot;

/// An order as it stands, and the version its `ETag` is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    pub id: OrderId,
    pub version: u64,
    pub order: Order,
    /// Who placed it, as long as they are known.
    pub contact: Option<Contact>,
}

impl OrderView {
    pub fn new(id: OrderId, version: u64, order: Order, vault: &Vault) -> OrderView {
        let to = &order.placed.recipient;
        let contact = vault.known(to.person, &to.sealed);
        OrderView { id, version, order, contact }
    }

    /// Of whom it tells.
    pub fn about(&self) -> Option<PersonId> {
        self.contact.as_ref().map(|_| self.order.placed.recipient.person)
    }
}

pub enum OrderMessage {
    /// Check a cart out. The id was made for this.
    Place {
        request: Box<CheckoutRequest>,
        ask: Ask<OrderView, CheckoutRefusal>,
    },
    /// Make one cart of two. The id was made for this, and no order comes of it.
    Merge {
        from: CartId,
        into: CartId,
        ask: Ask<CartView, MergeRefusal>,
    },
    /// The cart's answer.
    CartLent(Result<Loan, Refusal<LoanRefusal>>),
    /// A SKU's answer.
    Held {
        sku: Sku,
        held: Result<(), Refusal<StockRejection>>,
    },
    /// The provider's answer.
    Told(Result<Told, ProviderError>),
    Change {
        change: OrderChange,
        expected: Option<u64>,
        ask: Ask<OrderView, ChangeRefusal>,
    },
    /// See whether something is due or unfinished, and go on with it. `done` is told once the order
    /// rests or its provider is silent; `owed` is an answer that a crash or a panic kept from its key.
    Drive {
        owed: Option<Keyed<OrderView, CheckoutRefusal>>,
        done: Option<oneshot::Sender<()>>,
    },
    /// Something happened at the provider: ask what. `done` is told as with `Drive`.
    Refresh {
        done: oneshot::Sender<()>,
    },
    /// The pause after a provider's silence is over.
    Retry,
    /// The time of an expiry row has come.
    Due {
        due: Timestamp,
    },
    /// For tests: a step that panics.
    #[cfg(test)]
    Panic,
}

pub(super) struct OrderActor {
    id: OrderId,
    /// Of the row as it will be once all handed over is durable; 0 for none.
    version: u64,
    order: Option<Order>,
    /// A checkout whose order is not written yet.
    checkout: Option<Box<Checkout>>,
    /// Two carts that are becoming one.
    merging: Option<Box<Merging>>,
    /// What the shopper's browser got from the provider: in memory only, gone after one attempt.
    token: Option<String>,
    /// Whether the attempt may have reached the provider already.
    attempted: bool,
    /// A question to the provider is under way.
    asking: bool,
    /// There may be news at the provider, and it has not said yet.
    looking: bool,
    /// The provider was silent, and a timer will ask it again.
    pausing: bool,
    /// The provider never saw the attempt, and is being told to refuse it should it still come.
    sealing: bool,
    /// Events that wait for the cart, so that it reopens in the same batch.
    reopening: Option<Reopening>,
    waiting: Vec<Waiter>,
    retry_after: Option<Span>,
}

impl Entity for OrderActor {
    type Id = OrderId;
    type Message = OrderMessage;

    fn key(id: &OrderId) -> EntityKey {
        EntityKey::Order(*id)
    }

    fn wake(id: &OrderId, row: Option<&[u8]>) -> Result<OrderActor, CodecError> {
        let (version, order) = match row.map(decode_row).transpose()? {
            Some((version, order)) => (version, Some(order)),
            None => (0, None),
        };
        Ok(OrderActor {
            id: *id,
            version,
            order,
            checkout: None,
            merging: None,
            token: None,
            attempted: version > 0,
            asking: false,
            looking: false,
            pausing: false,
            sealing: false,
            reopening: None,
            waiting: Vec::new(),
            retry_after: None,
        })
    }

    fn is_birth(message: &OrderMessage) -> bool {
        matches!(message, OrderMessage::Place { .. } | OrderMessage::Merge { .. })
    }

    fn announces_batch(_: &OrderMessage) -> bool {
        false
    }

    fn serve(&mut self, message: OrderMessage, step: &mut Step<'_>) {
        match message {
            OrderMessage::Place { request, ask } => self.place(request, ask, step),
            OrderMessage::Merge { from, into, ask } => self.merge(from, into, ask, step),
            OrderMessage::CartLent(lent) if self.merging.is_some() => self.merge_with(lent, step),
            OrderMessage::CartLent(lent) if self.reopening.is_some() => {
                self.reopen_with(lent, step)
            }
            OrderMessage::CartLent(lent) => self.cart_lent(lent, step),
            OrderMessage::Held { sku, held } => self.held(sku, held, step),
            OrderMessage::Told(told) => self.told(told, step),
            OrderMessage::Change { change, expected, ask } => {
                self.change(change, expected, ask, step)
            }
            OrderMessage::Drive { owed, done } => self.resume(owed, done, step),
            OrderMessage::Refresh { done } => self.refresh(done, step),
            OrderMessage::Retry => self.retry(step),
            OrderMessage::Due { due } => self.due(due, step),
            #[cfg(test)]
            OrderMessage::Panic => panic!("as the test wants it"),
        }
    }

    fn settled(&mut self, _: &Settlement, _: &Committed, step: &mut Step<'_>) {
        self.drive(step);
    }

    fn last_words(self, settlement: &Settlement, error: &CommitError, step: &mut Step<'_>) {
        self.go_on_afresh(settlement, error, step);
    }

    fn is_idle(&self) -> bool {
        self.checkout.is_none()
            && self.merging.is_none()
            && !self.asking
            && !self.looking
            && self.reopening.is_none()
            && self.waiting.is_empty()
            // Without the token, an attempt that never arrived could not be made again.
            && self.token.is_none()
    }

    fn heap_bytes(&self) -> usize {
        let order = self.order.as_ref().map_or(0, |order| 900 + order.placed.lines.len() * 320);
        order + self.checkout.as_ref().map_or(0, |_| 2_000)
    }
}
