//! A product as the catalog keeps it: its record as it is stored, and beside it the little that
//! lists are sorted and filtered by, stock is looked up under and carts pay.
//!
//! The record of a usual product is one piece of some 650 bytes; read, it is twenty pieces and more than
//! twice of that. Of a large catalog nearly all is seldom looked at, so a product is read when it is shown, and what it
//! looks like then is kept by whoever shows it (`http/texts.rs`).

use super::levels::Levels;
use crate::domain::catalog::{Product, ProductStatus};
use crate::domain::{Money, ProductId, Sku, Timestamp};
use crate::storage::codec::{CodecError, Stored};
use std::sync::Arc;

/// A product with the version of its row.
#[derive(Debug)]
pub struct Listed {
    pub id: ProductId,
    pub version: u64,
    pub status: ProductStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Every variant, in the product's order.
    pub variants: Box<[Priced]>,
    /// The name as it is sorted: without regard to case.
    pub(super) name: Arc<str>,
    /// Of the cheapest variant.
    pub(super) price: Money,
    /// In today's form.
    record: Box<[u8]>,
}

/// What is sold of a product, at its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    pub sku: Sku,
    pub price: Money,
}

/// What a product is found by and is not asked for once it is found: the record says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub handle: Arc<str>,
    /// Handles that it had before, each with the time when it left it.
    pub former: Vec<(Arc<str>, Timestamp)>,
    pub groups: Vec<Group>,
}

/// What products may have in common, folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Category(Arc<str>),
    Brand(Arc<str>),
    Tag(Arc<str>),
}

impl Listed {
    pub fn new(product: &Product, version: u64) -> Listed {
        let record = product.to_bytes().into_boxed_slice();
        Listed::with_record(product, version, record, Sku::clone)
    }

    /// Reads a stored record. `own` gives the one copy of a SKU's text that all share.
    pub(super) fn read(
        record: Box<[u8]>,
        version: u64,
        own: impl Fn(&Sku) -> Sku,
    ) -> Result<(Listed, Labels), CodecError> {
        let product = Product::from_bytes(&record)?;
        let is_of_today = record.first() == Some(&Product::VERSION);
        let record = if is_of_today { record } else { product.to_bytes().into() };
        Ok((Listed::with_record(&product, version, record, own), Labels::of(&product)))
    }

    fn with_record(
        product: &Product,
        version: u64,
        record: Box<[u8]>,
        own: impl Fn(&Sku) -> Sku,
    ) -> Listed {
        let Product { id, content, created_at, updated_at, .. } = product;
        let variants = content.variants.iter();
        Listed {
            id: id.clone(),
            version,
            status: content.status,
            created_at: *created_at,
            updated_at: *updated_at,
            variants: variants
                .map(|variant| Priced { sku: own(&variant.sku), price: variant.price })
                .collect(),
            name: fold(&content.name),
            price: product.cheapest().price,
            record,
        }
    }

    /// The whole product, read anew with each call: a few microseconds.
    ///
    /// # Panics
    /// Never: the record was read or made when this was.
    pub fn product(&self) -> Product {
        Product::from_bytes(&self.record).expect("it was read before")
    }

    /// The product's name and the title of one of its variants, without reading all of it.
    pub(super) fn names(&self, place: usize) -> Option<(&str, &str)> {
        Product::glance(&self.record)?.names(place)
    }

    /// Whether shoppers may see and buy it.
    pub fn is_public(&self) -> bool {
        self.status == ProductStatus::Active
    }

    /// Whether any variant can be bought now.
    pub fn in_stock(&self, levels: &Levels) -> bool {
        self.variants.iter().any(|variant| {
            let level = levels.get(&variant.sku);
            level.backorder || level.available() > 0
        })
    }

    /// Units sold over all variants.
    pub fn sold(&self, levels: &Levels) -> i64 {
        self.variants.iter().map(|variant| levels.get(&variant.sku).sold).sum()
    }
}

impl Labels {
    pub fn of(product: &Product) -> Labels {
        let content = &product.content;
        let named = |text: &str| (!text.is_empty()).then(|| fold(text));
        let category = named(&content.category).map(Group::Category);
        let brand = named(&content.brand).map(Group::Brand);
        let tags = content.tags.iter().map(|tag| Group::Tag(fold(tag)));
        let groups = category.into_iter().chain(brand).chain(tags).collect();
        let former = product.former_handles.iter();
        Labels {
            handle: content.handle.as_str().into(),
            former: former.map(|own| (own.handle.as_str().into(), own.left_at)).collect(),
            groups,
        }
    }
}

/// How text is compared where case does not matter.
pub(crate) fn fold(text: &str) -> Arc<str> {
    text.to_lowercase().into()
}
