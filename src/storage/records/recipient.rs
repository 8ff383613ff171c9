//! Stored forms of people to whom goods go, and of what is sealed in them: both are read back from
//! the same file, the one in the open, the other with a key.

use super::value::{AddressV1, BytesV1};
use crate::domain::recipient::{Contact, Recipient};
use crate::domain::{Address, PersonId, Region};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

impl Stored for Contact {
    const NAME: &'static str = "contact";
    const VERSION: u8 = 1;
    type Latest<'a> = ContactV1<'a>;
}

impl Stored for Address {
    const NAME: &'static str = "address";
    const VERSION: u8 = 1;
    type Latest<'a> = AddressV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RecipientV1<'a> {
    person: [u8; 16],
    country: &'a str,
    #[serde(borrow)]
    region: Option<&'a str>,
    #[serde(borrow)]
    sealed: BytesV1<'a>,
}

#[derive(Serialize, Deserialize)]
pub struct ContactV1<'a> {
    email: &'a str,
    #[serde(borrow)]
    shipping_address: AddressV1<'a>,
    #[serde(borrow)]
    billing_address: Option<AddressV1<'a>>,
    #[serde(borrow)]
    note: Option<&'a str>,
}

impl<'a> From<&'a Recipient> for RecipientV1<'a> {
    fn from(recipient: &'a Recipient) -> RecipientV1<'a> {
        RecipientV1 {
            person: *recipient.person.as_bytes(),
            country: &recipient.region.country,
            region: recipient.region.region.as_deref(),
            sealed: (&recipient.sealed).into(),
        }
    }
}

impl From<RecipientV1<'_>> for Recipient {
    fn from(stored: RecipientV1<'_>) -> Recipient {
        Recipient {
            person: PersonId::from_bytes(stored.person),
            region: Region {
                country: stored.country.into(),
                region: stored.region.map(Into::into),
            },
            sealed: stored.sealed.into(),
        }
    }
}

impl<'a> From<&'a Contact> for ContactV1<'a> {
    fn from(contact: &'a Contact) -> ContactV1<'a> {
        ContactV1 {
            email: &contact.email,
            shipping_address: (&contact.shipping_address).into(),
            billing_address: contact.billing_address.as_ref().map(AddressV1::from),
            note: contact.note.as_deref(),
        }
    }
}

impl From<ContactV1<'_>> for Contact {
    fn from(stored: ContactV1<'_>) -> Contact {
        Contact {
            email: stored.email.into(),
            shipping_address: stored.shipping_address.into(),
            billing_address: stored.billing_address.map(Into::into),
            note: stored.note.map(Into::into),
        }
    }
}
