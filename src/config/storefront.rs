//! What the merchant says about the shop until somebody saves it through the API.

use super::{ConfigError, value};
use crate::domain::color::Color;
use crate::domain::formats::{DateFormat, Formats, NumberFormat, SymbolPlace};
use crate::domain::settings::{Announcement, FooterLink, ShopSettings};
use serde::Deserialize;

/// From the first change through `PUT /v1/settings` on, what was saved holds and nothing here does.
/// A logo is uploaded, so it is not among them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storefront {
    /// What the shop is called, on its pages and in its mails; default: the host of the public URL.
    pub name: Option<String>,
    /// What is said of it in a line; default nothing.
    pub tagline: String,
    /// Such as `"#0e5a46"`, which is the default. Any colour will do: text is made readable.
    pub accent: Option<String>,
    /// The bar above every page; default none.
    pub announcement: Option<String>,
    /// Where that leads: a path of the shop, or an http or https address; default nowhere.
    pub announcement_link: Option<String>,
    /// Handles of collections; default none.
    pub featured_collections: Vec<String>,
    /// Default: the five text pages.
    pub footer_links: Option<Vec<FooterRow>>,
    /// Default none.
    pub contact_email: Option<String>,
    /// RFC 5646, such as `pt-BR`; default `en`.
    pub language: Option<String>,
    /// By an example: `"1,234.56"` (default), `"1.234,56"`, `"1 234,56"` or `"1'234.56"`.
    pub numbers: Numbers,
    /// `before` (default) or `after` the number.
    pub currency_position: Position,
    /// By an example: `"2026-10-26"` (default), `"26/10/2026"`, `"26.10.2026"` or `"10/26/2026"`.
    pub dates: Dates,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FooterRow {
    pub label: String,
    /// A path of the shop, or an http or https address.
    pub address: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum Numbers {
    #[default]
    #[serde(rename = "1,234.56")]
    CommaPoint,
    #[serde(rename = "1.234,56")]
    PointComma,
    #[serde(rename = "1 234,56")]
    BlankComma,
    #[serde(rename = "1'234.56")]
    ApostrophePoint,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    #[default]
    Before,
    After,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum Dates {
    #[default]
    #[serde(rename = "2026-10-26")]
    YearMonthDay,
    #[serde(rename = "26/10/2026")]
    DayMonthYear,
    #[serde(rename = "26.10.2026")]
    DayMonthYearPoints,
    #[serde(rename = "10/26/2026")]
    MonthDayYear,
}

/// The pages that every shop has something to say on.
const FOOTER: [(&str, &str); 5] = [
    ("About", "/pages/about"),
    ("Contact", "/pages/contact"),
    ("Returns", "/pages/returns"),
    ("Terms", "/pages/terms"),
    ("Privacy", "/pages/privacy"),
];

impl Storefront {
    pub(super) fn settings(&self) -> Result<ShopSettings, ConfigError> {
        let default = ShopSettings::default();
        let accent = match &self.accent {
            Some(text) => text.parse::<Color>().map_err(|error| fault("accent", &error))?,
            None => default.accent,
        };
        let link = |label: &str, address: &str| FooterLink {
            label: label.to_owned(),
            address: address.to_owned(),
        };
        let footer_links = match &self.footer_links {
            Some(rows) => rows.iter().map(|row| link(&row.label, &row.address)).collect(),
            None => FOOTER.iter().map(|(label, address)| link(label, address)).collect(),
        };
        let settings = ShopSettings {
            name: self.name.clone().unwrap_or(default.name),
            tagline: self.tagline.clone(),
            logo: None,
            accent,
            announcement: Announcement {
                text: self.announcement.clone().unwrap_or_default(),
                link: self.announcement_link.clone(),
                is_shown: self.announcement.is_some(),
            },
            featured_collections: self.featured_collections.clone(),
            footer_links,
            contact_email: self.contact_email.clone(),
            formats: self.formats(),
        };
        match settings.check() {
            Ok(()) => Ok(settings),
            Err(rejection) => Err(of_pointer(&rejection.0)),
        }
    }

    fn formats(&self) -> Formats {
        Formats {
            language: self.language.clone().unwrap_or_else(|| Formats::default().language),
            numbers: match self.numbers {
                Numbers::CommaPoint => NumberFormat::CommaPoint,
                Numbers::PointComma => NumberFormat::PointComma,
                Numbers::BlankComma => NumberFormat::BlankComma,
                Numbers::ApostrophePoint => NumberFormat::ApostrophePoint,
            },
            symbol: match self.currency_position {
                Position::Before => SymbolPlace::Before,
                Position::After => SymbolPlace::After,
            },
            dates: match self.dates {
                Dates::YearMonthDay => DateFormat::YearMonthDay,
                Dates::DayMonthYear => DateFormat::DayMonthYear,
                Dates::DayMonthYearPoints => DateFormat::DayMonthYearPoints,
                Dates::MonthDayYear => DateFormat::MonthDayYear,
            },
        }
    }
}

fn fault(key: &str, detail: &dyn std::fmt::Display) -> ConfigError {
    value(format!("shop.{key}"), &detail.to_string())
}

/// The first fault, by the name of the setting: `/footerLinks/0/address` is `footer_links[0].address`.
fn of_pointer(faults: &[crate::domain::catalog::Fault]) -> ConfigError {
    let Some(first) = faults.first() else { return fault("", &"is not valid") };
    let key = match first.pointer.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["announcement", "text"] => "announcement".to_owned(),
        ["announcement", "link"] => "announcement_link".to_owned(),
        ["formats", own] => own.to_owned(),
        ["contactEmail"] => "contact_email".to_owned(),
        ["featuredCollections"] => "featured_collections".to_owned(),
        ["featuredCollections", place] => format!("featured_collections[{place}]"),
        ["footerLinks"] => "footer_links".to_owned(),
        ["footerLinks", place, own] => format!("footer_links[{place}].{own}"),
        [own, ..] => own.to_owned(),
        [] => String::new(),
    };
    fault(&key, &first.detail)
}
