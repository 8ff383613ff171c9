//! The JSON of products, kept from one answer to the next.
//!
//! What a product looks like follows from its row and from what is left of each of its SKUs. So a
//! text that was made once is good as long as both are as they were, and that is looked at with every
//! answer: nothing has to be told that something changed. The texts lie in a table of fixed size,
//! each at the place that its id hashes to; whoever comes to a place that is taken takes it over.

use super::api::dto::product::ProductJson;
use super::app::App;
use super::etag::EntityTag;
use super::problem::ApiError;
use crate::actors::reads::{Levels, Listed};
use crate::domain::Sku;
use arc_swap::ArcSwapOption;
use axum::body::Bytes;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Places in the table.
const PLACES: usize = 8_192;

/// The longest text that is kept, in bytes. With it, the table takes 64 MB where every place is
/// taken by a product of that size; a usual one has 1.5 KB, so that it takes 12 MB.
const LONGEST: usize = 8 << 10;

/// Texts of products. Cheap to clone.
#[derive(Clone)]
pub struct Texts(Arc<Table>);

struct Table {
    hash: RandomState,
    places: Box<[ArcSwapOption<Kept>]>,
}

/// A product as it is shown.
#[derive(Debug)]
pub struct Text {
    pub json: Bytes,
    pub tag: EntityTag,
}

struct Kept {
    listed: Arc<Listed>,
    /// What was available of each variant.
    available: Box<[i64]>,
    text: Arc<Text>,
}

impl Kept {
    fn is_of(&self, listed: &Arc<Listed>, levels: &Levels) -> bool {
        let is_left = |(sku, units)| levels.get(sku).available() == units;
        let skus = listed.variants.iter().map(|variant| &variant.sku);
        Arc::ptr_eq(&self.listed, listed) && skus.zip(self.available.iter().copied()).all(is_left)
    }
}

impl Default for Texts {
    fn default() -> Texts {
        let places = (0..PLACES).map(|_| ArcSwapOption::empty()).collect();
        Texts(Arc::new(Table { hash: RandomState::new(), places }))
    }
}

impl Texts {
    /// The product with its stock of this moment.
    pub fn of(&self, app: &App, listed: &Arc<Listed>) -> Result<Arc<Text>, ApiError> {
        let Table { hash, places } = &*self.0;
        let levels = &app.shop.reads.levels;
        let place = &places[hash.hash_one(listed.id.as_str()) as usize % PLACES];
        if let Some(kept) = &*place.load()
            && kept.is_of(listed, levels)
        {
            return Ok(Arc::clone(&kept.text));
        }
        // Looked up once: text and note are of the same moment.
        let variants = &listed.variants;
        let available: Box<[i64]> =
            variants.iter().map(|variant| levels.get(&variant.sku).available()).collect();
        let left: HashMap<&Sku, i64> =
            variants.iter().map(|variant| &variant.sku).zip(available.iter().copied()).collect();
        let product = listed.product();
        let json = ProductJson::new(&product, |url| app.picture_url(url), |sku| left[sku]);
        let json = serde_json::to_vec(&json).map_err(|error| ApiError::fault(&error))?;
        let tag = EntityTag::of_answer(listed.version, &json);
        let is_kept = json.len() <= LONGEST;
        let text = Arc::new(Text { json: json.into(), tag });
        if is_kept {
            let (listed, text) = (Arc::clone(listed), Arc::clone(&text));
            place.store(Some(Arc::new(Kept { listed, available, text })));
        }
        Ok(text)
    }
}
