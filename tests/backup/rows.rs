//! What is in a data folder, row by row, past the program's front door.

use mercat::domain::Seq;
use mercat::domain::event::Event;
use mercat::storage::{Direction, ReadOnlyStore, Snapshot, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

pub const CACHE: usize = 8 << 20;

pub type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

pub fn rows_of(snapshot: &dyn Snapshot) -> Result<Rows, mercat::storage::StoreError> {
    let mut rows = Rows::new();
    for table in Table::ALL {
        snapshot.scan(table, &[], None, Direction::Forward, &mut |key, value| {
            rows.insert((table, key.to_vec()), value.to_vec());
            ControlFlow::Continue(())
        })?;
    }
    Ok(rows)
}

/// All rows of a folder, but those of its archive.
pub fn rows(folder: &Path) -> Rows {
    let store = ReadOnlyStore::open(folder, CACHE).expect("a data folder");
    let mut rows = rows_of(&*store.snapshot().unwrap()).unwrap();
    rows.retain(|(table, key), _| *table != Table::Archive && **key != *b"archive");
    rows
}

/// The log of a folder.
pub fn events(folder: &Path) -> Vec<Event> {
    let store = ReadOnlyStore::open(folder, CACHE).expect("a data folder");
    store.snapshot().unwrap().events_after(Seq(0), usize::MAX).unwrap()
}

/// The orders of which a log tells.
pub fn orders(events: &[Event]) -> BTreeSet<String> {
    let entities = events.iter().map(|event| event.fact.entity());
    let orders = entities.filter_map(|entity| match entity {
        mercat::domain::event::EntityKey::Order(id) => Some(id.to_string()),
        _ => None,
    });
    orders.collect()
}

/// The orders that have a row.
pub fn order_rows(folder: &Path) -> BTreeSet<String> {
    let ids = rows(folder).into_keys().filter(|(table, _)| *table == Table::Orders);
    let ids = ids.map(|(_, key)| {
        let bytes: [u8; 16] = key.try_into().expect("an order's id");
        mercat::domain::OrderId::from_bytes(bytes).to_string()
    });
    ids.collect()
}
