//! Amounts: read exactly, written back exactly, and divided without a cent lost.
//!
//! The first byte chooses the currency; lines are amounts.

use mercat::domain::{Currency, Money};
use mercat::http::json::DecimalText;
use serde_json::Value;

const CURRENCIES: [&str; 4] = ["USD", "JPY", "KWD", "CLF"];

pub fn check(data: &[u8]) {
    let Some((which, lines)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(lines) else { return };
    let code = CURRENCIES[usize::from(*which) % CURRENCIES.len()];
    let currency = Currency::from_code(code).expect("a currency");
    let mut sum = Some(0_i128);
    let mut amounts = Vec::new();
    for line in text.lines().take(20) {
        json(line, currency);
        let Ok(money) = Money::from_decimal(line, currency) else { continue };
        let written = money.to_decimal();
        assert_eq!(Money::from_decimal(&written, currency), Ok(money), "{line} was {written}");
        divided(money, &lines[..lines.len().min(16)]);
        sum = sum.map(|sum| sum + i128::from(money.minor()));
        amounts.push(money);
    }
    // Added up, it is the sum, or more than can be counted; it never comes round to the other side.
    if let Ok(total) = Money::sum(amounts, currency) {
        assert_eq!(Some(i128::from(total.minor())), sum);
    }
}

/// In JSON, as a number or as text, it is the same amount.
fn json(line: &str, currency: Currency) {
    let as_text = DecimalText::peek(&Value::String(line.to_owned()));
    let Ok(number @ Value::Number(_)) = mercat::http::parse::parse(line.as_bytes()) else { return };
    let Some(number) = DecimalText::peek(&number) else { return };
    let money = number.in_currency(currency);
    if let (Ok(money), Some(text)) = (&money, as_text)
        && let Ok(text) = text.in_currency(currency)
    {
        assert_eq!(*money, text, "{line}");
    }
}

fn divided(money: Money, weights: &[u8]) {
    let weights: Vec<u32> = weights.iter().map(|weight| u32::from(*weight)).collect();
    let parts = money.allocate(&weights);
    assert_eq!(parts.len(), weights.len());
    if weights.iter().any(|weight| *weight > 0) {
        let minor: i128 = parts.iter().map(|part| i128::from(part.minor())).sum();
        assert_eq!(minor, i128::from(money.minor()), "{parts:?}");
    }
    for units in weights {
        if let Ok(times) = money.times(units) {
            assert_eq!(i128::from(times.minor()), i128::from(money.minor()) * i128::from(units));
        }
    }
}
