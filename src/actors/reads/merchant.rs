//! What the merchant says about the shop, in memory: what every page is made with.
//!
//! As with the catalog, a [`Merchant`] never changes: whoever holds one sees one moment throughout.

use super::catalog::Versioned;
use crate::domain::Timestamp;
use crate::domain::settings::{SavedSettings, ShopSettings};
use crate::domain::text_page::TextPage;
use crate::imports;
use arc_swap::ArcSwap;
use imbl::OrdMap;
use std::sync::{Arc, OnceLock};

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
    /// The text pages that were saved.
    pages: OrdMap<Arc<str>, Arc<ShownPage>>,
    /// Those that every shop begins with.
    default_pages: [Arc<ShownPage>; 5],
}

/// A text page with what shoppers are shown of it.
#[derive(Debug)]
pub struct ShownPage {
    pub page: TextPage,
    /// Of its row; 0 of a page that nobody has saved.
    pub version: u64,
    /// Made when it is first asked for.
    html: OnceLock<String>,
}

impl ShownPage {
    pub fn new(page: TextPage, version: u64) -> ShownPage {
        ShownPage { page, version, html: OnceLock::new() }
    }

    /// Cleaned: it may be shown as it is. Its headings begin at `h2`.
    pub fn html(&self) -> &str {
        self.html.get_or_init(|| imports::markdown_to_html(&self.page.markdown))
    }

    /// All of it in plain words.
    pub fn text(&self) -> String {
        imports::to_text(self.html())
    }

    /// Whether it says what every shop begins with.
    pub fn is_default(&self) -> bool {
        self.version == 0
    }
}

impl Default for Merchant {
    fn default() -> Merchant {
        let settings = ShopSettings::default();
        Merchant {
            default_pages: default_pages(&settings),
            settings: unsaved(settings),
            pages: OrdMap::new(),
        }
    }
}

fn default_pages(settings: &ShopSettings) -> [Arc<ShownPage>; 5] {
    TextPage::defaults(settings).map(|page| Arc::new(ShownPage::new(page, 0)))
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
            self.default_pages = default_pages(&settings);
            self.settings = unsaved(settings);
        }
    }

    /// A text page: as the merchant saved it, or as every shop begins with it.
    pub fn page(&self, handle: &str) -> Option<Arc<ShownPage>> {
        let default = || self.default_pages.iter().find(|own| own.page.handle == handle);
        self.pages.get(handle).or_else(default).cloned()
    }

    /// Every text page, in order of handle.
    pub fn pages(&self) -> Vec<Arc<ShownPage>> {
        let defaults = self.default_pages.iter();
        let untouched = defaults.filter(|own| !self.pages.contains_key(&*own.page.handle));
        let mut pages: Vec<_> = self.pages.values().chain(untouched).cloned().collect();
        pages.sort_unstable_by(|one, other| one.page.handle.cmp(&other.page.handle));
        pages
    }

    /// How many text pages the merchant has saved.
    pub fn saved_pages(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn put_page(&mut self, page: TextPage, version: u64) {
        let handle = page.handle.as_str().into();
        self.pages.insert(handle, Arc::new(ShownPage::new(page, version)));
    }

    pub(super) fn remove_page(&mut self, handle: &str) {
        self.pages.remove(handle);
    }

    pub(super) fn put_settings(&mut self, saved: SavedSettings, version: u64) {
        self.default_pages = default_pages(&saved.settings);
        self.settings = Arc::new(Versioned { value: saved, version });
    }
}
