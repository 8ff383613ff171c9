//! I8, and I3 from the other side: nothing is promised or awaited for an order that needs it no more.

use super::check::{Check, Row, explain};
use super::orders::attention;
use super::{CheckError, Invariant};
use crate::domain::event::EntityKey;
use crate::domain::order::{Order, Units};
use crate::domain::{OrderId, Sku, Span};
use crate::storage::records::Reservation;
use crate::storage::table::{
    expiry_key, parse_entity_prefix, parse_reservation_key, parse_timed_key,
};
use crate::storage::{StoreError, Stored, Table};
use std::collections::HashMap;

/// How long after its deadline a reservation may stand while the shop does not run, unmentioned.
const GRACE: Span = Span::hours(1);

/// Checks every reservation against its order; gives the units reserved, by SKU.
pub(super) fn check_reservations(check: &mut Check<'_>) -> Result<HashMap<Sku, i64>, CheckError> {
    let mut reserved: HashMap<Sku, i64> = HashMap::new();
    let mut late = 0u64;
    check.rows(Table::Reservations, "reservations", |check, key, bytes| {
        let Some((order, sku)) = parse_reservation_key(key) else {
            check.unreadable_key(Invariant::I8, "reservations", key);
            return Ok(());
        };
        match Reservation::from_bytes(bytes) {
            Ok(reservation) => {
                *reserved.entry(sku.clone()).or_default() += i64::from(reservation.units);
                late += u64::from(check_reservation(check, order, &sku, reservation)?);
            }
            Err(error) => {
                check.find(Invariant::I8, Some(&EntityKey::Order(order)), explain(&error));
            }
        }
        Ok(())
    })?;
    if late > 0 {
        check.report.notes.push(format!(
            "{late} reservations are past their deadline; they are released at the next start"
        ));
    }
    Ok(reserved)
}

/// Says whether it is past its deadline, with an order that will be found and released.
fn check_reservation(
    check: &mut Check<'_>,
    id: OrderId,
    sku: &Sku,
    reservation: Reservation,
) -> Result<bool, StoreError> {
    let key = EntityKey::Order(id);
    let units = reservation.units;
    let order: Order = match check.load(&key)? {
        Row::There(order) => order,
        Row::Unreadable => return Ok(false),
        Row::Missing => {
            let detail =
                format!("{units} of {sku} are reserved for it, and there is no such order");
            check.find(Invariant::I3, Some(&key), detail);
            return Ok(false);
        }
    };
    if order.units != Units::Reserved {
        let now = match order.units {
            Units::Sold => "sold",
            Units::Released => "released",
            Units::Reserved => "reserved",
        };
        let detail = format!("{units} of {sku} are still reserved for it, but its units are {now}");
        check.find(Invariant::I8, Some(&key), detail);
        return Ok(false);
    }
    match order.placed.lines.iter().find(|line| line.sku == *sku) {
        None => {
            let detail = format!("{units} of {sku} are reserved for it, which it does not contain");
            check.find(Invariant::I3, Some(&key), detail);
        }
        Some(line) if line.quantity != units => {
            let detail =
                format!("{units} of {sku} are reserved for it, and it is of {}", line.quantity);
            check.find(Invariant::I3, Some(&key), detail);
        }
        Some(_) => {}
    }
    let deadline = order.placed.expires_at;
    if reservation.expires_at != deadline {
        let apart = reservation.expires_at.as_millis() - deadline.as_millis();
        let detail = format!(
            "its reservation of {sku} ends {} ms {} than the order's deadline",
            apart.abs(),
            if apart > 0 { "later" } else { "earlier" }
        );
        check.find(Invariant::I8, Some(&key), detail);
    }
    if reservation.expires_at.plus(GRACE) > check.now {
        return Ok(false);
    }
    if let Some(at) = attention(&order)
        && check.has(Table::Expiries, &expiry_key(at, &key))?
    {
        return Ok(true);
    }
    let detail = format!(
        "{units} of {sku} are reserved for it past its deadline, and nothing will release them"
    );
    check.find(Invariant::I8, Some(&key), detail);
    Ok(false)
}

/// Every row in the table of deadlines is one that somebody needs.
pub(super) fn check_deadlines(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::Expiries, "deadlines", |check, key, _| {
        let read =
            parse_timed_key(key).and_then(|(at, name)| Some((at, parse_entity_prefix(name)?)));
        let Some((at, entity)) = read else {
            check.unreadable_key(Invariant::I3, "deadlines", key);
            return Ok(());
        };
        let detail = match entity {
            EntityKey::Order(_) => match check.load::<Order>(&entity)? {
                Row::Unreadable => return Ok(()),
                Row::There(order) if attention(&order) == Some(at) => return Ok(()),
                Row::There(..) => "it has a deadline that it does not need".to_owned(),
                Row::Missing => "it has a deadline, and there is no such order".to_owned(),
            },
            EntityKey::Cart(_) if check.has_row(&entity)? => return Ok(()),
            EntityKey::Cart(_) => "it has a deadline, and there is no such cart".to_owned(),
            EntityKey::Sku(_)
            | EntityKey::Product(_)
            | EntityKey::Category(_)
            | EntityKey::Collection(_)
            | EntityKey::Staff(_)
            | EntityKey::Customer(_)
            | EntityKey::Mail(_)
            | EntityKey::Settings
            | EntityKey::TextPage(_) => "it has a deadline, and nobody keeps it".to_owned(),
        };
        check.find(Invariant::I3, Some(&entity), detail);
        Ok(())
    })
}
