//! What a shopper typed at the checkout, and what is wrong with it.
//!
//! What may be sent is the API's to say: a form becomes the body of the API's checkout and is held
//! against its schema. On top of that a person is asked for what post in their country needs
//! (`domain/address_form.rs`), and for their word that they agree to the terms.

use crate::actors::accounts::CustomerView;
use crate::domain::recipient::Contact;
use crate::domain::{Address, Money, Sku};
use crate::http::api::dto::address::AddressJson;
use crate::http::api::dto::cart::Checkout;
use crate::http::body::read;
use crate::http::problem::ApiError;
use crate::http::storefront::form::Faults;
use crate::http::storefront::lists::Asked;
use crate::http::storefront::place::{self, Place};
use serde_json::json;

/// In place of a saved address's id: one that is typed.
pub const NEW: &str = "new";

/// A form as it came, or as it begins.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The idempotency key of this visit.
    pub key: String,
    /// The total that was shown.
    pub shown: String,
    /// The lines that were shown.
    pub seen: Vec<Seen>,
    pub email: String,
    /// The id of a saved address, or [`NEW`].
    pub address: String,
    pub place: Place,
    pub bills_elsewhere: bool,
    pub bill: Place,
    pub shipping_option: String,
    /// A provider, and after a colon its token.
    pub payment: String,
    pub note: String,
    pub agrees: bool,
    /// Nothing is to be bought: the page is to follow what was chosen.
    pub refreshes: bool,
}

/// A line as the page showed it: what was shown cannot be read anywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub minor: i64,
    pub quantity: u32,
    pub sku: Sku,
}

impl Seen {
    pub fn new(price: Money, quantity: u32, sku: &Sku) -> Seen {
        Seen { minor: price.minor(), quantity, sku: sku.clone() }
    }

    /// As it stands in the form.
    pub fn text(&self) -> String {
        format!("{}:{}:{}", self.minor, self.quantity, self.sku)
    }

    fn of(text: &str) -> Option<Seen> {
        let (minor, rest) = text.split_once(':')?;
        let (quantity, sku) = rest.split_once(':')?;
        Some(Seen {
            minor: minor.parse().ok()?,
            quantity: quantity.parse().ok()?,
            sku: sku.parse().ok()?,
        })
    }
}

impl Typed {
    /// A form as a browser sends it.
    pub fn of(form: &Asked) -> Typed {
        let get = |name: &str| form.get(name).unwrap_or_default().to_owned();
        let country = get("country");
        Typed {
            key: get("key"),
            shown: get("shown"),
            seen: form.all("seen").filter_map(Seen::of).collect(),
            email: get("email"),
            address: get("address"),
            bill: Place {
                country: country.clone(),
                name: get("billName"),
                line1: get("billLine1"),
                city: get("billCity"),
                postal_code: get("billPostalCode"),
                ..Place::default()
            },
            place: Place {
                country,
                name: get("name"),
                line1: get("line1"),
                line2: get("line2"),
                city: get("city"),
                region: get("region"),
                postal_code: get("postalCode"),
                phone: get("phone"),
            },
            bills_elsewhere: get("billOther") == "yes",
            shipping_option: get("shippingOption"),
            payment: get("payment"),
            note: get("note"),
            agrees: get("terms") == "yes",
            refreshes: !get("refresh").is_empty(),
        }
    }

    /// What is known of whoever comes: of an order of theirs that came to nothing, of the customer, of
    /// the cart.
    pub fn known(
        order: Option<&Contact>,
        customer: Option<&CustomerView>,
        cart: Option<&Address>,
    ) -> Typed {
        let mut typed = Typed::default();
        if let Some(customer) = customer {
            let profile = &customer.profile;
            typed.email.clone_from(&profile.email);
            typed.place.name = profile.name.clone().unwrap_or_default();
            typed.place.phone = profile.phone.clone().unwrap_or_default();
            let default = profile.addresses.default_id();
            typed.address = default.map_or_else(|| NEW.to_owned(), |id| id.to_string());
        }
        if let Some(address) = cart {
            typed.place = Place::of(address);
            typed.address = NEW.to_owned();
        }
        if let Some(contact) = order {
            typed.email.clone_from(&contact.email);
            typed.place = Place::of(&contact.shipping_address);
            typed.address = NEW.to_owned();
            typed.bills_elsewhere = contact.billing_address.is_some();
            typed.bill = contact.billing_address.as_ref().map(Place::of).unwrap_or_default();
            typed.note = contact.note.clone().unwrap_or_default();
        }
        typed
    }

