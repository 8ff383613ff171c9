//! Money, and what a cart costs: priced anew with every change of a cart and once more at checkout.

use super::ground;
use divan::{Bencher, black_box};
use mercat::domain::pricing::{Item, PriceRules};
use mercat::domain::tax::Prices;
use mercat::domain::{Currency, Money, Region};

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

#[divan::bench]
fn money_to_text() -> String {
    black_box(usd(1_234_599)).to_decimal()
}

#[divan::bench]
fn money_from_text() -> Money {
    Money::from_decimal(black_box("12345.99"), Currency::USD).expect("a valid amount")
}

/// A discount over so many lines, to the last cent.
#[divan::bench(args = [3, 30, 300])]
fn money_allocate(bencher: Bencher, parts: u32) {
    let weights: Vec<u32> = (1..=parts).collect();
    bencher.bench(|| black_box(usd(9_999)).allocate(black_box(&weights)));
}

/// Lines, tax, shipping, sum.
#[divan::bench(args = [1, 10, 100])]
fn pricing_tax_on_top(bencher: Bencher, lines: u32) {
    price(bencher, ground::rules(), lines);
}

/// As where prices are shown with tax.
#[divan::bench(args = [1, 10, 100])]
fn pricing_tax_within(bencher: Bencher, lines: u32) {
    let mut rules = ground::rules();
    rules.tax.prices = Prices::IncludeTax;
    price(bencher, rules, lines);
}

fn price(bencher: Bencher, rules: PriceRules, lines: u32) {
    let item = |line: u32| Item {
        sku: format!("SKU-{line}").parse().expect("a valid SKU"),
        quantity: 1 + line % 3,
        unit_price: usd(1_999 + i64::from(line)),
    };
    let items: Vec<Item> = (0..lines).map(item).collect();
    let there = Region { country: "US".into(), region: Some("OR".into()) };
    let totals = || rules.totals(Currency::USD, black_box(&items), Some(&there), Some("standard"));
    assert!(totals().is_ok_and(|totals| totals.add_up()), "the sums are right");
    bencher.bench(totals);
}
