//! Products in and out as Shopify's CSV, and the cleaning of merchants' HTML and Markdown.
//!
//! [`ProductReader`] turns a file into whole products or errors with line numbers, one product in
//! memory at a time; [`ProductWriter`] writes products so that the reader, and Shopify, take them
//! back. Nothing here knows what the shop already sells: whether a handle or a SKU is taken, and
//! what an import changes, is for the catalog's owner to say.

mod cells;
mod columns;
mod draft;
mod html;
mod markdown;
mod reader;
mod rows;
mod sku;
mod writer;

pub use html::{sanitize, to_text};
pub use markdown::markdown_to_html;
pub use reader::{ProductReader, Progress};
pub use sku::sku_for;
pub use writer::{ExportError, ExportedStock, ProductWriter};

use crate::domain::Sku;
use crate::domain::catalog::ProductContent;

/// A product as a file describes it; its content passes [`ProductContent::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedProduct {
    /// The physical line in the file where the product begins, from 1.
    pub line: u64,
    pub content: ProductContent,
    /// One for each variant, in the same order.
    pub stock: Vec<ImportedStock>,
}

/// What a file says about the stock of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedStock {
    pub sku: Sku,
    /// Units available to sell; `None` where the file leaves it open.
    pub quantity: Option<u32>,
    pub backorder: bool,
}

/// One fault in a file. Its product is left out whole; the file goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}{column}: {detail}", if .column.is_empty() { "" } else { ", " })]
pub struct RowError {
    /// The physical line in the file where the row begins, from 1.
    pub line: u64,
    /// The column's name in the file; empty where the row as a whole is at fault.
    pub column: String,
    pub detail: String,
}

#[cfg(test)]
mod tests;
