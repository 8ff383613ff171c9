//! The places of one kind of entity in one shard: the one shell around every entity.
//!
//! It wakes an entity on its first message, runs one message at a time, and keeps the promises that
//! running ahead of the disk demands: an entity is loaded only when everything handed over for it is
//! settled, and is forgotten as soon as a batch that touched it failed or its step panicked.

use super::directory::Directory;
use super::entity::{Entity, Outbox, Settlement, Step};
use super::env::Env;
use crate::domain::event::EntityKey;
use crate::domain::guard::Guard;
use crate::storage::CommitError;
use lru::LruCache;
use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// All entities of one kind that one shard has in mind, least recently used first to go.
pub(super) struct Slots<E: Entity> {
    seats: LruCache<E::Id, Seat<E>>,
    bytes: usize,
}

struct Seat<E: Entity> {
    slot: Slot<E>,
    /// Batches that touch this entity and are on their way to the disk.
    unsettled: u32,
    bytes: u32,
}

enum Slot<E: Entity> {
    Live(Box<E>),
    /// Not in memory; its messages wait.
    Loading(Box<Waiting<E::Message>>),
}

struct Waiting<M> {
    messages: VecDeque<M>,
    /// Whether its row was asked for.
    asked: bool,
    /// Whether a batch that touched it was settled since: the row that comes may be older.
    outdated: bool,
}

/// What the shard does for its slots: it owns the ways out.
pub(super) trait Shell {
    fn env(&self) -> &Env;
    /// Carries out what a step of `owner` wants done.
    fn flush(&mut self, owner: EntityKey, out: &mut Outbox);
    fn load(&mut self, key: EntityKey);
    fn directory(&self) -> &Directory;
}

impl<E: Entity> Slots<E> {
    pub fn new() -> Slots<E> {
        Slots { seats: LruCache::unbounded(), bytes: 0 }
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// How many are not in memory and are waited for.
    pub fn loading(&self) -> usize {
        self.seats.iter().filter(|(_, seat)| matches!(seat.slot, Slot::Loading(_))).count()
    }

    /// Bytes of memory that these entities take, with their seats.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Serves one message, or has it wait for its entity.
    pub fn deliver(&mut self, id: &E::Id, message: E::Message, shell: &mut impl Shell) {
        let seat = self.seats.get_or_insert_mut(id.clone(), || {
            let born = E::is_birth(&message).then(|| E::wake(id, None).ok()).flatten();
            let slot = born.map_or_else(Slot::waiting, |entity| Slot::Live(Box::new(entity)));
            Seat { slot, unsettled: 0, bytes: 0 }
        });
        let announced = E::announces_batch(&message);
        if announced {
            seat.unsettled += 1;
        }
        match &mut seat.slot {
            Slot::Live(_) => {
                if !self.step(id, shell, |entity, step| entity.serve(message, step)) {
                    self.load_if_settled(id, shell);
                }
            }
            // The row that is loaded when the batch is settled knows of it.
            Slot::Loading(_) if announced => {}
            Slot::Loading(waiting) => {
                waiting.messages.push_back(message);
                self.load_if_settled(id, shell);
            }
        }
    }

    /// Takes in a row that was asked for, unless it has become outdated meanwhile.
    pub fn loaded(&mut self, id: &E::Id, row: Option<Option<Vec<u8>>>, shell: &mut impl Shell) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Slot::Loading(waiting) = &mut seat.slot else { return };
        waiting.asked = false;
        let is_outdated = mem::take(&mut waiting.outdated) && Guard::FreshRow.stands();
        let is_unsettled = seat.unsettled > 0 && Guard::SettleBeforeLoad.stands();
        if is_unsettled || is_outdated {
            // Something was handed over since it was asked for: the row may be older than that.
            return self.load_if_settled(id, shell);
        }
        let Some(entity) = row.and_then(|row| match E::wake(id, row.as_deref()) {
            Ok(entity) => Some(entity),
            Err(error) => {
                tracing::error!(entity = %E::key(id), error = &error as &dyn std::error::Error, "a row cannot be read");
                None
            }
        }) else {
            // Dropping the messages tells their senders.
            self.remove(id);
            return;
        };
        let messages = mem::take(&mut waiting.messages);
        seat.slot = Slot::Live(Box::new(entity));
        for message in messages {
            match self.seats.peek_mut(id).map(|seat| &mut seat.slot) {
                Some(Slot::Live(_)) => {
                    self.step(id, shell, |entity, step| entity.serve(message, step));
                }
                Some(Slot::Loading(waiting)) => waiting.messages.push_back(message),
                None => return,
            }
        }
        self.load_if_settled(id, shell);
    }

