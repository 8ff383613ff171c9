//! Idempotency keys: one key, one effect, one answer.
//!
//! Keys arrive in random order, so on disk they lie in the order of their first use, with their
//! answers, and are looked up through the map in here, which is rebuilt from the rows at start. At
//! most one request runs under a key: it holds a [`Running`], and whoever comes with the same key
//! waits for it. The guard must live as long as the question that it stands for, so it is never
//! tied to a connection: a client that hangs up does not undo what it asked for.
//!
//! A guard that ends without an answer leaves doubt: a commit that failed may turn out to be there
//! after all. So the next one with that key is let through only after a look into the store.

use crate::domain::guard::Guard;
use crate::domain::order::Attempt;
use crate::domain::{OrderId, Span, Timestamp};
use crate::storage::records::{Answer, KeyRow};
use crate::storage::table::{parse_timed_key, timed_key};
use crate::storage::{Batch, Direction, Settled, Store, StoreError, Stored, Table};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How long an answer is kept after the first use of its key.
pub const KEPT_FOR: Span = Span::hours(24);

/// The idempotency keys of the last 24 hours. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    known: Arc<Mutex<HashMap<[u8; 16], Known>>>,
    store: Arc<dyn Store>,
}

/// What is known of one key. With the key and the map's own share, some 60 bytes.
struct Known {
    fingerprint: [u8; 16],
    first_used: Timestamp,
    progress: Progress,
}

enum Progress {
    /// The answer is in the store.
    Done,
    /// Somebody began and has no answer; the store knows whether anything was done.
    InDoubt,
    Running(Box<Run>),
}

struct Run {
    /// The order that the answer will come from, where nobody holds a guard: its request ended with
    /// the program, or without a word.
    owed_by: Option<OrderId>,
    /// Dropped at the end of the run, which wakes all who wait for it.
    end: watch::Sender<()>,
}

impl Run {
    fn wait(&self, first_used: Timestamp) -> Wait {
        let owed = self.owed_by.map(|order| (order, first_used));
        Wait { end: self.end.subscribe(), owed }
    }
}

/// What to do with a request that has a key.
pub enum Begin {
    /// Do it, and hold on to the guard until it is answered.
    Fresh(Running),
    /// It was done: say the same again.
    Replay(Box<Answer>),
    /// The key was used for another request.
    Reused,
    /// It is being done: wait, then begin again.
    Wait(Wait),
}

/// Waits until whoever runs under the key has ended, with an answer or without.
pub struct Wait {
    end: watch::Receiver<()>,
    owed: Option<(OrderId, Timestamp)>,
}

impl Wait {
    pub async fn ended(mut self) {
        // Nothing is ever sent: what ends this is the end of the sender.
        while self.end.changed().await.is_ok() {}
    }

    /// The order that the answer will come from, where nobody holds a guard, and the time under
    /// which the answer is to be kept.
    pub fn owed(&self) -> Option<(OrderId, Timestamp)> {
        self.owed
    }

    fn over() -> Wait {
        Wait { end: watch::channel(()).1, owed: None }
    }
}

/// The right to run under a key, for one at a time. Dropped after the answer has become durable, it
/// does nothing; dropped before, it lets the next one begin.
pub struct Running {
    keys: Keys,
    attempt: Attempt,
    first_used: Timestamp,
}

impl Running {
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Whether the answer is in the store already, because it came with the effect.
    pub fn is_answered(&self) -> bool {
        let known = self.keys.lock();
        known.get(&self.attempt.key).is_some_and(|own| matches!(own.progress, Progress::Done))
    }

    /// Under which time the answer is to be kept.
    pub fn first_used(&self) -> Timestamp {
        self.first_used
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut known = self.keys.lock();
        if let Some(own) = known.get_mut(&self.attempt.key)
            && own.first_used == self.first_used
            && matches!(&own.progress, Progress::Running(run) if run.owed_by.is_none())
        {
            own.progress = Progress::InDoubt;
        }
    }
}

