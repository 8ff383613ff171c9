//! How values look in JSON: amounts as exact numbers, times in RFC 3339, ids as their text.

use crate::domain::catalog::Fault;
use crate::domain::{Currency, Money, Timestamp, money::MoneyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Number, Value};
use std::borrow::Cow;
use utoipa::openapi::schema::{OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The amount as it is printed: major units, all decimals of its currency.
pub fn money_text(money: Money) -> String {
    money.to_decimal()
}

/// An amount as a JSON number in major units with all of its currency's decimals: `160.00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyJson(pub Money);

impl Serialize for MoneyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Number::from_string_unchecked(self.0.to_decimal()).serialize(serializer)
    }
}

impl From<Money> for MoneyJson {
    fn from(money: Money) -> MoneyJson {
        MoneyJson(money)
    }
}

impl PartialSchema for MoneyJson {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::Custom("decimal".into())))
            .description(Some(
                "An exact amount in major units of the currency beside it; read it as decimal text, not as binary floating-point.",
            ))
            .examples([Value::Number(Number::from_string_unchecked("999.99".into()))])
            .into()
    }
}

impl ToSchema for MoneyJson {
    fn name() -> Cow<'static, str> {
        "Money".into()
    }
}

/// An amount as it was sent, a JSON number or decimal text, kept to the letter until its currency
/// is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecimalText(pub String);

/// Decimal text: whole digits and, after a point, more digits.
const DECIMAL_PATTERN: &str = r"^[0-9]{1,18}(\.[0-9]{1,6})?$";

impl DecimalText {
    /// The amount in `currency`; a number with more decimals than that has is refused.
    pub fn in_currency(&self, currency: Currency) -> Result<Money, MoneyError> {
        Money::from_decimal(&self.0, currency)
    }

    /// As [`DecimalText::in_currency`], with `pointer` as the place of a fault.
    pub fn money_at(&self, pointer: &str, currency: Currency) -> Result<Money, Fault> {
        let fault =
            |error: MoneyError| Fault { pointer: pointer.into(), detail: error.to_string() };
        self.in_currency(currency).map_err(fault)
    }

    /// Whatever stands in a body where an amount should be, for rules that span fields.
    pub fn peek(value: &Value) -> Option<DecimalText> {
        match value {
            Value::Number(number) => Some(DecimalText(number.as_str().to_owned())),
            Value::String(text) => Some(DecimalText(text.clone())),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DecimalText, D::Error> {
        let value = Value::deserialize(deserializer)?;
        DecimalText::peek(&value).ok_or_else(|| de::Error::custom("expected an amount"))
    }
}

impl PartialSchema for DecimalText {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::Custom("decimal".into())))
            .minimum(Some(0));
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(DECIMAL_PATTERN));
        OneOfBuilder::new()
            .item(number)
            .item(text)
            .description(Some(
                "An exact amount in major units: a number such as 999.99, without an exponent, or the same as text.",
            ))
            .into()
    }
}

impl ToSchema for DecimalText {
    fn name() -> Cow<'static, str> {
        "Amount".into()
    }
}

/// An instant, as `2026-10-26T10:00:00Z`; with three digits of milliseconds where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time_text(self.0))
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Time {
        Time(at)
    }
}

/// RFC 3339 in UTC. Beyond what a calendar can name, the epoch stands in.
pub fn time_text(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    if at.as_millis() % 1_000 == 0 { format!("{time:.0}") } else { format!("{time:.3}") }
}

/// Reads RFC 3339 with any offset, cut to the millisecond.
pub fn time_from_text(text: &str) -> Option<Timestamp> {
    let time = text.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        time_from_text(&text).map(Time).ok_or_else(|| de::Error::custom("expected a time"))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([Value::from("2026-10-26T10:00:00Z")])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// Reads a field that may be absent, null or given: `None`, `Some(None)`, `Some(Some(…))`. An absent
/// field changes nothing, null empties it.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse::parse;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_numbers_with_all_their_decimals() {
        let text = |minor, code: &str| {
            let money = Money::from_minor(minor, Currency::from_code(code).unwrap());
            serde_json::to_string(&MoneyJson(money)).unwrap()
        };
        assert_eq!(text(16_000, "USD"), "160.00");
        assert_eq!(text(-5, "USD"), "-0.05");
        assert_eq!(text(500, "JPY"), "500");
        assert_eq!(text(1, "KWD"), "0.001");
    }

    #[test]
    fn times_show_milliseconds_only_where_there_are_any() {
        let text = |millis| time_text(Timestamp::from_millis(millis));
        assert_eq!(text(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(text(1_700_000_000_100), "2023-11-14T22:13:20.100Z");
        assert_eq!(
            time_from_text("2023-11-14T23:13:20+01:00"),
            Some(Timestamp::from_millis(1_700_000_000_000))
        );
        assert_eq!(time_from_text("yesterday"), None);
    }

    proptest! {
        #[test]
        fn an_amount_is_kept_to_the_letter(text in "(0|[1-9][0-9]{0,12})(\\.[0-9]{1,4})?", quoted: bool) {
            let sent = if quoted { format!("\"{text}\"") } else { text.clone() };
            let value = parse(sent.as_bytes()).unwrap();
            let read: DecimalText = serde_json::from_value(value).unwrap();
            prop_assert_eq!(read.0, text);
        }

        #[test]
        fn what_is_printed_is_read_back(minor in 0i64..1_000_000_000_000_000, code in prop::sample::select(vec!["USD", "JPY", "KWD", "CLF"])) {
            let money = Money::from_minor(minor, Currency::from_code(code).unwrap());
            let text = serde_json::to_string(&MoneyJson(money)).unwrap();
            let read: DecimalText = serde_json::from_value(parse(text.as_bytes()).unwrap()).unwrap();
            prop_assert_eq!(read.in_currency(money.currency()), Ok(money));
        }

        #[test]
        fn times_come_back_as_they_went(millis in 0i64..4_000_000_000_000) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(time_from_text(&time_text(at)), Some(at));
        }
    }
}