    /// A batch that touched the entity is durable or failed.
    pub fn settled(&mut self, id: &E::Id, settlement: &Settlement, shell: &mut impl Shell) {
        let Some(seat) = self.seats.peek_mut(id) else { return };
        // A service's batch was not announced, and nothing here was built on it.
        let is_counted = settlement.owner.is_some();
        if is_counted {
            seat.unsettled = seat.unsettled.saturating_sub(1);
        }
        match (&settlement.outcome, &mut seat.slot) {
            (_, Slot::Loading(waiting)) => waiting.outdated = waiting.asked,
            (Ok(committed), Slot::Live(_)) => {
                self.step(id, shell, |entity, step| entity.settled(settlement, committed, step));
            }
            (Err(CommitError::Conflict(_)), Slot::Live(_)) if !is_counted => {}
            (Err(_), Slot::Live(_)) if !Guard::ForgetAfterFailure.stands() => {}
            (Err(error), Slot::Live(_)) => self.forget(id, shell, |entity, step| {
                entity.last_words(settlement, error, step);
            }),
        }
        self.load_if_settled(id, shell);
    }

    /// Drops the least recently used idle entities until these take at most `bound` bytes.
    pub fn passivate(&mut self, bound: usize) {
        for _ in 0..self.seats.len().min(LOOKS) {
            if self.bytes <= bound {
                return;
            }
            let Some((id, seat)) = self.seats.pop_lru() else { return };
            let idle = matches!(&seat.slot, Slot::Live(entity) if entity.is_idle());
            let is_settled = seat.unsettled == 0 || !Guard::SettleBeforePassivation.stands();
            if idle && is_settled {
                self.bytes -= seat.bytes as usize;
            } else {
                self.seats.push(id, seat);
            }
        }
    }

