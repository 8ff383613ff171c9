//! An address that is typed: the fields that it has in its country, and what post there would miss.
//!
//! What may be kept is the API's to say; a person is asked for more, while they are still there
//! (`domain/address_form.rs`).

use super::form::{Choice, Faults, Field};
use crate::domain::Address;
use crate::domain::address::{countries, country_name};
use crate::domain::address_form::AddressForm;
use serde::Deserialize;
use serde_json::{Value, json};

/// An address, in the making.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Place {
    pub country: String,
    pub name: String,
    pub line1: String,
    pub line2: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub phone: String,
}

/// The fields in the order in which they stand.
pub const ORDER: [&str; 8] =
    ["country", "name", "line1", "line2", "city", "region", "postalCode", "phone"];

/// Where the fields are shown.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    pub faults: &'a Faults,
    pub assets: &'a str,
    /// Whether something else on the page follows from the part of the country.
    pub follows_region: bool,
}

impl Place {
    pub fn of(address: &Address) -> Place {
        let Address { name, line1, line2, city, region, postal_code, country, phone } =
            address.clone();
        let text = Option::<String>::unwrap_or_default;
        Place {
            country,
            name,
            line1,
            line2: text(line2),
            city,
            region: text(region),
            postal_code: text(postal_code),
            phone: text(phone),
        }
    }

    /// As the API takes it.
    pub fn json(&self) -> Value {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        json!({ "name": self.name, "line1": self.line1, "line2": some(&self.line2), "city": self.city,
                "region": some(&self.region), "postalCode": some(&self.postal_code),
                "country": self.country, "phone": some(&self.phone) })
    }

    /// What post in that country would miss. Those of `served` can be chosen.
    pub fn check(&self, served: &[&str]) -> Faults {
        let mut faults = Faults::default();
        let is_known = countries().iter().any(|(code, _)| code.as_str() == self.country);
        if !is_known {
            faults.add("country", "Choose the country");
        } else if !served.contains(&self.country.as_str()) {
            faults.add("country", NOT_SERVED);
        }
        let form = AddressForm::of(&self.country);
        for (field, label, value) in [
            ("name", "full name", &self.name),
            ("line1", form.line1, &self.line1),
            ("city", form.city, &self.city),
        ] {
            if value.trim().is_empty() {
                faults.add(field, format!("Enter the {}", label.to_lowercase()));
            }
        }
        if let Some(region) = form.region {
            let is_known = region.choices.iter().any(|(code, _)| *code == self.region);
            let label = region.label.to_lowercase();
            if !region.choices.is_empty() && !is_known {
                faults.add("region", format!("Choose the {label}"));
            } else if region.is_required && self.region.is_empty() {
                faults.add("region", format!("Enter the {label}"));
            }
        }
        if let Some(code) = form.postal_code {
            // "ZIP code" and "CEP" keep their capitals.
            let label = if code.label.starts_with("Post") { "postal code" } else { code.label };
            if self.postal_code.is_empty() && code.is_required {
                faults.add("postalCode", format!("Enter the {label}, such as {}", code.example));
            } else if !self.postal_code.is_empty() && !code.takes(&self.postal_code) {
                let one = if label.starts_with('E') { "An" } else { "A" };
                faults
                    .add("postalCode", format!("{one} {label} there looks like {}", code.example));
            }
        }
        faults
    }

    /// The country, to be chosen from those that are served.
    pub fn country_field(&self, served: &[&'static str], form: Form<'_>) -> Field {
        let choice = |code: &'static str| Choice {
            value: code.to_owned(),
            text: country_name(code).to_owned(),
            is_chosen: code == self.country,
        };
        let choices = served.iter().copied().map(choice).collect();
        let field = Field::text("country", "Country", "country").on(form.assets, form.faults);
        Field { choices, refreshes: true, ..field }
    }

