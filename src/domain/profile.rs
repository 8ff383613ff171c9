//! Who a customer is: what is known of them by name, and their address book.

use super::address::Address;
use super::ids::AddressId;

/// What a customer told the shop of themselves. It is kept sealed, in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// In lower case; unique among all accounts.
    pub email: String,
    /// The address that they would have instead; it counts once they have proven that they read it.
    pub wanted_email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub addresses: AddressBook,
}

/// A customer's addresses, in the order in which they were added. The first of a book becomes the
/// default one, and there is one as long as there is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    entries: Vec<(AddressId, Address)>,
    default: Option<AddressId>,
}

/// How many addresses a customer may keep.
pub const MOST_ADDRESSES: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRejection {
    #[error("there is no such address")]
    Unknown,
    #[error("an address book holds at most {most} addresses")]
    TooMany { most: usize },
}

/// Whether an address becomes the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    AsBefore,
    Default,
}

impl Profile {
    pub fn new(email: String, name: Option<String>) -> Profile {
        Profile { email, wanted_email: None, name, phone: None, addresses: AddressBook::default() }
    }
}

impl AddressBook {
    /// A book as it was stored; what does not hold together is left out.
    pub fn restored(entries: Vec<(AddressId, Address)>, default: Option<AddressId>) -> AddressBook {
        let mut book = AddressBook { entries, default: None };
        book.default = default.filter(|id| book.get(*id).is_some());
        book.default = book.default.or(book.entries.first().map(|(id, _)| *id));
        book
    }

    pub fn entries(&self) -> &[(AddressId, Address)] {
        &self.entries
    }

    /// `None` in an empty book only.
    pub fn default_id(&self) -> Option<AddressId> {
        self.default
    }

    pub fn get(&self, id: AddressId) -> Option<&Address> {
        self.entries.iter().find(|(own, _)| *own == id).map(|(_, address)| address)
    }

    pub fn add(
        &mut self,
        id: AddressId,
        address: Address,
        preference: Preference,
    ) -> Result<(), AddressRejection> {
        if self.entries.len() >= MOST_ADDRESSES {
            return Err(AddressRejection::TooMany { most: MOST_ADDRESSES });
        }
        self.entries.push((id, address));
        if preference == Preference::Default || self.default.is_none() {
            self.default = Some(id);
        }
        Ok(())
    }

    pub fn replace(
        &mut self,
        id: AddressId,
        address: Address,
        preference: Preference,
    ) -> Result<(), AddressRejection> {
        let entry = self.entries.iter_mut().find(|(own, _)| *own == id);
        entry.ok_or(AddressRejection::Unknown)?.1 = address;
        if preference == Preference::Default {
            self.default = Some(id);
        }
        Ok(())
    }

    /// The oldest of the others becomes the default one where this was it.
    pub fn remove(&mut self, id: AddressId) -> Result<(), AddressRejection> {
        let at = self.entries.iter().position(|(own, _)| *own == id);
        self.entries.remove(at.ok_or(AddressRejection::Unknown)?);
        if self.default == Some(id) {
            self.default = self.entries.first().map(|(id, _)| *id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> AddressId {
        AddressId::from_bytes([number; 16])
    }

    fn address(name: &str) -> Address {
        Address {
            name: name.into(),
            line1: "1 Main St".into(),
            line2: None,
            city: "Salem".into(),
            region: None,
            postal_code: None,
            country: "US".into(),
            phone: None,
        }
    }

    /// A book with addresses 1 to 3, the second of them the default one.
    fn book() -> AddressBook {
        let mut book = AddressBook::default();
        book.add(id(1), address("1"), Preference::AsBefore).unwrap();
        assert_eq!(book.default_id(), Some(id(1)), "the first one is the default one");
        book.add(id(2), address("2"), Preference::Default).unwrap();
        book.add(id(3), address("3"), Preference::AsBefore).unwrap();
        assert_eq!(book.default_id(), Some(id(2)));
        book
    }

    #[test]
    fn there_is_a_default_address_as_long_as_there_is_any() {
        let mut book = book();
        book.remove(id(2)).unwrap();
        assert_eq!(book.default_id(), Some(id(1)));
        book.replace(id(3), address("3"), Preference::Default).unwrap();
        book.remove(id(1)).unwrap();
        assert_eq!(book.default_id(), Some(id(3)));
        book.remove(id(3)).unwrap();
        assert_eq!(book, AddressBook::default());
    }

    #[test]
    fn an_address_is_changed_where_it_is_and_nowhere_else() {
        let mut book = book();
        book.replace(id(3), address("new"), Preference::AsBefore).unwrap();
        let names = book.entries().iter().map(|(_, address)| address.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["1", "2", "new"]);
        assert_eq!(book.default_id(), Some(id(2)));
        let unknown = Err(AddressRejection::Unknown);
        assert_eq!(book.replace(id(9), address("9"), Preference::Default), unknown);
        assert_eq!(book.remove(id(9)), unknown);
        assert_eq!(book.default_id(), Some(id(2)));
    }

    #[test]
    fn a_book_has_a_bounded_number_of_addresses() {
        let mut book = AddressBook::default();
        let most = u8::try_from(MOST_ADDRESSES).unwrap();
        for number in 0..most {
            book.add(id(number), address("1"), Preference::AsBefore).unwrap();
        }
        let late = book.add(id(most), address("1"), Preference::AsBefore);
        assert_eq!(late, Err(AddressRejection::TooMany { most: MOST_ADDRESSES }));
    }

    #[test]
    fn a_stored_book_without_a_sound_default_gets_one() {
        let entries = vec![(id(1), address("1")), (id(2), address("2"))];
        for (stored, default) in [(None, 1), (Some(id(9)), 1), (Some(id(2)), 2)] {
            let book = AddressBook::restored(entries.clone(), stored);
            assert_eq!(book.default_id(), Some(id(default)));
        }
        assert_eq!(AddressBook::restored(vec![], Some(id(1))), AddressBook::default());
    }
}
