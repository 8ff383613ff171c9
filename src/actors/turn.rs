//! One turn under an idempotency key: whoever comes with a key that is in use waits for its answer,
//! and sees to it that the answer comes.
//!
//! An order can owe an answer that nobody waits for any more: its actor lost its memory, and with it
//! those who asked. A retry tells it to go on, as the recovery after a start does.

use super::ask::Keyed;
use super::desk::Desk;
use super::engine::Engine;
use super::env::Env;
use super::keys::{Begin, Keys, Running};
use crate::domain::order::Attempt;
use crate::storage::StoreError;
use crate::storage::records::Answer;

/// What came of waiting.
pub enum Turn {
    /// Nothing was done under this key: do it.
    Fresh(Running),
    /// It was done: say the same again.
    Replay(Box<Answer>),
    /// The key was used for another request.
    Reused,
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
                if let Some((order, first_used)) = wait.owed() {
                    let render = env.checkout_answer.clone();
                    let vault = env.vault.clone();
                    desk.go_on(order, Keyed { attempt, first_used, render, vault });
                }
                wait.ended().await;
            }
        }
    }
}

/// Ends a turn that got no answer. What was handed over under its key is settled first, so that the
/// next one with this key finds what was done.
pub async fn give_up(running: Running, engine: &Engine) {
    engine.settle().await;
    drop(running);
}
