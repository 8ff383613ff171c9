//! A small load generator for the bare servers: every connection asks again as soon as it is
//! answered.

use super::{Counted, LimitError, histogram, note};
use crate::bench::report::{Http, Latency};
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use hdrhistogram::Histogram;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::thread;
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

/// Asks from so many threads, each with connections of its own, as the load of a run does; after a
/// warm-up of a fifth of the duration. Blocks, on runtimes of its own.
pub fn asking(threads: usize) -> impl Fn(&Target) -> Result<Asked, LimitError> {
    move |target| {
        let threads =
            u32::try_from(threads).unwrap_or(u32::MAX).clamp(1, target.connections.max(1));
        let from = Instant::now() + target.duration / 5;
        let until = from + target.duration;
        let share = |thread: u32| {
            target.connections / threads + u32::from(thread < target.connections % threads)
        };
        let running: Result<Vec<_>, io::Error> = (0..threads)
            .map(|thread| {
                let (target, connections) = (target.clone(), share(thread));
                let name = "bare load".to_owned();
                let run = move || ask_from_one_thread(&target, connections, from, until);
                thread::Builder::new().name(name).spawn(run)
            })
            .collect();
        let mut all = histogram();
        for thread in running? {
            let took = thread.join().map_err(|_| LimitError::Stopped)??;
            all.add(took).map_err(|_| LimitError::Stopped)?;
        }
        let Counted { rate, latency } = Counted::of(&all, target.duration);
        Ok(Asked { rate, latency })
    }
}

fn ask_from_one_thread(
    target: &Target,
    connections: u32,
    from: Instant,
    until: Instant,
) -> Result<Histogram<u64>, LimitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut asking = JoinSet::new();
        for _ in 0..connections {
            asking.spawn(ask_again(target.clone(), from, until));
        }
        let mut all = histogram();
        while let Some(one) = asking.join_next().await {
            let took = one.map_err(|_| LimitError::Stopped)??;
            all.add(took).map_err(|_| LimitError::Stopped)?;
        }
        Ok(all)
    })
}

/// One connection.
async fn ask_again(
    target: Target,
    from: Instant,
    until: Instant,
) -> Result<Histogram<u64>, LimitError> {
    let mut took = histogram();
    let place = Place::of(&target);
    let mut way = Way::connect(target.address, target.http).await?;
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(took);
        }
        let answer = way.send(place.request(&target)).await?;
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

/// Where requests go, as HTTP says it: HTTP/1.1 names the host in a header, HTTP/2 in the URI.
struct Place {
    uri: Uri,
    host: Option<HeaderValue>,
}

impl Place {
    fn of(target: &Target) -> Place {
        let authority = target.address.to_string();
        match target.http {
            Http::One => {
                let host = authority.parse().expect("an address is a valid header");
                Place { uri: Uri::from_static(target.path), host: Some(host) }
            }
            Http::Two => {
                let uri = format!("http://{authority}{}", target.path);
                Place { uri: uri.parse().expect("a valid URI"), host: None }
            }
        }
    }

    fn request(&self, target: &Target) -> Request<Body> {
        let has_body = !target.body.is_empty();
        let body = if has_body { Body::from(target.body.clone()) } else { Body::empty() };
        let mut request = Request::new(body);
        *request.method_mut() = target.method.clone();
        *request.uri_mut() = self.uri.clone();
        if let Some(host) = &self.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        if has_body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        request
    }
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
