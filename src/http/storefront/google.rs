//! All that is for sale, in the form that Google Merchant Center reads, and others with it
//! (support.google.com/merchants, "Product data specification"; RSS 2.0 with the namespace `g`).
//!
//! Each variant is an item; those of one product share a group. What the shop does not know is left
//! out: a barcode that is no GTIN, and a manufacturer's part number, which a SKU is not.

use super::addresses;
use super::document::Document;
use super::feeds::{feed, kept};
use super::xml::Xml;
use crate::actors::reads::Catalog;
use crate::domain::Money;
use crate::domain::catalog::{Product, Variant};
use crate::domain::gtin::is_gtin;
use crate::domain::stock::Level;
use crate::http::app::App;
use crate::imports::to_text;
use axum::routing::MethodRouter;
use std::collections::HashMap;
use std::io;

const G: (&str, &str) = ("xmlns:g", "http://base.google.com/ns/1.0");

/// Characters of a title, of a description, and pictures beside the first.
const LONGEST_TITLE: usize = 150;
const LONGEST_DESCRIPTION: usize = 5_000;
const MOST_MORE_IMAGES: usize = 10;

/// Categories above each other; the tree has no circle, and this would end one.
const DEEPEST: usize = 16;

/// Options that have an attribute of their own.
const OPTIONS: [(&str, &str); 5] = [
    ("color", "g:color"),
    ("colour", "g:color"),
    ("material", "g:material"),
    ("pattern", "g:pattern"),
    ("size", "g:size"),
];

pub fn page() -> (&'static str, MethodRouter<App>) {
    ("/feeds/google.xml", kept(document))
}

fn document(app: &App) -> io::Result<Document> {
    let reads = &app.shop.reads;
    let catalog = reads.catalog.load();
    let mut kinds = Kinds { catalog: &catalog, known: HashMap::new() };
    feed(app, "All that is for sale at", G, |xml| {
        for listed in catalog.products().iter().filter(|listed| listed.is_public()) {
            let product = listed.product();
            let about = About::of(app, &product, kinds.of(&product.content.category));
            for variant in &product.content.variants {
                let level = reads.levels.get(&variant.sku);
                xml.element("item", &[], |xml| item(app, xml, &about, variant, level))?;
            }
        }
        Ok(())
    })
}

/// What the variants of a product have in common.
struct About<'a> {
    product: &'a Product,
    description: String,
    images: Vec<String>,
    /// Where the merchant has it in the tree of categories.
    kind: String,
}

impl<'a> About<'a> {
    fn of(app: &App, product: &'a Product, kind: String) -> About<'a> {
        let content = &product.content;
        let words = to_text(&content.description);
        let description = if words.is_empty() { &content.name } else { &words };
        About {
            product,
            description: cut(description, LONGEST_DESCRIPTION),
            images: content
                .images
                .iter()
                .take(MOST_MORE_IMAGES + 1)
                .map(|image| app.picture_url(&image.url).into_owned())
                .collect(),
            kind,
        }
    }
}

fn item(
    app: &App,
    xml: &mut Xml<'_>,
    about: &About<'_>,
    variant: &Variant,
    level: Level,
) -> io::Result<()> {
    let content = &about.product.content;
    let is_one_of_several = content.variants.len() > 1;
    let (title, path) = match is_one_of_several {
        true => (
            format!("{}, {}", content.name, variant.title),
            addresses::variant(&content.handle, &variant.sku),
        ),
        false => (content.name.clone(), addresses::product(&content.handle)),
    };
    xml.text("g:id", variant.sku.as_str())?;
    xml.text("title", &cut(&title, LONGEST_TITLE))?;
    xml.text("description", &about.description)?;
    xml.text("link", &app.public_url.join(&path))?;
    let own = variant.image.as_deref().map(|url| app.picture_url(url));
    let first = own.as_deref().or(about.images.first().map(String::as_str));
    if let Some(first) = first {
        xml.text("g:image_link", first)?;
        let others = about.images.iter().filter(|image| *image != first);
        for image in others.take(MOST_MORE_IMAGES) {
            xml.text("g:additional_image_link", image)?;
        }
    }
    xml.text("g:availability", availability(level))?;
    // A reduction is told as the price before it, and what it is now.
    let before = variant.compare_at_price.filter(|before| before.minor() > variant.price.minor());
    xml.text("g:price", &price(before.unwrap_or(variant.price)))?;
    if before.is_some() {
        xml.text("g:sale_price", &price(variant.price))?;
    }
    xml.text("g:condition", "new")?;
    if !content.brand.is_empty() {
        xml.text("g:brand", &content.brand)?;
    }
    match variant.barcode.as_deref().map(str::trim).filter(|barcode| is_gtin(barcode)) {
        Some(gtin) => xml.text("g:gtin", gtin)?,
        None => xml.text("g:identifier_exists", "no")?,
    }
    if is_one_of_several {
        xml.text("g:item_group_id", about.product.id.as_str())?;
    }
    for (name, value) in &variant.options {
        let own = OPTIONS.iter().find(|(option, _)| name.eq_ignore_ascii_case(option));
        own.map_or(Ok(()), |(_, attribute)| xml.text(attribute, value))?;
    }
    if !about.kind.is_empty() {
        xml.text("g:product_type", &about.kind)?;
    }
    let grams = variant.weight_grams.filter(|grams| *grams > 0);
    grams.map_or(Ok(()), |grams| xml.text("g:shipping_weight", &format!("{grams} g")))
}

fn availability(level: Level) -> &'static str {
    match level.available() {
        1.. => "in_stock",
        _ if level.backorder => "backorder",
        _ => "out_of_stock",
    }
}

fn price(price: Money) -> String {
    format!("{} {}", price.to_decimal(), price.currency().code())
}

/// At most so many characters; of a longer text the end is left out.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// The way to each category from the top, put together once for all products in it.
struct Kinds<'a> {
    catalog: &'a Catalog,
    known: HashMap<String, String>,
}

impl Kinds<'_> {
    fn of(&mut self, name: &str) -> String {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let mut way = vec![name];
        let mut category = self.catalog.category_named(name);
        while let Some(own) = category.filter(|_| way.len() < DEEPEST) {
            category = own.parent.as_deref().and_then(|parent| self.catalog.category(parent));
            way.extend(category.map(|above| above.name.as_str()));
        }
        way.reverse();
        let way = way.join(" > ");
        self.known.insert(name.to_owned(), way.clone());
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_bought_is_told_as_it_is() {
        let level = |on_hand, backorder| Level { on_hand, backorder, ..Level::default() };
        assert_eq!(availability(level(1, false)), "in_stock");
        assert_eq!(availability(level(0, false)), "out_of_stock");
        assert_eq!(availability(level(-2, true)), "backorder");
    }

    #[test]
    fn a_text_is_cut_by_characters() {
        assert_eq!(cut("größe", 5), "größe");
        assert_eq!(cut("größen", 5), "größ…");
    }
}
