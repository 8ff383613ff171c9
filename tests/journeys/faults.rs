//! What can go wrong below and beside a shop, on demand: a disk that fails, a payment provider that
//! is silent, and a current that goes off. The store beneath is the real one.
//!
//! Nothing here waits for the clock: whoever is to be held up stands at a [`Gate`] until it opens.

use futures_util::FutureExt;
use mercat::domain::order::{Collected, RefundAnswer};
use mercat::domain::payment::PaymentAnswer;
use mercat::domain::{Money, PaymentId, RefundId};
use mercat::payments::test::TestProvider;
use mercat::payments::{Answer, Attempt, PaymentProvider, ProviderError};
use mercat::storage::{Batch, Committed, Conflict, RedbStore, Snapshot, Store, StoreError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// How long a test waits for what must happen, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    None,
    /// It fails and nothing of it is there afterwards.
    Lost,
    /// It fails and turns out to be there afterwards.
    Kept,
}

/// What happens to one call of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// The call never arrives, and that is known.
    Unreachable,
    /// The call never arrives, and nobody says so.
    Unheard,
    /// What was asked is done, and the answer gets lost.
    Unanswered,
}

/// All that can be done to one life of a shop, from its start to its end.
#[derive(Default)]
pub struct Faults {
    /// What a commit passes.
    pub commits: Gate,
    /// What a call of the provider passes.
    pub calls: Gate,
    commit_faults: Mutex<VecDeque<CommitFault>>,
    call_faults: Mutex<VecDeque<CallFault>>,
    /// Every call fails like this, after those that were planted one by one.
    outage: Mutex<Option<CallFault>>,
    power: Power,
}

impl Faults {
    /// What the next commits meet, one entry each; afterwards they succeed again.
    pub fn fail_commits(&self, faults: impl IntoIterator<Item = CommitFault>) {
        self.commit_faults.lock().unwrap().extend(faults);
    }

    /// What the next calls of the provider meet, one entry each; afterwards they succeed again.
    pub fn fail_calls(&self, faults: impl IntoIterator<Item = CallFault>) {
        self.call_faults.lock().unwrap().extend(faults);
    }

    /// From now on every call of the provider meets this, or none.
    pub fn outage(&self, fault: Option<CallFault>) {
        *self.outage.lock().unwrap() = fault;
    }

    /// Takes back what was planted and not met; says whether there was any.
    pub fn take_back(&self) -> bool {
        let commits = std::mem::take(&mut *self.commit_faults.lock().unwrap());
        let calls = std::mem::take(&mut *self.call_faults.lock().unwrap());
        !commits.is_empty() || !calls.is_empty()
    }

    /// The current goes off after so many more points: each commit and each call of the provider has
    /// one before and one after.
    pub fn cut_power_after(&self, points: i64) {
        self.power.fuse.store(points, Ordering::SeqCst);
    }

    /// Whether the current went off.
    pub fn is_dark(&self) -> bool {
        self.power.off.load(Ordering::SeqCst)
    }
}

/// The current: on, until its fuse blows.
struct Power {
    off: AtomicBool,
    /// How many more points are passed before it goes off; below zero, it stays on.
    fuse: AtomicI64,
}

impl Default for Power {
    fn default() -> Power {
        Power { off: AtomicBool::new(false), fuse: AtomicI64::new(-1) }
    }
}

impl Power {
    /// One point at which the current may go off; says whether it is off.
    fn point(&self) -> bool {
        let burn = |left: i64| (left >= 0).then(|| left - 1);
        if self.fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, burn) == Ok(0) {
            self.off.store(true, Ordering::SeqCst);
        }
        self.off.load(Ordering::SeqCst)
    }
}

/// Lets through, or holds back, and says how many wait.
#[derive(Default)]
pub struct Gate {
    shut: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    /// Shuts it until what this gives is dropped.
    pub fn shut(&self) -> Shut<'_> {
        self.shut.send_replace(true);
        Shut(self)
    }

    /// Returns when at least `count` wait.
    pub async fn arrived(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, waiting.wait_for(|own| *own >= count)).await;
        arrived.expect("nobody came to the gate").unwrap();
    }

    async fn pass(&self) {
        let mut shut = self.shut.subscribe();
        if !*shut.borrow_and_update() {
            return;
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        // Whoever gives up at the gate waits there no more, either.
        let _leaves = Leaves(self);
        let _ = shut.wait_for(|shut| !shut).await;
    }

    /// As [`Gate::pass`], on a thread that may wait.
    fn wait(&self) {
        if *self.shut.borrow() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.pass());
        }
    }
}

struct Leaves<'a>(&'a Gate);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// A gate that is shut.
pub struct Shut<'a>(&'a Gate);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.shut.send_replace(false);
    }
}

