//! Customers: people with an account, from registration to erasure.
//!
//! Who they are (name, e-mail, addresses) is one sealed piece here, which is passed on and never
//! looked into: rows and events keep it under a key of the person's own, so that destroying the key
//! erases it everywhere, from old events and backups too. What stays of an erased customer is that
//! there was one, so that the books still add up. Passwords are absent on purpose: their hashes are
//! in the row alone, and no event tells one.

use super::ids::{CartId, PersonId};
use super::sealed::Sealed;
use super::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customer {
    Active(Account),
    /// Nothing is left of the person.
    Erased {
        registered_at: Timestamp,
        erased_at: Timestamp,
    },
}

/// The account of a customer who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose key the profile is under.
    pub person: PersonId,
    pub profile: Sealed,
    /// Who they were as guests: whatever these bought is theirs.
    pub claimed: Vec<PersonId>,
    /// What they are picking, wherever they log in; bought or left behind, it is nobody's loss.
    pub cart: Option<CartId>,
    /// When it was proven that the customer reads mail to the address in the profile.
    pub verified_at: Option<Timestamp>,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerCommand {
    Register {
        person: PersonId,
        profile: Sealed,
    },
    /// A token that was mailed to the customer came back.
    Verify,
    ChangePassword,
    ChangeProfile(Sealed),
    ChangeAddresses(Sealed),
    /// These guests were the customer.
    Claim(Vec<PersonId>),
    /// This is the cart that they fill from now on.
    KeepCart(CartId),
    Erase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerEvent {
    Registered { person: PersonId, profile: Sealed, at: Timestamp },
    Verified { at: Timestamp },
    PasswordChanged { at: Timestamp },
    ProfileChanged { profile: Sealed, at: Timestamp },
    AddressesChanged { profile: Sealed, at: Timestamp },
    Erased { at: Timestamp },
    Claimed { people: Vec<PersonId>, at: Timestamp },
    CartKept { cart: CartId, at: Timestamp },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRejection {
    #[error("there is no such customer")]
    Unknown,
    #[error("the customer is there already")]
    Exists,
    #[error("the customer was erased")]
    Erased { at: Timestamp },
}

impl Customer {
    /// Says which events follow from `command`; `current` is `None` for a customer not yet there.
    pub fn decide(
        current: Option<&Customer>,
        command: CustomerCommand,
        now: Timestamp,
    ) -> Result<Vec<CustomerEvent>, CustomerRejection> {
        use CustomerCommand as C;
        let account = match (current, &command) {
            (None, C::Register { .. }) => None,
            (None, _) => return Err(CustomerRejection::Unknown),
            (Some(_), C::Register { .. }) => return Err(CustomerRejection::Exists),
            // Asked again after a lost answer: nothing happens twice.
            (Some(Customer::Erased { .. }), C::Erase) => return Ok(vec![]),
            (Some(Customer::Erased { erased_at, .. }), _) => {
                return Err(CustomerRejection::Erased { at: *erased_at });
            }
            (Some(Customer::Active(account)), _) => Some(account),
        };
        let at = now;
        Ok(match command {
            C::Register { person, profile } => {
                vec![CustomerEvent::Registered { person, profile, at }]
            }
            C::Verify if account.is_some_and(Account::is_verified) => vec![],
            C::Verify => vec![CustomerEvent::Verified { at }],
            C::ChangePassword => vec![CustomerEvent::PasswordChanged { at }],
            C::ChangeProfile(profile) => vec![CustomerEvent::ProfileChanged { profile, at }],
            C::ChangeAddresses(profile) => vec![CustomerEvent::AddressesChanged { profile, at }],
            C::Claim(mut people) => {
                people.retain(|person| !account.is_some_and(|account| account.is(*person)));
                people.sort_unstable();
                people.dedup();
                if people.is_empty() { vec![] } else { vec![CustomerEvent::Claimed { people, at }] }
            }
            C::KeepCart(cart) if account.is_some_and(|account| account.cart == Some(cart)) => {
                vec![]
            }
            C::KeepCart(cart) => vec![CustomerEvent::CartKept { cart, at }],
            C::Erase => vec![CustomerEvent::Erased { at }],
        })
    }

    /// Takes in a fact. Replay calls this too, so it neither fails nor asks anything.
    pub fn apply(current: Option<Customer>, event: &CustomerEvent) -> Option<Customer> {
        if let CustomerEvent::Registered { person, profile, at } = event {
            return Some(Customer::Active(Account {
                person: *person,
                profile: profile.clone(),
                claimed: vec![],
                cart: None,
                verified_at: None,
                registered_at: *at,
                updated_at: *at,
            }));
        }
        let mut customer = current?;
        let Customer::Active(account) = &mut customer else { return Some(customer) };
        match event {
            CustomerEvent::Registered { .. } => {}
            CustomerEvent::Verified { at } => {
                (account.verified_at, account.updated_at) = (Some(*at), *at);
            }
            CustomerEvent::PasswordChanged { at } => account.updated_at = *at,
            CustomerEvent::ProfileChanged { profile, at }
            | CustomerEvent::AddressesChanged { profile, at } => {
                (account.profile, account.updated_at) = (profile.clone(), *at);
            }
            CustomerEvent::Claimed { people, at } => {
                account.claimed.extend(people);
                account.updated_at = *at;
            }
            // Nothing of the profile is another.
            CustomerEvent::CartKept { cart, .. } => account.cart = Some(*cart),
            CustomerEvent::Erased { at } => {
                let registered_at = account.registered_at;
                customer = Customer::Erased { registered_at, erased_at: *at };
            }
        }
        Some(customer)
    }

    /// The account, unless it was erased.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Customer::Active(account) => Some(account),
            Customer::Erased { .. } => None,
        }
    }

    pub fn registered_at(&self) -> Timestamp {
        match self {
            Customer::Active(account) => account.registered_at,
            Customer::Erased { registered_at, .. } => *registered_at,
        }
    }
}

