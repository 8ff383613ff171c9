//! Users: who they are, and what they change of it.

use super::address::AddressJson;
use super::cart::CartJson;
use super::order::OrderJson;
use super::session::SessionJson;

use crate::actors::accounts::{CustomerView, ProfileChange, User};
use crate::domain::profile::{AddressBook, Preference};
use crate::domain::staff::Staff;
use crate::domain::{Address, AddressId, StaffId};
use crate::http::body::Input;
use crate::http::json::{Time, given};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Somebody with an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserJson {
    #[schema(example = "cus-06evdaz9vw000g40r40m30e209")]
    pub user_id: String,
    /// `customer`, `staff` or `admin`.
    #[schema(example = "customer")]
    pub role: &'static str,
    #[schema(example = "ada@example.com")]
    pub email: String,
    /// Whether they have proven that they read mail to that address.
    pub email_verified: bool,
    /// The address that takes the place of the other once it is proven.
    pub pending_email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl From<&CustomerView> for UserJson {
    fn from(customer: &CustomerView) -> UserJson {
        let profile = customer.profile.clone();
        UserJson {
            user_id: customer.id.to_string(),
            role: "customer",
            email: profile.email,
            email_verified: customer.verified_at.is_some(),
            pending_email: profile.wanted_email,
            name: profile.name,
            phone: profile.phone,
            created_at: customer.registered_at.into(),
            updated_at: customer.updated_at.into(),
        }
    }
}

impl UserJson {
    /// Members of staff are known to the shop; they prove nothing.
    pub fn of_staff(id: StaffId, staff: &Staff) -> UserJson {
        UserJson {
            user_id: id.to_string(),
            role: staff.role.name(),
            email: staff.email.clone(),
            email_verified: true,
            pending_email: None,
            name: None,
            phone: None,
            created_at: staff.created_at.into(),
            updated_at: staff.updated_at.into(),
        }
    }

    /// With the version of the row.
    pub fn of(user: &User) -> (u64, UserJson) {
        match user {
            User::Customer(customer) => (customer.version, UserJson::from(customer)),
            User::Staff(id, version, staff) => (*version, UserJson::of_staff(*id, staff)),
        }
    }
}

/// What is named is changed. Another e-mail address, or another password, needs the current one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeUpdate {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, format = "not-blank")]
    pub name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 40)]
    pub phone: Option<Option<String>>,
    /// Takes the place of the other once the link that is mailed to it was followed.
    #[schema(format = "email", max_length = 254, nullable = false)]
    pub email: Option<String>,
    #[schema(min_length = 8, max_length = 128, format = Password, nullable = false)]
    pub password: Option<String>,
    #[schema(min_length = 1, max_length = 128, format = Password, nullable = false)]
    pub current_password: Option<String>,
}

impl Input for MeUpdate {
    fn check(body: &Value, faults: &mut crate::http::schema::Faults) {
        let has = |name: &str| body.get(name).is_some();
        if (has("password") || has("email")) && !has("currentPassword") {
            faults.rule("/currentPassword", "is needed to change the password or the e-mail");
        }
    }
}

impl MeUpdate {
    pub fn profile(&self) -> ProfileChange {
        let email = self.email.as_ref().map(|email| email.trim().to_lowercase());
        ProfileChange { name: tidied(&self.name), phone: tidied(&self.phone), email }
    }
}

/// What staff correct for a customer. What is named is changed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserUpdate {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, format = "not-blank")]
    pub name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 40)]
    pub phone: Option<Option<String>>,
}

impl Input for UserUpdate {}

impl UserUpdate {
    pub fn profile(&self) -> ProfileChange {
        ProfileChange { name: tidied(&self.name), phone: tidied(&self.phone), email: None }
    }
}

/// Blanks around a text are not meant; a text of blanks alone is none.
fn tidied(given: &Option<Option<String>>) -> Option<Option<String>> {
    let tidy = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    given.as_ref().map(|text| text.as_ref().and_then(tidy))
}

/// To be sure that it is the account's owner who wants to go.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Erase {
    /// Of an account that has one.
    #[schema(min_length = 1, max_length = 128, format = Password, nullable = false)]
    pub password: Option<String>,
}

impl Input for Erase {}

/// An address in a customer's book.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SavedAddress)]
pub struct SavedAddressJson {
    #[schema(example = "addr-06evdaz9vw000g40r40m30e209")]
    pub address_id: String,
    /// Whether it is the one that a checkout starts with.
    pub is_default: bool,
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "US")]
    pub country: String,
    pub phone: Option<String>,
}

impl SavedAddressJson {
    pub fn new(id: AddressId, address: &Address, book: &AddressBook) -> SavedAddressJson {
        let AddressJson { name, line1, line2, city, region, postal_code, country, phone } =
            address.into();
        SavedAddressJson {
            address_id: id.to_string(),
            is_default: book.default_id() == Some(id),
            name,
            line1,
            line2,
            city,
            region,
            postal_code,
            country,
            phone,
        }
    }
}

/// An address for a customer's book, in full.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressInput {
    /// The first address of a book is the default one in any case.
    #[serde(default)]
    pub is_default: bool,
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

impl Input for AddressInput {}

impl AddressInput {
    pub fn into_address(self) -> (Address, Preference) {
        let AddressInput {
            is_default,
            name,
            line1,
            line2,
            city,
            region,
            postal_code,
            country,
            phone,
        } = self;
        let preference = if is_default { Preference::Default } else { Preference::AsBefore };
        let address = AddressJson { name, line1, line2, city, region, postal_code, country, phone };
        (address.into(), preference)
    }
}

/// What became of a claim.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Claimed)]
pub struct ClaimedJson {
    /// How many orders are the customer's from now on that were nobody's before.
    #[schema(example = 2)]
    pub orders: usize,
}

/// All that the shop knows of a customer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Export)]
pub struct ExportJson {
    pub exported_at: Time,
    pub user: UserJson,
    pub addresses: Vec<SavedAddressJson>,
    /// The logins that go on, and where they came from.
    pub sessions: Vec<SessionJson>,
    /// The identity providers that open the account.
    #[schema(example = json!(["https://id.example"]))]
    pub identity_providers: Vec<String>,
    /// What they are picking, as long as it is open.
    pub cart: Option<CartJson>,
    /// All of them, newest first.
    pub orders: Vec<OrderJson>,
}
