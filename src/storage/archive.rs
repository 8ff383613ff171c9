//! What each batch wrote, byte for byte, for point-in-time restores.
//!
//! The log does not rebuild every row: tokens, kept answers and keys of persons are in no event. So,
//! where a shop keeps an archive, each batch's writes (table, key, value or removal) are written once
//! more, packed, in the very transaction that makes them, as one entry with a number of its own. The
//! numbers have no gap, and an entry is there exactly if its batch is, whatever crash there was. A
//! job moves entries out into files (`crate::backup`), and removes them here after those are durable.
//!
//! An archive has an id. It is on as long as that is in the table `meta`, whichever command works on
//! the file; switched off and on again, or restored, a shop begins another one.

use super::codec::CodecError;
use super::commit::Tx;
use super::{Batch, Direction, Snapshot, StoreError, Table, join_version};
use crate::domain::stock::Level;
use crate::domain::{Seq, Sku, Timestamp};
use crate::storage::codec::Stored;
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where `meta` says which archive is kept, and the last of its entries that was moved out.
pub(super) const META_KEY: &[u8] = b"archive";

/// An archive's name.
pub type ArchiveId = [u8; 16];

/// The archive of a file, as a snapshot has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub id: ArchiveId,
    /// The last entry that was moved out; zero before the first.
    pub moved: u64,
    /// The last entry that there is.
    pub last: u64,
    /// When the last entry that still lies here was written.
    pub last_at: Timestamp,
}

/// What one batch wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1 on, without a gap.
    pub number: u64,
    /// Its facts; a batch without facts has `last` one below `first`.
    pub first: Seq,
    pub last: Seq,
    /// When it was written, by the machine's clock; never before the entry before it.
    pub at: Timestamp,
    /// Its writes, packed.
    pub packed: Vec<u8>,
}

/// An archived entry cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("archived entry {number} is damaged")]
pub struct DamagedEntry {
    pub number: u64,
}

/// One write of a batch: a removal has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    pub table: Table,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

impl Entry {
    /// Reads the row of the table that it lies in.
    pub fn from_row(key: &[u8], row: &[u8]) -> Option<Entry> {
        let number = u64::from_be_bytes(key.try_into().ok()?);
        let (first, rest) = row.split_first_chunk::<8>()?;
        let (last, rest) = rest.split_first_chunk::<8>()?;
        let (at, packed) = rest.split_first_chunk::<8>()?;
        Some(Entry {
            number,
            first: Seq(u64::from_be_bytes(*first)),
            last: Seq(u64::from_be_bytes(*last)),
            at: Timestamp::from_millis(i64::from_be_bytes(*at)),
            packed: packed.to_vec(),
        })
    }

    /// The value of its row; its key is the number.
    pub fn to_row(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(24 + self.packed.len());
        row.extend_from_slice(&self.first.0.to_be_bytes());
        row.extend_from_slice(&self.last.0.to_be_bytes());
        row.extend_from_slice(&self.at.as_millis().to_be_bytes());
        row.extend_from_slice(&self.packed);
        row
    }

    /// Calls `each` for every write, in the order in which they were made.
    pub fn for_each_write(
        &self,
        mut each: impl FnMut(Write<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let damaged = || StoreError::Archive(DamagedEntry { number: self.number });
        let plain = lz4_flex::block::decompress_size_prepended(&self.packed);
        let plain = plain.map_err(|_| damaged())?;
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let (write, behind) = take_write(rest).ok_or_else(damaged)?;
            each(write)?;
            rest = behind;
        }
        Ok(())
    }
}

fn take_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

fn take_write(bytes: &[u8]) -> Option<(Write<'_>, &[u8])> {
    let (name, rest) = take_bytes(bytes)?;
    let table = Table::ALL.into_iter().find(|table| table.name().as_bytes() == name)?;
    let (key, rest) = take_bytes(rest)?;
    let (is_put, rest) = rest.split_first()?;
    match is_put {
        0 => Some((Write { table, key, value: None }, rest)),
        1 => {
            let (value, rest) = take_bytes(rest)?;
            Some((Write { table, key, value: Some(value) }, rest))
        }
        _ => None,
    }
}

fn add_bytes(plain: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("rows are far below 4 GB");
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(bytes);
}

/// Takes down what a group of batches writes, entry by entry.
pub(super) struct Recorder {
    next: u64,
    at: Timestamp,
    plain: Vec<u8>,
}

impl Recorder {
    /// Goes on behind what is there.
    pub fn after(standing: &Standing) -> Recorder {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        Recorder { next: standing.last + 1, at: now.max(standing.last_at), plain: Vec::new() }
    }

