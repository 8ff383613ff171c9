//! Who changed what, from where: the acts of staff, newest first.
//!
//! Each act stands in the history of its member, so the histories of all members are read side by
//! side, backwards. One reading looks at a bounded number of events, whatever the filter leaves of
//! them; where it stopped, the next one goes on.

use super::Reads;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::staff::{Act, StaffEvent};
use crate::domain::{ApiKeyId, Seq, StaffId, Timestamp};
use crate::storage::table::{entity_prefix, seq_key, seq_of};
use crate::storage::{Direction, StoreError, Table};
use std::ops::ControlFlow;

/// How many events one reading looks at.
const MOST_LOOKED_AT: usize = 5_000;

/// Which acts.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of these members.
    pub members: Vec<StaffId>,
    pub key: Option<ApiKeyId>,
    pub method: Option<String>,
    /// How the path begins.
    pub path: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Only older ones than this.
    pub before: Option<Seq>,
}

/// Acts, and the place from which older ones are read.
#[derive(Clone, Debug, Default)]
pub struct Acts {
    pub acts: Vec<(Seq, StaffId, Act)>,
    /// `None` at the end.
    pub next: Option<Seq>,
}

impl AuditFilter {
    fn takes(&self, act: &Act) -> bool {
        let AuditFilter { key, method, path, from, to, .. } = self;
        key.is_none_or(|key| act.key == Some(key))
            && method.as_ref().is_none_or(|method| act.method == *method)
            && path.as_ref().is_none_or(|path| act.path.starts_with(path.as_str()))
            && from.is_none_or(|from| from <= act.at)
            && to.is_none_or(|to| act.at < to)
    }
}

impl Reads {
    pub fn acts(&self, filter: &AuditFilter, limit: usize) -> Result<Acts, StoreError> {
        let snapshot = self.store.snapshot()?;
        let before = filter.before.unwrap_or(Seq(u64::MAX));
        let mut seqs: Vec<Seq> = Vec::new();
        for member in &filter.members {
            let prefix = entity_prefix(&EntityKey::Staff(*member));
            let to = [prefix.as_slice(), &seq_key(before)].concat();
            let mut found = 0;
            let way = Direction::Backward;
            snapshot.scan(Table::EventsByEntity, &prefix, Some(&to), way, &mut |key, _| {
                seqs.extend(seq_of(key));
                found += 1;
                let is_enough = found > MOST_LOOKED_AT;
                if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        seqs.sort_unstable_by(|one, other| other.cmp(one));
        let mut found = Acts::default();
        for (looked_at, seq) in seqs.iter().enumerate() {
            if looked_at == MOST_LOOKED_AT || found.acts.len() == limit {
                // All before this one were looked at.
                found.next = Some(seqs[looked_at - 1]);
                break;
            }
            let events = snapshot.events_after(Seq(seq.0 - 1), 1)?;
            for event in events {
                if let Fact::Staff(member, StaffEvent::Acted(act)) = event.fact
                    && filter.takes(&act)
                {
                    found.acts.push((*seq, member, act));
                }
            }
        }
        Ok(found)
    }
}
