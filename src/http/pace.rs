//! Bodies that come too slowly are cut off: a caller who sends a byte a second would hold a place
//! among the requests for as long as it likes. And among the writes a request takes its place only when
//! its body is here.

use super::admission::Seat;
use super::limits::Pace;
use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Whether a request's body came too slowly. Set by the body, read by who answers.
pub type Late = Arc<AtomicBool>;

/// The sender is too slow.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
struct TooSlow;

/// While it came, the house became full.
#[derive(Debug, thiserror::Error)]
#[error("no more is taken in now")]
struct Full;

/// A body with a pace to keep.
struct Paced {
    body: Body,
    pace: Pace,
    /// When it was first waited for, and the timer that looks after it.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    received: u64,
    late: Late,
    /// A place that is taken when the end is here.
    seat: Option<Arc<Seat>>,
}

/// Gives the body a pace to keep, and takes its seat at its end.
pub fn paced(body: Body, pace: Pace, late: &Late, seat: Option<Arc<Seat>>) -> Body {
    Body::new(Paced { body, pace, waiting: None, received: 0, late: Arc::clone(late), seat })
}

impl Paced {
    /// When what has come so far should have been more.
    fn due(&self, began: Instant) -> Instant {
        let earned =
            Duration::from_secs(self.received / u64::from(self.pace.bytes_per_second.max(1)));
        began + self.pace.grace + earned
    }

    /// All of it is here: whoever reads it may go on if there is a place.
    fn arrived(&mut self) -> Result<(), BoxError> {
        match self.seat.take() {
            Some(seat) if !seat.take() => Err(Full.into()),
            _ => Ok(()),
        }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                let is_last = this.body.is_end_stream();
                let arrived = if is_last { this.arrived() } else { Ok(()) };
                return Poll::Ready(Some(arrived.map(|()| frame)));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(this.arrived().err().map(Err)),
            Poll::Pending => {}
        }
        let now = Instant::now();
        let began = this.waiting.as_ref().map_or(now, |(began, _)| *began);
        let due = this.due(began);
        let (_, timer) = this.waiting.get_or_insert_with(|| (now, Box::pin(sleep_until(due))));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                this.late.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(TooSlow.into())));
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};

    /// Reads a body of so many pieces, a moment apart; none if it was cut off.
    async fn sent(pieces: usize, pace: Pace) -> Option<usize> {
        let parts = stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            (sent < pieces).then(|| (Ok::<_, BoxError>(Bytes::from_static(b"x")), sent + 1))
        });
        let late = Late::default();
        let body = paced(Body::from_stream(parts), pace, &late, None);
        let read = axum::body::to_bytes(body, usize::MAX).await.ok();
        assert_eq!(read.is_none(), late.load(Ordering::Relaxed));
        read.map(|bytes| bytes.len())
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_cut_off() {
        let pace = |grace| Pace { grace, bytes_per_second: 1_000_000 };
        assert_eq!(sent(usize::MAX, pace(Duration::from_millis(20))).await, None);
        assert_eq!(sent(20, pace(Duration::from_secs(600))).await, Some(20));
    }

    #[tokio::test]
    async fn what_came_earns_more_time() {
        let pace = Pace { grace: Duration::from_millis(1), bytes_per_second: 1 };
        // Six hundred bytes at once earn ten minutes for the rest.
        let first = stream::once(async { Ok::<_, BoxError>(Bytes::from_static(&[0; 600])) });
        let rest = stream::once(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Bytes::from_static(b"x"))
        });
        let late = Late::default();
        let body = paced(Body::from_stream(first.chain(rest)), pace, &late, None);
        assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap().len(), 601);
    }
}
