//! The audit log: every change that a member of staff or one of their keys made is a fact in the
//! log, with how it was asked for and from where. The answer waits until that fact is durable, so no
//! change was acknowledged of which the log does not say who made it.

use super::Caller;
use crate::actors::ask::Reply;
use crate::actors::settle::Ticket;
use crate::domain::StaffId;
use crate::domain::event::Fact;
use crate::domain::staff::{Act, StaffEvent};
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::problem::ApiError;
use crate::storage::Batch;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

fn request_id(headers: &HeaderMap) -> &str {
    headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default()
}

/// What is known of a change before it is made.
pub(super) struct Asked {
    member: StaffId,
    act: Act,
}

impl Asked {
    /// `None` where nobody of staff asks, or nothing is changed.
    pub fn of(caller: &Caller, request: &Request<Body>, route: &str, app: &App) -> Option<Asked> {
        let (member, key) = match caller {
            Caller::Staff(own) => (own.staff, None),
            Caller::Key(own) => (own.maker.staff, Some(own.key)),
            Caller::Nobody | Caller::Cart(_) | Caller::Customer(_) => return None,
        };
        if [Method::GET, Method::HEAD].contains(request.method()) {
            return None;
        }
        let act = Act {
            method: request.method().as_str().to_owned(),
            route: route.to_owned(),
            path: request.uri().path().to_owned(),
            key,
            address: request.extensions().get().map(|Client(address)| address.to_string()),
            request_id: request_id(request.headers()).to_owned(),
            status: 0,
            at: app.shop.env.now(),
        };
        Some(Asked { member, act })
    }

    /// Notes what was changed; what was refused changed nothing.
    pub async fn answered(self, response: Response, app: &App) -> Response {
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return response;
        }
        let Asked { member, act } = self;
        let act = Act { status: status.as_u16(), ..act };
        let mut batch = Batch::new();
        batch.fact(act.at, Fact::Staff(member, StaffEvent::Acted(act)), vec![]);
        let (done, settled) = oneshot::channel();
        let reply = Reply::new(move |outcome| {
            let _ = done.send(outcome.is_ok());
        });
        app.shop.engine.committer.submit(batch, Ticket::of_service(reply));
        match settled.await {
            Ok(true) => response,
            Ok(false) | Err(_) => ApiError::Unavailable { what: "the audit log" }.into_response(),
        }
    }
}
