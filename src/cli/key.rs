//! `mercat key rotate`: another key for a shop that is not running.

use super::house;
use crate::config::Memory;
use crate::secrets::rotate;
use crate::storage::{ReadOnlyStore, RedbStore};
use std::path::Path;

pub(super) fn run(data: &Path) -> anyhow::Result<()> {
    super::backup::refuse_backup(data)?;
    let cache_bytes = Memory::default().cache_mb << 20;
    // Says so where there is no shop, and makes none.
    ReadOnlyStore::open(data, cache_bytes)
        .map_err(|error| house::with_advice(data, error.into()))?;
    let store = RedbStore::open(data, cache_bytes)?;
    let rotated = rotate(&store, &house::key_source(data)?)?;
    println!("The shop has another key; the keys of {} persons were sealed anew", rotated.people);
    println!("Older copies of the data file open with the old key alone: keep it as long as them");
    Ok(())
}