/// The store on disk, through whatever fault comes next.
pub struct FaultyStore {
    pub disk: Arc<RedbStore>,
    pub faults: Arc<Faults>,
}

impl Store for FaultyStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        if self.faults.is_dark() { Err(StoreError::Stopped) } else { self.disk.snapshot() }
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        if group.iter().all(Batch::is_empty) {
            return self.disk.commit(group);
        }
        let Faults { commits, commit_faults, power, .. } = &*self.faults;
        commits.wait();
        if power.point() {
            return Err(StoreError::Stopped);
        }
        let fault = commit_faults.lock().unwrap().pop_front().unwrap_or(CommitFault::None);
        if fault == CommitFault::Lost {
            return Err(StoreError::Injected);
        }
        let outcome = self.disk.commit(group);
        match (power.point(), fault) {
            (true, _) => Err(StoreError::Stopped),
            (false, CommitFault::None) => outcome,
            (false, CommitFault::Lost | CommitFault::Kept) => Err(StoreError::Injected),
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        // The disk itself never failed, so it is open.
        if self.faults.is_dark() { Err(StoreError::Stopped) } else { Ok(()) }
    }
}

/// The provider's company: its books outlive the shop.
pub struct Bank {
    pub provider: Arc<TestProvider>,
    /// Every payment that was ever asked for there.
    seen: Mutex<Vec<PaymentId>>,
}

impl Bank {
    pub fn new(provider: Arc<TestProvider>) -> Bank {
        Bank { provider, seen: Mutex::default() }
    }

    /// How many payments it was ever asked for.
    pub fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Of all payments after the first `since`: the money that came in and was not given back, in
    /// minor units, and how many are set aside or wait for their shopper.
    pub fn holds(&self, since: usize) -> (i64, usize) {
        let seen = self.seen.lock().unwrap();
        let seen = &seen[since..];
        let taken = seen.iter().filter_map(|payment| self.provider.taken(*payment));
        let open = seen.iter().filter(|payment| {
            let known = self.provider.look_up(**payment).now_or_never();
            matches!(
                known,
                Some(Ok(Some(
                    PaymentAnswer::Authorized { .. } | PaymentAnswer::ActionNeeded { .. }
                )))
            )
        });
        (taken.map(|money| money.minor()).sum(), open.count())
    }
}

/// The way to the bank, through whatever fault comes next.
pub struct FaultyProvider {
    pub bank: Arc<Bank>,
    pub faults: Arc<Faults>,
}

impl FaultyProvider {
    async fn through<T>(&self, call: Answer<'_, T>) -> Result<T, ProviderError> {
        let Faults { calls, call_faults, outage, power, .. } = &*self.faults;
        calls.pass().await;
        if power.point() {
            return Err(ProviderError::Unreachable);
        }
        let planted = call_faults.lock().unwrap().pop_front();
        let fault = planted.or(*outage.lock().unwrap());
        match fault {
            Some(CallFault::Unreachable) => return Err(ProviderError::Unreachable),
            Some(CallFault::Unheard) => return Err(ProviderError::UnknownOutcome),
            Some(CallFault::Unanswered) | None => {}
        }
        let answer = call.await;
        let is_lost = power.point() || fault.is_some();
        if is_lost { Err(ProviderError::UnknownOutcome) } else { answer }
    }
}

impl PaymentProvider for FaultyProvider {
    fn name(&self) -> &'static str {
        self.bank.provider.name()
    }

    fn collected(&self) -> Collected {
        self.bank.provider.collected()
    }

    fn accepts(&self, token: Option<&str>) -> bool {
        self.bank.provider.accepts(token)
    }

    fn authorize(&self, attempt: Attempt) -> Answer<'_, PaymentAnswer> {
        let mut seen = self.bank.seen.lock().unwrap();
        if !seen.contains(&attempt.payment) {
            seen.push(attempt.payment);
        }
        drop(seen);
        Box::pin(self.through(self.bank.provider.authorize(attempt)))
    }

    fn capture(&self, payment: PaymentId, reference: &str) -> Answer<'_, PaymentAnswer> {
        Box::pin(self.through(self.bank.provider.capture(payment, reference)))
    }

    fn void(&self, payment: PaymentId) -> Answer<'_, PaymentAnswer> {
        Box::pin(self.through(self.bank.provider.void(payment)))
    }

    fn refund(
        &self,
        refund: RefundId,
        payment: PaymentId,
        amount: Money,
    ) -> Answer<'_, RefundAnswer> {
        Box::pin(self.through(self.bank.provider.refund(refund, payment, amount)))
    }

    fn look_up(&self, payment: PaymentId) -> Answer<'_, Option<PaymentAnswer>> {
        Box::pin(self.through(self.bank.provider.look_up(payment)))
    }
}
