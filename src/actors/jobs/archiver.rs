//! Moves what was archived in the data file out into the archive's folder.
//!
//! Entries are durable over there before they are removed here, so a crash anywhere loses none. Where
//! the folder cannot be written they wait in the data file, which grows by them.

use super::super::engine::Service;
use super::super::settle::{Ticket, make_durable};
use crate::backup::{BackupDesk, BackupError};
use crate::storage::{Committer, StoreError};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::Duration;

struct Archiver;

#[derive(Clone)]
struct ArchiverParts {
    desk: BackupDesk,
    committer: Committer<Ticket>,
    /// Whether the last round failed: said once, and not with every round.
    failed: bool,
}

/// The job, for the supervision tree.
pub fn archiver_service(desk: BackupDesk, committer: Committer<Ticket>) -> Service {
    let parts = ArchiverParts { desk, committer, failed: false };
    Service::new("archiver", || Archiver, parts, |_| {})
}

impl Actor for Archiver {
    type Msg = ();
    type State = ArchiverParts;
    type Arguments = ArchiverParts;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        parts: ArchiverParts,
    ) -> Result<ArchiverParts, ActorProcessingErr> {
        if let Some(plan) = &parts.desk.plan().archive {
            myself.send_interval(Duration::from_millis(plan.every_ms), || ());
        }
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<()>,
        _tick: (),
        parts: &mut ArchiverParts,
    ) -> Result<(), ActorProcessingErr> {
        let moved = parts.move_all().await;
        if let Err(error) = &moved
            && !parts.failed
        {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "THE ARCHIVE STANDS STILL: what it lacks waits in the data file"
            );
        }
        parts.failed = moved.is_err();
        Ok(())
    }
}

impl ArchiverParts {
    /// A segment at a time, each removed here before the next.
    async fn move_all(&self) -> Result<(), BackupError> {
        loop {
            let desk = self.desk.clone();
            let moved = tokio::task::spawn_blocking(move || desk.move_out()).await;
            let Some(batch) = moved.unwrap_or(Err(StoreError::Stopped.into()))? else {
                return Ok(());
            };
            if !make_durable(&self.committer, batch).await {
                return Err(StoreError::Stopped.into());
            }
        }
    }
}
