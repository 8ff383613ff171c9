//! The tables of the one file, and how their keys are laid out.
//!
//! Key order decides everything: rows that are written together lie together. So every table on the
//! way of a checkout is keyed by time-ordered ids or by sequence numbers, reservations by order
//! first, and what must be found by a random name (an idempotency key, a token) is kept in time
//! order here and looked up through memory.

use crate::domain::event::EntityKey;
use crate::domain::{CartId, CustomerId, MailId, OrderId, Seq, Sku, StaffId, Timestamp};

/// One table. Keys and values are bytes; entity rows start with their version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Carts,
    Orders,
    Skus,
    Products,
    Categories,
    Collections,
    Staff,
    Customers,
    Mails,
    /// One row: what the merchant says about the shop.
    Settings,
    TextPages,
    /// `mail` → how it waits to be sent.
    MailsWaiting,
    /// `(order, SKU)` → units and deadline of a promise not yet kept.
    Reservations,
    /// `seq` → event.
    Events,
    /// `(entity, seq)` → nothing: whose history an event belongs to.
    EventsByEntity,
    /// `consumer` → the last event it has seen.
    Cursors,
    /// `(time, key)` → the answer that was given.
    Idempotency,
    /// `(time, hash)` → whose token it is.
    Tokens,
    /// `key` → an API key and the hash of its token.
    ApiKeys,
    /// `invitation` → who may come, and the hash of its token.
    Invitations,
    /// `(time, hash)` → which account an identity at a provider opens.
    Identities,
    /// `member` → the seed of their second factor, and what was used of it.
    SecondFactors,
    /// `(time, family)` → where a login came from.
    Sessions,
    /// `(time, entity)` → nothing: what the shop must come back to by itself.
    Expiries,
    /// `person` → the key that what is known of them is sealed with, wrapped.
    People,
    /// `number` → what a batch wrote, on its way to the archive.
    Archive,
    /// `name` → value: schema version, the shop's id, the shop's wrapped keys, which archive is kept.
    Meta,
}

impl Table {
    pub const ALL: [Table; 27] = [
        Table::Carts,
        Table::Orders,
        Table::Skus,
        Table::Products,
        Table::Categories,
        Table::Collections,
        Table::Staff,
        Table::Customers,
        Table::Mails,
        Table::Settings,
        Table::TextPages,
        Table::MailsWaiting,
        Table::Reservations,
        Table::Events,
        Table::EventsByEntity,
        Table::Cursors,
        Table::Idempotency,
        Table::Tokens,
        Table::ApiKeys,
        Table::Invitations,
        Table::Identities,
        Table::SecondFactors,
        Table::Sessions,
        Table::Expiries,
        Table::People,
        Table::Archive,
        Table::Meta,
    ];

    /// The name in the file. A change of key layout takes a new name.
    pub fn name(self) -> &'static str {
        match self {
            Table::Carts => "carts.v1",
            Table::Orders => "orders.v1",
            Table::Skus => "skus.v1",
            Table::Products => "products.v1",
            Table::Categories => "categories.v1",
            Table::Collections => "collections.v1",
            Table::Staff => "staff.v1",
            Table::Customers => "customers.v1",
            Table::Mails => "mails.v1",
            Table::Settings => "settings.v1",
            Table::TextPages => "text_pages.v1",
            Table::MailsWaiting => "mails_waiting.v1",
            Table::Reservations => "reservations.v1",
            Table::Events => "events.v1",
            Table::EventsByEntity => "events_by_entity.v1",
            Table::Cursors => "cursors.v1",
            Table::Idempotency => "idempotency.v1",
            Table::Tokens => "tokens.v1",
            Table::ApiKeys => "api_keys.v1",
            Table::Invitations => "invitations.v1",
            Table::Identities => "identities.v1",
            Table::SecondFactors => "second_factors.v1",
            Table::Sessions => "sessions.v1",
            Table::Expiries => "expiries.v1",
            Table::People => "people.v1",
            Table::Archive => "archive.v1",
            Table::Meta => "meta",
        }
    }

    /// Where an entity's row lives.
    pub fn of(key: &EntityKey) -> Table {
        match key {
            EntityKey::Cart(_) => Table::Carts,
            EntityKey::Order(_) => Table::Orders,
            EntityKey::Sku(_) => Table::Skus,
            EntityKey::Product(_) => Table::Products,
            EntityKey::Category(_) => Table::Categories,
            EntityKey::Collection(_) => Table::Collections,
            EntityKey::Staff(_) => Table::Staff,
            EntityKey::Customer(_) => Table::Customers,
            EntityKey::Mail(_) => Table::Mails,
            EntityKey::Settings => Table::Settings,
            EntityKey::TextPage(_) => Table::TextPages,
        }
    }
}

/// Where the one row of [`Table::Settings`] is.
const SETTINGS_KEY: &[u8] = b"shop";

