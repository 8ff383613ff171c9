//! Pools of threads for what blocks or computes for long, so that no async worker ever waits.
//!
//! The threads are actix `SyncArbiter`s. Left alone, a panic ends such a thread for good, queues
//! have no bound, and threads cannot be joined; so every job runs guarded and a panic costs no more
//! than the worker's own state, whoever sends holds a place of a bounded number, and
//! [`Pools::stop`] waits until each worker is gone. Whoever waits always hears something: a job
//! that panics or never runs is answered too.
//!
//! The committer is not here: it takes its whole queue at once, which a pool cannot.

use super::hashing::{Scratch, Spare};
pub use super::password::Password;
use crate::domain::event::EntityKey;
use crate::storage::table::row_key;
use crate::storage::{Store, StoreError, Table};
use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext, System};
use arc_swap::ArcSwapOption;
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Why a pool gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Nothing was started.
    #[error("too much waits for this pool of threads already")]
    Busy,
    /// It panicked, or the shop goes down.
    #[error("the work was not finished")]
    Failed,
}

/// How many threads there are, and how much may wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSizes {
    pub readers: usize,
    pub hashers: usize,
    /// Passwords being hashed or waiting for it; each hash takes 19 MiB while it runs.
    pub most_passwords: usize,
    pub blocking: usize,
    /// One-off jobs running or queued; whoever comes later waits for a place.
    pub most_jobs: usize,
}

impl PoolSizes {
    /// What suits a machine with so many cores.
    pub fn for_cores(cores: usize) -> PoolSizes {
        let cores = cores.max(1);
        PoolSizes {
            // Readers mostly wait for the disk.
            readers: 2 * cores,
            hashers: cores,
            // At some 20 ms a hash, the last in line waits about a second.
            most_passwords: 50 * cores,
            blocking: cores,
            most_jobs: 16 * cores,
        }
    }
}

/// All pools of the shop, and the thread that hosts actix for them.
pub struct Pools {
    readers: Readers,
    secrets: Secrets,
    blocking: Blocking,
    host: Host,
}

impl Pools {
    pub fn start(sizes: PoolSizes, store: Arc<dyn Store>) -> io::Result<Pools> {
        let mut host = Host::start()?;
        let stateless = || Ok(());
        let readers = host.pool("reader", sizes.readers, usize::MAX, stateless)?;
        let hashers = host.pool("hasher", sizes.hashers, sizes.most_passwords, || {
            step_back();
            Ok(())
        })?;
        let blocking = host.pool("blocking", sizes.blocking, sizes.most_jobs, stateless)?;
        Ok(Pools {
            readers: Readers { pool: readers, store },
            secrets: Secrets {
                pool: hashers,
                spare: Spare::default(),
                narrow: Arc::new(Semaphore::new(1)),
            },
            blocking: Blocking { pool: blocking },
            host,
        })
    }

    pub fn readers(&self) -> Readers {
        self.readers.clone()
    }

    pub fn secrets(&self) -> Secrets {
        self.secrets.clone()
    }

    pub fn blocking(&self) -> Blocking {
        self.blocking.clone()
    }

    /// Starts a thread that owns what `make` makes and works on it alone, with at most `most_jobs`
    /// under way. It is made with the first job, and afresh after a panic or when making failed.
    pub fn worker<S: 'static>(
        &mut self,
        name: &'static str,
        most_jobs: usize,
        make: impl Fn() -> Made<S> + Send + Sync + 'static,
    ) -> io::Result<Worker<S>> {
        Ok(Worker { pool: self.host.pool(name, 1, most_jobs, make)? })
    }

    /// Takes no more work, finishes what is queued, and waits until every thread has ended. Blocks;
    /// call it where that is fine.
    pub fn stop(self) {
        self.host.stop();
    }
}

/// What a worker is given to own, or why there is none.
pub type Made<S> = Result<S, Box<dyn Error + Send + Sync>>;

/// Reads rows for entities that wake up.
///
/// No bound of its own: an entity asks once and then waits, so there are never more loads under way
/// than entities with a request that the door let in.
#[derive(Clone)]
pub struct Readers {
    pool: Pool<()>,
    store: Arc<dyn Store>,
}

impl Readers {
    /// Reads the entity's row and tells `done`, on a thread of the pool: what is there, or `None`
    /// where the store could not say. `done` hears something whatever happens.
    pub fn load(
        &self,
        key: EntityKey,
        done: impl FnOnce(Option<Option<Vec<u8>>>) + Send + 'static,
    ) {
        let store = Arc::clone(&self.store);
        let promise = Promise(Some(done));
        self.pool.send(move |()| match read(&*store, &key) {
            Ok(row) => promise.keep(Some(row)),
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(entity = %key, error, "an entity could not be loaded");
                promise.keep(None);
            }
        });
    }
}

