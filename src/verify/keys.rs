//! I4: what is kept under idempotency keys.

use super::check::{Check, Row, explain};
use super::people::check_person;
use super::{CheckError, Invariant};
use crate::domain::event::EntityKey;
use crate::domain::order::{Attempt, Order};
use crate::domain::{OrderId, Span, Timestamp};
use crate::storage::records::{Body, KeyRow};
use crate::storage::table::parse_timed_key;
use crate::storage::{StoreError, Stored, Table};
use std::collections::{HashMap, HashSet, VecDeque};

/// For how long after its first use a key stands for one request (api.md).
const KEPT_FOR: Span = Span::hours(24);

/// How long after an order was placed its key certainly still stands for it: the key was used first
/// a little before.
pub(super) const ONE_USE: Span = Span::hours(23);

/// The keys under which something is kept.
pub(super) type KeptKeys = HashSet<[u8; 16]>;

/// Checks every row; gives the keys of the last two days.
pub(super) fn check_keys(check: &mut Check<'_>) -> Result<KeptKeys, CheckError> {
    let mut kept = KeptKeys::new();
    let (mut uses, mut recent) = (HashMap::<[u8; 16], Timestamp>::new(), VecDeque::new());
    check.rows(Table::Idempotency, "idempotency keys", |check, key, bytes| {
        let parsed =
            parse_timed_key(key).and_then(|(at, key)| Some((at, <[u8; 16]>::try_from(key).ok()?)));
        let Some((at, key)) = parsed else {
            check.unreadable_key(Invariant::I4, "idempotency keys", key);
            return Ok(());
        };
        if at.plus(KEPT_FOR).plus(KEPT_FOR) > check.now {
            kept.insert(key);
        }
        while let Some((then, old)) = recent.front().copied() {
            if Timestamp::plus(then, KEPT_FOR) > at {
                break;
            }
            recent.pop_front();
            if uses.get(&old) == Some(&then) {
                uses.remove(&old);
            }
        }
        recent.push_back((at, key));
        if let Some(before) = uses.insert(key, at) {
            let minutes = (at.as_millis() - before.as_millis()) / 60_000;
            let detail =
                format!("one idempotency key has two answers, first used {minutes} minutes apart");
            check.find(Invariant::I4, None, detail);
        }
        match KeyRow::from_bytes(bytes) {
            Ok(KeyRow::Done(answer)) => match answer.body {
                Body::Plain(_) => Ok(()),
                Body::Sealed { person, .. } => check_person(check, None, person),
            },
            Ok(KeyRow::Order { order, fingerprint }) => {
                check_owed(check, order, Attempt { key, fingerprint })
            }
            Err(error) => {
                check.find(Invariant::I4, None, explain(&error));
                Ok(())
            }
        }
    })?;
    Ok(kept)
}

/// The order that an answer will come from is there and was placed under this key.
fn check_owed(check: &mut Check<'_>, id: OrderId, attempt: Attempt) -> Result<(), StoreError> {
    let key = EntityKey::Order(id);
    let detail = match check.load::<Order>(&key)? {
        Row::Missing => "an idempotency key waits for its answer, and there is no such order",
        Row::There(order) if order.placed.attempt != Some(attempt) => {
            "an idempotency key waits for its answer, and it was placed by another request"
        }
        Row::There(..) | Row::Unreadable => return Ok(()),
    };
    check.find(Invariant::I4, Some(&key), detail);
    Ok(())
}