    /// Runs one step; a panic loses the entity's memory and nothing else. Says whether it went well.
    fn step(
        &mut self,
        id: &E::Id,
        shell: &mut impl Shell,
        run: impl FnOnce(&mut E, &mut Step<'_>),
    ) -> bool {
        let Some(seat) = self.seats.peek_mut(id) else { return true };
        let Slot::Live(entity) = &mut seat.slot else { return true };
        let mut out = Outbox::default();
        let (env, directory) = (shell.env(), shell.directory());
        let unsettled = seat.unsettled > 0;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            run(entity, &mut Step { env, directory, now: env.now(), unsettled, out: &mut out });
        }));
        if ran.is_err() {
            tracing::error!(entity = %E::key(id), "a step panicked; the entity is loaded afresh");
            self.forget(id, shell, |_, _| {});
            return false;
        }
        seat.unsettled += out.batches.len() as u32;
        let bytes = SEAT_BYTES + size_of::<E>() + size_of::<Seat<E>>() + entity.heap_bytes();
        self.bytes = self.bytes + bytes - seat.bytes as usize;
        seat.bytes = bytes as u32;
        shell.flush(E::key(id), &mut out);
        true
    }

    /// Forgets what is in memory. What it had to say is sent, without running ahead any further.
    fn forget(
        &mut self,
        id: &E::Id,
        shell: &mut impl Shell,
        last_words: impl FnOnce(E, &mut Step<'_>),
    ) {
        let Some(seat) = self.seats.peek_mut(id) else { return };
        if matches!(seat.slot, Slot::Loading(_)) {
            return;
        }
        let Slot::Live(entity) = mem::replace(&mut seat.slot, Slot::waiting()) else { return };
        let mut out = Outbox::default();
        let (env, directory) = (shell.env(), shell.directory());
        let unsettled = seat.unsettled > 0;
        let mut step = Step { env, directory, now: env.now(), unsettled, out: &mut out };
        if catch_unwind(AssertUnwindSafe(|| last_words(*entity, &mut step))).is_ok() {
            seat.unsettled += out.batches.len() as u32;
            shell.flush(E::key(id), &mut out);
        }
    }

    /// Asks for the entity's row, as soon as everything handed over for it is settled and somebody
    /// waits for it.
    fn load_if_settled(&mut self, id: &E::Id, shell: &mut impl Shell) {
        let Some(seat) = self.seats.peek_mut(id) else { return };
        let Slot::Loading(waiting) = &mut seat.slot else { return };
        let is_unsettled = seat.unsettled > 0 && Guard::SettleBeforeLoad.stands();
        if is_unsettled || waiting.asked {
            return;
        }
        if waiting.messages.is_empty() {
            self.remove(id);
            return;
        }
        waiting.asked = true;
        shell.load(E::key(id));
    }

    fn remove(&mut self, id: &E::Id) {
        if let Some(seat) = self.seats.pop(id) {
            self.bytes -= seat.bytes as usize;
        }
    }
}

/// The most entities looked at for dropping after one message: where all are busy, looking at each
/// of them every time would be slow, and a message brings one entity at most.
const LOOKS: usize = 32;

/// What the map itself spends on an entity: its node and its place in the index.
const SEAT_BYTES: usize = 64;

impl<E: Entity> Slot<E> {
    fn waiting() -> Slot<E> {
        Slot::Loading(Box::new(Waiting {
            messages: VecDeque::new(),
            asked: false,
            outdated: false,
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::actors::sku::{SkuActor, SkuMessage};
    use crate::domain::{OrderId, Sku};
    use crate::storage::Batch;

    /// Counts the rows that are asked for.
    struct Counting {
        directory: Directory,
        loads: usize,
    }

    impl Shell for Counting {
        fn env(&self) -> &Env {
            panic!("nobody is awake who could take a step")
        }

        fn flush(&mut self, _: EntityKey, _: &mut Outbox) {}

        fn load(&mut self, _: EntityKey) {
            self.loads += 1;
        }

        fn directory(&self) -> &Directory {
            &self.directory
        }
    }

    /// While a SKU's row is on its way, a batch that moves the SKU is handed over and settled. Says
    /// whether the row, which may be older, is taken in all the same.
    pub(crate) fn a_row_of_before_is_taken_in() -> bool {
        let mut slots = Slots::<SkuActor>::new();
        let mut shell = Counting { directory: Directory::new(1), loads: 0 };
        let sku: Sku = "A".parse().unwrap();
        let order = OrderId::from_bytes([1; 16]);
        slots.deliver(&sku, SkuMessage::Forget { order }, &mut shell);
        assert_eq!(shell.loads, 1, "it sleeps, and its row is asked for");
        slots.deliver(&sku, SkuMessage::HandedOver { order, units: None }, &mut shell);
        let settlement = Settlement {
            owner: Some(EntityKey::Order(order)),
            batch: Batch::new(),
            outcome: Err(CommitError::Unavailable),
        };
        slots.settled(&sku, &settlement, &mut shell);
        let taken_in = catch_unwind(AssertUnwindSafe(|| {
            slots.loaded(&sku, Some(None), &mut shell);
        }));
        // Nobody here could take a step: a row that is taken in ends in a panic.
        taken_in.is_err()
    }
}
