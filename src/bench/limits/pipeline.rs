//! The least that a durable answer takes: a handler that reads a small JSON body, a queue, a writer
//! that commits all that waits, an answer as large as a checkout's. What a shop adds to it (who may,
//! what it costs, what is left, what is written down) is the distance to this rate.

use super::rows::Rows;
use super::still::Served;
use super::{LimitError, Target};
use crate::bench::report::Http;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

const PATH: &str = "/checkouts";

/// As much as an order of one line, as JSON.
const ANSWER_BYTES: usize = 1_500;

/// As many as the shop's committer takes.
const LARGEST_GROUP: usize = 4_096;

const ORDER: &str = r#"{"cart":"cart-01jd9k7v2m8q4x6z0w5r3t1y9n","email":"ada@example.com","shipping_address":{"name":"Ada Lovelace","line1":"12 St James's Square","city":"Portland","region":"OR","postal_code":"97201","country":"US","phone":"+1 503 555 0100"},"shipping_option":"standard","payment":{"provider":"manual"}}"#;

type Reply = oneshot::Sender<()>;

#[derive(Clone)]
struct Desk {
    queue: UnboundedSender<Reply>,
    answer: Bytes,
}

async fn take(State(desk): State<Desk>, Json(order): Json<serde_json::Value>) -> Response {
    if order.get("cart").is_none() {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let (reply, durable) = oneshot::channel();
    if desk.queue.send(reply).is_err() || durable.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], desk.answer).into_response()
}

/// A handler, a queue and a writer.
pub(super) struct Pipeline {
    served: Served,
    writer: JoinHandle<Result<(), LimitError>>,
}

impl Pipeline {
    pub fn start(folder: &Path) -> Result<Pipeline, LimitError> {
        let mut rows = Rows::create(&folder.join("pipeline.redb"))?;
        let (queue, waiting) = unbounded_channel();
        let desk = Desk { queue, answer: Bytes::from(vec![b' '; ANSWER_BYTES]) };
        let writer = thread::Builder::new()
            .name("bare writer".into())
            .spawn(move || write(&mut rows, waiting))?;
        let routes = Router::new().route(PATH, post(take)).with_state(desk);
        Ok(Pipeline { served: Served::start(routes)?, writer })
    }

    pub fn target(&self, connections: u32, http: Http, duration: Duration) -> Target {
        Target {
            address: self.served.address,
            method: Method::POST,
            path: PATH,
            body: Bytes::from_static(ORDER.as_bytes()),
            connections,
            http,
            duration,
        }
    }

    /// Ends it, and waits for what was under way.
    pub fn stop(self) -> Result<(), LimitError> {
        drop(self.served);
        self.writer.join().map_err(|_| LimitError::Stopped)?
    }
}

/// One commit for all that waits, until nobody is left who could ask.
fn write(rows: &mut Rows, mut waiting: UnboundedReceiver<Reply>) -> Result<(), LimitError> {
    let mut taken = vec![];
    while waiting.blocking_recv_many(&mut taken, LARGEST_GROUP) > 0 {
        rows.commit(taken.len())?;
        for reply in taken.drain(..) {
            // Whoever asked may have hung up.
            let _ = reply.send(());
        }
    }
    Ok(())
}
