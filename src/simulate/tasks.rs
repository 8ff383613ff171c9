//! What runs in tasks: polled one at a time, in whatever order the dice say.

use futures_util::future::LocalBoxFuture;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use tokio::task::unconstrained;

/// Whose task it is: one of the shop's ends when the shop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Client,
    /// Of the shop in its so manieth life.
    Shop(u64),
}

type Task = (Owner, LocalBoxFuture<'static, ()>);

#[derive(Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<u64, Task>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
    next: u64,
    new: Spawner,
}

/// Starts tasks, from within tasks too.
#[derive(Clone, Default)]
pub(super) struct Spawner(Rc<RefCell<Vec<Task>>>);

impl Spawner {
    pub fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push((owner, Box::pin(task)));
    }
}

struct Bell {
    task: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(self.task);
    }
}

impl Tasks {
    pub fn spawner(&self) -> Spawner {
        self.new.clone()
    }

    /// How many could go on.
    pub fn ready(&mut self) -> usize {
        for (owner, task) in self.new.0.take() {
            self.tasks.insert(self.next, (owner, task));
            self.lock().insert(self.next);
            self.next += 1;
        }
        self.lock().len()
    }

    pub fn clients(&self) -> usize {
        self.tasks.values().filter(|(owner, _)| *owner == Owner::Client).count()
    }

    /// Has the one at this place among the ready go on as far as it can.
    pub fn run(&mut self, place: usize) {
        let task = {
            let mut ready = self.lock();
            let task = ready.iter().nth(place).copied();
            task.inspect(|task| _ = ready.remove(task))
        };
        let Some(task) = task else { return };
        let Some((_, future)) = self.tasks.get_mut(&task) else { return };
        let waker = Waker::from(Arc::new(Bell { task, ready: Arc::clone(&self.ready) }));
        // On a thread of tokio's, its budget for one task would be that of all of these.
        let polled = pin!(unconstrained(future)).poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.tasks.remove(&task);
        }
    }

    /// The shop's tasks are gone, in the middle of whatever they did.
    pub fn end_shop(&mut self) {
        let _ = self.ready();
        let (ended, left) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|(_, (owner, _))| *owner != Owner::Client);
        self.tasks = left;
        let ended: BTreeMap<u64, Task> = ended;
        drop(ended);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