    /// The other fields that an address has in its country; those that stand side by side are together.
    pub fn fields(&self, form: Form<'_>) -> Vec<Vec<Field>> {
        let own = AddressForm::of(&self.country);
        let text = |name, label, autocomplete, value: &str| {
            Field::text(name, label, autocomplete).holding(value).on(form.assets, form.faults)
        };
        let line2 = text("line2", "Apartment, suite, floor", "address-line2", &self.line2);
        let city = Field { most: 120, ..text("city", own.city, "address-level2", &self.city) };
        let region = own.region.map(|region| {
            let mut field = text("region", region.label, "address-level1", &self.region);
            (field.most, field.refreshes) = (120, form.follows_region);
            if !region.choices.is_empty() {
                let none = ("", "Choose…");
                let choice = |(code, name): &(&str, &str)| Choice {
                    value: (*code).to_owned(),
                    text: (*name).to_owned(),
                    is_chosen: *code == self.region,
                };
                field.choices = std::iter::once(&none).chain(region.choices).map(choice).collect();
            }
            if region.is_required { field } else { field.optional() }
        });
        let code = own.postal_code.map(|code| {
            let field = text("postalCode", code.label, "postal-code", &self.postal_code);
            let field = if code.is_required { field } else { field.optional() };
            Field { most: 20, inputmode: code.is_digits().then_some("numeric"), ..field }
        });
        let side_by_side = if own.is_code_first {
            code.into_iter().chain([city]).chain(region).collect()
        } else {
            [city].into_iter().chain(region).chain(code).collect()
        };
        let phone =
            Field { kind: "tel", most: 40, ..text("phone", "Telephone", "tel", &self.phone) };
        vec![
            vec![text("name", "Full name", "name", &self.name)],
            vec![text("line1", own.line1, "address-line1", &self.line1)],
            vec![line2.optional()],
            side_by_side,
            vec![
                phone
                    .optional()
                    .hinting("Only for the courier, should they stand before a closed door."),
            ],
        ]
    }
}

pub const NOT_SERVED: &str = "We do not deliver to that country";
pub const TOO_LONG: &str = "This is longer than it may be";

/// What the API finds wrong with one of the fields, once nothing is missing.
pub fn fault_of(field: &str) -> &'static str {
    match field {
        "country" => NOT_SERVED,
        _ => TOO_LONG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, region: &str, postal_code: &str) -> Place {
        let text = str::to_owned;
        Place {
            country: text(country),
            name: text("Ada"),
            line1: text("12 Main St"),
            city: text("Hudson"),
            region: text(region),
            postal_code: text(postal_code),
            ..Place::default()
        }
    }

    fn wrong(place: &Place) -> Vec<String> {
        place.check(&["US", "DE"]).all().iter().map(|fault| fault.field.clone()).collect()
    }

    #[test]
    fn what_post_in_a_country_needs_is_asked_for() {
        assert_eq!(wrong(&place("US", "NY", "12534")), [""; 0]);
        assert_eq!(wrong(&place("US", "XX", "1")), ["region", "postalCode"]);
        // Germany has no states in its addresses, and other codes.
        assert_eq!(wrong(&place("DE", "", "12534")), [""; 0]);
        assert_eq!(wrong(&place("DE", "", "1011")), ["postalCode"]);
        let nothing = Place { name: " ".into(), ..Place::default() };
        assert_eq!(wrong(&nothing), ["country", "name", "line1", "city"]);
        let abroad = place("FR", "", "75001").check(&["US"]);
        assert_eq!(abroad.at("country"), Some(NOT_SERVED));
    }

    #[test]
    fn each_country_has_its_fields() {
        let (faults, assets) = (Faults::one("city", "Enter the city"), "/a");
        let form = Form { faults: &faults, assets, follows_region: true };
        let fields = |country: &str| place(country, "NY", "").fields(form);
        let names = |country: &str| -> Vec<&str> {
            fields(country)[3].iter().map(|field| field.name).collect()
        };
        assert_eq!(names("US"), ["city", "region", "postalCode"]);
        assert_eq!(names("DE"), ["postalCode", "city"]);
        let us = fields("US");
        assert_eq!(us[3][0].fault.as_deref(), Some("Enter the city"));
        assert!(us[3][1].refreshes && us[3][1].choices.iter().any(|own| own.is_chosen));
        let country = place("DE", "", "").country_field(&["US", "DE"], form);
        let chosen: Vec<_> = country.choices.iter().filter(|own| own.is_chosen).collect();
        assert_eq!((chosen.len(), chosen[0].value.as_str()), (1, "DE"));
    }
}
