//! The shop's settings: a TOML file, with every key optional and unknown keys refused.
//!
//! Amounts and percentages are decimal text, read exactly. What a merchant does not set has the
//! default that is stated at the field.

use crate::actors::env::Settings;
use crate::domain::address::is_country;
use crate::domain::pricing::PriceRules;
use crate::domain::shipping::{ShippingRate, ShippingTable, ShippingZone};
use crate::domain::tax::{Prices, Rate, TaxRate, TaxTable};
use crate::domain::{Currency, Money, Region, Span};
use crate::payments::CaptureMode;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A setting that cannot be used, and which.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{} cannot be read", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is not valid: {detail}", .path.display())]
    Parse { path: PathBuf, detail: String },
    #[error("setting {key}: {detail}")]
    Value { key: String, detail: String },
}

/// All settings, checked one by one when they are turned into what the shop works with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address under which the shop is reached from outside; links are made of it, never of a
    /// request's `Host`. Default: `http://` and the listening address.
    pub public_url: Option<String>,
    /// ISO 4217; default `USD`.
    pub currency: String,
    pub tax: Tax,
    pub shipping: Shipping,
    pub payments: Payments,
    pub limits: Limits,
    pub memory: Memory,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tax {
    /// Whether shown prices contain the tax; default no.
    pub prices_include_tax: bool,
    /// Where the shop is: its tax applies to carts without an address. Default `US`.
    pub home_country: Option<String>,
    pub home_region: Option<String>,
    /// Whether shipping is taxed at the destination's rate; default no.
    pub shipping_is_taxed: bool,
    /// Default: none.
    pub rates: Vec<TaxRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRow {
    pub country: String,
    pub region: Option<String>,
    /// Such as `"8.875"`; at most four decimals.
    pub percent: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shipping {
    /// Default: `standard` to everywhere for 5.00, free from 50.00, in the shop's currency.
    pub zones: Vec<Zone>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// ISO 3166-1 alpha-2; none means every country that no other zone names.
    #[serde(default)]
    pub countries: Vec<String>,
    pub rates: Vec<ShippingRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingRow {
    pub id: String,
    pub name: String,
    pub price: String,
    pub free_over: Option<String>,
    /// Default: the shop's currency.
    pub currency: Option<String>,
    pub min_days: u32,
    pub max_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payments {
    /// Whether money is taken with the order (default) or only set aside.
    pub capture: Capture,
    /// How long an order paid online may stay unpaid; default 30.
    pub pay_within_minutes: u32,
    /// How long an order paid by bank transfer or cash may stay unpaid; default 7.
    pub pay_by_hand_within_days: u32,
    /// How long a provider may take to answer; default 10 000.
    pub timeout_ms: u32,
    /// How long to wait before a silent provider is asked again; default 2 000, doubled each time.
    pub retry_ms: u32,
    /// Whether the `test` provider takes (play) money; default no.
    pub test: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    #[default]
    AtOnce,
    Later,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests under way at once; more are answered 503 at once. Default 4 096.
    pub requests: usize,
    /// The largest JSON body; default 1 MiB.
    pub body_bytes: usize,
    /// The largest imported file or picture; default 64 MiB.
    pub upload_bytes: usize,
    /// How long one request may take; default 30 000.
    pub request_ms: u32,
    /// How long a checkout may hold units before its order is written; default 10 000.
    pub hold_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Carts, orders and stock kept in memory; default 256.
    pub entities_mb: usize,
    /// What the store keeps of its file in memory; default 64.
    pub cache_mb: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            public_url: None,
            currency: "USD".into(),
            tax: Tax::default(),
            shipping: Shipping::default(),
            payments: Payments::default(),
            limits: Limits::default(),
            memory: Memory::default(),
        }
    }
}

impl Default for Payments {
    fn default() -> Payments {
        Payments {
            capture: Capture::AtOnce,
            pay_within_minutes: 30,
            pay_by_hand_within_days: 7,
            timeout_ms: 10_000,
            retry_ms: 2_000,
            test: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests: 4_096,
            body_bytes: 1 << 20,
            upload_bytes: 64 << 20,
            request_ms: 30_000,
            hold_ms: 10_000,
        }
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { entities_mb: 256, cache_mb: 64 }
    }
}

impl Config {
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Config::parse(&text).map_err(|detail| ConfigError::Parse { path: path.to_owned(), detail })
    }

    /// Reads settings from TOML text; the error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What the actors go by, or the first setting that makes no sense.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let currency = currency("currency", &self.currency)?;
        let minutes = |minutes: u32| Span::minutes(minutes.into());
        Ok(Settings {
            currency,
            rules: PriceRules { tax: self.tax.table()?, shipping: self.shipping.table(currency)? },
            capture: match self.payments.capture {
                Capture::AtOnce => CaptureMode::AtOnce,
                Capture::Later => CaptureMode::Later,
            },
            hold_for: Span::millis(self.limits.hold_ms.into()),
            pay_within: minutes(self.payments.pay_within_minutes),
            pay_by_hand_within: Span::days(self.payments.pay_by_hand_within_days.into()),
            provider_timeout: Span::millis(self.payments.timeout_ms.into()),
            provider_retry: Span::millis(self.payments.retry_ms.into()),
            entity_bytes: self.memory.entities_mb << 20,
        })
    }
}

