//! Everything that is read without an actor: committed state, in memory where lists need it, from
//! the store where one row does.
//!
//! The committer's teller takes each settled group in through [`Reads::project`] before anybody
//! hears of it, so whoever was answered finds here what the answer said. The models are made of
//! rows, or of the events that make up a whole row, so a start and a settled group lead to the same
//! state. A commit that failed and turns out to be there after all shows as a gap in the numbers;
//! what it touched is then loaded from the store, which may be some groups ahead.

mod audit;
mod catalog;
mod full;
mod levels;
mod listed;
mod merchant;
mod moment;
mod names;
mod orders;
mod rows;
mod shelf;
mod skus;

pub use audit::{Acts, AuditFilter};
pub use catalog::{Catalog, CatalogCell, CategoryNode, Versioned};
pub use levels::Levels;
pub use listed::{Listed, Priced};
pub use merchant::{Merchant, MerchantCell, ShownPage};
pub use moment::Moment;
pub use orders::{OrderFilter, OrderSummary, Orders};
pub use shelf::{Direction, Page, ProductFilter, Sort, SortBy};

use self::orders::Filed;
use self::rows::{RawRow, read_all};
use self::skus::Skus;
use crate::domain::cart::Cart;
use crate::domain::catalog::Product;
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::grouping::{Category, Collection};
use crate::domain::order::Order;
use crate::domain::settings::{SavedSettings, ShopSettings};
use crate::domain::stock::Level;
use crate::domain::text_page::TextPage;
use crate::domain::{CartId, OrderId, Seq, Sku};
use crate::secrets::{Vault, forgotten};
use crate::storage::codec::{CodecError, Stored};
use crate::storage::{self, Batch, CommitError, Settled, Snapshot, Store, StoreError, Table};
use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use tokio::sync::watch;

/// How many events are looked at in one step of catching up.
const CATCH_UP_STEP: usize = 1_000;

/// All read models, and the store behind them.
pub struct Reads {
    pub catalog: Arc<CatalogCell>,
    pub merchant: MerchantCell,
    pub levels: Levels,
    pub orders: Orders,
    /// Passes with every change of catalog, stock and what the merchant says.
    pub moment: Moment,
    skus: Skus,
    store: Arc<dyn Store>,
    last_seq: watch::Sender<Seq>,
}

/// A row that a read model is made of.
enum Row {
    Product(Product),
    Category(Category),
    Collection(Collection),
    Order(Order),
    Level(Level),
    Settings(SavedSettings),
    TextPage(TextPage),
}

/// What became of one entity's row: its version and content, or that it is gone.
type Change = (EntityKey, Option<(u64, Row)>);

