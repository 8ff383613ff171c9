//! The vault: seals and opens, for the shop and for persons.

use super::aead::{self, OpenError, Plain};
use super::key::{Secret, ShopKey};
use super::people::{People, Person};
use super::{KeySource, SecretsError};
use crate::domain::{PersonId, Sealed, Timestamp};
use crate::storage::records::{KeyRing, PersonRow, Standing, WrappedKey};
use crate::storage::table::RING_KEY;
use crate::storage::{Batch, CommitError, Committed, Direction, Snapshot, Store, StoreError};
use crate::storage::{Stored, Table};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

/// There is no key of this person: nothing can be sealed for them any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the person was forgotten")]
pub struct Forgotten;

/// All keys of an open shop. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Keys>);

struct Keys {
    shop: ShopKey,
    /// Newest last.
    ring: Vec<(u32, Secret)>,
    people: People,
}

impl Vault {
    /// Opens the shop's keys with whatever `source` gives. A shop without keys gets its own, and, if
    /// its key is to lie in a file that is not there yet, that file.
    pub fn unlock(store: &dyn Store, source: &KeySource) -> Result<Vault, SecretsError> {
        let ring = stored_ring(&*store.snapshot()?)?;
        let key = source.key(ring.as_ref())?;
        Vault::open_as(store, key, &source.to_string())
    }

    /// As [`Vault::unlock`], with a key that is at hand.
    pub fn with_key(store: &dyn Store, key: ShopKey) -> Result<Vault, SecretsError> {
        Vault::open_as(store, key, "the key at hand")
    }

    fn open_as(store: &dyn Store, shop: ShopKey, what: &str) -> Result<Vault, SecretsError> {
        let snapshot = store.snapshot()?;
        let ring = match stored_ring(&*snapshot)? {
            Some(stored) => open_ring(&stored, &shop)
                .ok_or_else(|| SecretsError::OtherKey { what: what.to_owned() })?,
            None => new_ring(store, &shop)?,
        };
        let people = People::default();
        let mut known = Vec::new();
        for_each_person(&*snapshot, &mut |person, row| {
            if let PersonRow::Known { wrapped, standing } = row {
                known.push((person, wrapped, standing));
            }
            Ok(())
        })?;
        // Opening a hundred thousand keys takes one core a third of a second.
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let open_some = |some: &[(PersonId, Sealed, Standing)]| {
            for (person, wrapped, standing) in some {
                let context = person_context(*person);
                let key = Secret::unwrapped(wrapped.as_bytes(), &shop.0, &context);
                let key = key.map_err(|_| damaged(*person))?;
                people.insert(*person, Person { key, standing: *standing });
            }
            Ok(())
        };
        thread::scope(|scope| {
            let parts = known.chunks(known.len().div_ceil(threads).max(1));
            let opening: Vec<_> = parts.map(|some| scope.spawn(|| open_some(some))).collect();
            let opened = opening
                .into_iter()
                .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            opened.collect::<Result<(), SecretsError>>()
        })?;
        Ok(Vault(Arc::new(Keys { shop, ring, people })))
    }

    /// The data key that a shop was made with: it is on the ring for good, whatever key that is sealed
    /// with.
    pub(super) fn first_key(&self) -> &Secret {
        let (_, key) = self.0.ring.first().expect("a ring is made with a key");
        key
    }

    /// Seals what the shop itself must be able to read again. `context` says what it is and whose,
    /// such as `totp staff-…`; it opens for the same one alone.
    pub fn seal_for_shop(&self, plain: &[u8], context: &str) -> Sealed {
        let (id, key) = self.0.ring.last().expect("a ring is made with a key");
        let sealed = aead::seal(key, context.as_bytes(), plain);
        Sealed::from_bytes([&id.to_be_bytes()[..], &sealed].concat())
    }

    pub fn open_for_shop(&self, sealed: &Sealed, context: &str) -> Result<Plain, OpenError> {
        let (id, text) = sealed.as_bytes().split_first_chunk().ok_or(OpenError::Damaged)?;
        let id = u32::from_be_bytes(*id);
        let (_, key) = self.0.ring.iter().find(|(own, _)| *own == id).ok_or(OpenError::Damaged)?;
        aead::open(key, context.as_bytes(), text)
    }

    /// Makes `person`, whose key becomes durable with `batch`, and gives them back. What is sealed under it must be in
    /// the same batch or a later one.
    pub fn new_person(&self, person: PersonId, batch: &mut Batch) -> PersonId {
        self.make(person, Standing::Regular, batch)
    }

