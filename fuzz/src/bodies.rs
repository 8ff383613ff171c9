//! Bodies of requests: JSON, read strictly and held to the schemas of the document.
//!
//! The first byte chooses the body's type; a new one goes to the end of the list, so that the corpus
//! keeps its meaning.

use mercat::http::api::dto::{
    address, auth, cart, category, collection, inventory, order, payment, product, second_factor,
    staff, user,
};
use mercat::http::body::{Input, read};
use mercat::http::parse::{MOST_LEVELS, parse};
use serde_json::{Number, Value};

const BODIES: &[fn(&[u8])] = &[
    one::<cart::CartCreate>,
    one::<cart::ItemAdd>,
    one::<cart::QuantitySet>,
    one::<cart::Checkout>,
    one::<address::AddressJson>,
    one::<product::ProductCreate>,
    one::<product::ProductUpdate>,
    one::<collection::CollectionCreate>,
    one::<collection::CollectionUpdate>,
    one::<category::CategoryCreate>,
    one::<category::CategoryUpdate>,
    one::<inventory::Adjustment>,
    one::<inventory::InventoryUpdate>,
    one::<order::Cancel>,
    one::<payment::TestOutcome>,
    one::<auth::LoginBody>,
    one::<auth::RegisterBody>,
    one::<auth::ResetBody>,
    one::<staff::ApiKeyCreate>,
    one::<staff::InvitationCreate>,
    one::<user::MeUpdate>,
    one::<user::UserUpdate>,
    one::<user::AddressInput>,
    one::<user::Erase>,
    one::<second_factor::TotpConfirm>,
    one::<cart::ShippingOptionChoice>,
    one::<cart::DiscountCode>,
];

pub fn check(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    if let Ok(value) = parse(body) {
        // Whoever reads less strictly reads the same.
        let other: Value = serde_json::from_slice(body).expect("what is JSON here is JSON");
        assert!(is_same(&other, &value), "{other} is {value}");
        assert!(levels(&value) <= MOST_LEVELS);
        let written = serde_json::to_vec(&value).expect("a value can be written");
        assert_eq!(parse(&written).as_ref(), Ok(&value), "it is read again as it was");
    }
    BODIES[usize::from(*which) % BODIES.len()](body);
}

/// It is taken, or refused with a problem that names the client's fault.
fn one<T: Input>(body: &[u8]) {
    if let Err(error) = read::<T>(body) {
        let problem = error.problem();
        assert!(matches!(problem.status().as_u16(), 400 | 422), "{error:?}");
        let said: Value = serde_json::from_slice(&problem.body(Some("/v1"))).expect("JSON");
        assert!(said["code"].is_string() && said["status"].is_u64());
    }
}

/// Whether two values are one, whatever they write before an exponent.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let plain = |number: &Number| number.to_string().to_lowercase().replace('+', "");
            plain(one) == plain(other)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there = |(name, value)| other.get(name).is_some_and(|own| is_same(value, own));
            one.len() == other.len() && one.iter().all(is_there)
        }
        (one, other) => one == other,
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
