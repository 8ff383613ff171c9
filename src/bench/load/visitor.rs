//! Somebody who goes through a scenario, request by request, and what they remember of it.

use super::drive::Lateness;
use super::recorder::{Kind, Recorder, Verdict};
use super::wire::{Answer, Target, Whole, Wire};
use crate::bench::ledger::Ledger;
use hyper::Request;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is waited for: longer than a shop takes to give up by itself.
const PATIENCE: Duration = Duration::from_secs(40);

/// Why a request did not come to what it was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// For a reason that the scenario counts with.
    Refused,
    /// To come back later: nothing was done.
    Shed,
    Failed,
    /// Nobody knows what became of it.
    Unanswered,
}

/// One client of a load, with its connection.
pub struct Visitor {
    wire: Wire,
    kinds: &'static [Kind],
    recorder: Arc<Mutex<Recorder>>,
    seed: u64,
    lateness: Lateness,
    due: Option<Instant>,
    /// The journey's number, which no other has.
    pub number: u64,
    /// What this journey's choices follow from: the seed and its number, and not who makes it.
    pub chance: ChaCha8Rng,
    pub ledger: Ledger,
    /// Whether the last request was turned away.
    pub(super) was_shed: bool,
}

impl Visitor {
    pub(super) fn new(
        wire: Wire,
        kinds: &'static [Kind],
        recorder: Arc<Mutex<Recorder>>,
        seed: u64,
        lateness: Lateness,
    ) -> Visitor {
        Visitor {
            wire,
            kinds,
            recorder,
            seed,
            lateness,
            due: None,
            number: 0,
            chance: ChaCha8Rng::seed_from_u64(seed),
            ledger: Ledger::default(),
            was_shed: false,
        }
    }

    pub(super) fn begin(&mut self, number: u64, due: Option<Instant>) {
        self.number = number;
        self.due = due.filter(|_| self.lateness == Lateness::Counts);
        // Neighbours must not look alike: the seeds of this generator are hashed by it.
        self.chance = ChaCha8Rng::seed_from_u64(self.seed ^ number.rotate_left(32));
        self.was_shed = false;
    }

    pub(super) async fn open(&mut self) -> std::io::Result<()> {
        self.wire.open().await
    }

    pub fn target(&self) -> &Target {
        self.wire.target()
    }

    /// Sends a request of the kind at that place in the scenario's list, and notes what became of it.
    pub async fn send(
        &mut self,
        kind: usize,
        request: Request<Whole>,
        keep: bool,
    ) -> Result<Answer, Fate> {
        let since = self.due.take().unwrap_or_else(Instant::now);
        let answer = tokio::time::timeout(PATIENCE, self.wire.send(request, keep)).await;
        let us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = &mut recorder.tallies[kind];
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tally.unanswered();
                self.ledger.silent(self.kinds[kind].name, &error.to_string());
                return Err(Fate::Unanswered);
            }
            Err(_) => {
                tally.unanswered();
                self.wire.abandon();
                self.ledger.silent(self.kinds[kind].name, "the time was up");
                return Err(Fate::Unanswered);
            }
        };
        let verdict = self.kinds[kind].verdict(&answer);
        tally.answered(&answer, verdict, us);
        match verdict {
            Verdict::Ok => Ok(answer),
            Verdict::Refused => Err(Fate::Refused),
            Verdict::Shed => {
                self.was_shed = true;
                // What ran out of time, or into a store that does not write, may have been done.
                let is_at_the_door = [&b"\"overloaded\""[..], b"\"rate_limited\""]
                    .iter()
                    .any(|code| answer.body.windows(code.len()).any(|part| part == *code));
                Err(if is_at_the_door { Fate::Shed } else { Fate::Unanswered })
            }
            Verdict::Failed => {
                self.ledger.failed(self.kinds[kind].name, &answer);
                Err(Fate::Failed)
            }
        }
    }
}
