//! Why the catalog's owner says no.

use crate::domain::catalog::ProductRejection;
use crate::domain::{ProductId, Sku};

/// Every reason, with what the client needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogRejection {
    #[error(transparent)]
    Product(#[from] ProductRejection),
    /// `If-Match` named another version than the one that is there.
    #[error("it was changed meanwhile: it is at version {found}, not at {expected}")]
    Changed { expected: u64, found: u64 },
    #[error("the handle {handle:?} belongs to {by}")]
    HandleTaken { handle: String, by: ProductId },
    #[error("the SKU {sku} belongs to {by}")]
    SkuTaken { sku: Sku, by: ProductId },
    #[error("there is no category {handle:?}")]
    NoSuchCategory { handle: String },
    #[error("there is a category {handle:?} already")]
    CategoryExists { handle: String },
    /// Products name their category by its name, so no two may share one.
    #[error("the category {handle:?} is called {name:?} already")]
    CategoryNameTaken { name: String, handle: String },
    #[error("there is no category {parent:?} to put it under")]
    NoSuchParent { parent: String },
    #[error("a category cannot be below itself")]
    ParentCycle,
    #[error("the category is in use: {products} products and {children} categories are in it")]
    CategoryInUse { products: usize, children: usize },
    #[error("there is no collection {handle:?}")]
    NoSuchCollection { handle: String },
    #[error("there is a collection {handle:?} already")]
    CollectionExists { handle: String },
    #[error("there is no product {id} to put into the collection")]
    NoSuchMember { id: ProductId },
}
