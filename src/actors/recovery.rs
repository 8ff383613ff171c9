//! After a start: every order that was under way is driven to an end before the door opens.
//!
//! Unfinished orders stand in the table of expiries. Those with a step left are told to go on: the
//! payment provider is asked, by the payment's own key, what became of it. An order whose checkout
//! never got its answer records it now, so that a retry with the same key hears it.

use super::ask::{Keyed, Render};
use super::directory::Directory;
use super::order::{CheckoutRefusal, OrderMessage, OrderView};
use super::shard::ShardMessage;
use crate::domain::event::EntityKey;
use crate::domain::order::{Attempt, Order};
use crate::domain::payment::PaymentState;
use crate::domain::{OrderId, Timestamp};
use crate::secrets::Vault;
use crate::storage::table::{parse_entity_prefix, parse_timed_key};
use crate::storage::{Direction, Store, StoreError, Table};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use tokio::sync::oneshot;

/// What was found and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Orders that had a step left.
    pub unfinished: usize,
    /// Checkouts whose answer was owed under their idempotency key.
    pub owed: usize,
}

/// How many orders are driven at once.
const AT_ONCE: usize = 256;

/// Drives what is unfinished; returns when every such order rests or its provider is silent.
pub async fn recover(
    store: &dyn Store,
    directory: &Directory,
    owed: Vec<(Attempt, Timestamp, OrderId)>,
    render: Render<OrderView, CheckoutRefusal>,
    vault: &Vault,
) -> Result<Recovered, StoreError> {
    // The oldest first, as their ids go.
    let mut orders: BTreeMap<OrderId, Option<(Attempt, Timestamp)>> = BTreeMap::new();
    let (unfinished, waiting) = under_way(store)?;
    orders.extend(unfinished.into_iter().map(|id| (id, None)));
    #[cfg(debug_assertions)]
    crate::failpoints::pass("recovery-begun");
    let recovered = Recovered { unfinished: orders.len(), owed: owed.len() };
    for (attempt, first_used, order) in owed {
        orders.insert(order, Some((attempt, first_used)));
    }
    let orders: Vec<_> = orders.into_iter().collect();
    for some in orders.chunks(AT_ONCE) {
        let mut driven = Vec::with_capacity(some.len());
        for (id, owed) in some {
            let (done, rested) = oneshot::channel();
            let owed = owed.map(|(attempt, first_used)| {
                let render = render.clone();
                Keyed { attempt, first_used, render, vault: vault.clone() }
            });
            let drive = OrderMessage::Drive { owed, done: Some(done) };
            directory.send(ShardMessage::Order(*id, drive));
            driven.push((id, rested));
        }
        for (id, rested) in driven {
            if rested.await.is_err() {
                tracing::warn!(order.id = %id, "could not be driven on; it is tried again later");
            }
            #[cfg(debug_assertions)]
            crate::failpoints::pass("order-driven");
        }
    }
    for some in waiting.chunks(AT_ONCE) {
        let mut looked = Vec::with_capacity(some.len());
        for id in some {
            let (done, rested) = oneshot::channel();
            directory.send(ShardMessage::Order(*id, OrderMessage::Refresh { done }));
            looked.push(rested);
        }
        for rested in looked {
            // One that cannot be looked at now is looked at when its time runs out.
            let _ = rested.await;
        }
    }
    #[cfg(debug_assertions)]
    crate::failpoints::pass("recovery-ended");
    Ok(recovered)
}

/// Orders in the table of expiries: those that have a step left, and those that wait for their
/// shopper, who may have acted meanwhile.
fn under_way(store: &dyn Store) -> Result<(Vec<OrderId>, Vec<OrderId>), StoreError> {
    let snapshot = store.snapshot()?;
    let mut with_deadline = Vec::new();
    snapshot.scan(Table::Expiries, &[], None, Direction::Forward, &mut |key, _| {
        if let Some((_, name)) = parse_timed_key(key)
            && let Some(EntityKey::Order(id)) = parse_entity_prefix(name)
        {
            with_deadline.push(id);
        }
        ControlFlow::Continue(())
    })?;
    let (mut unfinished, mut waiting) = (Vec::new(), Vec::new());
    for id in with_deadline {
        let Some((_, order)) = snapshot.load::<Order>(&EntityKey::Order(id))? else { continue };
        if order.next().is_some() {
            unfinished.push(id);
        } else if matches!(order.payment.state, PaymentState::ActionNeeded { .. }) {
            waiting.push(id);
        }
    }
    Ok((unfinished, waiting))
}