fn read(store: &dyn Store, key: &EntityKey) -> Result<Option<Vec<u8>>, StoreError> {
    store.snapshot()?.get(Table::of(key), row_key(key))
}

/// Somebody to tell; dropped untold, they are told `None`.
struct Promise<F: FnOnce(Option<Option<Vec<u8>>>)>(Option<F>);

impl<F: FnOnce(Option<Option<Vec<u8>>>)> Promise<F> {
    fn keep(mut self, row: Option<Option<Vec<u8>>>) {
        if let Some(done) = self.0.take() {
            done(row);
        }
    }
}

impl<F: FnOnce(Option<Option<Vec<u8>>>)> Drop for Promise<F> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // This may run while a panic unwinds, and a second one would end the program.
            let _ = catch_unwind(AssertUnwindSafe(|| done(None)));
        }
    }
}

/// Lets all other threads go first: a page takes the processor at once from a password, which takes a
/// hundred times as long. Linux knows priorities of single threads; elsewhere there is none to set.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::warn!(%error, "passwords are hashed at the priority of everything else");
    }
}

/// Hashes passwords ([`Scratch`]).
#[derive(Clone)]
pub struct Secrets {
    pool: Pool<()>,
    spare: Spare,
    narrow: Arc<Semaphore>,
}

/// How a password that is to be checked stands in line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// Checked as soon as a thread is free, or refused where too many wait.
    #[default]
    Wide,
    /// Checked one at a time, so that however many there are they take one thread and one place in
    /// the line of all others. Whoever sends keeps a bound on how many wait.
    Narrow,
}

impl Secrets {
    /// A PHC string for the password, with a fresh salt.
    pub async fn hash(&self, password: Password) -> Result<String, PoolError> {
        let hash = move |scratch: &mut Scratch| scratch.hash(&password);
        self.run(hash).await?.ok_or(PoolError::Failed)
    }

    /// Whether this is the password that `phc` was made from.
    pub async fn verify(&self, password: Password, phc: String) -> Result<bool, PoolError> {
        self.verify_in(Lane::Wide, password, phc).await
    }

    pub async fn verify_in(
        &self,
        lane: Lane,
        password: Password,
        phc: String,
    ) -> Result<bool, PoolError> {
        let turn = match lane {
            Lane::Wide => None,
            Lane::Narrow => {
                let turn = Arc::clone(&self.narrow).acquire_owned().await;
                Some(turn.map_err(|_| PoolError::Failed)?)
            }
        };
        let verify = move |scratch: &mut Scratch| {
            // Until it is done, whoever still waits for it.
            let _turn = turn;
            scratch.verify(&password, &phc)
        };
        self.run(verify).await?.ok_or(PoolError::Failed)
    }

    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        let place = self.pool.place_now()?;
        let spare = self.spare.clone();
        let done = self.pool.run(place, Unheard::Skip, move |()| spare.lend(work)).await;
        self.spare.forget_when_idle();
        done
    }
}

/// Runs one-off jobs that block or compute, such as the decoding of an image.
#[derive(Clone)]
pub struct Blocking {
    pool: Pool<()>,
}

impl Blocking {
    /// Waits for a place, then for the result. Where the caller gave up meanwhile, a job that has
    /// not started never will.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        let place = self.pool.place().await?;
        self.pool.run(place, Unheard::Skip, |()| work()).await
    }
}

/// One thread and the state it owns; jobs run in the order in which they were admitted.
pub struct Worker<S: 'static> {
    pool: Pool<S>,
}

impl<S: 'static> Clone for Worker<S> {
    fn clone(&self) -> Worker<S> {
        Worker { pool: self.pool.clone() }
    }
}

impl<S: 'static> Worker<S> {
    /// Waits for a place, then for the result. An admitted job runs even if nobody waits any more.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        let place = self.pool.place().await?;
        self.pool.run(place, Unheard::Run, work).await
    }
}

/// What becomes of a queued job for whose result nobody waits any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unheard {
    Run,
    Skip,
}

/// One pool: the way to its threads, and the places for those who send.
struct Pool<S: 'static> {
    /// Empty once the pool takes no more work: the threads end when no address is left.
    address: Arc<ArcSwapOption<Addr<Thread<S>>>>,
    places: Arc<Semaphore>,
}

impl<S: 'static> Clone for Pool<S> {
    fn clone(&self) -> Pool<S> {
        Pool { address: Arc::clone(&self.address), places: Arc::clone(&self.places) }
    }
}