    /// The saved address that was chosen.
    pub fn saved<'a>(&self, customer: Option<&'a CustomerView>) -> Option<&'a Address> {
        let id = self.address.parse().ok()?;
        customer?.profile.addresses.get(id)
    }

    /// The body of the API's checkout, or all that is wrong. `option` is the way of sending that is
    /// chosen, `countries` are those that are served.
    pub fn body(
        &self,
        customer: Option<&CustomerView>,
        countries: &[&str],
        option: Option<&str>,
    ) -> Result<Vec<u8>, Faults> {
        let saved = self.saved(customer);
        let country = saved.map_or(&self.place.country, |address| &address.country);
        let mut faults = match saved {
            Some(_) if !countries.contains(&country.as_str()) => {
                Faults::one("address", place::NOT_SERVED)
            }
            Some(_) => Faults::default(),
            None => self.place.check(countries),
        };
        let bill = self.bills_elsewhere.then(|| Place {
            country: country.clone(),
            region: String::new(),
            ..self.bill.clone()
        });
        if let Some(bill) = &bill {
            for (field, value, text) in [
                ("billName", &bill.name, "Enter the name on the bill"),
                ("billLine1", &bill.line1, "Enter the address of the bill"),
                ("billCity", &bill.city, "Enter the city of the bill"),
            ] {
                if value.is_empty() {
                    faults.add(field, text);
                }
            }
        }
        let (provider, token) = match self.payment.split_once(':') {
            Some((provider, token)) => (provider, Some(token)),
            None => (self.payment.as_str(), None),
        };
        let address = match saved {
            Some(address) => json!(AddressJson::from(address)),
            None => self.place.json(),
        };
        let body = json!({
            "email": self.email, "shippingAddress": address,
            "billingAddress": bill.as_ref().map(Place::json), "shippingOption": option,
            "payment": { "provider": provider, "token": token },
            "note": Some(&self.note).filter(|note| !note.is_empty()),
        });
        let body = body.to_string().into_bytes();
        if let Err(error) = read::<Checkout>(&body) {
            for fault in self::faults(&error).all() {
                faults.add(&fault.field, &fault.text);
            }
        }
        if !self.agrees {
            faults.add("terms", "Please agree to the terms to place the order");
        }
        if faults.is_empty() { Ok(body) } else { Err(faults.in_order(&ORDER)) }
    }
}

/// The fields in the order in which they stand on the page.
const ORDER: [&str; 18] = [
    "email",
    "address",
    "country",
    "name",
    "line1",
    "line2",
    "city",
    "region",
    "postalCode",
    "phone",
    "billName",
    "billLine1",
    "billCity",
    "billPostalCode",
    "delivery",
    "payment",
    "note",
    "terms",
];

/// What the API found wrong, at the fields that it came from.
pub fn faults(error: &ApiError) -> Faults {
    let mut faults = Faults::default();
    let (ApiError::InvalidValue(found) | ApiError::InvalidBody(found)) = error else {
        return faults;
    };
    for fault in found {
        let pointer = fault.pointer.as_str();
        let (field, text) = match pointer {
            "/email" => ("email", "Enter an e-mail address, such as ada@example.com"),
            "/billingAddress/name" => ("billName", place::TOO_LONG),
            "/billingAddress/line1" => ("billLine1", place::TOO_LONG),
            "/billingAddress/city" => ("billCity", place::TOO_LONG),
            "/billingAddress/postalCode" => ("billPostalCode", place::TOO_LONG),
            "/shippingOption" => ("delivery", "Choose how it is delivered"),
            "/note" => ("note", place::TOO_LONG),
            _ if pointer.starts_with("/payment") => ("payment", "Choose how you pay"),
            _ => {
                let own = pointer.strip_prefix("/shippingAddress/");
                match own.filter(|own| place::ORDER.contains(own)) {
                    Some(own) => (own, place::fault_of(own)),
                    None => ("address", "This address cannot be used"),
                }
            }
        };
        faults.add(field, text);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "email=ada@example.com&country=US&name=Ada&line1=12+Main+St&city=Hudson\
        &region=NY&postalCode=12534&payment=test:tok_visa&terms=yes";

    /// A whole form with some parts in place of others.
    fn typed(changes: &[(&str, &str)]) -> Typed {
        let form = changes.iter().fold(WHOLE.to_owned(), |form, (from, to)| {
            assert!(form.contains(from), "{from}");
            form.replace(from, to)
        });
        Typed::of(&Asked::of(Some(&form)))
    }

    #[track_caller]
    fn wrong(changes: &[(&str, &str)]) -> Vec<String> {
        let found = typed(changes).body(None, &["US", "DE"], Some("standard"));
        let faults = found.err().unwrap_or_default();
        faults.all().iter().map(|fault| fault.field.clone()).collect()
    }

    #[test]
    fn a_form_becomes_the_body_of_the_apis_checkout() {
        let typed = typed(&[("&terms", "&note=+ring+twice+&terms")]);
        let body = typed.body(None, &["US"], Some("standard")).unwrap();
        let checkout: Checkout = read(&body).unwrap();
        assert_eq!(
            (checkout.note.as_deref(), checkout.billing_address),
            (Some("ring twice"), None)
        );
        assert_eq!(checkout.payment.token.as_deref(), Some("tok_visa"));
        assert_eq!(checkout.shipping_option.as_deref(), Some("standard"));
    }

    #[test]
    fn every_fault_is_found_at_its_field_in_the_order_of_the_page() {
        assert_eq!(wrong(&[]), [""; 0]);
        assert_eq!(wrong(&[("&terms=yes", ""), ("ada@example.com", "ada")]), ["email", "terms"]);
        assert_eq!(
            wrong(&[("=NY", "=XX"), ("=12534", "=1"), ("=Ada", "=")]),
            ["name", "region", "postalCode"]
        );
        assert_eq!(wrong(&[("=US", "=FR")]), ["country"]);
        assert_eq!(wrong(&[("=12+Main+St", "="), ("=Hudson", "=")]), ["line1", "city"]);
        assert_eq!(wrong(&[("test:tok_visa", "")]), ["payment"]);
        let bill = [("&terms", "&billOther=yes&billName=Ada&billCity=Hudson&terms")];
        assert_eq!(wrong(&bill), ["billLine1"]);
        let long = format!("={}", "x".repeat(201));
        assert_eq!(wrong(&[("=Ada", &long)]), ["name"]);
    }

    #[test]
    fn what_was_seen_is_read_back() {
        let seen = Seen { minor: 1_250, quantity: 2, sku: "A:B/1".parse().unwrap() };
        assert_eq!(Seen::of(&seen.text()), Some(seen));
        for bad in ["", "1", "1:2", "x:1:A", "1:-1:A", "1:1:"] {
            assert_eq!(Seen::of(bad), None, "{bad}");
        }
    }
}
