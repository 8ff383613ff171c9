//! Products as JSON: one, and a page of twenty, made from the catalog in memory.

use super::goods;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use mercat::domain::catalog::Product;
use mercat::http::api::dto::product::ProductJson;
use mercat::http::list::{List, PageLimit, PageNumber, Paging};
use std::borrow::Cow;

fn json(product: &Product) -> ProductJson<'_> {
    ProductJson::new(product, Cow::Borrowed, |_| 100)
}

#[divan::bench]
fn json_product(bencher: Bencher) {
    let product = goods::products(1).remove(0);
    let make = || serde_json::to_vec(&json(black_box(&product))).expect("plain data");
    bencher.counter(BytesCount::new(make().len())).bench(make);
}

#[divan::bench]
fn json_page_of_20(bencher: Bencher) {
    let products = goods::products(20);
    let make = || {
        let paging = Paging { page: PageNumber(1), limit: PageLimit(20) };
        let data = black_box(&products).iter().map(json).collect();
        serde_json::to_vec(&List::new(data, 1_000, paging)).expect("plain data")
    };
    bencher.counter(BytesCount::new(make().len())).bench(make);
}
