//! What a shopper types into the search field: it finds something or nothing, and never fails.
//!
//! The first bytes choose sorting, page and filters; the rest is the text.

use mercat::domain::catalog::{Product, ProductContent, ProductStatus, Variant};
use mercat::domain::{Currency, Money, ProductId, Seq, Timestamp};
use mercat::search::{
    Direction, Indexer, SearchQuery, Searcher, Sort, SortBy, Standing, open_in_memory,
};
use std::sync::LazyLock;

const NAMES: [(&str, &str, &str); 8] = [
    ("Kettle", "Kitchen", "Acme"),
    ("Tea kettle, enamelled", "Kitchen", "Acme"),
    ("Crème brûlée torch", "Kitchen", "Flamme & Fils"),
    ("Straße map of Köln", "Books", "Kartograf"),
    ("日本語の本", "Books", "Kartograf"),
    ("100% cotton T-shirt (XL)", "Clothes", "Ölmühle"),
    ("Ring AND bell OR \"bell\"", "Bikes", "Acme"),
    ("ﬁne ﬂask™ №5", "Kitchen", "Ⅷ"),
];

/// The index, and its writer, which must stay.
static INDEX: LazyLock<(Searcher, Indexer)> = LazyLock::new(|| {
    let (searcher, mut indexer) = open_in_memory().expect("memory");
    for (number, (name, category, brand)) in NAMES.iter().enumerate() {
        let standing = Standing { in_stock: number % 2 == 0, sold: number as i64 };
        indexer.put(&product(number, name, category, brand), standing).expect("it is indexed");
    }
    indexer.commit(Seq(1)).expect("it is committed");
    (searcher, indexer)
});

fn product(number: usize, name: &str, category: &str, brand: &str) -> Product {
    let at = Timestamp::from_millis(number as i64);
    let variant = Variant {
        sku: format!("SKU-{number}").parse().expect("a SKU"),
        title: "Default".into(),
        options: vec![],
        price: Money::from_minor(1_000 * (number as i64 + 1), Currency::USD),
        compare_at_price: None,
        barcode: None,
        weight_grams: None,
        image: None,
    };
    let content = ProductContent {
        handle: format!("p-{number}"),
        name: name.into(),
        description: format!("<p>The {name}, by {brand}</p>"),
        category: category.into(),
        brand: brand.into(),
        images: vec![],
        tags: vec!["new".into(), category.to_lowercase()],
        attributes: vec![("Material".into(), brand.into())],
        status: ProductStatus::Active,
        options: vec![],
        variants: vec![variant],
        currency: Currency::USD,
    };
    let mut random = [0; 10];
    random[0] = number as u8;
    Product {
        id: ProductId::new(at, random),
        content,
        former_handles: vec![],
        created_at: at,
        updated_at: at,
    }
}

pub fn check(data: &[u8]) {
    let Some((&[flags, page, filter], text)) = data.split_first_chunk::<3>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let by = [
        SortBy::Relevance,
        SortBy::Price,
        SortBy::Name,
        SortBy::CreatedAt,
        SortBy::UpdatedAt,
        SortBy::Bestselling,
    ][usize::from(flags) % 6];
    let direction = if flags & 128 == 0 { Direction::Ascending } else { Direction::Descending };
    let chosen = |bit: u8| (filter & bit != 0).then(|| text.to_owned());
    let query = SearchQuery {
        text: if filter & 16 == 0 { text.to_owned() } else { String::new() },
        category: chosen(1),
        brand: chosen(2),
        tag: chosen(4),
        attributes: chosen(8).map(|value| ("Material".into(), value)).into_iter().collect(),
        in_stock: (filter & 32 != 0).then_some(true),
        min_price: (filter & 64 != 0).then_some(2_000),
        sort: Sort { by, direction },
        offset: usize::from(page >> 4),
        limit: usize::from(page & 15),
        facets: filter & 128 != 0,
        ..SearchQuery::default()
    };
    let (searcher, _) = &*INDEX;
    let found = searcher.search(&query).expect("what was typed is never a reason to fail");
    assert!(found.hits.len() <= query.limit && found.hits.len() as u64 <= found.total);
    assert!(found.total <= NAMES.len() as u64);
    let again = searcher.search(&query).expect("it can be asked again");
    assert_eq!(again, found, "the same question has the same answer");
    let suggestions = searcher.suggest(text, query.limit).expect("whatever is typed");
    assert!(suggestions.len() <= query.limit);
}
