//! The one writer: takes whatever waits, makes it durable with one fsync, and says so.
//!
//! It never sleeps to gather more. Alone, a batch costs one commit; under load, hundreds share it.
//! What became of each group is given to one sink, in order, on a thread of its own: while it
//! changes read models and spreads the news, the writer is at the disk with the next group. After a
//! fault nothing is written until the store was opened again, and everything that waits is answered
//! with the error at once.

use super::batch::{Batch, Committed, Conflict};
use super::{Store, StoreError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The most batches in one transaction; above it, one more fsync costs less than waiting longer.
const LARGEST_GROUP: usize = 4_096;

/// Settled groups that wait for the sink; with one more, the writer waits. One is enough to keep
/// both at work.
const GROUPS_AHEAD: usize = 1;

/// How long to wait before a store that cannot be opened is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a batch is not durable, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The rest of its group was written; this one's conditions did not hold.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store failed: it may or may not be there when it is opened again.
    #[error("the store failed and is being opened again")]
    Unavailable,
}

/// A batch and what became of it. The ticket is whatever the sender needs to go on.
#[derive(Debug)]
pub struct Settled<T> {
    pub batch: Batch,
    pub ticket: T,
    pub outcome: Result<Committed, CommitError>,
}

/// Hands batches to the writer's thread. Cheap to clone; never blocks.
pub struct Committer<T> {
    sender: UnboundedSender<(Batch, T)>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Batches handed over and not settled: what the door looks at before it lets more in.
    waiting: AtomicUsize,
    faulted: AtomicBool,
}

impl<T> Clone for Committer<T> {
    fn clone(&self) -> Committer<T> {
        Committer { sender: self.sender.clone(), state: Arc::clone(&self.state) }
    }
}

/// The writer's thread and the sink's; they end when every [`Committer`] is dropped and all is
/// written and told.
pub struct Writer {
    writer: JoinHandle<()>,
    teller: JoinHandle<()>,
}

impl Writer {
    /// Waits until the last batch was told of. Blocks; call it where that is fine.
    pub fn join(self) {
        for (name, thread) in [("committer", self.writer), ("teller", self.teller)] {
            if thread.join().is_err() {
                tracing::error!(name, "a thread of the committer panicked");
            }
        }
    }
}

impl<T: Send + 'static> Committer<T> {
    /// Starts the writer's thread on `store`. `sink` gets every group once it is settled.
    pub fn start(
        store: Arc<dyn Store>,
        sink: impl FnMut(Vec<Settled<T>>) + Send + 'static,
    ) -> io::Result<(Committer<T>, Writer)> {
        let (sender, receiver) = unbounded_channel();
        let (tell, told) = sync_channel(GROUPS_AHEAD);
        let state = Arc::new(State::default());
        let own = Arc::clone(&state);
        let teller = thread::Builder::new()
            .name("teller".into())
            .spawn(move || told.into_iter().for_each(sink))?;
        let writer = thread::Builder::new()
            .name("committer".into())
            .spawn(move || run(&*store, receiver, &tell, &own))?;
        Ok((Committer { sender, state }, Writer { writer, teller }))
    }

    /// Hands a batch over; it will be settled through the sink. Batches are taken in this order.
    pub fn submit(&self, batch: Batch, ticket: T) {
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        if self.sender.send((batch, ticket)).is_err() {
            // The writer is gone only while the shop goes down: dropping the ticket tells the caller.
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::Relaxed)
    }

    /// Whether writes are accepted; after a fault not until the store is open again.
    pub fn is_healthy(&self) -> bool {
        !self.state.faulted.load(Ordering::Relaxed)
    }
}

fn run<T: Send>(
    store: &dyn Store,
    mut receiver: UnboundedReceiver<(Batch, T)>,
    tell: &SyncSender<Vec<Settled<T>>>,
    state: &State,
) {
    let mut waiting = Vec::with_capacity(LARGEST_GROUP);
    // Why the store could not be opened again the last time: said once, not with every try.
    let mut shut_because = String::new();
    loop {
        if state.faulted.load(Ordering::Relaxed) {
            // Whoever looks after the shop sends nobody while it is not ready, so that no batch would
            // come along that has it opened.
            thread::sleep(PAUSE);
            reopen(store, state, &mut shut_because);
            match take_what_waits(&mut receiver, &mut waiting) {
                Err(TryRecvError::Disconnected) if waiting.is_empty() => return,
                Ok(()) | Err(_) if waiting.is_empty() => continue,
                Ok(()) | Err(_) => {}
            }
        } else if receiver.blocking_recv_many(&mut waiting, LARGEST_GROUP) == 0 {
            return;
        }
        let (batches, tickets): (Vec<Batch>, Vec<T>) = waiting.drain(..).unzip();
        let outcomes = commit(store, &batches, state, &mut shut_because);
        state.waiting.fetch_sub(batches.len(), Ordering::Relaxed);
        let settled = batches.into_iter().zip(tickets).zip(outcomes);
        let settled =
            settled.map(|((batch, ticket), outcome)| Settled { batch, ticket, outcome }).collect();
        if tell.send(settled).is_err() {
            // Nobody would hear of what is written any more. What waits is dropped, which says so.
            state.faulted.store(true, Ordering::Relaxed);
            return;
        }
    }
}

fn commit(
    store: &dyn Store,
    batches: &[Batch],
    state: &State,
    shut_because: &mut String,
) -> Vec<Result<Committed, CommitError>> {
    let unavailable = || batches.iter().map(|_| Err(CommitError::Unavailable)).collect();
    if state.faulted.load(Ordering::Relaxed) {
        return unavailable();
    }
    let committed = catch_unwind(AssertUnwindSafe(|| store.commit(batches)));
    let error = match committed {
        Ok(Ok(outcomes)) => {
            return outcomes
                .into_iter()
                .map(|outcome| outcome.map_err(CommitError::from))
                .collect();
        }
        Ok(Err(error)) => error,
        Err(_) => StoreError::Stopped,
    };
    tracing::error!(
        error = &error as &dyn std::error::Error,
        batches = batches.len(),
        "a commit failed; nothing is written until the store was opened again"
    );
    state.faulted.store(true, Ordering::Relaxed);
    reopen(store, state, shut_because);
    unavailable()
}

fn reopen(store: &dyn Store, state: &State, shut_because: &mut String) {
    let opened = catch_unwind(AssertUnwindSafe(|| store.reopen()));
    let Err(error) = opened.unwrap_or(Err(StoreError::Stopped)) else {
        tracing::warn!("the store is open again");
        shut_because.clear();
        return state.faulted.store(false, Ordering::Relaxed);
    };
    let why = error.to_string();
    if why != *shut_because {
        tracing::error!(error = &error as &dyn std::error::Error, "the store stays shut");
        *shut_because = why;
    }
}

/// Takes whatever is there without waiting for it.
fn take_what_waits<T>(
    receiver: &mut UnboundedReceiver<T>,
    waiting: &mut Vec<T>,
) -> Result<(), TryRecvError> {
    while waiting.len() < LARGEST_GROUP {
        waiting.push(receiver.try_recv()?);
    }
    Ok(())
}
