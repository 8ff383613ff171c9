//! How figures and states read on pages, in English; amounts and days are written as the merchant
//! chose (`domain/formats.rs`).

use crate::domain::formats::Formats;
use crate::domain::pricing::PriceRules;
use crate::domain::shipping::{ShippingOption, ShippingRate};
use crate::domain::stock::Level;
use crate::domain::tax::Prices;
use crate::domain::{Currency, Timestamp};

/// Units from which on it is said how many are left, where the merchant set no mark.
const LOW: u32 = 5;

/// `1 thing`, `4 things`.
pub fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// What is said of a variant's stock, and how it is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// `ready`, `low` or `out`.
    pub state: &'static str,
    pub words: String,
    /// Units at or below which it is low.
    pub low: u32,
    /// Whether the words follow the units; those of what is sold beyond them do not.
    pub moves: bool,
}

impl Stock {
    pub fn of(level: &Level) -> Stock {
        let low = level.low_stock_at.unwrap_or(LOW);
        let available = level.available().max(0);
        let (state, words) = match available {
            0 if level.backorder => ("low", "On order".to_owned()),
            0 => ("out", "Sold out".to_owned()),
            n if n <= i64::from(low) && !level.backorder => ("low", format!("{n} left")),
            _ => ("ready", "Ready to ship".to_owned()),
        };
        Stock { state, words, low, moves: !level.backorder }
    }

    pub fn is_out(&self) -> bool {
        self.state == "out"
    }
}

/// `in 3 to 5 days`.
pub fn days(least: u32, most: u32) -> String {
    if least == most { count(least.into(), "day") } else { format!("{least} to {most} days") }
}

/// What the shop sends its own country with at least cost, if it sends there at all.
pub fn cheapest_rate(rules: &PriceRules, currency: Currency) -> Option<&ShippingRate> {
    let (home, zones) = (&rules.tax.home.country, &rules.shipping.zones);
    let zone = zones.iter().find(|zone| zone.countries.iter().any(|own| own == home));
    let zone = zone.or_else(|| zones.iter().find(|zone| zone.countries.is_empty()));
    let rates = zone.into_iter().flat_map(|zone| &zone.rates);
    rates.filter(|rate| rate.price.currency() == currency).min_by_key(|rate| rate.price.minor())
}

/// `Delivered in 3 to 5 days for $6.00, free over $100.00`.
pub fn delivery(rate: &ShippingRate, formats: &Formats) -> String {
    let cost = match rate.price.minor() {
        0 => ", free".to_owned(),
        _ => format!(" for {}", formats.price(rate.price)),
    };
    let free = rate.free_over.map(|over| format!(", free over {}", formats.price(over)));
    format!("Delivered in {}{cost}{}", days(rate.min_days, rate.max_days), free.unwrap_or_default())
}

/// `free`, or what it costs.
pub fn option_price(option: &ShippingOption, formats: &Formats) -> String {
    if option.price.is_zero() { "Free".to_owned() } else { formats.price(option.price) }
}

/// What the small print says of prices.
pub fn small_print(rules: &PriceRules, currency: Currency) -> String {
    let tax = match rules.tax.prices {
        Prices::IncludeTax => " and include tax",
        Prices::ExcludeTax if rules.tax.rates.is_empty() => "",
        Prices::ExcludeTax => "; tax is added at checkout",
    };
    format!("Prices are in {}{tax}.", currency.code())
}

/// The year of an instant, in UTC.
pub fn year(at: Timestamp) -> i16 {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// The first words of a text, up to 155 letters: what search engines show of a page.
pub fn brief(text: &str) -> String {
    const MOST: usize = 155;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MOST {
        return text;
    }
    let cut: String = text.chars().take(MOST).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end_matches([',', ';', ':', '.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_said_as_it_is() {
        let words = |on_hand, reserved, backorder, low_stock_at| {
            let level = Level { on_hand, reserved, backorder, low_stock_at, ..Level::default() };
            let stock = Stock::of(&level);
            (stock.state, stock.words)
        };
        assert_eq!(words(9, 3, false, None), ("ready", "Ready to ship".into()));
        assert_eq!(words(9, 6, false, None), ("low", "3 left".into()));
        assert_eq!(words(9, 6, false, Some(2)), ("ready", "Ready to ship".into()));
        assert_eq!(words(9, 9, false, None), ("out", "Sold out".into()));
        assert_eq!(words(-2, 0, true, None), ("low", "On order".into()));
        assert_eq!(words(2, 0, true, None), ("ready", "Ready to ship".into()));
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        assert_eq!(brief("  Oak,\n solid "), "Oak, solid");
        let long = "word, ".repeat(60);
        let cut = brief(&long);
        assert!(cut.ends_with("word…") && cut.chars().count() <= 156, "{cut}");
    }
}
