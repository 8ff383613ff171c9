//! Postal addresses.

use crate::domain::Address;
use crate::http::body::Input;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Address)]
pub struct AddressJson {
    #[schema(min_length = 1, max_length = 200, format = "not-blank", example = "Ada Lovelace")]
    pub name: String,
    #[schema(min_length = 1, max_length = 200, format = "not-blank", example = "12 Market Street")]
    pub line1: String,
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    #[schema(min_length = 1, max_length = 120, format = "not-blank", example = "Springfield")]
    pub city: String,
    /// The part of the country as in ISO 3166-2, without the country: `CA`, `NY`.
    #[schema(max_length = 120, example = "IL")]
    pub region: Option<String>,
    #[schema(max_length = 20, example = "62701")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, format = "country-code", example = "US")]
    pub country: String,
    #[schema(max_length = 40)]
    pub phone: Option<String>,
}

impl Input for AddressJson {}

/// Blanks around a text are not meant; a text of blanks alone is none.
fn tidy(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl From<AddressJson> for Address {
    fn from(given: AddressJson) -> Address {
        Address {
            name: given.name.trim().to_owned(),
            line1: given.line1.trim().to_owned(),
            line2: tidy(given.line2),
            city: given.city.trim().to_owned(),
            region: tidy(given.region),
            postal_code: tidy(given.postal_code),
            country: given.country,
            phone: tidy(given.phone),
        }
    }
}

impl From<&Address> for AddressJson {
    fn from(address: &Address) -> AddressJson {
        let Address { name, line1, line2, city, region, postal_code, country, phone } =
            address.clone();
        AddressJson { name, line1, line2, city, region, postal_code, country, phone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::read;
    use crate::http::problem::ApiError;

    #[test]
    fn an_address_is_tidied_and_comes_back() {
        let body = br#"{"name":" Ada ","line1":"1 Road","line2":" ","city":"Rome","country":"IT"}"#;
        let address = Address::from(read::<AddressJson>(body).unwrap());
        assert_eq!((address.name.as_str(), &address.line2), ("Ada", &None));
        assert_eq!(Address::from(AddressJson::from(&address)), address);
    }

    #[test]
    fn an_address_needs_a_country_there_is() {
        let body = br#"{"name":" ","line1":"1 Road","city":"Rome","country":"XX"}"#;
        let Err(ApiError::InvalidValue(faults)) = read::<AddressJson>(body) else { panic!() };
        let mut places: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        places.sort();
        assert_eq!(places, ["/country", "/name"]);
    }
}
