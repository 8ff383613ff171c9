//! A bare HTTP server with one answer, always the same: what HTTP itself costs on this machine.

use super::{LimitError, Target};
use crate::bench::report::Http;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PATH: &str = "/";

/// Routes, served on a free port by threads of their own until it is dropped.
pub(super) struct Served {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Served {
    pub fn start(routes: Router) -> Result<Served, LimitError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        // Answers go out at once, as the shop's do.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Served { address, runtime: Some(runtime) })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Sends the same answer for every request.
pub(super) struct Server(Served);

impl Server {
    /// `bytes` of JSON; 0 for a 304.
    pub fn start(bytes: u64) -> Result<Server, LimitError> {
        let body = Bytes::from(vec![b' '; usize::try_from(bytes).unwrap_or(usize::MAX)]);
        let answer = move || {
            let body = body.clone();
            async move {
                match body.is_empty() {
                    true => (StatusCode::NOT_MODIFIED, [(ETAG, "\"1\"")]).into_response(),
                    false => {
                        let headers = [(CONTENT_TYPE, "application/json"), (ETAG, "\"1\"")];
                        (headers, body).into_response()
                    }
                }
            }
        };
        Served::start(Router::new().route(PATH, get(answer))).map(Server)
    }

    pub fn target(&self, connections: u32, http: Http, duration: Duration) -> Target {
        Target {
            address: self.0.address,
            method: Method::GET,
            path: PATH,
            body: Bytes::new(),
            connections,
            http,
            duration,
        }
    }
}
