//! Searches, by how many products there are.

use super::goods;
use divan::{Bencher, black_box};
use mercat::domain::Seq;
use mercat::search::{SearchQuery, Searcher, Standing, open_in_memory};
use std::sync::LazyLock;

const SIZES: [u64; 2] = [1_000, 100_000];

static SMALL: LazyLock<Searcher> = LazyLock::new(|| index(SIZES[0]));
static LARGE: LazyLock<Searcher> = LazyLock::new(|| index(SIZES[1]));

fn index(products: u64) -> Searcher {
    let (searcher, mut indexer) = open_in_memory().expect("memory");
    for product in goods::products(products) {
        indexer.put(&product, Standing { in_stock: true, sold: 0 }).expect("memory");
    }
    indexer.commit(Seq(products)).expect("memory");
    searcher
}

fn of_size(products: u64) -> &'static Searcher {
    if products == SIZES[0] { &SMALL } else { &LARGE }
}

/// The first page, with facets.
fn search(bencher: Bencher, products: u64, text: &str) {
    let searcher = of_size(products);
    let query =
        SearchQuery { text: text.into(), limit: 20, facets: true, ..SearchQuery::default() };
    let found = searcher.search(&query).expect("the index can be read");
    assert!(found.total > 0, "{text:?} is found");
    bencher.bench(|| searcher.search(black_box(&query)));
}

#[divan::bench(args = SIZES)]
fn search_one_word(bencher: Bencher, products: u64) {
    search(bencher, products, "lantern");
}

#[divan::bench(args = SIZES)]
fn search_two_words(bencher: Bencher, products: u64) {
    search(bencher, products, "oak table");
}

#[divan::bench(args = SIZES)]
fn search_typing_error(bencher: Bencher, products: u64) {
    search(bencher, products, "lanten");
}

#[divan::bench(args = SIZES)]
fn search_suggest(bencher: Bencher, products: u64) {
    let searcher = of_size(products);
    bencher.bench(|| searcher.suggest(black_box("lant"), 8));
}
