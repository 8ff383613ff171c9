//! Threads, connections and clocks of one load, from its beginning to its last answer.

use super::arrivals::Arrivals;
use super::recorder::Recorder;
use super::visitor::Visitor;
use super::wire::{Target, Wire};
use crate::bench::ledger::Ledger;
use crate::bench::scenarios::Scenario;
use futures_util::future::join_all;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Arrivals are handed out no more often than this: closer ones go together.
const FINEST: Duration = Duration::from_micros(100);

/// How long a connection that was turned away waits where nothing else sets the pace.
const AFTER_SHED: Duration = Duration::from_millis(5);

/// How often a thread looks at how late it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long a second is.
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("a connection to {address} cannot be opened")]
    Connect { address: std::net::SocketAddr, source: io::Error },
    #[error("a thread of the load generator cannot be started")]
    Thread(#[source] io::Error),
    #[error("the load generator itself failed")]
    Panicked,
}

/// How a load is driven.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    pub connections: usize,
    /// At once over each connection; 1 in HTTP/1.1.
    pub streams: usize,
    pub threads: usize,
    pub warm_up: Duration,
    pub duration: Duration,
    /// Journeys that are done in all, where their number rather than the time is the end.
    pub journeys: Option<u64>,
    pub seed: u64,
    pub lateness: Lateness,
}

/// What becomes of a journey that is due and finds every connection busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// It waits, and its latency counts from when it was due.
    Counts,
    /// It is given up after a moment: more is sent on purpose than can be sent from here, and what
    /// waits here says nothing about the shop. Latencies count from when a request was sent.
    GivenUp,
}

/// How late a journey may begin that would be given up.
const LATEST: Duration = Duration::from_millis(100);

/// What was noted in one second by all threads, or in the warm-up (0) or behind the end (the last).
pub struct Slice {
    pub index: usize,
    pub recorder: Recorder,
    /// How long it was.
    pub took: Duration,
}

/// A load that is over.
pub struct Driven {
    pub ledger: Ledger,
    /// Journeys that were due and never begun, since every connection was busy until the end.
    pub unsent: u64,
    /// How many journeys were due in each slice, where a clock said so.
    pub intended: Option<BTreeMap<usize, u64>>,
}

/// Journeys that are due, for the connections of one thread.
struct Queue {
    due: Mutex<VecDeque<(u64, Instant)>>,
    ready: Semaphore,
    given_up: AtomicU64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, Instant)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self, lateness: Lateness) -> Option<(u64, Instant)> {
        loop {
            self.ready.acquire().await.ok()?.forget();
            let (number, due) = self.lock().pop_front()?;
            if lateness == Lateness::Counts || due.elapsed() < LATEST {
                return Some((number, due));
            }
            self.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Copy)]
struct Times {
    begin: Instant,
    measured: Instant,
    end: Instant,
}

struct Lane {
    target: Arc<Target>,
    scenario: Arc<Scenario>,
    drive: Drive,
    queue: Option<Arc<Queue>>,
    numbers: Arc<AtomicU64>,
    slices: mpsc::UnboundedSender<Slice>,
}

