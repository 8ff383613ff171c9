//! The bounds that connections and requests are kept in, so that no caller can take more of the
//! shop's memory, time or sockets than is set aside for it.

use super::admission::Rule;
use std::time::Duration;

/// All bounds. Each is a setting under `[limits]`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests under way at once; one more is turned away with 503.
    pub most_requests: usize,
    /// Writes under way at once, and how long they may take; none for as many as there are requests.
    pub writes: Option<Rule>,
    /// How long an answer may take to begin.
    pub time_limit: Duration,
    /// The same for paths that start with one of `patient_paths`, such as uploads.
    pub patient_time_limit: Duration,
    pub patient_paths: &'static [&'static str],
    /// Bytes of a body, unless a route has its own `DefaultBodyLimit`.
    pub body_bytes: usize,
    /// How fast a body must come.
    pub pace: Pace,
    /// Bytes of a path with its query.
    pub url_bytes: usize,
    pub connections: ConnectionLimits,
    pub live: LiveLimits,
}

/// Live streams of stock at once.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    pub most: usize,
    /// The same for one client address.
    pub most_per_address: usize,
}

/// The slowest that a body may come: all of it within `grace` and a second more for each
/// `bytes_per_second` that have come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub grace: Duration,
    pub bytes_per_second: u32,
}

/// The bounds of connections, whatever is asked over them.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at once; one more is closed at once.
    pub most: usize,
    /// The same for one client address.
    pub most_per_address: usize,
    /// Bytes of a request's head. HTTP/1 takes at least 8 192.
    pub head_bytes: usize,
    /// Header fields of an HTTP/1 request.
    pub most_headers: usize,
    /// How long a TLS handshake may take, and a request's head.
    pub head_time: Duration,
    /// How long a connection is kept on which nothing is asked; up to twice that.
    pub idle_time: Duration,
    /// How long a client may leave what it is sent unread.
    pub write_time: Duration,
    /// Requests under way at once on one HTTP/2 connection.
    pub most_streams: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            most_requests: 1_024,
            writes: None,
            time_limit: Duration::from_secs(15),
            patient_time_limit: Duration::from_secs(300),
            patient_paths: &["/v1/imports/"],
            body_bytes: 1 << 20,
            pace: Pace { grace: Duration::from_secs(10), bytes_per_second: 1_000 },
            url_bytes: 8_192,
            connections: ConnectionLimits::default(),
            live: LiveLimits { most: 2_048, most_per_address: 64 },
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            most: 16_384,
            most_per_address: 256,
            head_bytes: 16_384,
            most_headers: 100,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            write_time: Duration::from_secs(30),
            most_streams: 100,
        }
    }
}
