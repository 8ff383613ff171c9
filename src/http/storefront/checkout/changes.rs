//! What became otherwise between the moment when a shopper looked and the moment when they pressed the
//! button, in words. Nothing of it happens silently.

use super::typed::Seen;
use crate::actors::cart::{CartRequest, CartView};
use crate::actors::reads::Catalog;
use crate::domain::cart::CartLine;
use crate::domain::{Money, Sku};
use crate::http::api::carts;
use crate::http::app::App;
use crate::http::problem::ApiError;
use crate::http::storefront::bought::called;
use crate::http::storefront::look::Look;

/// Something that is said: what, and what follows from it.
pub struct Note {
    pub what: String,
    pub then: String,
}

/// So many units are left of a line that asks for more; none of one that is not sold any more.
pub struct Short {
    pub sku: Sku,
    pub left: u32,
    pub is_for_sale: bool,
}

/// What the cart has otherwise than the page had.
pub fn since(seen: &[Seen], view: &CartView, catalog: &Catalog, look: &Look) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |what: String, then: String| notes.push(Note { what, then });
    let lines = &view.cart.lines;
    for line in lines {
        let what = called(&line.name, &line.title);
        let Some(own) = seen.iter().find(|own| own.sku == line.sku) else {
            note(format!("{what} was put into your cart"), "It is in the total.".into());
            continue;
        };
        if own.minor != line.unit_price.minor() {
            let was = Money::from_minor(own.minor, line.unit_price.currency());
            let (was, now) = (look.price(was), look.price(line.unit_price));
            let then = format!("It cost {was} when you came to this page, and the total is new.");
            note(format!("{what} now costs {now}"), then);
        }
        if own.quantity != line.quantity {
            let then = format!("You ask for {} now, and not {}.", line.quantity, own.quantity);
            note(format!("The number of {what} is another"), then);
        }
    }
    for gone in seen.iter().filter(|own| !lines.iter().any(|line| line.sku == own.sku)) {
        let found = catalog.variant(&gone.sku).map(|(listed, _)| listed.product());
        let name = found.map_or_else(|| gone.sku.to_string(), |own| own.content.name.clone());
        note(format!("{name} was taken out of your cart"), "It is not in the total.".into());
    }
    notes
}

/// The lines of which there is not enough, as far as the shop shows.
pub fn short(app: &App, view: &CartView) -> Vec<Short> {
    let catalog = app.shop.reads.catalog.load();
    let short = |line: &CartLine| {
        let price = catalog.price(&line.sku);
        let is_for_sale = price.is_some_and(|price| price.currency() == view.cart.currency);
        let level = app.shop.reads.levels.get(&line.sku);
        let left = u32::try_from(level.available().max(0)).unwrap_or(u32::MAX);
        let is_enough = is_for_sale && (level.backorder || left >= line.quantity);
        (!is_enough).then(|| Short { sku: line.sku.clone(), left, is_for_sale })
    };
    view.cart.lines.iter().filter_map(short).collect()
}

/// Takes what is not there out of the cart, and says so. `None` where nothing would be left: the cart
/// stays, and its page says why.
pub async fn take_out(
    app: &App,
    view: CartView,
    shorts: &[Short],
) -> Result<Option<(CartView, Vec<Note>)>, ApiError> {
    let is_gone = |line: &CartLine| {
        shorts.iter().any(|own| own.sku == line.sku && (own.left == 0 || !own.is_for_sale))
    };
    if view.cart.lines.iter().all(is_gone) {
        return Ok(None);
    }
    let (id, mut view, mut notes) = (view.id, view, Vec::new());
    for Short { sku, left, is_for_sale } in shorts {
        let Some(line) = view.cart.line(sku).filter(|line| !is_for_sale || line.quantity > *left)
        else {
            continue;
        };
        let (what, asked) = (called(&line.name, &line.title), line.quantity);
        let gone =
            "since you came to this page. It is no longer in the order, and the total is new.";
        let (what, then, request) = if !is_for_sale {
            let request = CartRequest::RemoveItem { sku: sku.clone() };
            (format!("{what} is no longer for sale"), gone.to_owned(), request)
        } else if *left == 0 {
            let request = CartRequest::RemoveItem { sku: sku.clone() };
            (format!("{what} is sold out"), gone.to_owned(), request)
        } else {
            let is_are = if *left == 1 { "is" } else { "are" };
            let then =
                format!("You asked for {asked}, so we made it {left}, and the total is new.");
            let request = CartRequest::SetQuantity { sku: sku.clone(), quantity: *left };
            (format!("Only {left} of {what} {is_are} left"), then, request)
        };
        view = carts::asked(app, Some(id), request).await?;
        notes.push(Note { what, then });
    }
    Ok(Some((view, notes)))
}
