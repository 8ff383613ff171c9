//! Imports of product files: read in the background, taken over by the owner in chunks.
//!
//! A product is known by its handle. What a file says already is so is left alone, down to the
//! units available, so the same file once more changes nothing, and a broken import is mended by
//! running it again. One import runs at a time and a few wait; whoever comes after that is told
//! to come back.

use super::draft::{ChangedProduct, Draft, Effect, NewProduct, StockInput};
use super::rejection::CatalogRejection;
use super::{CatalogDesk, OwnerParts};
use crate::actors::ask::Refusal;
use crate::actors::clock::{Clock, Ids};
use crate::actors::desk::Desk;
use crate::actors::reads::{Catalog, Reads};
use crate::domain::stock::{StockCommand, StockRejection};
use crate::domain::{Currency, ImportId};
use crate::imports::{ImportedProduct, ProductReader, Progress, RowError};
use futures_util::future::join_all;
use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc};

/// The most products that the owner takes over in one batch.
pub const LARGEST_CHUNK: usize = 200;
/// Bytes of descriptions after which a chunk is closed early.
const LARGEST_TEXT: usize = 4 << 20;
/// Chunks that are read ahead of the owner.
const READ_AHEAD: usize = 2;
/// Imports that run or wait.
const MOST_UNDER_WAY: usize = 9;
/// Errors that a report keeps; later ones are counted.
const MOST_ERRORS: usize = 1_000;
/// Reports that are kept for whoever asks; the oldest goes first.
const MOST_REPORTS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Of all prices in the file.
    pub currency: Currency,
    /// Says what would happen, and does none of it.
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    Running,
    Completed,
    Failed,
}

/// How far an import is, or what came of it. Products are counted, and rows of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    pub id: ImportId,
    pub status: ImportStatus,
    pub rows: u64,
    pub bytes: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub failed: u64,
    /// The first of them.
    pub errors: Vec<ImportError>,
}

/// One fault in a file, or why a product was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    pub line: u64,
    /// Empty where the row as a whole is at fault.
    pub column: String,
    pub detail: String,
}

/// As many imports as may be are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many imports are waiting; come back when one has ended")]
pub struct ImportsFull;

/// What became of one product of a chunk.
#[derive(Clone, Debug)]
pub struct Imported {
    pub line: u64,
    pub result: Result<Effect, CatalogRejection>,
    /// What is left to ask of SKUs that have an actor of their own.
    pub set_stock: Vec<StockInput>,
}

impl Draft<'_> {
    /// Takes over products of a file, each by itself: one that is refused leaves no trace.
    pub fn import(&mut self, products: Vec<ImportedProduct>) -> Vec<Imported> {
        let mut seen = HashSet::new();
        let mut done = Vec::with_capacity(products.len());
        for product in products.into_iter().take(LARGEST_CHUNK) {
            let line = product.line;
            let imported = match self.import_one(product, &mut seen) {
                Ok((effect, set_stock)) => Imported { line, result: Ok(effect), set_stock },
                Err(rejection) => Imported { line, result: Err(rejection), set_stock: vec![] },
            };
            done.push(imported);
        }
        done
    }

    fn import_one(
        &mut self,
        product: ImportedProduct,
        seen: &mut HashSet<String>,
    ) -> Result<(Effect, Vec<StockInput>), CatalogRejection> {
        let ImportedProduct { content, stock, .. } = product;
        let handle = content.handle.clone();
        let input = |own: crate::imports::ImportedStock| StockInput {
            sku: own.sku,
            available: own.quantity,
            backorder: Some(own.backorder),
            low_stock_at: None,
        };
        let stock = stock.into_iter().map(input).collect();
        let existing = self.catalog.by_handle(&handle).map(|listed| listed.id.clone());
        let outcome = match existing {
            // A batch writes each row once, so a handle's second turn must wait for the next file.
            Some(by) if seen.contains(&handle) => {
                return Err(CatalogRejection::HandleTaken { handle, by });
            }
            Some(id) => self.update(ChangedProduct { id, expected: None, content, stock })?,
            None => self.create(NewProduct { id: None, content, sku_from_handle: false, stock })?,
        };
        seen.insert(handle);
        let effect = match outcome.effect {
            Effect::Unchanged if !outcome.set_stock.is_empty() => Effect::Updated,
            effect => effect,
        };
        Ok((effect, outcome.set_stock))
    }
}

/// Runs imports and knows how far each is. Cheap to clone.
#[derive(Clone)]
pub struct Imports {
    inner: Arc<Inner>,
}

