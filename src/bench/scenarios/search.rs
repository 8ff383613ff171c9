//! Searching: two words with facets, a word with one wrong letter, and what is suggested while
//! somebody types.

use super::Scenario;
use crate::bench::load::{Fate, Kind, Visitor};
use rand::Rng;

pub(super) const KINDS: &[Kind] =
    &[Kind::read("two words"), Kind::read("typing error"), Kind::read("suggest")];

/// `first` is the place of the first of these kinds in the scenario's list.
pub(super) async fn visit(
    scenario: &Scenario,
    visitor: &mut Visitor,
    first: usize,
) -> Result<(), Fate> {
    let queries = &scenario.goods.queries;
    let (kind, among) = match visitor.chance.random_range(0..10) {
        0..6 => (0, &queries.two_words),
        6..8 => (1, &queries.typing_errors),
        _ => (2, &queries.suggestions),
    };
    let uri = among[visitor.chance.random_range(0..among.len())].clone();
    let request = visitor.target().get(uri);
    visitor.send(first + kind, request, false).await.map(drop)
}
