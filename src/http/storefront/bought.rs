//! What is being bought or was: its lines with their pictures, and how its sums read.

use super::addresses;
use super::goods::Picture;
use super::look::Look;
use crate::actors::reads::Catalog;
use crate::domain::cart::CartLine;
use crate::domain::catalog::Product;
use crate::domain::order::OrderLine;
use crate::domain::shipping::ShippingOption;
use crate::domain::tax::{Prices, Rate};
use crate::domain::{Money, Sku};

/// A line, small.
pub struct Mini {
    pub picture: Option<Picture>,
    /// Where the thing can be bought again.
    pub href: Option<String>,
    pub name: String,
    pub price: String,
    pub detail: String,
}

/// A name and an amount.
pub struct Row {
    pub name: String,
    pub amount: String,
}

impl Row {
    pub fn new(name: impl Into<String>, amount: impl Into<String>) -> Row {
        Row { name: name.into(), amount: amount.into() }
    }
}

impl Mini {
    pub fn of_cart(line: &CartLine, total: Money, catalog: &Catalog, look: &Look) -> Mini {
        let detail = detail(&line.title, line.quantity);
        Mini {
            picture: shown(&line.sku, catalog).and_then(|own| Picture::first_of(&own)),
            href: None,
            name: line.name.to_string(),
            price: look.price(total),
            detail,
        }
    }

    pub fn of_order(line: &OrderLine, catalog: &Catalog, look: &Look) -> Mini {
        let product = shown(&line.sku, catalog);
        let address = |own: &Product| addresses::variant(&own.content.handle, &line.sku);
        Mini {
            picture: product.as_ref().and_then(Picture::first_of),
            href: product.as_ref().map(address),
            name: line.name.clone(),
            price: look.price(line.totals.subtotal),
            detail: detail(&line.title, line.quantity),
        }
    }
}

/// The product as it is today, if it is still shown.
fn shown(sku: &Sku, catalog: &Catalog) -> Option<Product> {
    let (listed, _) = catalog.variant(sku)?;
    listed.is_public().then(|| listed.product())
}

/// `Moss check · 2 pieces`.
fn detail(title: &str, quantity: u32) -> String {
    let units = if quantity == 1 { "one".to_owned() } else { format!("{quantity} pieces") };
    if has_name(title) { format!("{title} · {units}") } else { units }
}

/// Whether a variant is called by anything; the only one of a product is not.
fn has_name(title: &str) -> bool {
    !title.is_empty() && title != "Default"
}

/// How one speaks of a variant: `Thumb-Rest Mug, Moss`.
pub fn called(name: &str, title: &str) -> String {
    if has_name(title) { format!("{name}, {title}") } else { name.to_owned() }
}

/// What sending it costs.
pub fn delivery(option: Option<&ShippingOption>, price: Money, look: &Look) -> Row {
    let name = option.map_or("Delivery".to_owned(), |own| format!("Delivery, {}", own.name));
    Row::new(name, if price.is_zero() { "Free".to_owned() } else { look.price(price) })
}

/// The tax, where any is levied or can be.
pub fn tax(of: &str, amount: Money, prices: Prices, is_levied: bool, look: &Look) -> Option<Row> {
    let in_price = if prices == Prices::IncludeTax { " (in the price)" } else { "" };
    match (amount.is_zero(), is_levied) {
        (false, _) => Some(Row::new(format!("Tax{of}{in_price}"), look.price(amount))),
        (true, true) => Some(Row::new("Tax", "none")),
        (true, false) => None,
    }
}

/// `8.875`.
pub fn percent(rate: Rate) -> String {
    let text = format!("{}.{:04}", rate.millionths() / 10_000, rate.millionths() % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_and_how_many() {
        assert_eq!(detail("Moss", 1), "Moss · one");
        assert_eq!(detail("Default", 3), "3 pieces");
        assert_eq!((called("Mug", "Moss"), called("Mug", "")), ("Mug, Moss".into(), "Mug".into()));
    }

    #[test]
    fn a_rate_is_written_as_short_as_it_is() {
        let text = |millionths| percent(Rate::from_millionths(millionths).unwrap());
        assert_eq!(
            (text(88_750), text(190_000), text(40_000)),
            ("8.875".into(), "19".into(), "4".into())
        );
        assert_eq!(text(0), "0");
    }
}
