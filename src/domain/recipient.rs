//! To whom goods go: who that is, is sealed, and the rules of the shop compute with what is not.

use super::address::{Address, Region};
use super::ids::PersonId;
use super::sealed::Sealed;

/// Somebody to whom goods go. Country and region are in the open, for tax and shipping look at them;
/// they are all that is left once the person was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Under whose key the rest is sealed.
    pub person: PersonId,
    pub region: Region,
    /// A cart's [`Address`], an order's [`Contact`].
    pub sealed: Sealed,
}

/// What the shop knows of whoever placed an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub email: String,
    pub shipping_address: Address,
    pub billing_address: Option<Address>,
    pub note: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn address() -> Address {
        Address {
            name: "Ada".into(),
            line1: "1 Main St".into(),
            line2: None,
            city: "Salem".into(),
            region: Some("OR".into()),
            postal_code: Some("97301".into()),
            country: "US".into(),
            phone: None,
        }
    }

    pub(crate) fn contact() -> Contact {
        Contact {
            email: "ada@example.com".into(),
            shipping_address: address(),
            billing_address: None,
            note: None,
        }
    }

    /// Somebody in Oregon, sealed in a way that no key opens.
    pub(crate) fn recipient() -> Recipient {
        Recipient {
            person: PersonId::from_bytes([3; 16]),
            region: address().region(),
            sealed: Sealed::from_bytes(vec![0xee; 90]),
        }
    }
}