impl Keys {
    /// Reads the keys of the last 24 hours, and older ones whose answers are still owed.
    pub fn load(store: Arc<dyn Store>, now: Timestamp) -> Result<Keys, StoreError> {
        let mut known = HashMap::new();
        store.snapshot()?.load_records(Table::Idempotency, &[], |key, row| {
            // Of a key that was used again after its time, the newest row comes last.
            if let Some((first_used, key)) = parse(key)
                && let Some(own) = Known::of(&row, first_used, now)
            {
                known.insert(key, own);
            }
        })?;
        Ok(Keys { known: Arc::new(Mutex::new(known)), store })
    }

    /// Says what to do with a request. Reads one row where there is an answer or a doubt, and nothing
    /// otherwise.
    pub fn begin(&self, attempt: Attempt, now: Timestamp) -> Result<Begin, StoreError> {
        let mut known = self.lock();
        let own = match known.entry(attempt.key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Known::running(attempt.fingerprint, now, None));
                return Ok(Begin::Fresh(self.guard(attempt, now)));
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if own.is_outdated(now) {
            *own = Known::running(attempt.fingerprint, now, None);
            return Ok(Begin::Fresh(self.guard(attempt, now)));
        }
        if own.fingerprint != attempt.fingerprint && Guard::OneRequest.stands() {
            return Ok(Begin::Reused);
        }
        let first_used = own.first_used;
        match &own.progress {
            Progress::Running(_) if !Guard::OneTurn.stands() => {}
            Progress::Running(run) => return Ok(Begin::Wait(run.wait(first_used))),
            Progress::Done => {
                drop(known);
                let row = self.row(attempt, first_used)?;
                if let Some(KeyRow::Done(answer)) = row {
                    return Ok(Begin::Replay(Box::new(answer)));
                }
                // It ran out and was removed while this was looking: begin again.
                self.doubt(attempt, first_used);
                return Ok(Begin::Wait(Wait::over()));
            }
            Progress::InDoubt => {}
        }
        // Under the time of the first try: what that one may have left is found there.
        *own = Known::running(attempt.fingerprint, first_used, None);
        drop(known);
        let guard = self.guard(attempt, first_used);
        match self.row(attempt, first_used)?.filter(|_| Guard::LookAfterDoubt.stands()) {
            None => Ok(Begin::Fresh(guard)),
            Some(KeyRow::Done(answer)) => {
                self.settled(attempt, first_used);
                Ok(Begin::Replay(Box::new(answer)))
            }
            Some(KeyRow::Order { order, .. }) => {
                Ok(Begin::Wait(self.owed_by(attempt, first_used, order)))
            }
        }
    }

