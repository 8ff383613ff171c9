//! The keys of all persons, in memory: opened once at start, so that no checkout waits for one.
//!
//! A person costs 50 bytes in a table that is between 44 and 88 percent full: 57 to 114 MB for a
//! million of them. They are spread over a few tables by a random byte of their id, so that shards
//! seldom meet at a lock, which is held for one look-up.

use super::key::Secret;
use crate::domain::PersonId;
use crate::storage::records::Standing;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

const TABLES: usize = 16;

/// Somebody whose key is there.
#[derive(Clone)]
pub struct Person {
    pub key: Secret,
    pub standing: Standing,
}

#[derive(Default)]
pub struct People {
    tables: [RwLock<HashMap<PersonId, Person>>; TABLES],
}

impl People {
    pub fn get(&self, person: PersonId) -> Option<Person> {
        let table = self.table(person).read().unwrap_or_else(PoisonError::into_inner);
        table.get(&person).cloned()
    }

    pub fn insert(&self, id: PersonId, person: Person) {
        let mut table = self.table(id).write().unwrap_or_else(PoisonError::into_inner);
        table.insert(id, person);
    }

    pub fn remove(&self, person: PersonId) {
        let mut table = self.table(person).write().unwrap_or_else(PoisonError::into_inner);
        table.remove(&person);
    }

    /// Changes how somebody stands who is there.
    pub fn stand(&self, person: PersonId, standing: Standing) {
        if self.get(person).is_none_or(|own| own.standing == standing) {
            return;
        }
        let mut table = self.table(person).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = table.get_mut(&person) {
            own.standing = standing;
        }
    }

    fn table(&self, person: PersonId) -> &RwLock<HashMap<PersonId, Person>> {
        let [.., last] = person.as_bytes();
        &self.tables[usize::from(*last) % TABLES]
    }
}
