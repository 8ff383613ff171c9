//! What must hold of every record, whatever it contains and whatever became of its bytes.

use super::strategies::*;
use super::{
    ApiKeyRow, CustomerRow, IdentityRow, InvitationRow, KeyRing, KeyRow, LoggedFact, PackedText,
    PersonRow, Reservation, SecondFactorRow, SessionRow, TokenRow, WaitingMail,
};
use crate::domain::Address;
use crate::domain::cart::Cart;
use crate::domain::catalog::Product;
use crate::domain::grouping::{Category, Collection};
use crate::domain::mail::Mail;
use crate::domain::order::Order;
use crate::domain::profile::Profile;
use crate::domain::recipient::Contact;
use crate::domain::settings::SavedSettings;
use crate::domain::staff::Staff;
use crate::domain::stock::Level;
use crate::domain::text_page::TextPage;
use crate::storage::codec::{CodecError, Stored};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use std::fmt::Debug;

/// Lengths that no memory holds, as bincode writes them.
const ABSURD_LENGTHS: [[u8; 9]; 2] =
    [[253, 0, 0, 0, 0, 0, 1, 0, 0], [253, 255, 255, 255, 255, 255, 255, 255, 255]];

/// Checks one value: it comes back, and no change of its bytes is taken for something it is not.
fn holds<T>(value: T, place: Index, byte: u8) -> Result<(), TestCaseError>
where
    T: Stored + PartialEq + Debug,
{
    let bytes = value.to_bytes();
    prop_assert_eq!(&T::from_bytes(&bytes).unwrap(), &value);

    let cut = place.index(bytes.len());
    prop_assert!(T::from_bytes(&bytes[..cut]).is_err(), "cut off at {}", cut);

    let longer = [&bytes[..], &[byte]].concat();
    let extra = T::from_bytes(&longer);
    prop_assert!(matches!(extra, Err(CodecError::TrailingBytes { extra: 1, .. })), "{:?}", extra);

    let newer = [&[T::VERSION + 1], &bytes[1..]].concat();
    let newer = T::from_bytes(&newer);
    prop_assert!(matches!(newer, Err(CodecError::Newer { .. })), "{:?}", newer);

    let mut changed = bytes.clone();
    changed[cut] = byte;
    withstands::<T>(&changed)?;
    for length in ABSURD_LENGTHS {
        withstands::<T>(&[&bytes[..cut], &length, &bytes[cut..]].concat())?;
    }
    Ok(())
}

/// Whatever the bytes are, they are refused or they are a value like any other.
fn withstands<T>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    T: Stored + PartialEq + Debug,
{
    if let Ok(value) = T::from_bytes(bytes) {
        prop_assert_eq!(T::from_bytes(&value.to_bytes()).unwrap(), value);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_cart_comes_back(value in carts(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_order_comes_back(value in orders(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_level_comes_back(value in levels(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_reservation_comes_back(value in reservations(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_product_comes_back(value in products(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_category_comes_back(value in categories(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_collection_comes_back(value in collections(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn settings_come_back(value in saved_settings(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_text_page_comes_back(value in text_pages(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_member_of_staff_comes_back(value in staff(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_customer_comes_back(value in customer_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_profile_comes_back(value in profiles(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_mail_comes_back(value in mails(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_waiting_mail_comes_back(value in waiting_mails(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_event_comes_back(value in logged_facts(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_idempotency_key_comes_back(value in key_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_token_comes_back(value in token_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_contact_comes_back(value in contacts(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_address_comes_back(value in addresses(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_packed_text_comes_back(value in packed_texts(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_api_key_comes_back(value in api_key_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_invitation_comes_back(value in invitation_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_second_factor_comes_back(value in second_factor_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_session_comes_back(value in session_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_persons_key_comes_back(value in person_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn a_ring_of_keys_comes_back(value in key_rings(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn an_identity_comes_back(value in identity_rows(), place: Index, byte: u8) {
        holds(value, place, byte)?;
    }

    #[test]
    fn random_bytes_harm_nothing(rest in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..400)) {
        let bytes = [vec![1], rest].concat();
        withstands::<Cart>(&bytes)?;
        withstands::<Order>(&bytes)?;
        withstands::<Level>(&bytes)?;
        withstands::<Reservation>(&bytes)?;
        withstands::<Product>(&bytes)?;
        withstands::<Category>(&bytes)?;
        withstands::<Collection>(&bytes)?;
        withstands::<SavedSettings>(&bytes)?;
        withstands::<TextPage>(&bytes)?;
        withstands::<Staff>(&bytes)?;
        withstands::<CustomerRow>(&bytes)?;
        withstands::<Profile>(&bytes)?;
        withstands::<Mail>(&bytes)?;
        withstands::<WaitingMail>(&bytes)?;
        withstands::<LoggedFact>(&bytes)?;
        withstands::<KeyRow>(&bytes)?;
        withstands::<TokenRow>(&bytes)?;
        withstands::<ApiKeyRow>(&bytes)?;
        withstands::<InvitationRow>(&bytes)?;
        withstands::<IdentityRow>(&bytes)?;
        withstands::<SecondFactorRow>(&bytes)?;
        withstands::<SessionRow>(&bytes)?;
        withstands::<PersonRow>(&bytes)?;
        withstands::<Contact>(&bytes)?;
        withstands::<Address>(&bytes)?;
        withstands::<PackedText>(&bytes)?;
        withstands::<KeyRing>(&bytes)?;
    }
}

#[test]
fn a_product_without_variants_is_refused() {
    let handle_to_brand = [0; 5];
    let lists_status_options_variants = [0; 6];
    let bytes =
        [&[1, 6][..], b"prod-1", &handle_to_brand, &lists_status_options_variants, b"USD", &[0; 3]];
    let refused = Product::from_bytes(&bytes.concat());
    assert!(matches!(refused, Err(CodecError::Value { .. })), "{refused:?}");
}