/// Drives `scenario` at the shop; with `arrivals` open loop, else closed. Each slice is handed to
/// `watch` when all threads have told theirs.
pub async fn drive(
    target: &Target,
    drive: Drive,
    arrivals: Option<Arrivals>,
    scenario: &Arc<Scenario>,
    mut watch: impl FnMut(Slice),
) -> Result<Driven, LoadError> {
    let target = Arc::new(target.clone());
    let threads = drive.threads.clamp(1, drive.connections.max(1));
    let (say, mut heard) = mpsc::unbounded_channel();
    let numbers = Arc::new(AtomicU64::new(0));
    let mut lanes = Vec::new();
    for index in 0..threads {
        // Each connection belongs to one thread.
        let share = drive.connections / threads + usize::from(index < drive.connections % threads);
        let queue = arrivals.is_some().then(|| {
            let (due, ready) = (Mutex::default(), Semaphore::new(0));
            Arc::new(Queue { due, ready, given_up: AtomicU64::new(0) })
        });
        let lane = Lane {
            target: Arc::clone(&target),
            scenario: Arc::clone(scenario),
            drive: Drive { connections: share, ..drive },
            queue: queue.clone(),
            numbers: Arc::clone(&numbers),
            slices: say.clone(),
        };
        let (is_ready, ready) = oneshot::channel();
        let (start, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("load-{index}"));
        let spawned = thread.spawn(move || {
            let _ = end.send(run_lane(lane, is_ready, started));
        });
        spawned.map_err(LoadError::Thread)?;
        lanes.push((ready, start, ended, queue));
    }
    drop(say);
    let (mut starts, mut ends, mut queues) = (vec![], vec![], vec![]);
    for (ready, start, ended, queue) in lanes {
        let opened = ready.await.map_err(|_| LoadError::Panicked)?;
        opened.map_err(|source| LoadError::Connect { address: target.address, source })?;
        starts.push(start);
        ends.push(ended);
        queues.extend(queue);
    }
    let begin = Instant::now() + Duration::from_millis(5);
    let measured = begin + drive.warm_up;
    let times = Times { begin, measured, end: measured + drive.duration };
    for start in starts {
        let _ = start.send(times);
    }
    let mut paced = None;
    if let Some(arrivals) = arrivals {
        let (tell, told) = oneshot::channel();
        let pacer = thread::Builder::new().name("pacer".into());
        let spawned = pacer.spawn(move || {
            let _ = tell.send(pace(arrivals, times, &queues, &numbers));
        });
        spawned.map_err(LoadError::Thread)?;
        paced = Some(told);
    }
    let mut open: BTreeMap<usize, (usize, Slice)> = BTreeMap::new();
    while let Some(slice) = heard.recv().await {
        let index = slice.index;
        let (told, sum) = match open.remove(&index) {
            None => (1, slice),
            Some((told, mut sum)) => {
                sum.recorder.add(&slice.recorder);
                sum.took = sum.took.max(slice.took);
                (told + 1, sum)
            }
        };
        if told == threads {
            watch(sum);
        } else {
            open.insert(index, (told, sum));
        }
    }
    let mut driven = Driven { ledger: Ledger::default(), unsent: 0, intended: None };
    if let Some(told) = paced {
        driven.intended = Some(told.await.map_err(|_| LoadError::Panicked)?);
    }
    for ended in ends {
        let (ledger, unsent) = ended.await.map_err(|_| LoadError::Panicked)?;
        driven.ledger.take(ledger);
        driven.unsent += unsent;
    }
    Ok(driven)
}

/// Hands journeys to the threads when they are due, one after the other; in a thread of its own, since
/// the timers of the runtime know no less than a millisecond. Gives how many were due in each slice.
fn pace(
    arrivals: Arrivals,
    times: Times,
    queues: &[Arc<Queue>],
    numbers: &AtomicU64,
) -> BTreeMap<usize, u64> {
    let mut given = vec![0; queues.len()];
    let mut intended: BTreeMap<usize, u64> = BTreeMap::new();
    for offset in arrivals {
        let due = times.begin + offset;
        let now = Instant::now();
        if due > now {
            for (queue, given) in queues.iter().zip(&mut given) {
                queue.ready.add_permits(std::mem::take(given));
            }
            thread::sleep((due - now).max(FINEST));
        }
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let lane = number as usize % queues.len();
        queues[lane].lock().push_back((number, due));
        given[lane] += 1;
        let second = match due.checked_duration_since(times.measured) {
            None => 0,
            Some(since) => 1 + since.as_secs() as usize,
        };
        *intended.entry(second).or_default() += 1;
    }
    for (queue, given) in queues.iter().zip(given) {
        queue.ready.add_permits(given);
    }
    // What is not begun at the end was not begun in time.
    thread::sleep(times.end.saturating_duration_since(Instant::now()));
    queues.iter().for_each(|queue| queue.ready.close());
    intended
}