    /// The answer under this key is durable. The committer's sink says so, before the answer goes out.
    pub fn settled(&self, attempt: Attempt, first_used: Timestamp) {
        let done = Known { fingerprint: attempt.fingerprint, first_used, progress: Progress::Done };
        match self.lock().entry(attempt.key) {
            Entry::Vacant(vacant) => {
                vacant.insert(done);
            }
            Entry::Occupied(mut own) if own.get().first_used <= first_used => {
                own.insert(done);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// What a settled group answered is durable.
    pub fn settled_with<T>(&self, group: &[Settled<T>]) {
        for Settled { batch, outcome, .. } in group {
            for (attempt, first_used) in batch.answered().filter(|_| outcome.is_ok()) {
                self.settled(attempt, first_used);
            }
        }
    }

    /// The keys whose answers will come from orders that nobody waits for with a guard: after a
    /// start, those that the last run of the program left open.
    pub fn owed(&self) -> Vec<(Attempt, Timestamp, OrderId)> {
        let known = self.lock();
        let owed = known.iter().filter_map(|(key, own)| match &own.progress {
            Progress::Running(run) => {
                let attempt = Attempt { key: *key, fingerprint: own.fingerprint };
                run.owed_by.map(|order| (attempt, own.first_used, order))
            }
            Progress::Done | Progress::InDoubt => None,
        });
        let mut owed: Vec<_> = owed.collect();
        // In the same order in every run.
        owed.sort_by_key(|(_, _, order)| *order);
        owed
    }

    /// A batch that removes up to `most` keys that are older than 24 hours; empty when there are
    /// none. They are forgotten here at once: what is so old begins afresh anyway.
    pub fn expired(&self, now: Timestamp, most: usize) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        let mut left = most;
        self.store.snapshot()?.scan(
            Table::Idempotency,
            &[],
            Some(&timed_key(now.minus(KEPT_FOR), &[0xff; 17])),
            Direction::Forward,
            &mut |row_key, _| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                if let Some((first_used, key)) = parse(row_key)
                    && let Entry::Occupied(own) = self.lock().entry(key)
                    && own.get().first_used == first_used
                {
                    if matches!(own.get().progress, Progress::Running(_)) {
                        return ControlFlow::Continue(());
                    }
                    own.remove();
                }
                batch.row(Table::Idempotency, row_key.to_vec(), None);
                left -= 1;
                ControlFlow::Continue(())
            },
        )?;
        Ok(batch)
    }

    /// How many keys are in memory.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn guard(&self, attempt: Attempt, first_used: Timestamp) -> Running {
        Running { keys: self.clone(), attempt, first_used }
    }

    /// The answer that should be in the store is not.
    fn doubt(&self, attempt: Attempt, first_used: Timestamp) {
        if let Some(own) = self.lock().get_mut(&attempt.key)
            && own.first_used == first_used
            && matches!(own.progress, Progress::Done)
        {
            own.progress = Progress::InDoubt;
        }
    }

    /// Notes that the answer will come from `order`; the guard of this key then has no say any more.
    fn owed_by(&self, attempt: Attempt, first_used: Timestamp, order: OrderId) -> Wait {
        let mut known = self.lock();
        match known.get_mut(&attempt.key).map(|own| &mut own.progress) {
            Some(Progress::Running(run)) => {
                run.owed_by = Some(order);
                run.wait(first_used)
            }
            // It was settled just now.
            Some(Progress::Done | Progress::InDoubt) | None => Wait::over(),
        }
    }