struct Inner {
    owner: CatalogDesk,
    desk: Desk,
    reads: Arc<Reads>,
    clock: Arc<dyn Clock>,
    ids: Ids,
    one_at_a_time: Semaphore,
    reports: Mutex<VecDeque<ImportReport>>,
}

/// What the reader's thread passes on.
struct Part {
    products: Vec<ImportedProduct>,
    errors: Vec<RowError>,
    progress: Progress,
}

impl Imports {
    pub(crate) fn new(owner: CatalogDesk, desk: Desk, parts: &OwnerParts) -> Imports {
        let OwnerParts { reads, clock, ids, .. } = parts.clone();
        let one_at_a_time = Semaphore::new(1);
        let reports = Mutex::default();
        Imports {
            inner: Arc::new(Inner { owner, desk, reads, clock, ids, one_at_a_time, reports }),
        }
    }

    /// Starts an import in the background, behind those that were started before it.
    pub fn start(
        &self,
        input: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> Result<ImportId, ImportsFull> {
        let id = self.inner.ids.import();
        {
            let mut reports = self.inner.reports();
            let under_way =
                reports.iter().filter(|report| report.status == ImportStatus::Running).count();
            if under_way >= MOST_UNDER_WAY {
                return Err(ImportsFull);
            }
            if reports.len() >= MOST_REPORTS {
                let ended = |report: &ImportReport| report.status != ImportStatus::Running;
                let oldest = reports.iter().position(ended);
                oldest.and_then(|oldest| reports.remove(oldest));
            }
            reports.push_back(ImportReport::new(id));
        }
        let own = self.clone();
        tokio::spawn(async move {
            let noting = own.clone();
            let task = tokio::spawn(async move {
                let note = |report: &ImportReport| noting.inner.note(report);
                noting.run_as(id, input, options, note).await;
            });
            if task.await.is_err() {
                // It panicked half-way: nobody must wait for it for ever.
                own.inner.end(id);
            }
        });
        Ok(id)
    }

    /// How far an import is; `None` for one that never was or is long over.
    pub fn report(&self, id: ImportId) -> Option<ImportReport> {
        self.inner.reports().iter().find(|report| report.id == id).cloned()
    }

    /// Runs an import to its end; `progress` hears of every chunk.
    pub async fn run(
        &self,
        input: impl Read + Send + 'static,
        options: ImportOptions,
        progress: impl FnMut(&ImportReport),
    ) -> ImportReport {
        self.run_as(self.inner.ids.import(), input, options, progress).await
    }

    async fn run_as(
        &self,
        id: ImportId,
        input: impl Read + Send + 'static,
        options: ImportOptions,
        mut progress: impl FnMut(&ImportReport),
    ) -> ImportReport {
        let _turn = self.inner.one_at_a_time.acquire().await;
        let mut report = ImportReport::new(id);
        let (sender, mut parts) = mpsc::channel(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || read(input, options.currency, &sender));
        let mut dry = options.dry_run.then(|| self.inner.reads.catalog.load());
        let mut failed_before = 0;
        while let Some(part) = parts.recv().await {
            report.take_in(&part, &mut failed_before);
            let lines: Vec<u64> = part.products.iter().map(|product| product.line).collect();
            let imported = match dry.take() {
                Some(catalog) => {
                    let own = Arc::clone(&self.inner);
                    let trial = move || own.try_out(&catalog, part.products);
                    match tokio::task::spawn_blocking(trial).await {
                        Ok((catalog, imported)) => {
                            dry = Some(Arc::new(catalog));
                            Ok(imported)
                        }
                        Err(_) => Err(Refusal::Unavailable),
                    }
                }
                None => self.inner.owner.import_chunk(part.products).await.map(|done| done.value),
            };
            match imported {
                Ok(imported) => {
                    let refused = match options.dry_run {
                        true => vec![],
                        false => self.inner.set_stock(&imported).await,
                    };
                    report.count(&imported, refused);
                }
                Err(refusal) => {
                    // Running it again goes on where this one stopped.
                    let line = lines.first().copied().unwrap_or_default();
                    report.error(line, String::new(), format!("stopped here: {refusal}"));
                    report.status = ImportStatus::Failed;
                    break;
                }
            }
            progress(&report);
        }
        // Without its receiver the reader ends too.
        drop(parts);
        let read_whole = reading.await.is_ok();
        if report.status == ImportStatus::Running {
            let nothing_in_it = report.rows == 0 && !report.errors.is_empty();
            report.status = match read_whole && !nothing_in_it {
                true => ImportStatus::Completed,
                false => ImportStatus::Failed,
            };
        }
        progress(&report);
        report
    }
}

/// Reads the file part by part, until its end or until nobody listens any more.
fn read(input: impl Read, currency: Currency, parts: &mpsc::Sender<Part>) {
    let mut reader = ProductReader::new(input, currency);
    let (mut products, mut errors, mut text) = (Vec::new(), Vec::new(), 0);
    loop {
        let next = reader.next();
        let ended = next.is_none();
        match next {
            Some(Ok(product)) => {
                text += product.content.description.len();
                products.push(product);
            }
            Some(Err(error)) => errors.push(error),
            None => {}
        }
        let full =
            products.len() >= LARGEST_CHUNK || errors.len() >= MOST_ERRORS || text >= LARGEST_TEXT;
        if ended || full {
            let progress = reader.progress();
            let (products, errors) = (std::mem::take(&mut products), std::mem::take(&mut errors));
            text = 0;
            if parts.blocking_send(Part { products, errors, progress }).is_err() || ended {
                return;
            }
        }
    }
}

impl Inner {
    fn reports(&self) -> MutexGuard<'_, VecDeque<ImportReport>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, report: &ImportReport) {
        if let Some(own) = self.reports().iter_mut().find(|own| own.id == report.id) {
            own.clone_from(report);
        }
    }

