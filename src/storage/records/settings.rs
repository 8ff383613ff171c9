//! The stored form of what the merchant says about the shop.

use super::value::{TimeV1, owned_texts, texts};
use crate::domain::color::Color;
use crate::domain::formats::{DateFormat, Formats, NumberFormat, SymbolPlace};
use crate::domain::settings::{
    Announcement, FooterLink, Logo, SavedSettings, SettingsEvent, ShopSettings,
};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for SavedSettings {
    const NAME: &'static str = "settings";
    const VERSION: u8 = 1;
    type Latest<'a> = SavedSettingsV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SavedSettingsV1<'a> {
    #[serde(borrow)]
    settings: ShopSettingsV1<'a>,
    saved_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ShopSettingsV1<'a> {
    name: &'a str,
    tagline: &'a str,
    #[serde(borrow)]
    logo: Option<LogoV1<'a>>,
    accent: [u8; 3],
    #[serde(borrow)]
    announcement: AnnouncementV1<'a>,
    #[serde(borrow)]
    featured_collections: Vec<&'a str>,
    #[serde(borrow)]
    footer_links: Vec<FooterLinkV1<'a>>,
    #[serde(borrow)]
    contact_email: Option<&'a str>,
    #[serde(borrow)]
    formats: FormatsV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LogoV1<'a> {
    path: &'a str,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AnnouncementV1<'a> {
    text: &'a str,
    #[serde(borrow)]
    link: Option<&'a str>,
    is_shown: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct FooterLinkV1<'a> {
    label: &'a str,
    address: &'a str,
}

#[derive(Debug, Serialize, Deserialize)]
struct FormatsV1<'a> {
    language: &'a str,
    numbers: NumberFormatV1,
    symbol: SymbolPlaceV1,
    dates: DateFormatV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum NumberFormatV1 {
    CommaPoint,
    PointComma,
    BlankComma,
    ApostrophePoint,
}

#[derive(Debug, Serialize, Deserialize)]
enum SymbolPlaceV1 {
    Before,
    After,
}

#[derive(Debug, Serialize, Deserialize)]
enum DateFormatV1 {
    YearMonthDay,
    DayMonthYear,
    DayMonthYearPoints,
    MonthDayYear,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum SettingsEventV1<'a> {
    Updated {
        #[serde(borrow)]
        settings: Box<ShopSettingsV1<'a>>,
        at: TimeV1,
    },
}

impl<'a> From<&'a SavedSettings> for SavedSettingsV1<'a> {
    fn from(saved: &'a SavedSettings) -> SavedSettingsV1<'a> {
        SavedSettingsV1 { settings: (&saved.settings).into(), saved_at: saved.saved_at.into() }
    }
}

impl From<SavedSettingsV1<'_>> for SavedSettings {
    fn from(stored: SavedSettingsV1<'_>) -> SavedSettings {
        SavedSettings { settings: stored.settings.into(), saved_at: stored.saved_at.into() }
    }
}

impl<'a> From<&'a ShopSettings> for ShopSettingsV1<'a> {
    fn from(settings: &'a ShopSettings) -> ShopSettingsV1<'a> {
        let Announcement { text, link, is_shown } = &settings.announcement;
        let logo = settings.logo.as_ref();
        ShopSettingsV1 {
            name: &settings.name,
            tagline: &settings.tagline,
            logo: logo.map(|Logo { path, width, height }| LogoV1 {
                path,
                width: *width,
                height: *height,
            }),
            accent: settings.accent.0,
            announcement: AnnouncementV1 { text, link: link.as_deref(), is_shown: *is_shown },
            featured_collections: texts(&settings.featured_collections),
            footer_links: settings
                .footer_links
                .iter()
                .map(|FooterLink { label, address }| FooterLinkV1 { label, address })
                .collect(),
            contact_email: settings.contact_email.as_deref(),
            formats: (&settings.formats).into(),
        }
    }
}

impl From<ShopSettingsV1<'_>> for ShopSettings {
    fn from(stored: ShopSettingsV1<'_>) -> ShopSettings {
        let AnnouncementV1 { text, link, is_shown } = stored.announcement;
        let logo =
            |LogoV1 { path, width, height }: LogoV1<'_>| Logo { path: path.into(), width, height };
        let footer_links = stored.footer_links.into_iter();
        ShopSettings {
            name: stored.name.into(),
            tagline: stored.tagline.into(),
            logo: stored.logo.map(logo),
            accent: Color(stored.accent),
            announcement: Announcement { text: text.into(), link: link.map(Into::into), is_shown },
            featured_collections: owned_texts(stored.featured_collections),
            footer_links: footer_links
                .map(|FooterLinkV1 { label, address }| FooterLink {
                    label: label.into(),
                    address: address.into(),
                })
                .collect(),
            contact_email: stored.contact_email.map(Into::into),
            formats: stored.formats.into(),
        }
    }
}

