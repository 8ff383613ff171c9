//! What a merchant says about the shop as a whole: what it is called, how it looks, and what stands
//! around every page.
//!
//! All of it is shown to everybody. What the machinery goes by (taxes, shipping, limits, secrets) is
//! not here: it is in the configuration file, and a mistake in it keeps the shop from starting, while
//! these are changed while the shop is open.

use super::catalog::{Fault, is_handle};
use super::color::{Color, DARK_GROUNDS, LIGHT_GROUNDS};
use super::formats::{Formats, is_language};
use super::staff::is_email;
use super::time::Timestamp;
use std::collections::HashSet;

/// What the pages are made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopSettings {
    pub name: String,
    /// What is said of the shop in a line; empty for nothing.
    pub tagline: String,
    pub logo: Option<Logo>,
    pub accent: Color,
    pub announcement: Announcement,
    /// The handles of collections, in the order in which they are shown. One that is not there (any
    /// more) is passed over.
    pub featured_collections: Vec<String>,
    pub footer_links: Vec<FooterLink>,
    pub contact_email: Option<String>,
    pub formats: Formats,
}

/// A picture of this shop, with its size in pixels where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Where it is served, such as `/media/….png`.
    pub path: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

impl Logo {
    /// How wide it is where it is shown so high, in pixels, if its size is known.
    pub fn shown_width(&self, height: u32) -> Option<u32> {
        let (width, own) = (self.width?, self.height.filter(|own| *own > 0)?);
        u32::try_from((u64::from(width) * u64::from(height)).div_ceil(own.into())).ok()
    }
}

/// The bar above every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    pub text: String,
    /// Where it leads, if anywhere.
    pub link: Option<String>,
    pub is_shown: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FooterLink {
    pub label: String,
    pub address: String,
}

/// The colours that follow from the accent, by the contrast that WCAG asks of text (level AA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    pub accent: Color,
    /// Of text on the accent.
    pub on_accent: Color,
    /// Of text on the pages' light grounds: the accent, or a darker one.
    pub on_light: Color,
    /// Of text on the pages' dark grounds: the accent, or a lighter one.
    pub on_dark: Color,
}

/// The settings as they were saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSettings {
    pub settings: ShopSettings,
    pub saved_at: Timestamp,
}

/// The whole new state is the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsEvent {
    Updated { settings: Box<ShopSettings>, at: Timestamp },
}

/// Everything that is wrong, each with the JSON pointer to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings are not valid")]
pub struct SettingsRejection(pub Vec<Fault>);

pub const LONGEST_NAME: usize = 100;
pub const LONGEST_TAGLINE: usize = 200;
pub const LONGEST_ANNOUNCEMENT: usize = 300;
pub const LONGEST_LABEL: usize = 60;
pub const LONGEST_ADDRESS: usize = 2_048;
pub const MOST_FEATURED: usize = 12;
pub const MOST_FOOTER_LINKS: usize = 24;

impl Default for ShopSettings {
    fn default() -> ShopSettings {
        ShopSettings {
            name: "Shop".into(),
            tagline: String::new(),
            logo: None,
            accent: Color([0x0e, 0x5a, 0x46]),
            announcement: Announcement::default(),
            featured_collections: vec![],
            footer_links: vec![],
            contact_email: None,
            formats: Formats::default(),
        }
    }
}

impl SavedSettings {
    /// Says what follows when `next` is saved over what is there; `current` is `None` where nobody
    /// has saved anything.
    pub fn decide(
        current: Option<&SavedSettings>,
        next: ShopSettings,
        now: Timestamp,
    ) -> Result<Vec<SettingsEvent>, SettingsRejection> {
        next.check()?;
        if current.is_some_and(|current| current.settings == next) {
            return Ok(vec![]);
        }
        Ok(vec![SettingsEvent::Updated { settings: Box::new(next), at: now }])
    }

