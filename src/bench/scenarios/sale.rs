//! Sales of few things to many: one where everybody waits with a full cart, and one that people come to
//! while it goes on.

use super::Scenario;
use super::buying::{SOLD_OUT, cart, pay as pay_for};
use crate::bench::ledger::Attempt;
use crate::bench::load::{Fate, Kind, Visitor};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) const FLASH: &[Kind] =
    &[Kind::write("checkout").may_be(SOLD_OUT), Kind::write("create cart").may_be(SOLD_OUT)];

const FLASH_PAY: usize = 0;
const FLASH_CART: usize = 1;

pub(super) const DROP: &[Kind] = &[
    Kind::read("product"),
    Kind::write("create cart").may_be(SOLD_OUT),
    Kind::write("checkout").may_be(SOLD_OUT),
];

/// Carts with one unit each, and the SKU that is in each.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<Vec<Cart>>>);

/// A cart's id, and the place of the SKU in it.
type Cart = (Box<str>, u32);

impl Waiting {
    fn put(&self, cart: Box<str>, sku: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((cart, sku));
    }

    fn take(&self) -> Option<Cart> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One cart, to be paid for later.
pub(super) async fn fill(
    scenario: &Scenario,
    waiting: &Waiting,
    visitor: &mut Visitor,
) -> Result<(), Fate> {
    let sku = scenario.goods.any_sku(&mut visitor.chance);
    let cart = cart(&scenario.goods, visitor, FLASH_CART, sku, 1).await?;
    waiting.put(cart, sku);
    Ok(())
}

/// Pays for a cart that waits; whoever comes when none is left fills one first.
pub(super) async fn pay(
    scenario: &Scenario,
    waiting: &Waiting,
    visitor: &mut Visitor,
) -> Result<(), Fate> {
    if waiting.is_empty() {
        fill(scenario, waiting, visitor).await?;
    }
    // Another one may have been faster with the cart; then there is nothing to pay.
    let Some((cart, sku)) = waiting.take() else { return Ok(()) };
    let attempt = Attempt { number: visitor.number, cart, sku, units: 1 };
    pay_for(&scenario.counter, visitor, FLASH_PAY, attempt).await
}

/// Looks at the product, takes one, pays.
pub(super) async fn drop(scenario: &Scenario, visitor: &mut Visitor) -> Result<(), Fate> {
    let goods = &scenario.goods;
    let sku = goods.any_sku(&mut visitor.chance);
    let request = visitor.target().get(goods.product_of(sku));
    visitor.send(0, request, false).await?;
    let cart = cart(goods, visitor, 1, sku, 1).await?;
    let attempt = Attempt { number: visitor.number, cart, sku, units: 1 };
    pay_for(&scenario.counter, visitor, 2, attempt).await
}
