//! Takes the planned backups, removes those that need not stay, and looks for damage.
//!
//! A backup is taken while the shop goes on. One that fails is logged, shows in `/readyz`, and is
//! tried again with the next look. Each backup reads every row and looks at its checksum; where none was
//! taken for a day, the rows are read through without one.

use super::super::clock::Clock;
use super::super::engine::Service;
use crate::backup::BackupDesk;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;

struct Keeper;

#[derive(Clone)]
struct KeeperParts {
    desk: BackupDesk,
    clock: Arc<dyn Clock>,
}

/// How often it looks whether a backup is due.
const PAUSE: Duration = Duration::from_secs(30);

/// The job, for the supervision tree.
pub fn keeper_service(desk: BackupDesk, clock: Arc<dyn Clock>) -> Service {
    Service::new("keeper", || Keeper, KeeperParts { desk, clock }, |_| {})
}

impl Actor for Keeper {
    type Msg = ();
    type State = KeeperParts;
    type Arguments = KeeperParts;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        parts: KeeperParts,
    ) -> Result<KeeperParts, ActorProcessingErr> {
        myself.cast(())?;
        myself.send_interval(PAUSE, || ());
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<()>,
        _tick: (),
        parts: &mut KeeperParts,
    ) -> Result<(), ActorProcessingErr> {
        let KeeperParts { desk, clock } = parts.clone();
        tokio::task::spawn_blocking(move || look(&desk, &*clock)).await?;
        Ok(())
    }
}

fn look(desk: &BackupDesk, clock: &dyn Clock) {
    let taken = match desk.is_due(clock.now()) {
        Ok(false) => desk.walk(clock.now()).map(|_| None),
        Ok(true) => desk.take_planned(clock.now()),
        Err(error) => Err(error),
    };
    match taken {
        Ok(Some(taken)) => {
            let folder = taken.folder.display();
            tracing::info!(sequence = taken.manifest.sequence, "took the backup {folder}");
        }
        Ok(None) => {}
        Err(error) if desk.standing().is_damaged => tracing::error!(
            error = &error as &dyn std::error::Error,
            "THE DATA ARE DAMAGED: stop the shop, {}",
            desk.advice()
        ),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "THERE IS NO NEW BACKUP: the planned one failed and is tried again"
        ),
    }
}
