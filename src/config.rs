//! The shop's settings: a TOML file, with every key optional and unknown keys refused.
//!
//! Amounts and percentages are decimal text, read exactly. What a merchant does not set has the
//! default that is stated at the field.

mod backup;
mod mail;
mod storefront;

pub use backup::{Archive, Backup};
pub use mail::{Mail, MailWay, SmtpServer, SmtpTls};
pub use storefront::Storefront;

use crate::actors::accounts::{SessionLife, SessionSettings};
use crate::actors::env::Settings;
use crate::backup::Plan;
use crate::domain::address::is_country;
use crate::domain::pricing::PriceRules;
use crate::domain::shipping::{ShippingRate, ShippingTable, ShippingZone};
use crate::domain::tax::{Prices, Rate, TaxRate, TaxTable};
use crate::domain::{Currency, Money, Region, Span};
use crate::http::admission::Rule;
use crate::http::client::{Proxies, ProxyHeader};
use crate::http::cors::Cors as AllowedSites;
use crate::http::limits::{ConnectionLimits, Limits as DoorLimits, LiveLimits, Pace};
use crate::http::rates::{PerMinute, RateSettings};
use crate::http::settings::DoorSettings;
use crate::http::tls::TlsSettings;
use crate::identity::settings::{self, ProviderRow};
use crate::payments::CaptureMode;
use ipnet::IpNet;
use serde::Deserialize;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// What the pages are made with until the merchant saves something else.
    pub shop: Storefront,
    /// ISO 4217; default `USD`.
    pub currency: String,
    pub tax: Tax,
    pub shipping: Shipping,
    pub payments: Payments,
    pub mail: Mail,
    pub limits: Limits,
    pub rates: Rates,
    pub proxies: BehindProxies,
    pub cors: Cors,
    pub sessions: Sessions,
    pub tls: Tls,
    pub memory: Memory,
    pub backup: Backup,
    pub archive: Archive,
    /// Identity providers that staff or customers sign in with; default none.
    pub identity: Vec<ProviderRow>,
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
    /// How long a write may take before fewer are let in at once, and the rest answered 503 at once;
    /// fewer than 64 always are. Default 15; 0 for no bound but `requests`. `MERCAT_WRITE_WAIT_MS`
    /// overrides it, for load tests.
    pub write_wait_ms: u32,
    /// Writes under way at once, however fast they are; default 512.
    pub writes: usize,
    /// The largest JSON body; default 1 MiB.
    pub body_bytes: usize,
    /// The largest imported file or picture; default 64 MiB.
    pub upload_bytes: usize,
    /// How long one request may take; default 30 000.
    pub request_ms: u32,
    /// How long a checkout may hold units before its order is written; default 10 000.
    pub hold_ms: u32,
    /// Bytes of a path with its query; default 8 192.
    pub url_bytes: usize,
    /// Bytes of a request's head, at least 8 192; default 16 384.
    pub header_bytes: usize,
    /// Header fields of a request; default 100.
    pub headers: usize,
    /// How long a request's head may take to come; default 10 000.
    pub header_ms: u32,
    /// How long a body may take to come, beside the time that `body_bytes_per_second` gives it;
    /// default 10 000.
    pub body_ms: u32,
    /// The pace that a longer body must keep; default 1 000.
    pub body_bytes_per_second: u32,
    /// How long a connection is kept on which nothing is asked (up to twice that); default 60 000.
    pub idle_ms: u32,
    /// How long a client may leave an answer unread; default 30 000.
    pub write_ms: u32,
    /// Connections at once, as far as the system has files for them; default 16 384.
    pub connections: usize,
    /// Connections at once from one address that is no proxy of ours; default 256.
    pub connections_per_address: usize,
    /// Live streams of stock at once, which open product pages have; default 2 048.
    pub live_streams: usize,
    /// The same for one client address; default 64. Without limit where nobody is counted.
    pub live_streams_per_address: usize,
}

