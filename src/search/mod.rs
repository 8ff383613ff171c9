//! Search: an index of the public products, fed from the log and asked by shoppers.
//!
//! One [`Indexer`] writes, any number of [`Searcher`]s read what it has committed. The index is
//! derived: it can be deleted at any time, and [`open`] then makes a new one whose cursor says that
//! the log is to be read from the beginning. Reading the log, and knowing what is in stock, is not
//! done here.
//!
//! The way of a search: `text` folds it to words, `matching` makes a query of them (`spelling` the
//! second try), `scan` goes once over all that matches: `filter` judges each row on its columns,
//! `facets` counts, `ranking` keeps the page.

mod document;
mod facets;
mod filter;
mod indexer;
mod inspect;
mod matching;
mod query;
mod ranking;
mod scan;
mod schema;
mod searcher;
mod spelling;
mod suggest;
#[cfg(test)]
mod testing;
mod text;

pub use document::Standing;
pub use indexer::{Indexer, open, open_in_memory};
pub use inspect::{Inspected, inspect};
pub use query::{
    Correction, Direction, Facets, MOST_NAMES, MOST_VALUES, PriceBucket, SearchPage, SearchQuery,
    Sort, SortBy,
};
pub use searcher::Searcher;
pub use suggest::{Kind, Suggestion};

use crate::domain::ids::IdError;
use std::io;
use std::path::PathBuf;
use tantivy::TantivyError;

/// Why the index could not be opened, written or read. What a shopper typed is never a reason.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("the index's thread cannot be started")]
    Thread(#[source] io::Error),
    #[error("the search index in {dir} is in use by another process", dir = dir.display())]
    InUse { dir: PathBuf },
    #[error("the directory of the search index, {dir}, cannot be used", dir = dir.display())]
    Directory {
        dir: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("the search index failed")]
    Index(#[from] TantivyError),
    #[error("the search index could not be read")]
    Read(#[from] io::Error),
    #[error("the search index holds a product with an impossible id")]
    Id(#[from] IdError),
}
