//! Entities as bytes of keys: one byte for the kind, then the id.
//!
//! The bytes sort as [`EntityKey`] does, so ids made one after the other lie side by side. Text
//! stands as it is, without an end: a longer key is made of a tuple, not by appending.

use crate::domain::event::EntityKey;
use crate::domain::{CartId, OrderId, StaffId};
use crate::storage::codec::{CodecError, ValueError};

const CART: u8 = 1;
const ORDER: u8 = 2;
const SKU: u8 = 3;
const PRODUCT: u8 = 4;
const CATEGORY: u8 = 5;
const COLLECTION: u8 = 6;
const STAFF: u8 = 7;

/// The entity as bytes; [`entity_key_from_bytes`] is the way back.
pub fn entity_key_bytes(key: &EntityKey) -> Vec<u8> {
    let (kind, id): (u8, &[u8]) = match key {
        EntityKey::Cart(id) => (CART, id.as_bytes()),
        EntityKey::Order(id) => (ORDER, id.as_bytes()),
        EntityKey::Sku(sku) => (SKU, sku.as_str().as_bytes()),
        EntityKey::Product(id) => (PRODUCT, id.as_str().as_bytes()),
        EntityKey::Category(handle) => (CATEGORY, handle.as_bytes()),
        EntityKey::Collection(handle) => (COLLECTION, handle.as_bytes()),
        EntityKey::Staff(id) => (STAFF, id.as_bytes()),
    };
    let mut bytes = Vec::with_capacity(1 + id.len());
    bytes.push(kind);
    bytes.extend_from_slice(id);
    bytes
}

/// The entity that [`entity_key_bytes`] wrote.
pub fn entity_key_from_bytes(bytes: &[u8]) -> Result<EntityKey, CodecError> {
    const RECORD: &str = "entity key";
    let (&kind, id) = bytes.split_first().ok_or(CodecError::Empty { record: RECORD })?;
    entity(kind, id).map_err(|source| CodecError::Value { record: RECORD, source })
}

fn entity(kind: u8, id: &[u8]) -> Result<EntityKey, ValueError> {
    Ok(match kind {
        CART => EntityKey::Cart(CartId::from_bytes(fixed(id)?)),
        ORDER => EntityKey::Order(OrderId::from_bytes(fixed(id)?)),
        SKU => EntityKey::Sku(text(id)?.parse()?),
        PRODUCT => EntityKey::Product(text(id)?.parse()?),
        CATEGORY => EntityKey::Category(text(id)?.to_owned()),
        COLLECTION => EntityKey::Collection(text(id)?.to_owned()),
        STAFF => EntityKey::Staff(StaffId::from_bytes(fixed(id)?)),
        _ => return Err(ValueError("kind of entity")),
    })
}

fn fixed<const N: usize>(id: &[u8]) -> Result<[u8; N], ValueError> {
    id.try_into().map_err(|_| ValueError("length of an id"))
}

fn text(id: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(id).map_err(|_| ValueError("UTF-8 text"))
}
