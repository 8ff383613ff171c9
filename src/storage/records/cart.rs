//! Stored forms of carts and of what happens to them.

use super::recipient::RecipientV1;
use super::value::{CurrencyV1, MoneyV1, TimeV1, each};
use crate::domain::cart::{Cart, CartEvent, CartLine, CartStatus, Offer};
use crate::domain::{CartId, Money, OrderId, Sku};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

impl Stored for Cart {
    const NAME: &'static str = "cart";
    const VERSION: u8 = 1;
    type Latest<'a> = CartV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CartV1<'a> {
    currency: CurrencyV1,
    status: CartStatusV1,
    #[serde(borrow)]
    lines: Vec<CartLineV1<'a>>,
    #[serde(borrow)]
    recipient: Option<RecipientV1<'a>>,
    #[serde(borrow)]
    shipping_option: Option<&'a str>,
    created_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum CartStatusV1 {
    Open,
    Ordered([u8; 16]),
    Abandoned,
    Merged([u8; CartId::BYTES]),
}

#[derive(Debug, Serialize, Deserialize)]
struct CartLineV1<'a> {
    sku: &'a str,
    product_id: &'a str,
    name: &'a str,
    title: &'a str,
    quantity: u32,
    unit_price: MoneyV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OfferV1<'a> {
    sku: &'a str,
    product_id: &'a str,
    name: &'a str,
    title: &'a str,
    unit_price: MoneyV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum CartEventV1<'a> {
    Created {
        currency: CurrencyV1,
        at: TimeV1,
    },
    ItemAdded {
        #[serde(borrow)]
        offer: OfferV1<'a>,
        quantity: u32,
        at: TimeV1,
    },
    QuantitySet {
        sku: &'a str,
        quantity: u32,
        at: TimeV1,
    },
    ItemRemoved {
        sku: &'a str,
        at: TimeV1,
    },
    RecipientSet {
        #[serde(borrow)]
        recipient: Box<RecipientV1<'a>>,
        at: TimeV1,
    },
    ShippingOptionSet {
        option: &'a str,
        at: TimeV1,
    },
    Repriced {
        #[serde(borrow)]
        prices: Vec<(&'a str, MoneyV1)>,
        at: TimeV1,
    },
    CheckedOut {
        order: [u8; 16],
        at: TimeV1,
    },
    Reopened {
        order: [u8; 16],
        at: TimeV1,
    },
    Abandoned {
        at: TimeV1,
    },
    MergedInto {
        cart: [u8; CartId::BYTES],
        at: TimeV1,
    },
}

impl<'a> From<&'a Cart> for CartV1<'a> {
    fn from(cart: &'a Cart) -> CartV1<'a> {
        CartV1 {
            currency: cart.currency.into(),
            status: match cart.status {
                CartStatus::Open => CartStatusV1::Open,
                CartStatus::Ordered(order) => CartStatusV1::Ordered(*order.as_bytes()),
                CartStatus::Abandoned => CartStatusV1::Abandoned,
                CartStatus::Merged(into) => CartStatusV1::Merged(*into.as_bytes()),
            },
            lines: cart.lines.iter().map(CartLineV1::from).collect(),
            recipient: cart.recipient.as_deref().map(RecipientV1::from),
            shipping_option: cart.shipping_option.as_deref(),
            created_at: cart.created_at.into(),
            updated_at: cart.updated_at.into(),
        }
    }
}

impl TryFrom<CartV1<'_>> for Cart {
    type Error = ValueError;

    fn try_from(stored: CartV1<'_>) -> Result<Cart, ValueError> {
        Ok(Cart {
            currency: stored.currency.try_into()?,
            status: match stored.status {
                CartStatusV1::Open => CartStatus::Open,
                CartStatusV1::Ordered(order) => CartStatus::Ordered(OrderId::from_bytes(order)),
                CartStatusV1::Abandoned => CartStatus::Abandoned,
                CartStatusV1::Merged(into) => CartStatus::Merged(CartId::from_bytes(into)),
            },
            lines: each(stored.lines)?,
            recipient: stored.recipient.map(|recipient| Box::new(recipient.into())),
            shipping_option: stored.shipping_option.map(Into::into),
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        })
    }
}

impl<'a> From<&'a CartLine> for CartLineV1<'a> {
    fn from(line: &'a CartLine) -> CartLineV1<'a> {
        CartLineV1 {
            sku: line.sku.as_str(),
            product_id: line.product_id.as_str(),
            name: &line.name,
            title: &line.title,
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
        }
    }
}

impl TryFrom<CartLineV1<'_>> for CartLine {
    type Error = ValueError;

    fn try_from(stored: CartLineV1<'_>) -> Result<CartLine, ValueError> {
        Ok(CartLine {
            sku: stored.sku.parse()?,
            product_id: stored.product_id.parse()?,
            name: stored.name.into(),
            title: stored.title.into(),
            quantity: stored.quantity,
            unit_price: stored.unit_price.try_into()?,
        })
    }
}

