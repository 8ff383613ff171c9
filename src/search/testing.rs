//! Products and searches for the tests of this module.

use super::*;
use crate::domain::catalog::tests::content;
use crate::domain::catalog::{Product, ProductContent};
use crate::domain::{Seq, Timestamp};

/// A product that differs from the others in its id and in what `change` makes of it.
pub(super) fn product(number: usize, change: impl FnOnce(&mut ProductContent)) -> Product {
    let mut content = content(&format!("p-{number}"), &format!("SKU-{number}"), 1_000);
    change(&mut content);
    let at = Timestamp::from_millis(number as i64);
    Product { id: id(number), content, former_handles: vec![], created_at: at, updated_at: at }
}

pub(super) fn id(number: usize) -> crate::domain::ProductId {
    format!("prod-{number:04}").parse().unwrap()
}

pub(super) fn named(number: usize, name: &str) -> Product {
    product(number, |content| content.name = name.into())
}

/// An index in memory of these products, all in stock.
#[track_caller]
pub(super) fn index_of(products: &[Product]) -> (Searcher, Indexer) {
    let (searcher, mut indexer) = open_in_memory().unwrap();
    put_all(&mut indexer, products);
    indexer.commit(Seq(1)).unwrap();
    (searcher, indexer)
}

#[track_caller]
pub(super) fn put_all(indexer: &mut Indexer, products: &[Product]) {
    for product in products {
        indexer.put(product, Standing { in_stock: true, sold: 0 }).unwrap();
    }
}

/// Products with these names, numbered from 0.
#[track_caller]
pub(super) fn shop(names: &[&str]) -> Searcher {
    let products: Vec<Product> = names.iter().enumerate().map(|(i, name)| named(i, name)).collect();
    index_of(&products).0
}

pub(super) fn asking(text: &str) -> SearchQuery {
    SearchQuery { text: text.into(), limit: 100, facets: true, ..SearchQuery::default() }
}

/// The numbers of the products found, in order.
#[track_caller]
pub(super) fn numbers(page: &SearchPage) -> Vec<usize> {
    let number =
        |id: &crate::domain::ProductId| id.as_str().trim_start_matches("prod-").parse().unwrap();
    page.hits.iter().map(number).collect()
}

#[track_caller]
pub(super) fn find(searcher: &Searcher, query: &SearchQuery) -> Vec<usize> {
    numbers(&searcher.search(query).unwrap())
}
