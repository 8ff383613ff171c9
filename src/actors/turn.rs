//! One turn under an idempotency key: whoever comes with a key that is in use waits for its answer,
//! and sees to it that the answer comes.
//!
//! An order can owe an answer that nobody waits for any more: its actor lost its memory, and with it
//! those who asked. A retry tells it to go on, as the recovery after a start does, and hears when that
//! was in vain: an order that lost its memory once more would never answer.

use super::ask::{AskResult, Keyed, Refusal, Render, RenderedAnswer};
use super::desk::Desk;
use super::engine::barrier;
use super::env::Env;
use super::keys::{Begin, Keys, Running};
use super::settle::{Ticket, make_durable};
use crate::domain::order::Attempt;
use crate::storage::records::Answer;
use crate::storage::{Batch, Committer, StoreError};

/// What came of waiting.
pub enum Turn {
    /// Nothing was done under this key: do it.
    Fresh(Running),
    /// It was done: say the same again.
    Replay(Box<Answer>),
    /// The key was used for another request.
    Reused,
    /// The order that owes the answer lost its memory while it was waited for: nobody can say now.
    Lost,
}

/// Waits for the turn of `attempt`. It may take as long as whatever else runs under its key.
pub async fn turn(
    keys: &Keys,
    desk: &Desk,
    env: &Env,
    attempt: Attempt,
) -> Result<Turn, StoreError> {
    loop {
        match keys.begin(attempt, env.now())? {
            Begin::Fresh(running) => return Ok(Turn::Fresh(running)),
            Begin::Replay(answer) => return Ok(Turn::Replay(answer)),
            Begin::Reused => return Ok(Turn::Reused),
            Begin::Wait(wait) => {
                let Some((order, first_used)) = wait.owed() else {
                    wait.ended().await;
                    continue;
                };
                let (render, vault) = (env.checkout_answer.clone(), env.vault.clone());
                let rested = desk.go_on(order, Keyed { attempt, first_used, render, vault });
                tokio::select! {
                    biased;
                    () = wait.ended() => {}
                    _ = rested => return Ok(Turn::Lost),
                }
            }
        }
    }
}

/// How an outcome looks to its client; `None` where the shop cannot say.
pub fn outcome<V, R>(asked: AskResult<V, R>, render: &Render<V, R>) -> Option<RenderedAnswer> {
    match asked {
        Ok(answered) => Some(match answered.stored {
            Some(stored) => stored,
            None => render(Ok(&answered.value)),
        }),
        Err(Refusal::Rejected(refusal)) => Some(render(Err(&refusal))),
        Err(Refusal::Unavailable) => None,
    }
}

/// Ends a turn with its answer, which is given back once it is kept under the key. `None`: there is
/// none that could be relied on.
pub async fn conclude(
    running: Running,
    answer: Option<RenderedAnswer>,
    env: &Env,
    committer: &Committer<Ticket>,
) -> Option<RenderedAnswer> {
    let Some(answer) = answer else {
        give_up(running, committer).await;
        return None;
    };
    keep(&running, &answer, env, committer).await.then_some(answer)
}

/// Stores the answer under its key, unless it came with the effect or is a fault of ours.
async fn keep(
    running: &Running,
    answer: &RenderedAnswer,
    env: &Env,
    committer: &Committer<Ticket>,
) -> bool {
    if running.is_answered() || answer.status >= 500 {
        return true;
    }
    let attempt = running.attempt();
    let row = answer.kept(attempt, env.now(), &env.vault);
    let mut batch = Batch::new();
    batch.answer(running.first_used(), attempt, &row);
    make_durable(committer, batch).await
}

/// Ends a turn that got no answer. What was handed over under its key is settled first, so that the
/// next one with this key finds what was done.
pub async fn give_up(running: Running, committer: &Committer<Ticket>) {
    barrier(committer).await;
    drop(running);
}
