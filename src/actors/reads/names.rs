//! A map from names to things of which the next state shares nearly all with the one before: many small
//! hash tables, of which a change copies one.
//!
//! A trie would copy less, and takes five times the memory of a hash table; the catalog is looked up a
//! thousand times for each change of it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

/// How many tables: with a hundred thousand names, one has two hundred.
const TABLES: usize = 512;

#[derive(Clone)]
pub(super) struct Names<K, V> {
    hash: RandomState,
    tables: Arc<[Arc<HashMap<K, V>>]>,
    length: usize,
}

impl<K, V> Default for Names<K, V> {
    fn default() -> Names<K, V> {
        let tables = (0..TABLES).map(|_| Arc::default()).collect();
        Names { hash: RandomState::new(), tables, length: 0 }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Names<K, V> {
    fn table<Q: Hash + ?Sized>(&self, name: &Q) -> usize {
        self.hash.hash_one(name) as usize % TABLES
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.tables[self.table(name)].get(name)
    }

    pub fn insert(&mut self, name: K, value: V) {
        let table = self.table(&name);
        let before = Arc::make_mut(&mut Arc::make_mut(&mut self.tables)[table]).insert(name, value);
        self.length += usize::from(before.is_none());
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let table = self.table(name);
        let removed = Arc::make_mut(&mut Arc::make_mut(&mut self.tables)[table]).remove(name);
        self.length -= usize::from(removed.is_some());
        removed
    }

    /// Every name, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.tables.iter().flat_map(|table| table.keys())
    }

    /// Everything that has a name, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.tables.iter().flat_map(|table| table.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_later_is_not_changed_before() {
        let mut names = Names::default();
        for n in 0..3_000 {
            names.insert(n, n);
        }
        let before = names.clone();
        names.insert(7, 70);
        names.insert(5_000, 1);
        assert_eq!((names.remove(&8), names.remove(&8)), (Some(8), None));
        assert_eq!((before.get(&7), before.get(&8), before.len()), (Some(&7), Some(&8), 3_000));
        assert_eq!((names.get(&7), names.get(&8), names.len()), (Some(&70), None, 3_000));
        assert_eq!((names.keys().count(), names.values().count()), (3_000, 3_000));
    }
}
