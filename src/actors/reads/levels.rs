//! The books' figure of every SKU, as of its last durable movement.
//!
//! Pages and lists read these; only whoever sells asks the SKU's own actor, which knows what is
//! promised beyond them.

use super::full;
use super::shelf::Page;
use crate::domain::Sku;
use crate::domain::stock::Level;
use arc_swap::ArcSwap;
use imbl::OrdSet;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

/// As many locks as make it unlikely that a reader meets the writer.
const SHARDS: usize = 64;

/// Some SKUs, each with the version of its row.
type Shard = RwLock<HashMap<Sku, (u64, Level)>>;

/// Committed stock levels; written by the committer's thread, read by anybody.
pub struct Levels {
    hasher: RandomState,
    shards: Box<[Shard]>,
    /// Every SKU, in order.
    skus: ArcSwap<OrdSet<Sku>>,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            skus: ArcSwap::default(),
        }
    }
}

impl Levels {
    /// The level of a SKU; all zero where nothing was ever booked.
    pub fn get(&self, sku: &Sku) -> Level {
        self.row(sku).map_or_else(Level::default, |(_, level)| level)
    }

    /// Version and level; `None` where nothing was ever booked.
    pub fn row(&self, sku: &Sku) -> Option<(u64, Level)> {
        let shard = self.shard(sku).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(sku).copied()
    }

    /// The text of this SKU that is kept here, so that there is one of it however many name it.
    pub(super) fn own(&self, sku: &Sku) -> Sku {
        let shard = self.shard(sku).read().unwrap_or_else(PoisonError::into_inner);
        shard.get_key_value(sku).map_or(sku, |(own, _)| own).clone()
    }

    /// How many SKUs there are, and a page of them in order.
    pub fn page(&self, page: Page) -> (usize, Vec<(Sku, u64, Level)>) {
        let skus = self.skus.load();
        let rows = skus.iter().skip(page.offset).take(page.limit).filter_map(|sku| {
            let (version, level) = self.row(sku)?;
            Some((sku.clone(), version, level))
        });
        (skus.len(), rows.collect())
    }

    /// Every SKU there is a level of, in order, as of now.
    pub fn skus(&self) -> Arc<OrdSet<Sku>> {
        self.skus.load_full()
    }

    /// Takes levels over from the books.
    pub(super) fn book(&self, levels: impl IntoIterator<Item = (Sku, u64, Level)>) {
        let mut new = Vec::new();
        for (sku, version, level) in levels {
            let mut shard = self.shard(&sku).write().unwrap_or_else(PoisonError::into_inner);
            if shard.insert(sku.clone(), (version, level)).is_none() {
                new.push(sku);
            }
        }
        if new.is_empty() {
            return;
        }
        let mut skus = OrdSet::clone(&self.skus.load());
        if skus.is_empty() {
            new.sort_unstable();
            skus = full::set(new);
        } else {
            skus.extend(new);
        }
        self.skus.store(Arc::new(skus));
    }

    fn shard(&self, sku: &Sku) -> &Shard {
        &self.shards[self.hasher.hash_one(sku) as usize % SHARDS]
    }
}
