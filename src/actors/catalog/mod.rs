//! The catalog's owner: the one writer of products, categories and collections.
//!
//! It takes one command at a time, decides on the committed catalog, hands over one batch and waits
//! until that is durable; so names are unique without a lock, and the next decision sees the last.
//! It is a service and may wait: the catalog changes a thousand times less often than carts do.
//! Stock is counted by each SKU's own actor; only the first entries of a SKU that never had any
//! stock are made here, in the batch that makes its variant.

mod draft;
mod grouping;
mod import;
mod rejection;

pub use draft::{ChangedProduct, Effect, NewProduct, ProductOutcome, StockInput};
pub use grouping::{CategoryInput, CategoryOutcome, CollectionInput, CollectionOutcome, Saving};
pub use import::{
    ImportError, ImportOptions, ImportReport, ImportStatus, Imported, Imports, ImportsFull,
    LARGEST_CHUNK, set_stock,
};
pub use rejection::CatalogRejection;

use super::address::Address;
use super::ask::{Ask, AskResult, Keyed, Refusal, Reply};
use super::clock::{Clock, Ids};
use super::engine::Service;
use super::reads::Reads;
use super::settle::Ticket;
use crate::domain::ProductId;
use crate::storage::{Batch, Committer};
use draft::Draft;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The question and who asks it.
type To<V> = Ask<V, CatalogRejection>;

/// All that the owner is ever asked.
pub enum CatalogMessage {
    CreateProduct(Box<NewProduct>, To<ProductOutcome>),
    UpdateProduct(Box<ChangedProduct>, To<ProductOutcome>),
    ArchiveProduct {
        id: ProductId,
        expected: Option<u64>,
        ask: To<ProductOutcome>,
    },
    SaveCategory(Saving, CategoryInput, To<CategoryOutcome>),
    DeleteCategory {
        handle: String,
        expected: Option<u64>,
        ask: To<()>,
    },
    SaveCollection(Saving, CollectionInput, To<CollectionOutcome>),
    DeleteCollection {
        handle: String,
        expected: Option<u64>,
        ask: To<()>,
    },
    /// At most [`LARGEST_CHUNK`] products, in one batch.
    ImportChunk(Vec<crate::imports::ImportedProduct>, To<Vec<Imported>>),
}

/// What the owner works with.
#[derive(Clone)]
pub(crate) struct OwnerParts {
    pub reads: Arc<Reads>,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub committer: Committer<Ticket>,
}

/// The actor. Its state is all in the store; a restarted one goes on where the last one was.
pub(super) struct CatalogOwner;

impl Actor for CatalogOwner {
    type Msg = CatalogMessage;
    type State = OwnerParts;
    type Arguments = OwnerParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<CatalogMessage>,
        parts: OwnerParts,
    ) -> Result<OwnerParts, ActorProcessingErr> {
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<CatalogMessage>,
        message: CatalogMessage,
        parts: &mut OwnerParts,
    ) -> Result<(), ActorProcessingErr> {
        // Cleaning a thousand descriptions takes its time, and belongs on no async worker.
        let own = parts.clone();
        let decided = tokio::task::spawn_blocking(move || own.decide(message)).await;
        // A decision that panicked has dropped its question, which tells the asker.
        if let Ok(Some(decided)) = decided {
            parts.write(decided).await;
        }
        Ok(())
    }
}

/// A batch, and what its asker is told when it is settled.
type Decided = (Batch, Reply);

impl OwnerParts {
    /// Decides; answers at once where nothing is to be written.
    pub(crate) fn decide(&self, message: CatalogMessage) -> Option<Decided> {
        use CatalogMessage as M;
        let catalog = self.reads.catalog.load();
        let draft = Draft::new(&catalog, &self.reads.levels, &self.ids, self.clock.now());
        match message {
            M::CreateProduct(new, ask) => answer(draft, ask, |draft| draft.create(*new)),
            M::UpdateProduct(new, ask) => answer(draft, ask, |draft| draft.update(*new)),
            M::ArchiveProduct { id, expected, ask } => {
                answer(draft, ask, |draft| draft.archive(&id, expected))
            }
            M::SaveCategory(saving, input, ask) => {
                answer(draft, ask, |draft| draft.save_category(saving, input))
            }
            M::DeleteCategory { handle, expected, ask } => {
                answer(draft, ask, |draft| draft.delete_category(&handle, expected))
            }
            M::SaveCollection(saving, input, ask) => {
                answer(draft, ask, |draft| draft.save_collection(saving, input))
            }
            M::DeleteCollection { handle, expected, ask } => {
                answer(draft, ask, |draft| draft.delete_collection(&handle, expected))
            }
            M::ImportChunk(products, ask) => answer(draft, ask, |draft| Ok(draft.import(products))),
        }
    }

