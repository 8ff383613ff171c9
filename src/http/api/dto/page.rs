//! Text pages.

use crate::actors::reads::ShownPage;
use crate::http::body::Input;
use crate::http::json::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text page, with what shoppers are shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Page)]
pub struct PageJson {
    #[schema(example = "returns")]
    pub handle: String,
    pub title: String,
    pub markdown: String,
    /// Made of the Markdown and cleaned: it may be shown as it is. Its headings begin at `h2`.
    pub html: String,
    /// Whether these are the words that every shop begins with.
    pub is_default: bool,
    /// Null of a page that nobody has saved.
    pub updated_at: Option<Time>,
}

/// A text page in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PageSummary)]
pub struct PageSummaryJson {
    #[schema(example = "returns")]
    pub handle: String,
    pub title: String,
    /// Whether it is in the words that every shop begins with.
    pub is_default: bool,
    /// Null of a page that nobody has saved.
    pub updated_at: Option<Time>,
}

impl From<&ShownPage> for PageJson {
    fn from(shown: &ShownPage) -> PageJson {
        PageJson {
            handle: shown.page.handle.clone(),
            title: shown.page.title.clone(),
            markdown: shown.page.markdown.clone(),
            html: shown.html().to_owned(),
            is_default: shown.is_default(),
            updated_at: (!shown.is_default()).then(|| shown.page.updated_at.into()),
        }
    }
}

impl From<&ShownPage> for PageSummaryJson {
    fn from(shown: &ShownPage) -> PageSummaryJson {
        PageSummaryJson {
            handle: shown.page.handle.clone(),
            title: shown.page.title.clone(),
            is_default: shown.is_default(),
            updated_at: (!shown.is_default()).then(|| shown.page.updated_at.into()),
        }
    }
}

/// A whole page.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSave {
    #[schema(min_length = 1, max_length = 120, format = "not-blank", example = "Returns")]
    pub title: String,
    /// CommonMark with tables and strikethrough; at most 65536 bytes.
    #[schema(max_length = 65_536)]
    pub markdown: String,
}

impl Input for PageSave {}
