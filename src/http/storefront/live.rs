//! Stock as it changes, for pages that are being looked at (server-sent events).
//!
//! A stream first says what is left of each of its SKUs, and then tells of every change. It is woken
//! by what became durable and looks its few SKUs up again: nothing is pushed into it, so a slow reader
//! costs nobody anything, and whatever changed several times meanwhile is told once, as it stands.
//! What is told is what the pages of products show anybody: of drafts it knows nothing, and of what is
//! no longer for sale it says that nothing is left.

use crate::actors::reads::{Catalog, Reads};
use crate::domain::catalog::Fault;
use crate::domain::{Seq, Sku};
use crate::http::app::{App, Call};
use crate::http::body::decoded;
use crate::http::client::Client;
use crate::http::conn::{Place, Places};
use crate::http::limits::LiveLimits;
use crate::http::problem::ApiError;
use crate::telemetry::Telemetry;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures_util::stream;
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// SKUs of one stream: above forty, a page shows its variants as a list that does not move.
const MOST_SKUS: usize = 60;

/// Changes within that time are told together: in a rush, a stream looks five times a second.
const GATHERING: Duration = Duration::from_millis(200);

/// Who is turned away because of how many there are from their address may try again then.
const RETRY_AFTER_S: u32 = 60;

pub fn page(limits: LiveLimits) -> (&'static str, MethodRouter<App>) {
    let places = Places::new(limits.most, limits.most_per_address);
    let follow = get(move |State(app): State<App>, client: Client, call: Call| {
        std::future::ready(follow(&app, &places, client, &call))
    });
    ("/live/stock", follow)
}

fn follow(
    app: &App,
    places: &Places,
    Client(address): Client,
    call: &Call,
) -> Result<Response, ApiError> {
    let reads = Arc::clone(&app.shop.reads);
    let mut skus = asked_for(call.uri.query().unwrap_or_default())?;
    let catalog = reads.catalog.load();
    skus.retain(|sku| catalog.price(sku).is_some());
    if skus.is_empty() {
        return Err(ApiError::NotFound { what: "SKU for sale" });
    }
    let place = places.take(address, false).ok_or_else(|| match places.is_full() {
        true => ApiError::Unavailable { what: "another live stream" },
        false => ApiError::RateLimited { retry_after_s: RETRY_AFTER_S },
    })?;
    let follower = Follower {
        told: skus.into_iter().map(|sku| (sku, None)).collect(),
        looked_at: None,
        untold: VecDeque::new(),
        news: reads.last_seq(),
        reads,
        closing: app.shop.closing(),
        _seat: Seat::new(place, &app.shop.telemetry),
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let stock = follower.next().await?;
        Some((Ok::<_, Infallible>(message(&stock)), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The SKUs that a query names, each once. One that cannot be a SKU is one that nobody sells.
fn asked_for(query: &str) -> Result<Vec<Sku>, ApiError> {
    let fault = |pointer: &str, detail: String| {
        ApiError::InvalidQuery(vec![Fault { pointer: pointer.into(), detail }])
    };
    let mut skus = Vec::new();
    let mut given = 0;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "sku" {
            return Err(fault("", "is not a known parameter; known: sku".into()));
        }
        let text = decoded(text);
        let text = text.ok_or_else(|| fault("/sku", "must be percent-encoded UTF-8".into()))?;
        given += 1;
        if given > MOST_SKUS {
            return Err(fault("/sku", format!("may be given {MOST_SKUS} times")));
        }
        skus.extend(text.parse::<Sku>().ok().filter(|sku| !skus.contains(sku)));
    }
    if given == 0 {
        return Err(fault("/sku", "is required".into()));
    }
    Ok(skus)
}

/// What is left of one SKU, as shoppers are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Stock {
    sku: String,
    available: i64,
    /// Whether more may be bought than is there.
    backorder: bool,
}

impl Stock {
    fn of(sku: &Sku, catalog: &Catalog, reads: &Reads) -> Stock {
        let is_sold = catalog.price(sku).is_some();
        let level = if is_sold { reads.levels.get(sku) } else { Default::default() };
        let available = level.available().max(0);
        Stock { sku: sku.as_str().into(), available, backorder: level.backorder }
    }
}

fn message(stock: &Stock) -> sse::Event {
    let message = sse::Event::default().event("stock");
    message.data(serde_json::to_string(stock).unwrap_or_default())
}

/// One live stream: what it has told, and what would end it.
struct Follower {
    told: Vec<(Sku, Option<Stock>)>,
    /// The state of the models when they were last looked at.
    looked_at: Option<u64>,
    untold: VecDeque<Stock>,
    reads: Arc<Reads>,
    news: watch::Receiver<Seq>,
    closing: watch::Receiver<bool>,
    _seat: Seat,
}

impl Follower {
    /// The next change, whenever it happens; `None` ends the stream.
    async fn next(&mut self) -> Option<Stock> {
        loop {
            if *self.closing.borrow() {
                return None;
            }
            if let Some(stock) = self.untold.pop_front() {
                return Some(stock);
            }
            // What happens from here on shows as news.
            self.news.borrow_and_update();
            self.look();
            if self.untold.is_empty() {
                tokio::select! {
                    grown = self.news.changed() => grown.ok()?,
                    closing = self.closing.changed() => closing.ok()?,
                }
                tokio::select! {
                    () = sleep(GATHERING) => {}
                    closing = self.closing.changed() => closing.ok()?,
                }
            }
        }
    }

    /// Notes what has changed since it was told.
    fn look(&mut self) {
        // Nearly all that happens in a shop is nothing that shoppers are shown.
        let moment = Some(self.reads.moment.now());
        if self.looked_at == moment {
            return;
        }
        self.looked_at = moment;
        let catalog = self.reads.catalog.load();
        for (sku, told) in &mut self.told {
            let stock = Stock::of(sku, &catalog, &self.reads);
            if told.as_ref() != Some(&stock) {
                *told = Some(stock.clone());
                self.untold.push_back(stock);
            }
        }
    }
}

/// A stream's place, which shows among the shop's figures.
struct Seat {
    telemetry: Arc<Telemetry>,
    _place: Place,
}

impl Seat {
    fn new(place: Place, telemetry: &Arc<Telemetry>) -> Seat {
        telemetry.stock_streams.fetch_add(1, Ordering::Relaxed);
        Seat { telemetry: Arc::clone(telemetry), _place: place }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.telemetry.stock_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skus(query: &str) -> Vec<String> {
        asked_for(query).unwrap().iter().map(|sku| sku.as_str().to_owned()).collect()
    }

    #[test]
    fn skus_are_named_one_by_one_and_each_counts_once() {
        assert_eq!(skus("sku=MUG&sku=A%26B&sku=MUG&sku=red+cup&"), ["MUG", "A&B", "red cup"]);
        assert_eq!(skus("sku=&sku=%20x").len(), 0, "nobody sells what cannot be a SKU");
    }

    #[test]
    fn what_is_no_list_of_skus_is_refused() {
        let many = ["sku=x"; MOST_SKUS + 1].join("&");
        for query in ["", "&", "sku=a&id=b", "SKU=a", "sku=%ff", &many] {
            assert!(matches!(asked_for(query), Err(ApiError::InvalidQuery(_))), "{query}");
        }
        assert_eq!(skus(&many[6..]).len(), 1);
    }
}
