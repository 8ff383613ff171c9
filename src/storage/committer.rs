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
        let (committer, hand) = Committer::by_hand(store);
        let (tell, told) = sync_channel(GROUPS_AHEAD);
        let teller = thread::Builder::new()
            .name("teller".into())
            .spawn(move || told.into_iter().for_each(sink))?;
        let writer =
            thread::Builder::new().name("committer".into()).spawn(move || hand.run(&tell))?;
        Ok((committer, Writer { writer, teller }))
    }

    /// A committer without threads: whoever has the hand writes with it.
    pub(crate) fn by_hand(store: Arc<dyn Store>) -> (Committer<T>, Hand<T>) {
        let (sender, receiver) = unbounded_channel();
        let state = Arc::new(State::default());
        let own = Arc::clone(&state);
        let (taken, shut_because) = (Vec::new(), String::new());
        let hand = Hand { store, receiver, taken, state: own, shut_because };
        (Committer { sender, state }, hand)
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

/// The hand that writes, one group at a time. [`Committer::start`] gives it a thread.
pub(crate) struct Hand<T> {
    store: Arc<dyn Store>,
    receiver: UnboundedReceiver<(Batch, T)>,
    taken: Vec<(Batch, T)>,
    state: Arc<State>,
    /// Why the store could not be opened again the last time: said once, not with every try.
    shut_because: String,
}

impl<T> Hand<T> {
    fn run(mut self, tell: &SyncSender<Vec<Settled<T>>>) {
        while self.wait() {
            if tell.send(self.write()).is_err() {
                // Nobody would hear of what is written any more. What waits is dropped, which says so.
                self.state.faulted.store(true, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Waits until there is something to write, and takes it; after a fault it has the store opened
    /// again meanwhile. Says whether there will ever be anything.
    fn wait(&mut self) -> bool {
        while self.is_shut() {
            // Whoever looks after the shop sends nobody while it is not ready, so that no batch would
            // come along that has it opened.
            thread::sleep(PAUSE);
            self.reopen();
            let left = self.take();
            if !self.taken.is_empty() {
                return true;
            }
            if left == Err(TryRecvError::Disconnected) {
                return false;
            }
        }
        self.receiver.blocking_recv_many(&mut self.taken, LARGEST_GROUP) > 0
    }

    /// Takes whatever is there without waiting for it; says whether that is anything.
    pub fn take_what_waits(&mut self) -> bool {
        let _ = self.take();
        !self.taken.is_empty()
    }

    fn take(&mut self) -> Result<(), TryRecvError> {
        while self.taken.len() < LARGEST_GROUP {
            self.taken.push(self.receiver.try_recv()?);
        }
        Ok(())
    }

    /// Whether the store failed and was not opened again yet.
    pub fn is_shut(&self) -> bool {
        self.state.faulted.load(Ordering::Relaxed)
    }

    /// Makes what was taken durable, and says what became of it.
    pub fn write(&mut self) -> Vec<Settled<T>> {
        let (batches, tickets): (Vec<Batch>, Vec<T>) = self.taken.drain(..).unzip();
        let outcomes = self.commit(&batches);
        self.state.waiting.fetch_sub(batches.len(), Ordering::Relaxed);
        let settled = batches.into_iter().zip(tickets).zip(outcomes);
        settled.map(|((batch, ticket), outcome)| Settled { batch, ticket, outcome }).collect()
    }

    fn commit(&mut self, batches: &[Batch]) -> Vec<Result<Committed, CommitError>> {
        let unavailable = || batches.iter().map(|_| Err(CommitError::Unavailable)).collect();
        if self.is_shut() {
            return unavailable();
        }
        #[cfg(debug_assertions)]
        crate::failpoints::pass("commit-asked-for");
        let committed = catch_unwind(AssertUnwindSafe(|| self.store.commit(batches)));
        #[cfg(debug_assertions)]
        crate::failpoints::pass("commit-made");
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
        self.state.faulted.store(true, Ordering::Relaxed);
        self.reopen();
        unavailable()
    }

    /// Has the store opened again after a fault.
    pub fn reopen(&mut self) {
        let opened = catch_unwind(AssertUnwindSafe(|| self.store.reopen()));
        let Err(error) = opened.unwrap_or(Err(StoreError::Stopped)) else {
            tracing::warn!("the store is open again");
            self.shut_because.clear();
            return self.state.faulted.store(false, Ordering::Relaxed);
        };
        let why = error.to_string();
        if why != self.shut_because {
            tracing::error!(error = &error as &dyn std::error::Error, "the store stays shut");
            self.shut_because = why;
        }
    }
}
