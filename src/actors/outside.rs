//! What a shard asks of the world outside it, each answered with a message some time later: rows of
//! waking entities, payment providers, timers.

use super::directory::Directory;
use super::env::Env;
use super::order::OrderMessage;
use super::pools::Readers;
use super::providers::{self, ProviderCall};
use super::shard::ShardMessage;
use crate::domain::Span;
use crate::domain::event::EntityKey;
use std::sync::Arc;
use std::time::Duration;

/// The world outside a shard: the machine's, or a simulated one.
pub(crate) trait Outside: Send + Sync + 'static {
    /// Reads an entity's row; answered with [`ShardMessage::Loaded`].
    fn load(&self, key: EntityKey);
    /// Asks a payment provider; the order is answered with [`OrderMessage::Told`].
    fn call(&self, call: ProviderCall);
    /// Sends a message after `span`.
    fn later(&self, span: Span, message: ShardMessage);
}

/// The machine: a pool of reader threads, and tasks of their own for calls and timers.
pub(super) struct Machine {
    pub env: Arc<Env>,
    pub directory: Directory,
    pub readers: Readers,
}

impl Outside for Machine {
    fn load(&self, key: EntityKey) {
        let directory = self.directory.clone();
        self.readers.load(key.clone(), move |row| directory.send(ShardMessage::Loaded(key, row)));
    }

    fn call(&self, call: ProviderCall) {
        let (env, directory) = (Arc::clone(&self.env), self.directory.clone());
        tokio::spawn(async move {
            let order = call.order;
            let told = providers::ask(call, &env).await;
            directory.send(ShardMessage::Order(order, OrderMessage::Told(told)));
        });
    }

    fn later(&self, span: Span, message: ShardMessage) {
        let directory = self.directory.clone();
        let wait = Duration::from_millis(span.as_millis().max(0).unsigned_abs());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            directory.send(message);
        });
    }
}
