//! How numbers, prices and dates are written for the shop's readers.
//!
//! A shop has one currency and speaks one language, so this is a choice of the merchant and not of
//! each visitor. What programs read is not touched by it: the API's numbers and times stay as they are.

use super::money::Money;
use super::time::Timestamp;

/// The ways of writing that a merchant chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats {
    /// The language of the pages, as in `en` or `pt-BR` (RFC 5646: language, script and region).
    pub language: String,
    pub numbers: NumberFormat,
    pub symbol: SymbolPlace,
    pub dates: DateFormat,
}

/// What stands between thousands, and before the decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// `1,234.56`
    #[default]
    CommaPoint,
    /// `1.234,56`
    PointComma,
    /// `1 234,56`, with a narrow blank at which no line breaks.
    BlankComma,
    /// `1’234.56`
    ApostrophePoint,
}

/// Where the currency's symbol stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SymbolPlace {
    /// `$9.99`
    #[default]
    Before,
    /// `9,99 €`, with a blank at which no line breaks.
    After,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// `2026-10-26` (ISO 8601)
    #[default]
    YearMonthDay,
    /// `26/10/2026`
    DayMonthYear,
    /// `26.10.2026`
    DayMonthYearPoints,
    /// `10/26/2026`
    MonthDayYear,
}

/// Which way text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    LeftToRight,
    RightToLeft,
}

/// Languages that are written from right to left, unless their tag names another script. Source:
/// Unicode CLDR 48, `characterOrder`.
const RIGHT_TO_LEFT: [&str; 15] =
    ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"];

/// Scripts that run from right to left (ISO 15924).
const RIGHT_TO_LEFT_SCRIPTS: [&str; 8] =
    ["Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"];

impl Default for Formats {
    fn default() -> Formats {
        Formats {
            language: "en".into(),
            numbers: NumberFormat::default(),
            symbol: SymbolPlace::default(),
            dates: DateFormat::default(),
        }
    }
}

impl Formats {
    pub fn direction(&self) -> Direction {
        let mut parts = self.language.split('-');
        let language = parts.next().unwrap_or_default();
        let is_right_to_left = match parts.find(|part| part.len() == 4) {
            Some(script) => RIGHT_TO_LEFT_SCRIPTS.contains(&script),
            None => RIGHT_TO_LEFT.contains(&language),
        };
        if is_right_to_left { Direction::RightToLeft } else { Direction::LeftToRight }
    }

    /// An amount with its currency's symbol, or its code where it has no symbol.
    pub fn price(&self, price: Money) -> String {
        let decimal = price.to_decimal();
        let digits = decimal.trim_start_matches('-');
        let sign = if price.is_negative() { "\u{2212}" } else { "" };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let number = self.decimal(whole, fraction);
        match (self.symbol, price.currency().symbol()) {
            (SymbolPlace::Before, Some(symbol)) => format!("{sign}{symbol}{number}"),
            (SymbolPlace::Before, None) => {
                format!("{sign}{}\u{a0}{number}", price.currency().code())
            }
            (SymbolPlace::After, symbol) => {
                let name = symbol.unwrap_or_else(|| price.currency().code().to_owned());
                format!("{sign}{number}\u{a0}{name}")
            }
        }
    }

    /// A count, with its thousands apart.
    pub fn number(&self, number: u64) -> String {
        self.decimal(&number.to_string(), "")
    }

    /// The day of an instant, in UTC.
    pub fn date(&self, at: Timestamp) -> String {
        let (year, month, day) = civil(at);
        match self.dates {
            DateFormat::YearMonthDay => format!("{year:04}-{month:02}-{day:02}"),
            DateFormat::DayMonthYear => format!("{day:02}/{month:02}/{year:04}"),
            DateFormat::DayMonthYearPoints => format!("{day:02}.{month:02}.{year:04}"),
            DateFormat::MonthDayYear => format!("{month:02}/{day:02}/{year:04}"),
        }
    }

    fn decimal(&self, whole: &str, fraction: &str) -> String {
        let (between, point) = match self.numbers {
            NumberFormat::CommaPoint => (",", '.'),
            NumberFormat::PointComma => (".", ','),
            NumberFormat::BlankComma => ("\u{202f}", ','),
            NumberFormat::ApostrophePoint => ("\u{2019}", '.'),
        };
        let mut text = String::new();
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                text.push_str(between);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }
}

/// Whether `text` is the tag of a language with, at most, its script and its region (RFC 5646,
/// section 2.1), written as section 2.1.1 recommends: `en`, `pt-BR`, `zh-Hant-TW`, `es-419`.
pub fn is_language(text: &str) -> bool {
    let mut parts = text.split('-').peekable();
    let language = parts.next().unwrap_or_default();
    let is_lower = language.bytes().all(|byte| byte.is_ascii_lowercase());
    if !is_lower || !(2..=3).contains(&language.len()) {
        return false;
    }
    parts.next_if(|script| {
        let (first, rest) = script.as_bytes().split_at_checked(1).unwrap_or_default();
        first.iter().all(u8::is_ascii_uppercase)
            && rest.len() == 3
            && rest.iter().all(u8::is_ascii_lowercase)
    });
    parts.next_if(|region| {
        let bytes = region.as_bytes();
        (bytes.len() == 2 && bytes.iter().all(u8::is_ascii_uppercase))
            || (bytes.len() == 3 && bytes.iter().all(u8::is_ascii_digit))
    });
    parts.next().is_none()
}

