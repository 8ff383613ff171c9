//! The stored form of text pages and of what happens to them.

use super::value::TimeV1;
use crate::domain::text_page::{TextPage, TextPageEvent};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for TextPage {
    const NAME: &'static str = "page";
    const VERSION: u8 = 1;
    type Latest<'a> = TextPageV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct TextPageV1<'a> {
    handle: &'a str,
    title: &'a str,
    markdown: &'a str,
    created_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum TextPageEventV1<'a> {
    #[serde(borrow)]
    Saved(TextPageV1<'a>),
    Deleted {
        handle: &'a str,
    },
}

impl<'a> From<&'a TextPage> for TextPageV1<'a> {
    fn from(page: &'a TextPage) -> TextPageV1<'a> {
        TextPageV1 {
            handle: &page.handle,
            title: &page.title,
            markdown: &page.markdown,
            created_at: page.created_at.into(),
            updated_at: page.updated_at.into(),
        }
    }
}

impl From<TextPageV1<'_>> for TextPage {
    fn from(stored: TextPageV1<'_>) -> TextPage {
        TextPage {
            handle: stored.handle.into(),
            title: stored.title.into(),
            markdown: stored.markdown.into(),
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        }
    }
}

impl<'a> From<&'a TextPageEvent> for TextPageEventV1<'a> {
    fn from(event: &'a TextPageEvent) -> TextPageEventV1<'a> {
        match event {
            TextPageEvent::Saved(page) => TextPageEventV1::Saved(page.into()),
            TextPageEvent::Deleted { handle } => TextPageEventV1::Deleted { handle },
        }
    }
}

impl From<TextPageEventV1<'_>> for TextPageEvent {
    fn from(stored: TextPageEventV1<'_>) -> TextPageEvent {
        match stored {
            TextPageEventV1::Saved(page) => TextPageEvent::Saved(page.into()),
            TextPageEventV1::Deleted { handle } => TextPageEvent::Deleted { handle: handle.into() },
        }
    }
}
