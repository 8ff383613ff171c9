//! The bodies of the API, one file per area: what is taken, what is answered, and how either
//! becomes or comes from the types of the domain. Nothing here asks a store or a clock.

pub mod address;
pub mod audit;
pub mod auth;
pub mod browser;
pub mod cart;
pub mod category;
pub mod collection;
pub mod event;
pub mod import;
pub mod inventory;
pub mod oidc;
pub mod order;
pub mod page;
pub mod payment;
pub mod product;
pub mod search;
pub mod second_factor;
pub mod session;
pub mod settings;
pub mod staff;
pub mod user;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Names and values, such as a product's attributes: an object in JSON, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl PartialSchema for Pairs {
    fn schema() -> RefOr<Schema> {
        let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(1_000));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::RefOr(Schema::from(value).into())))
            .max_properties(Some(100))
            .into()
    }
}

impl ToSchema for Pairs {
    fn name() -> Cow<'static, str> {
        "Pairs".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::Input;
    use crate::http::schema::Rule;

    #[track_caller]
    fn compiles<T: Input>() {
        Rule::of::<T>().unwrap();
    }

    #[test]
    fn every_bodys_schema_is_enforced() {
        compiles::<address::AddressJson>();
        compiles::<auth::LoginBody>();
        compiles::<auth::RefreshBody>();
        compiles::<auth::RegisterBody>();
        compiles::<auth::VerifyBody>();
        compiles::<auth::ForgotBody>();
        compiles::<auth::ResetBody>();
        compiles::<cart::CartCreate>();
        compiles::<cart::ItemAdd>();
        compiles::<cart::QuantitySet>();
        compiles::<cart::ShippingOptionChoice>();
        compiles::<cart::DiscountCode>();
        compiles::<cart::Checkout>();
        compiles::<category::CategoryCreate>();
        compiles::<category::CategoryUpdate>();
        compiles::<collection::CollectionCreate>();
        compiles::<collection::CollectionUpdate>();
        compiles::<inventory::Adjustment>();
        compiles::<inventory::InventoryUpdate>();
        compiles::<payment::TestOutcome>();
        compiles::<order::Cancel>();
        compiles::<product::ProductCreate>();
        compiles::<product::ProductUpdate>();
        compiles::<page::PageSave>();
        compiles::<settings::SettingsUpdate>();
        compiles::<user::MeUpdate>();
        compiles::<user::UserUpdate>();
        compiles::<user::Erase>();
        compiles::<user::AddressInput>();
    }
}
