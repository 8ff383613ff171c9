//! A mailbox that survives its actor: after a restart the successor is found under the same address.

use arc_swap::ArcSwapOption;
use ractor::{ActorRef, Message};
use std::sync::Arc;

/// Where one service or shard is reached. Cheap to clone.
pub(super) struct Address<M: Message>(Arc<ArcSwapOption<ActorRef<M>>>);

impl<M: Message> Clone for Address<M> {
    fn clone(&self) -> Address<M> {
        Address(Arc::clone(&self.0))
    }
}

impl<M: Message> Address<M> {
    /// An address at which nobody lives yet.
    pub fn vacant() -> Address<M> {
        Address(Arc::new(ArcSwapOption::empty()))
    }

    pub fn install(&self, mailbox: ActorRef<M>) {
        self.0.store(Some(Arc::new(mailbox)));
    }

    /// Puts a message into the mailbox. If nobody lives here (a restart is under way, or the shop
    /// goes down), the message is dropped, and whoever waits for its answer is told by that.
    pub fn send(&self, message: M) {
        if let Some(mailbox) = &*self.0.load() {
            let _ = mailbox.cast(message);
        }
    }
}