/// One thread's part: its connections, all on a runtime of its own.
fn run_lane(
    lane: Lane,
    is_ready: oneshot::Sender<io::Result<()>>,
    started: oneshot::Receiver<Times>,
) -> (Ledger, u64) {
    let nothing = (Ledger::default(), 0);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = is_ready.send(Err(error));
            return nothing;
        }
    };
    runtime.block_on(async move {
        let recorder = Arc::new(Mutex::new(Recorder::new(lane.scenario.kinds().len())));
        let mut visitors = Vec::new();
        for _ in 0..lane.drive.connections {
            for wire in Wire::several(&lane.target, lane.drive.streams.max(1)) {
                let (kinds, recorder) = (lane.scenario.kinds(), Arc::clone(&recorder));
                let Drive { seed, lateness, .. } = lane.drive;
                let mut visitor = Visitor::new(wire, kinds, recorder, seed, lateness);
                if let Err(error) = visitor.open().await {
                    let _ = is_ready.send(Err(error));
                    return nothing;
                }
                visitors.push(visitor);
            }
        }
        let _ = is_ready.send(Ok(()));
        let Ok(times) = started.await else { return nothing };
        let lane = Arc::new(lane);
        let ticker = tokio::spawn(tick(Arc::clone(&lane), Arc::clone(&recorder), times));
        let looking = tokio::spawn(look_at_own_lag(Arc::clone(&recorder)));
        let workers: Vec<_> = visitors
            .into_iter()
            .map(|visitor| tokio::spawn(work(visitor, Arc::clone(&lane), times)))
            .collect();
        let mut ledger = Ledger::default();
        for worker in join_all(workers).await.into_iter().flatten() {
            ledger.take(worker);
        }
        looking.abort();
        if lane.drive.journeys.is_some() {
            ticker.abort();
        }
        let last = ticker.await.unwrap_or(usize::MAX - 1);
        let unsent = unsent(&lane, &recorder, times);
        lane.tell(last + 1, &recorder, Duration::ZERO);
        (ledger, unsent)
    })
}

/// One connection: journey after journey until the end.
async fn work(mut visitor: Visitor, lane: Arc<Lane>, times: Times) -> Ledger {
    tokio::time::sleep_until(times.begin.into()).await;
    match &lane.queue {
        Some(queue) => {
            while let Some((number, due)) = queue.next(lane.drive.lateness).await {
                visitor.begin(number, Some(due));
                lane.scenario.visit(&mut visitor).await;
            }
        }
        None => {
            while Instant::now() < times.end {
                let number = lane.numbers.fetch_add(1, Ordering::Relaxed);
                if lane.drive.journeys.is_some_and(|journeys| number >= journeys) {
                    break;
                }
                visitor.begin(number, None);
                lane.scenario.visit(&mut visitor).await;
                if visitor.was_shed {
                    tokio::time::sleep(AFTER_SHED).await;
                }
            }
        }
    }
    visitor.ledger
}

/// Notes how late this thread comes to what is due, and so how long an answer may lie here unseen.
async fn look_at_own_lag(recorder: Arc<Mutex<Recorder>>) {
    loop {
        let due = Instant::now() + LOOK_EVERY;
        tokio::time::sleep_until(due.into()).await;
        let us = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.own_lag.saturating_record(us);
    }
}

/// Tells what each second was like; gives the number of the last one.
async fn tick(lane: Arc<Lane>, recorder: Arc<Mutex<Recorder>>, times: Times) -> usize {
    let (mut index, mut last, mut next) = (0, times.begin, times.measured);
    loop {
        tokio::time::sleep_until(next.into()).await;
        let now = Instant::now();
        lane.tell(index, &recorder, now.saturating_duration_since(last));
        if next >= times.end {
            return index;
        }
        (index, last, next) = (index + 1, now, (next + SECOND).min(times.end));
    }
}

/// What was due and never begun waits to this moment at least, and its time counts.
fn unsent(lane: &Lane, recorder: &Mutex<Recorder>, times: Times) -> u64 {
    let Some(queue) = &lane.queue else { return 0 };
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    let left = std::mem::take(&mut *queue.lock());
    if lane.drive.lateness == Lateness::Counts {
        for (_, due) in &left {
            let waited = times.end.saturating_duration_since(*due).as_micros();
            recorder.tallies[0].unsent(u64::try_from(waited).unwrap_or(u64::MAX));
        }
    }
    left.len() as u64 + queue.given_up.load(Ordering::Relaxed)
}