    /// Hands over what was decided; returns when it is settled.
    pub(crate) async fn write(&self, (batch, reply): Decided) {
        let (settled, waiting) = oneshot::channel::<()>();
        let done = Reply::new(move |_| drop(settled));
        let reply = Reply::all(vec![reply, done]).expect("two replies");
        self.committer.submit(batch, Ticket::of_service(reply));
        let _ = waiting.await;
    }
}

fn answer<V: Send + 'static>(
    mut draft: Draft<'_>,
    ask: To<V>,
    decide: impl FnOnce(&mut Draft<'_>) -> Result<V, CatalogRejection>,
) -> Option<Decided> {
    let value = match decide(&mut draft) {
        Ok(value) => value,
        Err(rejection) => {
            ask.reject(rejection);
            return None;
        }
    };
    let Draft { mut batch, now, .. } = draft;
    let reply = ask.record(value, &mut batch, now).into_reply();
    if batch.is_empty() {
        // Nothing changes, and what the answer rests on is committed.
        reply.settle(Ok(()));
        return None;
    }
    Some((batch, reply))
}

/// Where the front door asks the owner: one method per question. Cheap to clone.
#[derive(Clone)]
pub struct CatalogDesk {
    owner: Address<CatalogMessage>,
}

/// The owner as a service of the supervision tree, and the desk where it is asked.
pub(crate) fn catalog_service(parts: OwnerParts) -> (CatalogDesk, Service) {
    let owner = Address::vacant();
    let desk = CatalogDesk { owner: owner.clone() };
    let started = move |mailbox| owner.install(mailbox);
    (desk, Service::new("catalog owner", || CatalogOwner, parts, started))
}

impl CatalogDesk {
    pub async fn create_product(
        &self,
        new: NewProduct,
        keyed: Option<Keyed<ProductOutcome, CatalogRejection>>,
    ) -> AskResult<ProductOutcome, CatalogRejection> {
        self.ask(keyed, |ask| CatalogMessage::CreateProduct(Box::new(new), ask)).await
    }

    pub async fn update_product(
        &self,
        changed: ChangedProduct,
        keyed: Option<Keyed<ProductOutcome, CatalogRejection>>,
    ) -> AskResult<ProductOutcome, CatalogRejection> {
        self.ask(keyed, |ask| CatalogMessage::UpdateProduct(Box::new(changed), ask)).await
    }

    /// Archives a product; `expected` is the version that an `If-Match` names.
    pub async fn archive_product(
        &self,
        id: ProductId,
        expected: Option<u64>,
    ) -> AskResult<ProductOutcome, CatalogRejection> {
        self.ask(None, |ask| CatalogMessage::ArchiveProduct { id, expected, ask }).await
    }

    pub async fn save_category(
        &self,
        saving: Saving,
        input: CategoryInput,
        keyed: Option<Keyed<CategoryOutcome, CatalogRejection>>,
    ) -> AskResult<CategoryOutcome, CatalogRejection> {
        self.ask(keyed, |ask| CatalogMessage::SaveCategory(saving, input, ask)).await
    }

    pub async fn delete_category(
        &self,
        handle: String,
        expected: Option<u64>,
    ) -> AskResult<(), CatalogRejection> {
        self.ask(None, |ask| CatalogMessage::DeleteCategory { handle, expected, ask }).await
    }

    pub async fn save_collection(
        &self,
        saving: Saving,
        input: CollectionInput,
        keyed: Option<Keyed<CollectionOutcome, CatalogRejection>>,
    ) -> AskResult<CollectionOutcome, CatalogRejection> {
        self.ask(keyed, |ask| CatalogMessage::SaveCollection(saving, input, ask)).await
    }

    pub async fn delete_collection(
        &self,
        handle: String,
        expected: Option<u64>,
    ) -> AskResult<(), CatalogRejection> {
        self.ask(None, |ask| CatalogMessage::DeleteCollection { handle, expected, ask }).await
    }

    /// Takes over up to [`LARGEST_CHUNK`] products of a file; those beyond it have failed.
    pub async fn import_chunk(
        &self,
        products: Vec<crate::imports::ImportedProduct>,
    ) -> AskResult<Vec<Imported>, CatalogRejection> {
        self.ask(None, |ask| CatalogMessage::ImportChunk(products, ask)).await
    }

    async fn ask<V>(
        &self,
        keyed: Option<Keyed<V, CatalogRejection>>,
        message: impl FnOnce(To<V>) -> CatalogMessage,
    ) -> AskResult<V, CatalogRejection> {
        let (ask, answer) = Ask::new(keyed);
        self.owner.send(message(ask));
        answer.await.unwrap_or(Err(Refusal::Unavailable))
    }
}

#[cfg(test)]
mod tests;
