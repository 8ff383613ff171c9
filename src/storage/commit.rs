//! The rules of a commit, for every kind of store: check all of a batch first, then write all of it.
//!
//! Checked: each entity row follows the version that is there; every movement is allowed by the
//! level it meets ([`Level::after`], the same guard that the SKU's actor asks); a promise is made
//! once and kept or taken back once. Facts are numbered here, so the log has no gap.

use super::batch::{Batch, Change, Committed, Conflict};
use super::codec::Stored;
use super::records::{KeyRow, Reservation};
use super::table::{Table, entity_prefix, reservation_key, row_key, seq_key};
use super::{StoreError, join_version, split_version};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::guard::Guard;
use crate::domain::stock::{Change as StockChange, Level, Movement};
use crate::domain::{OrderId, Seq, Sku};
use std::collections::{BTreeMap, HashMap};

/// What a transaction of any store offers.
pub(super) trait Tx {
    fn with<R>(
        &mut self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R, StoreError>;
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;

    /// Called when all of a batch is written: its facts (`last` below `first` if there are none), and
    /// the levels that it left behind, which are written once for the whole group.
    fn end_batch(
        &mut self,
        _first: Seq,
        _last: Seq,
        _levels: &[(Sku, u64, Level)],
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

/// SKU rows as this transaction sees them: read once, moved in memory, written once at its end, so
/// that a thousand orders for one SKU cost one row.
type Levels = BTreeMap<Sku, BookedLevel>;

#[derive(Clone, Copy)]
struct BookedLevel {
    version: u64,
    level: Level,
    dirty: bool,
}

/// Applies the batches in order; gives each its outcome, and the number of the newest fact.
pub(super) fn apply_group<T: Tx>(
    tx: &mut T,
    mut last_seq: Seq,
    group: &[Batch],
) -> Result<(Vec<Result<Committed, Conflict>>, Seq), StoreError> {
    let mut levels = Levels::new();
    let mut outcomes = Vec::with_capacity(group.len());
    for batch in group {
        let outcome = match check(tx, &mut levels, batch)? {
            Err(conflict) => Err(conflict),
            Ok(moved) => Ok(write(tx, &mut levels, moved, &mut last_seq, batch)?),
        };
        outcomes.push(outcome);
    }
    for (sku, booked) in levels.iter().filter(|(_, booked)| booked.dirty) {
        let row = join_version(booked.version, &booked.level.to_bytes());
        tx.put(Table::Skus, sku.as_str().as_bytes(), &row)?;
    }
    Ok((outcomes, last_seq))
}

/// The levels that a batch would leave behind, in the order of first movement.
type Moved = Vec<(Sku, Level)>;

fn check<T: Tx>(
    tx: &mut T,
    levels: &mut Levels,
    batch: &Batch,
) -> Result<Result<Moved, Conflict>, StoreError> {
    for write in &batch.writes {
        let found = tx.with(Table::of(&write.key), row_key(&write.key), |row| {
            row.map_or(0, |row| split_version(row).0)
        })?;
        if found != write.expected && Guard::NextVersion.stands() {
            let (entity, expected) = (write.key.clone(), write.expected);
            return Ok(Err(Conflict::Version { entity, expected, found }));
        }
    }
    let mut moved = Moved::new();
    let mut promises = Promises::new();
    for fact in batch.facts() {
        for movement in &fact.movements {
            let level = match moved.iter().find(|(sku, _)| *sku == movement.sku) {
                Some((_, level)) => *level,
                None => booked(tx, levels, &movement.sku)?.level,
            };
            if let Some(conflict) = check_reservation(tx, &mut promises, movement)? {
                return Ok(Err(conflict));
            }
            match level.after(&movement.change) {
                Ok(next) => set(&mut moved, &movement.sku, next),
                Err(rejection) => {
                    return Ok(Err(Conflict::Stock { sku: movement.sku.clone(), rejection }));
                }
            }
        }
        if let Fact::Stock(sku, event) = &fact.fact {
            let mut level = match moved.iter().find(|(moved, _)| moved == sku) {
                Some((_, level)) => *level,
                None => booked(tx, levels, sku)?.level,
            };
            level.apply(event);
            set(&mut moved, sku, level);
        }
    }
    Ok(Ok(moved))
}

fn set(moved: &mut Moved, sku: &Sku, level: Level) {
    match moved.iter_mut().find(|(moved, _)| moved == sku) {
        Some((_, own)) => *own = level,
        None => moved.push((sku.clone(), level)),
    }
}

/// The promises that a batch has made, kept or taken back so far: units, or that there is none.
type Promises = HashMap<(OrderId, Sku), Option<u32>>;

/// A promise is made once, and kept or taken back once, in full.
fn check_reservation<T: Tx>(
    tx: &mut T,
    promises: &mut Promises,
    movement: &Movement,
) -> Result<Option<Conflict>, StoreError> {
    let (order, before, after) = match movement.change {
        StockChange::Reserve { order, units, .. } => (order, None, Some(units)),
        StockChange::Release { order, units } | StockChange::Sell { order, units } => {
            (order, Some(units), None)
        }
        StockChange::Return { .. } | StockChange::Adjust { .. } => return Ok(None),
    };
    let name = (order, movement.sku.clone());
    let held = match promises.get(&name) {
        Some(held) => *held,
        None => reservation(tx, order, &movement.sku)?.map(|reservation| reservation.units),
    };
    if held != before && Guard::ReservationOnce.stands() {
        return Ok(Some(Conflict::Reservation { order, sku: movement.sku.clone() }));
    }
    promises.insert(name, after);
    Ok(None)
}

fn reservation<T: Tx>(
    tx: &mut T,
    order: OrderId,
    sku: &Sku,
) -> Result<Option<Reservation>, StoreError> {
    let key = reservation_key(order, sku);
    let found = tx.with(Table::Reservations, &key, |row| row.map(Reservation::from_bytes))?;
    Ok(found.transpose()?)
}

fn booked<'a, T: Tx>(
    tx: &mut T,
    levels: &'a mut Levels,
    sku: &Sku,
) -> Result<&'a mut BookedLevel, StoreError> {
    if !levels.contains_key(sku) {
        let row = tx.with(Table::Skus, sku.as_str().as_bytes(), |row| {
            row.map(|row| {
                let (version, record) = split_version(row);
                Level::from_bytes(record).map(|level| (version, level))
            })
        })?;
        let (version, level) = row.transpose()?.unwrap_or_default();
        levels.insert(sku.clone(), BookedLevel { version, level, dirty: false });
    }
    Ok(levels.get_mut(sku).expect("inserted above"))
}

fn write<T: Tx>(
    tx: &mut T,
    levels: &mut Levels,
    moved: Moved,
    last_seq: &mut Seq,
    batch: &Batch,
) -> Result<Committed, StoreError> {
    for write in &batch.writes {
        let (table, key) = (Table::of(&write.key), row_key(&write.key));
        match &write.change {
            Change::Put(record) => tx.put(table, key, &join_version(write.expected + 1, record))?,
            Change::Remove => tx.remove(table, key)?,
            Change::Require => {}
        }
    }
    let first_seq = Seq(last_seq.0 + 1);
    for fact in &batch.facts {
        last_seq.0 += 1;
        let seq = seq_key(*last_seq);
        tx.put(Table::Events, &seq, &fact.bytes)?;
        let own = fact.logged.fact.entity();
        put_history(tx, &own, &seq)?;
        for movement in &fact.logged.movements {
            let entity = EntityKey::Sku(movement.sku.clone());
            if entity != own {
                put_history(tx, &entity, &seq)?;
            }
            write_reservation(tx, movement)?;
        }
    }
    for answer in &batch.answers {
        if !is_answered(tx, &answer.key)? {
            tx.put(Table::Idempotency, &answer.key, &answer.bytes)?;
        }
    }
    for row in &batch.rows {
        match &row.value {
            Some(value) => tx.put(row.table, &row.key, value)?,
            None => tx.remove(row.table, &row.key)?,
        }
    }
    let mut committed = Committed { first_seq, levels: Vec::with_capacity(moved.len()) };
    for (sku, level) in moved {
        let own = booked(tx, levels, &sku)?;
        *own = BookedLevel { version: own.version + 1, level, dirty: true };
        committed.levels.push((sku, own.version, level));
    }
    tx.end_batch(first_seq, *last_seq, &committed.levels)?;
    Ok(committed)
}

/// Whether the answer under a key is there. It may have been heard, so it is the one for good: an
/// order that was asked for it a second time does not change it.
fn is_answered<T: Tx>(tx: &mut T, key: &[u8]) -> Result<bool, StoreError> {
    let found = tx.with(Table::Idempotency, key, |row| row.map(KeyRow::from_bytes))?;
    Ok(matches!(found.transpose()?, Some(KeyRow::Done(_))))
}

fn put_history<T: Tx>(tx: &mut T, entity: &EntityKey, seq: &[u8; 8]) -> Result<(), StoreError> {
    let mut key = entity_prefix(entity);
    key.extend_from_slice(seq);
    tx.put(Table::EventsByEntity, &key, &[])
}

fn write_reservation<T: Tx>(tx: &mut T, movement: &Movement) -> Result<(), StoreError> {
    match movement.change {
        StockChange::Reserve { order, units, expires_at } => {
            let reservation = Reservation { units, expires_at };
            let key = reservation_key(order, &movement.sku);
            tx.put(Table::Reservations, &key, &reservation.to_bytes())
        }
        StockChange::Release { order, .. } | StockChange::Sell { order, .. } => {
            tx.remove(Table::Reservations, &reservation_key(order, &movement.sku))
        }
        StockChange::Return { .. } | StockChange::Adjust { .. } => Ok(()),
    }
}
