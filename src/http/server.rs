//! Listening: one HTTP server in front of the routes, bounded in time, that ends cleanly.

use super::layers::Front;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tower::make::Shared;

/// How long a client may take to send its request's head.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long requests under way are waited for at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// A bound listener and the handle that ends what listens on it.
pub struct Server {
    listener: TcpListener,
    handle: Handle<SocketAddr>,
}

impl Server {
    /// Takes the address at once, so that whoever starts the shop hears of a busy port.
    pub fn bind(address: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Server { listener, handle: Handle::new() })
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
        let mut server = axum_server::from_tcp(self.listener)?.handle(self.handle);
        let http = server.http_builder();
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
        http.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(20));
        server.serve(Shared::new(front)).await
    }
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