impl<S: 'static> Pool<S> {
    fn place_now(&self) -> Result<OwnedSemaphorePermit, PoolError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| PoolError::Busy)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, PoolError> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| PoolError::Failed)
    }

    /// Runs `work`, which holds `place` until it is done, whoever still waits for it.
    async fn run<R: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        unheard: Unheard,
        work: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        let (reply, answer) = oneshot::channel();
        self.send(move |state| {
            if unheard == Unheard::Run || !reply.is_closed() {
                let result = work(state);
                drop(place);
                let _ = reply.send(result);
            }
        });
        answer.await.map_err(|_| PoolError::Failed)
    }

    /// Queues a job; of a pool that has stopped it is dropped.
    fn send(&self, work: impl FnOnce(&mut S) + Send + 'static) {
        if let Some(address) = &*self.address.load() {
            address.do_send(Job(Box::new(work)));
        }
    }
}

/// What a thread of a pool is sent.
struct Job<S>(Box<dyn FnOnce(&mut S) + Send>);

impl<S: 'static> Message for Job<S> {
    type Result = ();
}

/// One thread of a pool, with the state it owns.
struct Thread<S: 'static> {
    name: &'static str,
    /// `None` before the first job, and after one that left it in pieces.
    state: Option<Box<S>>,
    make: Arc<dyn Fn() -> Made<S> + Send + Sync>,
    _alive: mpsc::Sender<()>,
}

impl<S: 'static> Actor for Thread<S> {
    type Context = SyncContext<Self>;
}

impl<S: 'static> Handler<Job<S>> for Thread<S> {
    type Result = ();

    fn handle(&mut self, Job(work): Job<S>, _: &mut SyncContext<Self>) {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            if self.state.is_none() {
                match (self.make)() {
                    Ok(state) => self.state = Some(Box::new(state)),
                    Err(error) => {
                        let error = &*error as &dyn Error;
                        tracing::error!(pool = self.name, error, "a worker cannot start");
                    }
                }
            }
            if let Some(state) = &mut self.state {
                work(state);
            }
        }));
        if ran.is_err() {
            tracing::error!(pool = self.name, "a job panicked; its worker starts afresh");
            let broken = self.state.take();
            // What is in pieces may not come apart quietly either.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
        }
    }
}

/// The thread that runs actix for all pools, and what it takes to end them.
struct Host {
    system: System,
    thread: JoinHandle<()>,
    close: Vec<Box<dyn FnOnce() + Send>>,
    /// Every worker holds a clone, so `ended` hears of the end of the last one.
    alive: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Host {
    fn start() -> io::Result<Host> {
        let (ready, started) = mpsc::channel();
        // A thread of its own: actix cannot start inside another runtime.
        let thread = thread::Builder::new().name("pools".into()).spawn(move || {
            let runner = System::new();
            let _ = ready.send(System::current());
            if let Err(error) = runner.run() {
                tracing::error!(error = &error as &dyn Error, "the host of the pools failed");
            }
        })?;
        let system = started.recv().map_err(io::Error::other)?;
        let (alive, ended) = mpsc::channel();
        Ok(Host { system, thread, close: Vec::new(), alive, ended })
    }

    fn pool<S: 'static>(
        &mut self,
        name: &'static str,
        threads: usize,
        places: usize,
        make: impl Fn() -> Made<S> + Send + Sync + 'static,
    ) -> io::Result<Pool<S>> {
        let make: Arc<dyn Fn() -> Made<S> + Send + Sync> = Arc::new(make);
        let alive = self.alive.clone();
        let (ready, started) = mpsc::channel();
        self.system.arbiter().spawn_fn(move || {
            let builder = || thread::Builder::new().name(name.into());
            let start = move || Thread {
                name,
                state: None,
                make: Arc::clone(&make),
                _alive: alive.clone(),
            };
            let _ =
                ready.send(SyncArbiter::start_with_thread_builder(threads.max(1), builder, start));
        });
        let address = started.recv().map_err(io::Error::other)?;
        let address = Arc::new(ArcSwapOption::from_pointee(address));
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let pool = Pool { address, places };
        let own = pool.clone();
        self.close.push(Box::new(move || {
            own.places.close();
            let Some(address) = own.address.swap(None) else { return };
            // actix may drop what is sent while the last address goes. What was sent before this
            // job is in the threads' queue when it runs, so nothing is on its way any more.
            let (last, reached) = mpsc::channel::<()>();
            address.do_send(Job(Box::new(move |_| drop(last))));
            let _ = reached.recv();
        }));
        Ok(pool)
    }

