//! Text pages: what a shop has to say at length, such as its terms.
//!
//! They are written in Markdown. Five of them are there from the beginning, in words that suit most
//! shops; a merchant who saves one of them says it in their own words, and who deletes theirs has the
//! first ones back.

use super::catalog::{Fault, is_handle};
use super::settings::ShopSettings;
use super::time::Timestamp;

/// A page by its handle, as the merchant wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPage {
    /// Its name in addresses.
    pub handle: String,
    pub title: String,
    /// As it was written; what is shown of it is cleaned when it is made into HTML.
    pub markdown: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPageCommand {
    Save { title: String, markdown: String },
    Delete,
}

/// The whole new state is the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPageEvent {
    Saved(TextPage),
    Deleted { handle: String },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextPageRejection {
    #[error("there is no such page")]
    Unknown,
    #[error("the page is not valid")]
    Invalid(Vec<Fault>),
}

pub const LONGEST_TITLE: usize = 120;

/// In bytes: a book's chapter, and less than one answer may be.
pub const LONGEST_MARKDOWN: usize = 64 << 10;

/// How many pages a merchant may save.
pub const MOST_PAGES: usize = 200;

impl TextPage {
    /// Says which events follow from `command`; `current` is what the merchant saved before, if
    /// anything.
    pub fn decide(
        current: Option<&TextPage>,
        handle: &str,
        command: TextPageCommand,
        now: Timestamp,
    ) -> Result<Vec<TextPageEvent>, TextPageRejection> {
        match (current, command) {
            (current, TextPageCommand::Save { title, markdown }) => {
                check(handle, &title, &markdown)?;
                if current.is_some_and(|own| own.title == title && own.markdown == markdown) {
                    return Ok(vec![]);
                }
                let created_at = current.map_or(now, |current| current.created_at);
                let handle = handle.to_owned();
                let page = TextPage { handle, title, markdown, created_at, updated_at: now };
                Ok(vec![TextPageEvent::Saved(page)])
            }
            (Some(_), TextPageCommand::Delete) => {
                Ok(vec![TextPageEvent::Deleted { handle: handle.to_owned() }])
            }
            (None, TextPageCommand::Delete) => Err(TextPageRejection::Unknown),
        }
    }

    /// What the merchant's page is after this fact.
    pub fn apply(event: &TextPageEvent) -> Option<TextPage> {
        match event {
            TextPageEvent::Saved(page) => Some(page.clone()),
            TextPageEvent::Deleted { .. } => None,
        }
    }

    /// The five pages as they are until the merchant writes their own.
    pub fn defaults(settings: &ShopSettings) -> [TextPage; 5] {
        DEFAULTS.map(|(handle, title, text)| {
            let time = Timestamp::default();
            let markdown = filled_in(text, settings);
            let (handle, title) = (handle.to_owned(), title.to_owned());
            TextPage { handle, title, markdown, created_at: time, updated_at: time }
        })
    }
}

/// Handle, title and text.
const DEFAULTS: [(&str, &str, &str); 5] = [
    ("about", "About us", include_str!("text_pages/about.md")),
    ("contact", "Contact", include_str!("text_pages/contact.md")),
    ("privacy", "Privacy", include_str!("text_pages/privacy.md")),
    ("returns", "Delivery and returns", include_str!("text_pages/returns.md")),
    ("terms", "Terms of sale", include_str!("text_pages/terms.md")),
];

/// A default text with the shop's name and the way to write to it.
fn filled_in(text: &str, settings: &ShopSettings) -> String {
    let write = match &settings.contact_email {
        Some(email) => {
            let email = plain(email);
            format!("Write to [{email}](<mailto:{email}>).")
        }
        None => "Reply to the mail that confirmed your order.".to_owned(),
    };
    text.replace("{shop}", &plain(&settings.name))
        .replace("{tagline}", &plain(&settings.tagline))
        .replace("{write}", &write)
}

/// Text in which Markdown sees no markup (CommonMark, section 2.4).
fn plain(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

fn check(handle: &str, title: &str, markdown: &str) -> Result<(), TextPageRejection> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, detail: &str| {
        faults.push(Fault { pointer: pointer.to_owned(), detail: detail.to_owned() });
    };
    if !is_handle(handle) {
        fault("", "a page's handle is 1 to 255 lower-case letters, digits and single hyphens");
    }
    if title.trim().is_empty() {
        fault("/title", "must not be blank");
    }
    if title.chars().count() > LONGEST_TITLE || title.contains(char::is_control) {
        fault("/title", "must be one line of at most 120 characters");
    }
    if markdown.len() > LONGEST_MARKDOWN {
        fault("/markdown", "must have at most 65536 bytes");
    }
    if faults.is_empty() { Ok(()) } else { Err(TextPageRejection::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn save(title: &str, markdown: &str) -> TextPageCommand {
        TextPageCommand::Save { title: title.into(), markdown: markdown.into() }
    }

    #[test]
    fn a_page_is_checked_before_it_is_saved() {
        let refused = |handle: &str, title: &str, markdown: &str| match TextPage::decide(
            None,
            handle,
            save(title, markdown),
            NOON,
        ) {
            Err(TextPageRejection::Invalid(faults)) => {
                faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let long = "x".repeat(LONGEST_MARKDOWN + 1);
        assert_eq!(refused("Not one", " ", &long), ["", "/title", "/markdown"]);
        assert_eq!(refused("a", &"t".repeat(LONGEST_TITLE + 1), ""), ["/title"]);
        assert_eq!(refused("a", "two\nlines", ""), ["/title"]);
    }

    #[test]
    fn only_what_was_saved_can_be_deleted() {
        let deleted = TextPage::decide(None, "about", TextPageCommand::Delete, NOON);
        assert_eq!(deleted, Err(TextPageRejection::Unknown));
    }

    #[test]
    fn the_defaults_could_have_been_saved_and_name_the_shop() {
        let settings = ShopSettings {
            name: "Kettles *&* <b>Co</b>".into(),
            contact_email: Some("a_b@c.example".into()),
            ..ShopSettings::default()
        };
        for page in TextPage::defaults(&settings) {
            assert!(!page.markdown.contains('{'), "{}", page.markdown);
            let save = save(&page.title, &page.markdown);
            assert!(TextPage::decide(None, &page.handle, save, NOON).is_ok());
        }
        let [_, contact, ..] = TextPage::defaults(&settings);
        assert!(contact.markdown.contains(r"mailto:a\_b\@c\.example"), "{}", contact.markdown);
        assert!(
            contact.markdown.contains(r"Kettles \*\&\* \<b\>Co\<\/b\>"),
            "{}",
            contact.markdown
        );
    }

    proptest! {
        #[test]
        fn replay_gives_the_page_that_was_decided(steps in prop::collection::vec(0u8..4, 1..30)) {
            let (mut page, mut log) = (None, Vec::new());
            for (i, step) in steps.into_iter().enumerate() {
                let now = Timestamp::from_millis(i as i64);
                let command = match step {
                    0 => TextPageCommand::Delete,
                    step => save("Title", &step.to_string()),
                };
                for event in TextPage::decide(page.as_ref(), "about", command, now).unwrap_or_default() {
                    page = TextPage::apply(&event);
                    log.push(event);
                }
                if let Some(page) = &page {
                    prop_assert!(page.created_at <= page.updated_at && page.updated_at <= now);
                }
            }
            prop_assert_eq!(log.last().and_then(TextPage::apply), page);
        }
    }
}
