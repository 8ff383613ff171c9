//! A mailbox that survives its actor: after a restart the successor is found under the same address.

use arc_swap::ArcSwapOption;
use ractor::{ActorRef, Message};
use std::sync::Arc;

/// What takes messages in: an actor's mailbox, or the queue of a simulated one.
pub(crate) trait Mailbox<M>: Send + Sync + 'static {
    /// A message that nobody will read any more is dropped, which tells its sender.
    fn put(&self, message: M);
}

impl<M: Message> Mailbox<M> for ActorRef<M> {
    fn put(&self, message: M) {
        let _ = self.cast(message);
    }
}

/// Where one service or shard is reached. Cheap to clone.
pub(crate) struct Address<M: 'static>(Arc<ArcSwapOption<Box<dyn Mailbox<M>>>>);

impl<M: 'static> Clone for Address<M> {
    fn clone(&self) -> Address<M> {
        Address(Arc::clone(&self.0))
    }
}

impl<M: 'static> Address<M> {
    /// An address at which nobody lives yet.
    pub fn vacant() -> Address<M> {
        Address(Arc::new(ArcSwapOption::empty()))
    }

    pub fn install(&self, mailbox: impl Mailbox<M>) {
        self.0.store(Some(Arc::new(Box::new(mailbox))));
    }

    /// Puts a message into the mailbox. If nobody lives here (a restart is under way, or the shop
    /// goes down), the message is dropped, and whoever waits for its answer is told by that.
    pub fn send(&self, message: M) {
        if let Some(mailbox) = &*self.0.load() {
            mailbox.put(message);
        }
    }
}
