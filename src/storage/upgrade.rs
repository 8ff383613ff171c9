//! A data file of an earlier layout becomes one of today's.
//!
//! Records read their own older versions (`codec`), so most changes need nothing here. What does is a
//! change of keys or tables: then [`SCHEMA`] goes up by one, and a step is added below. All steps that
//! a file needs are one transaction: broken off at any moment, the file is as it was or as it is to
//! be. A shop's file is upgraded when the shop opens, after it was checked and the same was done on a
//! sheet over it ([`super::look`]), so that one which cannot be upgraded stays as it is.

use super::commit::Tx;
use super::redb_store::{RedbTx, SCHEMA, SCHEMA_KEY};
use super::{StoreError, Table};
use redb::{Database, Durability};

/// What has to be done to the rows; reads and writes them as bytes, never as today's records.
pub(super) type Step = fn(&mut RedbTx<'_>) -> Result<(), StoreError>;

/// The first leads from layout 1 to 2.
const STEPS: [Step; (SCHEMA - 1) as usize] = [];

/// Brings a file from the layout `found` to today's.
pub(super) fn upgrade(database: &Database, found: u32) -> Result<(), StoreError> {
    upgrade_by(database, found, &STEPS)
}

/// As [`upgrade`], by other steps.
pub(super) fn upgrade_by(
    database: &Database,
    found: u32,
    steps: &[Step],
) -> Result<(), StoreError> {
    let missing = steps.get(found.saturating_sub(1) as usize..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin_write().map_err(redb::Error::from)?;
    transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    transaction.set_quick_repair(true);
    {
        let mut tx = RedbTx::new(&transaction, None);
        for table in Table::ALL {
            tx.touch(table)?;
        }
        for step in missing {
            step(&mut tx)?;
        }
        let reached = steps.len() as u32 + 1;
        tx.put(Table::Meta, SCHEMA_KEY, &reached.to_be_bytes())?;
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}
