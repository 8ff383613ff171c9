//! How figures and states read on pages, in English; amounts and days are written as the merchant
//! chose (`domain/formats.rs`).

use crate::domain::address::country_name;
use crate::domain::address_form::AddressForm;
use crate::domain::formats::Formats;
use crate::domain::pricing::PriceRules;
use crate::domain::shipping::{ShippingOption, ShippingRate};
use crate::domain::stock::Level;
use crate::domain::tax::Prices;
use crate::domain::{Address, Currency, Span, Timestamp};

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

/// `Monday 30 November`, in UTC.
pub fn day(at: Timestamp) -> String {
    written(at, "%A %-d %B")
}

/// `23 November 2026`, in UTC.
pub fn day_of_year(at: Timestamp) -> String {
    written(at, "%-d %B %Y")
}

/// `23 Nov, 10:02 UTC`.
pub fn moment(at: Timestamp) -> String {
    written(at, "%-d %b, %H:%M UTC")
}

/// When something arrives that is so many days on its way: `Tuesday 24 to Friday 27 November`.
pub fn arrives(sent: Timestamp, least: u32, most: u32) -> String {
    let after = |days: u32| sent.plus(Span::days(days.into()));
    let (first, last) = (after(least), after(most));
    if least >= most {
        return day(first);
    }
    let same_month = written(first, "%m") == written(last, "%m");
    let from = if same_month { written(first, "%A %-d") } else { day(first) };
    format!("{from} to {}", day(last))
}

fn written(at: Timestamp, format: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    time.strftime(format).to_string()
}

/// `Four things are missing or not right`.
pub fn things_wrong(n: usize) -> String {
    const NUMBERS: [&str; 9] =
        ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    match n {
        1 => "One thing is missing or not right".to_owned(),
        _ => {
            let number = n.checked_sub(1).and_then(|n| NUMBERS.get(n));
            let number = number.map_or_else(|| n.to_string(), |word| (*word).to_owned());
            format!("{number} things are missing or not right")
        }
    }
}

/// An address as it is written on a parcel in its country.
pub fn address(address: &Address) -> Vec<String> {
    let Address { name, line1, line2, city, region, postal_code, country, phone: _ } = address;
    let place = match (AddressForm::of(country).is_code_first, region, postal_code) {
        (true, region, code) => {
            let code = code.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
            let region = region.as_ref().map(|region| format!(" {region}")).unwrap_or_default();
            format!("{code}{city}{region}")
        }
        (false, None, None) => city.clone(),
        (false, None, Some(code)) => format!("{city} {code}"),
        (false, Some(region), None) => format!("{city}, {region}"),
        (false, Some(region), Some(code)) => format!("{city}, {region} {code}"),
    };
    let country = match country_name(country) {
        "" => country,
        name => name,
    };
    let lines = [Some(&**name), Some(line1), line2.as_deref(), Some(&*place), Some(country)];
    lines.into_iter().flatten().map(str::to_owned).collect()
}

/// The same without the street, in a line.
pub fn address_line(own: &Address) -> String {
    let mut lines = address(own);
    lines.retain(|line| *line != own.line1);
    lines.join(", ")
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

    #[test]
    fn days_on_the_way_are_said_as_days_of_the_week() {
        // 14 November 2023, a Tuesday.
        let noon = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(arrives(noon, 1, 4), "Wednesday 15 to Saturday 18 November");
        assert_eq!(arrives(noon, 2, 2), "Thursday 16 November");
        assert_eq!(arrives(noon, 10, 20), "Friday 24 November to Monday 4 December");
        assert_eq!(moment(noon), "14 Nov, 22:13 UTC");
        assert_eq!(day_of_year(noon), "14 November 2023");
    }

    #[test]
    fn an_address_is_written_as_in_its_country() {
        let own = Address {
            name: "Ada".into(),
            line1: "12 Main St".into(),
            line2: None,
            city: "Hudson".into(),
            region: Some("NY".into()),
            postal_code: Some("12534".into()),
            country: "US".into(),
            phone: Some("1".into()),
        };
        assert_eq!(address(&own), ["Ada", "12 Main St", "Hudson, NY 12534", "United States"]);
        assert_eq!(address_line(&own), "Ada, Hudson, NY 12534, United States");
        let country = "DE".to_owned();
        let own = Address { region: None, city: "Berlin".into(), country, ..own };
        assert_eq!(address(&own)[2..], ["12534 Berlin", "Germany"]);
    }

    #[test]
    fn a_few_faults_are_counted_in_words() {
        assert_eq!(things_wrong(1), "One thing is missing or not right");
        assert_eq!(things_wrong(4), "Four things are missing or not right");
        assert_eq!(things_wrong(11), "11 things are missing or not right");
    }
}
