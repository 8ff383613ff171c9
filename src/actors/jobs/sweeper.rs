//! Comes back to what has a deadline: unpaid orders whose reservations ran out, carts left behind.
//!
//! It only looks and tells; what happens is decided by the entity. A row stays until its entity has
//! taken it away, so a message that is lost is sent again with the next round.

use super::super::address::Address;
use super::super::cart::CartMessage;
use super::super::clock::Clock;
use super::super::directory::Directory;
use super::super::engine::Service;
use super::super::order::OrderMessage;
use super::super::shard::ShardMessage;
use crate::domain::Timestamp;
use crate::domain::event::EntityKey;
use crate::domain::guard::Guard;
use crate::storage::table::{parse_entity_prefix, parse_timed_key, timed_key};
use crate::storage::{Direction, Store, StoreError, Table};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

enum SweeperMessage {
    /// One round; `done` is told how many entities were sent for.
    Sweep { done: Option<oneshot::Sender<usize>> },
    /// For tests: it panics.
    #[cfg(test)]
    Panic,
}

struct Sweeper;

#[derive(Clone)]
pub(crate) struct SweeperParts {
    store: Arc<dyn Store>,
    directory: Directory,
    clock: Arc<dyn Clock>,
    /// Where the next round begins: behind those that the last one had no room for.
    from: Vec<u8>,
}

/// Asks for a round out of turn.
#[derive(Clone)]
pub struct SweeperHandle(Address<SweeperMessage>);

impl SweeperHandle {
    /// One round now; says how many entities were sent for.
    pub async fn sweep(&self) -> usize {
        let (done, swept) = oneshot::channel();
        self.0.send(SweeperMessage::Sweep { done: Some(done) });
        swept.await.unwrap_or(0)
    }

    /// For tests: has the job panic.
    #[cfg(test)]
    pub(in super::super) fn die(&self) {
        self.0.send(SweeperMessage::Panic);
    }
}

/// The job, and how to ask it for a round.
pub fn sweeper_service(
    store: Arc<dyn Store>,
    directory: Directory,
    clock: Arc<dyn Clock>,
) -> (SweeperHandle, Service) {
    let address = Address::vacant();
    let handle = SweeperHandle(address.clone());
    let parts = SweeperParts::new(store, directory, clock);
    (handle, Service::new("sweeper", || Sweeper, parts, move |mailbox| address.install(mailbox)))
}

/// The most entities sent for in one round: what they do then fits into the committer's queue.
const MOST_A_ROUND: usize = 1_000;

const PAUSE: Duration = Duration::from_secs(1);

impl Actor for Sweeper {
    type Msg = SweeperMessage;
    type State = SweeperParts;
    type Arguments = SweeperParts;

    async fn pre_start(
        &self,
        myself: ActorRef<SweeperMessage>,
        parts: SweeperParts,
    ) -> Result<SweeperParts, ActorProcessingErr> {
        myself.send_interval(PAUSE, || SweeperMessage::Sweep { done: None });
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SweeperMessage>,
        message: SweeperMessage,
        parts: &mut SweeperParts,
    ) -> Result<(), ActorProcessingErr> {
        let done = match message {
            SweeperMessage::Sweep { done } => done,
            #[cfg(test)]
            SweeperMessage::Panic => panic!("as the test wants it"),
        };
        match parts.sweep() {
            Ok(sent) => {
                let _ = done.map(|done| done.send(sent));
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "deadlines cannot be read")
            }
        }
        Ok(())
    }
}

impl SweeperParts {
    pub fn new(store: Arc<dyn Store>, directory: Directory, clock: Arc<dyn Clock>) -> SweeperParts {
        SweeperParts { store, directory, clock, from: Vec::new() }
    }

    /// One round; says how many entities were sent for.
    pub fn sweep(&mut self) -> Result<usize, StoreError> {
        let due = if Guard::Sweeping.stands() { self.due()? } else { vec![] };
        let sent = due.len();
        for (due, entity) in due {
            match entity {
                EntityKey::Cart(id) => {
                    self.directory.send(ShardMessage::Cart(id, CartMessage::Due { due }));
                }
                EntityKey::Order(id) => {
                    self.directory.send(ShardMessage::Order(id, OrderMessage::Due { due }));
                }
                other => tracing::warn!(entity = %other, "has a deadline, but nobody to keep it"),
            }
        }
        Ok(sent)
    }

    /// As many as one round has room for. The next round goes on from there, so that orders whose
    /// provider is silent do not stand before all others for ever.
    fn due(&mut self) -> Result<Vec<(Timestamp, EntityKey)>, StoreError> {
        let to = timed_key(self.clock.now(), &[0xff]);
        let from = std::mem::take(&mut self.from);
        let mut due = Vec::new();
        self.store.snapshot()?.scan(
            Table::Expiries,
            &from,
            Some(&to),
            Direction::Forward,
            &mut |key, _| {
                let read = parse_timed_key(key)
                    .and_then(|(at, name)| Some((at, parse_entity_prefix(name)?)));
                due.extend(read);
                if due.len() < MOST_A_ROUND {
                    return ControlFlow::Continue(());
                }
                self.from = [key, &[0]].concat();
                ControlFlow::Break(())
            },
        )?;
        Ok(due)
    }
}
