//! One product as the index holds it.

use super::schema::{Fields, SEPARATOR};
use super::text;
use crate::domain::catalog::Product;
use std::collections::{BTreeMap, HashSet};
use tantivy::TantivyDocument;

/// What the index holds of a product beside the product itself. Both change with every sale, so
/// whoever feeds the index decides how often to pass them on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether any variant can be bought now.
    pub in_stock: bool,
    /// Units sold so far, for sorting by what sells best.
    pub sold: i64,
}

pub(super) fn document(fields: &Fields, product: &Product, standing: Standing) -> TantivyDocument {
    let content = &product.content;
    let mut document = TantivyDocument::new();
    document.add_text(fields.id, product.id.as_str());
    document.add_text(fields.handle, &content.handle);
    document.add_text(fields.title, &content.name);

    let name = text::words_to_index(&content.name);
    let labels: Vec<String> = unique(label_texts(product).flat_map(text::words_to_index));
    let description = text::words_to_index(&text::without_html(&content.description));
    document.add_text(fields.name, name.join(" "));
    document.add_text(fields.name_stems, name.join(" "));
    document.add_text(fields.labels, labels.join(" "));
    document.add_text(fields.label_stems, labels.join(" "));
    document.add_text(fields.name_edges, text::edges(&name).join(" "));
    document.add_text(fields.label_edges, text::edges(&labels).join(" "));
    let everything: Vec<String> = [name, labels, description].concat();
    document.add_text(fields.everything, everything.join(" "));
    let spelling = unique(everything.into_iter().filter(|word| can_be_misspelt(word)));
    document.add_text(fields.spelling, spelling.join(" "));

    for variant in &content.variants {
        document.add_text(fields.codes, text::key(variant.sku.as_str()));
        if let Some(barcode) = &variant.barcode {
            document.add_text(fields.codes, text::key(barcode));
        }
    }
    for (field, edges, value) in [
        (fields.category, fields.category_edges, &content.category),
        (fields.brand, fields.brand_edges, &content.brand),
    ] {
        if !text::key(value).is_empty() {
            document.add_text(field, labelled(value));
            document.add_text(edges, text::edges(&text::words_to_index(value)).join(" "));
        }
    }
    for tag in unique(content.tags.iter().map(|tag| text::key(tag))) {
        document.add_text(fields.tags, tag);
    }
    for (name, value) in attributes(product) {
        document.add_text(fields.attributes, attribute(name, value));
    }

    let price = product.cheapest().price;
    document.add_text(fields.currency, price.currency().code());
    document.add_i64(fields.price, price.minor());
    document.add_bool(fields.in_stock, standing.in_stock);
    document.add_i64(fields.sold, standing.sold);
    document.add_i64(fields.created_at, product.created_at.as_millis());
    document.add_i64(fields.updated_at, product.updated_at.as_millis());
    document.add_text(fields.sort_name, text::key(&text::words(&content.name).join(" ")));
    document
}

/// Codes such as `85123a` are left out: the next code is another product, not a typing error.
pub(super) fn can_be_misspelt(word: &str) -> bool {
    !word.chars().any(char::is_numeric)
}

/// A category or brand as its column holds it.
fn labelled(value: &str) -> String {
    format!("{}{SEPARATOR}{}", text::key(value), text::label(value))
}

/// An attribute as its column holds it; see [`attribute_key`] for the half that is compared.
fn attribute(name: &str, value: &str) -> String {
    let (shown_name, shown_value) = (text::label(name), text::label(value));
    format!("{}{shown_name}{SEPARATOR}{shown_value}", attribute_key(name, value))
}

/// The beginning that all spellings of one attribute's value have in common.
pub(super) fn attribute_key(name: &str, value: &str) -> String {
    format!("{}{SEPARATOR}{}{SEPARATOR}", text::key(name), text::key(value))
}

/// What shoppers choose by: the product's attributes and its options, each value once.
fn attributes(product: &Product) -> Vec<(&str, &str)> {
    let content = &product.content;
    let own = content.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = content.options.iter().flat_map(|option| {
        option.values.iter().map(|value| (option.name.as_str(), value.as_str()))
    });
    let bought = content.variants.iter().flat_map(|variant| {
        variant.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    });
    let named =
        |(name, value): &(&str, &str)| !text::key(name).is_empty() && !text::key(value).is_empty();
    let all = own.chain(options).chain(bought).filter(named);
    let by_key: BTreeMap<String, (&str, &str)> =
        all.map(|(name, value)| (attribute_key(name, value), (name, value))).collect();
    by_key.into_values().collect()
}

fn label_texts(product: &Product) -> impl Iterator<Item = &str> {
    let content = &product.content;
    let variants = content.variants.iter();
    // The title of an only variant is a placeholder such as "Default".
    let titles = variants.clone().filter(|_| content.variants.len() > 1);
    [content.category.as_str(), content.brand.as_str()]
        .into_iter()
        .chain(content.tags.iter().map(String::as_str))
        .chain(attributes(product).into_iter().map(|(_, value)| value))
        .chain(titles.map(|variant| variant.title.as_str()))
        .chain(variants.map(|variant| variant.sku.as_str()))
}

/// Each word once, in the order of the first.
fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    words.filter(|word| seen.insert(word.clone())).collect()
}