impl<'a> From<&'a Offer> for OfferV1<'a> {
    fn from(offer: &'a Offer) -> OfferV1<'a> {
        OfferV1 {
            sku: offer.sku.as_str(),
            product_id: offer.product_id.as_str(),
            name: &offer.name,
            title: &offer.title,
            unit_price: offer.unit_price.into(),
        }
    }
}

impl TryFrom<OfferV1<'_>> for Offer {
    type Error = ValueError;

    fn try_from(stored: OfferV1<'_>) -> Result<Offer, ValueError> {
        Ok(Offer {
            sku: stored.sku.parse()?,
            product_id: stored.product_id.parse()?,
            name: stored.name.into(),
            title: stored.title.into(),
            unit_price: stored.unit_price.try_into()?,
        })
    }
}

impl<'a> From<&'a CartEvent> for CartEventV1<'a> {
    fn from(event: &'a CartEvent) -> CartEventV1<'a> {
        match event {
            CartEvent::Created { currency, at } => {
                CartEventV1::Created { currency: (*currency).into(), at: (*at).into() }
            }
            CartEvent::ItemAdded { offer, quantity, at } => CartEventV1::ItemAdded {
                offer: offer.into(),
                quantity: *quantity,
                at: (*at).into(),
            },
            CartEvent::QuantitySet { sku, quantity, at } => CartEventV1::QuantitySet {
                sku: sku.as_str(),
                quantity: *quantity,
                at: (*at).into(),
            },
            CartEvent::ItemRemoved { sku, at } => {
                CartEventV1::ItemRemoved { sku: sku.as_str(), at: (*at).into() }
            }
            CartEvent::RecipientSet { recipient, at } => CartEventV1::RecipientSet {
                recipient: Box::new((&**recipient).into()),
                at: (*at).into(),
            },
            CartEvent::ShippingOptionSet { option, at } => {
                CartEventV1::ShippingOptionSet { option, at: (*at).into() }
            }
            CartEvent::Repriced { prices, at } => CartEventV1::Repriced {
                prices: prices.iter().map(|(sku, price)| (sku.as_str(), (*price).into())).collect(),
                at: (*at).into(),
            },
            CartEvent::CheckedOut { order, at } => {
                CartEventV1::CheckedOut { order: *order.as_bytes(), at: (*at).into() }
            }
            CartEvent::Reopened { order, at } => {
                CartEventV1::Reopened { order: *order.as_bytes(), at: (*at).into() }
            }
            CartEvent::Abandoned { at } => CartEventV1::Abandoned { at: (*at).into() },
            CartEvent::MergedInto { cart, at } => {
                CartEventV1::MergedInto { cart: *cart.as_bytes(), at: (*at).into() }
            }
        }
    }
}

impl TryFrom<CartEventV1<'_>> for CartEvent {
    type Error = ValueError;

    fn try_from(stored: CartEventV1<'_>) -> Result<CartEvent, ValueError> {
        Ok(match stored {
            CartEventV1::Created { currency, at } => {
                CartEvent::Created { currency: currency.try_into()?, at: at.into() }
            }
            CartEventV1::ItemAdded { offer, quantity, at } => {
                CartEvent::ItemAdded { offer: offer.try_into()?, quantity, at: at.into() }
            }
            CartEventV1::QuantitySet { sku, quantity, at } => {
                CartEvent::QuantitySet { sku: sku.parse()?, quantity, at: at.into() }
            }
            CartEventV1::ItemRemoved { sku, at } => {
                CartEvent::ItemRemoved { sku: sku.parse()?, at: at.into() }
            }
            CartEventV1::RecipientSet { recipient, at } => {
                CartEvent::RecipientSet { recipient: Box::new((*recipient).into()), at: at.into() }
            }
            CartEventV1::ShippingOptionSet { option, at } => {
                CartEvent::ShippingOptionSet { option: option.into(), at: at.into() }
            }
            CartEventV1::Repriced { prices, at } => {
                CartEvent::Repriced { prices: new_prices(prices)?, at: at.into() }
            }
            CartEventV1::CheckedOut { order, at } => {
                CartEvent::CheckedOut { order: OrderId::from_bytes(order), at: at.into() }
            }
            CartEventV1::Reopened { order, at } => {
                CartEvent::Reopened { order: OrderId::from_bytes(order), at: at.into() }
            }
            CartEventV1::Abandoned { at } => CartEvent::Abandoned { at: at.into() },
            CartEventV1::MergedInto { cart, at } => {
                CartEvent::MergedInto { cart: CartId::from_bytes(cart), at: at.into() }
            }
        })
    }
}

fn new_prices(stored: Vec<(&str, MoneyV1)>) -> Result<Vec<(Sku, Money)>, ValueError> {
    stored.into_iter().map(|(sku, price)| Ok((sku.parse()?, price.try_into()?))).collect()
}