impl Reads {
    /// Builds every model from the store's rows.
    pub fn load(store: Arc<dyn Store>, vault: &Vault) -> Result<Reads, StoreError> {
        let last_seq = store.snapshot()?.last_seq()?;
        let reads = Reads {
            catalog: Arc::default(),
            merchant: MerchantCell::default(),
            levels: Levels::default(),
            orders: Orders::new(vault.clone()),
            moment: Moment::default(),
            skus: Skus::default(),
            store,
            last_seq: watch::Sender::new(last_seq),
        };
        // The levels first: theirs is the one copy of each SKU's text.
        reads.load_levels()?;
        reads.load_merchant()?;
        thread::scope(|scope| {
            let orders = scope.spawn(|| reads.load_orders());
            reads.load_catalog()?;
            orders.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .map(|()| reads)
    }

    fn load_levels(&self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let levels = read_all(&*snapshot, Table::Skus, |RawRow { key, version, record }| {
            let sku = std::str::from_utf8(&key).ok().and_then(|text| text.parse().ok());
            let level = Level::from_bytes(&record)?;
            Ok(sku.map(|sku: Sku| (sku, version, level)))
        })?;
        self.levels.book(levels.into_iter().flatten());
        Ok(())
    }

    fn load_catalog(&self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let products =
            read_all(&*snapshot, Table::Products, |RawRow { version, record, .. }| {
                let (listed, labels) = Listed::read(record, version, |sku| self.levels.own(sku))?;
                Ok((Arc::new(listed), labels))
            })?;
        let mut loaded = Ok(());
        self.catalog.update(|catalog| {
            catalog.fill(&products);
            loaded = snapshot
                .load_all(Table::Categories, |_, version, category| {
                    catalog.put_category(category, version);
                })
                .and_then(|()| {
                    snapshot.load_all(Table::Collections, |_, version, collection| {
                        catalog.put_collection(collection, version);
                    })
                });
        });
        loaded
    }

    fn load_merchant(&self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let saved = snapshot.load(&EntityKey::Settings)?;
        let mut loaded = Ok(());
        self.merchant.update(|merchant| {
            if let Some((version, saved)) = saved {
                merchant.put_settings(saved, version);
            }
            loaded = snapshot.load_all(Table::TextPages, |_, version, page| {
                merchant.put_page(page, version);
            });
        });
        loaded
    }

    /// The same, with these settings of the shop until somebody saves any.
    pub fn with_defaults(self, settings: ShopSettings) -> Reads {
        self.merchant.update(|merchant| merchant.set_defaults(settings));
        self
    }

    fn load_orders(&self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let own = |sku: &Sku| self.levels.own(sku);
        let orders = read_all(&*snapshot, Table::Orders, |RawRow { key, version, record }| {
            let order = Order::from_bytes(&record)?;
            let id = <[u8; 16]>::try_from(&*key).ok().map(OrderId::from_bytes);
            Ok(id.map(|id| Filed::new(id, version, order, own)))
        })?;
        self.orders.fill(orders.into_iter().flatten().collect());
        Ok(())
    }

    /// Takes a settled group in. Called by the committer's sink alone, group after group, before
    /// any answer goes out.
    pub fn project<T>(&self, group: &[Settled<T>]) {
        let (mut changes, mut erased) = (Vec::new(), HashSet::new());
        let mut last = *self.last_seq.borrow();
        let mut in_doubt = false;
        let mut is_shown_anew = false;
        for Settled { batch, outcome, .. } in group {
            match outcome {
                Ok(committed) => {
                    let facts = batch.facts().len() as u64;
                    if facts > 0 {
                        let newest = Seq(committed.first_seq.0 + facts - 1);
                        if newest <= last {
                            // Seen already, in the store, while catching up.
                            continue;
                        }
                        in_doubt |= committed.first_seq.0 != last.0 + 1;
                        last = newest;
                    }
                    changes.extend(written(batch));
                    erased.extend(forgotten(batch));
                    is_shown_anew |= !committed.levels.is_empty();
                    self.levels.book(committed.levels.iter().cloned());
                }
                Err(CommitError::Unavailable) => in_doubt = true,
                Err(CommitError::Conflict(_)) => {}
            }
        }
        if in_doubt {
            // The store as it stands is newer than the whole group, so it replaces it.
            match self.catch_up() {
                Ok(caught_up) => {
                    last = last.max(caught_up.0);
                    changes.extend(caught_up.1);
                }
                Err(error) => {
                    // The number stays where it is, so the next group shows the same gap.
                    last = *self.last_seq.borrow();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "read models wait for the store to come back"
                    );
                }
            }
        }
        is_shown_anew |= self.apply(changes);
        if is_shown_anew {
            self.moment.pass();
        }
        self.orders.forget(&erased);
        self.last_seq.send_if_modified(|own| std::mem::replace(own, last) != last);
    }

    /// The newest event, and every row that events since the last one taken in have touched.
    fn catch_up(&self) -> Result<(Seq, Vec<Change>), StoreError> {
        let snapshot = self.store.snapshot()?;
        let mut last = *self.last_seq.borrow();
        let mut touched = HashSet::new();
        loop {
            let events = snapshot.events_after(last, CATCH_UP_STEP)?;
            let Some(newest) = events.last() else { break };
            last = newest.seq;
            for event in events {
                let moved = event.movements.into_iter();
                touched.extend(moved.map(|movement| EntityKey::Sku(movement.sku)));
                touched.insert(event.fact.entity());
            }
        }
        let changes: Result<Vec<_>, StoreError> =
            touched.into_iter().filter_map(|key| stored(&*snapshot, key).transpose()).collect();
        Ok((last, changes?))
    }

    /// Changes the models, each of them once. Says whether shoppers are shown anything anew.
    fn apply(&self, changes: Vec<Change>) -> bool {
        let (mut listed, mut orders, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        let mut said = Vec::new();
        for (key, row) in changes {
            match (key, row) {
                (EntityKey::Order(id), Some((version, Row::Order(order)))) => {
                    orders.push((id, version, order));
                }
                (EntityKey::Sku(sku), Some((version, Row::Level(level)))) => {
                    levels.push((sku, version, level));
                }
                change @ (EntityKey::Settings | EntityKey::TextPage(_), _) => said.push(change),
                other => listed.push(other),
            }
        }
        let is_shown_anew = !levels.is_empty() || !listed.is_empty() || !said.is_empty();
        if !said.is_empty() {
            self.merchant.update(|merchant| {
                said.into_iter().for_each(|change| hear(merchant, change));
            });
        }
        if !levels.is_empty() {
            self.levels.book(levels);
        }
        if !orders.is_empty() {
            self.orders.put(orders, |sku| self.levels.own(sku));
        }
        if !listed.is_empty() {
            self.catalog.update(|catalog| {
                listed.into_iter().for_each(|change| take_in(catalog, change));
            });
        }
        is_shown_anew
    }

    /// The number of the newest durable event; changes after the models have taken it in.
    pub fn last_seq(&self) -> watch::Receiver<Seq> {
        self.last_seq.subscribe()
    }

    /// Every SKU that is sold or was ever counted in, in order.
    pub fn skus(&self) -> Arc<[Sku]> {
        self.skus.of(self.catalog.load(), self.levels.skus())
    }

    /// A consistent view of the store, for what is not offered here.
    pub fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.store.snapshot()
    }

    /// An order with the version of its row.
    pub fn order(&self, id: OrderId) -> Result<Option<(u64, Order)>, StoreError> {
        self.store.snapshot()?.load(&EntityKey::Order(id))
    }

    /// A cart as it is on disk, with the version of its row.
    pub fn cart(&self, id: CartId) -> Result<Option<(u64, Cart)>, StoreError> {
        self.store.snapshot()?.load(&EntityKey::Cart(id))
    }

    /// How many events an order has, and a page of them, oldest first.
    pub fn order_events(&self, id: OrderId, page: Page) -> Result<(usize, Vec<Event>), StoreError> {
        self.history(&EntityKey::Order(id), storage::Direction::Forward, page)
    }

    /// The newest events of a cart, the last one first.
    pub fn cart_history(&self, id: CartId, most: usize) -> Result<Vec<Event>, StoreError> {
        let newest = Page { offset: 0, limit: most };
        let (_, events) =
            self.history(&EntityKey::Cart(id), storage::Direction::Backward, newest)?;
        Ok(events)
    }

    /// How many events moved or changed a SKU, and a page of them, newest first.
    pub fn movements(&self, sku: &Sku, page: Page) -> Result<(usize, Vec<Event>), StoreError> {
        self.history(&EntityKey::Sku(sku.clone()), storage::Direction::Backward, page)
    }

    /// Up to `limit` events after `after`, in order.
    pub fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.store.snapshot()?.events_after(after, limit)
    }

