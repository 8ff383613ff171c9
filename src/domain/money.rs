//! Money: whole minor units of one currency, exact by construction.
//!
//! No float ever holds an amount, no sum crosses currencies, and division is only offered as
//! [`Money::allocate`] and [`Money::share`], which say where the odd cent goes. Formatting for a
//! reader's language is absent on purpose; [`Money::to_decimal`] is the wire form.

use iso_currency::IntoEnumIterator;
use std::fmt;
use std::sync::LazyLock;

/// A currency of ISO 4217, list one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    pub const USD: Currency = Currency(iso_currency::Currency::USD);
    pub const EUR: Currency = Currency(iso_currency::Currency::EUR);
    pub const GBP: Currency = Currency(iso_currency::Currency::GBP);

    /// Reads an alphabetic code such as `USD`; case matters, as in the standard.
    pub fn from_code(code: &str) -> Option<Currency> {
        /// By the three letters as a number: every stored amount names its currency, and a row of an order
        /// has a dozen of them.
        static KNOWN: LazyLock<Vec<Option<Currency>>> = LazyLock::new(|| {
            let mut known = vec![None; 26 * 26 * 26];
            for currency in iso_currency::Currency::iter() {
                if let Some(place) = place(currency.code()) {
                    known[place] = Some(Currency(currency));
                }
            }
            known
        });
        fn place(code: &str) -> Option<usize> {
            let letter = |byte: u8| byte.is_ascii_uppercase().then(|| usize::from(byte - b'A'));
            let [one, two, three] = <[u8; 3]>::try_from(code.as_bytes()).ok()?;
            Some((letter(one)? * 26 + letter(two)?) * 26 + letter(three)?)
        }
        KNOWN[place(code)?]
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Its symbol, such as `$` or `€`, which another currency may have as well; `None` where it has
    /// none.
    pub fn symbol(self) -> Option<String> {
        let symbol = self.0.symbol().symbol;
        // The sign for any currency.
        (symbol != "¤").then_some(symbol)
    }

    /// Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for KWD. Units without minor units
    /// (gold, test codes) count whole. Source: ISO 4217, list one.
    pub fn exponent(self) -> u32 {
        self.0.exponent().unwrap_or(0).into()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in whole minor units (cents) of one currency; may be negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why an amount could not be computed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0} and {1} cannot be added up")]
    CurrencyMismatch(Currency, Currency),
    #[error("the amount is too large")]
    Overflow,
    #[error("not a decimal number")]
    Malformed,
    #[error("{currency} has {allowed} decimal places, not {given}")]
    TooManyDecimals { currency: Currency, allowed: u32, given: u32 },
}

/// The largest amount that is taken in: 10^15 minor units, far above any shop and far below
/// where a thousand lines of ten thousand units each could overflow.
const LARGEST_MINOR: i64 = 1_000_000_000_000_000;

impl Money {
    pub const fn from_minor(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    pub const fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    pub const fn minor(self) -> i64 {
        self.minor
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        bounded(i128::from(self.minor) + i128::from(other.minor), self.currency)
    }

    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        bounded(i128::from(self.minor) - i128::from(other.minor), self.currency)
    }

    pub fn times(self, units: u32) -> Result<Money, MoneyError> {
        bounded(i128::from(self.minor) * i128::from(units), self.currency)
    }

    /// Adds amounts of one currency up; the sum of none is zero `currency`.
    pub fn sum(
        amounts: impl IntoIterator<Item = Money>,
        currency: Currency,
    ) -> Result<Money, MoneyError> {
        amounts.into_iter().try_fold(Money::zero(currency), Money::plus)
    }

    /// Splits the amount in proportion to `weights` so that the parts add up to it exactly: the
    /// left-over minor units go to the first parts, one each (`eur(100)` by `[1, 1, 1]` is 34, 33
    /// and 33). With no weight above zero, all of it is the first part.
    pub fn allocate(self, weights: &[u32]) -> Vec<Money> {
        let total: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
        let amount = i128::from(self.minor);
        let mut parts: Vec<i128> = weights
            .iter()
            .map(|&weight| if total == 0 { 0 } else { amount * i128::from(weight) / total })
            .collect();
        let mut left = amount - parts.iter().sum::<i128>();
        let step = left.signum();
        if total == 0 {
            if let Some(first) = parts.first_mut() {
                *first = amount;
            }
            left = 0;
        }
        for (part, _) in parts.iter_mut().zip(weights).filter(|(_, weight)| **weight > 0) {
            if left == 0 {
                break;
            }
            *part += step;
            left -= step;
        }
        parts.into_iter().map(|minor| Money::from_minor(minor as i64, self.currency)).collect()
    }