impl<'a> From<&'a Formats> for FormatsV1<'a> {
    fn from(formats: &'a Formats) -> FormatsV1<'a> {
        FormatsV1 {
            language: &formats.language,
            numbers: match formats.numbers {
                NumberFormat::CommaPoint => NumberFormatV1::CommaPoint,
                NumberFormat::PointComma => NumberFormatV1::PointComma,
                NumberFormat::BlankComma => NumberFormatV1::BlankComma,
                NumberFormat::ApostrophePoint => NumberFormatV1::ApostrophePoint,
            },
            symbol: match formats.symbol {
                SymbolPlace::Before => SymbolPlaceV1::Before,
                SymbolPlace::After => SymbolPlaceV1::After,
            },
            dates: match formats.dates {
                DateFormat::YearMonthDay => DateFormatV1::YearMonthDay,
                DateFormat::DayMonthYear => DateFormatV1::DayMonthYear,
                DateFormat::DayMonthYearPoints => DateFormatV1::DayMonthYearPoints,
                DateFormat::MonthDayYear => DateFormatV1::MonthDayYear,
            },
        }
    }
}

impl From<FormatsV1<'_>> for Formats {
    fn from(stored: FormatsV1<'_>) -> Formats {
        Formats {
            language: stored.language.into(),
            numbers: match stored.numbers {
                NumberFormatV1::CommaPoint => NumberFormat::CommaPoint,
                NumberFormatV1::PointComma => NumberFormat::PointComma,
                NumberFormatV1::BlankComma => NumberFormat::BlankComma,
                NumberFormatV1::ApostrophePoint => NumberFormat::ApostrophePoint,
            },
            symbol: match stored.symbol {
                SymbolPlaceV1::Before => SymbolPlace::Before,
                SymbolPlaceV1::After => SymbolPlace::After,
            },
            dates: match stored.dates {
                DateFormatV1::YearMonthDay => DateFormat::YearMonthDay,
                DateFormatV1::DayMonthYear => DateFormat::DayMonthYear,
                DateFormatV1::DayMonthYearPoints => DateFormat::DayMonthYearPoints,
                DateFormatV1::MonthDayYear => DateFormat::MonthDayYear,
            },
        }
    }
}

impl<'a> From<&'a SettingsEvent> for SettingsEventV1<'a> {
    fn from(event: &'a SettingsEvent) -> SettingsEventV1<'a> {
        match event {
            SettingsEvent::Updated { settings, at } => SettingsEventV1::Updated {
                settings: Box::new((&**settings).into()),
                at: (*at).into(),
            },
        }
    }
}

impl From<SettingsEventV1<'_>> for SettingsEvent {
    fn from(stored: SettingsEventV1<'_>) -> SettingsEvent {
        match stored {
            SettingsEventV1::Updated { settings, at } => {
                SettingsEvent::Updated { settings: Box::new((*settings).into()), at: at.into() }
            }
        }
    }
}
