//! What many records contain: amounts, addresses, totals.

use crate::domain::pricing::LineTotals;
use crate::domain::{Address, Currency, Money, Sealed, Timestamp};
use crate::storage::codec::ValueError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// The three letters of ISO 4217.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CurrencyV1([u8; 3]);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct MoneyV1 {
    minor: i64,
    currency: CurrencyV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AddressV1<'a> {
    name: &'a str,
    line1: &'a str,
    #[serde(borrow)]
    line2: Option<&'a str>,
    city: &'a str,
    #[serde(borrow)]
    region: Option<&'a str>,
    #[serde(borrow)]
    postal_code: Option<&'a str>,
    country: &'a str,
    #[serde(borrow)]
    phone: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LineTotalsV1 {
    subtotal: MoneyV1,
    discount: MoneyV1,
    tax: MoneyV1,
    total: MoneyV1,
}

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TimeV1(i64);

/// Bytes in one piece: left to itself, serde reads and writes a slice byte by byte.
#[derive(Debug)]
pub struct BytesV1<'a>(Cow<'a, [u8]>);

impl BytesV1<'_> {
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> From<&'a [u8]> for BytesV1<'a> {
    fn from(bytes: &'a [u8]) -> BytesV1<'a> {
        BytesV1(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for BytesV1<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        BytesV1(Cow::Owned(bytes))
    }
}

impl From<BytesV1<'_>> for Vec<u8> {
    fn from(stored: BytesV1<'_>) -> Vec<u8> {
        stored.0.into_owned()
    }
}

impl<'a> From<&'a Sealed> for BytesV1<'a> {
    fn from(sealed: &'a Sealed) -> BytesV1<'a> {
        BytesV1::from(sealed.as_bytes())
    }
}

impl From<BytesV1<'_>> for Sealed {
    fn from(stored: BytesV1<'_>) -> Sealed {
        Sealed::from_bytes(stored.into())
    }
}

impl Serialize for BytesV1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for BytesV1<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BytesV1<'a>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(BytesV1::from)
    }
}

impl From<Currency> for CurrencyV1 {
    fn from(currency: Currency) -> CurrencyV1 {
        let code = currency.code().as_bytes();
        CurrencyV1(code.try_into().expect("codes of ISO 4217 have three letters"))
    }
}

impl TryFrom<CurrencyV1> for Currency {
    type Error = ValueError;

    fn try_from(stored: CurrencyV1) -> Result<Currency, ValueError> {
        let code = std::str::from_utf8(&stored.0).ok();
        code.and_then(Currency::from_code).ok_or(ValueError("currency"))
    }
}

impl From<Money> for MoneyV1 {
    fn from(money: Money) -> MoneyV1 {
        MoneyV1 { minor: money.minor(), currency: money.currency().into() }
    }
}

impl TryFrom<MoneyV1> for Money {
    type Error = ValueError;

    fn try_from(stored: MoneyV1) -> Result<Money, ValueError> {
        Ok(Money::from_minor(stored.minor, stored.currency.try_into()?))
    }
}

impl From<Timestamp> for TimeV1 {
    fn from(at: Timestamp) -> TimeV1 {
        TimeV1(at.as_millis())
    }
}

impl From<TimeV1> for Timestamp {
    fn from(stored: TimeV1) -> Timestamp {
        Timestamp::from_millis(stored.0)
    }
}

impl<'a> From<&'a Address> for AddressV1<'a> {
    fn from(address: &'a Address) -> AddressV1<'a> {
        AddressV1 {
            name: &address.name,
            line1: &address.line1,
            line2: address.line2.as_deref(),
            city: &address.city,
            region: address.region.as_deref(),
            postal_code: address.postal_code.as_deref(),
            country: &address.country,
            phone: address.phone.as_deref(),
        }
    }
}

impl From<AddressV1<'_>> for Address {
    fn from(stored: AddressV1<'_>) -> Address {
        Address {
            name: stored.name.into(),
            line1: stored.line1.into(),
            line2: stored.line2.map(Into::into),
            city: stored.city.into(),
            region: stored.region.map(Into::into),
            postal_code: stored.postal_code.map(Into::into),
            country: stored.country.into(),
            phone: stored.phone.map(Into::into),
        }
    }
}

impl From<&LineTotals> for LineTotalsV1 {
    fn from(totals: &LineTotals) -> LineTotalsV1 {
        LineTotalsV1 {
            subtotal: totals.subtotal.into(),
            discount: totals.discount.into(),
            tax: totals.tax.into(),
            total: totals.total.into(),
        }
    }
}

impl TryFrom<LineTotalsV1> for LineTotals {
    type Error = ValueError;

    fn try_from(stored: LineTotalsV1) -> Result<LineTotals, ValueError> {
        Ok(LineTotals {
            subtotal: stored.subtotal.try_into()?,
            discount: stored.discount.try_into()?,
            tax: stored.tax.try_into()?,
            total: stored.total.try_into()?,
        })
    }
}

/// Converts each element, up to the first that is no value of the shop.
pub fn each<R, T>(stored: Vec<R>) -> Result<Vec<T>, ValueError>
where
    R: TryInto<T>,
    ValueError: From<R::Error>,
{
    stored.into_iter().map(|one| one.try_into().map_err(ValueError::from)).collect()
}

/// Texts as they are stored.
pub fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// Named texts as they are stored.
pub fn pairs(owned: &[(String, String)]) -> Vec<(&str, &str)> {
    owned.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Texts as the shop holds them.
pub fn owned_texts(stored: Vec<&str>) -> Vec<String> {
    stored.into_iter().map(str::to_owned).collect()
}

/// Named texts as the shop holds them.
pub fn owned_pairs(stored: Vec<(&str, &str)>) -> Vec<(String, String)> {
    stored.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