    /// As [`Reads::events_after`], of what the models have taken in: for whoever looks into both. The
    /// store may be ahead of the models, and a product that is not there yet would look like one
    /// that is gone.
    pub fn events_taken_in(&self, after: Seq, limit: usize) -> Result<Vec<Event>, StoreError> {
        let last = *self.last_seq.borrow();
        let mut events = self.events_after(after, limit)?;
        events.truncate(events.partition_point(|event| event.seq <= last));
        Ok(events)
    }

    fn history(
        &self,
        key: &EntityKey,
        direction: storage::Direction,
        page: Page,
    ) -> Result<(usize, Vec<Event>), StoreError> {
        let snapshot = self.store.snapshot()?;
        let total = snapshot.count_events_of(key)? as usize;
        Ok((total, snapshot.events_of(key, direction, page.offset, page.limit)?))
    }
}

fn hear(merchant: &mut Merchant, change: Change) {
    match change {
        (_, Some((version, Row::Settings(saved)))) => merchant.put_settings(saved, version),
        (_, Some((version, Row::TextPage(page)))) => merchant.put_page(page, version),
        (EntityKey::TextPage(handle), None) => merchant.remove_page(&handle),
        // Settings are never removed, and nothing else comes here.
        _ => {}
    }
}

fn take_in(catalog: &mut Catalog, change: Change) {
    match change {
        (EntityKey::Product(_), Some((version, Row::Product(product)))) => {
            catalog.put_product(&product, version);
        }
        (EntityKey::Product(id), None) => catalog.remove_product(&id),
        (EntityKey::Category(_), Some((version, Row::Category(category)))) => {
            catalog.put_category(category, version);
        }
        (EntityKey::Category(handle), None) => catalog.remove_category(&handle),
        (EntityKey::Collection(_), Some((version, Row::Collection(collection)))) => {
            catalog.put_collection(collection, version);
        }
        (EntityKey::Collection(handle), None) => catalog.remove_collection(&handle),
        // Carts, accounts and mails have no model; orders, levels and what the merchant says have
        // their own.
        (
            EntityKey::Product(_)
            | EntityKey::Category(_)
            | EntityKey::Collection(_)
            | EntityKey::Order(_)
            | EntityKey::Sku(_)
            | EntityKey::Cart(_)
            | EntityKey::Staff(_)
            | EntityKey::Customer(_)
            | EntityKey::Mail(_)
            | EntityKey::Settings
            | EntityKey::TextPage(_),
            _,
        ) => {}
    }
}