    pub fn apply(event: &SettingsEvent) -> SavedSettings {
        match event {
            SettingsEvent::Updated { settings, at } => {
                SavedSettings { settings: (**settings).clone(), saved_at: *at }
            }
        }
    }
}

impl ShopSettings {
    /// No accent is refused for being hard to read: what is written in it is made readable instead.
    pub fn palette(&self) -> Palette {
        Palette {
            accent: self.accent,
            on_accent: self.accent.text_on(),
            on_light: self.accent.readable_on(&LIGHT_GROUNDS),
            on_dark: self.accent.readable_on(&DARK_GROUNDS),
        }
    }

    /// The announcement, where there is one to show.
    pub fn announced(&self) -> Option<&Announcement> {
        Some(&self.announcement).filter(|own| own.is_shown)
    }

    /// Names every fault at once.
    pub fn check(&self) -> Result<(), SettingsRejection> {
        let mut faults = Faults::default();
        faults.of_line("/name", &self.name, LONGEST_NAME);
        if self.name.trim().is_empty() {
            faults.add("/name", "must not be blank");
        }
        faults.of_line("/tagline", &self.tagline, LONGEST_TAGLINE);
        if let Some(logo) = &self.logo
            && !(is_address(&logo.path) && logo.path.starts_with('/'))
        {
            faults.add("/logo", "must be the path of a picture of this shop");
        }
        let Announcement { text, link, is_shown } = &self.announcement;
        faults.of_line("/announcement/text", text, LONGEST_ANNOUNCEMENT);
        if *is_shown && text.trim().is_empty() {
            faults.add("/announcement/text", "must say something where it is shown");
        }
        if let Some(link) = link {
            faults.of_address("/announcement/link", link);
        }
        self.check_lists(&mut faults);
        if self.contact_email.as_ref().is_some_and(|email| !is_email(email)) {
            faults.add("/contactEmail", "must be an e-mail address");
        }
        if !is_language(&self.formats.language) {
            faults.add("/formats/language", "must be the tag of a language, such as en or pt-BR");
        }
        if faults.0.is_empty() { Ok(()) } else { Err(SettingsRejection(faults.0)) }
    }

    fn check_lists(&self, faults: &mut Faults) {
        if self.featured_collections.len() > MOST_FEATURED {
            faults.add("/featuredCollections", &format!("has at most {MOST_FEATURED} collections"));
        }
        let mut seen = HashSet::new();
        for (i, handle) in self.featured_collections.iter().enumerate() {
            let pointer = format!("/featuredCollections/{i}");
            if !is_handle(handle) {
                faults.add(&pointer, "must be the handle of a collection");
            } else if !seen.insert(handle) {
                faults.add(&pointer, "is there twice");
            }
        }
        if self.footer_links.len() > MOST_FOOTER_LINKS {
            faults.add("/footerLinks", &format!("has at most {MOST_FOOTER_LINKS} links"));
        }
        for (i, FooterLink { label, address }) in self.footer_links.iter().enumerate() {
            let pointer = format!("/footerLinks/{i}/label");
            faults.of_line(&pointer, label, LONGEST_LABEL);
            if label.trim().is_empty() {
                faults.add(&pointer, "must not be blank");
            }
            faults.of_address(&format!("/footerLinks/{i}/address"), address);
        }
    }
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: &str) {
        self.0.push(Fault { pointer: pointer.to_owned(), detail: detail.to_owned() });
    }

    fn of_line(&mut self, pointer: &str, text: &str, longest: usize) {
        if text.chars().count() > longest {
            self.add(pointer, &format!("must have at most {longest} characters"));
        }
        if text.contains(char::is_control) {
            self.add(pointer, "must be one line of plain text");
        }
    }

    fn of_address(&mut self, pointer: &str, address: &str) {
        if !is_address(address) {
            let detail = "must be a path of this shop, or an http or https address";
            self.add(pointer, detail);
        }
    }
}