    /// The archive's own rows are not archived.
    pub fn add(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) {
        if table == Table::Archive || (table == Table::Meta && key == META_KEY) {
            return;
        }
        add_bytes(&mut self.plain, table.name().as_bytes());
        add_bytes(&mut self.plain, key);
        self.plain.push(u8::from(value.is_some()));
        if let Some(value) = value {
            add_bytes(&mut self.plain, value);
        }
    }

    /// As [`Recorder::add`], the row of an SKU that the batch moved: the store writes it once for the
    /// whole group, but here it must be what this batch left behind.
    pub fn add_level(&mut self, sku: &Sku, version: u64, level: &Level) {
        let row = join_version(version, &level.to_bytes());
        self.add(Table::Skus, sku.as_str().as_bytes(), Some(&row));
    }

    /// Ends a batch; `None` if it wrote nothing.
    pub fn end(&mut self, first: Seq, last: Seq) -> Option<Entry> {
        if self.plain.is_empty() {
            return None;
        }
        let packed = lz4_flex::block::compress_prepend_size(&self.plain);
        self.plain.clear();
        let entry = Entry { number: self.next, first, last, at: self.at, packed };
        self.next += 1;
        Some(entry)
    }

    /// What there is after this group.
    pub fn moved_on(&self, standing: &mut Standing) {
        standing.last = self.next - 1;
        standing.last_at = self.at;
    }
}

impl Standing {
    fn to_bytes(self) -> Vec<u8> {
        [&self.id[..], &self.moved.to_be_bytes()].concat()
    }

    /// Whether this batch is about the archive itself, so that the store must look at it again.
    pub(super) fn is_changed_by(group: &[Batch]) -> bool {
        group.iter().flat_map(|batch| batch.rows_of(Table::Meta)).any(|(key, _)| key == META_KEY)
    }
}

impl dyn Snapshot + '_ {
    /// The archive that is kept, if one is.
    pub fn archive(&self) -> Result<Option<Standing>, StoreError> {
        let Some(row) = self.get(Table::Meta, META_KEY)? else { return Ok(None) };
        let parts = row
            .split_first_chunk::<16>()
            .and_then(|(id, moved)| Some((*id, u64::from_be_bytes(moved.try_into().ok()?))));
        let Some((id, moved)) = parts else {
            return Err(CodecError::Empty { record: "archive's name" }.into());
        };
        let mut standing = Standing { id, moved, last: moved, last_at: Timestamp::from_millis(0) };
        self.scan(Table::Archive, &[], None, Direction::Backward, &mut |key, row| {
            if let Some(entry) = Entry::from_row(key, row) {
                (standing.last, standing.last_at) = (entry.number, entry.at);
            }
            ControlFlow::Break(())
        })?;
        Ok(Some(standing))
    }

    /// The entries that still lie here, oldest first, up to about so many bytes.
    pub fn archived(&self, most_bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let (mut entries, mut bytes, mut damaged) = (Vec::new(), 0, None);
        self.scan(Table::Archive, &[], None, Direction::Forward, &mut |key, row| {
            match Entry::from_row(key, row) {
                Some(entry) => entries.push(entry),
                None => damaged = Some(StoreError::DamagedRow { table: Table::Archive.name() }),
            }
            bytes += row.len();
            if bytes < most_bytes && damaged.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        damaged.map_or(Ok(entries), Err)
    }
}

/// Begins an archive.
pub fn begin(id: ArchiveId) -> Batch {
    let standing = Standing { id, moved: 0, last: 0, last_at: Timestamp::from_millis(0) };
    let mut batch = Batch::new();
    batch.row(Table::Meta, META_KEY.to_vec(), Some(standing.to_bytes()));
    batch
}

/// Ends the archive, and drops what still lies here.
pub fn end(snapshot: &dyn Snapshot) -> Result<Batch, StoreError> {
    let mut batch = Batch::new();
    snapshot.scan(Table::Archive, &[], None, Direction::Forward, &mut |key, _| {
        batch.row(Table::Archive, key.to_vec(), None);
        ControlFlow::Continue(())
    })?;
    batch.row(Table::Meta, META_KEY.to_vec(), None);
    Ok(batch)
}

/// Removes entries that are durable elsewhere.
pub fn moved(standing: &Standing, entries: &[Entry]) -> Batch {
    let mut batch = Batch::new();
    for entry in entries {
        batch.row(Table::Archive, entry.number.to_be_bytes().to_vec(), None);
    }
    let moved = entries.last().map_or(standing.moved, |entry| entry.number);
    let standing = Standing { moved, ..*standing };
    batch.row(Table::Meta, META_KEY.to_vec(), Some(standing.to_bytes()));
    batch
}

/// Makes an entry's writes again.
pub(super) fn replay<T: Tx>(tx: &mut T, entry: &Entry) -> Result<(), StoreError> {
    entry.for_each_write(|write| match write.value {
        Some(value) => tx.put(write.table, write.key, value),
        None => tx.remove(write.table, write.key),
    })
}
