//! Rows of a product file, read and made products: faults found, HTML cleaned, variants grouped.

use super::goods;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use mercat::domain::Currency;
use mercat::imports::{ProductReader, sanitize};

const PRODUCTS: u64 = 1_000;

#[divan::bench]
fn imports_rows(bencher: Bencher) {
    let csv = goods::csv(PRODUCTS);
    let rows = csv.iter().filter(|byte| **byte == b'\n').count() - 1;
    bencher.counter(ItemsCount::new(rows)).bench(|| {
        let read = ProductReader::new(black_box(&*csv), Currency::USD);
        let products = read.filter(|product| product.is_ok()).count();
        assert_eq!(products as u64, PRODUCTS);
        products
    });
}

#[divan::bench]
fn imports_html(bencher: Bencher) {
    let html =
        "<p>Made of <b>oak</b>, by hand.</p><ul><li>Goes with everything</li></ul>".repeat(8);
    bencher.counter(BytesCount::new(html.len())).bench(|| sanitize(black_box(&html)));
}
