//! What can be asked of the index, and what it answers.

use crate::domain::{Currency, ProductId};

/// One search. The default asks for nothing in particular and finds every product.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// As the shopper typed it; nothing in it is an operator. Blank matches everything.
    pub text: String,
    /// Category, brand and tag match exactly, without regard to case.
    pub category: Option<String>,
    pub brand: Option<String>,
    pub tag: Option<String>,
    /// Bounds of the lowest variant price, inclusive, in minor units of the product's own currency.
    pub min_price: Option<i64>,
    pub max_price: Option<i64>,
    /// The currency that the bounds are meant in: products in another do not meet them, and are
    /// left out of the price ranges. Without it amounts are compared as they are.
    pub currency: Option<Currency>,
    pub in_stock: Option<bool>,
    /// Attributes or options by name and value, without regard to case. Values of one name are
    /// alternatives; each name must be met.
    pub attributes: Vec<(String, String)>,
    pub sort: Sort,
    pub offset: usize,
    pub limit: usize,
    /// Whether to count facets; a plain list does without.
    pub facets: bool,
}

/// The order of the hits. Ties are broken by product id, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub direction: Direction,
}

impl Default for Sort {
    /// The best first.
    fn default() -> Sort {
        Sort { by: SortBy::Relevance, direction: Direction::Descending }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// How well the text matches; without text all match alike.
    Relevance,
    /// The lowest variant price, in minor units.
    Price,
    /// Without regard to case and accents.
    Name,
    CreatedAt,
    UpdatedAt,
    Bestselling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// One page of hits and what is known about all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// How many products match, on all pages.
    pub total: u64,
    pub hits: Vec<ProductId>,
    pub facets: Facets,
    /// How words without an exact match were read; empty when all matched.
    pub corrections: Vec<Correction>,
}

/// How many products match by category, brand, price and attribute.
///
/// Each is counted without the filter on itself, so that a shopper who chose one brand sees how
/// many the others have. Values are the most frequent first, at most [`MOST_VALUES`] each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    pub category: Vec<(String, u64)>,
    pub brand: Vec<(String, u64)>,
    /// Adjacent ranges, none of them empty, that cover all prices found.
    pub price: Vec<PriceBucket>,
    /// By name, at most [`MOST_NAMES`] of them.
    pub attributes: Vec<(String, Vec<(String, u64)>)>,
}

/// How many values of one facet are given.
pub const MOST_VALUES: usize = 50;

/// How many attribute names are given.
pub const MOST_NAMES: usize = 20;

/// Prices from `from` up to but without `to`, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBucket {
    pub from: i64,
    /// `None` is without end.
    pub to: Option<i64>,
    pub count: u64,
}

/// A word that was given, folded to lower case without accents, and the known word it was read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub given: String,
    pub meant: String,
}
