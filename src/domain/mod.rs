//! The rules of the shop, as plain types and functions.
//!
//! Every aggregate answers `decide(&self, command, now)` with the events that follow or the reason
//! why none may, and takes events in with `apply`. There is no I/O, no clock, no randomness and no
//! serialization here: times and fresh ids come in as values, JSON belongs to `http`, stored bytes
//! to `storage`. Whatever can be wrong in commerce is tested in these files.

pub mod address;
pub mod address_form;
pub mod cart;
pub mod catalog;
pub mod color;
pub mod customer;
pub mod event;
pub mod formats;
pub mod guard;
pub mod grouping;
pub mod gtin;
pub mod ids;
pub mod mail;
pub mod money;
pub mod order;
pub mod password;
pub mod payment;
pub mod permission;
pub mod pricing;
pub mod profile;
pub mod recipient;
pub mod sealed;
pub mod settings;
pub mod shipping;
pub mod identity;
pub mod staff;
pub mod stock;
pub mod tax;
pub mod text_page;
pub mod time;

pub use address::{Address, Region};
pub use ids::{
    AddressId, ApiKeyId, CartId, CustomerId, ImportId, InvitationId, MailId, OrderId, PaymentId,
    PersonId, ProductId, RefundId, Seq, SessionId, Sku, StaffId,
};
pub use money::{Currency, Money};
pub use sealed::Sealed;
pub use time::{Span, Timestamp};
