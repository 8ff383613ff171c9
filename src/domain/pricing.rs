//! What a cart costs: one pure function from lines to totals, exact in every line and in the sum.
//!
//! The order is fixed: subtotal, discounts, shipping, tax, total. Where prices contain tax, the tax
//! is shown but not added again. Discounts are zero until there are promotions; the field is there
//! so that every sum already counts it.

use super::address::Region;
use super::ids::Sku;
use super::money::{Currency, Money, MoneyError};
use super::shipping::{ShippingOption, ShippingTable};
use super::tax::{Prices, TaxTable};

/// What the shop charges beside its prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRules {
    pub tax: TaxTable,
    pub shipping: ShippingTable,
}

/// One line to be priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub sku: Sku,
    pub quantity: u32,
    pub unit_price: Money,
}

/// One line, priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTotals {
    pub subtotal: Money,
    pub discount: Money,
    pub tax: Money,
    pub total: Money,
}

/// A cart or an order, priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    pub lines: Vec<LineTotals>,
    pub subtotal: Money,
    pub discount: Money,
    pub shipping: Money,
    /// The lines' taxes and that of shipping.
    pub tax: Money,
    pub total: Money,
    pub prices: Prices,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("shipping option {0:?} is not offered there")]
    NoSuchShipping(String),
}

impl PriceRules {
    /// Prices `items` for a destination; without one, tax is that of the shop's home and shipping
    /// is not counted.
    pub fn totals(
        &self,
        currency: Currency,
        items: &[Item],
        destination: Option<&Region>,
        shipping_option: Option<&str>,
    ) -> Result<Totals, PricingError> {
        let rate = self.tax.rate_at(destination.unwrap_or(&self.tax.home));
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let subtotal = item.unit_price.times(item.quantity)?;
            let discount = Money::zero(currency);
            let discounted = subtotal.minus(discount)?;
            let tax = self.tax.tax(discounted, rate)?;
            let total = self.with_tax(discounted, tax)?;
            lines.push(LineTotals { subtotal, discount, tax, total });
        }
        let sum = |part: fn(&LineTotals) -> Money| Money::sum(lines.iter().map(part), currency);
        let (subtotal, discount) = (sum(|line| line.subtotal)?, sum(|line| line.discount)?);
        let goods = subtotal.minus(discount)?;
        let shipping = match (destination, shipping_option) {
            (Some(place), Some(id)) => self.shipping_option(&place.country, goods, id)?.price,
            (None, _) | (_, None) => Money::zero(currency),
        };
        let shipping_tax = match self.tax.shipping_is_taxed {
            true => self.tax.tax(shipping, rate)?,
            false => Money::zero(currency),
        };
        let tax = sum(|line| line.tax)?.plus(shipping_tax)?;
        let total = self.with_tax(goods.plus(shipping)?, tax)?;
        Ok(Totals { lines, subtotal, discount, shipping, tax, total, prices: self.tax.prices })
    }

    /// The option of that name for goods of that worth.
    pub fn shipping_option(
        &self,
        country: &str,
        goods: Money,
        id: &str,
    ) -> Result<ShippingOption, PricingError> {
        let offered = self.shipping.options(country, goods);
        let found = offered.into_iter().find(|option| option.id == id);
        found.ok_or_else(|| PricingError::NoSuchShipping(id.to_owned()))
    }

    fn with_tax(&self, amount: Money, tax: Money) -> Result<Money, MoneyError> {
        match self.tax.prices {
            Prices::ExcludeTax => amount.plus(tax),
            Prices::IncludeTax => Ok(amount),
        }
    }
}

impl Totals {
    /// Whether every sum is that of its parts, to the minor unit (invariant I5).
    pub fn add_up(&self) -> bool {
        let currency = self.total.currency();
        let sum = |part: fn(&LineTotals) -> Money| {
            Money::sum(self.lines.iter().map(part), currency).map(Money::minor)
        };
        let on_top = |tax: Money| match self.prices {
            Prices::ExcludeTax => tax.minor(),
            Prices::IncludeTax => 0,
        };
        let (minor, lines_tax) = (Money::minor, sum(|line| line.tax).unwrap_or(i64::MAX));
        sum(|line| line.subtotal) == Ok(minor(self.subtotal))
            && sum(|line| line.discount) == Ok(minor(self.discount))
            && lines_tax <= minor(self.tax)
            && self.lines.iter().all(|line| {
                minor(line.total) == minor(line.subtotal) - minor(line.discount) + on_top(line.tax)
            })
            && minor(self.total)
                == minor(self.subtotal) - minor(self.discount)
                    + minor(self.shipping)
                    + on_top(self.tax)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::shipping::{ShippingRate, ShippingZone};
    use crate::domain::tax::{Rate, TaxRate};
    use proptest::prelude::*;

    pub(crate) fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::USD)
    }

    pub(crate) fn rules(prices: Prices, millionths: u32, shipping_is_taxed: bool) -> PriceRules {
        let rate = Rate::from_millionths(millionths).unwrap();
        PriceRules {
            tax: TaxTable {
                prices,
                home: Region { country: "US".into(), region: None },
                rates: vec![TaxRate { country: "US".into(), region: None, rate }],
                shipping_is_taxed,
            },
            shipping: ShippingTable {
                zones: vec![ShippingZone {
                    countries: vec![],
                    rates: vec![ShippingRate {
                        id: "standard".into(),
                        name: "Standard".into(),
                        price: usd(500),
                        free_over: Some(usd(10_000)),
                        min_days: 2,
                        max_days: 5,
                    }],
                }],
            },
        }
    }

    fn item(quantity: u32, minor: i64) -> Item {
        Item { sku: "A".parse().unwrap(), quantity, unit_price: usd(minor) }
    }

    #[test]
    fn the_contracts_example_comes_out() {
        let rules = rules(Prices::ExcludeTax, 80_000, false);
        let totals = rules.totals(Currency::USD, &[item(2, 99_999)], None, None).unwrap();
        assert_eq!(totals.lines[0].tax, usd(16_000));
        assert_eq!((totals.subtotal, totals.total), (usd(199_998), usd(215_998)));
    }

    #[test]
    fn an_unknown_shipping_option_is_refused() {
        let us = Region { country: "US".into(), region: None };
        let rules = rules(Prices::ExcludeTax, 0, false);
        let priced = rules.totals(Currency::USD, &[item(1, 1)], Some(&us), Some("pigeon"));
        assert_eq!(priced, Err(PricingError::NoSuchShipping("pigeon".into())));
    }

    proptest! {
        #[test]
        fn totals_equal_the_sum_of_their_parts(
            lines in prop::collection::vec((1u32..10_000, 0i64..1_000_000), 0..50),
            millionths in 0u32..400_000,
            included: bool,
            shipping_is_taxed: bool,
            sent: bool,
        ) {
            let prices = if included { Prices::IncludeTax } else { Prices::ExcludeTax };
            let items: Vec<Item> = lines.iter().map(|&(quantity, minor)| item(quantity, minor)).collect();
            let us = Region { country: "US".into(), region: None };
            let (place, option) = if sent { (Some(&us), Some("standard")) } else { (None, None) };
            let totals = rules(prices, millionths, shipping_is_taxed)
                .totals(Currency::USD, &items, place, option)
                .unwrap();
            prop_assert!(totals.add_up(), "{totals:?}");
            let free = !sent || totals.subtotal.minor() >= 10_000;
            prop_assert_eq!(totals.shipping, usd(if free { 0 } else { 500 }));
            let mut off = totals.clone();
            off.total = off.total.plus(usd(1)).unwrap();
            prop_assert!(!off.add_up());
        }
    }
}
