//! How many connections there may be, in all and from one address; likewise live streams.

use crate::actors::accounts::throttle::network_of;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places that connections may take. Cheap to clone.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

/// Only networks that have a connection are in the map, so it is bounded as the connections are.
#[derive(Default)]
struct Taken {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

impl Places {
    pub fn new(most: usize, most_per_address: usize) -> Places {
        Places(Arc::new(Shared { most, most_per_address, taken: Mutex::default() }))
    }

    /// A place for a connection from `peer`, given back when it is dropped; none where all are
    /// taken. A `shared` peer is a proxy that many clients come through: it has no bound of its own.
    pub fn take(&self, peer: IpAddr, shared: bool) -> Option<Place> {
        let network = network_of(peer);
        let mut taken = self.taken();
        if taken.total >= self.0.most {
            return None;
        }
        let own = taken.by_network.get(&network).copied().unwrap_or(0);
        if !shared && own >= self.0.most_per_address {
            return None;
        }
        taken.total += 1;
        taken.by_network.insert(network, own + 1);
        Some(Place { places: self.clone(), network })
    }

    /// Whether all are taken.
    pub fn is_full(&self) -> bool {
        self.in_use() >= self.0.most
    }

    /// Connections now.
    pub fn in_use(&self) -> usize {
        self.taken().total
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place.
pub struct Place {
    places: Places,
    network: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.total -= 1;
        if let Some(own) = taken.by_network.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                taken.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_gets_its_share_and_all_together_theirs() {
        let places = Places::new(3, 2);
        let first = places.take(ip("192.0.2.1"), false).unwrap();
        let _second = places.take(ip("192.0.2.1"), false).unwrap();
        assert!(places.take(ip("192.0.2.1"), false).is_none() && !places.is_full());
        let _other = places.take(ip("192.0.2.2"), false).unwrap();
        assert!(places.take(ip("192.0.2.3"), false).is_none() && places.is_full());
        drop(first);
        assert_eq!(places.in_use(), 2);
        assert!(places.take(ip("192.0.2.1"), false).is_some());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_a_proxy_as_many() {
        let places = Places::new(9, 1);
        let _first = places.take(ip("2001:db8::1"), false).unwrap();
        assert!(places.take(ip("2001:db8::2"), false).is_none());
        assert!(places.take(ip("2001:db8:0:1::1"), false).is_some());
        assert!(places.take(ip("2001:db8::2"), true).is_some());
    }

    #[test]
    fn a_place_that_was_given_back_leaves_nothing_behind() {
        let places = Places::new(9, 9);
        drop((places.take(ip("192.0.2.1"), false), places.take(ip("192.0.2.1"), false)));
        assert_eq!((places.in_use(), places.taken().by_network.len()), (0, 0));
    }
}
