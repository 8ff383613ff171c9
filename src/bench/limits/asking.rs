//! A small load generator for the bare servers: every connection asks again as soon as it is
//! answered.

use super::{Counted, LimitError, histogram, note};
use crate::bench::report::{Http, Latency};
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, StatusCode, Uri};
use hdrhistogram::Histogram;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is asked, by how many and for how long.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub method: Method,
    pub path: &'static str,
    /// JSON; empty where nothing is sent.
    pub body: Bytes,
    pub connections: u32,
    pub http: Http,
    pub duration: Duration,
}

/// What came of it.
pub struct Asked {
    /// Answers a second.
    pub rate: f64,
    pub latency: Latency,
}

/// Asks after a warm-up of a fifth of the duration. Blocks, on a runtime of its own.
pub fn ask(target: &Target) -> Result<Asked, LimitError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let from = Instant::now() + target.duration / 5;
        let until = from + target.duration;
        let mut connections = JoinSet::new();
        for _ in 0..target.connections {
            connections.spawn(ask_again(target.clone(), from, until));
        }
        let mut all = histogram();
        while let Some(one) = connections.join_next().await {
            let took = one.map_err(|_| LimitError::Stopped)??;
            all.add(took).map_err(|_| LimitError::Stopped)?;
        }
        let Counted { rate, latency } = Counted::of(&all, target.duration);
        Ok(Asked { rate, latency })
    })
}

/// One connection.
async fn ask_again(
    target: Target,
    from: Instant,
    until: Instant,
) -> Result<Histogram<u64>, LimitError> {
    let mut took = histogram();
    let mut way = Way::connect(target.address, target.http).await?;
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(took);
        }
        let answer = way.send(request(&target)).await?;
        let status = answer.status();
        drain(answer.into_body()).await?;
        if !status.is_success() && status != StatusCode::NOT_MODIFIED {
            return Err(LimitError::Answer(status.as_u16()));
        }
        // The very first one counts even if it is late: a rate of nothing says nothing.
        if asked >= from || (took.is_empty() && Instant::now() >= until) {
            note(&mut took, asked.elapsed());
        }
    }
}

/// HTTP/1.1 names the host in a header, HTTP/2 in the URI.
fn request(target: &Target) -> Request<Body> {
    let authority = target.address.to_string();
    let mut request = Request::new(match target.body.is_empty() {
        true => Body::empty(),
        false => Body::from(target.body.clone()),
    });
    *request.method_mut() = target.method.clone();
    let host = authority.parse().expect("an address is a valid header");
    let uri = match target.http {
        Http::One => Uri::from_static(target.path),
        Http::Two => Uri::builder()
            .scheme("http")
            .authority(authority)
            .path_and_query(target.path)
            .build()
            .expect("an address and a path are a valid URI"),
    };
    *request.uri_mut() = uri;
    if target.http == Http::One {
        request.headers_mut().insert(HOST, host);
    }
    if !target.body.is_empty() {
        let json = "application/json".parse().expect("a valid header");
        request.headers_mut().insert(CONTENT_TYPE, json);
    }
    request
}

async fn drain(mut body: Incoming) -> Result<(), hyper::Error> {
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        frame?;
    }
    Ok(())
}

/// A connection that stays.
enum Way {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

impl Way {
    async fn connect(address: SocketAddr, http: Http) -> Result<Way, LimitError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        match http {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Ok(Way::One(sender))
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Ok(Way::Two(sender))
            }
        }
    }

    async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<hyper::Response<Incoming>, hyper::Error> {
        match self {
            Way::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Way::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}