/// Requests a minute; 0 for any number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Default yes; `MERCAT_RATE_LIMITS=off` switches them off, for load tests. Then connections
    /// from one address are not bounded either, except by the bound of all.
    pub on: bool,
    /// For each address that shows no valid credentials; `auth` whatever it shows. Default: read
    /// 1 200, write 300, auth 60, checkout 60.
    pub address: RatesRow,
    /// For each account or API key. Default: read 6 000, write 3 000, auth 60, checkout 300.
    pub account: RatesRow,
}

/// What is not set has the default of its table.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatesRow {
    pub read: Option<u32>,
    pub write: Option<u32>,
    /// Everything below `/v1/auth`.
    pub auth: Option<u32>,
    pub checkout: Option<u32>,
}

/// Proxies in front of the shop.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehindProxies {
    /// Their networks, such as `10.0.0.0/8`, or single addresses; default: none. Only they are
    /// believed where a request comes from.
    pub trusted: Vec<String>,
    /// The one header that they write (and overwrite or append to): `x-forwarded-for` (default) or
    /// `forwarded`.
    pub header: ForwardedBy,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    #[default]
    XForwardedFor,
    Forwarded,
}

/// TLS spoken by the shop itself, by a certificate from files or one that it orders. Default: none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    pub files: Option<TlsFiles>,
    pub acme: Option<TlsAcme>,
    /// How often the files are looked at for a new certificate; default 10 000.
    pub reload_ms: u32,
    /// How long a browser keeps to HTTPS, also where a proxy speaks it; default a year, 0 for not.
    pub hsts_seconds: u32,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Certificates from Let's Encrypt. Its issuer must reach the shop at port 443 of each domain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsAcme {
    pub domains: Vec<String>,
    /// Where the issuer may write to, such as `you@shop.example`.
    pub email: String,
    /// Certificates for trying it out, which no browser trusts; default no.
    #[serde(default)]
    pub staging: bool,
}

/// Other web sites that may ask from a visitor's browser.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Such as `https://shop.example`, or `*` for all; default: none.
    pub origins: Vec<String>,
    /// Whether they may send the visitor's cookies; default no, and never together with `*`.
    pub credentials: bool,
}

/// How long a browser stays logged in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// Without asking for anything; default 120 for staff, 14 days for customers.
    pub staff_idle_minutes: u32,
    pub customer_idle_days: u32,
    /// However much it asks; default 24 for staff, 90 days for customers.
    pub staff_hours: u32,
    pub customer_days: u32,
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
            shop: Storefront::default(),
            currency: "USD".into(),
            tax: Tax::default(),
            shipping: Shipping::default(),
            payments: Payments::default(),
            mail: Mail::default(),
            limits: Limits::default(),
            rates: Rates::default(),
            proxies: BehindProxies::default(),
            cors: Cors::default(),
            sessions: Sessions::default(),
            tls: Tls::default(),
            memory: Memory::default(),
            backup: Backup::default(),
            archive: Archive::default(),
            identity: Vec::new(),
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
            write_wait_ms: 15,
            writes: 512,
            body_bytes: 1 << 20,
            upload_bytes: 64 << 20,
            request_ms: 30_000,
            hold_ms: 10_000,
            url_bytes: 8_192,
            header_bytes: 16_384,
            headers: 100,
            header_ms: 10_000,
            body_ms: 10_000,
            body_bytes_per_second: 1_000,
            idle_ms: 60_000,
            write_ms: 30_000,
            connections: 16_384,
            connections_per_address: 256,
            live_streams: 2_048,
            live_streams_per_address: 64,
        }
    }
}

