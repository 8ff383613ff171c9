//! Trees of what is in order already, with full leaves.
//!
//! A leaf that is full is halved. What comes in order comes behind it, so that each leaf stays half
//! empty for good. So every second one comes first, and then the others, each of which falls into
//! the free half.

use imbl::{OrdMap, OrdSet};

fn every_second_first<T>(sorted: Vec<T>, mut insert: impl FnMut(T)) {
    let mut later = Vec::with_capacity(sorted.len() / 2);
    for (n, one) in sorted.into_iter().enumerate() {
        if n % 2 == 0 {
            insert(one);
        } else {
            later.push(one);
        }
    }
    later.into_iter().for_each(insert);
}

pub(super) fn set<T: Ord + Clone>(sorted: Vec<T>) -> OrdSet<T> {
    let mut set = OrdSet::new();
    every_second_first(sorted, |one| {
        set.insert(one);
    });
    set
}

pub(super) fn map<K: Ord + Clone, V: Clone>(sorted: Vec<(K, V)>) -> OrdMap<K, V> {
    let mut map = OrdMap::new();
    every_second_first(sorted, |(key, value)| {
        map.insert(key, value);
    });
    map
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_lost_and_all_is_in_order() {
        for length in [0, 1, 2, 15, 16, 17, 1_000] {
            let all: Vec<u32> = (0..length).collect();
            assert_eq!(super::set(all.clone()).into_iter().collect::<Vec<_>>(), all);
            let pairs: Vec<(u32, u32)> = all.iter().map(|n| (*n, n * 2)).collect();
            assert_eq!(super::map(pairs.clone()).into_iter().collect::<Vec<_>>(), pairs);
        }
    }
}