impl Tax {
    fn table(&self) -> Result<TaxTable, ConfigError> {
        let home_country = self.home_country.clone().unwrap_or_else(|| "US".to_owned());
        let row = |(i, row): (usize, &TaxRow)| {
            let key = format!("tax.rates[{i}]");
            let rate = percent(&row.percent).ok_or_else(|| {
                value(format!("{key}.percent"), "must be 0 to 100 with at most four decimals")
            })?;
            let country = country(format!("{key}.country"), &row.country)?;
            Ok(TaxRate { country, region: row.region.clone(), rate })
        };
        Ok(TaxTable {
            prices: if self.prices_include_tax { Prices::IncludeTax } else { Prices::ExcludeTax },
            home: Region {
                country: country("tax.home_country".into(), &home_country)?,
                region: self.home_region.clone(),
            },
            rates: self.rates.iter().enumerate().map(row).collect::<Result<_, _>>()?,
            shipping_is_taxed: self.shipping_is_taxed,
        })
    }
}

impl Shipping {
    fn table(&self, shop: Currency) -> Result<ShippingTable, ConfigError> {
        if self.zones.is_empty() {
            return Ok(ShippingTable { zones: vec![default_zone(shop)] });
        }
        let zone = |(i, zone): (usize, &Zone)| {
            let key = format!("shipping.zones[{i}]");
            let countries =
                zone.countries.iter().map(|code| country(format!("{key}.countries"), code));
            let rate =
                |(j, row): (usize, &ShippingRow)| row.rate(&format!("{key}.rates[{j}]"), shop);
            Ok(ShippingZone {
                countries: countries.collect::<Result<_, _>>()?,
                rates: zone.rates.iter().enumerate().map(rate).collect::<Result<_, _>>()?,
            })
        };
        let zones = self.zones.iter().enumerate().map(zone).collect::<Result<_, _>>()?;
        Ok(ShippingTable { zones })
    }
}

impl ShippingRow {
    fn rate(&self, key: &str, shop: Currency) -> Result<ShippingRate, ConfigError> {
        let own = match &self.currency {
            Some(code) => currency(&format!("{key}.currency"), code)?,
            None => shop,
        };
        let amount = |name: &str, text: &str| {
            let money = Money::from_decimal(text, own);
            let money =
                money.map_err(|error| value(format!("{key}.{name}"), &error.to_string()))?;
            if money.is_negative() {
                return Err(value(format!("{key}.{name}"), "must not be negative"));
            }
            Ok(money)
        };
        Ok(ShippingRate {
            id: self.id.clone(),
            name: self.name.clone(),
            price: amount("price", &self.price)?,
            free_over: self
                .free_over
                .as_deref()
                .map(|text| amount("free_over", text))
                .transpose()?,
            min_days: self.min_days,
            max_days: self.max_days,
        })
    }
}

fn default_zone(currency: Currency) -> ShippingZone {
    let major = 10i64.pow(currency.exponent());
    ShippingZone {
        countries: vec![],
        rates: vec![ShippingRate {
            id: "standard".into(),
            name: "Standard".into(),
            price: Money::from_minor(5 * major, currency),
            free_over: Some(Money::from_minor(50 * major, currency)),
            min_days: 2,
            max_days: 5,
        }],
    }
}

/// Reads `8.875` as 88 750 millionths.
fn percent(text: &str) -> Option<Rate> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 3
        || fraction.len() > 4
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let millionths: u32 = format!("{whole}{fraction:0<4}").parse().ok()?;
    Rate::from_millionths(millionths)
}

fn currency(key: &str, code: &str) -> Result<Currency, ConfigError> {
    let found = Currency::from_code(code);
    found.ok_or_else(|| value(key.to_owned(), "must be a code of ISO 4217, such as EUR"))
}

fn country(key: String, code: &str) -> Result<String, ConfigError> {
    if is_country(code) {
        return Ok(code.to_owned());
    }
    Err(value(key, "must be a code of ISO 3166-1 alpha-2, such as DE"))
}

fn value(key: String, detail: &str) -> ConfigError {
    ConfigError::Value { key, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        let config = Config::parse(text)?;
        config.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_a_working_shop() {
        let settings = settings("").unwrap();
        assert_eq!(settings.currency, Currency::USD);
        let goods = Money::from_minor(100, Currency::USD);
        assert_eq!(settings.rules.shipping.options("FR", goods)[0].price.minor(), 500);
    }

    #[test]
    fn rates_are_read_exactly() {
        let text = "
            currency = 'EUR'
            [tax]
            prices_include_tax = true
            home_country = 'DE'
            rates = [{ country = 'DE', percent = '19' }, { country = 'US', region = 'NY', percent = '8.875' }]
            [[shipping.zones]]
            countries = ['DE']
            rates = [{ id = 'dhl', name = 'DHL', price = '4.90', free_over = '40', min_days = 1, max_days = 3 }]
        ";
        let settings = settings(text).unwrap();
        let rates: Vec<u32> =
            settings.rules.tax.rates.iter().map(|row| row.rate.millionths()).collect();
        assert_eq!(rates, [190_000, 88_750]);
        assert_eq!(settings.rules.shipping.zones[0].rates[0].price.minor(), 490);
    }

    #[test]
    fn a_bad_setting_is_named() {
        let bad = [
            ("curency = 'USD'", "curency"),
            ("currency = 'usd'", "currency"),
            ("[tax]\nrates = [{ country = 'DE', percent = '19,5' }]", "tax.rates[0].percent"),
            ("[tax]\nhome_country = 'Germany'", "tax.home_country"),
            (
                "[[shipping.zones]]\nrates = [{ id = 'a', name = 'A', price = '1.999', min_days = 1, max_days = 2 }]",
                "shipping.zones[0].rates[0].price",
            ),
        ];
        for (text, named) in bad {
            let error = settings(text).expect_err(text);
            assert!(error.contains(named), "{error}");
        }
    }
}
