//! What the shop itself writes is never complained of.

use super::books::{Books, Town, authorized, captured, declined, sku};
use super::{assert_clean, report};
use crate::domain::cart::CartCommand;
use crate::domain::order::{Collected, OrderCommand};
use crate::domain::payment::PaymentAnswer;
use crate::domain::stock::StockCommand;
use crate::domain::{CartId, OrderId, Span};
use crate::storage::memory::MemoryStore;
use crate::storage::{Direction, Snapshot, Store, Table};
use crate::verify::{Counted, Progress, verify};
use proptest::prelude::*;
use std::ops::ControlFlow;

#[test]
fn an_empty_store_is_clean() {
    let books = Books::in_memory();
    assert_clean(&report(&books.store, books.now));
}

#[test]
fn a_shop_that_has_seen_everything_is_clean() {
    let town = Town::new();
    let report = report(&town.books.store, town.books.now);
    assert_clean(&report);
    assert_eq!(report.notes, Vec::<String>::new());
    let rows = |what: &str| {
        let counted = report.checked.iter().find(|counted| counted.what == what);
        counted.map(|Counted { rows, .. }| *rows)
    };
    assert_eq!(rows("orders"), Some(5));
    assert_eq!(rows("carts"), Some(6));
    assert_eq!(rows("SKUs"), Some(3));
    assert_eq!(rows("reservations"), Some(3));
}

#[test]
fn progress_ends_with_every_row_done() {
    let town = Town::new();
    let mut last: Vec<Progress> = Vec::new();
    let snapshot = town.books.store.snapshot().unwrap();
    verify(&*snapshot, None, town.books.now, &mut |progress| last.push(progress)).unwrap();
    for ended in last.chunk_by(|a, b| a.what == b.what).filter_map(<[_]>::last) {
        assert_eq!(ended.done, ended.total, "{}", ended.what);
    }
    assert!(last.iter().any(|progress| progress.what == "events" && progress.done > 20));
}

#[test]
fn a_check_changes_no_row() {
    fn rows(snapshot: &dyn Snapshot) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        for table in Table::ALL {
            snapshot
                .scan(table, &[], None, Direction::Forward, &mut |key, row| {
                    rows.push((table, key.to_vec(), row.to_vec()));
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        rows
    }
    let town = Town::new();
    let before = rows(&*town.books.store.snapshot().unwrap());
    report(&town.books.store, town.books.now);
    assert!(rows(&*town.books.store.snapshot().unwrap()) == before);
}

#[test]
fn units_reserved_past_their_deadline_are_released_by_the_next_start() {
    let town = Town::new();
    let report = report(&town.books.store, town.books.now.plus(Span::hours(5)));
    assert_clean(&report);
    assert_eq!(
        report.notes,
        ["3 reservations are past their deadline; they are released at the next start"]
    );
}

#[test]
fn years_later_nothing_has_turned_wrong() {
    let town = Town::new();
    assert_clean(&report(&town.books.store, town.books.now.plus(Span::days(1_000))));
}

/// What somebody does; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Act {
    Receive(usize, i64),
    Configure(usize, bool),
    NewCart(Vec<(usize, u32)>),
    Edit(usize, usize, u32),
    Abandon(usize),
    CheckOut { cart: usize, by_hand: bool, keyed: bool },
    Pay(usize, u8),
    Cancel(usize),
    Capture(usize),
    Refunded(usize),
    Expire(usize),
}

const SKUS: [&str; 3] = ["A", "B", "C"];

fn acts() -> impl Strategy<Value = Act> {
    let some = 0usize..64;
    let line = (0usize..3, 1u32..6);
    prop_oneof![
        1 => (0usize..3, -5i64..20).prop_map(|(sku, units)| Act::Receive(sku, units)),
        1 => (0usize..3, any::<bool>()).prop_map(|(sku, on)| Act::Configure(sku, on)),
        3 => prop::collection::vec(line, 0..4).prop_map(Act::NewCart),
        1 => (some.clone(), 0usize..3, 0u32..5).prop_map(|(cart, sku, n)| Act::Edit(cart, sku, n)),
        1 => some.clone().prop_map(Act::Abandon),
        4 => (some.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(cart, by_hand, keyed)| Act::CheckOut { cart, by_hand, keyed }),
        4 => (some.clone(), 0u8..5).prop_map(|(order, answer)| Act::Pay(order, answer)),
        2 => some.clone().prop_map(Act::Cancel),
        1 => some.clone().prop_map(Act::Capture),
        1 => some.clone().prop_map(Act::Refunded),
        1 => some.prop_map(Act::Expire),
    ]
}

fn pick<T: Copy>(things: &[T], n: usize) -> Option<T> {
    (!things.is_empty()).then(|| things[n % things.len()])
}

fn live(acts: Vec<Act>) -> Books<MemoryStore> {
    let mut books = Books::in_memory();
    let (mut carts, mut orders): (Vec<CartId>, Vec<OrderId>) = (vec![], vec![]);
    let mut key = 0;
    for name in SKUS {
        books.receive(name, 10);
    }
    for act in acts {
        let cart = |n| pick(&carts, n);
        let order = |n| pick(&orders, n);
        match act {
            Act::Receive(n, delta) => {
                let (reason, note) = ("counted".to_owned(), None);
                books.stock(&sku(SKUS[n]), StockCommand::Adjust { delta, reason, note });
            }
            Act::Configure(n, on) => {
                let command = StockCommand::Configure { backorder: Some(on), low_stock_at: None };
                books.stock(&sku(SKUS[n]), command);
            }
            Act::NewCart(lines) => {
                let lines: Vec<(&str, u32)> =
                    lines.into_iter().map(|(n, quantity)| (SKUS[n], quantity)).collect();
                carts.push(books.new_cart(&lines));
            }
            Act::Edit(n, line, quantity) => {
                let sku = sku(SKUS[line]);
                cart(n).inspect(|id| books.cart(*id, CartCommand::SetQuantity { sku, quantity }));
            }
            Act::Abandon(n) => {
                cart(n).inspect(|id| books.cart(*id, CartCommand::Abandon));
            }
            Act::CheckOut { cart: n, by_hand, keyed } => {
                let collected = if by_hand { Collected::ByHand } else { Collected::Online };
                key += 1;
                let placed =
                    cart(n).and_then(|id| books.check_out(id, collected, keyed.then_some(key)));
                orders.extend(placed);
            }
            Act::Pay(n, answer) => {
                let answer = match answer {
                    0 => authorized(),
                    1 => captured(),
                    2 => declined(),
                    3 => PaymentAnswer::Voided,
                    _ => PaymentAnswer::ActionNeeded { reference: "r".into(), url: "u".into() },
                };
                order(n).inspect(|id| books.pay(*id, answer));
            }
            Act::Cancel(n) => {
                order(n).inspect(|id| books.cancel(*id));
            }
            Act::Capture(n) => {
                order(n).inspect(|id| books.order(*id, OrderCommand::Capture));
            }
            Act::Refunded(n) => {
                order(n).inspect(|id| books.refunded(*id));
            }
            Act::Expire(n) => {
                books.now = books.now.plus(Span::minutes(20));
                order(n).inspect(|id| books.order(*id, OrderCommand::Expire));
            }
        }
    }
    books
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_honest_people_do_is_clean(acts in prop::collection::vec(acts(), 0..80)) {
        let books = live(acts);
        let report = report(&books.store, books.now);
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        prop_assert!(report.is_clean(), "{findings:#?}");
    }
}
