//! The moving parts of the engine, put together: committer, shards and their supervision tree.
//!
//! `shop` builds one of these with everything around it; benches and tests build one alone.

use super::desk::Desk;
use super::directory::Directory;
use super::env::Env;
use super::outside::Machine;
use super::pools::Readers;
use super::reads::Reads;
use super::settle::{self, Ticket};
use super::shard::{Shard, ShardParts, ShardState};
use super::supervisor::{Child, Supervisor, SupervisorMessage};
use crate::domain::guard::Guard;
use crate::storage::{Batch, Committer, Settled, Store};
use futures_util::FutureExt;
use ractor::{Actor, ActorRef, SpawnErr};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// What runs, and how to reach it. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub desk: Desk,
    pub directory: Directory,
    pub committer: Committer<Ticket>,
    root: ActorRef<SupervisorMessage>,
    vitals: Arc<Vitals>,
}

/// What the supervision tree reports.
#[derive(Default)]
pub(super) struct Vitals {
    pub restarts: AtomicU64,
    pub closing: AtomicBool,
}

/// Told of every settled group after the read models have taken it in, before anybody is answered.
pub type Witness = Box<dyn FnMut(&[Settled<Ticket>]) + Send>;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the committer's thread cannot be started")]
    Committer(#[from] io::Error),
    #[error("an actor cannot be started")]
    Actor(#[from] SpawnErr),
}

/// What an engine is made of.
pub struct EngineParts {
    pub env: Arc<Env>,
    pub store: Arc<dyn Store>,
    pub reads: Arc<Reads>,
    pub readers: Readers,
    pub witness: Witness,
    pub shards: usize,
}

impl Engine {
    /// Starts the committer and the shards, and whatever services `services` adds to the tree;
    /// gives back the handles it made for them.
    pub async fn start<H>(
        parts: EngineParts,
        services: impl FnOnce(&Committer<Ticket>, &Directory) -> (H, Vec<Service>),
    ) -> Result<(Engine, H), EngineError> {
        let EngineParts { env, store, reads, readers, witness, shards } = parts;
        let directory = Directory::new(shards);
        let sink = teller(&env, reads, witness, directory.clone());
        // The writer's thread ends by itself when the last committer is dropped.
        let (committer, _writer) = Committer::start(store, sink)?;
        let vitals = Arc::new(Vitals::default());
        let bound = env.settings.entity_bytes / directory.shards();
        let outside = Machine { env: Arc::clone(&env), directory: directory.clone(), readers };
        let shard_parts = ShardParts {
            env: Arc::clone(&env),
            directory: directory.clone(),
            committer: committer.clone(),
            outside: Arc::new(outside),
            bound,
        };
        let mut children: Vec<Child> =
            (0..directory.shards()).map(|place| shard(place, shard_parts.clone())).collect();
        let (handles, services) = services(&committer, &directory);
        children.extend(services.into_iter().map(|service| service.0));
        let (root, _) = Actor::spawn(None, Supervisor, (children, Arc::clone(&vitals))).await?;
        let desk = Desk::new(directory.clone(), env.ids.clone());
        Ok((Engine { desk, directory, committer, root, vitals }, handles))
    }

    /// How often a shard or service had to be started again.
    pub fn restarts(&self) -> u64 {
        self.vitals.restarts.load(Ordering::Relaxed)
    }

    /// Returns when everything handed over before this is settled.
    pub async fn settle(&self) {
        barrier(&self.committer).await;
    }

    /// Has every actor work its mailbox off and end, and every batch be written.
    pub async fn stop(self) {
        self.vitals.closing.store(true, Ordering::Relaxed);
        self.settle().await;
        self.root.drain_children_and_wait(Some(Duration::from_secs(10))).await;
        self.settle().await;
        if let Err(error) = self.root.stop_and_wait(None, None).await {
            tracing::warn!(%error, "the supervision tree did not end cleanly");
        }
    }
}

/// Something else in the supervision tree: a service, a consumer, a job.
pub struct Service(Child);

impl Service {
    /// A service made by `actor`, started (again) with a clone of `parts`, and told to `started`.
    pub(crate) fn new<A>(
        name: &str,
        actor: impl Fn() -> A + Send + Sync + 'static,
        parts: A::Arguments,
        started: impl Fn(ActorRef<A::Msg>) + Clone + Send + Sync + 'static,
    ) -> Service
    where
        A: Actor,
        A::Arguments: Clone + Sync,
    {
        let start = move |root: ractor::ActorCell| {
            let (actor, parts, started) = (actor(), parts.clone(), started.clone());
            async move {
                let (mailbox, _) = Actor::spawn_linked(None, actor, parts, root).await?;
                let cell = mailbox.get_cell();
                started(mailbox);
                Ok(cell)
            }
            .boxed()
        };
        Service(Child { name: name.to_owned(), start: Box::new(start) })
    }
}

/// What becomes of a settled group: first the read models take it in, then everybody hears of it.
pub(crate) fn teller(
    env: &Env,
    reads: Arc<Reads>,
    mut witness: Witness,
    directory: Directory,
) -> impl FnMut(Vec<Settled<Ticket>>) + Send + use<> {
    let vault = env.vault.clone();
    move |group| {
        // A panic here would end the one writer. Models that missed a group catch up with the next.
        let told = AssertUnwindSafe(|| {
            for Settled { batch, outcome, .. } in &group {
                vault.settled(batch, outcome);
            }
            reads.project(&group);
            witness(&group);
        });
        if catch_unwind(told).is_err() {
            tracing::error!("a settled group could not be taken into the read models");
        }
        settle::distribute(group, &directory);
    }
}

/// A shard with nobody in it yet. It first waits until everything handed over before is settled: a
/// predecessor's memory of what is under way is gone.
pub(crate) async fn new_shard(parts: ShardParts) -> ShardState {
    if Guard::SettleBeforeSuccessor.stands() {
        barrier(&parts.committer).await;
    }
    ShardState::new(parts)
}

fn shard(place: usize, parts: ShardParts) -> Child {
    let start = move |root: ractor::ActorCell| {
        let parts = parts.clone();
        async move {
            let directory = parts.directory.clone();
            let state = new_shard(parts).await;
            let (mailbox, _) = Actor::spawn_linked(None, Shard, state, root).await?;
            let cell = mailbox.get_cell();
            directory.install(place, mailbox);
            Ok(cell)
        }
        .boxed()
    };
    Child { name: format!("shard {place}"), start: Box::new(start) }
}

/// Returns when everything handed over before this is settled: an empty batch comes back after it.
pub(crate) async fn barrier(committer: &Committer<Ticket>) {
    let (done, settled) = oneshot::channel();
    let reply = super::ask::Reply::new(move |_| {
        let _ = done.send(());
    });
    committer.submit(Batch::new(), Ticket::of_service(reply));
    let _ = settled.await;
}
