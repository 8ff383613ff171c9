//! Keeps the search index abreast of the log.
//!
//! Its cursor is in the index's own commit, so index and cursor cannot disagree; an index that is
//! missing or damaged starts at zero and is filled from the catalog at once. A product is indexed
//! anew when it changes, and when it sells out or comes back.

use super::super::engine::Service;
use super::super::pools::{Pools, Worker};
use super::super::reads::Reads;
use crate::domain::catalog::Product;
use crate::domain::event::{Event, Fact};
use crate::domain::{ProductId, Seq};
use crate::search::{self, Indexer, SearchError, Searcher, Standing};
use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many events are read at once.
const PAGE: usize = 2_000;

/// The least time between two commits of the index: each costs an fsync or two.
const PAUSE: Duration = Duration::from_millis(150);

/// After how many events the cursor is moved on although nothing had to be indexed.
const STRIDE: u64 = 20_000;

enum SearchMessage {
    /// The log has grown, or may have.
    Look,
}

struct SearchConsumer;

#[derive(Clone)]
struct SearchParts {
    pub reads: Arc<Reads>,
    pub indexer: Worker<Keeper>,
    pub indexed: Indexed,
}

/// How far the index is: the last event that was looked at. Cheap to clone.
#[derive(Clone, Default)]
pub struct Indexed(Arc<AtomicU64>);

impl Indexed {
    pub fn last(&self) -> Seq {
        Seq(self.0.load(Ordering::Relaxed))
    }

    fn reached(&self, seq: Seq) {
        self.0.store(seq.0, Ordering::Relaxed);
    }
}

struct SearchState {
    parts: SearchParts,
    /// The last event that was looked at.
    seen: Seq,
    /// The last event that the index's cursor stands for.
    committed: Seq,
    /// Whether each product was in stock when it was last indexed by this run.
    in_stock: HashMap<ProductId, bool>,
}

impl Actor for SearchConsumer {
    type Msg = SearchMessage;
    type State = SearchState;
    type Arguments = SearchParts;