impl Lane {
    fn tell(&self, index: usize, recorder: &Mutex<Recorder>, took: Duration) {
        let fresh = Recorder::new(self.scenario.kinds().len());
        let mut own = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = std::mem::replace(&mut *own, fresh);
        let _ = self.slices.send(Slice { index, recorder, took });
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals::Shape;
    use super::*;
    use crate::bench::goods::Goods;
    use crate::bench::report::Http;
    use crate::bench::scenarios::buying::{Counter, Payment};
    use crate::bench::scenarios::{Journey, Reading};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// How long the server of these tests takes for an answer, at least.
    const TAKES: Duration = Duration::from_millis(20);

    /// Answers whatever it is asked, one request after the other on each connection.
    async fn slow_server() -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 1_024];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        tokio::time::sleep(TAKES).await;
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Target { address, authority: address.to_string(), http: Http::One }
    }

    /// A second of some hundred arrivals, which one connection cannot serve.
    async fn overloaded(lateness: Lateness) -> (Driven, Recorder) {
        let target = slow_server().await;
        let scenario = Arc::new(Scenario {
            journey: Journey::Read(Reading::Product),
            goods: Arc::new(Goods::of_one(&target)),
            counter: Arc::new(Counter::new(Payment::Test, "test".into())),
        });
        let how = Drive {
            connections: 1,
            streams: 1,
            threads: 1,
            warm_up: Duration::ZERO,
            duration: SECOND,
            journeys: None,
            seed: 1,
            lateness,
        };
        let arrivals = Arrivals::new(200.0, Shape::Steady, SECOND, 1);
        let mut all = Recorder::new(scenario.kinds().len());
        let watch = |slice: Slice| all.add(&slice.recorder);
        let driven = drive(&target, how, Some(arrivals), &scenario, watch).await.unwrap();
        (driven, all)
    }

    #[tokio::test]
    async fn a_thread_that_is_held_up_knows_how_late_it_was() {
        let recorder = Arc::new(Mutex::new(Recorder::new(0)));
        let looking = tokio::spawn(look_at_own_lag(Arc::clone(&recorder)));
        tokio::task::yield_now().await;
        thread::sleep(2 * TAKES);
        while recorder.lock().unwrap().own_lag.is_empty() {
            tokio::task::yield_now().await;
        }
        looking.abort();
        let late = recorder.lock().unwrap().own_lag.max();
        assert!(late >= TAKES.as_micros() as u64, "{late} us");
    }

    fn due(driven: &Driven) -> u64 {
        driven.intended.as_ref().unwrap().values().sum()
    }

    #[tokio::test]
    async fn who_had_to_queue_waited_from_when_they_were_due() {
        let (driven, all) = overloaded(Lateness::Counts).await;
        let Recorder { tallies, .. } = all;
        let answered = tallies[0].outcomes.ok;
        // Each is answered, or was never sent; and nobody is left out.
        assert_eq!(answered + driven.unsent, due(&driven));
        assert_eq!(tallies[0].latency.len(), due(&driven));
        // Of 200 a second that one connection answers at 50 a second, the one in the middle of those
        // that are answered waits for three eighths of a second. A quarter of all waited less than
        // half of that, whether they were answered or not.
        let quarter = tallies[0].latency.value_at_quantile(0.25);
        assert!(quarter > 100_000, "{quarter} us");
    }

    #[tokio::test]
    async fn what_would_begin_too_late_is_given_up_where_more_is_sent_than_can_be() {
        let (driven, all) = overloaded(Lateness::GivenUp).await;
        let tally = all.total();
        assert_eq!(tally.outcomes.ok + driven.unsent, due(&driven));
        assert!(driven.unsent > 0, "one connection cannot send them all");
        // What was never sent has no latency.
        assert_eq!(tally.latency.len(), tally.outcomes.ok);
    }
}
