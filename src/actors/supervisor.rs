//! The one supervision tree: shards and services under a root that starts them again when they die.
//!
//! A child that dies is started afresh after a pause that doubles while it keeps dying; the shop
//! stays up meanwhile. Restarts are logged and counted. At the end, children work their mailboxes
//! off before they go.

use super::engine::Vitals;
use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How to start one child, linked to the root, and make it known under its old address.
pub(super) struct Child {
    pub name: String,
    pub start: Start,
}

pub(super) type Start =
    Box<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>;

pub(super) enum SupervisorMessage {
    StartAgain(usize),
    /// The child may have lived long enough for its next pause to be short again.
    Settled(usize, ActorId),
}

pub(super) struct Supervisor;

pub(super) struct Tree {
    children: Vec<(Child, Option<ActorId>, Pause)>,
    vitals: Arc<Vitals>,
}

/// How long to wait before the next start of a child that keeps dying.
struct Pause(Duration);

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(30);

impl Pause {
    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST);
        now
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = Tree;
    type Arguments = (Vec<Child>, Arc<Vitals>);

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        (children, vitals): (Vec<Child>, Arc<Vitals>),
    ) -> Result<Tree, ActorProcessingErr> {
        let mut tree = Tree { children: Vec::with_capacity(children.len()), vitals };
        for child in children {
            let started = (child.start)(myself.get_cell()).await?;
            tree.children.push((child, Some(started.get_id()), Pause(SHORTEST)));
        }
        Ok(tree)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        tree: &mut Tree,
    ) -> Result<(), ActorProcessingErr> {
        let place = match message {
            SupervisorMessage::StartAgain(place) => place,
            SupervisorMessage::Settled(place, id) => {
                let child = tree.children.get_mut(place);
                if let Some((_, _, pause)) = child.filter(|(_, running, _)| *running == Some(id)) {
                    *pause = Pause(SHORTEST);
                }
                return Ok(());
            }
        };
        let Some((child, running, pause)) = tree.children.get_mut(place) else { return Ok(()) };
        if tree.vitals.closing.load(Ordering::Relaxed) {
            return Ok(());
        }
        match (child.start)(myself.get_cell()).await {
            Ok(started) => {
                let id = started.get_id();
                *running = Some(id);
                tree.vitals.restarts.fetch_add(1, Ordering::Relaxed);
                myself.send_after(LONGEST, move || SupervisorMessage::Settled(place, id));
            }
            Err(error) => {
                tracing::error!(child = child.name, %error, "could not be started again");
                myself.send_after(pause.next(), move || SupervisorMessage::StartAgain(place));
            }
        }
        Ok(())
    }

    /// Overridden because the default stops the supervisor when any child ends.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        tree: &mut Tree,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorFailed(who, error) => (who.get_id(), error.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                (who.get_id(), reason.unwrap_or_else(|| "it stopped".to_owned()))
            }
            _ => return Ok(()),
        };
        let found =
            tree.children.iter_mut().enumerate().find(|(_, (_, running, _))| *running == Some(who));
        if let Some((place, (child, running, pause))) = found {
            *running = None;
            if tree.vitals.closing.load(Ordering::Relaxed) {
                return Ok(());
            }
            let pause = pause.next();
            tracing::error!(
                child = child.name,
                why,
                pause_ms = pause.as_millis() as u64,
                "died; is started again"
            );
            myself.send_after(pause, move || SupervisorMessage::StartAgain(place));
        }
        Ok(())
    }
}
