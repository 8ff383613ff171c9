//! What an entity is to the shell that runs it, and all that it may do to the world.
//!
//! A handler decides, takes in, hands over and returns; it never waits. Whatever it wants done is
//! put into the [`Outbox`] and carried out by the shell after the step: a step that panics has done
//! nothing.

use super::ask::Reply;
use super::directory::Directory;
use super::env::Env;
use super::order::OrderMessage;
use super::providers::ProviderCall;
use super::shard::ShardMessage;
use crate::domain::event::EntityKey;
use crate::domain::guard::Guard;
use crate::domain::{OrderId, Span, Timestamp};
use crate::storage::codec::CodecError;
use crate::storage::{Batch, CommitError, Committed};
use std::fmt::Debug;
use std::hash::Hash;

/// One kind of virtual actor: a rule of the shop with an address.
pub(super) trait Entity: Sized + Send + 'static {
    type Id: Clone + Eq + Hash + Debug + Send;
    type Message: Send + 'static;

    fn key(id: &Self::Id) -> EntityKey;

    /// Makes the entity from its row; `None` where it has none.
    fn wake(id: &Self::Id, row: Option<&[u8]>) -> Result<Self, CodecError>;

    /// Whether the message brings an id that was made just now, so that there is no row to load.
    fn is_birth(message: &Self::Message) -> bool;

    /// Whether the message announces a batch of somebody else that touches this entity.
    fn announces_batch(message: &Self::Message) -> bool;

    /// One message. Runs in the entity's shard, so it never waits: no await, no lock, no I/O.
    fn serve(&mut self, message: Self::Message, step: &mut Step<'_>);

    /// A batch that touched this entity is durable.
    fn settled(&mut self, settlement: &Settlement, committed: &Committed, step: &mut Step<'_>);

    /// A batch that touched this entity is not durable; whatever else it says, it is forgotten now
    /// and loaded afresh.
    fn last_words(self, settlement: &Settlement, error: &CommitError, step: &mut Step<'_>);

    /// Whether it may be dropped from memory: nothing is under way that its row does not know.
    fn is_idle(&self) -> bool;

    /// Bytes of memory beyond the struct itself, roughly.
    fn heap_bytes(&self) -> usize;
}

/// A batch after the committer had it.
pub(super) struct Settlement {
    /// The entity whose step made it; none of a service's.
    pub owner: Option<EntityKey>,
    pub batch: Batch,
    pub outcome: Result<Committed, CommitError>,
}

/// One step of one entity: the time, the shop around it, and what is to be done afterwards.
pub(super) struct Step<'a> {
    pub env: &'a Env,
    pub directory: &'a Directory,
    pub now: Timestamp,
    /// Whether batches of this entity are on their way to the disk.
    pub unsettled: bool,
    pub out: &'a mut Outbox,
}

/// What the shell does once the step has returned, in this order of kinds: messages first, so that
/// others hear of a batch before the committer has it.
#[derive(Default)]
pub(super) struct Outbox {
    pub messages: Vec<ShardMessage>,
    pub answers: Vec<(Owed, OrderMessage)>,
    pub batches: Vec<(Batch, Option<Reply>)>,
    pub calls: Vec<ProviderCall>,
    pub later: Vec<(Span, ShardMessage)>,
    pub replies: Vec<Reply>,
}

/// An answer that an order waits for. It gets one whatever happens to whoever was asked: dropped
/// ungiven, this says that there will be none.
pub struct Owed {
    order: OrderId,
    directory: Directory,
    lost: Option<OrderMessage>,
}

impl Owed {
    pub(super) fn order(&self) -> OrderId {
        self.order
    }

    pub(super) fn give(mut self, answer: OrderMessage) {
        self.lost = Some(answer);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(message) = self.lost.take() {
            self.directory.send(ShardMessage::Order(self.order, message));
        }
    }
}

impl Step<'_> {
    /// What to ask with on behalf of `order`; `lost` is what it hears if nobody answers.
    pub fn owed(&self, order: OrderId, lost: OrderMessage) -> Owed {
        Owed { order, directory: self.directory.clone(), lost: Some(lost) }
    }

    /// Answers an order's question.
    pub fn give(&mut self, owed: Owed, answer: OrderMessage) {
        self.out.answers.push((owed, answer));
    }

    pub fn send(&mut self, message: ShardMessage) {
        self.out.messages.push(message);
    }

    /// Hands a batch over. The reply rides with it: it is sent when the batch is durable.
    pub fn submit(&mut self, batch: Batch, reply: Option<Reply>) {
        self.out.batches.push((batch, reply));
    }

    /// Answers what changed nothing: behind the write it rests on, if one is on its way.
    pub fn answer(&mut self, batch: Batch, reply: Reply) {
        let is_behind = self.unsettled && Guard::AnswerBehindWrite.stands();
        if is_behind || !batch.is_empty() {
            self.out.batches.push((batch, Some(reply)));
        } else {
            self.out.replies.push(reply);
        }
    }

    pub fn call(&mut self, call: ProviderCall) {
        self.out.calls.push(call);
    }

    pub fn later(&mut self, span: Span, message: ShardMessage) {
        self.out.later.push((span, message));
    }
}