impl Account {
    pub fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// Everybody whom the customer is or was, themselves first.
    pub fn people(&self) -> impl Iterator<Item = PersonId> {
        std::iter::once(self.person).chain(self.claimed.iter().copied())
    }

    fn is(&self, person: PersonId) -> bool {
        self.people().any(|own| own == person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const LATER: Timestamp = Timestamp::from_millis(1_700_000_900_000);

    fn sealed(text: &str) -> Sealed {
        Sealed::from_bytes(text.into())
    }

    /// What became of a customer after these commands, the first of them at noon.
    #[track_caller]
    fn after(commands: &[CustomerCommand]) -> Customer {
        let mut customer = None;
        for (at, command) in commands.iter().enumerate() {
            let now = if at == 0 { NOON } else { LATER };
            let events = Customer::decide(customer.as_ref(), command.clone(), now).unwrap();
            customer = events.iter().fold(customer, Customer::apply);
        }
        customer.unwrap()
    }

    fn registered() -> CustomerCommand {
        CustomerCommand::Register { person: PersonId::from_bytes([1; 16]), profile: sealed("ada") }
    }

    #[test]
    fn an_address_is_proven_once() {
        let customer = after(&[registered()]);
        assert!(!customer.account().unwrap().is_verified());
        let customer = after(&[registered(), CustomerCommand::Verify]);
        assert_eq!(customer.account().unwrap().verified_at, Some(LATER));
        let again = Customer::decide(Some(&customer), CustomerCommand::Verify, LATER);
        assert_eq!(again, Ok(vec![]));
    }

    #[test]
    fn a_changed_profile_replaces_the_one_before() {
        for change in [CustomerCommand::ChangeProfile, CustomerCommand::ChangeAddresses] {
            let customer = after(&[registered(), change(sealed("eve"))]);
            let account = customer.account().unwrap();
            assert_eq!((&account.profile, account.updated_at), (&sealed("eve"), LATER));
            assert_eq!(account.registered_at, NOON);
        }
    }

    #[test]
    fn a_guest_is_claimed_once() {
        let (own, guest) = (PersonId::from_bytes([1; 16]), PersonId::from_bytes([2; 16]));
        let claim = || CustomerCommand::Claim(vec![guest, own, guest]);
        let customer = after(&[registered(), claim()]);
        let account = customer.account().unwrap();
        assert_eq!(account.people().collect::<Vec<_>>(), [own, guest]);
        assert_eq!(account.updated_at, LATER);
        assert_eq!(Customer::decide(Some(&customer), claim(), LATER), Ok(vec![]));
    }

    #[test]
    fn a_cart_is_kept_in_place_of_another_and_noted_once() {
        let keep = |n| CustomerCommand::KeepCart(CartId::from_bytes([n; CartId::BYTES]));
        let customer = after(&[registered(), keep(1), keep(2)]);
        let account = customer.account().unwrap();
        assert_eq!(account.cart, Some(CartId::from_bytes([2; CartId::BYTES])));
        assert_eq!(account.updated_at, NOON, "who they are is what it was");
        assert_eq!(Customer::decide(Some(&customer), keep(2), LATER), Ok(vec![]));
    }

    #[test]
    fn of_an_erased_customer_two_times_are_left_and_nothing_more_happens() {
        let erased = after(&[registered(), CustomerCommand::Verify, CustomerCommand::Erase]);
        assert_eq!(erased, Customer::Erased { registered_at: NOON, erased_at: LATER });
        let decide = |command| Customer::decide(Some(&erased), command, LATER);
        assert_eq!(decide(CustomerCommand::Erase), Ok(vec![]));
        for command in [
            CustomerCommand::Verify,
            CustomerCommand::ChangePassword,
            CustomerCommand::ChangeProfile(sealed("eve")),
            CustomerCommand::ChangeAddresses(sealed("eve")),
            CustomerCommand::Claim(vec![PersonId::from_bytes([2; 16])]),
            CustomerCommand::KeepCart(CartId::from_bytes([3; CartId::BYTES])),
        ] {
            assert_eq!(decide(command), Err(CustomerRejection::Erased { at: LATER }));
        }
        let late = CustomerEvent::ProfileChanged { profile: sealed("eve"), at: LATER };
        assert_eq!(Customer::apply(Some(erased.clone()), &late), Some(erased));
    }

    #[test]
    fn a_customer_registers_before_anything_else_and_once() {
        let nobody = Customer::decide(None, CustomerCommand::Verify, NOON);
        assert_eq!(nobody, Err(CustomerRejection::Unknown));
        let twice = Customer::decide(Some(&after(&[registered()])), registered(), LATER);
        assert_eq!(twice, Err(CustomerRejection::Exists));
    }
}
