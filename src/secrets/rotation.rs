//! A new key for a shop that is not running.
//!
//! Every person's key is sealed anew, and the ring of data keys gets a new last one, in one commit.
//! So a copy of the data file from before opens with the old key alone, and with that gone nobody
//! can read in it of persons who were forgotten since. What the shop sealed for itself stays as it
//! is: its data key, which is on the ring, is sealed with the new key too.

use super::key::{Secret, ShopKey};
use super::vault::{damaged, for_each_person, open_ring, person_context, seal_ring, stored_ring};
use super::{KeyFile, KeySource, SecretsError};
use crate::domain::Sealed;
use crate::storage::records::PersonRow;
use crate::storage::table::RING_KEY;
use crate::storage::{Batch, Store, Stored, Table};

/// What was sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    pub people: u64,
}

/// Gives the shop a new key, in the file where the old one is. It takes about 250 bytes of memory
/// per person. Broken off anywhere, it leaves a shop that opens with the one key or the other, as
/// the next start finds out.
pub fn rotate(store: &dyn Store, source: &KeySource) -> Result<Rotated, SecretsError> {
    rotate_by(store, source, &mut |_| Ok(()))
}

/// The points between the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Start,
    Written,
    Committed,
    End,
}

/// As [`rotate`], stopping where `passing` fails.
pub(super) fn rotate_by(
    store: &dyn Store,
    source: &KeySource,
    passing: &mut dyn FnMut(Between) -> Result<(), SecretsError>,
) -> Result<Rotated, SecretsError> {
    let KeySource::File(file) = source else { return Err(SecretsError::NotInAFile) };
    let snapshot = store.snapshot()?;
    let stored = stored_ring(&*snapshot)?;
    let old = source.key(stored.as_ref())?;
    let mut ring = match &stored {
        Some(stored) => open_ring(stored, &old)
            .ok_or_else(|| SecretsError::OtherKey { what: source.to_string() })?,
        None => vec![],
    };
    let last = ring.last().map_or(0, |(id, _)| *id);
    ring.push((last + 1, Secret::random()));

    let new = ShopKey::random();
    let mut batch = Batch::new();
    let mut rotated = Rotated { people: 0 };
    for_each_person(&*snapshot, &mut |person, row| {
        if let PersonRow::Known { wrapped, standing } = row {
            let context = person_context(person);
            let key = Secret::unwrapped(wrapped.as_bytes(), &old.0, &context);
            let wrapped = key.map_err(|_| damaged(person))?.wrapped(&new.0, &context);
            let wrapped = Sealed::from_bytes(wrapped);
            let row = PersonRow::Known { wrapped, standing };
            batch.row(Table::People, person.as_bytes().to_vec(), Some(row.to_bytes()));
            rotated.people += 1;
        }
        Ok(())
    })?;
    batch.row(Table::Meta, RING_KEY.to_vec(), Some(seal_ring(&ring, &new).to_bytes()));

    #[cfg(debug_assertions)]
    crate::failpoints::pass("keys-resealed");
    passing(Between::Start)?;
    replace(store, file, &new, batch, passing)?;
    Ok(rotated)
}

fn replace(
    store: &dyn Store,
    file: &KeyFile,
    new: &ShopKey,
    batch: Batch,
    passing: &mut dyn FnMut(Between) -> Result<(), SecretsError>,
) -> Result<(), SecretsError> {
    file.write_beside(new)?;
    passing(Between::Written)?;
    store.commit(&[batch])?;
    #[cfg(debug_assertions)]
    crate::failpoints::pass("keys-committed");
    passing(Between::Committed)?;
    file.take_over()?;
    passing(Between::End)
}
