//! What a search answers.

use super::product::ProductJson;
use crate::domain::{Currency, Money};
use crate::http::json::MoneyJson;
use crate::http::list::Meta;
use crate::search::{Correction, Facets, Kind, Suggestion};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of products, and what is known about all that were found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SearchResults)]
pub struct SearchJson<'a> {
    pub data: Vec<ProductJson<'a>>,
    pub meta: Meta,
    pub facets: FacetsJson,
    /// How words that no product has were read.
    pub corrections: Vec<CorrectionJson>,
}

/// How many products there are by each value; the most frequent first. Each facet is counted
/// without the filter on itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facets)]
pub struct FacetsJson {
    pub category: Vec<ValueCountJson>,
    pub brand: Vec<ValueCountJson>,
    /// Adjacent ranges that cover all prices found, in the shop's currency.
    pub price: Vec<PriceCountJson>,
    pub attributes: Vec<AttributeJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValueCount)]
pub struct ValueCountJson {
    #[schema(example = "Kitchen")]
    pub value: String,
    pub count: u64,
}

/// How many products cost `from` or more, and less than `to`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceCount)]
pub struct PriceCountJson {
    pub from: MoneyJson,
    /// Null is without end.
    pub to: Option<MoneyJson>,
    pub count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttributeFacet)]
pub struct AttributeJson {
    #[schema(example = "Material")]
    pub name: String,
    pub values: Vec<ValueCountJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Correction)]
pub struct CorrectionJson {
    #[schema(example = "ketle")]
    pub given: String,
    #[schema(example = "kettle")]
    pub meant: String,
}

impl FacetsJson {
    pub fn new(facets: Facets, currency: Currency) -> FacetsJson {
        let money = |minor| MoneyJson(Money::from_minor(minor, currency));
        FacetsJson {
            category: counts(facets.category),
            brand: counts(facets.brand),
            price: facets
                .price
                .into_iter()
                .map(|bucket| PriceCountJson {
                    from: money(bucket.from),
                    to: bucket.to.map(money),
                    count: bucket.count,
                })
                .collect(),
            attributes: facets
                .attributes
                .into_iter()
                .map(|(name, values)| AttributeJson { name, values: counts(values) })
                .collect(),
        }
    }
}

fn counts(values: Vec<(String, u64)>) -> Vec<ValueCountJson> {
    values.into_iter().map(|(value, count)| ValueCountJson { value, count }).collect()
}

impl From<Correction> for CorrectionJson {
    fn from(Correction { given, meant }: Correction) -> CorrectionJson {
        CorrectionJson { given, meant }
    }
}

/// What a shopper may be about to type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suggestions)]
pub struct SuggestionsJson {
    pub data: Vec<SuggestionJson>,
}

/// One line below the search box.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Suggestion)]
pub struct SuggestionJson {
    pub text: String,
    pub kind: SuggestionKindJson,
    /// Where `kind` is `product`.
    pub product_id: Option<String>,
    /// Where `kind` is `product`.
    pub handle: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SuggestionKind)]
pub enum SuggestionKindJson {
    Product,
    Category,
    Brand,
}

impl From<Suggestion> for SuggestionJson {
    fn from(Suggestion { text, kind }: Suggestion) -> SuggestionJson {
        let (kind, product) = match kind {
            Kind::Product { id, handle } => {
                (SuggestionKindJson::Product, Some((id.to_string(), handle)))
            }
            Kind::Category => (SuggestionKindJson::Category, None),
            Kind::Brand => (SuggestionKindJson::Brand, None),
        };
        let (product_id, handle) = product.unzip();
        SuggestionJson { text, kind, product_id, handle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_says_where_it_leads() {
        let product = Kind::Product { id: "prod-1".parse().unwrap(), handle: "oak-table".into() };
        let suggestion = Suggestion { text: "Oak table".into(), kind: product };
        let json = serde_json::to_value(SuggestionJson::from(suggestion)).unwrap();
        let expected = serde_json::json!({ "text": "Oak table", "kind": "product",
            "productId": "prod-1", "handle": "oak-table" });
        assert_eq!(json, expected);
        let brand = Suggestion { text: "Alder".into(), kind: Kind::Brand };
        let json = serde_json::to_value(SuggestionJson::from(brand)).unwrap();
        assert_eq!(
            (&json["kind"], &json["productId"]),
            (&"brand".into(), &serde_json::Value::Null)
        );
    }
}
