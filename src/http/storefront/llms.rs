//! The shop in short, for programs that read rather than look (llmstxt.org): what there is, and where
//! the rest of it is found in a form made for them.

use super::addresses;
use super::document::Document;
use super::feeds::kept;
use super::words;
use crate::http::app::App;
use crate::imports::to_text;
use axum::routing::MethodRouter;
use std::io::{self, Write};

/// Categories and collections that are named, each; the map has all of them.
const MOST_OF_A_KIND: usize = 200;

const MARKDOWN: &str = "text/markdown; charset=utf-8";

pub fn page() -> (&'static str, MethodRouter<App>) {
    ("/llms.txt", kept(document))
}

fn document(app: &App) -> io::Result<Document> {
    let catalog = app.shop.reads.catalog.load();
    Document::of(MARKDOWN, |out| {
        let look = app.look();
        let shop = &look.shop().name;
        writeln!(out, "# {}\n", plain(shop))?;
        writeln!(out, "> A shop. Prices are in {}.\n", app.shop.env.settings.currency.code())?;
        writeln!(out, "## For programs\n")?;
        let own = [
            ("API", "/openapi.json", "everything that can be read and done, as OpenAPI 3.1"),
            ("Search", "/v1/search?q=", "products by words, as JSON; put the words at the end"),
            ("Products", "/v1/products", "all products, page by page, as JSON"),
            ("Product feed", "/feeds/google.xml", "each variant with price and availability"),
            ("New products", "/feeds/new.xml", "RSS"),
            ("Map", "/sitemap.xml", "the address of every page"),
        ];
        for (name, path, about) in own {
            entry(out, app, name, path, about)?;
        }
        if catalog.categories().len() > 0 {
            writeln!(out, "\n## Categories\n")?;
        }
        for category in catalog.categories().take(MOST_OF_A_KIND) {
            let path = addresses::category(&category.handle);
            entry(out, app, &category.name, &path, &to_text(&category.description))?;
        }
        if catalog.collections().len() > 0 {
            writeln!(out, "\n## Collections\n")?;
        }
        for collection in catalog.collections().take(MOST_OF_A_KIND) {
            let path = addresses::collection(&collection.handle);
            entry(out, app, &collection.name, &path, &to_text(&collection.description))?;
        }
        writeln!(out, "\n## Pages\n")?;
        for own in app.shop.reads.merchant.load().pages() {
            let path = addresses::text_page(&own.page.handle);
            entry(out, app, &own.page.title, &path, &own.text())?;
        }
        Ok(())
    })
}

fn entry(out: &mut dyn Write, app: &App, name: &str, path: &str, about: &str) -> io::Result<()> {
    write!(out, "- [{}]({})", plain(name), app.public_url.join(path))?;
    let about = words::brief(&plain(about));
    if about.is_empty() { writeln!(out) } else { writeln!(out, ": {about}") }
}

/// On one line, and nothing of it a sign of Markdown's.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = String::with_capacity(words.len());
    for c in words.chars().filter(|c| !c.is_control()) {
        if "\\`*_[]<>#|".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_merchants_write_is_no_markup() {
        assert_eq!(plain("A [link](x)\n# *new*\u{7}"), "A \\[link\\](x) \\# \\*new\\*");
    }
}
