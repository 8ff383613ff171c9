//! The door itself: takes connections as long as there are places, and hands their requests to the
//! front with what the connection knows of them.

use super::conn::{Connection, Places, Watched};
use super::layers::{Answering, Arrival, Front};
use super::limits::ConnectionLimits;
use super::problem::ApiError;
use super::tls::{Line, Tls};
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, Version};
use axum::response::Response;
use axum_server::accept::Accept;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower::Service;

/// Lets connections in.
#[derive(Clone)]
pub struct Porter {
    places: Places,
    limits: ConnectionLimits,
    tls: Option<Tls>,
}

impl Porter {
    pub fn new(limits: ConnectionLimits, tls: Option<Tls>) -> Porter {
        Porter { places: Places::new(limits.most, limits.most_per_address), limits, tls }
    }

    async fn let_in(self, stream: TcpStream, front: Front) -> io::Result<(Watched<Line>, Door)> {
        let peer = stream.peer_addr()?.ip();
        let is_proxy = front.settings().proxies.trusts(peer);
        let Some(place) = self.places.take(peer, is_proxy) else {
            tracing::debug!("a connection was turned away: all places are taken");
            return Err(io::ErrorKind::QuotaExceeded.into());
        };
        stream.set_nodelay(true)?;
        let line = match &self.tls {
            None => Line::Plain(stream),
            Some(tls) => {
                let shaken = tokio::time::timeout(self.limits.head_time, tls.accept(stream)).await;
                Line::Tls(Box::new(shaken.map_err(|_| io::ErrorKind::TimedOut)??))
            }
        };
        let over_tls = line.is_tls();
        let connection = Arc::new(Connection::default());
        let watched = Watched::new(line, &self.limits, Arc::clone(&connection), place);
        Ok((watched, Door { front, peer, over_tls, connection }))
    }
}

impl Accept<TcpStream, Front> for Porter {
    type Stream = Watched<Line>;
    type Service = Door;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Watched<Line>, Door)>> + Send>>;

    fn accept(&self, stream: TcpStream, front: Front) -> Self::Future {
        Box::pin(self.clone().let_in(stream, front))
    }
}

/// The front, for the requests of one connection.
#[derive(Clone)]
pub struct Door {
    front: Front,
    peer: IpAddr,
    over_tls: bool,
    connection: Arc<Connection>,
}

impl Service<Request<Incoming>> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Answering {
        let under_way = self.connection.begin();
        let fault = if self.connection.is_ambiguous() {
            Some(ApiError::BadRequest("the length of the body is given in more than one way"))
        } else {
            fault_of(&request, self.front.settings().limits.url_bytes)
        };
        let arrival = Arrival {
            peer: self.peer,
            over_tls: self.over_tls,
            fault,
            // Behind a body in chunks the framing is not followed any further.
            is_last: request.headers().contains_key(TRANSFER_ENCODING),
            under_way: Some(under_way),
        };
        self.front.answer(request, arrival)
    }
}

/// What is wrong with a request's head beyond what hyper refuses: it must name one host (RFC 9112,
/// section 3.2; RFC 9113, section 8.3.1) and its address must be of a sane length.
fn fault_of<B>(request: &Request<B>, url_bytes: usize) -> Option<ApiError> {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |text| text.as_str().len());
    if length > url_bytes {
        return Some(ApiError::UrlTooLong { most: url_bytes });
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Some(ApiError::BadRequest("send one Host header"));
    }
    let authority = uri.authority().filter(|_| request.version() == Version::HTTP_2);
    match (host, authority) {
        (Some(host), _) if !is_host(host) => {
            Some(ApiError::BadRequest("the Host header names no host"))
        }
        (Some(host), Some(authority)) if host != authority.as_str() => {
            Some(ApiError::BadRequest("the Host header and :authority differ"))
        }
        (None, None) if request.version() > Version::HTTP_10 => {
            Some(ApiError::BadRequest("send a Host header"))
        }
        _ => None,
    }
}

/// A name or an address, perhaps with a port. Names have at most 253 characters (RFC 1035).
fn is_host(value: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    (1..=260).contains(&value.len()) && value.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(version: Version, uri: &str, hosts: &[&str]) -> Option<u16> {
        let mut request = Request::get(uri).version(version).body(()).unwrap();
        for host in hosts {
            request.headers_mut().append(HOST, host.parse().unwrap());
        }
        fault_of(&request, 100).map(|error| error.status().as_u16())
    }

    #[test]
    fn a_request_names_one_host() {
        let (v10, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        assert_eq!(fault(v11, "/", &["shop.example"]), None);
        assert_eq!(fault(v11, "/", &["[2001:db8::1]:8080"]), None);
        assert_eq!(fault(v10, "/", &[]), None);
        assert_eq!(fault(v2, "https://shop.example/", &[]), None);
        assert_eq!(fault(v2, "https://shop.example/", &["shop.example"]), None);
        for (version, uri, hosts) in [
            (v11, "/", &[][..]),
            (v11, "/", &["a", "a"]),
            (v11, "/", &["a", "b"]),
            (v11, "/", &[""]),
            (v11, "/", &["a b"]),
            (v11, "/", &["user@a"]),
            (v11, "/", &["a/b"]),
            (v11, "http://a/", &[]),
            (v10, "/", &["a", "b"]),
            (v2, "/", &[]),
            (v2, "https://a/", &["b"]),
        ] {
            assert_eq!(fault(version, uri, hosts), Some(400), "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn an_address_has_a_sane_length() {
        let long = format!("/{}?{}", "x".repeat(49), "y".repeat(49));
        assert_eq!(fault(Version::HTTP_11, &long, &["a"]), None);
        assert_eq!(fault(Version::HTTP_11, &format!("{long}z"), &["a"]), Some(414));
    }
}