    /// `numerator / denominator` of the amount, rounded half away from zero to the minor unit.
    /// The rule and its source are stated in [`super::tax`].
    pub fn share(self, numerator: u64, denominator: u64) -> Result<Money, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::Overflow);
        }
        let product = i128::from(self.minor) * i128::from(numerator);
        let (half, denominator) = (i128::from(denominator) / 2, i128::from(denominator));
        // With an odd denominator no value lies exactly half-way, so flooring the half is exact.
        let rounded = (product.abs() + half) / denominator * product.signum();
        bounded(rounded, self.currency)
    }

    /// Reads decimal text such as `999.99` exactly. More decimals than the currency has are an
    /// error even where they are zero beyond reach of rounding: the caller meant another currency.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let has_point = digits.contains('.');
        if whole.is_empty() || (has_point && fraction.is_empty()) || digits.len() > 24 {
            return Err(MoneyError::Malformed);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(MoneyError::Malformed);
        }
        let allowed = currency.exponent();
        let given = fraction.len() as u32;
        if given > allowed {
            return Err(MoneyError::TooManyDecimals { currency, allowed, given });
        }
        let padded = format!("{whole}{fraction}{}", "0".repeat((allowed - given) as usize));
        let minor: i128 = padded.parse().map_err(|_| MoneyError::Malformed)?;
        bounded(if negative { -minor } else { minor }, currency)
    }

    /// The amount in major units with all of the currency's decimals: `1999.98`, `500` for JPY.
    pub fn to_decimal(self) -> String {
        let exponent = self.currency.exponent() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

fn bounded(minor: i128, currency: Currency) -> Result<Money, MoneyError> {
    if minor.abs() > i128::from(LARGEST_MINOR) {
        return Err(MoneyError::Overflow);
    }
    Ok(Money::from_minor(minor as i64, currency))
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For people in logs and messages: `999.99 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    #[test]
    fn a_hundred_cents_in_three_parts_lose_none() {
        assert_eq!(eur(100).allocate(&[1, 1, 1]), [eur(34), eur(33), eur(33)]);
        assert_eq!(eur(-100).allocate(&[1, 1, 1]), [eur(-34), eur(-33), eur(-33)]);
        assert_eq!(eur(5).allocate(&[0, 0]), [eur(5), eur(0)]);
    }

    #[test]
    fn exponents_are_those_of_iso_4217() {
        let exponents =
            ["EUR", "JPY", "KWD", "CLF"].map(|code| Currency::from_code(code).unwrap().exponent());
        assert_eq!(exponents, [2, 0, 3, 4]);
        assert!(Currency::from_code("usd").is_none() && Currency::from_code("ZZZ").is_none());
    }

    #[test]
    fn decimal_text_is_read_exactly_or_refused() {
        let jpy = Currency::from_code("JPY").unwrap();
        assert_eq!(Money::from_decimal("999.99", Currency::USD).unwrap().minor(), 99_999);
        assert_eq!(Money::from_decimal("0.1", Currency::USD).unwrap().minor(), 10);
        assert_eq!(Money::from_decimal("-3", Currency::USD).unwrap().minor(), -300);
        assert_eq!(Money::from_decimal("500", jpy).unwrap().to_decimal(), "500");
        for bad in ["", ".5", "1.", "1e3", "+1", "1,5", "--1", "0x1", " 1", "1 ", "NaN"] {
            assert_eq!(
                Money::from_decimal(bad, Currency::USD),
                Err(MoneyError::Malformed),
                "{bad:?}"
            );
        }
        assert!(matches!(
            Money::from_decimal("1.005", Currency::USD),
            Err(MoneyError::TooManyDecimals { allowed: 2, given: 3, .. })
        ));
        assert_eq!(
            Money::from_decimal("99999999999999999", Currency::USD),
            Err(MoneyError::Overflow)
        );
    }

    #[test]
    fn currencies_never_mix() {
        let usd = Money::from_minor(1, Currency::USD);
        assert!(matches!(eur(1).plus(usd), Err(MoneyError::CurrencyMismatch(_, _))));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(minor in -1_000_000_000i64..1_000_000_000, weights in prop::collection::vec(0u32..1000, 1..20)) {
            let parts = eur(minor).allocate(&weights);
            prop_assert_eq!(Money::sum(parts.iter().copied(), Currency::EUR).unwrap(), eur(minor));
            let total: i64 = weights.iter().map(|&w| i64::from(w)).sum();
            if total > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let exact = minor as f64 * f64::from(*weight) / total as f64;
                    prop_assert!((part.minor() as f64 - exact).abs() <= 1.0);
                    prop_assert!(*weight > 0 || part.is_zero());
                }
            }
        }

        #[test]
        fn decimal_text_comes_back_as_it_went(minor in -LARGEST_MINOR..LARGEST_MINOR, code in prop::sample::select(vec!["USD", "JPY", "KWD"])) {
            let money = Money::from_minor(minor, Currency::from_code(code).unwrap());
            prop_assert_eq!(Money::from_decimal(&money.to_decimal(), money.currency()), Ok(money));
        }

        #[test]
        fn a_share_is_rounded_half_away_from_zero(minor in -1_000_000i64..1_000_000, n in 0u64..2_000_000, d in 1u64..2_000_000) {
            let share = i128::from(eur(minor).share(n, d).unwrap().minor());
            let (exact, d) = (i128::from(minor) * i128::from(n), i128::from(d));
            prop_assert!((2 * (share * d - exact)).abs() <= d);
            if (2 * (share * d - exact)).abs() == d {
                prop_assert!(share.abs() * d > exact.abs());
            }
        }
    }
}