impl Default for Tls {
    fn default() -> Tls {
        Tls { files: None, acme: None, reload_ms: 10_000, hsts_seconds: 31_536_000 }
    }
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { on: true, address: RatesRow::default(), account: RatesRow::default() }
    }
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions {
            staff_idle_minutes: 120,
            customer_idle_days: 14,
            staff_hours: 24,
            customer_days: 90,
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

    /// Reads settings from TOML text; the error says what is wrong and where. It does not repeat
    /// the line, which may hold a secret.
    pub fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", error.message())
        })
    }

    /// What the actors go by, or the first setting that makes no sense.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let currency = currency("currency", &self.currency)?;
        if let Some((key, detail)) = settings::fault(&self.identity) {
            return Err(value(key, detail));
        }
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
            sessions: self.sessions.lives()?,
            shop: self.shop.settings()?,
        })
    }

    /// What is to be kept of the shop, or the first setting that makes no sense.
    pub fn keeping(&self) -> Result<Plan, ConfigError> {
        backup::plan(&self.backup, &self.archive)
    }

    /// What the front door goes by, or the first setting that makes no sense.
    pub fn door(&self) -> Result<DoorSettings, ConfigError> {
        let cors = AllowedSites::new(&self.cors.origins, self.cors.credentials);
        let public_url = self.public_url.as_deref().unwrap_or_default();
        Ok(DoorSettings {
            limits: self.limits.of_door(self.rates.on),
            proxies: self.proxies.networks()?,
            rates: self.rates.on.then(|| self.rates.per_minute()),
            cors: cors.map_err(|error| value("cors.origins".into(), &error.to_string()))?,
            is_https: public_url.starts_with("https://"),
            hsts_seconds: self.tls.hsts_seconds,
        })
    }
}

impl Tls {
    /// Where the certificate is from; none without TLS. What is ordered is kept below `folder`.
    pub fn settings(&self, folder: &Path) -> Result<Option<TlsSettings>, ConfigError> {
        match (&self.files, &self.acme) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(value("tls".into(), "takes files or acme, and not both at once"))
            }
            (Some(TlsFiles { certificate, key }), None) => {
                let look_every = Duration::from_millis(self.reload_ms.max(1).into());
                let (certificate, key) = (certificate.clone(), key.clone());
                Ok(Some(TlsSettings::Files { certificate, key, look_every }))
            }
            (None, Some(acme)) if acme.domains.is_empty() => {
                Err(value("tls.acme.domains".into(), "must name a domain"))
            }
            (None, Some(acme)) => Ok(Some(TlsSettings::Acme {
                domains: acme.domains.clone(),
                contact: vec![format!("mailto:{}", acme.email)],
                staging: acme.staging,
                folder: folder.join("acme"),
            })),
        }
    }
}

impl Limits {
    fn of_door(&self, is_counted: bool) -> DoorLimits {
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let counted = |most: usize| if is_counted { most } else { usize::MAX };
        DoorLimits {
            most_requests: self.requests,
            writes: (self.write_wait_ms > 0)
                .then(|| Rule { target: millis(self.write_wait_ms), most: self.writes }),
            time_limit: millis(self.request_ms),
            body_bytes: self.body_bytes,
            pace: Pace {
                grace: millis(self.body_ms),
                bytes_per_second: self.body_bytes_per_second,
            },
            url_bytes: self.url_bytes,
            connections: ConnectionLimits {
                most: self.connections,
                most_per_address: counted(self.connections_per_address),
                head_bytes: self.header_bytes,
                most_headers: self.headers,
                head_time: millis(self.header_ms),
                idle_time: millis(self.idle_ms),
                write_time: millis(self.write_ms),
                ..ConnectionLimits::default()
            },
            live: LiveLimits {
                most: self.live_streams,
                most_per_address: counted(self.live_streams_per_address),
            },
            ..DoorLimits::default()
        }
    }
}

impl Rates {
    fn per_minute(&self) -> RateSettings {
        let default = RateSettings::default();
        RateSettings {
            address: self.address.over(default.address),
            account: self.account.over(default.account),
        }
    }
}

impl RatesRow {
    fn over(&self, default: PerMinute) -> PerMinute {
        PerMinute {
            read: self.read.unwrap_or(default.read),
            write: self.write.unwrap_or(default.write),
            auth: self.auth.unwrap_or(default.auth),
            checkout: self.checkout.unwrap_or(default.checkout),
        }
    }
}

