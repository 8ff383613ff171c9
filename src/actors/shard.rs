//! One shard: the entities whose ids hash to it, run by one ractor actor.
//!
//! The shard is the single writer of its entities by construction: there is never a second live one.
//! Nothing in here waits; rows are asked of the readers' pool, providers are called by tasks of
//! their own, and both answer with a message.

use super::ask::Reply;
use super::cart::{CartActor, CartMessage};
use super::directory::Directory;
use super::entity::{Outbox, Settlement};
use super::env::Env;
use super::order::{OrderActor, OrderMessage};
use super::outside::Outside;
use super::settle::Ticket;
use super::sku::{SkuActor, SkuMessage};
use super::slots::{Shell, Slots};
use crate::domain::event::EntityKey;
use crate::domain::guard::Guard;
use crate::domain::{CartId, OrderId, Sku};
use crate::storage::Committer;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use tokio::sync::oneshot;

/// All that a shard is ever sent.
pub enum ShardMessage {
    Cart(CartId, CartMessage),
    Order(OrderId, OrderMessage),
    Sku(Sku, SkuMessage),
    /// A row that was asked for: `None` where the store could not say.
    Loaded(EntityKey, Option<Option<Vec<u8>>>),
    /// What became of batches that touched entities of this shard.
    Settled(Vec<Receipt>),
    /// What is to be said of them, once every shard has its receipts.
    Answers(Vec<Answered>),
    /// How much is in memory.
    Census(oneshot::Sender<Census>),
    /// For tests: the whole shard panics.
    #[cfg(test)]
    Panic,
}

/// One entity's part in a settled batch.
pub struct Receipt {
    pub(super) key: EntityKey,
    pub(super) settlement: Arc<Settlement>,
}

/// The asker's answer, with the batch it rode with.
pub struct Answered {
    pub(super) settlement: Arc<Settlement>,
    pub(super) reply: Reply,
}

impl Answered {
    pub(super) fn send(self) {
        self.reply.settle(self.settlement.outcome.as_ref().map(|_| ()));
    }
}

/// Entities in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub carts: usize,
    pub orders: usize,
    pub skus: usize,
    /// Of these, how many are being loaded.
    pub loading: usize,
    pub bytes: usize,
}

/// What a shard is started with.
#[derive(Clone)]
pub(crate) struct ShardParts {
    pub env: Arc<Env>,
    pub directory: Directory,
    pub committer: Committer<Ticket>,
    pub outside: Arc<dyn Outside>,
    /// This shard's share of the bound on memory.
    pub bound: usize,
}

pub(super) struct Shard;

/// The entities of one shard, and the ways out of it.
pub(crate) struct ShardState {
    carts: Slots<CartActor>,
    orders: Slots<OrderActor>,
    skus: Slots<SkuActor>,
    ways: Ways,
}

/// The ways out of a shard.
struct Ways {
    parts: ShardParts,
}

impl Actor for Shard {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = ShardState;

    async fn pre_start(
        &self,
        _myself: ActorRef<ShardMessage>,
        state: ShardState,
    ) -> Result<ShardState, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        state.take(message);
        Ok(())
    }
}

impl ShardState {
    pub fn new(parts: ShardParts) -> ShardState {
        ShardState {
            carts: Slots::new(),
            orders: Slots::new(),
            skus: Slots::new(),
            ways: Ways { parts },
        }
    }

    /// One message, worked off to its end.
    pub fn take(&mut self, message: ShardMessage) {
        let ways = &mut self.ways;
        match message {
            ShardMessage::Cart(id, message) => self.carts.deliver(&id, message, ways),
            ShardMessage::Order(id, message) => self.orders.deliver(&id, message, ways),
            ShardMessage::Sku(id, message) => self.skus.deliver(&id, message, ways),
            ShardMessage::Loaded(EntityKey::Cart(id), row) => self.carts.loaded(&id, row, ways),
            ShardMessage::Loaded(EntityKey::Order(id), row) => self.orders.loaded(&id, row, ways),
            ShardMessage::Loaded(EntityKey::Sku(id), row) => self.skus.loaded(&id, row, ways),
            ShardMessage::Loaded(_, _) => {}
            ShardMessage::Settled(receipts) => {
                for Receipt { key, settlement } in receipts {
                    match key {
                        EntityKey::Cart(id) => self.carts.settled(&id, &settlement, ways),
                        EntityKey::Order(id) => self.orders.settled(&id, &settlement, ways),
                        EntityKey::Sku(id) => self.skus.settled(&id, &settlement, ways),
                        _ => {}
                    }
                }
            }
            ShardMessage::Answers(answers) => answers.into_iter().for_each(Answered::send),
            ShardMessage::Census(reply) => {
                let _ = reply.send(self.census());
            }
            #[cfg(test)]
            ShardMessage::Panic => panic!("as the test wants it"),
        }
        self.passivate();
    }

    /// Keeps the three kinds together inside the bound; carts, which are many and small, go first.
    fn passivate(&mut self) {
        let bound = self.ways.parts.bound;
        let others = self.orders.bytes() + self.skus.bytes();
        self.carts.passivate(bound.saturating_sub(others));
        let others = self.carts.bytes() + self.skus.bytes();
        self.orders.passivate(bound.saturating_sub(others));
        let others = self.carts.bytes() + self.orders.bytes();
        self.skus.passivate(bound.saturating_sub(others));
    }

    fn census(&self) -> Census {
        Census {
            carts: self.carts.len(),
            orders: self.orders.len(),
            skus: self.skus.len(),
            loading: self.carts.loading() + self.orders.loading() + self.skus.loading(),
            bytes: self.carts.bytes() + self.orders.bytes() + self.skus.bytes(),
        }
    }
}

impl Shell for Ways {
    fn env(&self) -> &Env {
        &self.parts.env
    }

    fn flush(&mut self, owner: EntityKey, out: &mut Outbox) {
        let parts = &self.parts;
        // Others hear of a batch before the committer has it, so that they hear of it before it
        // settles.
        for message in out.messages.drain(..) {
            parts.directory.send(message);
        }
        for (owed, answer) in out.answers.drain(..) {
            owed.give(answer);
        }
        for (batch, reply) in out.batches.drain(..) {
            let reply = match reply {
                Some(reply) if !Guard::AnswerWhenDurable.stands() => {
                    reply.settle(Ok(()));
                    None
                }
                reply => reply,
            };
            let ticket = Ticket { owner: Some(owner.clone()), reply };
            parts.committer.submit(batch, ticket);
        }
        for call in out.calls.drain(..) {
            parts.outside.call(call);
        }
        for (span, message) in out.later.drain(..) {
            parts.outside.later(span, message);
        }
        for reply in out.replies.drain(..) {
            reply.settle(Ok(()));
        }
    }

    fn directory(&self) -> &Directory {
        &self.parts.directory
    }

    fn load(&mut self, key: EntityKey) {
        self.parts.outside.load(key);
    }
}
