//! Collections, by hand or by rule.

use super::product::ProductJson;
use crate::domain::catalog::{ProductRejection, handle_from};
use crate::domain::grouping::{Collection, Members, Rule, check};
use crate::domain::{Currency, ProductId, Timestamp};
use crate::http::body::Input;
use crate::http::json::{DecimalText, MoneyJson, Time};
use crate::http::problem::ApiError;
use crate::http::schema::Faults;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Products shown together: `productIds` where they were chosen by hand, `rule` where by rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Collection)]
pub struct CollectionJson {
    pub handle: String,
    pub name: String,
    pub description: String,
    pub product_ids: Option<Vec<String>>,
    pub rule: Option<RuleJson>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A collection with the products that are in it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CollectionWithProducts)]
pub struct CollectionProductsJson<'a> {
    pub handle: String,
    pub name: String,
    pub description: String,
    /// All public products in it, by hand or by rule, in order.
    pub product_ids: Vec<String>,
    pub rule: Option<RuleJson>,
    /// The first 100 of them.
    pub products: Vec<ProductJson<'a>>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl<'a> CollectionProductsJson<'a> {
    pub fn new(
        collection: &Collection,
        product_ids: Vec<String>,
        products: Vec<ProductJson<'a>>,
    ) -> CollectionProductsJson<'a> {
        let CollectionJson { handle, name, description, rule, created_at, updated_at, .. } =
            collection.into();
        CollectionProductsJson {
            handle,
            name,
            description,
            product_ids,
            rule,
            products,
            created_at,
            updated_at,
        }
    }
}

/// All that is given must hold for a product to belong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CollectionRule)]
pub struct RuleJson {
    pub category: Option<String>,
    pub brand: Option<String>,
    pub tag: Option<String>,
    pub min_price: Option<MoneyJson>,
    pub max_price: Option<MoneyJson>,
    pub currency: Option<&'static str>,
}

impl From<&Collection> for CollectionJson {
    fn from(collection: &Collection) -> CollectionJson {
        let (product_ids, rule) = match &collection.members {
            Members::ByHand(ids) => (Some(ids.iter().map(ToString::to_string).collect()), None),
            Members::ByRule(rule) => (None, Some(RuleJson::from(rule))),
        };
        CollectionJson {
            handle: collection.handle.clone(),
            name: collection.name.clone(),
            description: collection.description.clone(),
            product_ids,
            rule,
            created_at: collection.created_at.into(),
            updated_at: collection.updated_at.into(),
        }
    }
}

impl From<&Rule> for RuleJson {
    fn from(rule: &Rule) -> RuleJson {
        let currency = rule.min_price.or(rule.max_price).map(|price| price.currency().code());
        RuleJson {
            category: rule.category.clone(),
            brand: rule.brand.clone(),
            tag: rule.tag.clone(),
            min_price: rule.min_price.map(MoneyJson),
            max_price: rule.max_price.map(MoneyJson),
            currency,
        }
    }
}

/// A rule as it is sent. Prices are inclusive and need a currency.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleBody {
    #[schema(max_length = 255)]
    pub category: Option<String>,
    #[schema(max_length = 255)]
    pub brand: Option<String>,
    #[schema(max_length = 255)]
    pub tag: Option<String>,
    pub min_price: Option<DecimalText>,
    pub max_price: Option<DecimalText>,
    #[schema(format = "currency-code")]
    pub currency: Option<String>,
}

/// What must hold of a rule and of the choice between rule and list.
fn check_members(body: &Value, faults: &mut Faults) {
    let is_given = |value: &Value| !value.is_null();
    if is_given(&body["productIds"]) && is_given(&body["rule"]) {
        faults.rule("/rule", "cannot be given together with productIds");
    }
    let rule = &body["rule"];
    let currency = rule["currency"].as_str().and_then(Currency::from_code);
    for name in ["minPrice", "maxPrice"] {
        let Some(price) = DecimalText::peek(&rule[name]) else { continue };
        match currency {
            None => faults.rule("/rule/currency", "is needed beside a price"),
            Some(currency) => {
                if let Err(fault) = price.money_at(&format!("/rule/{name}"), currency) {
                    faults.rule(fault.pointer, fault.detail);
                }
            }
        }
    }
}

impl RuleBody {
    fn into_rule(self) -> Result<Rule, ApiError> {
        let currency = self.currency.as_deref().and_then(Currency::from_code);
        let currency = currency.unwrap_or(Currency::USD);
        let price = |given: Option<DecimalText>| given.map(|p| p.in_currency(currency)).transpose();
        let (min_price, max_price) = (price(self.min_price)?, price(self.max_price)?);
        if let (Some(min), Some(max)) = (min_price, max_price)
            && min.minor() > max.minor()
        {
            return Err(ApiError::invalid("/rule/minPrice", "must not be more than maxPrice"));
        }
        let RuleBody { category, brand, tag, .. } = self;
        Ok(Rule { category, brand, tag, min_price, max_price })
    }
}

