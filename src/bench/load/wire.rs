//! One client's connection, opened when it is needed and again when it broke.

use crate::bench::report::Http;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// Where requests go, and in which version of HTTP.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// Host and port as the shop is called.
    pub authority: String,
    pub http: Http,
}

impl Target {
    /// A path as it stands in a request: alone in HTTP/1.1, behind the authority in HTTP/2.
    pub fn uri(&self, path: &str) -> Uri {
        let uri = match self.http {
            Http::One => path.parse(),
            Http::Two => format!("http://{}{path}", self.authority).parse(),
        };
        uri.unwrap_or_default()
    }

    pub fn get(&self, uri: Uri) -> Request<Whole> {
        self.request(Method::GET, uri, Whole::empty())
    }

    /// A request with a body of JSON.
    pub fn json(&self, method: Method, uri: Uri, body: impl Into<Bytes>) -> Request<Whole> {
        let mut request = self.request(method, uri, Whole::from(body.into()));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    pub fn request(&self, method: Method, uri: Uri, body: Whole) -> Request<Whole> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        // HTTP/2 says it in `:authority`.
        if self.http == Http::One
            && let Ok(host) = HeaderValue::from_str(&self.authority)
        {
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

/// A body that is there as a whole.
#[derive(Clone, Debug)]
pub struct Whole(Option<Bytes>);

impl Whole {
    pub fn empty() -> Whole {
        Whole(None)
    }
}

impl From<Bytes> for Whole {
    fn from(bytes: Bytes) -> Whole {
        Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Empty where nobody wanted it, except for errors.
    pub body: Bytes,
    /// Bytes of the body, also where it was not kept.
    pub length: u64,
}

enum Line {
    One(http1::SendRequest<Whole>),
    Two(http2::SendRequest<Whole>),
}

/// What the streams of one HTTP/2 connection share.
pub(super) type Shared = Arc<Mutex<Option<http2::SendRequest<Whole>>>>;

/// One client's way to the shop.
pub struct Wire {
    target: Arc<Target>,
    line: Option<Line>,
    shared: Shared,
    used: Instant,
}

/// A connection that rested for so long may be closed by the other end at this very moment.
const RESTED: Duration = Duration::from_secs(1);

impl Wire {
    pub fn new(target: Arc<Target>) -> Wire {
        Wire { target, line: None, shared: Shared::default(), used: Instant::now() }
    }

    /// As many clients as streams, over one connection in HTTP/2 and one each in HTTP/1.1.
    pub(super) fn several(target: &Arc<Target>, streams: usize) -> Vec<Wire> {
        let shared = Shared::default();
        let wire = |_| Wire { shared: Arc::clone(&shared), ..Wire::new(Arc::clone(target)) };
        (0..streams).map(wire).collect()
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Connects, unless it is connected.
    pub async fn open(&mut self) -> io::Result<()> {
        let is_open = match &self.line {
            Some(Line::One(line)) => !line.is_closed(),
            Some(Line::Two(line)) => !line.is_closed(),
            None => false,
        };
        if is_open {
            return Ok(());
        }
        self.line = None;
        self.line = Some(match self.target.http {
            Http::One => {
                let stream = connect(self.target.address).await?;
                let shaken = http1::handshake(TokioIo::new(stream)).await;
                let (line, connection) = shaken.map_err(io::Error::other)?;
                tokio::spawn(connection);
                Line::One(line)
            }
            Http::Two => {
                let mut shared = self.shared.lock().await;
                match shared.as_ref().filter(|line| !line.is_closed()) {
                    Some(line) => Line::Two(line.clone()),
                    None => {
                        let stream = connect(self.target.address).await?;
                        let shaken =
                            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
                        let (line, connection) = shaken.map_err(io::Error::other)?;
                        tokio::spawn(connection);
                        *shared = Some(line.clone());
                        Line::Two(line)
                    }
                }
            }
        });
        Ok(())
    }

    /// Sends a request and reads its whole answer; the body is given back where `keep` says so, or
    /// where the answer is an error.
    ///
    /// What only reads is sent once more where the connection had rested and turns out to be closed:
    /// servers close such, and every client does that (RFC 9110, section 9.2.2).
    pub async fn send(&mut self, request: Request<Whole>, keep: bool) -> io::Result<Answer> {
        let may_repeat = request.method() == Method::GET && self.used.elapsed() > RESTED;
        let again = may_repeat.then(|| request.clone());
        let mut answer = self.exchange(request, keep).await;
        if answer.is_err()
            && let Some(request) = again
        {
            self.line = None;
            answer = self.exchange(request, keep).await;
        }
        if answer.is_err() {
            self.line = None;
        }
        self.used = Instant::now();
        answer
    }

    /// Gives the connection up: what comes over it no longer belongs to what is asked.
    pub fn abandon(&mut self) {
        self.line = None;
    }

    async fn exchange(&mut self, request: Request<Whole>, keep: bool) -> io::Result<Answer> {
        self.open().await?;
        let answered = match &mut self.line {
            Some(Line::One(line)) => {
                line.ready().await.map_err(io::Error::other)?;
                line.send_request(request).await
            }
            Some(Line::Two(line)) => {
                line.ready().await.map_err(io::Error::other)?;
                line.send_request(request).await
            }
            None => return Err(io::ErrorKind::NotConnected.into()),
        };
        read(answered.map_err(io::Error::other)?, keep).await
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn read(answer: Response<Incoming>, keep: bool) -> io::Result<Answer> {
    let (head, mut body) = answer.into_parts();
    let is_error = head.status.is_client_error() || head.status.is_server_error();
    let (mut length, mut first, mut rest) = (0, Bytes::new(), Vec::new());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
        length += data.len() as u64;
        if !keep && !is_error {
            continue;
        }
        // Most answers come in one piece, which is not copied.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    let body = if rest.is_empty() { first } else { [&first[..], &rest].concat().into() };
    Ok(Answer { status: head.status, headers: head.headers, body, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers the first request of each connection, and closes it when the second one comes.
    async fn impatient_server() -> Arc<Target> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 1_024];
                    let _ = stream.read(&mut request).await;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.read(&mut request).await;
                });
            }
        });
        Arc::new(Target { address, authority: address.to_string(), http: Http::One })
    }

    /// The second request on a connection that has rested or not, and whether it is answered.
    async fn second(method: Method, has_rested: bool) -> bool {
        let target = impatient_server().await;
        let mut wire = Wire::new(Arc::clone(&target));
        let request = || target.request(method.clone(), target.uri("/"), Whole::empty());
        let first = wire.send(request(), true).await.unwrap();
        assert_eq!((&first.body[..], first.length), (&b"hi"[..], 2));
        if has_rested {
            wire.used -= 2 * RESTED;
        }
        wire.send(request(), false).await.is_ok()
    }

    #[tokio::test]
    async fn a_read_that_met_a_closing_connection_is_sent_once_more_and_a_write_is_not() {
        assert!(second(Method::GET, true).await);
        assert!(!second(Method::POST, true).await, "it may have been done");
        assert!(!second(Method::GET, false).await, "a connection in use is not closed by anybody");
    }

    #[tokio::test]
    async fn a_broken_connection_is_opened_again() {
        let target = impatient_server().await;
        let mut wire = Wire::new(Arc::clone(&target));
        for is_answered in [true, false, true, false] {
            let request = target.get(target.uri("/"));
            assert_eq!(wire.send(request, false).await.is_ok(), is_answered);
        }
    }
}
