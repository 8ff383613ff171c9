//! I6 for keys: they are in no event, and what they open is not looked into here. Each can be read,
//! no shop that knows persons is without its ring, and whatever is sealed is sealed under the key of
//! somebody who is known or was forgotten.

use super::check::{Check, explain};
use super::{CheckError, Invariant};
use crate::domain::PersonId;
use crate::domain::event::EntityKey;
use crate::storage::records::{KeyRing, PersonRow};
use crate::storage::table::RING_KEY;
use crate::storage::{StoreError, Stored, Table};

pub(super) fn check_people(check: &mut Check<'_>) -> Result<(), CheckError> {
    let ring = check.snapshot.get(Table::Meta, RING_KEY)?;
    match ring.as_deref().map(KeyRing::from_bytes) {
        Some(Err(error)) => check.find(Invariant::I6, None, explain(&error)),
        None if check.snapshot.count(Table::People)? > 0 => {
            check.find(Invariant::I6, None, "there are keys of persons, and none of the shop");
        }
        Some(Ok(_)) | None => {}
    }
    check.rows(Table::People, "persons", |check, key, bytes| {
        if key.len() != PersonId::BYTES {
            check.unreadable_key(Invariant::I6, "persons", key);
        } else if let Err(error) = PersonRow::from_bytes(bytes) {
            check.find(Invariant::I6, None, explain(&error));
        }
        Ok(())
    })
}

/// Something of `entity` is sealed under that person's key.
pub(super) fn check_person(
    check: &mut Check<'_>,
    entity: Option<&EntityKey>,
    person: PersonId,
) -> Result<(), StoreError> {
    if !check.has(Table::People, person.as_bytes())? {
        let detail = format!("something is sealed for {person}, whose key is not there");
        check.find(Invariant::I6, entity, detail);
    }
    Ok(())
}