    async fn pre_start(
        &self,
        myself: ActorRef<SearchMessage>,
        parts: SearchParts,
    ) -> Result<SearchState, ActorProcessingErr> {
        let cursor =
            parts.indexer.run(|keeper| keeper.run(|indexer| Ok(indexer.cursor()))).await??;
        let mut news = parts.reads.last_seq();
        let mut state =
            SearchState { parts, seen: cursor, committed: cursor, in_stock: HashMap::new() };
        let last = *news.borrow_and_update();
        if cursor == Seq(0) || cursor > last {
            // New, or made for another log: filled from what stands in the catalog now.
            state.fill(last).await?;
        }
        state.parts.indexed.reached(state.seen);
        myself.cast(SearchMessage::Look)?;
        let mailbox = myself.clone();
        tokio::spawn(async move {
            while news.changed().await.is_ok() && mailbox.cast(SearchMessage::Look).is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SearchMessage>,
        _look: SearchMessage,
        state: &mut SearchState,
    ) -> Result<(), ActorProcessingErr> {
        loop {
            let events = state.parts.reads.events_taken_in(state.seen, PAGE)?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            let changed = state.changed(&events);
            if !changed.is_empty() || last.0 - state.committed.0 >= STRIDE {
                state.index(changed, last).await?;
            }
            state.seen = last;
            state.parts.indexed.reached(last);
        }
    }
}

impl SearchState {
    /// Which products must be indexed anew because of these events.
    fn changed(&self, events: &[Event]) -> HashSet<ProductId> {
        let catalog = self.parts.reads.catalog.load();
        let mut changed = HashSet::new();
        for event in events {
            if let Fact::Product(id, _) = &event.fact {
                changed.insert(id.clone());
            }
            for movement in &event.movements {
                if let Some((listed, _)) = catalog.variant(&movement.sku) {
                    let now = listed.in_stock(&self.parts.reads.levels);
                    if self.in_stock.get(&listed.id) != Some(&now) {
                        changed.insert(listed.id.clone());
                    }
                }
            }
        }
        changed
    }

    async fn index(
        &mut self,
        changed: HashSet<ProductId>,
        upto: Seq,
    ) -> Result<(), ActorProcessingErr> {
        let catalog = self.parts.reads.catalog.load();
        let mut puts: Vec<(Product, Standing)> = Vec::new();
        let mut removals = Vec::new();
        for id in changed {
            match catalog.product(&id) {
                Some(listed) => {
                    let standing = self.standing(listed);
                    self.in_stock.insert(id, standing.in_stock);
                    puts.push((listed.product(), standing));
                }
                None => removals.push(id),
            }
        }
        self.write(puts, removals, upto).await
    }

    async fn fill(&mut self, upto: Seq) -> Result<(), ActorProcessingErr> {
        self.parts.indexer.run(|keeper| keeper.run(Indexer::clear)).await??;
        let products = self.parts.reads.catalog.load().products();
        for some in products.chunks(PAGE) {
            let puts = some.iter().map(|listed| (listed.product(), self.standing(listed)));
            let puts: Vec<(Product, Standing)> = puts.collect();
            for (product, standing) in &puts {
                self.in_stock.insert(product.id.clone(), standing.in_stock);
            }
            self.write(puts, vec![], Seq(0)).await?;
        }
        self.write(vec![], vec![], upto).await?;
        self.seen = upto;
        Ok(())
    }

    fn standing(&self, listed: &super::super::reads::Listed) -> Standing {
        let levels = &self.parts.reads.levels;
        Standing { in_stock: listed.in_stock(levels), sold: listed.sold(levels) }
    }

    /// Changes the index; with a cursor above zero, commits it so that searches see it.
    async fn write(
        &mut self,
        puts: Vec<(Product, Standing)>,
        removals: Vec<ProductId>,
        upto: Seq,
    ) -> Result<(), ActorProcessingErr> {
        let write = move |indexer: &mut Indexer| {
            for (product, standing) in &puts {
                indexer.put(product, *standing)?;
            }
            removals.iter().for_each(|id| indexer.remove(id));
            if upto > Seq(0) { indexer.commit(upto) } else { Ok(()) }
        };
        let written = self.parts.indexer.run(move |keeper| keeper.run(write));
        written.await??;
        self.committed = self.committed.max(upto);
        Ok(())
    }
}

/// Opens the index.
type Open = dyn Fn() -> Result<(Searcher, Indexer), SearchError> + Send + Sync;

/// The index's writer, or none after an error: that may have cost it what was not committed, and what
/// it would commit next would be said to be whole. Opened again, it goes on from its cursor.
struct Keeper {
    indexer: Option<Indexer>,
    open: Arc<Open>,
    cell: Arc<SearchCell>,
}

impl Keeper {
    fn run<R>(
        &mut self,
        work: impl FnOnce(&mut Indexer) -> Result<R, SearchError>,
    ) -> Result<R, SearchError> {
        let indexer = match &mut self.indexer {
            Some(indexer) => indexer,
            None => {
                let (searcher, indexer) = (self.open)()?;
                self.cell.store(Arc::new(searcher));
                self.indexer.insert(indexer)
            }
        };
        let done = work(indexer);
        if done.is_err() {
            self.indexer = None;
        }
        done
    }
}

/// The searcher of the index as it was last opened.
pub type SearchCell = ArcSwap<Searcher>;

/// Opens the index in `folder` (or one in memory) and gives its searcher, how far it is, and its
/// consumer.
pub fn search_service(
    pools: &mut Pools,
    reads: Arc<Reads>,
    folder: Option<PathBuf>,
) -> Result<(Arc<SearchCell>, Indexed, Service), SearchError> {
    let open: Arc<Open> = Arc::new(move || match &folder {
        Some(folder) => search::open(folder),
        None => search::open_in_memory(),
    });
    let (searcher, indexer) = open()?;
    let cell = Arc::new(SearchCell::from_pointee(searcher));
    let (first, own) = (Mutex::new(Some(indexer)), Arc::clone(&cell));
    let make = move || {
        // There is none after a panic, as after an error.
        let indexer = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Keeper { indexer, open: Arc::clone(&open), cell: Arc::clone(&own) })
    };
    let indexer = pools.worker("indexer", 4, make).map_err(SearchError::Thread)?;
    let indexed = Indexed::default();
    let parts = SearchParts { reads, indexer, indexed: indexed.clone() };
    let service = Service::new("search index", || SearchConsumer, parts, |_| {});
    Ok((cell, indexed, service))
}
