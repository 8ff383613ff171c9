//! Filling a cart: made with one line, another line added, and its quantity changed. Each is durable.

use super::Scenario;
use super::buying::{SOLD_OUT, cart_of, line};
use crate::bench::load::{Fate, Kind, Visitor};
use hyper::Method;
use rand::Rng;

pub(super) const KINDS: &[Kind] = &[
    Kind::write("create cart").may_be(SOLD_OUT),
    Kind::write("add item").may_be(SOLD_OUT),
    Kind::write("change quantity").may_be(SOLD_OUT),
];

pub(super) async fn visit(
    scenario: &Scenario,
    visitor: &mut Visitor,
    first: usize,
) -> Result<(), Fate> {
    let goods = &scenario.goods;
    let one = goods.any_sku(&mut visitor.chance);
    let other = goods.any_sku(&mut visitor.chance);
    let body = format!("{{\"items\":[{}]}}", line(goods.sku(one), 1));
    let target = visitor.target();
    let request = target.json(Method::POST, goods.carts.clone(), body);
    let made = visitor.send(first, request, true).await?;
    let Some(cart) = cart_of(&made) else { return Err(Fate::Failed) };
    let target = visitor.target();
    let uri = target.uri(&format!("/v1/carts/{cart}/items"));
    let request = target.json(Method::POST, uri, line(goods.sku(other), 1));
    visitor.send(first + 1, request, false).await?;
    let units = visitor.chance.random_range(2..5);
    let target = visitor.target();
    let uri = target.uri(&format!("/v1/carts/{cart}/items/{}", goods.path_of(other)));
    let request = target.json(Method::PATCH, uri, format!("{{\"quantity\":{units}}}"));
    visitor.send(first + 2, request, false).await.map(drop)
}
