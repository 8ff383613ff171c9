//! The stored form of everything the shop keeps, one frozen type per thing and version.
//!
//! The domain knows nothing of bytes, so a rule can be reworked without moving a stored byte: the
//! conversions here are all that changes. A type whose name ends in `V1` is written in files of
//! merchants and stays as it is. To change a form: add a `V2` beside it (and beside every record
//! that contains it), raise the record's `VERSION`, read the older ones in `upgrade`, and add a
//! golden file; the old one stays. A new variant may be appended to an enum in place, since that
//! leaves all older bytes as they were, but it raises the version too, so that an older program
//! says that it is older. No `skip`, `flatten`, `untagged` or `tag` (bincode cannot read
//! them back), and no type that contains itself (hostile bytes would overflow the stack).

mod value;

mod access;
mod cart;
mod catalog;
mod customer;
mod event;
mod grouping;
mod idempotency;
mod identities;
mod mail;
mod order;
mod packed;
mod payment;
mod profile;
mod recipient;
mod secrets;
mod settings;
mod staff;
mod stock;
mod text_page;
mod tokens;

pub use access::{ApiKeyRow, FactorState, InvitationRow, SecondFactorRow, SessionRow};
pub use customer::CustomerRow;
pub use event::LoggedFact;
pub use idempotency::{Answer, Body, KeyRow};
pub use identities::IdentityRow;
pub use mail::WaitingMail;
pub use packed::PackedText;
pub use secrets::{KeyRing, PersonRow, Standing, WrappedKey};
pub use stock::Reservation;
pub use tokens::{TokenHolder, TokenKind, TokenRow};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;
