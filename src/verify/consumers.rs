//! I7: no reader of the log is ahead of it, and the search index holds what the log makes public.

use super::check::Check;
use super::replay::product_id;
use super::{CheckError, Counted, Invariant};
use crate::domain::catalog::Product;
use crate::domain::event::EntityKey;
use crate::domain::{ProductId, Seq};
use crate::search::{Inspected, inspect};
use crate::storage::table::{entity_prefix, seq_of};
use crate::storage::{Direction, StoreError, Table};
use std::ops::ControlFlow;
use std::path::Path;

pub(super) fn check_cursors(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::Cursors, "cursors", |check, key, value| {
        let name = key.escape_ascii();
        let detail = match seq_of(value).filter(|_| value.len() == 8) {
            None => format!("the cursor of {name} cannot be read"),
            Some(cursor) if cursor > check.last => format!(
                "{name} says that it has seen event {}, and the log ends at {}",
                cursor.0, check.last.0
            ),
            Some(_) => return Ok(()),
        };
        check.find(Invariant::I7, None, detail);
        Ok(())
    })
}

/// Compares the index with every product that has not changed since the index read the log. One that
/// is missing or unusable is no finding: the shop makes it anew.
pub(super) fn check_index(check: &mut Check<'_>, dir: &Path) -> Result<(), CheckError> {
    let (cursor, mut indexed) = match inspect(dir)? {
        Inspected::Whole { cursor, products } => (cursor, products),
        Inspected::Missing => {
            let note = "there is no search index; the shop makes one when it starts";
            check.report.notes.push(note.to_owned());
            return Ok(());
        }
        Inspected::Unusable(why) => {
            let note = format!("the search index cannot be used: {why}; the shop makes it anew");
            check.report.notes.push(note);
            return Ok(());
        }
    };
    if cursor > check.last {
        let detail = format!(
            "the search index says that it has seen event {}, and the log ends at {}",
            cursor.0, check.last.0
        );
        check.find(Invariant::I7, None, detail);
        return Ok(());
    }
    check
        .report
        .checked
        .push(Counted { what: "products in the index", rows: indexed.len() as u64 });
    check.rows(Table::Products, "products against the index", |check, key, bytes| {
        let Some(id) = product_id(key) else { return Ok(()) };
        let is_indexed = indexed.remove(&id);
        let Ok((_, product)) = crate::storage::decode_row::<Product>(bytes) else { return Ok(()) };
        if last_change(check, &id)?.is_none_or(|changed| changed > cursor) {
            return Ok(());
        }
        let detail = match (product.is_public(), is_indexed) {
            (true, true) | (false, false) => return Ok(()),
            (true, false) => "it is public, and the search index does not have it",
            (false, true) => "it is not public, and the search index has it",
        };
        check.find(Invariant::I7, Some(&EntityKey::Product(id)), detail);
        Ok(())
    })?;
    let mut unknown: Vec<ProductId> = indexed.into_iter().collect();
    unknown.sort();
    for id in unknown {
        let detail = "the search index has it, and there is no such product";
        check.find(Invariant::I7, Some(&EntityKey::Product(id)), detail);
    }
    Ok(())
}

/// The newest event of a product.
fn last_change(check: &Check<'_>, id: &ProductId) -> Result<Option<Seq>, StoreError> {
    let from = entity_prefix(&EntityKey::Product(id.clone()));
    let to = [from.as_slice(), &[0xff; 9]].concat();
    let mut last = None;
    check.snapshot.scan(
        Table::EventsByEntity,
        &from,
        Some(&to),
        Direction::Backward,
        &mut |key, _| {
            last = seq_of(key);
            ControlFlow::Break(())
        },
    )?;
    Ok(last)
}