    /// Addresses first, then the workers, and actix last; otherwise queued work would be lost.
    fn stop(self) {
        self.close.into_iter().for_each(|close| close());
        drop(self.alive);
        let _ = self.ended.recv();
        self.system.stop();
        if self.thread.join().is_err() {
            tracing::error!("the host of the pools panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sku;
    use crate::storage::batch::{Committed, Conflict};
    use crate::storage::memory::MemoryStore;
    use crate::storage::{Batch, Snapshot};
    use futures_util::FutureExt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    const SIZES: PoolSizes =
        PoolSizes { readers: 2, hashers: 1, most_passwords: 2, blocking: 2, most_jobs: 3 };

    fn pools() -> Pools {
        pools_on(MemoryStore::new())
    }

    fn pools_on(store: impl Store) -> Pools {
        Pools::start(SIZES, Arc::new(store)).unwrap()
    }

    fn key() -> EntityKey {
        EntityKey::Sku("SMX-128".parse::<Sku>().unwrap())
    }

    async fn load(readers: &Readers) -> Option<Option<Vec<u8>>> {
        let (done, row) = oneshot::channel();
        readers.load(key(), |row| done.send(row).unwrap());
        row.await.unwrap()
    }

    /// Occupies one thread of the pool until the sender is dropped.
    fn occupy<S>(pool: &Pool<S>) -> mpsc::Sender<()> {
        let (release, wait) = mpsc::channel::<()>();
        pool.send(move |_| {
            let _ = wait.recv();
        });
        release
    }

    #[tokio::test]
    async fn a_pool_of_two_survives_three_panics() {
        let pools = pools();
        let blocking = pools.blocking();
        for _ in 0..3 {
            let answer = blocking.run(|| panic!("a planted panic")).await;
            assert_eq!(answer, Err::<(), _>(PoolError::Failed));
        }
        // Each waits for the other, so this takes two live threads.
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let (a, b) = (Arc::clone(&meeting), meeting);
        let met = tokio::join!(
            blocking.run(move || a.wait().is_leader()),
            blocking.run(move || b.wait().is_leader())
        );
        assert!(met.0.unwrap() != met.1.unwrap());
        pools.stop();
    }

    #[tokio::test]
    async fn more_passwords_than_places_are_refused_at_once() {
        let pools = pools();
        let secrets = pools.secrets();
        let release = occupy(&secrets.pool);
        let hash = || secrets.hash(String::from("correct horse").into());
        let mut asked: Vec<_> = (0..5).map(|_| Box::pin(hash())).collect();
        let at_once: Vec<_> = asked.iter_mut().map(|asked| asked.now_or_never()).collect();
        let refused = Some(Err(PoolError::Busy));
        assert_eq!(at_once, [None, None, refused.clone(), refused.clone(), refused]);
        drop(release);
        for hash in asked.into_iter().take(2) {
            assert!(hash.await.unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        }
        pools.stop();
    }

    #[tokio::test]
    async fn however_many_take_turns_they_take_one_place() {
        let pools = pools();
        let secrets = pools.secrets();
        let release = occupy(&secrets.pool);
        let verify = |lane| {
            let password = String::from("correct horse").into();
            Box::pin(secrets.verify_in(lane, password, "no hash".into()))
        };
        let mut turns: Vec<_> = (0..5).map(|_| verify(Lane::Narrow)).collect();
        assert!(turns.iter_mut().all(|turn| turn.now_or_never().is_none()));
        let mut others = [verify(Lane::Wide), verify(Lane::Wide)];
        let at_once = others.each_mut().map(|other| other.now_or_never());
        assert_eq!(at_once, [None, Some(Err(PoolError::Busy))]);
        drop(release);
        for turn in turns {
            assert_eq!(turn.await, Err(PoolError::Failed), "each has had its turn");
        }
        pools.stop();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn passwords_are_hashed_when_nobody_else_wants_the_processor() {
        let pools = pools();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        assert_eq!(pools.secrets().run(move |_| priority()).await, Ok(19));
        assert_eq!(pools.blocking().run(priority).await, Ok(priority()));
        assert_ne!(priority(), 19);
        pools.stop();
    }

    #[tokio::test]
    async fn jobs_wait_for_a_place_and_those_nobody_waits_for_are_left_out() {
        let pools = pools();
        let blocking = pools.blocking();
        let gates = [occupy(&blocking.pool), occupy(&blocking.pool)];
        let ran = Arc::new(AtomicUsize::new(0));
        let mut asked = JoinSet::new();
        for _ in 0..8 {
            let (blocking, ran) = (blocking.clone(), Arc::clone(&ran));
            asked.spawn(
                async move { blocking.run(move || ran.fetch_add(1, Ordering::Relaxed)).await },
            );
        }
        while blocking.pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // Three are queued and five wait for a place; all of them give up.
        asked.shutdown().await;
        drop(gates);
        blocking.run(|| ()).await.unwrap();
        pools.stop();
        assert_eq!(ran.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let pools = pools();
        let secrets = pools.secrets();
        let hash = secrets.hash(String::from("correct horse").into()).await.unwrap();
        let verify = |password: &str| secrets.verify(password.to_owned().into(), hash.clone());
        assert_eq!(verify("correct horse").await, Ok(true));
        assert_eq!(verify("correct horsf").await, Ok(false));
        let broken = secrets.verify(String::from("x").into(), "no hash".into()).await;
        assert_eq!(broken, Err(PoolError::Failed));
        pools.stop();
    }

    #[tokio::test]
    async fn what_is_queued_is_finished_before_the_threads_end_and_later_work_is_refused() {
        let pools = pools();
        let (blocking, readers) = (pools.blocking(), pools.readers());
        let gates = [occupy(&blocking.pool), occupy(&blocking.pool)];
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let ran = Arc::clone(&ran);
            blocking.pool.send(move |()| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
        drop(gates);
        // Clones of the ways in are still there, and do not keep the threads.
        pools.stop();
        assert_eq!(ran.load(Ordering::Relaxed), 100);
        assert_eq!(blocking.run(|| ()).await, Err(PoolError::Failed));
        assert_eq!(load(&readers).await, None);
    }

    #[tokio::test]
    async fn a_worker_makes_its_state_afresh_after_a_panic() {
        let mut pools = pools();
        let made = Arc::new(AtomicUsize::new(0));
        let own = Arc::clone(&made);
        let worker = pools
            .worker("test", 10, move || match own.fetch_add(1, Ordering::Relaxed) {
                1 => Err("the second one cannot be made".into()),
                _ => Ok(Vec::new()),
            })
            .unwrap();
        let add = |number: u32| {
            let worker = worker.clone();
            async move {
                let add = move |list: &mut Vec<u32>| {
                    list.push(number);
                    list.clone()
                };
                worker.run(add).await
            }
        };
        assert_eq!(add(1).await, Ok(vec![1]));
        assert_eq!(add(2).await, Ok(vec![1, 2]));
        let broken = worker.run(|list| {
            list.push(666);
            panic!("a planted panic")
        });
        assert_eq!(broken.await, Err::<(), _>(PoolError::Failed));
        assert_eq!(add(3).await, Err(PoolError::Failed), "it could not be made");
        assert_eq!(add(4).await, Ok(vec![4]));
        assert_eq!(made.load(Ordering::Relaxed), 3);
        pools.stop();
    }

    #[tokio::test]
    async fn a_worker_runs_what_it_took_on_even_if_nobody_waits() {
        let mut pools = pools();
        let worker = pools.worker("test", 10, || Ok(0)).unwrap();
        let (release, wait) = mpsc::channel::<()>();
        worker.pool.send(move |_| {
            let _ = wait.recv();
        });
        {
            let mut unheard = Box::pin(worker.run(|count: &mut u32| *count += 1));
            assert!(unheard.as_mut().now_or_never().is_none());
        }
        drop(release);
        assert_eq!(worker.run(|count| *count).await, Ok(1));
        pools.stop();
    }

    #[tokio::test]
    async fn a_row_is_loaded_as_it_is_stored() {
        let store = MemoryStore::new();
        let pools = pools_on(MemoryStore::new());
        assert_eq!(load(&pools.readers()).await, Some(None));
        pools.stop();
        store.plant(Table::Skus, b"SMX-128", Some(b"a row"));
        let pools = pools_on(store);
        assert_eq!(load(&pools.readers()).await, Some(Some(b"a row".to_vec())));
        pools.stop();
    }

    /// Fails at first, then panics for ever.
    struct BrokenStore(AtomicUsize);

    impl Store for BrokenStore {
        fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(StoreError::Stopped),
                _ => panic!("a planted panic"),
            }
        }

        fn commit(&self, _: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
            Err(StoreError::Stopped)
        }

        fn reopen(&self) -> Result<(), StoreError> {
            Err(StoreError::Stopped)
        }
    }

    #[tokio::test]
    async fn whoever_asks_for_a_row_hears_of_faults_and_panics_too() {
        let pools = pools_on(BrokenStore(AtomicUsize::new(0)));
        for _ in 0..5 {
            assert_eq!(load(&pools.readers()).await, None);
        }
        pools.stop();
    }
}
