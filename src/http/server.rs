//! Listening: one HTTP server in front of the routes, bounded in time, that ends cleanly.

use super::door::Porter;
use super::layers::Front;
use super::tls::Tls;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tower::make::Shared;

/// How long requests under way are waited for at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// Files that are left for all that is no connection: the store, the index, providers.
const OTHER_FILES: u64 = 512;

/// The least that hyper takes for an HTTP/1 head.
const LEAST_HEAD: usize = 8_192;

/// A bound listener and the handle that ends what listens on it.
pub struct Server {
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    tls: Option<Tls>,
}

impl Server {
    /// Takes the address at once, so that whoever starts the shop hears of a busy port.
    pub fn bind(address: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Server { listener, handle: Handle::new(), tls: None })
    }

    /// Speaks TLS, and nothing without it.
    pub fn with_tls(self, tls: Tls) -> Server {
        Server { tls: Some(tls), ..self }
    }

    /// The address it listens on, with the port that was given to it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Ends the server from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.handle.clone())
    }

    /// Serves until it is told to stop and the last request has its answer.
    pub async fn serve(self, front: Front) -> io::Result<()> {
        let mut limits = front.settings().limits.connections;
        limits.most = room_for(limits.most);
        let mut server = axum_server::from_tcp(self.listener)?.handle(self.handle);
        let http = server.http_builder();
        // The door keeps the times of HTTP/1 itself: a timer for each request would cost more.
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes.max(LEAST_HEAD))
            .max_headers(limits.most_headers);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .max_concurrent_streams(limits.most_streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
        let porter = Porter::new(limits, self.tls.clone());
        let serving = server.acceptor(porter).serve(Shared::new(front));
        let Some(tls) = self.tls else { return serving.await };
        tokio::select! {
            served = serving => served,
            never = tls.keep_fresh() => match never {},
        }
    }
}

/// How many of so many connections the system has files for. Asks it for as many as it gives.
fn room_for(connections: usize) -> usize {
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, maximum: files.maximum };
    let raised = setrlimit(Resource::Nofile, raised).map_or(files, |()| raised);
    let Some(files) = raised.current else { return connections };
    let room = usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2));
    let room = room.unwrap_or(usize::MAX);
    if room < connections {
        tracing::warn!(files, "the limit of open files leaves room for {room} connections");
    }
    room.min(connections)
}

/// Ends a server. Cheap to clone.
#[derive(Clone)]
pub struct Stopper(Handle<SocketAddr>);

impl Stopper {
    /// No new connections; requests under way are finished.
    pub fn stop(&self) {
        self.0.graceful_shutdown(Some(LAST_REQUESTS));
    }
}
