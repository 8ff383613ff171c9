//! The store alone: rows of the size and in the order of a checkout's, in durable commits like the
//! shop's own, and nothing that decides, encodes or checks.

use super::{Counted, LimitError, histogram, note};
use redb::{Database, Durability, TableDefinition};
use std::path::Path;
use std::time::{Duration, Instant};

/// As much of the file in memory as the shop keeps by default.
const CACHE_BYTES: usize = 64 << 20;

/// What one checkout of one line writes, paid by hand: for each row its table and the bytes of its key
/// and its value, with the checksum. As counted in a store of the shop's, per order.
const ROWS: [(&str, usize, usize); 11] = [
    ("orders", 16, 475),
    ("carts", 16, 125),
    ("events", 8, 460),
    ("events", 8, 86),
    ("events_by_entity", 24, 4),
    ("events_by_entity", 24, 4),
    ("events_by_entity", 24, 4),
    ("reservations", 21, 15),
    ("expiries", 26, 4),
    ("idempotency", 24, 638),
    ("people", 16, 81),
];

/// More than any table has rows of one checkout.
const MOST_ROWS: u64 = 4;

/// The stock of the one hot SKU, which every checkout overwrites.
const STOCK: (&str, &[u8], usize) = ("skus", b"HOT-1", 25);

/// Of all values of one checkout.
pub(super) const BYTES: usize = {
    let (mut sum, mut i) = (STOCK.2, 0);
    while i < ROWS.len() {
        sum += ROWS[i].2;
        i += 1;
    }
    sum
};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// A file of such rows, and where the next ones go.
pub(super) struct Rows {
    database: Database,
    next: u64,
}

impl Rows {
    pub fn create(path: &Path) -> Result<Rows, LimitError> {
        let builder = &mut Database::builder();
        let database =
            builder.set_cache_size(CACHE_BYTES).create(path).map_err(redb::Error::from)?;
        Ok(Rows { database, next: 1 })
    }

    /// Makes the rows of so many checkouts durable, as `RedbStore::commit` does.
    pub fn commit(&mut self, checkouts: usize) -> Result<(), LimitError> {
        let values = [7; 1_024];
        let mut transaction = self.database.begin_write().map_err(redb::Error::from)?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        transaction.set_quick_repair(true);
        // One table is opened at a time, and each once.
        let mut from = 0;
        while from < ROWS.len() {
            let (name, ..) = ROWS[from];
            let same = ROWS[from..].iter().take_while(|row| row.0 == name).count();
            let mut table =
                transaction.open_table(Definition::new(name)).map_err(redb::Error::from)?;
            for checkout in 0..checkouts as u64 {
                for (row, (_, key, value)) in (0..).zip(&ROWS[from..from + same]) {
                    let key = key_of((self.next + checkout) * MOST_ROWS + row, *key);
                    table.insert(&*key, &values[..*value]).map_err(redb::Error::from)?;
                }
            }
            from += same;
        }
        {
            let (name, key, bytes) = STOCK;
            let mut table =
                transaction.open_table(Definition::new(name)).map_err(redb::Error::from)?;
            for _ in 0..checkouts {
                table.insert(key, &values[..bytes]).map_err(redb::Error::from)?;
            }
        }
        transaction.commit().map_err(redb::Error::from)?;
        self.next += checkouts as u64;
        Ok(())
    }
}

/// In time order, and as long as the shop's. What stands behind the time differs from key to key.
fn key_of(number: u64, bytes: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(bytes);
    key.extend_from_slice(&number.to_be_bytes());
    let behind = number.to_le_bytes();
    key.extend(behind.iter().cycle().take(bytes.saturating_sub(key.len())));
    key
}

/// Commits of so many checkouts each, one after the other: commits a second.
pub(super) fn commits(
    folder: &Path,
    checkouts: u32,
    duration: Duration,
) -> Result<Counted, LimitError> {
    let path = folder.join(format!("store-{checkouts}.redb"));
    let mut rows = Rows::create(&path)?;
    // The tables are made.
    rows.commit(checkouts as usize)?;
    let mut took = histogram();
    let began = Instant::now();
    while took.is_empty() || began.elapsed() < duration {
        let asked = Instant::now();
        rows.commit(checkouts as usize)?;
        note(&mut took, asked.elapsed());
    }
    let counted = Counted::of(&took, began.elapsed());
    drop(rows);
    std::fs::remove_file(path)?;
    Ok(counted)
}
