//! Questions to actors and their answers.
//!
//! A keyed question (one with an idempotency key) brings along how its answer is rendered, so that
//! the rendered bytes become durable in the same commit as the effect.

use crate::domain::PersonId;
use crate::domain::guard::Guard;
use crate::domain::order::Attempt;
use crate::domain::{Sealed, Timestamp};
use crate::secrets::{OpenError, Vault};
use crate::storage::records::{Answer, Body, KeyRow, PackedText};
use crate::storage::{Batch, CommitError};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<R> {
    /// A rule says no.
    #[error(transparent)]
    Rejected(R),
    /// The shop cannot say right now; nothing that was asked may be taken as done.
    #[error("the shop cannot answer right now")]
    Unavailable,
}

/// What the asker gets: the value, and what was stored as its answer where the question had a key.
#[derive(Debug, Clone)]
pub struct Answered<V> {
    pub value: V,
    pub stored: Option<RenderedAnswer>,
}

pub type AskResult<V, R> = Result<Answered<V>, Refusal<R>>;

/// How the outcome of a question looks to its client.
pub type Render<V, R> = Arc<dyn Fn(Result<&V, &R>) -> RenderedAnswer + Send + Sync>;

/// An answer as it will be sent, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Of whom the body tells: it is kept under their key, and gone when they are forgotten.
    pub about: Option<PersonId>,
}

impl RenderedAnswer {
    /// What is kept of it under an idempotency key.
    pub fn kept(&self, attempt: Attempt, now: Timestamp, vault: &Vault) -> KeyRow {
        let body = match self.about {
            None => Body::Plain(self.body.clone()),
            Some(person) => {
                let packed = vault.seal_record(person, &PackedText(self.body.clone()));
                // Forgotten since it was rendered: an empty seal never opens.
                Body::Sealed { person, packed: packed.unwrap_or(Sealed::from_bytes(vec![])) }
            }
        };
        KeyRow::Done(Answer {
            status: self.status,
            headers: self.headers.clone(),
            body,
            fingerprint: attempt.fingerprint,
            at: now,
        })
    }

    /// An answer that was kept, unless its person was forgotten.
    pub fn of_kept(answer: Answer, vault: &Vault) -> Result<RenderedAnswer, OpenError> {
        let (body, about) = match answer.body {
            Body::Plain(body) => (body, None),
            Body::Sealed { person, packed } => match vault.open_record(person, &packed) {
                Ok(PackedText(body)) => (body, Some(person)),
                Err(_) if !vault.knows(person) => return Err(OpenError::Forgotten),
                Err(error) => return Err(error),
            },
        };
        Ok(RenderedAnswer { status: answer.status, headers: answer.headers, body, about })
    }
}

/// The idempotency key of a question.
pub struct Keyed<V, R> {
    pub attempt: Attempt,
    pub first_used: Timestamp,
    pub render: Render<V, R>,
    /// What the answer is kept with.
    pub vault: Vault,
}

impl<V, R> Keyed<V, R> {
    /// Puts the rendered answer into `batch`, and gives it.
    pub fn record(self, value: &V, batch: &mut Batch, now: Timestamp) -> RenderedAnswer {
        let rendered = (self.render)(Ok(value));
        let kept = rendered.kept(self.attempt, now, &self.vault);
        if Guard::AnswerWithEffect.stands() {
            batch.answer(self.first_used, self.attempt, &kept);
        }
        rendered
    }
}

/// Somebody who waits for an answer.
pub struct Ask<V, R> {
    reply: Option<oneshot::Sender<AskResult<V, R>>>,
    keyed: Option<Keyed<V, R>>,
}

impl<V, R> Ask<V, R> {
    pub fn new(keyed: Option<Keyed<V, R>>) -> (Ask<V, R>, oneshot::Receiver<AskResult<V, R>>) {
        let (sender, receiver) = oneshot::channel();
        (Ask { reply: Some(sender), keyed }, receiver)
    }