    fn end(&self, id: ImportId) {
        if let Some(own) = self.reports().iter_mut().find(|own| own.id == id) {
            own.status = ImportStatus::Failed;
        }
    }

    /// What the owner would do, and the catalog as it would be.
    fn try_out(
        &self,
        catalog: &Catalog,
        products: Vec<ImportedProduct>,
    ) -> (Catalog, Vec<Imported>) {
        let mut draft = Draft::new(catalog, &self.reads.levels, &self.ids, self.clock.now());
        let imported = draft.import(products);
        (draft.catalog, imported)
    }

    /// Asks the SKUs all at once, so that their batches share commits. Gives the lines of those
    /// that said no, and why.
    async fn set_stock(&self, imported: &[Imported]) -> Vec<(u64, String)> {
        let all = imported.iter().flat_map(|one| {
            one.set_stock.iter().map(|input| async {
                let done = set_stock(&self.desk, input.clone(), "import").await;
                done.err().map(|refusal| (one.line, format!("stock of {}: {refusal}", input.sku)))
            })
        });
        join_all(all).await.into_iter().flatten().collect()
    }
}

/// Has a SKU's own actor bring its stock to what was asked for.
pub async fn set_stock(
    desk: &Desk,
    input: StockInput,
    reason: &str,
) -> Result<(), Refusal<StockRejection>> {
    let StockInput { sku, available, backorder, low_stock_at } = input;
    let configure = StockCommand::Configure { backorder, low_stock_at };
    let configure = (backorder.is_some() || low_stock_at.is_some()).then_some(configure);
    let count =
        available.map(|units| StockCommand::SetAvailable { units, reason: reason.to_owned() });
    // Backorder ends after the units that make up for it have come in.
    for command in [count, configure].into_iter().flatten() {
        desk.stock(sku.clone(), command, None).await?;
    }
    Ok(())
}

impl ImportReport {
    fn new(id: ImportId) -> ImportReport {
        ImportReport {
            id,
            status: ImportStatus::Running,
            rows: 0,
            bytes: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
            failed: 0,
            errors: Vec::new(),
        }
    }

    /// Notes how far the file was read; `failed_before` is how many products it had left out.
    fn take_in(&mut self, part: &Part, failed_before: &mut u64) {
        self.rows = part.progress.rows;
        self.bytes = part.progress.bytes;
        self.failed += part.progress.failed - *failed_before;
        *failed_before = part.progress.failed;
        for error in &part.errors {
            self.error(error.line, error.column.clone(), error.detail.clone());
        }
    }

    fn count(&mut self, imported: &[Imported], stock_refused: Vec<(u64, String)>) {
        for one in imported {
            match &one.result {
                Ok(Effect::Created) => self.created += 1,
                Ok(Effect::Updated | Effect::Archived) => self.updated += 1,
                Ok(Effect::Unchanged) => self.unchanged += 1,
                Err(rejection) => {
                    self.failed += 1;
                    self.error(one.line, String::new(), rejection.to_string());
                }
            }
        }
        for (line, detail) in stock_refused {
            self.error(line, String::new(), detail);
        }
    }

    fn error(&mut self, line: u64, column: String, detail: String) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(ImportError { line, column, detail });
        }
    }
}
