//! What the merchant says about the shop.

use crate::domain::Currency;
use crate::domain::color::Color;
use crate::domain::formats::{DateFormat, Direction, Formats, NumberFormat, SymbolPlace};
use crate::domain::settings::{Announcement, FooterLink, SavedSettings, ShopSettings};
use crate::http::body::Input;
use crate::http::json::{Time, given};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every page of the shop is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Settings)]
pub struct SettingsJson {
    pub name: String,
    pub tagline: String,
    pub logo: Option<LogoJson>,
    #[schema(example = "#0e5a46")]
    pub accent: String,
    pub palette: PaletteJson,
    pub announcement: AnnouncementJson,
    /// Handles, in the order in which they are shown. One that is not there is passed over.
    pub featured_collections: Vec<String>,
    pub footer_links: Vec<FooterLinkJson>,
    pub contact_email: Option<String>,
    /// The one currency of the shop, from its configuration file.
    #[schema(example = "USD")]
    pub currency: &'static str,
    pub formats: FormatsJson,
    /// Null until somebody saves something.
    pub updated_at: Option<Time>,
}

/// A picture, with its size in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Logo)]
pub struct LogoJson {
    pub url: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// Colours of text that follow from the accent. Each has a contrast of at least 4.5 to what it stands
/// on, as WCAG 2.2 asks at level AA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Palette)]
pub struct PaletteJson {
    /// On the accent: black or white.
    pub on_accent: String,
    /// On light pages: the accent, or as much darker as it must be.
    pub on_light: String,
    /// On dark pages: the accent, or as much lighter as it must be.
    pub on_dark: String,
}

/// The bar above every page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Announcement)]
pub struct AnnouncementJson {
    pub text: String,
    pub link: Option<String>,
    pub shown: bool,
}

/// A link at the foot of every page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FooterLink)]
pub struct FooterLinkJson {
    #[schema(min_length = 1, max_length = 60, format = "not-blank", example = "Returns")]
    pub label: String,
    /// A path of this shop, or an http or https address.
    #[schema(format = "uri-reference", max_length = 2_048, example = "/pages/returns")]
    pub address: String,
}

/// How numbers, prices and dates are written on the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Formats)]
pub struct FormatsJson {
    #[schema(example = "en")]
    pub language: String,
    /// `ltr` or `rtl`: follows from the language.
    pub direction: &'static str,
    pub numbers: NumbersJson,
    pub currency_position: PositionJson,
    pub dates: DatesJson,
}

/// By an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NumberFormat)]
pub enum NumbersJson {
    #[serde(rename = "1,234.56")]
    CommaPoint,
    #[serde(rename = "1.234,56")]
    PointComma,
    #[serde(rename = "1 234,56")]
    BlankComma,
    #[serde(rename = "1'234.56")]
    ApostrophePoint,
}

/// Where the currency's symbol stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CurrencyPosition)]
pub enum PositionJson {
    Before,
    After,
}

/// By an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DateFormat)]
pub enum DatesJson {
    #[serde(rename = "2026-10-26")]
    YearMonthDay,
    #[serde(rename = "26/10/2026")]
    DayMonthYear,
    #[serde(rename = "26.10.2026")]
    DayMonthYearPoints,
    #[serde(rename = "10/26/2026")]
    MonthDayYear,
}

impl SettingsJson {
    /// `url` gives the full address of a picture.
    pub fn new(
        saved: &SavedSettings,
        is_saved: bool,
        currency: Currency,
        url: impl Fn(&str) -> String,
    ) -> SettingsJson {
        let settings = &saved.settings;
        let palette = settings.palette();
        let logo = settings.logo.as_ref();
        let links = settings.footer_links.iter();
        SettingsJson {
            name: settings.name.clone(),
            tagline: settings.tagline.clone(),
            logo: logo.map(|logo| LogoJson {
                url: url(&logo.path),
                width: logo.width,
                height: logo.height,
            }),
            accent: palette.accent.to_string(),
            palette: PaletteJson {
                on_accent: palette.on_accent.to_string(),
                on_light: palette.on_light.to_string(),
                on_dark: palette.on_dark.to_string(),
            },
            announcement: AnnouncementJson {
                text: settings.announcement.text.clone(),
                link: settings.announcement.link.clone(),
                shown: settings.announcement.is_shown,
            },
            featured_collections: settings.featured_collections.clone(),
            footer_links: links
                .map(|link| FooterLinkJson {
                    label: link.label.clone(),
                    address: link.address.clone(),
                })
                .collect(),
            contact_email: settings.contact_email.clone(),
            currency: currency.code(),
            formats: (&settings.formats).into(),
            updated_at: is_saved.then(|| saved.saved_at.into()),
        }
    }
}

impl From<&Formats> for FormatsJson {
    fn from(formats: &Formats) -> FormatsJson {
        FormatsJson {
            language: formats.language.clone(),
            direction: match formats.direction() {
                Direction::LeftToRight => "ltr",
                Direction::RightToLeft => "rtl",
            },
            numbers: match formats.numbers {
                NumberFormat::CommaPoint => NumbersJson::CommaPoint,
                NumberFormat::PointComma => NumbersJson::PointComma,
                NumberFormat::BlankComma => NumbersJson::BlankComma,
                NumberFormat::ApostrophePoint => NumbersJson::ApostrophePoint,
            },
            currency_position: match formats.symbol {
                SymbolPlace::Before => PositionJson::Before,
                SymbolPlace::After => PositionJson::After,
            },
            dates: match formats.dates {
                DateFormat::YearMonthDay => DatesJson::YearMonthDay,
                DateFormat::DayMonthYear => DatesJson::DayMonthYear,
                DateFormat::DayMonthYearPoints => DatesJson::DayMonthYearPoints,
                DateFormat::MonthDayYear => DatesJson::MonthDayYear,
            },
        }
    }
}

/// What is named is changed, and the rest stays. Lists are replaced whole.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsUpdate {
    #[schema(min_length = 1, max_length = 100, format = "not-blank", nullable = false)]
    pub name: Option<String>,
    #[schema(max_length = 200, nullable = false)]
    pub tagline: Option<String>,
    /// The path of a picture that was uploaded before, such as `/media/….png`; null for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "uri-reference", max_length = 2_048)]
    pub logo: Option<Option<String>>,
    /// Any colour: what text needs is made of it.
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$", nullable = false, example = "#0e5a46")]
    pub accent: Option<String>,
    #[schema(nullable = false)]
    pub announcement: Option<AnnouncementUpdate>,
    #[schema(max_items = 12, nullable = false)]
    pub featured_collections: Option<Vec<String>>,
    #[schema(max_items = 24, nullable = false)]
    pub footer_links: Option<Vec<FooterLinkJson>>,
    /// Null for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "email", max_length = 254)]
    pub contact_email: Option<Option<String>>,
    #[schema(nullable = false)]
    pub formats: Option<FormatsUpdate>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementUpdate {
    #[schema(max_length = 300, nullable = false)]
    pub text: Option<String>,
    /// A path of this shop, or an http or https address; null for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "uri-reference", max_length = 2_048)]
    pub link: Option<Option<String>>,
    #[schema(nullable = false)]
    pub shown: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormatsUpdate {
    /// RFC 5646: a language, and perhaps its script and its region.
    #[schema(min_length = 2, max_length = 12, nullable = false, example = "pt-BR")]
    pub language: Option<String>,
    #[schema(nullable = false)]
    pub numbers: Option<NumbersJson>,
    #[schema(nullable = false)]
    pub currency_position: Option<PositionJson>,
    #[schema(nullable = false)]
    pub dates: Option<DatesJson>,
}

impl Input for SettingsUpdate {}

impl SettingsUpdate {
    /// The settings as they are to be, but for the logo, which has to be looked at first.
    pub fn apply_to(self, settings: &ShopSettings) -> ShopSettings {
        let mut next = settings.clone();
        let SettingsUpdate { name, tagline, logo: _, accent, announcement, .. } = self;
        if let Some(name) = name {
            next.name = name.trim().to_owned();
        }
        if let Some(tagline) = tagline {
            next.tagline = tagline.trim().to_owned();
        }
        // The schema lets nothing else through.
        if let Some(accent) = accent.and_then(|accent| accent.parse::<Color>().ok()) {
            next.accent = accent;
        }
        if let Some(update) = announcement {
            update.apply_to(&mut next.announcement);
        }
        if let Some(featured) = self.featured_collections {
            next.featured_collections = featured;
        }
        if let Some(links) = self.footer_links {
            let link = |FooterLinkJson { label, address }: FooterLinkJson| FooterLink {
                label: label.trim().to_owned(),
                address,
            };
            next.footer_links = links.into_iter().map(link).collect();
        }
        if let Some(email) = self.contact_email {
            next.contact_email = email;
        }
        if let Some(update) = self.formats {
            update.apply_to(&mut next.formats);
        }
        next
    }
}

impl AnnouncementUpdate {
    fn apply_to(self, announcement: &mut Announcement) {
        if let Some(text) = self.text {
            announcement.text = text.trim().to_owned();
        }
        if let Some(link) = self.link {
            announcement.link = link;
        }
        announcement.is_shown = self.shown.unwrap_or(announcement.is_shown);
    }
}

impl FormatsUpdate {
    fn apply_to(self, formats: &mut Formats) {
        if let Some(language) = self.language {
            formats.language = language;
        }
        if let Some(numbers) = self.numbers {
            formats.numbers = match numbers {
                NumbersJson::CommaPoint => NumberFormat::CommaPoint,
                NumbersJson::PointComma => NumberFormat::PointComma,
                NumbersJson::BlankComma => NumberFormat::BlankComma,
                NumbersJson::ApostrophePoint => NumberFormat::ApostrophePoint,
            };
        }
        if let Some(position) = self.currency_position {
            formats.symbol = match position {
                PositionJson::Before => SymbolPlace::Before,
                PositionJson::After => SymbolPlace::After,
            };
        }
        if let Some(dates) = self.dates {
            formats.dates = match dates {
                DatesJson::YearMonthDay => DateFormat::YearMonthDay,
                DatesJson::DayMonthYear => DateFormat::DayMonthYear,
                DatesJson::DayMonthYearPoints => DateFormat::DayMonthYearPoints,
                DatesJson::MonthDayYear => DateFormat::MonthDayYear,
            };
        }
    }
}