/// Where the shop's ring of keys is in `meta`.
pub const RING_KEY: &[u8] = b"keys";

/// The key of an entity's row in its own table.
pub fn row_key(key: &EntityKey) -> &[u8] {
    match key {
        EntityKey::Cart(id) => id.as_bytes(),
        EntityKey::Order(id) => id.as_bytes(),
        EntityKey::Sku(sku) => sku.as_str().as_bytes(),
        EntityKey::Product(id) => id.as_str().as_bytes(),
        EntityKey::Category(handle)
        | EntityKey::Collection(handle)
        | EntityKey::TextPage(handle) => handle.as_bytes(),
        EntityKey::Staff(id) => id.as_bytes(),
        EntityKey::Customer(id) => id.as_bytes(),
        EntityKey::Mail(id) => id.as_bytes(),
        EntityKey::Settings => SETTINGS_KEY,
    }
}

/// Kind and id of an entity as the start of a longer key. The zero byte ends names of any length:
/// none contains one.
pub fn entity_prefix(key: &EntityKey) -> Vec<u8> {
    let kind = match key {
        EntityKey::Cart(_) => b'c',
        EntityKey::Order(_) => b'o',
        EntityKey::Sku(_) => b's',
        EntityKey::Product(_) => b'p',
        EntityKey::Category(_) => b'g',
        EntityKey::Collection(_) => b'l',
        EntityKey::Staff(_) => b't',
        EntityKey::Customer(_) => b'u',
        EntityKey::Mail(_) => b'm',
        EntityKey::Settings => b'h',
        EntityKey::TextPage(_) => b'x',
    };
    let id = row_key(key);
    let mut bytes = Vec::with_capacity(id.len() + 10);
    bytes.push(kind);
    bytes.extend_from_slice(id);
    bytes.push(0);
    bytes
}

/// Reads a key made by [`entity_prefix`]; `None` if it is not one.
pub fn parse_entity_prefix(bytes: &[u8]) -> Option<EntityKey> {
    let (&kind, rest) = bytes.split_first()?;
    let id = rest.strip_suffix(&[0])?;
    let text = || std::str::from_utf8(id).ok();
    Some(match kind {
        b'c' => EntityKey::Cart(CartId::from_bytes(id.try_into().ok()?)),
        b'o' => EntityKey::Order(OrderId::from_bytes(id.try_into().ok()?)),
        b's' => EntityKey::Sku(text()?.parse().ok()?),
        b'p' => EntityKey::Product(text()?.parse().ok()?),
        b'g' => EntityKey::Category(text()?.to_owned()),
        b'l' => EntityKey::Collection(text()?.to_owned()),
        b't' => EntityKey::Staff(StaffId::from_bytes(id.try_into().ok()?)),
        b'u' => EntityKey::Customer(CustomerId::from_bytes(id.try_into().ok()?)),
        b'm' => EntityKey::Mail(MailId::from_bytes(id.try_into().ok()?)),
        b'x' => EntityKey::TextPage(text()?.to_owned()),
        b'h' if id == SETTINGS_KEY => EntityKey::Settings,
        _ => return None,
    })
}

pub fn seq_key(seq: Seq) -> [u8; 8] {
    seq.0.to_be_bytes()
}

/// Reads the sequence number at the end of a key.
pub fn seq_of(key: &[u8]) -> Option<Seq> {
    let tail = key.get(key.len().checked_sub(8)?..)?;
    Some(Seq(u64::from_be_bytes(tail.try_into().ok()?)))
}

pub fn reservation_key(order: OrderId, sku: &Sku) -> Vec<u8> {
    let mut key = Vec::with_capacity(16 + sku.as_str().len());
    key.extend_from_slice(order.as_bytes());
    key.extend_from_slice(sku.as_str().as_bytes());
    key
}

/// Reads a key made by [`reservation_key`].
pub fn parse_reservation_key(key: &[u8]) -> Option<(OrderId, Sku)> {
    let (order, sku) = key.split_at_checked(16)?;
    let sku = std::str::from_utf8(sku).ok()?.parse().ok()?;
    Some((OrderId::from_bytes(order.try_into().ok()?), sku))
}

/// Time first, then a name: the layout of idempotency answers, tokens and expiries.
pub fn timed_key(at: Timestamp, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + name.len());
    key.extend_from_slice(&at.as_millis().max(0).to_be_bytes());
    key.extend_from_slice(name);
    key
}

/// Reads a key made by [`timed_key`].
pub fn parse_timed_key(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (at, name) = key.split_at_checked(8)?;
    Some((Timestamp::from_millis(i64::from_be_bytes(at.try_into().ok()?)), name))
}

/// The expiry row of an entity.
pub fn expiry_key(at: Timestamp, entity: &EntityKey) -> Vec<u8> {
    timed_key(at, &entity_prefix(entity))
}
