//! One connection's bytes, watched: a sender that is slow with a request's head, a connection on
//! which nothing is asked, and a reader that leaves its answer lying are cut off.
//!
//! One timer per direction is armed once and looks, when it fires, at what happened meanwhile: a
//! busy connection pays nothing for it, and a silent one is closed after one to two spans.

use super::Place;
use super::framing::Framing;
use crate::http::limits::ConnectionLimits;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// What the requests of a connection and its bytes know of each other.
#[derive(Debug, Default)]
pub struct Connection {
    /// Requests whose answers are not finished.
    under_way: AtomicUsize,
    /// Something was asked since the watch last looked.
    touched: AtomicBool,
    /// A request came whose length can be read in two ways.
    ambiguous: AtomicBool,
}

impl Connection {
    /// Notes a request; it is under way until this is dropped.
    pub fn begin(self: &Arc<Connection>) -> UnderWay {
        self.touched.store(true, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Whether a request's length could be read in two ways.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous.load(Ordering::Relaxed)
    }
}

/// A request under way.
pub struct UnderWay(Arc<Connection>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.touched.store(true, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's bytes under watch; it holds its place among the connections.
pub struct Watched<S> {
    io: S,
    connection: Arc<Connection>,
    framing: Framing,
    reading: Reading,
    read_timer: Option<Pin<Box<Sleep>>>,
    /// Armed since the first byte that could not be written.
    write_timer: Option<Pin<Box<Sleep>>>,
    head_time: Duration,
    idle_time: Duration,
    write_time: Duration,
    _place: Place,
}

/// What the read timer was armed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The head that is coming; the first one is due from the start.
    Head,
    /// The next request.
    Idle,
}

impl<S> Watched<S> {
    pub fn new(
        io: S,
        limits: &ConnectionLimits,
        connection: Arc<Connection>,
        place: Place,
    ) -> Watched<S> {
        Watched {
            io,
            connection,
            framing: Framing::new(limits.head_bytes),
            reading: Reading::Head,
            read_timer: Some(Box::pin(sleep(limits.head_time))),
            write_timer: None,
            head_time: limits.head_time,
            idle_time: limits.idle_time,
            write_time: limits.write_time,
            _place: place,
        }
    }

    /// Takes in what came.
    fn came(&mut self, bytes: &[u8]) {
        let was_in_head = self.reading == Reading::Head;
        if self.framing.follow(bytes).ambiguous {
            self.connection.ambiguous.store(true, Ordering::Relaxed);
        }
        if self.framing.is_http1() {
            self.connection.touched.store(true, Ordering::Relaxed);
        }
        let in_head = self.framing.in_head();
        if in_head && !was_in_head {
            self.arm(Reading::Head);
        } else if !in_head && was_in_head {
            // The timer stays as it is: when it fires, it finds that something was asked.
            self.reading = Reading::Idle;
            self.connection.touched.store(true, Ordering::Relaxed);
        }
    }

    fn arm(&mut self, reading: Reading) {
        let span = if reading == Reading::Head { self.head_time } else { self.idle_time };
        self.reading = reading;
        match &mut self.read_timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + span),
            none => *none = Some(Box::pin(sleep(span))),
        }
    }

