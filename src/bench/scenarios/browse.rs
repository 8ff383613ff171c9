//! Looking around: a product's page, a page of twenty, and what a browser already has.

use super::Scenario;
use crate::bench::load::{Fate, Kind, Visitor};
use hyper::header::IF_NONE_MATCH;
use rand::Rng;

pub(super) const KINDS: &[Kind] =
    &[Kind::read("product"), Kind::read("page of 20"), Kind::read("not modified")];

const PRODUCT: usize = 0;
const PAGE: usize = 1;
const NOT_MODIFIED: usize = 2;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Seven products for three pages of a list.
    All,
    Product,
    Page,
    /// A product that has not changed since it was read.
    NotModified,
}

pub(super) async fn visit(
    scenario: &Scenario,
    reading: Reading,
    visitor: &mut Visitor,
) -> Result<(), Fate> {
    let reading = match reading {
        Reading::All if visitor.chance.random_range(0..10) < 7 => Reading::Product,
        Reading::All => Reading::Page,
        one => one,
    };
    match reading {
        Reading::All | Reading::Product => product(scenario, visitor, PRODUCT).await,
        Reading::Page => page(scenario, visitor, PAGE).await,
        Reading::NotModified => {
            let known = &scenario.goods.known;
            let (uri, tag) = &known[visitor.chance.random_range(0..known.len())];
            let mut request = visitor.target().get(uri.clone());
            request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
            visitor.send(NOT_MODIFIED, request, false).await.map(drop)
        }
    }
}

pub(super) async fn product(
    scenario: &Scenario,
    visitor: &mut Visitor,
    kind: usize,
) -> Result<(), Fate> {
    let products = &scenario.goods.products;
    let product = &products[visitor.chance.random_range(0..products.len())];
    let request = visitor.target().get(product.uri.clone());
    visitor.send(kind, request, false).await.map(drop)
}

pub(super) async fn page(
    scenario: &Scenario,
    visitor: &mut Visitor,
    kind: usize,
) -> Result<(), Fate> {
    let pages = &scenario.goods.pages;
    let page = pages[visitor.chance.random_range(0..pages.len())].clone();
    let request = visitor.target().get(page);
    visitor.send(kind, request, false).await.map(drop)
}
