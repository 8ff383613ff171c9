//! Stored records: any bytes are a record or a typed error, and a record is read again as it was.
//!
//! The first byte chooses the record; a new one goes to the end of the list, so that the corpus keeps
//! its meaning.

use mercat::domain::Address;
use mercat::domain::cart::Cart;
use mercat::domain::catalog::Product;
use mercat::domain::grouping::{Category, Collection};
use mercat::domain::mail::Mail;
use mercat::domain::order::Order;
use mercat::domain::profile::Profile;
use mercat::domain::recipient::Contact;
use mercat::domain::staff::Staff;
use mercat::domain::stock::Level;
use mercat::storage::records::{
    ApiKeyRow, CustomerRow, IdentityRow, InvitationRow, KeyRing, KeyRow, LoggedFact, PackedText,
    PersonRow, Reservation, SecondFactorRow, SessionRow, TokenRow, WaitingMail,
};
use mercat::storage::table::{parse_entity_prefix, parse_reservation_key, parse_timed_key, seq_of};
use mercat::storage::{Stored, decode_row};

const RECORDS: &[fn(&[u8])] = &[
    one::<Cart>,
    one::<Order>,
    one::<Product>,
    one::<LoggedFact>,
    one::<KeyRow>,
    one::<Level>,
    one::<Reservation>,
    one::<PackedText>,
    one::<Category>,
    one::<Collection>,
    one::<Profile>,
    one::<WaitingMail>,
    one::<Mail>,
    one::<CustomerRow>,
    one::<Contact>,
    one::<Address>,
    one::<TokenRow>,
    one::<PersonRow>,
    one::<KeyRing>,
    one::<SecondFactorRow>,
    one::<SessionRow>,
    one::<ApiKeyRow>,
    one::<InvitationRow>,
    one::<IdentityRow>,
    one::<Staff>,
    keys,
];

pub fn check(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    RECORDS[usize::from(*which) % RECORDS.len()](bytes);
}

fn one<T: Stored>(bytes: &[u8]) {
    if let Ok(record) = T::from_bytes(bytes) {
        let written = record.to_bytes();
        let again = T::from_bytes(&written).expect("what is written can be read");
        assert!(again.to_bytes() == written, "a {} is not read as it was", T::NAME);
    }
    let _ = decode_row::<T>(bytes);
}

/// Keys of rows, which are taken apart by hand.
fn keys(bytes: &[u8]) {
    seq_of(bytes);
    parse_entity_prefix(bytes);
    parse_reservation_key(bytes);
    if let Some((_, name)) = parse_timed_key(bytes) {
        assert!(bytes.ends_with(name));
    }
}
