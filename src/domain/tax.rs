//! Sales tax and VAT: which rate applies where, and how a tax is rounded.
//!
//! Rounding: the tax of each line is computed on the line's amount after discounts and rounded half
//! away from zero to the currency's minor unit; the tax of a cart is the sum of its lines' taxes.
//! Source: Streamlined Sales and Use Tax Agreement, section 324 (carry to the third decimal place,
//! round up above four; by item or by invoice as the seller elects); EU member states leave the
//! method to the seller within these bounds (European Court of Justice, C-484/06 and C-302/07).

use super::address::Region;
use super::money::{Money, MoneyError};

/// A rate in millionths: 8.875 % is 88 750.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u32);

const WHOLE: u64 = 1_000_000;

impl Rate {
    pub const ZERO: Rate = Rate(0);

    /// `None` above 100 %.
    pub fn from_millionths(millionths: u32) -> Option<Rate> {
        (u64::from(millionths) <= WHOLE).then_some(Rate(millionths))
    }

    pub fn millionths(self) -> u32 {
        self.0
    }

    /// The tax that comes on top of a net amount.
    pub fn on(self, net: Money) -> Result<Money, MoneyError> {
        net.share(self.0.into(), WHOLE)
    }

    /// The tax that is contained in a gross amount.
    pub fn within(self, gross: Money) -> Result<Money, MoneyError> {
        gross.share(self.0.into(), WHOLE + u64::from(self.0))
    }
}

/// One row of the table: what is levied in a country, or in one region of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRate {
    pub country: String,
    pub region: Option<String>,
    pub rate: Rate,
}

/// Whether shown prices contain the tax, as in most of Europe, or not, as in the United States.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prices {
    ExcludeTax,
    IncludeTax,
}

/// The shop's table of tax rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxTable {
    pub prices: Prices,
    /// Where a cart without an address is taxed: the shop's own place.
    pub home: Region,
    pub rates: Vec<TaxRate>,
    /// Whether shipping is taxed at the destination's rate.
    pub shipping_is_taxed: bool,
}

impl TaxTable {
    /// The rate at a place: that of its region, or else of its country, or else none.
    pub fn rate_at(&self, place: &Region) -> Rate {
        let of_country = self.rates.iter().filter(|rate| rate.country == place.country);
        let same_region = |rate: &&TaxRate| match (&rate.region, &place.region) {
            (Some(own), Some(given)) => own.eq_ignore_ascii_case(given),
            (Some(_), None) | (None, _) => false,
        };
        let exact = of_country.clone().find(same_region);
        let found = exact.or_else(|| of_country.clone().find(|rate| rate.region.is_none()));
        found.map_or(Rate::ZERO, |row| row.rate)
    }

    /// The tax on an amount at a rate, contained in it or on top of it as the shop's prices are.
    pub fn tax(&self, amount: Money, rate: Rate) -> Result<Money, MoneyError> {
        match self.prices {
            Prices::ExcludeTax => rate.on(amount),
            Prices::IncludeTax => rate.within(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;
    use proptest::prelude::*;

    fn place(country: &str, region: Option<&str>) -> Region {
        Region { country: country.into(), region: region.map(Into::into) }
    }

    fn row(country: &str, region: Option<&str>, millionths: u32) -> TaxRate {
        let rate = Rate::from_millionths(millionths).unwrap();
        TaxRate { country: country.into(), region: region.map(Into::into), rate }
    }

    #[test]
    fn the_region_goes_before_the_country() {
        let table = TaxTable {
            prices: Prices::ExcludeTax,
            home: place("US", None),
            rates: vec![row("US", Some("NY"), 88_750), row("DE", None, 190_000)],
            shipping_is_taxed: false,
        };
        assert_eq!(table.rate_at(&place("US", Some("ny"))).millionths(), 88_750);
        assert_eq!(table.rate_at(&place("US", Some("OR"))), Rate::ZERO);
        assert_eq!(table.rate_at(&place("DE", Some("BE"))).millionths(), 190_000);
    }

    #[test]
    fn half_a_cent_is_rounded_up() {
        let five = Rate::from_millionths(50_000).unwrap();
        assert_eq!(five.on(Money::from_minor(10, Currency::USD)).unwrap().minor(), 1);
        assert_eq!(five.on(Money::from_minor(9, Currency::USD)).unwrap().minor(), 0);
        let vat = Rate::from_millionths(190_000).unwrap();
        assert_eq!(vat.within(Money::from_minor(11_900, Currency::EUR)).unwrap().minor(), 1_900);
    }

    proptest! {
        #[test]
        fn tax_within_a_gross_amount_agrees_with_tax_on_its_net(minor in 0i64..10_000_000, millionths in 0u32..1_000_000) {
            let rate = Rate::from_millionths(millionths).unwrap();
            let gross = Money::from_minor(minor, Currency::EUR);
            let contained = rate.within(gross).unwrap();
            let again = rate.on(gross.minus(contained).unwrap()).unwrap();
            prop_assert!((again.minor() - contained.minor()).abs() <= 1);
        }
    }
}
