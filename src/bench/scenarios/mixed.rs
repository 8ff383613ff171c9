//! A day's mix: of a hundred visitors 80 look around, 12 search, 6 fill a cart and 2 buy.

use super::Scenario;
use super::buying::SOLD_OUT;
use super::{browse, cart, checkout, search};
use crate::bench::load::{Fate, Kind, Visitor};
use rand::Rng;

pub(super) const KINDS: &[Kind] = &[
    Kind::read("product"),
    Kind::read("page of 20"),
    Kind::read("two words"),
    Kind::read("typing error"),
    Kind::read("suggest"),
    Kind::write("create cart").may_be(SOLD_OUT),
    Kind::write("add item").may_be(SOLD_OUT),
    Kind::write("change quantity").may_be(SOLD_OUT),
    Kind::read("product to buy"),
    Kind::write("cart to buy").may_be(SOLD_OUT),
    Kind::write("checkout").may_be(SOLD_OUT),
];

const SEARCH: usize = 2;
const CART: usize = 5;
const BUY: usize = 8;

pub(super) async fn visit(scenario: &Scenario, visitor: &mut Visitor) -> Result<(), Fate> {
    match visitor.chance.random_range(0..100) {
        0..56 => browse::product(scenario, visitor, 0).await,
        56..80 => browse::page(scenario, visitor, 1).await,
        80..92 => search::visit(scenario, visitor, SEARCH).await,
        92..98 => cart::visit(scenario, visitor, CART).await,
        _ => checkout::visit(scenario, visitor, BUY).await,
    }
}