    /// Nothing has come: whether that is for too long.
    fn watch_reading(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(timer) = &mut self.read_timer else {
                self.arm(Reading::Idle);
                continue;
            };
            std::task::ready!(timer.as_mut().poll(cx));
            let touched = self.connection.touched.swap(false, Ordering::Relaxed);
            let busy = self.connection.under_way.load(Ordering::Relaxed) > 0;
            if self.reading == Reading::Head || !(touched || busy) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.arm(Reading::Idle);
        }
    }

    /// Nothing can be written: whether that is for too long.
    fn watch_writing<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write_timer = None;
            // In HTTP/2 only requests count, and pings are written too.
            if self.framing.is_http1() {
                self.connection.touched.store(true, Ordering::Relaxed);
            }
            return polled;
        }
        let span = self.write_time;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(span)));
        std::task::ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.came(&buf.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.watch_reading(cx),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.watch_writing(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write_vectored(cx, parts);
        this.watch_writing(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.io).poll_flush(cx) {
            Poll::Pending => this.watch_writing(cx, Poll::Pending),
            ready => {
                this.write_timer = None;
                ready
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_shutdown(cx);
        this.watch_writing(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Places;
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(600);

    /// Head, idle and write time.
    fn watched(
        times: [Duration; 3],
    ) -> (Watched<DuplexStream>, DuplexStream, Arc<Connection>, Places) {
        let (ours, theirs) = duplex(64);
        let [head_time, idle_time, write_time] = times;
        let limits =
            ConnectionLimits { head_time, idle_time, write_time, ..ConnectionLimits::default() };
        let places = Places::new(1, 1);
        let place = places.take([127, 0, 0, 1].into(), false).unwrap();
        let connection = Arc::new(Connection::default());
        (Watched::new(ours, &limits, connection.clone(), place), theirs, connection, places)
    }

    fn timed_out<T: std::fmt::Debug>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    async fn read_out(ours: &mut Watched<DuplexStream>) -> io::Result<usize> {
        ours.read_to_end(&mut Vec::new()).await
    }

    /// Sends the same piece again and again until nobody takes it.
    fn repeat(mut theirs: DuplexStream, piece: &'static [u8]) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            while theirs.write_all(piece).await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        })
    }

    #[tokio::test]
    async fn who_says_nothing_at_all_is_cut_off_and_leaves_its_place() {
        let (mut ours, _theirs, _, places) = watched([SHORT, LONG, LONG]);
        assert!(timed_out(read_out(&mut ours).await));
        assert_eq!(places.in_use(), 1);
        drop(ours);
        assert_eq!(places.in_use(), 0);
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_cut_off_though_bytes_keep_coming() {
        let (mut ours, theirs, ..) = watched([SHORT, LONG, LONG]);
        let trickle = repeat(theirs, b"x");
        assert!(timed_out(read_out(&mut ours).await));
        drop(ours);
        trickle.await.unwrap();
    }

    #[tokio::test]
    async fn so_is_a_later_one() {
        let (mut ours, mut theirs, connection, _) = watched([SHORT, LONG, LONG]);
        theirs.write_all(ASKED).await.unwrap();
        drop(connection.begin());
        let trickle = repeat(theirs, b"x");
        assert!(timed_out(read_out(&mut ours).await));
        drop(ours);
        trickle.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_rests_is_closed_and_a_busy_one_is_not() {
        let (mut ours, mut theirs, connection, _) = watched([LONG, SHORT, LONG]);
        ours.read_timer = None;
        theirs.write_all(ASKED).await.unwrap();
        let under_way = connection.begin();
        assert!(tokio::time::timeout(SHORT * 10, read_out(&mut ours)).await.is_err());
        drop(under_way);
        assert!(timed_out(read_out(&mut ours).await));
    }

    #[tokio::test]
    async fn requests_keep_a_connection_and_pings_of_http_2_do_not() {
        let (mut ours, mut theirs, ..) = watched([LONG, SHORT, LONG]);
        ours.read_timer = None;
        for _ in 0..3 {
            // One look: it finds that something was asked since the last one.
            let look = tokio::time::timeout(Duration::ZERO, ours.read(&mut [0; 64])).await;
            assert!(look.is_err());
            theirs.write_all(ASKED).await.unwrap();
            assert_eq!(ours.read(&mut [0; 64]).await.unwrap(), ASKED.len());
            tokio::time::sleep(SHORT * 2).await;
        }
        assert!(timed_out(read_out(&mut ours).await));
        let (mut ours, mut theirs, ..) = watched([LONG, SHORT, LONG]);
        ours.read_timer = None;
        theirs.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let pings = repeat(theirs, &[0; 17]);
        assert!(timed_out(read_out(&mut ours).await));
        drop(ours);
        pings.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (mut ours, _theirs, ..) = watched([LONG, LONG, SHORT]);
        assert!(timed_out(ours.write_all(&[0; 100]).await));
        let (mut ours, mut theirs, ..) = watched([LONG, LONG, LONG]);
        let reading =
            tokio::spawn(async move { theirs.read_exact(&mut [0; 1_000]).await.map(drop) });
        ours.write_all(&[0; 1_000]).await.unwrap();
        reading.await.unwrap().unwrap();
    }
}
