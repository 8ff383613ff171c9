//! The fields of the index: what is looked up by word, and what is read by column.
//!
//! Text is prepared by [`super::text`] and only split here. Whatever filters, sorts or counts is a
//! column, so that a search reads no stored document. A column of a label holds its key, a NUL and
//! its display form: one dictionary then answers which rows match without regard to case (a range
//! of ordinals) and how the label is written.

use super::text;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, SchemaBuilder, TextFieldIndexing,
    TextOptions,
};
use tantivy::tokenizer::TokenizerManager;

/// Changes whenever words or columns are made differently, so that older indexes are made anew.
pub(super) const FORMAT: u32 = 1;

/// Between the parts of a label in a column; no label contains it.
pub(super) const SEPARATOR: char = '\0';

/// Names of the columns.
pub(super) mod column {
    pub(in crate::search) const ID: &str = "id";
    pub(in crate::search) const CATEGORY: &str = "category";
    pub(in crate::search) const BRAND: &str = "brand";
    pub(in crate::search) const TAGS: &str = "tags";
    pub(in crate::search) const ATTRIBUTES: &str = "attributes";
    pub(in crate::search) const CURRENCY: &str = "currency";
    pub(in crate::search) const PRICE: &str = "price";
    pub(in crate::search) const IN_STOCK: &str = "in_stock";
    pub(in crate::search) const SOLD: &str = "sold";
    pub(in crate::search) const CREATED_AT: &str = "created_at";
    pub(in crate::search) const UPDATED_AT: &str = "updated_at";
    pub(in crate::search) const SORT_NAME: &str = "sort_name";
}

/// Every field, by what it is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub id: Field,
    /// SKUs and barcodes in lower case, whole.
    pub codes: Field,
    pub name: Field,
    pub name_stems: Field,
    /// Words of brand, category, tags, options, attributes, variants and SKUs.
    pub labels: Field,
    pub label_stems: Field,
    /// Stems of all words, those of the description too: what must match is matched here.
    pub everything: Field,
    /// Beginnings of words, for the last word while it is being typed.
    pub name_edges: Field,
    pub label_edges: Field,
    pub category_edges: Field,
    pub brand_edges: Field,
    /// Words that a typing error can be corrected to.
    pub spelling: Field,
    pub category: Field,
    pub brand: Field,
    pub tags: Field,
    pub attributes: Field,
    pub currency: Field,
    pub price: Field,
    pub in_stock: Field,
    pub sold: Field,
    pub created_at: Field,
    pub updated_at: Field,
    pub sort_name: Field,
    /// For suggestions, which show a handful of products.
    pub handle: Field,
    pub title: Field,
}

pub(super) fn build() -> (Schema, Fields) {
    let mut schema = SchemaBuilder::new();
    let mut indexed = |name: &str, tokenizer: &str, record: IndexRecordOption| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(record)
            .set_fieldnorms(record == IndexRecordOption::WithFreqs);
        schema.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let (freqs, basic) = (IndexRecordOption::WithFreqs, IndexRecordOption::Basic);
    let name = indexed("name", text::EXACT, freqs);
    let name_stems = indexed("name_stems", text::STEMMED, freqs);
    let labels = indexed("labels", text::EXACT, freqs);
    let label_stems = indexed("label_stems", text::STEMMED, freqs);
    let everything = indexed("everything", text::STEMMED, freqs);
    let name_edges = indexed("name_edges", text::EXACT, basic);
    let label_edges = indexed("label_edges", text::EXACT, basic);
    let category_edges = indexed("category_edges", text::EXACT, basic);
    let brand_edges = indexed("brand_edges", text::EXACT, basic);
    let spelling = indexed("spelling", text::EXACT, basic);
    let fields = Fields {
        id: schema.add_text_field(column::ID, STRING | FAST),
        codes: schema.add_text_field("codes", STRING),
        name,
        name_stems,
        labels,
        label_stems,
        everything,
        name_edges,
        label_edges,
        category_edges,
        brand_edges,
        spelling,
        category: schema.add_text_field(column::CATEGORY, FAST),
        brand: schema.add_text_field(column::BRAND, FAST),
        tags: schema.add_text_field(column::TAGS, FAST),
        attributes: schema.add_text_field(column::ATTRIBUTES, FAST),
        currency: schema.add_text_field(column::CURRENCY, FAST),
        price: schema.add_i64_field(column::PRICE, FAST),
        in_stock: schema.add_bool_field(column::IN_STOCK, FAST),
        sold: schema.add_i64_field(column::SOLD, FAST),
        created_at: schema.add_i64_field(column::CREATED_AT, FAST),
        updated_at: schema.add_i64_field(column::UPDATED_AT, FAST),
        sort_name: schema.add_text_field(column::SORT_NAME, FAST),
        handle: schema.add_text_field("handle", STORED),
        title: schema.add_text_field("title", STORED),
    };
    (schema.build(), fields)
}

/// How the fields' prepared text is split.
pub(super) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(text::EXACT, text::exact());
    tokenizers.register(text::STEMMED, text::stemmed());
    tokenizers
}