fn members(
    product_ids: Option<Vec<String>>,
    rule: Option<RuleBody>,
) -> Result<Option<Members>, ApiError> {
    match (product_ids, rule) {
        (_, Some(rule)) => Ok(Some(Members::ByRule(rule.into_rule()?))),
        (Some(ids), None) => {
            let mut products: Vec<ProductId> = Vec::with_capacity(ids.len());
            for (i, id) in ids.iter().enumerate() {
                let bad = |detail| ApiError::invalid(format!("/productIds/{i}"), detail);
                let id = id.parse().map_err(|_| bad("must be a product's id"))?;
                if products.contains(&id) {
                    return Err(bad("is named twice"));
                }
                products.push(id);
            }
            Ok(Some(Members::ByHand(products)))
        }
        (None, None) => Ok(None),
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectionCreate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", example = "Summer")]
    pub name: String,
    /// Made from the name where it is not given.
    #[schema(format = "handle", nullable = false)]
    pub handle: Option<String>,
    #[schema(max_length = 10_000, nullable = false)]
    pub description: Option<String>,
    /// Its products in this order.
    #[schema(max_items = 1_000)]
    pub product_ids: Option<Vec<String>>,
    /// In place of `productIds`.
    pub rule: Option<RuleBody>,
}

impl Input for CollectionCreate {
    fn check(body: &Value, faults: &mut Faults) {
        check_members(body, faults);
    }
}

impl CollectionCreate {
    pub fn into_collection(self, now: Timestamp) -> Result<Collection, ApiError> {
        let handle = self.handle.unwrap_or_else(|| handle_from(&self.name));
        check(&handle, &self.name)
            .map_err(|rejection: ProductRejection| ApiError::from(rejection))?;
        Ok(Collection {
            handle,
            name: self.name.trim().to_owned(),
            description: self.description.unwrap_or_default(),
            members: members(self.product_ids, self.rule)?
                .unwrap_or_else(|| Members::ByHand(vec![])),
            created_at: now,
            updated_at: now,
        })
    }
}

/// What is named is changed; the handle stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectionUpdate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", nullable = false)]
    pub name: Option<String>,
    #[schema(max_length = 10_000, nullable = false)]
    pub description: Option<String>,
    #[schema(max_items = 1_000)]
    pub product_ids: Option<Vec<String>>,
    pub rule: Option<RuleBody>,
}

impl Input for CollectionUpdate {
    fn check(body: &Value, faults: &mut Faults) {
        check_members(body, faults);
    }
}

impl CollectionUpdate {
    /// The collection as it is to be; without any difference, as it is.
    pub fn apply_to(self, collection: &Collection, now: Timestamp) -> Result<Collection, ApiError> {
        let mut next = collection.clone();
        if let Some(name) = self.name {
            next.name = name.trim().to_owned();
        }
        if let Some(description) = self.description {
            next.description = description;
        }
        if let Some(members) = members(self.product_ids, self.rule)? {
            next.members = members;
        }
        if next != *collection {
            next.updated_at = now;
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::read;

    fn create(body: &str) -> Result<Collection, ApiError> {
        read::<CollectionCreate>(body.as_bytes())?.into_collection(Timestamp::default())
    }

    #[test]
    fn a_collection_is_by_hand_or_by_rule() {
        let by_hand = create(r#"{"name":"Gifts","productIds":["prod-2","prod-1"]}"#).unwrap();
        let shown = CollectionJson::from(&by_hand);
        assert_eq!(shown.product_ids.unwrap(), ["prod-2", "prod-1"]);
        let by_rule =
            create(r#"{"name":"Cheap","rule":{"maxPrice":"10.50","currency":"EUR"}}"#).unwrap();
        let shown = serde_json::to_string(&CollectionJson::from(&by_rule)).unwrap();
        assert!(shown.contains(r#""maxPrice":10.50,"currency":"EUR""#), "{shown}");
        let both = create(r#"{"name":"X","productIds":[],"rule":{}}"#).unwrap_err();
        assert_eq!(both.status(), 422);
    }

    #[test]
    fn a_rules_prices_need_their_currency_and_its_decimals() {
        for rule in [
            r#"{"minPrice":1}"#,
            r#"{"minPrice":1.001,"currency":"USD"}"#,
            r#"{"minPrice":2,"maxPrice":1,"currency":"USD"}"#,
            r#"{"minPrice":1,"currency":"ZZZ"}"#,
        ] {
            let error = create(&format!(r#"{{"name":"X","rule":{rule}}}"#)).unwrap_err();
            assert_eq!(error.status(), 422, "{rule}");
        }
        assert!(create(r#"{"name":"X","productIds":["prod-1","prod-1"]}"#).is_err());
        assert!(create(r#"{"name":"X","productIds":["1"]}"#).is_err());
    }

    #[test]
    fn an_update_changes_what_it_names() {
        let before = create(r#"{"name":"Gifts","productIds":["prod-1"]}"#).unwrap();
        let update: CollectionUpdate = read(br#"{"description":"All wrapped"}"#).unwrap();
        let after = update.apply_to(&before, Timestamp::from_millis(9)).unwrap();
        assert_eq!((&after.members, after.description.as_str()), (&before.members, "All wrapped"));
        assert_eq!(after.updated_at.as_millis(), 9);
    }
}
