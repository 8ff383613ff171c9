//! Takes away idempotency answers that are older than their 24 hours.

use super::super::clock::Clock;
use super::super::engine::Service;
use super::super::keys::Keys;
use super::super::settle::{Ticket, make_durable};
use crate::storage::{Committer, StoreError};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;

struct Janitor;

#[derive(Clone)]
struct JanitorParts {
    keys: Keys,
    clock: Arc<dyn Clock>,
    committer: Committer<Ticket>,
}

/// The most rows removed in one batch: a small share of what one commit carries.
const MOST_AT_ONCE: usize = 2_000;

const PAUSE: Duration = Duration::from_secs(600);

/// The job, for the supervision tree.
pub fn janitor_service(keys: Keys, clock: Arc<dyn Clock>, committer: Committer<Ticket>) -> Service {
    let parts = JanitorParts { keys, clock, committer };
    Service::new("janitor", || Janitor, parts, |_| {})
}

impl Actor for Janitor {
    type Msg = ();
    type State = JanitorParts;
    type Arguments = JanitorParts;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        parts: JanitorParts,
    ) -> Result<JanitorParts, ActorProcessingErr> {
        myself.send_interval(PAUSE, || ());
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<()>,
        _tick: (),
        parts: &mut JanitorParts,
    ) -> Result<(), ActorProcessingErr> {
        if let Err(error) = parts.tidy().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old idempotency keys stay for now"
            );
        }
        Ok(())
    }
}

impl JanitorParts {
    /// Removes what is too old, a batch at a time, each durable before the next.
    async fn tidy(&self) -> Result<(), StoreError> {
        loop {
            let batch = self.keys.expired(self.clock.now(), MOST_AT_ONCE)?;
            if batch.is_empty() {
                return Ok(());
            }
            if !make_durable(&self.committer, batch).await {
                return Err(StoreError::Stopped);
            }
        }
    }
}
