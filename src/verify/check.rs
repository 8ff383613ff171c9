//! What every check needs: rows one by one, rows by key, histories, and a place for findings.

use super::{CheckError, Counted, Finding, Invariant, MOST_FINDINGS, Progress, Report};
use crate::domain::event::{EntityKey, Event};
use crate::domain::{Seq, Timestamp};
use crate::storage::codec::CodecError;
use crate::storage::records::LoggedFact;
use crate::storage::table::{entity_prefix, row_key, seq_key, seq_of};
use crate::storage::{Direction, Snapshot, StoreError, Stored, Table, decode_row};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::ops::ControlFlow;

/// After how many rows progress is told.
const STRIDE: u64 = 1_000;

/// How many entries of a history are read at once.
const PAGE: usize = 1_000;

pub(super) struct Check<'a> {
    pub snapshot: &'a dyn Snapshot,
    pub now: Timestamp,
    /// The number of the newest event.
    pub last: Seq,
    pub report: Report,
    progress: &'a mut dyn FnMut(Progress),
}

/// A row that something refers to.
pub(super) enum Row<T> {
    Missing,
    /// Reported by the check of its own table; whatever follows from it is not reported again.
    Unreadable,
    There(T),
}

/// What a walk through a history met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub events: u64,
    /// Whether every entry led to a readable event. If not, that is reported with the log, and
    /// nothing can be concluded from the rest.
    pub whole: bool,
}

impl<'a> Check<'a> {
    pub fn new(
        snapshot: &'a dyn Snapshot,
        now: Timestamp,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Check<'a>, StoreError> {
        let last = snapshot.last_seq()?;
        Ok(Check { snapshot, now, last, report: Report::default(), progress })
    }

    pub fn find(
        &mut self,
        invariant: Invariant,
        entity: Option<&EntityKey>,
        detail: impl Into<String>,
    ) {
        if self.report.findings.len() < MOST_FINDINGS {
            let entity = entity.map(name);
            self.report.findings.push(Finding { invariant, entity, detail: detail.into() });
        } else {
            self.report.more += 1;
        }
    }

    /// Calls `each` for every row of a table, in key order.
    pub fn rows(
        &mut self,
        table: Table,
        what: &'static str,
        mut each: impl FnMut(&mut Check<'a>, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), CheckError> {
        let snapshot = self.snapshot;
        let total = snapshot.count(table)?;
        let (mut done, mut failed) = (0, None);
        snapshot.scan(table, &[], None, Direction::Forward, &mut |key, row| {
            if done % STRIDE == 0 {
                (self.progress)(Progress { what, done, total });
            }
            done += 1;
            match each(self, key, row) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        (self.progress)(Progress { what, done, total: done });
        self.report.checked.push(Counted { what, rows: done });
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// As [`Check::rows`], of a table of entities: what cannot be read is a finding.
    pub fn entities<T: Stored>(
        &mut self,
        table: Table,
        what: &'static str,
        invariant: Invariant,
        key_of: impl Fn(&[u8]) -> Option<EntityKey>,
        mut each: impl FnMut(&mut Check<'a>, &EntityKey, u64, T) -> Result<(), StoreError>,
    ) -> Result<(), CheckError> {
        self.rows(table, what, |check, key, bytes| {
            let Some(entity) = key_of(key) else {
                check.unreadable_key(invariant, what, key);
                return Ok(());
            };
            match decode_row(bytes) {
                Ok((version, row)) => each(check, &entity, version, row),
                Err(error) => {
                    check.find(invariant, Some(&entity), explain(&error));
                    Ok(())
                }
            }
        })
    }

    pub fn unreadable_key(&mut self, invariant: Invariant, what: &str, key: &[u8]) {
        let key = key.escape_ascii();
        self.find(invariant, None, format!("a row of {what} has the unreadable key \"{key}\""));
    }

    pub fn load<T: Stored>(&self, entity: &EntityKey) -> Result<Row<T>, StoreError> {
        match self.snapshot.load(entity) {
            Ok(Some((_, row))) => Ok(Row::There(row)),
            Ok(None) => Ok(Row::Missing),
            Err(StoreError::Codec(_)) => Ok(Row::Unreadable),
            Err(error) => Err(error),
        }
    }

    pub fn has_row(&self, entity: &EntityKey) -> Result<bool, StoreError> {
        self.has(Table::of(entity), row_key(entity))
    }

    pub fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.snapshot.get(table, key)?.is_some())
    }

    /// Calls `each` for every event of an entity, in order, reading one page of its history at a
    /// time.
    pub fn history(
        &mut self,
        entity: &EntityKey,
        mut each: impl FnMut(&mut Check<'a>, Event),
    ) -> Result<Walk, StoreError> {
        let prefix = entity_prefix(entity);
        let mut walk = Walk { events: 0, whole: true };
        let mut after = None;
        loop {
            let page = self.history_page(&prefix, after)?;
            for seq in &page {
                let logged = match self.snapshot.get(Table::Events, &seq_key(*seq))? {
                    Some(bytes) => LoggedFact::from_bytes(&bytes).ok(),
                    None => None,
                };
                walk.events += 1;
                match logged {
                    Some(LoggedFact { at, fact, movements }) => {
                        each(self, Event { seq: *seq, at, fact, movements });
                    }
                    None => walk.whole = false,
                }
            }
            after = page.last().copied();
            if page.len() < PAGE {
                return Ok(walk);
            }
        }
    }

    fn history_page(&self, prefix: &[u8], after: Option<Seq>) -> Result<Vec<Seq>, StoreError> {
        let from = after.map_or(Seq(0), |after| Seq(after.0.saturating_add(1)));
        let from = [prefix, &seq_key(from)].concat();
        let mut page = Vec::new();
        let snapshot = self.snapshot;
        snapshot.scan(Table::EventsByEntity, &from, None, Direction::Forward, &mut |key, _| {
            if page.len() == PAGE || !key.starts_with(prefix) || key.len() != prefix.len() + 8 {
                return ControlFlow::Break(());
            }
            page.extend(seq_of(key));
            ControlFlow::Continue(())
        })?;
        Ok(page)
    }
}

/// What a report calls an entity. Logs never name a cart, whose id is the key of the guest who fills
/// it; a report is for the owner of the data, and does.
fn name(entity: &EntityKey) -> String {
    match entity {
        EntityKey::Cart(id) => format!("cart {id}"),
        EntityKey::Order(_)
        | EntityKey::Sku(_)
        | EntityKey::Product(_)
        | EntityKey::Category(_)
        | EntityKey::Collection(_)
        | EntityKey::Staff(_)
        | EntityKey::Customer(_)
        | EntityKey::Mail(_)
        | EntityKey::Settings
        | EntityKey::TextPage(_) => entity.to_string(),
    }
}

/// An error with its causes.
pub(super) fn explain(error: &CodecError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// Where two values of one type first differ, in words.
pub(super) fn difference<T: Debug>(row: &T, replayed: &T) -> String {
    let (row, replayed) = (format!("{row:#?}"), format!("{replayed:#?}"));
    let mut pairs = row.lines().zip(replayed.lines());
    let trim = |line: &str| line.trim().trim_end_matches(',').to_owned();
    match pairs.find(|(row, replayed)| row != replayed) {
        Some((row, replayed)) => {
            format!("the row says {:?}, the log says {:?}", trim(row), trim(replayed))
        }
        None => "one of them says more".to_owned(),
    }
}

/// `1 unit`, `2 units`.
pub(super) fn counted(number: impl Display + PartialEq<u64>, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
