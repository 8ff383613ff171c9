//! One cart: what is being picked, at the prices that its shopper was last shown.
//!
//! A line keeps the unit price that was shown. Where the catalog has moved on, the cart is repriced
//! before it is shown again, and a checkout at an outdated price is refused: no price changes at
//! the end. Stock is absent on purpose: a cart promises nothing, only a checkout does.

use super::ids::{CartId, OrderId, ProductId, Sku};
use super::money::{Currency, Money};
use super::pricing::{Item, PriceRules, PricingError, Totals};
use super::recipient::Recipient;
use super::time::{Span, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cart {
    pub currency: Currency,
    pub status: CartStatus,
    pub lines: Vec<CartLine>,
    /// A sealed address; the boxes keep the many carts without one small.
    pub recipient: Option<Box<Recipient>>,
    pub shipping_option: Option<Box<str>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CartStatus {
    Open,
    /// It became this order.
    Ordered(OrderId),
    /// Its shopper deleted it, or let it lie too long.
    Abandoned,
    /// What was in it is in this cart now.
    Merged(CartId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartLine {
    pub sku: Sku,
    pub product_id: ProductId,
    pub name: Box<str>,
    pub title: Box<str>,
    pub quantity: u32,
    pub unit_price: Money,
}

/// A variant as the catalog offers it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub sku: Sku,
    pub product_id: ProductId,
    pub name: Box<str>,
    pub title: Box<str>,
    pub unit_price: Money,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CartCommand {
    Create {
        currency: Currency,
        items: Vec<(Offer, u32)>,
    },
    AddItem {
        offer: Offer,
        quantity: u32,
    },
    /// Zero removes the line.
    SetQuantity {
        sku: Sku,
        quantity: u32,
    },
    RemoveItem {
        sku: Sku,
    },
    SetRecipient(Box<Recipient>),
    SetShippingOption(Box<str>),
    /// Takes over the catalog's prices for the lines named.
    Reprice(Vec<(Sku, Money)>),
    CheckOut {
        order: OrderId,
    },
    /// The order came to nothing; the cart can be used again.
    Reopen {
        order: OrderId,
    },
    Abandon,
    /// What is in it goes into another cart, in the same commit.
    MergeInto(CartId),
    /// Takes in the lines of a cart that ends: quantities are added up, as far as a cart may hold them.
    TakeIn(Vec<CartLine>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CartEvent {
    Created { currency: Currency, at: Timestamp },
    ItemAdded { offer: Offer, quantity: u32, at: Timestamp },
    QuantitySet { sku: Sku, quantity: u32, at: Timestamp },
    ItemRemoved { sku: Sku, at: Timestamp },
    RecipientSet { recipient: Box<Recipient>, at: Timestamp },
    ShippingOptionSet { option: Box<str>, at: Timestamp },
    Repriced { prices: Vec<(Sku, Money)>, at: Timestamp },
    CheckedOut { order: OrderId, at: Timestamp },
    Reopened { order: OrderId, at: Timestamp },
    Abandoned { at: Timestamp },
    MergedInto { cart: CartId, at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CartRejection {
    #[error("there is no such cart")]
    Unknown,
    #[error("the cart is there already")]
    Exists,
    #[error("the cart became order {order}")]
    Ordered { order: OrderId },
    #[error("the cart is gone")]
    Abandoned,
    #[error("what was in the cart is in another one")]
    Merged,
    #[error("the cart is being checked out")]
    BeingCheckedOut,
    #[error("the cart is empty")]
    Empty,
    #[error("{sku} is not in the cart")]
    NoSuchLine { sku: Sku },
    #[error("a cart holds at most {most} lines")]
    TooManyLines { most: usize },
    #[error("a line holds 1 to {most} units")]
    QuantityOutOfRange { most: u32 },
    #[error("the cart is in {cart}, the product in {product}")]
    CurrencyMismatch { cart: Currency, product: Currency },
}

pub const MOST_LINES: usize = 200;
pub const MOST_UNITS_PER_LINE: u32 = 100_000;

/// How long a cart that nobody touches is kept.
pub const KEPT_FOR: Span = Span::days(30);

impl Cart {
    /// Says which events follow from `command`; `current` is `None` for a cart not yet made.
    pub fn decide(
        current: Option<&Cart>,
        command: CartCommand,
        now: Timestamp,
    ) -> Result<Vec<CartEvent>, CartRejection> {
        let cart = match (current, command) {
            (None, CartCommand::Create { currency, items }) => return create(currency, items, now),
            (Some(_), CartCommand::Create { .. }) => return Err(CartRejection::Exists),
            (None, _) => return Err(CartRejection::Unknown),
            (Some(cart), command) => (cart, command),
        };
        match cart {
            (cart, CartCommand::CheckOut { order }) => match cart.status {
                CartStatus::Ordered(own) if own == order => Ok(vec![]),
                CartStatus::Ordered(order) => Err(CartRejection::Ordered { order }),
                CartStatus::Abandoned => Err(CartRejection::Abandoned),
                CartStatus::Merged(_) => Err(CartRejection::Merged),
                CartStatus::Open if cart.lines.is_empty() => Err(CartRejection::Empty),
                CartStatus::Open => Ok(vec![CartEvent::CheckedOut { order, at: now }]),
            },
            (cart, CartCommand::Reopen { order }) => match cart.status {
                CartStatus::Ordered(own) if own == order => {
                    Ok(vec![CartEvent::Reopened { order, at: now }])
                }
                CartStatus::Ordered(_)
                | CartStatus::Open
                | CartStatus::Abandoned
                | CartStatus::Merged(_) => Ok(vec![]),
            },
            (cart, CartCommand::Abandon) => match cart.status {
                CartStatus::Open => Ok(vec![CartEvent::Abandoned { at: now }]),
                CartStatus::Abandoned | CartStatus::Merged(_) => Ok(vec![]),
                CartStatus::Ordered(order) => Err(CartRejection::Ordered { order }),
            },
            (cart, command) => {
                cart.must_be_open()?;
                cart.decide_edit(command, now)
            }
        }
    }

    /// Edits of an open cart.
    fn decide_edit(
        &self,
        command: CartCommand,
        now: Timestamp,
    ) -> Result<Vec<CartEvent>, CartRejection> {
        match command {
            CartCommand::AddItem { offer, quantity } => {
                self.check_addition(&offer, quantity)?;
                Ok(vec![CartEvent::ItemAdded { offer, quantity, at: now }])
            }
            CartCommand::SetQuantity { sku, quantity } => {
                let line = self.line(&sku).ok_or(CartRejection::NoSuchLine { sku: sku.clone() })?;
                match quantity {
                    0 => Ok(vec![CartEvent::ItemRemoved { sku, at: now }]),
                    same if same == line.quantity => Ok(vec![]),
                    _ if quantity > MOST_UNITS_PER_LINE => Err(out_of_range()),
                    _ => Ok(vec![CartEvent::QuantitySet { sku, quantity, at: now }]),
                }
            }
            CartCommand::RemoveItem { sku } => {
                self.line(&sku).ok_or(CartRejection::NoSuchLine { sku: sku.clone() })?;
                Ok(vec![CartEvent::ItemRemoved { sku, at: now }])
            }
            CartCommand::SetRecipient(recipient) => {
                if self.recipient.as_ref() == Some(&recipient) {
                    return Ok(vec![]);
                }
                Ok(vec![CartEvent::RecipientSet { recipient, at: now }])
            }
            CartCommand::SetShippingOption(option) => {
                if self.shipping_option.as_ref() == Some(&option) {
                    return Ok(vec![]);
                }
                Ok(vec![CartEvent::ShippingOptionSet { option, at: now }])
            }
            CartCommand::Reprice(prices) => {
                let differs = |(sku, price): &(Sku, Money)| {
                    self.line(sku).is_some_and(|line| line.unit_price != *price)
                };
                let prices: Vec<(Sku, Money)> = prices.into_iter().filter(differs).collect();
                if let Some((_, price)) = prices.iter().find(|(_, p)| p.currency() != self.currency)
                {
                    let (cart, product) = (self.currency, price.currency());
                    return Err(CartRejection::CurrencyMismatch { cart, product });
                }
                if prices.is_empty() {
                    Ok(vec![])
                } else {
                    Ok(vec![CartEvent::Repriced { prices, at: now }])
                }
            }
            CartCommand::MergeInto(cart) => Ok(vec![CartEvent::MergedInto { cart, at: now }]),
            CartCommand::TakeIn(lines) => Ok(self.take_in(lines, now)),
            // Answered before the cart was found to be open.
            CartCommand::Create { .. }
            | CartCommand::CheckOut { .. }
            | CartCommand::Reopen { .. }
            | CartCommand::Abandon => Ok(vec![]),
        }
    }

    /// What of these lines a cart may hold, one after the other. What costs another currency stays out.
    fn take_in(&self, lines: Vec<CartLine>, at: Timestamp) -> Vec<CartEvent> {
        let mut cart = Some(self.clone());
        let mut events = Vec::with_capacity(lines.len());
        for line in lines {
            let Some(own) = &cart else { break };
            let there = own.line(&line.sku).map_or(0, |own| own.quantity);
            let quantity = line.quantity.min(MOST_UNITS_PER_LINE.saturating_sub(there));
            let offer = line.into_offer();
            if own.check_addition(&offer, quantity).is_ok() {
                let event = CartEvent::ItemAdded { offer, quantity, at };
                cart = Cart::apply(cart, &event);
                events.push(event);
            }
        }
        events
    }

    fn check_addition(&self, offer: &Offer, quantity: u32) -> Result<(), CartRejection> {
        let already = self.line(&offer.sku);
        let units = quantity.saturating_add(already.map_or(0, |line| line.quantity));
        if quantity == 0 || units > MOST_UNITS_PER_LINE {
            return Err(out_of_range());
        }
        if already.is_none() && self.lines.len() >= MOST_LINES {
            return Err(CartRejection::TooManyLines { most: MOST_LINES });
        }
        // An empty cart takes the currency of the first thing put into it.
        let product = offer.unit_price.currency();
        if product != self.currency && !self.lines.is_empty() {
            return Err(CartRejection::CurrencyMismatch { cart: self.currency, product });
        }
        Ok(())
    }

    pub fn must_be_open(&self) -> Result<(), CartRejection> {
        match self.status {
            CartStatus::Open => Ok(()),
            CartStatus::Ordered(order) => Err(CartRejection::Ordered { order }),
            CartStatus::Abandoned => Err(CartRejection::Abandoned),
            CartStatus::Merged(_) => Err(CartRejection::Merged),
        }
    }

    /// Whether it is there for nobody any more.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, CartStatus::Abandoned | CartStatus::Merged(_))
    }

    /// Takes in a fact; the first one makes the cart.
    pub fn apply(current: Option<Cart>, event: &CartEvent) -> Option<Cart> {
        let mut cart = match (current, event) {
            (_, CartEvent::Created { currency, at }) => {
                return Some(Cart {
                    currency: *currency,
                    status: CartStatus::Open,
                    lines: Vec::new(),
                    recipient: None,
                    shipping_option: None,
                    created_at: *at,
                    updated_at: *at,
                });
            }
            (None, _) => return None,
            (Some(cart), _) => cart,
        };
        cart.updated_at = match event {
            CartEvent::Created { at, .. } => *at,
            CartEvent::ItemAdded { offer, quantity, at } => {
                cart.currency = offer.unit_price.currency();
                match cart.lines.iter_mut().find(|line| line.sku == offer.sku) {
                    Some(line) => {
                        line.quantity += quantity;
                        line.unit_price = offer.unit_price;
                    }
                    None => {
                        // Most carts have a line or two, and left to itself the list takes room
                        // for four.
                        cart.lines.reserve_exact(1);
                        cart.lines.push(CartLine::new(offer, *quantity));
                    }
                }
                *at
            }
            CartEvent::QuantitySet { sku, quantity, at } => {
                if let Some(line) = cart.lines.iter_mut().find(|line| line.sku == *sku) {
                    line.quantity = *quantity;
                }
                *at
            }
            CartEvent::ItemRemoved { sku, at } => {
                cart.lines.retain(|line| line.sku != *sku);
                *at
            }
            CartEvent::RecipientSet { recipient, at } => {
                cart.recipient = Some(recipient.clone());
                *at
            }
            CartEvent::ShippingOptionSet { option, at } => {
                cart.shipping_option = Some(option.clone());
                *at
            }
            CartEvent::Repriced { prices, at } => {
                for (sku, price) in prices {
                    if let Some(line) = cart.lines.iter_mut().find(|line| line.sku == *sku) {
                        line.unit_price = *price;
                    }
                }
                *at
            }
            CartEvent::CheckedOut { order, at } => {
                cart.status = CartStatus::Ordered(*order);
                *at
            }
            CartEvent::Reopened { at, .. } => {
                cart.status = CartStatus::Open;
                *at
            }
            CartEvent::Abandoned { at } => {
                cart.status = CartStatus::Abandoned;
                *at
            }
            CartEvent::MergedInto { cart: into, at } => {
                cart.status = CartStatus::Merged(*into);
                *at
            }
        };
        Some(cart)
    }

    pub fn line(&self, sku: &Sku) -> Option<&CartLine> {
        self.lines.iter().find(|line| line.sku == *sku)
    }

    /// Its lines, as pricing takes them.
    pub fn items(&self) -> Vec<Item> {
        let item = |line: &CartLine| {
            let (sku, unit_price) = (line.sku.clone(), line.unit_price);
            Item { sku, quantity: line.quantity, unit_price }
        };
        self.lines.iter().map(item).collect()
    }

    /// What it costs as it stands. A chosen way of sending that is not offered any more (the goods
    /// or the address have changed) is not counted; a checkout names it.
    pub fn totals(&self, rules: &PriceRules) -> Result<Totals, PricingError> {
        let destination = self.recipient.as_deref().map(|recipient| &recipient.region);
        let (items, option) = (self.items(), self.shipping_option.as_deref());
        match rules.totals(self.currency, &items, destination, option) {
            Err(PricingError::NoSuchShipping(_)) => {
                rules.totals(self.currency, &items, destination, None)
            }
            totals => totals,
        }
    }

    /// When it counts as left behind unless it is touched again.
    pub fn expires_at(&self) -> Timestamp {
        self.updated_at.plus(KEPT_FOR)
    }
}

impl CartLine {
    fn new(offer: &Offer, quantity: u32) -> CartLine {
        CartLine {
            sku: offer.sku.clone(),
            product_id: offer.product_id.clone(),
            name: offer.name.clone(),
            title: offer.title.clone(),
            quantity,
            unit_price: offer.unit_price,
        }
    }

    /// What is on it, as it was offered.
    fn into_offer(self) -> Offer {
        let CartLine { sku, product_id, name, title, unit_price, .. } = self;
        Offer { sku, product_id, name, title, unit_price }
    }
}

fn out_of_range() -> CartRejection {
    CartRejection::QuantityOutOfRange { most: MOST_UNITS_PER_LINE }
}

/// A new cart, with its first items checked one after the other as if added singly.
fn create(
    currency: Currency,
    items: Vec<(Offer, u32)>,
    now: Timestamp,
) -> Result<Vec<CartEvent>, CartRejection> {
    let mut events = vec![CartEvent::Created { currency, at: now }];
    let mut cart = Cart::apply(None, &events[0]);
    for (offer, quantity) in items {
        // Whoever names a currency means it, so not even the first item may change it.
        let product = offer.unit_price.currency();
        if product != currency {
            return Err(CartRejection::CurrencyMismatch { cart: currency, product });
        }
        let added = Cart::decide(cart.as_ref(), CartCommand::AddItem { offer, quantity }, now)?;
        cart = added.iter().fold(cart, Cart::apply);
        events.extend(added);
    }
    Ok(events)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::pricing::tests::usd;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    pub(crate) fn offer(sku: &str, minor: i64) -> Offer {
        Offer {
            sku: sku.parse().unwrap(),
            product_id: "prod-1".parse().unwrap(),
            name: "Kettle".into(),
            title: "Default".into(),
            unit_price: usd(minor),
        }
    }

    fn order(n: u8) -> OrderId {
        OrderId::from_bytes([n; 16])
    }

    fn cart_with(items: &[(&str, u32)]) -> Cart {
        let items = items.iter().map(|&(sku, quantity)| (offer(sku, 100), quantity)).collect();
        let events =
            Cart::decide(None, CartCommand::Create { currency: Currency::USD, items }, NOON)
                .unwrap();
        events.iter().fold(None, Cart::apply).unwrap()
    }

    #[test]
    fn a_cart_is_checked_out_once() {
        let cart = cart_with(&[("A", 1)]);
        let events =
            Cart::decide(Some(&cart), CartCommand::CheckOut { order: order(1) }, NOON).unwrap();
        let cart = events.iter().fold(Some(cart), Cart::apply).unwrap();
        assert_eq!(
            Cart::decide(Some(&cart), CartCommand::CheckOut { order: order(1) }, NOON),
            Ok(vec![])
        );
        assert_eq!(
            Cart::decide(Some(&cart), CartCommand::CheckOut { order: order(2) }, NOON),
            Err(CartRejection::Ordered { order: order(1) })
        );
        let edit = CartCommand::AddItem { offer: offer("B", 1), quantity: 1 };
        assert_eq!(
            Cart::decide(Some(&cart), edit, NOON),
            Err(CartRejection::Ordered { order: order(1) })
        );
        // Only the order that took it may give it back.
        assert_eq!(
            Cart::decide(Some(&cart), CartCommand::Reopen { order: order(2) }, NOON),
            Ok(vec![])
        );
        let events =
            Cart::decide(Some(&cart), CartCommand::Reopen { order: order(1) }, NOON).unwrap();
        assert_eq!(events.iter().fold(Some(cart), Cart::apply).unwrap().status, CartStatus::Open);
    }

    #[test]
    fn a_cart_takes_in_what_another_holds_as_far_as_it_may() {
        let (own, guests) =
            (cart_with(&[("A", 2), ("B", 99_999)]), cart_with(&[("A", 3), ("B", 5), ("C", 1)]));
        let after = |cart: Cart, lines: Vec<CartLine>| {
            let events = Cart::decide(Some(&cart), CartCommand::TakeIn(lines), NOON).unwrap();
            events.iter().fold(Some(cart), Cart::apply).unwrap()
        };
        let merged = after(own, guests.lines.clone());
        let lines: Vec<_> =
            merged.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
        assert_eq!(lines, [("A", 5), ("B", MOST_UNITS_PER_LINE), ("C", 1)]);
        // What there is no room for, and what costs another currency, stays out.
        let many: Vec<(String, u32)> = (0..MOST_LINES).map(|n| (format!("S{n}"), 1)).collect();
        let full: Vec<(&str, u32)> = many.iter().map(|(sku, n)| (sku.as_str(), *n)).collect();
        let merged = after(cart_with(&full), cart_with(&[("S7", 4), ("X", 1)]).lines);
        assert_eq!(
            (merged.lines.len(), merged.line(&"S7".parse().unwrap()).unwrap().quantity),
            (MOST_LINES, 5)
        );
        let mut euros = cart_with(&[("E", 1)]).lines;
        euros[0].unit_price = Money::from_minor(1, Currency::EUR);
        assert_eq!(after(cart_with(&[("A", 1)]), euros.clone()), cart_with(&[("A", 1)]));
        assert_eq!(after(cart_with(&[]), euros).currency, Currency::EUR);
    }

    #[test]
    fn a_cart_that_went_into_another_is_there_for_nobody() {
        let into = CartId::from_bytes([9; CartId::BYTES]);
        let cart = cart_with(&[("A", 1)]);
        let merge = || CartCommand::MergeInto(into);
        let events = Cart::decide(Some(&cart), merge(), NOON).unwrap();
        let cart = events.iter().fold(Some(cart), Cart::apply).unwrap();
        assert_eq!((cart.status, cart.is_gone()), (CartStatus::Merged(into), true));
        for command in [
            merge(),
            CartCommand::TakeIn(vec![]),
            CartCommand::AddItem { offer: offer("B", 1), quantity: 1 },
            CartCommand::CheckOut { order: order(1) },
        ] {
            assert_eq!(Cart::decide(Some(&cart), command, NOON), Err(CartRejection::Merged));
        }
        for command in [CartCommand::Abandon, CartCommand::Reopen { order: order(1) }] {
            assert_eq!(Cart::decide(Some(&cart), command, NOON), Ok(vec![]));
        }
    }

    #[test]
    fn an_empty_cart_is_not_checked_out() {
        let cart = cart_with(&[]);
        assert_eq!(
            Cart::decide(Some(&cart), CartCommand::CheckOut { order: order(1) }, NOON),
            Err(CartRejection::Empty)
        );
    }

    #[test]
    fn the_first_item_sets_the_currency_and_the_next_ones_keep_it() {
        let euros = Offer { unit_price: Money::from_minor(1, Currency::EUR), ..offer("E", 1) };
        let add = |offer| CartCommand::AddItem { offer, quantity: 1 };
        let empty = cart_with(&[]);
        let events = Cart::decide(Some(&empty), add(euros.clone()), NOON).unwrap();
        assert_eq!(Cart::apply(Some(empty), &events[0]).unwrap().currency, Currency::EUR);
        assert!(matches!(
            Cart::decide(Some(&cart_with(&[("A", 1)])), add(euros), NOON),
            Err(CartRejection::CurrencyMismatch { .. })
        ));
    }

    #[derive(Clone, Debug)]
    struct Anything(CartCommand);

    fn commands() -> impl Strategy<Value = Vec<Anything>> {
        let sku = prop::sample::select(vec!["A", "B", "C"]);
        let command = prop_oneof![
            (sku.clone(), 0u32..5, 0i64..900)
                .prop_map(|(s, quantity, p)| CartCommand::AddItem { offer: offer(s, p), quantity }),
            (sku.clone(), 0u32..5).prop_map(|(s, quantity)| CartCommand::SetQuantity {
                sku: s.parse().unwrap(),
                quantity
            }),
            sku.clone().prop_map(|s| CartCommand::RemoveItem { sku: s.parse().unwrap() }),
            (sku, 0i64..900)
                .prop_map(|(s, p)| CartCommand::Reprice(vec![(s.parse().unwrap(), usd(p))])),
            (0u8..3).prop_map(|n| CartCommand::CheckOut { order: order(n) }),
            (0u8..3).prop_map(|n| CartCommand::Reopen { order: order(n) }),
            Just(CartCommand::Abandon),
        ];
        prop::collection::vec(command.prop_map(Anything), 1..80)
    }

    proptest! {
        #[test]
        fn replay_gives_the_cart_and_no_line_is_ever_empty_or_doubled(commands in commands()) {
            let mut cart = Some(cart_with(&[]));
            let first = cart.clone();
            let mut log = Vec::new();
            for Anything(command) in commands {
                let before = cart.clone();
                match Cart::decide(cart.as_ref(), command, NOON) {
                    Ok(events) => for event in events { cart = Cart::apply(cart, &event); log.push(event); },
                    Err(_) => prop_assert_eq!(&cart, &before),
                }
                let lines = &cart.as_ref().unwrap().lines;
                prop_assert!(lines.iter().all(|line| line.quantity > 0));
                let mut skus: Vec<&Sku> = lines.iter().map(|line| &line.sku).collect();
                skus.sort();
                skus.dedup();
                prop_assert_eq!(skus.len(), lines.len());
            }
            prop_assert_eq!(log.iter().fold(first, Cart::apply), cart);
        }
    }
}
