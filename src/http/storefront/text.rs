//! What the merchant says at length: a text page, and beside it the way to the others.

use super::addresses;
use super::answer::{Source, page};
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use super::words;
use crate::actors::reads::ShownPage;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use std::sync::Arc;

/// How many pages are named beside one; a merchant who writes more links them where they belong.
const MOST_BESIDE: usize = 12;

/// What shoppers look for first; others follow in order of handle.
const FIRST: [&str; 5] = ["about", "returns", "contact", "terms", "privacy"];

#[derive(Template)]
#[template(path = "storefront/text.html")]
struct Text {
    shell: Shell,
    head: Head,
    beside: Vec<Beside>,
    title: String,
    shown: Arc<ShownPage>,
}

/// A page that is named beside another.
struct Beside {
    href: String,
    title: String,
    is_current: bool,
}

pub async fn show(
    State(app): State<App>,
    Named(handle): Named<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let visitor = Visitor::of(&app, request.headers());
    let merchant = app.shop.reads.merchant.load();
    let shown = merchant.page(&handle).ok_or(ApiError::NotFound { what: "page" })?;
    let path = addresses::text_page(&handle);
    let text = Text {
        shell: Shell::new(&app, &visitor, &app.shop.reads.catalog.load()),
        head: Head {
            title: shown.page.title.clone(),
            description: words::brief(&shown.text()),
            canonical: Some(app.public_url.join(&path)),
            kind: "article",
            ..Head::default()
        },
        beside: beside(&merchant.pages(), &handle),
        title: shown.page.title.clone(),
        shown,
    };
    page(&app, &visitor, made_at, &request, Source::Models, &text)
}

fn beside(pages: &[Arc<ShownPage>], current: &str) -> Vec<Beside> {
    let rank = |page: &ShownPage| {
        let first = FIRST.iter().position(|own| *own == page.page.handle);
        first.unwrap_or(FIRST.len())
    };
    let mut pages: Vec<&Arc<ShownPage>> = pages.iter().collect();
    pages.sort_by_key(|page| rank(page));
    let all = pages.into_iter().map(|page| Beside {
        href: addresses::text_page(&page.page.handle),
        title: page.page.title.clone(),
        is_current: page.page.handle == current,
    });
    all.take(MOST_BESIDE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::ShopSettings;
    use crate::domain::text_page::TextPage;

    #[test]
    fn what_shoppers_look_for_first_stands_first_and_the_list_has_an_end() {
        let own = |handle: String| {
            let [about, ..] = TextPage::defaults(&ShopSettings::default());
            Arc::new(ShownPage::new(TextPage { handle, ..about }, 1))
        };
        let defaults = TextPage::defaults(&ShopSettings::default());
        let mut pages: Vec<_> = (0..20).map(|n| own(format!("a-{n:02}"))).collect();
        pages.extend(defaults.map(|page| Arc::new(ShownPage::new(page, 0))));
        let shown = beside(&pages, "terms");
        let names: Vec<&str> = shown.iter().map(|own| own.href.as_str()).collect();
        assert_eq!(names.len(), MOST_BESIDE);
        let first = FIRST.map(addresses::text_page);
        assert_eq!(names[..FIRST.len()], first);
        assert_eq!(names[FIRST.len()], "/pages/a-00");
        let current: Vec<bool> = shown.iter().map(|own| own.is_current).collect();
        assert_eq!(current.iter().position(|own| *own), Some(3));
    }
}
