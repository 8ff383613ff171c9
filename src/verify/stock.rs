//! I2: every level adds up, is what its ledger says, and promises what the reservations say.

use super::check::{Check, counted, difference};
use super::replay::check_version;
use super::{CheckError, Invariant};
use crate::domain::Sku;
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::stock::{Level, StockRejection};
use crate::storage::{StoreError, Table};
use std::collections::HashMap;

/// `reserved` are the units in the table of reservations, by SKU.
pub(super) fn check_levels(
    check: &mut Check<'_>,
    mut reserved: HashMap<Sku, i64>,
) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Sku(std::str::from_utf8(key).ok()?.parse().ok()?));
    check.entities(Table::Skus, "SKUs", Invariant::I2, key_of, |check, key, version, level| {
        let EntityKey::Sku(sku) = key else { return Ok(()) };
        let promised = reserved.remove(sku).unwrap_or(0);
        check_level(check, key, &level, promised);
        check_ledger(check, sku, version, &level)
    })?;
    let mut homeless: Vec<(Sku, i64)> = reserved.into_iter().collect();
    homeless.sort();
    for (sku, units) in homeless {
        let key = EntityKey::Sku(sku);
        // A row that cannot be read is reported already.
        if !check.has_row(&key)? {
            let detail = format!("{} of it are reserved, and it has no row", counted_units(units));
            check.find(Invariant::I2, Some(&key), detail);
        }
    }
    Ok(())
}

fn check_level(check: &mut Check<'_>, key: &EntityKey, level: &Level, promised: i64) {
    let Level { on_hand, reserved, received, sold, backorder, .. } = *level;
    if reserved != promised {
        let detail = format!(
            "its row says that {} are reserved, and its reservations come to {promised}",
            counted_units(reserved)
        );
        check.find(Invariant::I2, Some(key), detail);
    }
    if on_hand != received - sold {
        let detail = format!(
            "{received} received less {sold} sold are {}, and its row has {on_hand} on hand",
            received - sold
        );
        check.find(Invariant::I2, Some(key), detail);
    } else if !level.adds_up() {
        let detail = format!(
            "{on_hand} on hand and {reserved} reserved do not fit together (backorder: {backorder})"
        );
        check.find(Invariant::I2, Some(key), detail);
    }
}

/// Replays the SKU's movements.
fn check_ledger(
    check: &mut Check<'_>,
    sku: &Sku,
    version: u64,
    level: &Level,
) -> Result<(), StoreError> {
    let key = EntityKey::Sku(sku.clone());
    let mut replayed = Ok(Level::default());
    let walk = check.history(&key, |check, event| {
        let Ok(before) = replayed else { return };
        let after = after(before, sku, &event);
        if let Err(rejection) = &after {
            let detail = format!(
                "event {} moves more than the books allowed: {rejection} ({} on hand, {} reserved)",
                event.seq.0, before.on_hand, before.reserved
            );
            check.find(Invariant::I2, Some(&key), detail);
        }
        replayed = after;
    })?;
    let Ok(replayed) = replayed else { return Ok(()) };
    if !walk.whole {
        return Ok(());
    }
    if replayed != *level {
        let detail = format!(
            "its row differs from the sum of its {}: {}",
            counted(walk.events, "event"),
            difference(level, &replayed)
        );
        check.find(Invariant::I2, Some(&key), detail);
    }
    check_version(check, &key, version, walk.events);
    Ok(())
}

/// The level after an event, as the store books it: movements first, then what else happened.
fn after(mut level: Level, sku: &Sku, event: &Event) -> Result<Level, StockRejection> {
    for movement in event.movements.iter().filter(|movement| movement.sku == *sku) {
        level = level.after(&movement.change)?;
    }
    if let Fact::Stock(_, happened) = &event.fact {
        level.apply(happened);
    }
    Ok(level)
}

fn counted_units(units: i64) -> String {
    if units == 1 { "1 unit".to_owned() } else { format!("{units} units") }
}
