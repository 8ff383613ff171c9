//! From the committer back to the actors: what became of each group of batches.
//!
//! Read models take a group in before anybody hears of it, so a page that is asked for after an
//! answer shows what the answer said. Then every entity that a batch touched gets its receipt, one
//! message a shard. Answers go out after that: whatever is asked because of one comes to its entity
//! behind the receipt.

use super::ask::Reply;
use super::directory::Directory;
use super::entity::Settlement;
use super::shard::{Answered, Receipt, ShardMessage};
use crate::domain::event::EntityKey;
use crate::storage::{Batch, Committer, Settled};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the committer hands back with a batch.
pub struct Ticket {
    /// The entity whose step made the batch; its shard sends the reply. A service's batch has none.
    pub(super) owner: Option<EntityKey>,
    pub(super) reply: Option<Reply>,
}

impl Ticket {
    /// The ticket of a batch that a service made: the reply is sent as soon as it is settled.
    pub fn of_service(reply: Reply) -> Ticket {
        Ticket { owner: None, reply: Some(reply) }
    }
}

/// Hands a service's batch over; says, once it is settled, whether it is durable.
pub(super) async fn make_durable(committer: &Committer<Ticket>, batch: Batch) -> bool {
    let (done, settled) = oneshot::channel();
    let reply = Reply::new(move |outcome| {
        let _ = done.send(outcome.is_ok());
    });
    committer.submit(batch, Ticket::of_service(reply));
    settled.await.unwrap_or(false)
}

/// Whether an entity of this kind lives in a shard; others belong to services.
fn lives_in_a_shard(key: &EntityKey) -> bool {
    match key {
        EntityKey::Cart(_) | EntityKey::Order(_) | EntityKey::Sku(_) => true,
        EntityKey::Product(_)
        | EntityKey::Category(_)
        | EntityKey::Collection(_)
        | EntityKey::Staff(_)
        | EntityKey::Customer(_)
        | EntityKey::Mail(_)
        | EntityKey::Settings
        | EntityKey::TextPage(_) => false,
    }
}

/// Sends the receipts of a settled group to the shards, and the answers after them.
pub(super) fn distribute(group: Vec<Settled<Ticket>>, directory: &Directory) {
    #[cfg(debug_assertions)]
    crate::failpoints::pass("group-taken-in");
    let mut by_shard: Vec<Vec<Receipt>> = (0..directory.shards()).map(|_| Vec::new()).collect();
    let mut answers: Vec<Vec<Answered>> = (0..directory.shards()).map(|_| Vec::new()).collect();
    let mut of_services = Vec::new();
    for Settled { batch, ticket: Ticket { owner, reply }, outcome } in group {
        let touched = batch.touched();
        let settlement = Arc::new(Settlement { owner: owner.clone(), batch, outcome });
        let mut receipt = |key: EntityKey| {
            let settlement = Arc::clone(&settlement);
            by_shard[directory.shard_of(&key)].push(Receipt { key, settlement });
        };
        owner.iter().for_each(|owner| receipt(owner.clone()));
        for key in touched {
            if Some(&key) != owner.as_ref() && lives_in_a_shard(&key) {
                receipt(key);
            }
        }
        if let Some(reply) = reply {
            let answered = Answered { settlement, reply };
            match &owner {
                Some(owner) => answers[directory.shard_of(owner)].push(answered),
                None => of_services.push(answered),
            }
        }
    }
    for (shard, receipts) in by_shard.into_iter().enumerate() {
        if !receipts.is_empty() {
            directory.send_to(shard, ShardMessage::Settled(receipts));
        }
    }
    #[cfg(debug_assertions)]
    crate::failpoints::pass("receipts-sent");
    for (shard, answers) in answers.into_iter().enumerate() {
        if !answers.is_empty() {
            directory.send_to(shard, ShardMessage::Answers(answers));
        }
    }
    for answered in of_services {
        // In the committer's thread, which nobody's answer may end.
        if catch_unwind(AssertUnwindSafe(|| answered.send())).is_err() {
            tracing::error!("an answer panicked");
        }
    }
}
