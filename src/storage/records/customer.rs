//! Stored forms of customers and of what happens to them. What says who they are is stored as it
//! comes, sealed.

use super::value::{BytesV1, TimeV1};
use crate::domain::customer::{Account, Customer, CustomerEvent};
use crate::domain::{CartId, PersonId};
use crate::storage::codec::Stored;
use serde::{Deserialize, Serialize};

/// What the shop keeps of a customer: what the log says of them, and what it must not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    pub customer: Customer,
    /// A PHC string, such as `$argon2id$v=19$…`; `None` where no password opens the account.
    pub password_hash: Option<String>,
}

impl Stored for CustomerRow {
    const NAME: &'static str = "customer";
    const VERSION: u8 = 1;
    type Latest<'a> = CustomerRowV1<'a>;
}

#[derive(Serialize, Deserialize)]
pub struct CustomerRowV1<'a> {
    #[serde(borrow)]
    customer: CustomerV1<'a>,
    #[serde(borrow)]
    password_hash: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
enum CustomerV1<'a> {
    Active(#[serde(borrow)] AccountV1<'a>),
    Erased { registered_at: TimeV1, erased_at: TimeV1 },
}

#[derive(Serialize, Deserialize)]
struct AccountV1<'a> {
    person: [u8; 16],
    #[serde(borrow)]
    profile: BytesV1<'a>,
    claimed: Vec<[u8; 16]>,
    cart: Option<[u8; CartId::BYTES]>,
    verified_at: Option<TimeV1>,
    registered_at: TimeV1,
    updated_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum CustomerEventV1<'a> {
    Registered {
        person: [u8; 16],
        #[serde(borrow)]
        profile: BytesV1<'a>,
        at: TimeV1,
    },
    Verified {
        at: TimeV1,
    },
    PasswordChanged {
        at: TimeV1,
    },
    ProfileChanged {
        #[serde(borrow)]
        profile: BytesV1<'a>,
        at: TimeV1,
    },
    AddressesChanged {
        #[serde(borrow)]
        profile: BytesV1<'a>,
        at: TimeV1,
    },
    Erased {
        at: TimeV1,
    },
    Claimed {
        people: Vec<[u8; 16]>,
        at: TimeV1,
    },
    CartKept {
        cart: [u8; CartId::BYTES],
        at: TimeV1,
    },
}

fn stored(people: &[PersonId]) -> Vec<[u8; 16]> {
    people.iter().map(|person| *person.as_bytes()).collect()
}

fn read(people: Vec<[u8; 16]>) -> Vec<PersonId> {
    people.into_iter().map(PersonId::from_bytes).collect()
}

impl<'a> From<&'a CustomerRow> for CustomerRowV1<'a> {
    fn from(row: &'a CustomerRow) -> CustomerRowV1<'a> {
        let customer = match &row.customer {
            Customer::Active(account) => CustomerV1::Active(AccountV1 {
                person: *account.person.as_bytes(),
                profile: (&account.profile).into(),
                claimed: stored(&account.claimed),
                cart: account.cart.map(|cart| *cart.as_bytes()),
                verified_at: account.verified_at.map(Into::into),
                registered_at: account.registered_at.into(),
                updated_at: account.updated_at.into(),
            }),
            Customer::Erased { registered_at, erased_at } => CustomerV1::Erased {
                registered_at: (*registered_at).into(),
                erased_at: (*erased_at).into(),
            },
        };
        CustomerRowV1 { customer, password_hash: row.password_hash.as_deref() }
    }
}

impl From<CustomerRowV1<'_>> for CustomerRow {
    fn from(stored: CustomerRowV1<'_>) -> CustomerRow {
        let customer = match stored.customer {
            CustomerV1::Active(account) => Customer::Active(Account {
                person: PersonId::from_bytes(account.person),
                profile: account.profile.into(),
                claimed: read(account.claimed),
                cart: account.cart.map(CartId::from_bytes),
                verified_at: account.verified_at.map(Into::into),
                registered_at: account.registered_at.into(),
                updated_at: account.updated_at.into(),
            }),
            CustomerV1::Erased { registered_at, erased_at } => Customer::Erased {
                registered_at: registered_at.into(),
                erased_at: erased_at.into(),
            },
        };
        CustomerRow { customer, password_hash: stored.password_hash.map(str::to_owned) }
    }
}

impl<'a> From<&'a CustomerEvent> for CustomerEventV1<'a> {
    fn from(event: &'a CustomerEvent) -> CustomerEventV1<'a> {
        use CustomerEvent as E;
        use CustomerEventV1 as V1;
        match event {
            E::Registered { person, profile, at } => V1::Registered {
                person: *person.as_bytes(),
                profile: profile.into(),
                at: (*at).into(),
            },
            E::Verified { at } => V1::Verified { at: (*at).into() },
            E::PasswordChanged { at } => V1::PasswordChanged { at: (*at).into() },
            E::ProfileChanged { profile, at } => {
                V1::ProfileChanged { profile: profile.into(), at: (*at).into() }
            }
            E::AddressesChanged { profile, at } => {
                V1::AddressesChanged { profile: profile.into(), at: (*at).into() }
            }
            E::Erased { at } => V1::Erased { at: (*at).into() },
            E::Claimed { people, at } => V1::Claimed { people: stored(people), at: (*at).into() },
            E::CartKept { cart, at } => V1::CartKept { cart: *cart.as_bytes(), at: (*at).into() },
        }
    }
}

impl From<CustomerEventV1<'_>> for CustomerEvent {
    fn from(stored: CustomerEventV1<'_>) -> CustomerEvent {
        use CustomerEvent as E;
        use CustomerEventV1 as V1;
        match stored {
            V1::Registered { person, profile, at } => E::Registered {
                person: PersonId::from_bytes(person),
                profile: profile.into(),
                at: at.into(),
            },
            V1::Verified { at } => E::Verified { at: at.into() },
            V1::PasswordChanged { at } => E::PasswordChanged { at: at.into() },
            V1::ProfileChanged { profile, at } => {
                E::ProfileChanged { profile: profile.into(), at: at.into() }
            }
            V1::AddressesChanged { profile, at } => {
                E::AddressesChanged { profile: profile.into(), at: at.into() }
            }
            V1::Erased { at } => E::Erased { at: at.into() },
            V1::Claimed { people, at } => E::Claimed { people: read(people), at: at.into() },
            V1::CartKept { cart, at } => {
                E::CartKept { cart: CartId::from_bytes(cart), at: at.into() }
            }
        }
    }
}
