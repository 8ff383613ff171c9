//! The lines of a cart as they are shown, and what is said beside each: what happened to it since it was
//! put there.

use crate::actors::cart::CartView;
use crate::domain::cart::CartEvent;
use crate::domain::event::Fact;
use crate::domain::{CartId, Money, Sku};
use crate::http::app::App;
use crate::http::problem::ApiError;
use crate::http::storefront::addresses;
use crate::http::storefront::goods::Picture;
use crate::http::storefront::lists::address;
use std::collections::HashMap;

/// How much of a cart's history is looked at.
const HISTORY: usize = 500;

/// A line as it is shown.
pub struct Item {
    pub path: String,
    pub name: String,
    pub title: String,
    pub href: Option<String>,
    pub picture: Option<Picture>,
    pub quantity: u32,
    pub each: Option<String>,
    pub total: String,
    pub notes: Vec<Note>,
    pub is_gone: bool,
}

/// What is said of a line.
pub enum Note {
    /// It was less or more when it was put there.
    Price {
        way: &'static str,
        was: String,
        now: String,
    },
    Short {
        left: i64,
    },
    /// More were asked for than there are.
    Fewer {
        asked: u32,
        left: u32,
    },
    SoldOut,
    NotForSale,
    Fault(String),
}

/// What is to be said of one line.
pub struct Remark {
    pub sku: Sku,
    pub note: Note,
}

/// The lines, each with what it comes to.
pub fn items(
    app: &App,
    view: &CartView,
    mut remark: Option<Remark>,
) -> Result<Vec<(Item, Money)>, ApiError> {
    let before = prices_when_put(app, view.id)?;
    let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
    let mut items = Vec::with_capacity(view.cart.lines.len());
    for line in &view.cart.lines {
        let listed = catalog.variant(&line.sku).map(|(listed, _)| listed);
        let listed = listed.filter(|listed| listed.is_public());
        let product = listed.map(|listed| listed.product());
        let level = app.shop.reads.levels.get(&line.sku);
        let left = level.available().max(0);
        let is_gone = product.is_none() || (left == 0 && !level.backorder);
        let mut notes = Vec::new();
        if product.is_none() {
            notes.push(Note::NotForSale);
        } else if is_gone {
            notes.push(Note::SoldOut);
        } else if !level.backorder && i64::from(line.quantity) > left {
            notes.push(Note::Short { left });
        }
        let was = before.get(&line.sku).filter(|was| **was != line.unit_price);
        if let Some(was) = was.filter(|_| !is_gone) {
            let way = if was.minor() > line.unit_price.minor() { "down" } else { "up" };
            let (was, now) = (look.price(*was), look.price(line.unit_price));
            notes.push(Note::Price { way, was, now });
        }
        match remark.take_if(|remark| remark.sku == line.sku).map(|remark| remark.note) {
            // Said only where it is so: an address can be written by anybody.
            Some(Note::Fewer { asked, .. })
                if i64::from(line.quantity) == left && asked > line.quantity =>
            {
                notes.push(Note::Fewer { asked, left: line.quantity });
            }
            Some(Note::Fault(text)) => notes.push(Note::Fault(text)),
            _ => {}
        }
        let total = line.unit_price.times(line.quantity)?;
        let several = product.as_ref().is_some_and(|own| own.content.variants.len() > 1);
        let path = product.as_ref().map(|own| addresses::product(&own.content.handle));
        let item = Item {
            path: addresses::encoded(line.sku.as_str()),
            name: line.name.to_string(),
            title: if several { line.title.to_string() } else { String::new() },
            href: path.map(|path| address(&path, [("variant", line.sku.as_str())])),
            picture: product.as_ref().and_then(Picture::first_of),
            quantity: line.quantity,
            each: (line.quantity > 1 && !is_gone)
                .then(|| format!("{} each", look.price(line.unit_price))),
            total: look.price(total),
            notes,
            is_gone,
        };
        items.push((item, total));
    }
    Ok(items)
}

/// What each line's variant cost when it was last put into the cart.
fn prices_when_put(app: &App, cart: CartId) -> Result<HashMap<Sku, Money>, ApiError> {
    let history = app.shop.reads.cart_history(cart, HISTORY);
    let history = history.map_err(|error| ApiError::fault(&error))?;
    let mut prices = HashMap::new();
    for event in history {
        if let Fact::Cart(_, CartEvent::ItemAdded { offer, .. }) = event.fact {
            prices.entry(offer.sku).or_insert(offer.unit_price);
        }
    }
    Ok(prices)
}
