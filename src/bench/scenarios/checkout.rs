//! A guest's whole journey: a product's page, a cart, and paid.

use super::Scenario;
use super::buying::{SOLD_OUT, cart, pay};
use crate::bench::ledger::Attempt;
use crate::bench::load::{Fate, Kind, Visitor};
use rand::Rng;

pub(super) const KINDS: &[Kind] = &[
    Kind::read("product"),
    Kind::write("create cart").may_be(SOLD_OUT),
    Kind::write("checkout").may_be(SOLD_OUT),
];

/// `first` is the place of the first of these kinds in the scenario's list.
pub(super) async fn visit(
    scenario: &Scenario,
    visitor: &mut Visitor,
    first: usize,
) -> Result<(), Fate> {
    let goods = &scenario.goods;
    let sku = goods.any_sku(&mut visitor.chance);
    let units = visitor.chance.random_range(1..4);
    let request = visitor.target().get(goods.product_of(sku));
    visitor.send(first, request, false).await?;
    let cart = cart(goods, visitor, first + 1, sku, units).await?;
    let attempt = Attempt { number: visitor.number, cart, sku, units };
    pay(&scenario.counter, visitor, first + 2, attempt).await
}
