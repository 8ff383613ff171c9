//! One actor's mailbox: a message in, an answer out, and nothing in between.

use super::{Counted, LimitError, histogram, note};
use hdrhistogram::Histogram;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Counts what it is sent, and answers with the count.
struct Counter;

impl Actor for Counter {
    type Msg = oneshot::Sender<u64>;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        reply: oneshot::Sender<u64>,
        count: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *count += 1;
        // Whoever asked may be gone at the end of the measurement.
        let _ = reply.send(*count);
        Ok(())
    }
}

/// Has so many callers ask one actor, each again as soon as it is answered.
pub(super) fn round_trips(callers: u32, duration: Duration) -> Result<Counted, LimitError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (actor, running) = Actor::spawn(None, Counter, ()).await?;
        let began = Instant::now();
        let mut asking = JoinSet::new();
        for _ in 0..callers {
            asking.spawn(call(actor.clone(), began + duration));
        }
        let mut all = histogram();
        while let Some(one) = asking.join_next().await {
            let took = one.map_err(|_| LimitError::Stopped)??;
            all.add(took).map_err(|_| LimitError::Stopped)?;
        }
        let took = began.elapsed();
        actor.stop(None);
        running.await.map_err(|_| LimitError::Stopped)?;
        Ok(Counted::of(&all, took))
    })
}

async fn call(
    actor: ActorRef<oneshot::Sender<u64>>,
    until: Instant,
) -> Result<Histogram<u64>, LimitError> {
    let mut took = histogram();
    while took.is_empty() || Instant::now() < until {
        let asked = Instant::now();
        let (reply, answer) = oneshot::channel();
        actor.cast(reply).map_err(|_| LimitError::Stopped)?;
        answer.await.map_err(|_| LimitError::Stopped)?;
        note(&mut took, asked.elapsed());
    }
    Ok(took)
}