    fn row(&self, attempt: Attempt, first_used: Timestamp) -> Result<Option<KeyRow>, StoreError> {
        let key = timed_key(first_used, &attempt.key);
        let row = self.store.snapshot()?.get(Table::Idempotency, &key)?;
        Ok(row.map(|row| KeyRow::from_bytes(&row)).transpose()?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn running(fingerprint: [u8; 16], first_used: Timestamp, owed_by: Option<OrderId>) -> Known {
        let run = Run { owed_by, end: watch::Sender::new(()) };
        Known { fingerprint, first_used, progress: Progress::Running(Box::new(run)) }
    }

    /// What a row says; `None` if it is too old to matter.
    fn of(row: &KeyRow, first_used: Timestamp, now: Timestamp) -> Option<Known> {
        match *row {
            KeyRow::Order { order, fingerprint } => {
                Some(Known::running(fingerprint, first_used, Some(order)))
            }
            KeyRow::Done(Answer { fingerprint, .. }) => {
                let known = Known { fingerprint, first_used, progress: Progress::Done };
                (!known.is_outdated(now)).then_some(known)
            }
        }
    }

    /// Whether the key may be used for something else. What still runs is never outdated.
    fn is_outdated(&self, now: Timestamp) -> bool {
        match self.progress {
            Progress::Running(_) => false,
            Progress::Done | Progress::InDoubt => self.first_used.plus(KEPT_FOR) <= now,
        }
    }
}

fn parse(row_key: &[u8]) -> Option<(Timestamp, [u8; 16])> {
    let (first_used, key) = parse_timed_key(row_key)?;
    Some((first_used, key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::{Fault, MemoryStore};
    use crate::storage::records::Body;
    use futures_util::FutureExt;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn attempt(key: u8, body: u8) -> Attempt {
        Attempt { key: [key; 16], fingerprint: [body; 16] }
    }

    fn keys() -> (Arc<MemoryStore>, Keys) {
        let store = Arc::new(MemoryStore::new());
        let keys = load(&store, NOON);
        (store, keys)
    }

    fn load(store: &Arc<MemoryStore>, now: Timestamp) -> Keys {
        let store: Arc<dyn Store> = store.clone();
        Keys::load(store, now).unwrap()
    }

    fn answer(attempt: Attempt, body: &str) -> KeyRow {
        KeyRow::Done(Answer {
            status: 201,
            headers: vec![],
            body: Body::Plain(body.into()),
            fingerprint: attempt.fingerprint,
            at: NOON,
        })
    }

    fn plain(answer: Answer) -> Vec<u8> {
        match answer.body {
            Body::Plain(body) => body,
            Body::Sealed { .. } => panic!("nobody is told of"),
        }
    }

    /// Writes a row as a batch would; says whether that is known to be durable.
    fn write(store: &MemoryStore, running: &Running, row: &KeyRow) -> bool {
        let mut batch = Batch::new();
        batch.answer(running.first_used(), running.attempt(), row);
        let written = store.commit(&[batch]).is_ok();
        store.reopen().unwrap();
        written
    }

    fn finish(store: &MemoryStore, keys: &Keys, running: Running, body: &str) {
        assert!(write(store, &running, &answer(running.attempt(), body)));
        keys.settled(running.attempt(), running.first_used());
    }

    #[track_caller]
    fn fresh(keys: &Keys, attempt: Attempt, now: Timestamp) -> Running {
        match keys.begin(attempt, now).unwrap() {
            Begin::Fresh(running) => running,
            other => panic!("not fresh but {}", other.name()),
        }
    }

    #[track_caller]
    fn replay(keys: &Keys, attempt: Attempt, now: Timestamp) -> String {
        match keys.begin(attempt, now).unwrap() {
            Begin::Replay(answer) => String::from_utf8(plain(*answer)).unwrap(),
            other => panic!("no replay but {}", other.name()),
        }
    }

    #[track_caller]
    fn wait(keys: &Keys, attempt: Attempt) -> Wait {
        match keys.begin(attempt, NOON).unwrap() {
            Begin::Wait(wait) => wait,
            other => panic!("not to wait but {}", other.name()),
        }
    }

    impl Begin {
        fn name(&self) -> &'static str {
            match self {
                Begin::Fresh(_) => "fresh",
                Begin::Replay(_) => "a replay",
                Begin::Reused => "reused",
                Begin::Wait(_) => "to wait",
            }
        }
    }

    fn is_reused(keys: &Keys, attempt: Attempt) -> bool {
        matches!(keys.begin(attempt, NOON), Ok(Begin::Reused))
    }

    #[test]
    fn a_second_request_waits_and_then_hears_the_first_answer() {
        let (store, keys) = keys();
        let running = fresh(&keys, attempt(1, 1), NOON);
        let waiting = wait(&keys, attempt(1, 1));
        assert!(is_reused(&keys, attempt(1, 2)), "another request does not even wait");
        fresh(&keys, attempt(2, 1), NOON);
        finish(&store, &keys, running, "first");
        assert_eq!(waiting.ended().now_or_never(), Some(()));
        assert_eq!(replay(&keys, attempt(1, 1), NOON), "first");
        assert!(is_reused(&keys, attempt(1, 2)));
    }

    #[test]
    fn whoever_waits_is_not_woken_before_the_end() {
        let (_, keys) = keys();
        let running = fresh(&keys, attempt(1, 1), NOON);
        let waiting = wait(&keys, attempt(1, 1));
        assert_eq!(waiting.ended().now_or_never(), None);
        let waiting = wait(&keys, attempt(1, 1));
        drop(running);
        assert_eq!(waiting.ended().now_or_never(), Some(()));
        fresh(&keys, attempt(1, 1), NOON);
    }

    #[test]
    fn what_a_failed_commit_left_behind_is_found_before_anything_is_done_again() {
        let (store, keys) = keys();
        let running = fresh(&keys, attempt(1, 1), NOON);
        store.inject([Fault::Kept]);
        assert!(!write(&store, &running, &answer(attempt(1, 1), "kept")));
        drop(running);
        let later = NOON.plus(Span::seconds(5));
        assert_eq!(replay(&keys, attempt(1, 1), later), "kept");

        let running = fresh(&keys, attempt(2, 1), NOON);
        store.inject([Fault::Lost]);
        assert!(!write(&store, &running, &answer(attempt(2, 1), "lost")));
        drop(running);
        let again = fresh(&keys, attempt(2, 1), later);
        assert_eq!(again.first_used(), NOON, "the time of a key is that of its first use");
    }

    #[test]
    fn a_key_waits_for_the_order_that_owes_its_answer() {
        let (store, keys) = keys();
        let running = fresh(&keys, attempt(1, 1), NOON);
        let order = OrderId::from_bytes([7; 16]);
        let owed = KeyRow::Order { order, fingerprint: [1; 16] };
        assert!(write(&store, &running, &owed));
        drop(running);
        let waiting = wait(&keys, attempt(1, 1));
        assert_eq!(keys.owed(), vec![(attempt(1, 1), NOON, order)]);

        for keys in [keys, load(&store, NOON), load(&store, NOON.plus(Span::days(2)))] {
            assert_eq!(keys.owed(), vec![(attempt(1, 1), NOON, order)]);
            assert!(is_reused(&keys, attempt(1, 2)));
            wait(&keys, attempt(1, 1));
            let guard = keys.guard(attempt(1, 1), NOON);
            finish(&store, &keys, guard, "at last");
            assert_eq!(replay(&keys, attempt(1, 1), NOON), "at last");
            assert_eq!(keys.owed(), vec![]);
            assert!(write(&store, &keys.guard(attempt(1, 1), NOON), &owed));
        }
        assert_eq!(waiting.ended().now_or_never(), Some(()));
    }

    #[test]
    fn answers_are_found_after_a_start_for_24_hours() {
        let (store, keys) = keys();
        for key in 1..=3 {
            let running = fresh(&keys, attempt(key, 1), NOON.plus(Span::hours(key.into())));
            finish(&store, &keys, running, &format!("answer {key}"));
        }
        let tomorrow = NOON.plus(Span::hours(26));
        let restarted = load(&store, tomorrow);
        assert_eq!((keys.len(), restarted.len()), (3, 1));
        for keys in [keys, restarted] {
            assert_eq!(replay(&keys, attempt(3, 1), tomorrow), "answer 3");
            let again = fresh(&keys, attempt(2, 9), tomorrow);
            assert_eq!(again.first_used(), tomorrow);
        }
    }

    #[test]
    fn a_key_used_again_after_a_day_keeps_its_newer_answer() {
        let (store, keys) = keys();
        finish(&store, &keys, fresh(&keys, attempt(1, 1), NOON), "old");
        let tomorrow = NOON.plus(KEPT_FOR);
        finish(&store, &keys, fresh(&keys, attempt(1, 1), tomorrow), "new");
        assert_eq!(replay(&load(&store, tomorrow), attempt(1, 1), tomorrow), "new");
        let batch = keys.expired(tomorrow, 100).unwrap();
        store.commit(&[batch]).unwrap();
        assert_eq!(replay(&keys, attempt(1, 1), tomorrow), "new");
        assert_eq!(replay(&load(&store, tomorrow), attempt(1, 1), tomorrow), "new");
    }

    #[test]
    fn what_is_older_than_a_day_is_removed_except_what_is_still_owed() {
        let (store, keys) = keys();
        let rows = || store.snapshot().unwrap().count(Table::Idempotency).unwrap();
        for key in 1..=5 {
            let running = fresh(&keys, attempt(key, 1), NOON.plus(Span::hours(key.into())));
            finish(&store, &keys, running, "x");
        }
        let running = fresh(&keys, attempt(6, 1), NOON);
        let order = OrderId::from_bytes([7; 16]);
        write(&store, &running, &KeyRow::Order { order, fingerprint: [1; 16] });
        let now = NOON.plus(KEPT_FOR).plus(Span::hours(4));
        assert!(keys.expired(NOON, 100).unwrap().is_empty());
        let part = keys.expired(now, 3).unwrap();
        store.commit(&[part]).unwrap();
        assert_eq!(rows(), 3);
        let rest = keys.expired(now, 100).unwrap();
        store.commit(&[rest]).unwrap();
        assert_eq!((rows(), keys.len()), (2, 2), "the fifth, and the one that is owed");
        assert!(keys.expired(now, 100).unwrap().is_empty());
    }

    /// How one run under a key ends.
    #[derive(Clone, Copy, Debug)]
    enum End {
        Answered,
        /// Nothing was handed over.
        GaveUp,
        Lost,
        /// The commit fails and turns out to be there.
        Kept,
    }

    /// Asks until there is an answer; counts what was done.
    async fn ask(
        store: Arc<MemoryStore>,
        keys: Keys,
        ends: Arc<Vec<End>>,
        tries: Arc<AtomicUsize>,
        alone: Arc<AtomicBool>,
        effects: Arc<AtomicUsize>,
    ) -> Vec<u8> {
        loop {
            match keys.begin(attempt(1, 1), NOON).unwrap() {
                Begin::Replay(answer) => return plain(*answer),
                Begin::Wait(wait) => wait.ended().await,
                Begin::Reused => panic!("reused"),
                Begin::Fresh(running) => {
                    assert!(!alone.swap(true, Ordering::SeqCst), "two at a time");
                    tokio::task::yield_now().await;
                    let own = tries.fetch_add(1, Ordering::SeqCst);
                    let end = ends.get(own).copied().unwrap_or(End::Answered);
                    let fault = match end {
                        End::Answered => Fault::None,
                        End::Lost => Fault::Lost,
                        End::Kept => Fault::Kept,
                        End::GaveUp => {
                            alone.store(false, Ordering::SeqCst);
                            continue;
                        }
                    };
                    store.inject([fault]);
                    let body = format!("try {own}");
                    let durable = write(&store, &running, &answer(attempt(1, 1), &body));
                    if durable || matches!(end, End::Kept) {
                        effects.fetch_add(1, Ordering::SeqCst);
                    }
                    alone.store(false, Ordering::SeqCst);
                    if durable {
                        keys.settled(running.attempt(), running.first_used());
                    }
                }
            }
        }
    }

    fn ends() -> impl Strategy<Value = Vec<End>> {
        let end = prop::sample::select(vec![End::Answered, End::GaveUp, End::Lost, End::Kept]);
        prop::collection::vec(end, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn one_key_has_one_effect_and_one_answer_whoever_asks_and_whatever_fails(
            ends in ends(),
            askers in 1usize..24,
        ) {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
            let (store, keys) = keys();
            let (ends, tries) = (Arc::new(ends), Arc::<AtomicUsize>::default());
            let (alone, effects) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
            let answers = runtime.block_on(async {
                let asked: Vec<_> = (0..askers)
                    .map(|_| {
                        tokio::spawn(ask(
                            store.clone(),
                            keys.clone(),
                            ends.clone(),
                            tries.clone(),
                            alone.clone(),
                            effects.clone(),
                        ))
                    })
                    .collect();
                let mut answers = Vec::new();
                for asked in asked {
                    answers.push(asked.await.unwrap());
                }
                answers
            });
            prop_assert_eq!(effects.load(Ordering::SeqCst), 1);
            prop_assert!(answers.iter().all(|answer| *answer == answers[0]));
        }
    }
}