impl Sessions {
    fn lives(&self) -> Result<SessionSettings, ConfigError> {
        let is_set = |key: &str, number: u32| match number {
            0 => Err(value(format!("sessions.{key}"), "must be at least 1")),
            number => Ok(i64::from(number)),
        };
        let idle = Span::minutes(is_set("staff_idle_minutes", self.staff_idle_minutes)?);
        let most = Span::hours(is_set("staff_hours", self.staff_hours)?);
        let staff = SessionLife { idle, most };
        let idle = Span::days(is_set("customer_idle_days", self.customer_idle_days)?);
        let most = Span::days(is_set("customer_days", self.customer_days)?);
        Ok(SessionSettings { staff, customers: SessionLife { idle, most } })
    }
}

impl BehindProxies {
    fn networks(&self) -> Result<Proxies, ConfigError> {
        let network = |(i, text): (usize, &String)| {
            let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
            text.parse().ok().or_else(single).ok_or_else(|| {
                value(format!("proxies.trusted[{i}]"), "must be a network such as 10.0.0.0/8")
            })
        };
        let networks = self.trusted.iter().enumerate().map(network).collect::<Result<_, _>>()?;
        let header = match self.header {
            ForwardedBy::XForwardedFor => ProxyHeader::XForwardedFor,
            ForwardedBy::Forwarded => ProxyHeader::Forwarded,
        };
        Ok(Proxies { networks, header })
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
        config.door().map_err(|error| error.to_string())?;
        config.keeping().map_err(|error| error.to_string())?;
        config.tls.settings(Path::new("")).map_err(|error| error.to_string())?;
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
    fn what_is_said_of_the_shop_is_read() {
        let text = "
            [shop]
            name = 'Kettles'
            accent = '#FFD400'
            announcement = 'Free delivery'
            numbers = '1.234,56'
            currency_position = 'after'
            dates = '26.10.2026'
        ";
        let shop = settings(text).unwrap().shop;
        assert_eq!((shop.name.as_str(), shop.accent.to_string()), ("Kettles", "#ffd400".into()));
        assert_eq!(shop.announced().unwrap().text, "Free delivery");
        assert_eq!(shop.footer_links.len(), 5);
        let price = Money::from_minor(123_456, Currency::EUR);
        assert_eq!(shop.formats.price(price), "1.234,56\u{a0}€");
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
            ("[sessions]\nstaff_hours = 0", "sessions.staff_hours"),
            ("[shop]\naccent = 'red'", "shop.accent"),
            ("[shop]\nname = ''", "shop.name"),
            ("[shop]\nlanguage = 'English'", "shop.language"),
            ("[shop]\nannouncement = 'Hello'\nannouncement_link = 'x'", "shop.announcement_link"),
            ("[shop]\nfeatured_collections = ['a', 'A B']", "shop.featured_collections[1]"),
            (
                "[shop]\nfooter_links = [{ label = 'Terms', address = 'javascript:x' }]",
                "shop.footer_links[0].address",
            ),
            ("[backup]\nkeep_last = 0", "backup.keep_last"),
            ("[archive]\nevery_seconds = 0", "archive.every_seconds"),
            ("[tax]\nrates = [{ country = 'DE', percent = '19,5' }]", "tax.rates[0].percent"),
            ("[tax]\nhome_country = 'Germany'", "tax.home_country"),
            ("[proxies]\ntrusted = ['10.0.0.0/8', 'here']", "proxies.trusted[1]"),
            ("[tls]\nacme = { domains = [], email = 'a@b.example' }", "tls.acme.domains"),
            (
                "[tls]\nfiles = { certificate = 'a', key = 'b' }\nacme = { domains = ['a'], email = 'b' }",
                "tls",
            ),
            ("[cors]\norigins = ['*']\ncredentials = true", "cors.origins"),
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