    /// Nobody waits any more, but the answer under this key is still owed.
    pub fn owed(keyed: Keyed<V, R>) -> Ask<V, R> {
        Ask { reply: None, keyed: Some(keyed) }
    }

    pub fn attempt(&self) -> Option<Attempt> {
        self.keyed.as_ref().map(|keyed| keyed.attempt)
    }

    /// Notes in `batch` that the key belongs to `order` until its answer is known.
    pub fn reserve_key(&self, batch: &mut Batch, order: crate::domain::OrderId) {
        if let Some(keyed) = &self.keyed {
            let fingerprint = keyed.attempt.fingerprint;
            batch.answer(keyed.first_used, keyed.attempt, &KeyRow::Order { order, fingerprint });
        }
    }

    /// Puts the rendered answer into `batch`, and gives what is to be sent once that is durable.
    pub fn record(self, value: V, batch: &mut Batch, now: Timestamp) -> Pending<V, R> {
        let stored = self.keyed.map(|keyed| keyed.record(&value, batch, now));
        Pending { reply: self.reply, result: Ok(Answered { value, stored }) }
    }

    /// As [`Ask::record`], of a rejection that came after something durable was done.
    pub fn record_rejection(
        self,
        rejection: R,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Pending<V, R> {
        if let Some(keyed) = self.keyed {
            let rendered = (keyed.render)(Err(&rejection));
            let kept = rendered.kept(keyed.attempt, now, &keyed.vault);
            batch.answer(keyed.first_used, keyed.attempt, &kept);
        }
        Pending { reply: self.reply, result: Err(Refusal::Rejected(rejection)) }
    }

    /// Says no, where nothing was done. The front door keeps such answers under their keys.
    pub fn reject(self, rejection: R) {
        self.send(Err(Refusal::Rejected(rejection)));
    }

    pub fn send(self, result: AskResult<V, R>) {
        if let Some(reply) = self.reply {
            // Whoever asked may be gone; what was done stays done.
            let _ = reply.send(result);
        }
    }

    /// Says no because what was handed over failed; gives back what is still owed under the key.
    pub fn fail(self, refusal: Refusal<R>) -> Option<Keyed<V, R>> {
        let Ask { reply, keyed } = self;
        Ask { reply, keyed: None }.send(Err(refusal));
        keyed
    }

    pub fn is_keyed(&self) -> bool {
        self.keyed.is_some()
    }
}

/// An answer that rides with a batch.
pub struct Pending<V, R> {
    reply: Option<oneshot::Sender<AskResult<V, R>>>,
    result: AskResult<V, R>,
}

impl<V: Send + 'static, R: Send + 'static> Pending<V, R> {
    /// What sends it once the batch is settled.
    pub fn into_reply(self) -> Reply {
        self.into_reply_or(|_| None)
    }

    /// As [`Pending::into_reply`]; `explain` says what a refused batch means to the asker.
    pub fn into_reply_or(
        self,
        explain: impl FnOnce(&CommitError) -> Option<R> + Send + 'static,
    ) -> Reply {
        Reply(Box::new(move |outcome| {
            let Some(reply) = self.reply else { return };
            let result = match outcome {
                Ok(()) => self.result,
                Err(error) => Err(explain(error).map_or(Refusal::Unavailable, Refusal::Rejected)),
            };
            // Whoever asked may be gone; what is durable stays so.
            let _ = reply.send(result);
        }))
    }
}

type Settle = Box<dyn FnOnce(Result<(), &CommitError>) + Send>;

/// What is sent when a batch settles, whatever its type.
pub struct Reply(Settle);

impl Reply {
    pub fn new(settle: impl FnOnce(Result<(), &CommitError>) + Send + 'static) -> Reply {
        Reply(Box::new(settle))
    }

    /// One reply that is several.
    pub fn all(replies: Vec<Reply>) -> Option<Reply> {
        (!replies.is_empty()).then(|| {
            Reply::new(move |outcome| replies.into_iter().for_each(|reply| reply.settle(outcome)))
        })
    }

    pub fn settle(self, outcome: Result<(), &CommitError>) {
        (self.0)(outcome);
    }
}
