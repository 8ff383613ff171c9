//! How products are grouped for shoppers: categories form a tree, collections are lists by hand or
//! by rule.
//!
//! A product names its category by the category's name; membership in a collection by rule is
//! computed from the product, never stored.

use super::catalog::{Fault, Product, ProductRejection, is_handle};
use super::ids::ProductId;
use super::money::Money;
use super::time::Timestamp;

/// A place in the tree of categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub handle: String,
    pub name: String,
    pub description: String,
    /// The handle of the category above.
    pub parent: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Products shown together, such as a season or a gift table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub handle: String,
    pub name: String,
    pub description: String,
    pub members: Members,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// In this order.
    ByHand(Vec<ProductId>),
    ByRule(Rule),
}

/// All that is given must hold; text matches without regard to case, prices are inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub category: Option<String>,
    pub brand: Option<String>,
    pub tag: Option<String>,
    pub min_price: Option<Money>,
    pub max_price: Option<Money>,
}

impl Rule {
    pub fn holds_for(&self, product: &Product) -> bool {
        let same = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.to_lowercase() == given.to_lowercase())
        };
        let price = product.cheapest().price;
        let tagged = self.tag.as_ref().is_none_or(|tag| {
            product.content.tags.iter().any(|own| own.to_lowercase() == tag.to_lowercase())
        });
        let comparable = |bound: &Money| bound.currency() == price.currency();
        same(&self.category, &product.content.category)
            && same(&self.brand, &product.content.brand)
            && tagged
            && self.min_price.is_none_or(|min| comparable(&min) && min.minor() <= price.minor())
            && self.max_price.is_none_or(|max| comparable(&max) && price.minor() <= max.minor())
    }
}

/// What happened to a category or a collection; the whole new state is the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupingEvent {
    CategorySaved(Category),
    CategoryDeleted { handle: String },
    CollectionSaved(Collection),
    CollectionDeleted { handle: String },
}

/// Checks what a merchant wrote about a category or collection.
pub fn check(handle: &str, name: &str) -> Result<(), ProductRejection> {
    let mut faults = Vec::new();
    if !is_handle(handle) {
        let detail = "must be 1 to 255 lower-case letters, digits and single hyphens".to_owned();
        faults.push(Fault { pointer: "/handle".into(), detail });
    }
    if name.trim().is_empty() {
        faults.push(Fault { pointer: "/name".into(), detail: "must not be empty".into() });
    }
    if faults.is_empty() { Ok(()) } else { Err(ProductRejection::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::tests::content;
    use crate::domain::money::Currency;

    #[test]
    fn a_rule_matches_without_regard_to_case_and_within_its_prices() {
        let product = Product {
            id: "prod-1".parse().unwrap(),
            content: content("a", "A", 500),
            former_handles: vec![],
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let usd = |minor| Some(Money::from_minor(minor, Currency::USD));
        let kitchen = Rule { category: Some("KITCHEN".into()), ..Rule::default() };
        assert!(kitchen.holds_for(&product));
        assert!(
            Rule { min_price: usd(500), max_price: usd(500), ..kitchen.clone() }
                .holds_for(&product)
        );
        assert!(!Rule { min_price: usd(501), ..kitchen.clone() }.holds_for(&product));
        assert!(!Rule { tag: Some("gift".into()), ..kitchen }.holds_for(&product));
    }
}