    /// As [`Vault::new_person`], somebody who is known by one cart alone.
    pub fn new_guest(&self, person: PersonId, batch: &mut Batch) -> PersonId {
        self.make(person, Standing::Guest, batch)
    }

    /// Whether this is somebody who is known by one cart alone.
    pub fn is_guest(&self, person: PersonId) -> bool {
        self.0.people.get(person).is_some_and(|person| person.standing == Standing::Guest)
    }

    /// With `batch` a guest becomes somebody whom an account answers for: what their cart buys from
    /// then on is not theirs by itself.
    pub fn adopt(&self, guest: PersonId, batch: &mut Batch) {
        if let Some(Person { key, standing: Standing::Guest }) = self.0.people.get(guest) {
            let row = self.row(guest, &key, Standing::Regular);
            batch.row(Table::People, guest.as_bytes().to_vec(), Some(row));
        }
    }

    fn row(&self, person: PersonId, key: &Secret, standing: Standing) -> Vec<u8> {
        let wrapped = key.wrapped(&self.0.shop.0, &person_context(person));
        PersonRow::Known { wrapped: Sealed::from_bytes(wrapped), standing }.to_bytes()
    }

    fn make(&self, person: PersonId, standing: Standing, batch: &mut Batch) -> PersonId {
        let key = Secret::random();
        let row = self.row(person, &key, standing);
        batch.row(Table::People, person.as_bytes().to_vec(), Some(row));
        self.0.people.insert(person, Person { key, standing });
        person
    }

    pub fn knows(&self, person: PersonId) -> bool {
        self.0.people.get(person).is_some()
    }

    /// Seals what is known of a person. `what` says what it is, such as `order contact`; it opens
    /// as the same thing alone.
    pub fn seal(&self, person: PersonId, what: &str, plain: &[u8]) -> Result<Sealed, Forgotten> {
        let key = self.0.people.get(person).ok_or(Forgotten)?.key;
        Ok(Sealed::from_bytes(aead::seal(&key, what.as_bytes(), plain)))
    }

    pub fn open(&self, person: PersonId, what: &str, sealed: &Sealed) -> Result<Plain, OpenError> {
        let key = self.0.people.get(person).ok_or(OpenError::Forgotten)?.key;
        aead::open(&key, what.as_bytes(), sealed.as_bytes())
    }

    /// As [`Vault::seal`], of a record of theirs; it opens as one of its kind alone.
    pub fn seal_record<T: Stored>(
        &self,
        person: PersonId,
        record: &T,
    ) -> Result<Sealed, Forgotten> {
        self.seal(person, T::NAME, &Plain::new(record.to_bytes()))
    }

    pub fn open_record<T: Stored>(
        &self,
        person: PersonId,
        sealed: &Sealed,
    ) -> Result<T, OpenError> {
        let plain = self.open(person, T::NAME, sealed)?;
        T::from_bytes(&plain).map_err(|_| OpenError::Damaged)
    }

    /// A record of a person as long as they are known: what is damaged is nothing too, and logged.
    pub fn known<T: Stored>(&self, person: PersonId, sealed: &Sealed) -> Option<T> {
        match self.open_record(person, sealed) {
            Ok(record) => Some(record),
            Err(OpenError::Forgotten) => None,
            Err(error @ OpenError::Damaged) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%person, record = T::NAME, error, "personal data cannot be read");
                None
            }
        }
    }

    /// Drops the keys of persons that a batch was to make, where it is not handed over after all.
    pub fn take_back(&self, batch: &Batch) {
        for (person, standing) in known(batch) {
            // Of another standing, it was to be adopted, and was there before.
            if self.0.people.get(person).is_some_and(|own| own.standing == standing) {
                self.0.people.remove(person);
            }
        }
    }

    /// Destroys a person's key with `batch`: once that is durable, nothing that was sealed under it
    /// can be read, wherever it is.
    pub fn forget(&self, person: PersonId, batch: &mut Batch, now: Timestamp) {
        let row = PersonRow::Forgotten { at: now }.to_bytes();
        batch.row(Table::People, person.as_bytes().to_vec(), Some(row));
    }

    /// Forgets a guest of whom everything that counts was sealed anew under `heir`. Nobody else is
    /// forgotten by this: a cart may pass from one customer to another.
    pub fn pass_on(&self, guest: PersonId, heir: PersonId, batch: &mut Batch, now: Timestamp) {
        if guest != heir && self.is_guest(guest) {
            self.forget(guest, batch, now);
        }
    }

    /// Takes in what became of a batch: drops the keys that it destroyed, and those that it was to
    /// make if it was refused; whom it adopted is a guest no more. After a fault of the store nothing is known, so nothing is dropped.
    pub fn settled(&self, batch: &Batch, outcome: &Result<Committed, CommitError>) {
        match outcome {
            Ok(_) => {
                forgotten(batch).for_each(|person| self.0.people.remove(person));
                known(batch).for_each(|(person, standing)| self.0.people.stand(person, standing));
            }
            Err(CommitError::Conflict(_)) => self.take_back(batch),
            Err(CommitError::Unavailable) => {}
        }
    }
}

