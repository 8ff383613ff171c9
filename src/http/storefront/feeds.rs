//! Feeds in RSS 2.0 (rssboard.org/rss-specification): what they have in common, and the newest
//! products for whoever follows the shop.

use super::addresses;
use super::document::Document;
use super::remade::Remade;
use super::xml::Xml;
use crate::actors::reads::{Page, ProductFilter, Sort};
use crate::domain::Timestamp;
use crate::http::app::{App, Call};
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use jiff::fmt::rfc2822::DateTimePrinter;
use std::io;

const PATH: &str = "/feeds/new.xml";

/// How many products the feed of new ones has.
const NEWEST: usize = 50;

const RSS: &str = "application/rss+xml; charset=utf-8";

pub fn page() -> (&'static str, MethodRouter<App>) {
    (PATH, kept(newest))
}

/// A document as it stands.
pub(super) fn kept(make: fn(&App) -> io::Result<Document>) -> MethodRouter<App> {
    let kept = Remade::by(make);
    get(move |State(app): State<App>, call: Call| show(app, call, kept.clone()))
}

async fn show(app: App, call: Call, kept: Remade<Document>) -> Result<Response, ApiError> {
    Ok(kept.now(&app).await?.answer(&call.headers))
}

/// A feed with whatever `fill` puts into its channel.
pub(super) fn feed(
    app: &App,
    about: &str,
    namespace: (&str, &str),
    fill: impl FnOnce(&mut Xml<'_>) -> io::Result<()>,
) -> io::Result<Document> {
    Document::of(RSS, |out| {
        Xml::new(out)?.element("rss", &[("version", "2.0"), namespace], |xml| {
            xml.element("channel", &[], |xml| {
                let look = app.look();
                let shop = &look.shop().name;
                xml.text("title", shop)?;
                xml.text("link", &app.public_url.join("/"))?;
                xml.text("description", &format!("{about} {shop}"))?;
                fill(xml)
            })
        })
    })
}

fn newest(app: &App) -> io::Result<Document> {
    let reads = &app.shop.reads;
    let page = Page { offset: 0, limit: NEWEST };
    let everything = ProductFilter::default();
    let catalog = reads.catalog.load();
    let (_, newest) = catalog.list(&everything, Sort::default(), page, &reads.levels);
    feed(app, "New at", ("xmlns:atom", "http://www.w3.org/2005/Atom"), |xml| {
        let own = app.public_url.join(PATH);
        let own = [("href", own.as_str()), ("rel", "self"), ("type", "application/rss+xml")];
        xml.empty("atom:link", &own)?;
        for listed in newest {
            let product = listed.product();
            xml.element("item", &[], |xml| {
                xml.text("title", &product.content.name)?;
                xml.text(
                    "link",
                    &app.public_url.join(&addresses::product(&product.content.handle)),
                )?;
                // Clean HTML, as readers show it.
                xml.text("description", &product.content.description)?;
                if !product.content.category.is_empty() {
                    xml.text("category", &product.content.category)?;
                }
                // Whatever becomes of its name and address, it is the same product.
                xml.text_with("guid", &[("isPermaLink", "false")], product.id.as_str())?;
                xml.text("pubDate", &date(product.created_at))
            })?;
        }
        Ok(())
    })
}

/// As in `Tue, 14 Nov 2023 22:13:20 GMT`. Beyond what a calendar can name, the epoch stands in.
fn date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_in_the_form_of_mails() {
        assert_eq!(
            date(Timestamp::from_millis(1_700_000_000_000)),
            "Tue, 14 Nov 2023 22:13:20 GMT"
        );
        assert_eq!(date(Timestamp::from_millis(i64::MAX)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
