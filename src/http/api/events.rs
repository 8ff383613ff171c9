//! The shop's one ordered log, for staff: in pages, and live.
//!
//! A live stream reads the same log in the same pages from its own place, whenever the log has
//! grown. Nothing is pushed into it, so a slow reader costs a page of memory, and one that comes
//! back with `Last-Event-ID` misses nothing and sees nothing twice.

use super::dto::event::{EventJson, EventList, EventsMeta};
use crate::actors::accounts::{Accounts, Credential};
use crate::actors::reads::Reads;
use crate::domain::Seq;
use crate::domain::event::Event;
use crate::http::access::Staff;
use crate::http::app::{App, Call};
use crate::http::body::Params;
use crate::http::etag::versioned;
use crate::http::list::PageLimit;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How many events a stream reads at once.
const PAGE: usize = 256;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(follow))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Only events after this one; without it, from the first.
    #[param(pattern = "^evt-[0-9]{13}$", example = "evt-0000000000042")]
    after: Option<String>,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
}

/// Read the log, oldest first.
///
/// Give `meta.next` as `after` to read on. Where the log has ended for now, `data` is empty and
/// `meta.next` stays as it is, so that a reader only ever has to keep that one value.
#[utoipa::path(get, path = "/v1/events", tag = "Events", params(EventsQuery),
    security(("bearer" = [])),
    responses((status = 200, body = EventList), (status = 304)))]
async fn list(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Params(query): Params<EventsQuery>,
) -> Result<Response, ApiError> {
    let after = query.after.as_deref().map_or(Seq(0), |after| after.parse().unwrap_or_default());
    let limit = query.limit.0 as usize;
    // One more than asked for says whether there is more.
    let read = app.shop.reads.events_after(after, limit + 1);
    let mut events = read.map_err(|error| ApiError::fault(&error))?;
    let has_more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().map_or(after, |event| event.seq);
    let list = EventList {
        data: events.iter().map(EventJson::from).collect(),
        meta: EventsMeta { next: next.to_string(), has_more, items_per_page: query.limit.0 },
    };
    Ok(versioned(&call.headers, StatusCode::OK, None, &list))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FollowQuery {
    /// Begin after this event; without it, with the next one that happens. `Last-Event-ID` wins.
    #[param(pattern = "^evt-[0-9]{13}$", example = "evt-0000000000042")]
    after: Option<String>,
}

/// Follow the log live (server-sent events).
///
/// Each message has the event's id as `id` and the event as JSON in `data`. A reader that comes back
/// with `Last-Event-ID` goes on exactly there. The stream ends when the shop closes or the login
/// does.
#[utoipa::path(get, path = "/v1/events/stream", tag = "Events",
    params(FollowQuery, ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")),
    security(("bearer" = [])),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn follow(
    State(app): State<App>,
    _staff: Staff,
    shown: Credential,
    call: Call,
    Params(query): Params<FollowQuery>,
) -> Result<Response, ApiError> {
    let shop = &app.shop;
    let last = call.headers.get("last-event-id").map(|value| {
        value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
            let detail = "must be the id of an event, such as evt-0000000000042".into();
            ApiError::InvalidHeader { name: "Last-Event-ID", detail }
        })
    });
    let after = match last.transpose()? {
        Some(last) => Some(last),
        None => query.after.and_then(|after| after.parse().ok()),
    };
    let place = Arc::clone(&shop.streams).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Unavailable { what: "another live stream" })?;
    let (news, closing) = (shop.reads.last_seq(), shop.closing());
    let after = after.unwrap_or_else(|| *news.borrow());
    let follower = Follower {
        reads: Arc::clone(&shop.reads),
        accounts: shop.accounts.clone(),
        shown,
        after,
        read: VecDeque::new(),
        news,
        closing,
        _place: place,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(message(&event)), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// One live stream: where it is in the log, and what would end it.
struct Follower {
    reads: Arc<Reads>,
    accounts: Accounts,
    /// Looked at again before every page, for it may have been revoked.
    shown: Credential,
    after: Seq,
    read: VecDeque<Event>,
    news: watch::Receiver<Seq>,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// The next event, whenever it happens; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.after = event.seq;
                return Some(event);
            }
            if *self.closing.borrow() || self.accounts.who(&self.shown).is_none() {
                return None;
            }
            // What happens from here on shows as news.
            self.news.borrow_and_update();
            match self.reads.events_after(self.after, PAGE) {
                Ok(events) => self.read.extend(events),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "a live stream ended: the log cannot be read");
                    return None;
                }
            }
            if self.read.is_empty() {
                tokio::select! {
                    grown = self.news.changed() => grown.ok()?,
                    closing = self.closing.changed() => closing.ok()?,
                }
            }
        }
    }
}

fn message(event: &Event) -> sse::Event {
    let message = sse::Event::default().id(event.seq.to_string());
    // An event is made of text and numbers; what could not be written would still have its id.
    message.data(serde_json::to_string(&EventJson::from(event)).unwrap_or_default())
}
