//! The address book: which shard an entity lives in, and its mailbox.

use super::address::{Address, Mailbox};
use super::shard::ShardMessage;
use crate::domain::event::EntityKey;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Sends messages to entities by address. Cheap to clone; a shard that was restarted is found under
/// its old place.
#[derive(Clone)]
pub struct Directory {
    shards: Arc<[Address<ShardMessage>]>,
}

impl Directory {
    /// A directory with room for `shards` shards, none of them there yet.
    pub fn new(shards: usize) -> Directory {
        Directory { shards: (0..shards.max(1)).map(|_| Address::vacant()).collect() }
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(crate) fn install(&self, shard: usize, mailbox: impl Mailbox<ShardMessage>) {
        self.shards[shard].install(mailbox);
    }

    /// The shard of an entity: the same in every run, so that a log line can be followed.
    pub fn shard_of(&self, key: &EntityKey) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        (hasher.finish() % self.shards.len() as u64) as usize
    }

    /// Puts a message into its entity's mailbox. If the shard is gone (it is being restarted, or the
    /// shop goes down), dropping the message tells its sender.
    pub fn send(&self, message: ShardMessage) {
        let shard = match &message {
            ShardMessage::Cart(id, _) => self.shard_of(&EntityKey::Cart(*id)),
            ShardMessage::Order(id, _) => self.shard_of(&EntityKey::Order(*id)),
            ShardMessage::Sku(sku, _) => self.shard_of(&EntityKey::Sku(sku.clone())),
            ShardMessage::Loaded(key, _) => self.shard_of(key),
            // Made for one shard each, and sent with `send_to`.
            ShardMessage::Settled(_) | ShardMessage::Answers(_) | ShardMessage::Census(_) => {
                return;
            }
            #[cfg(test)]
            ShardMessage::Panic => return,
        };
        self.send_to(shard, message);
    }

    pub(super) fn send_to(&self, shard: usize, message: ShardMessage) {
        self.shards[shard].send(message);
    }
}
