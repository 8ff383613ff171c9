//! Flat shipping rates by country, with free shipping above an amount.

use super::money::{Currency, Money};

/// One way of sending, as offered for one group of countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippingRate {
    /// The name shoppers and scripts choose it by, such as `standard`.
    pub id: String,
    pub name: String,
    pub price: Money,
    /// Free where the discounted goods come to at least this much.
    pub free_over: Option<Money>,
    pub min_days: u32,
    pub max_days: u32,
}

/// Countries that share their rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippingZone {
    /// ISO 3166-1 alpha-2 codes; empty means every country that no other zone names.
    pub countries: Vec<String>,
    pub rates: Vec<ShippingRate>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShippingTable {
    pub zones: Vec<ShippingZone>,
}

/// What a shopper may choose for one cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippingOption {
    pub id: String,
    pub name: String,
    pub price: Money,
    pub min_days: u32,
    pub max_days: u32,
}

impl ShippingTable {
    /// The options for goods worth `goods` sent to `country`, cheapest first. Only rates in the
    /// goods' currency are offered.
    pub fn options(&self, country: &str, goods: Money) -> Vec<ShippingOption> {
        let named = self.zones.iter().find(|zone| zone.countries.iter().any(|own| own == country));
        let zone = named.or_else(|| self.zones.iter().find(|zone| zone.countries.is_empty()));
        let rates = zone.map(|zone| zone.rates.as_slice()).unwrap_or_default();
        let mut options: Vec<ShippingOption> = rates
            .iter()
            .filter(|rate| rate.price.currency() == goods.currency())
            .map(|rate| rate.option_for(goods))
            .collect();
        options.sort_by_key(|option| option.price.minor());
        options
    }

    /// Whether anything at all can be sent in this currency.
    pub fn serves(&self, currency: Currency) -> bool {
        self.zones.iter().flat_map(|zone| &zone.rates).any(|rate| rate.price.currency() == currency)
    }
}

impl ShippingRate {
    fn option_for(&self, goods: Money) -> ShippingOption {
        let free = self.free_over.is_some_and(|over| {
            over.currency() == goods.currency() && goods.minor() >= over.minor()
        });
        ShippingOption {
            id: self.id.clone(),
            name: self.name.clone(),
            price: if free { Money::zero(self.price.currency()) } else { self.price },
            min_days: self.min_days,
            max_days: self.max_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::USD)
    }

    fn rate(id: &str, price: i64, free_over: Option<i64>) -> ShippingRate {
        ShippingRate {
            id: id.into(),
            name: id.into(),
            price: usd(price),
            free_over: free_over.map(usd),
            min_days: 2,
            max_days: 4,
        }
    }

    #[test]
    fn a_country_has_its_zone_or_the_rest_of_the_world() {
        let table = ShippingTable {
            zones: vec![
                ShippingZone {
                    countries: vec!["US".into()],
                    rates: vec![rate("express", 1500, None), rate("standard", 500, Some(5000))],
                },
                ShippingZone { countries: vec![], rates: vec![rate("world", 2500, None)] },
            ],
        };
        let ids = |country: &str, goods: i64| -> Vec<(String, i64)> {
            let options = table.options(country, usd(goods));
            options.into_iter().map(|option| (option.id, option.price.minor())).collect()
        };
        assert_eq!(ids("US", 4999), [("standard".into(), 500), ("express".into(), 1500)]);
        assert_eq!(ids("US", 5000), [("standard".into(), 0), ("express".into(), 1500)]);
        assert_eq!(ids("FR", 1), [("world".into(), 2500)]);
        assert!(table.options("US", Money::from_minor(1, Currency::EUR)).is_empty());
    }
}
