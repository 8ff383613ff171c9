//! How products are shown: pictures, cards in lists.

use super::addresses;
use super::look::Look;
use super::words::Stock;
use crate::actors::pictures::srcset;
use crate::actors::reads::{Levels, Listed};
use crate::domain::catalog::{Image, Product, Variant};
use crate::domain::stock::Level;
use std::sync::Arc;

/// At how many units left a list says so.
const FEW: i64 = 3;

/// Pixels of a picture of which nothing is known.
const UNKNOWN: u32 = 800;

/// A picture as a page shows it: with the room that it takes, so that nothing moves when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub src: String,
    pub alt: String,
    pub width: u32,
    pub height: u32,
    /// The widths in which it can be had, of a picture of ours.
    pub srcset: Option<String>,
}

impl Picture {
    pub fn of(image: &Image) -> Picture {
        let ours = srcset(&image.url);
        let size = ours.as_ref().map(|ours| (ours.width, ours.height));
        let (width, height) =
            size.unwrap_or((image.width.unwrap_or(UNKNOWN), image.height.unwrap_or(UNKNOWN)));
        Picture {
            src: image.url.clone(),
            alt: image.alt.clone(),
            width,
            height,
            srcset: ours.map(|ours| ours.srcset),
        }
    }

    pub fn first_of(product: &Product) -> Option<Picture> {
        product.content.images.first().map(Picture::of)
    }
}

/// A product in a list.
pub struct Card {
    pub href: String,
    pub name: String,
    pub brand: String,
    pub picture: Option<Picture>,
    pub price: String,
    /// Whether other variants cost more.
    pub is_from: bool,
    pub was: Option<String>,
    /// Where there is little or nothing left.
    pub stock: Option<Stock>,
    pub is_sold_out: bool,
    /// Whether its picture may wait until it is scrolled to.
    pub is_lazy: bool,
}

impl Card {
    fn new(product: &Product, levels: &Levels, look: &Look, is_lazy: bool) -> Card {
        let content = &product.content;
        let cheapest = product.cheapest();
        let is_from = prices_differ(&content.variants);
        let all: Vec<Level> =
            content.variants.iter().map(|variant| levels.get(&variant.sku)).collect();
        let left: i64 = all.iter().map(|level| level.available().max(0)).sum();
        let is_sold_out = all.iter().all(|level| Stock::of(level).is_out());
        let is_low = left <= FEW && !all.iter().any(|level| level.backorder);
        let sum = Level { on_hand: left, ..Level::default() };
        Card {
            href: addresses::product(&content.handle),
            name: content.name.clone(),
            brand: content.brand.clone(),
            picture: Picture::first_of(product),
            price: look.price(cheapest.price),
            is_from,
            was: cheapest.compare_at_price.filter(|_| !is_from).map(|was| look.price(was)),
            stock: (is_sold_out || is_low).then(|| Stock::of(&sum)),
            is_sold_out,
            is_lazy,
        }
    }
}

/// Cards of products; pictures of the first `eager` are loaded at once.
pub fn cards(listed: &[Arc<Listed>], levels: &Levels, look: &Look, eager: usize) -> Vec<Card> {
    let products = listed.iter().enumerate();
    products.map(|(n, listed)| Card::new(&listed.product(), levels, look, n >= eager)).collect()
}

pub fn prices_differ(variants: &[Variant]) -> bool {
    variants.windows(2).any(|pair| pair[0].price != pair[1].price)
}