/// Year, month and day in the Gregorian calendar, in UTC. Days are counted in eras of 400 years that
/// begin on 1 March, so that the day which leap years add is the last of its year.
fn civil(at: Timestamp) -> (i64, i64, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    let days = at.as_millis().div_euclid(86_400_000) + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;
    use proptest::prelude::*;

    fn money(text: &str, code: &str) -> Money {
        Money::from_decimal(text, Currency::from_code(code).unwrap()).unwrap()
    }

    #[test]
    fn prices_are_written_as_the_merchant_says() {
        let formats = |numbers, symbol| Formats { numbers, symbol, ..Formats::default() };
        let dollars = formats(NumberFormat::CommaPoint, SymbolPlace::Before);
        assert_eq!(dollars.price(money("1234567.5", "USD")), "$1,234,567.50");
        assert_eq!(dollars.price(money("0", "USD")), "$0.00");
        assert_eq!(dollars.price(money("100", "JPY")), "¥100");
        let euros = formats(NumberFormat::PointComma, SymbolPlace::After);
        assert_eq!(euros.price(money("1234.5", "EUR")), "1.234,50\u{a0}€");
        let swiss = formats(NumberFormat::ApostrophePoint, SymbolPlace::Before);
        assert_eq!(swiss.number(1_234), "1’234");
        let french = formats(NumberFormat::BlankComma, SymbolPlace::After);
        assert_eq!(french.number(999), "999");
        assert_eq!(french.number(12_345_678), "12\u{202f}345\u{202f}678");
        let less = Money::from_minor(-150, Currency::USD);
        assert_eq!(dollars.price(less), "\u{2212}$1.50");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let on = |millis: i64, dates| {
            Formats { dates, ..Formats::default() }.date(Timestamp::from_millis(millis))
        };
        assert_eq!(on(0, DateFormat::YearMonthDay), "1970-01-01");
        assert_eq!(on(-1, DateFormat::YearMonthDay), "1969-12-31");
        assert_eq!(on(951_782_400_000, DateFormat::YearMonthDay), "2000-02-29");
        assert_eq!(on(951_868_800_000, DateFormat::YearMonthDay), "2000-03-01");
        assert_eq!(on(1_700_000_000_000, DateFormat::DayMonthYear), "14/11/2023");
        assert_eq!(on(1_700_000_000_000, DateFormat::DayMonthYearPoints), "14.11.2023");
        assert_eq!(on(1_700_000_000_000, DateFormat::MonthDayYear), "11/14/2023");
    }

    #[test]
    fn languages_are_told_by_their_tags_and_run_their_way() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "es-419", "gsw", "sr-Latn"] {
            assert!(is_language(good), "{good}");
        }
        for bad in
            ["", "e", "EN", "english", "en-", "en-us", "en-US-US", "en_US", "-US", "é", "en-é"]
        {
            assert!(!is_language(bad), "{bad}");
        }
        let runs = |language: &str| {
            Formats { language: language.into(), ..Formats::default() }.direction()
        };
        assert_eq!(runs("ar-EG"), Direction::RightToLeft);
        assert_eq!(runs("pa-Arab-PK"), Direction::RightToLeft);
        assert_eq!(runs("ks-Deva"), Direction::LeftToRight);
        assert_eq!(runs("de"), Direction::LeftToRight);
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(day in -1_000_000i64..1_000_000) {
            let of = |day: i64| civil(Timestamp::from_millis(day * 86_400_000));
            let ((year, month, today), next) = (of(day), of(day + 1));
            let follows = next == (year, month, today + 1)
                || (next == (year, month + 1, 1) && today >= 28)
                || (next == (year + 1, 1, 1) && (month, today) == (12, 31));
            prop_assert!(follows, "{:?} after {:?}", next, (year, month, today));
            prop_assert_eq!(of(day), civil(Timestamp::from_millis(day * 86_400_000 + 86_399_999)));
        }

        #[test]
        fn no_digit_is_lost(minor in any::<i64>(), numbers in 0usize..4) {
            let numbers = [NumberFormat::CommaPoint, NumberFormat::PointComma,
                NumberFormat::BlankComma, NumberFormat::ApostrophePoint][numbers];
            let money = Money::from_minor(minor, Currency::USD);
            let shown = Formats { numbers, ..Formats::default() }.price(money);
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            prop_assert_eq!(digits(&shown), digits(&money.to_decimal()));
        }
    }
}
