//! What the merchant says about the shop, in memory: what every page is made with.
//!
//! As with the catalog, a [`Merchant`] never changes: whoever holds one sees one moment throughout.

use super::catalog::Versioned;
use crate::domain::Timestamp;
use crate::domain::settings::{SavedSettings, ShopSettings};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Where the newest word of the merchant is found.
#[derive(Default)]
pub struct MerchantCell(ArcSwap<Merchant>);

impl MerchantCell {
    /// What holds as of the last durable change.
    pub fn load(&self) -> Arc<Merchant> {
        self.0.load_full()
    }

    /// Publishes what `change` makes of it. One thread alone may call this: the committer's.
    pub(super) fn update(&self, change: impl FnOnce(&mut Merchant)) {
        let mut next = Merchant::clone(&self.0.load());
        change(&mut next);
        self.0.store(Arc::new(next));
    }
}

#[derive(Clone, Debug)]
pub struct Merchant {
    /// As they were saved; until somebody saves any, those of the configuration file at version 0.
    pub settings: Arc<Versioned<SavedSettings>>,
}

impl Default for Merchant {
    fn default() -> Merchant {
        Merchant { settings: unsaved(ShopSettings::default()) }
    }
}

fn unsaved(settings: ShopSettings) -> Arc<Versioned<SavedSettings>> {
    let value = SavedSettings { settings, saved_at: Timestamp::default() };
    Arc::new(Versioned { value, version: 0 })
}

impl Merchant {
    /// The settings that every page is made with.
    pub fn shop(&self) -> &ShopSettings {
        &self.settings.value.settings
    }

    /// The settings as they were saved, if anybody has saved any.
    pub fn saved(&self) -> Option<&SavedSettings> {
        (self.settings.version > 0).then_some(&self.settings.value)
    }

    /// What holds until somebody saves something.
    pub(super) fn set_defaults(&mut self, settings: ShopSettings) {
        if self.saved().is_none() {
            self.settings = unsaved(settings);
        }
    }

    pub(super) fn put_settings(&mut self, saved: SavedSettings, version: u64) {
        self.settings = Arc::new(Versioned { value: saved, version });
    }
}