/// The rows of a batch that models are made of, as they are on disk now.
fn written(batch: &Batch) -> impl Iterator<Item = Change> {
    batch.written().filter_map(|(key, row)| {
        let Some((version, record)) = row else { return Some((key.clone(), None)) };
        if let Some(order) = placed(batch, key, version) {
            return Some((key.clone(), Some((version, Row::Order(order)))));
        }
        match decode(key, record) {
            Ok(row) => Some((key.clone(), Some((version, row?)))),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(entity = %key, error, "a row that was just written cannot be read");
                None
            }
        }
    })
}

/// An order that is new with this batch: its row is what the batch's own facts make of nothing
/// (invariant I6). Decoding the row instead was a twelfth of the writer's time.
fn placed(batch: &Batch, key: &EntityKey, version: u64) -> Option<Order> {
    let EntityKey::Order(id) = key else { return None };
    if version != 1 {
        return None;
    }
    let events = batch.facts().filter_map(|logged| match &logged.fact {
        Fact::Order(own, event) if own == id => Some(event),
        _ => None,
    });
    events.fold(None, Order::apply)
}

/// `None` for entities that no model is made of.
fn decode(key: &EntityKey, record: &[u8]) -> Result<Option<Row>, CodecError> {
    Ok(Some(match key {
        EntityKey::Product(_) => Row::Product(Product::from_bytes(record)?),
        EntityKey::Category(_) => Row::Category(Category::from_bytes(record)?),
        EntityKey::Collection(_) => Row::Collection(Collection::from_bytes(record)?),
        EntityKey::Order(_) => Row::Order(Order::from_bytes(record)?),
        EntityKey::Sku(_) => Row::Level(Level::from_bytes(record)?),
        EntityKey::Settings => Row::Settings(SavedSettings::from_bytes(record)?),
        EntityKey::TextPage(_) => Row::TextPage(TextPage::from_bytes(record)?),
        EntityKey::Cart(_) | EntityKey::Staff(_) | EntityKey::Customer(_) | EntityKey::Mail(_) => {
            return Ok(None);
        }
    }))
}

/// One entity as it is on disk; `None` for those that no model is made of.
fn stored(snapshot: &dyn Snapshot, key: EntityKey) -> Result<Option<Change>, StoreError> {
    fn row<T: Stored>(
        snapshot: &dyn Snapshot,
        key: &EntityKey,
        make: impl Fn(T) -> Row,
    ) -> Result<Option<(u64, Row)>, StoreError> {
        Ok(snapshot.load(key)?.map(|(version, row)| (version, make(row))))
    }
    let row = match &key {
        EntityKey::Product(_) => row(snapshot, &key, Row::Product)?,
        EntityKey::Category(_) => row(snapshot, &key, Row::Category)?,
        EntityKey::Collection(_) => row(snapshot, &key, Row::Collection)?,
        EntityKey::Order(_) => row(snapshot, &key, Row::Order)?,
        EntityKey::Sku(_) => row(snapshot, &key, Row::Level)?,
        EntityKey::Settings => row(snapshot, &key, Row::Settings)?,
        EntityKey::TextPage(_) => row(snapshot, &key, Row::TextPage)?,
        EntityKey::Cart(_) | EntityKey::Staff(_) | EntityKey::Customer(_) | EntityKey::Mail(_) => {
            return Ok(None);
        }
    };
    Ok(Some((key, row)))
}

#[cfg(test)]
mod tests;