/// Names no key.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// The persons whose keys a batch destroys.
pub fn forgotten(batch: &Batch) -> impl Iterator<Item = PersonId> {
    people(batch)
        .filter_map(|(person, row)| matches!(row, PersonRow::Forgotten { .. }).then_some(person))
}

/// The persons whose keys a batch makes or keeps, and how they stand then.
fn known(batch: &Batch) -> impl Iterator<Item = (PersonId, Standing)> {
    people(batch).filter_map(|(person, row)| match row {
        PersonRow::Known { standing, .. } => Some((person, standing)),
        PersonRow::Forgotten { .. } => None,
    })
}

fn people(batch: &Batch) -> impl Iterator<Item = (PersonId, PersonRow)> {
    batch.rows_of(Table::People).filter_map(|(key, row)| {
        let person = PersonId::from_bytes(key.try_into().ok()?);
        Some((person, PersonRow::from_bytes(row?).ok()?))
    })
}

pub(super) fn person_context(person: PersonId) -> Vec<u8> {
    [b"person ", &person.as_bytes()[..]].concat()
}

fn ring_context(id: u32) -> Vec<u8> {
    [b"data key ", &id.to_be_bytes()[..]].concat()
}

pub(super) fn stored_ring(snapshot: &dyn Snapshot) -> Result<Option<KeyRing>, StoreError> {
    let bytes = snapshot.get(Table::Meta, RING_KEY)?;
    Ok(bytes.map(|bytes| KeyRing::from_bytes(&bytes)).transpose()?)
}

/// Opens a ring; `None` unless all of it was sealed with this key.
pub(super) fn open_ring(stored: &KeyRing, shop: &ShopKey) -> Option<Vec<(u32, Secret)>> {
    let open = |key: &WrappedKey| {
        let opened = Secret::unwrapped(key.wrapped.as_bytes(), &shop.0, &ring_context(key.id));
        opened.ok().map(|opened| (key.id, opened))
    };
    let ring: Vec<_> = stored.keys.iter().map(open).collect::<Option<_>>()?;
    (!ring.is_empty()).then_some(ring)
}

pub(super) fn seal_ring(ring: &[(u32, Secret)], shop: &ShopKey) -> KeyRing {
    let seal = |(id, key): &(u32, Secret)| WrappedKey {
        id: *id,
        wrapped: Sealed::from_bytes(key.wrapped(&shop.0, &ring_context(*id))),
    };
    KeyRing { keys: ring.iter().map(seal).collect() }
}

fn new_ring(store: &dyn Store, shop: &ShopKey) -> Result<Vec<(u32, Secret)>, StoreError> {
    let ring = vec![(1, Secret::random())];
    let mut batch = Batch::new();
    batch.row(Table::Meta, RING_KEY.to_vec(), Some(seal_ring(&ring, shop).to_bytes()));
    store.commit(&[batch])?;
    Ok(ring)
}

pub(super) fn damaged(person: PersonId) -> SecretsError {
    SecretsError::Damaged { what: format!("that of {person}") }
}

/// Calls `each` for every person, in the order in which they came.
pub(super) fn for_each_person(
    snapshot: &dyn Snapshot,
    each: &mut dyn FnMut(PersonId, PersonRow) -> Result<(), SecretsError>,
) -> Result<(), SecretsError> {
    let mut failed = None;
    snapshot.scan(Table::People, &[], None, Direction::Forward, &mut |key, row| {
        let read = || {
            let person = key.try_into().map(PersonId::from_bytes);
            let what = || format!("that of the person \"{}\"", key.escape_ascii());
            let person = person.map_err(|_| SecretsError::Damaged { what: what() })?;
            Ok((person, PersonRow::from_bytes(row).map_err(StoreError::from)?))
        };
        match read().and_then(|(person, row)| each(person, row)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(()), Err)
}