/// Whether a link may lead there: a path of this shop (`/pages/about`) or a page of the web. Browsers
/// read a backslash as a slash and drop line ends (the URL standard, "basic URL parser"), so what has
/// either might lead elsewhere than it looks.
pub fn is_address(text: &str) -> bool {
    let is_web = ["https://", "http://"].iter().any(|scheme| {
        text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    });
    let is_own = text.starts_with('/') && !text.starts_with("//");
    let is_strange = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    (is_web || is_own) && text.len() <= LONGEST_ADDRESS && !text.contains(is_strange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn link(label: &str, address: &str) -> FooterLink {
        FooterLink { label: label.into(), address: address.into() }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let mut bad = ShopSettings {
            name: " ".into(),
            tagline: "two\nlines".into(),
            logo: Some(Logo { path: "https://a.example/b.png".into(), width: None, height: None }),
            announcement: Announcement {
                text: String::new(),
                link: Some("x".into()),
                is_shown: true,
            },
            featured_collections: vec!["gifts".into(), "Not one".into(), "gifts".into()],
            footer_links: vec![link("", "javascript:alert(1)")],
            contact_email: Some("nobody".into()),
            ..ShopSettings::default()
        };
        bad.formats.language = "English".into();
        let SettingsRejection(faults) = bad.check().unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/tagline",
                "/logo",
                "/announcement/text",
                "/announcement/link",
                "/featuredCollections/1",
                "/featuredCollections/2",
                "/footerLinks/0/label",
                "/footerLinks/0/address",
                "/contactEmail",
                "/formats/language",
            ]
        );
        assert_eq!(SavedSettings::decide(None, bad, NOON), Err(SettingsRejection(faults)));
    }

    #[test]
    fn lists_and_texts_have_an_end() {
        let settings = ShopSettings {
            name: "n".repeat(LONGEST_NAME + 1),
            featured_collections: (0..=MOST_FEATURED).map(|i| format!("c{i}")).collect(),
            footer_links: vec![link("a", "/"); MOST_FOOTER_LINKS + 1],
            ..ShopSettings::default()
        };
        let SettingsRejection(faults) = settings.check().unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/featuredCollections", "/footerLinks"]);
    }

    #[test]
    fn a_link_leads_where_it_looks_to_lead() {
        for good in ["/", "/pages/about", "https://a.example", "http://a.example/b?c#d"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "pages/about",
            "//evil.example",
            "/\\evil.example",
            "javascript:x",
            "https://",
            "https:///evil",
            "data:text/html,x",
            "mailto:a@b.example",
            "/a b",
            "/a\n",
            "HTTPS:",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn saving_what_is_there_is_no_event() {
        let first = SavedSettings::decide(None, ShopSettings::default(), NOON).unwrap();
        let saved = SavedSettings::apply(&first[0]);
        assert_eq!(saved.saved_at, NOON);
        let again = SavedSettings::decide(Some(&saved), ShopSettings::default(), NOON);
        assert_eq!(again, Ok(vec![]));
    }

    proptest! {
        #[test]
        fn replay_gives_what_was_decided(names in prop::collection::vec("[a-c]{0,2}", 1..20)) {
            let (mut saved, mut log) = (None, Vec::new());
            for name in names {
                let next = ShopSettings { name: name.clone(), ..ShopSettings::default() };
                match SavedSettings::decide(saved.as_ref(), next, NOON) {
                    Ok(events) => {
                        for event in events {
                            saved = Some(SavedSettings::apply(&event));
                            log.push(event);
                        }
                        prop_assert_eq!(&saved.as_ref().unwrap().settings.name, &name);
                    }
                    Err(_) => prop_assert!(name.is_empty()),
                }
            }
            prop_assert_eq!(log.last().map(SavedSettings::apply), saved);
        }

        #[test]
        fn no_text_makes_the_check_panic(text in "\\PC*") {
            let settings = ShopSettings {
                name: text.clone(), tagline: text.clone(), footer_links: vec![link(&text, &text)],
                featured_collections: vec![text.clone()], contact_email: Some(text),
                ..ShopSettings::default()
            };
            let _ = settings.check();
        }
    }
}
