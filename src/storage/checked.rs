//! A checksum on every row of the data file, looked at with every read.
//!
//! redb keeps a checksum of every page and looks at them when the file is opened ([`super::look`]), but
//! not when a page is read later. What a disk or a cable changes while the shop runs is found here:
//! a row whose bytes are not those that were written is an error and is never taken for the truth.
//! The checksum is over table, key and value, so that a row that turns up under another key does not
//! pass either. CRC-32 (IEEE 802.3) finds every change of up to 32 bits in a row.

use super::{StoreError, Table};
use crc32fast::Hasher;

const BYTES: usize = 4;

fn checksum(table: Table, key: &[u8], value: &[u8]) -> [u8; BYTES] {
    let mut hasher = Hasher::new();
    hasher.update(table.name().as_bytes());
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_be_bytes()
}

/// The value as it is stored: followed by its checksum.
pub(super) fn seal(table: Table, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(value.len() + BYTES);
    stored.extend_from_slice(value);
    stored.extend_from_slice(&checksum(table, key, value));
    stored
}

/// The value of a stored row, or that it is not what was written.
pub(super) fn open<'a>(table: Table, key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    match stored.split_last_chunk::<BYTES>() {
        Some((value, sum)) if *sum == checksum(table, key, value) => Ok(value),
        Some(_) | None => Err(StoreError::DamagedRow { table: table.name() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for value in [&b""[..], b"value"] {
            let stored = seal(Table::Carts, b"key", value);
            assert_eq!(open(Table::Carts, b"key", &stored).unwrap(), value);
        }
    }

    #[test]
    fn no_byte_of_a_row_changes_unnoticed() {
        let stored = seal(Table::Carts, b"key", b"value");
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut other = stored.clone();
                other[at] ^= 1 << bit;
                assert!(open(Table::Carts, b"key", &other).is_err(), "byte {at}, bit {bit}");
            }
        }
        assert!(open(Table::Orders, b"key", &stored).is_err(), "of another table");
        assert!(open(Table::Carts, b"kex", &stored).is_err(), "under another key");
        assert!(open(Table::Carts, b"key", &stored[1..]).is_err(), "cut short");
        assert!(open(Table::Carts, b"key", b"").is_err(), "nothing");
    }
}
