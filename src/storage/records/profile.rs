//! The stored form of a customer's profile: what is sealed, so these bytes are on no disk as they are.

use super::value::AddressV1;
use crate::domain::AddressId;
use crate::domain::profile::{AddressBook, Profile};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for Profile {
    const NAME: &'static str = "profile";
    const VERSION: u8 = 1;
    type Latest<'a> = ProfileV1<'a>;
}

#[derive(Serialize, Deserialize)]
pub struct ProfileV1<'a> {
    email: &'a str,
    #[serde(borrow)]
    wanted_email: Option<&'a str>,
    #[serde(borrow)]
    name: Option<&'a str>,
    #[serde(borrow)]
    phone: Option<&'a str>,
    #[serde(borrow)]
    addresses: Vec<([u8; 16], AddressV1<'a>)>,
    default_address: Option<[u8; 16]>,
}

impl<'a> From<&'a Profile> for ProfileV1<'a> {
    fn from(profile: &'a Profile) -> ProfileV1<'a> {
        let addresses = profile.addresses.entries().iter();
        ProfileV1 {
            email: &profile.email,
            wanted_email: profile.wanted_email.as_deref(),
            name: profile.name.as_deref(),
            phone: profile.phone.as_deref(),
            addresses: addresses.map(|(id, address)| (*id.as_bytes(), address.into())).collect(),
            default_address: profile.addresses.default_id().map(|id| *id.as_bytes()),
        }
    }
}

impl From<ProfileV1<'_>> for Profile {
    fn from(stored: ProfileV1<'_>) -> Profile {
        let addresses = stored.addresses.into_iter();
        let addresses =
            addresses.map(|(id, address)| (AddressId::from_bytes(id), address.into())).collect();
        let default = stored.default_address.map(AddressId::from_bytes);
        Profile {
            email: stored.email.to_owned(),
            wanted_email: stored.wanted_email.map(str::to_owned),
            name: stored.name.map(str::to_owned),
            phone: stored.phone.map(str::to_owned),
            addresses: AddressBook::restored(addresses, default),
        }
    }
}
