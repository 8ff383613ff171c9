//! I6, the log itself: its numbers have no gap, every event can be read, and each stands in the
//! histories of exactly those whom it is about.

use super::check::{Check, explain};
use super::{CheckError, Invariant};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::GroupingEvent;
use crate::domain::stock::{Change, Movement, StockEvent};
use crate::domain::text_page::TextPageEvent;
use crate::domain::{OrderId, Seq};
use crate::storage::records::LoggedFact;
use crate::storage::table::{entity_prefix, parse_entity_prefix, seq_key, seq_of};
use crate::storage::{Direction, StoreError, Stored, Table};

/// Every event, and whether it can be found from the entities it is about.
pub(super) fn check_events(check: &mut Check<'_>) -> Result<(), CheckError> {
    let mut expected = Seq(1);
    let mut entries = 0;
    check.rows(Table::Events, "events", |check, key, bytes| {
        let Some(seq) = seq_of(key).filter(|_| key.len() == 8) else {
            check.unreadable_key(Invariant::I6, "events", key);
            return Ok(());
        };
        if seq != expected {
            let detail = match seq.0.checked_sub(expected.0) {
                None => format!("an event has the number {}; the first is 1", seq.0),
                Some(1) => format!("event {} is missing", expected.0),
                Some(many) => {
                    format!("{many} events are missing: {} to {}", expected.0, seq.0 - 1)
                }
            };
            check.find(Invariant::I6, None, detail);
        }
        expected = Seq(seq.0.saturating_add(1));
        let logged = match LoggedFact::from_bytes(bytes) {
            Ok(logged) => logged,
            Err(error) => {
                let detail = format!("event {}: {}", seq.0, explain(&error));
                check.find(Invariant::I6, None, detail);
                return Ok(());
            }
        };
        check_movements(check, seq, &logged);
        for entity in entities_of(&logged) {
            let entry = [entity_prefix(&entity).as_slice(), &seq_key(seq)].concat();
            if check.has(Table::EventsByEntity, &entry)? {
                entries += 1;
            } else {
                let detail = format!("event {} is not in its history", seq.0);
                check.find(Invariant::I6, Some(&entity), detail);
            }
        }
        Ok(())
    })?;
    // More entries than events demand: each is looked at.
    if check.snapshot.count(Table::EventsByEntity)? != entries {
        check.rows(Table::EventsByEntity, "entries of histories", |check, key, _| {
            let Some((entity, seq)) = parse_entry(key) else { return Ok(()) };
            let Some(bytes) = check.snapshot.get(Table::Events, &seq_key(seq))? else {
                // Of an event within the log, the gap is reported already.
                if seq > check.last || seq == Seq(0) {
                    let detail = format!(
                        "its history names event {}, and the log ends at {}",
                        seq.0, check.last.0
                    );
                    check.find(Invariant::I6, Some(&entity), detail);
                }
                return Ok(());
            };
            if let Ok(logged) = LoggedFact::from_bytes(&bytes)
                && !entities_of(&logged).contains(&entity)
            {
                let about = logged.fact.entity();
                let detail = format!("its history names event {}, which is of {about}", seq.0);
                check.find(Invariant::I6, Some(&entity), detail);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Every history belongs to something that is there.
pub(super) fn check_histories(check: &mut Check<'_>) -> Result<(), CheckError> {
    let mut seen: Vec<u8> = Vec::new();
    check.rows(Table::EventsByEntity, "histories", |check, key, _| {
        let Some((entity, _)) = parse_entry(key) else {
            check.unreadable_key(Invariant::I6, "histories", key);
            return Ok(());
        };
        let prefix = &key[..key.len() - 8];
        if seen == prefix {
            return Ok(());
        }
        seen.clear();
        seen.extend_from_slice(prefix);
        if check.has_row(&entity)? || ends_deleted(check, &entity)? {
            return Ok(());
        }
        let invariant = match entity {
            EntityKey::Order(_) => Invariant::I3,
            EntityKey::Sku(_) => Invariant::I2,
            EntityKey::Cart(_)
            | EntityKey::Product(_)
            | EntityKey::Category(_)
            | EntityKey::Collection(_)
            | EntityKey::Staff(_)
            | EntityKey::Customer(_)
            | EntityKey::Mail(_)
            | EntityKey::Settings
            | EntityKey::TextPage(_) => Invariant::I6,
        };
        let events = check.snapshot.count_events_of(&entity)?;
        let detail = format!("{events} events are about it, but it has no row");
        check.find(invariant, Some(&entity), detail);
        Ok(())
    })
}

/// Whether the last that was heard of it is that it was deleted.
fn ends_deleted(check: &Check<'_>, entity: &EntityKey) -> Result<bool, StoreError> {
    if !matches!(entity, EntityKey::Category(_) | EntityKey::Collection(_) | EntityKey::TextPage(_))
    {
        return Ok(false);
    }
    match check.snapshot.events_of(entity, Direction::Backward, 0, 1) {
        Ok(last) => Ok(last.first().is_none_or(|event| {
            matches!(
                event.fact,
                Fact::Grouping(
                    GroupingEvent::CategoryDeleted { .. } | GroupingEvent::CollectionDeleted { .. }
                ) | Fact::TextPage(TextPageEvent::Deleted { .. })
            )
        })),
        // Reported with the log.
        Err(StoreError::Codec(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn parse_entry(key: &[u8]) -> Option<(EntityKey, Seq)> {
    let prefix = key.get(..key.len().checked_sub(8)?)?;
    Some((parse_entity_prefix(prefix)?, seq_of(key)?))
}

/// Whom an event is about: the entity of its fact, and every SKU that it moves.
fn entities_of(logged: &LoggedFact) -> Vec<EntityKey> {
    let mut entities = vec![logged.fact.entity()];
    for movement in &logged.movements {
        let entity = EntityKey::Sku(movement.sku.clone());
        if !entities.contains(&entity) {
            entities.push(entity);
        }
    }
    entities
}

/// Stock is moved by orders and by hand, and never by anything else.
fn check_movements(check: &mut Check<'_>, seq: Seq, logged: &LoggedFact) {
    let fits = match &logged.fact {
        Fact::Order(order, _) => {
            logged.movements.iter().all(|movement| order_of(movement) == Some(*order))
        }
        Fact::Stock(sku, StockEvent::Adjusted { delta, .. }) => {
            let change = Change::Adjust { delta: *delta };
            logged.movements == [Movement { sku: sku.clone(), change }]
        }
        Fact::Stock(_, StockEvent::Configured { .. } | StockEvent::RanLow { .. })
        | Fact::Cart(..)
        | Fact::Product(..)
        | Fact::Grouping(_)
        | Fact::Staff(..)
        | Fact::Customer(..)
        | Fact::Mail(..)
        | Fact::Settings(_)
        | Fact::TextPage(_) => logged.movements.is_empty(),
    };
    if !fits {
        let detail = format!(
            "event {} ({}) moves stock otherwise than it says: {:?}",
            seq.0,
            logged.fact.type_name(),
            logged.movements
        );
        check.find(Invariant::I2, Some(&logged.fact.entity()), detail);
    }
}

fn order_of(movement: &Movement) -> Option<OrderId> {
    match movement.change {
        Change::Reserve { order, .. }
        | Change::Release { order, .. }
        | Change::Sell { order, .. }
        | Change::Return { order, .. } => Some(order),
        Change::Adjust { .. } => None,
    }
}
