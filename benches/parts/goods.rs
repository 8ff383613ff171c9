//! A catalog like the load tester's.

use mercat::bench::fill;
use mercat::domain::catalog::Product;
use mercat::domain::{Currency, Timestamp};
use mercat::imports::ProductReader;

pub fn now() -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000)
}

/// As a file.
pub fn csv(products: u64) -> Vec<u8> {
    let mut csv = Vec::new();
    fill::write(products, 7, &mut csv).expect("memory takes every write");
    csv
}

/// As products, in the file's order.
pub fn products(count: u64) -> Vec<Product> {
    let csv = csv(count);
    let read = ProductReader::new(&*csv, Currency::USD).zip(1u64..);
    let product = |(imported, number): (Result<mercat::imports::ImportedProduct, _>, u64)| {
        let imported = imported.expect("the file has no fault");
        let id = format!("prod-{number}").parse().expect("a valid id");
        let content = imported.content;
        Product { id, content, former_handles: vec![], created_at: now(), updated_at: now() }
    };
    read.map(product).collect()
}
