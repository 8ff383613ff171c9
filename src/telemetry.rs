//! What the shop measures of itself, in Prometheus' words.
//!
//! Each shop has a recorder of its own rather than the process-wide one, so several shops live in
//! one process. A label is never an id: routes are templates, methods are the known ones and
//! statuses their class, so the number of series is bounded by the program and not by its visitors.

pub mod request;

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
};
use metrics::{histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

const REQUESTS: &str = "mercat_http_requests_total";
const DURATION: &str = "mercat_http_request_duration_seconds";
const WRITES: &str = "mercat_http_writes_under_way";
const MOST_WRITES: &str = "mercat_http_writes_bound";
const WAITING: &str = "mercat_batches_waiting";
const ENTITIES: &str = "mercat_entities";
const ENTITY_BYTES: &str = "mercat_entity_bytes";
const RESTARTS: &str = "mercat_actor_restarts_total";
const EVENTS: &str = "mercat_events_total";
const INDEX_LAG: &str = "mercat_search_index_lag_events";
const MAILS_WAITING: &str = "mercat_mails_waiting";
const MAILS: &str = "mercat_mails_total";
const STREAMS: &str = "mercat_event_streams";
const STOCK_STREAMS: &str = "mercat_stock_streams";
const BACKUP_TAKEN: &str = "mercat_backup_taken_timestamp_seconds";
const BACKUP_FAILING: &str = "mercat_backup_failing";
const ARCHIVE_WAITING: &str = "mercat_archive_batches_waiting";
const DAMAGED: &str = "mercat_data_damaged";
const ARCHIVE_FAILING: &str = "mercat_archive_failing";
const HEALTHY: &str = "mercat_store_healthy";

/// Upper ends of the histogram's buckets, in seconds: from a read in memory to the time limit.
const BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// After how many requests their durations are sorted into the buckets, whether anybody asked for
/// them or not: until then each takes memory.
const UPKEEP: u64 = 4_096;

/// The shop's own recorder.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    requests: AtomicU64,
    routes: RwLock<HashMap<Box<str>, Series>>,
    /// Kept by the front door.
    pub writes: Arc<WriteGauge>,
    /// Live streams of stock that are open.
    pub stock_streams: AtomicUsize,
}

/// The writes that the front door let in.
#[derive(Debug, Default)]
pub struct WriteGauge {
    pub under_way: AtomicUsize,
    /// How many there may be now; 0 where nobody counts them.
    pub most: AtomicUsize,
}

/// What is looked up at the moment somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Batches handed to the committer and not settled.
    pub waiting: usize,
    pub carts: usize,
    pub orders: usize,
    pub skus: usize,
    /// Memory that those take.
    pub entity_bytes: usize,
    /// How often a shard or service was started again.
    pub restarts: u64,
    /// The number of the newest event.
    pub last_event: u64,
    /// Events that the search index has not looked at yet.
    pub index_lag: u64,
    /// Mails that wait to be sent.
    pub mails_waiting: usize,
    pub mails_sent: u64,
    pub mails_given_up: u64,
    /// Whether mails wait because the last try found no mail server to hand them to.
    pub mails_held_up: bool,
    /// Live streams of events that are open.
    pub streams: usize,
    pub keeping: KeepingFigures,
    /// Whether the store takes writes.
    pub healthy: bool,
}

/// How it stands with backups and the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepingFigures {
    /// Whether the shop takes backups by itself.
    pub is_planned: bool,
    /// When the last one was taken, by whomever, in milliseconds since 1970.
    pub backup_taken_at_ms: Option<i64>,
    /// Whether the last planned one failed.
    pub backup_failing: bool,
    pub is_archiving: bool,
    pub archive_failing: bool,
    /// Batches that are not in the archive's folder yet.
    pub archive_waiting: u64,
    /// Whether the last walk through all rows met one that is not what was written.
    pub damage_found: bool,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let recorder = builder.expect("there are buckets").build_recorder();
        with_local_recorder(&recorder, || {
            describe_counter!(REQUESTS, "Requests by method, route and class of status");
            describe_histogram!(DURATION, Unit::Seconds, "Time from a request to its answer");
            describe_gauge!(WRITES, "Writes that were let in and are not answered");
            describe_gauge!(MOST_WRITES, "How many writes may be under way now; 0 for any number");
            describe_gauge!(WAITING, "Batches on their way to the disk");
            describe_gauge!(ENTITIES, "Entities in memory, by kind");
            describe_gauge!(ENTITY_BYTES, Unit::Bytes, "Memory that entities take");
            describe_counter!(RESTARTS, "Actors that were started again");
            describe_counter!(EVENTS, "Events in the log");
            describe_gauge!(INDEX_LAG, "Events that the search index has not looked at yet");
            describe_gauge!(MAILS_WAITING, "Mails that wait to be sent");
            describe_counter!(MAILS, "Mails that are over, by what became of them");
            describe_gauge!(STREAMS, "Live streams of events that are open");
            describe_gauge!(STOCK_STREAMS, "Live streams of stock that are open");
            describe_gauge!(BACKUP_TAKEN, Unit::Seconds, "When the last backup was taken");
            describe_gauge!(BACKUP_FAILING, "1 where the last planned backup failed, else 0");
            describe_gauge!(DAMAGED, "1 where a stored row is not what was written, else 0");
            describe_gauge!(ARCHIVE_WAITING, "Batches that are not in the archive's folder yet");
            describe_gauge!(
                ARCHIVE_FAILING,
                "1 where the archive's folder cannot be written, else 0"
            );
            describe_gauge!(HEALTHY, "1 where the store takes writes, else 0");
        });
        let handle = recorder.handle();
        Telemetry {
            recorder,
            handle,
            requests: AtomicU64::new(0),
            routes: RwLock::default(),
            writes: Arc::default(),
            stock_streams: AtomicUsize::new(0),
        }
    }
}

impl Telemetry {
    /// Counts one answered request. `route` is the template that it met.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let class = match status {
            ..200 => 0,
            200..300 => 1,
            300..400 => 2,
            400..500 => 3,
            500.. => 4,
        };
        let known = METHODS.iter().position(|own| *own == method).unwrap_or(METHODS.len() - 1);
        let count = |series: &Series| {
            let counter = series.counters[known][class].get_or_init(|| {
                let (method, status) = (METHODS[known], CLASSES[class]);
                with_local_recorder(&self.recorder, || {
                    counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status)
                })
            });
            counter.increment(1);
            series.durations.record(took);
        };
        // Nearly always the route is known: its series are looked up by its name and no other.
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        match routes.get(route) {
            Some(series) => count(series),
            None => {
                drop(routes);
                let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
                let series = routes.entry(route.into()).or_insert_with(|| Series {
                    durations: with_local_recorder(
                        &self.recorder,
                        || histogram!(DURATION, "route" => route.to_owned()),
                    ),
                    counters: Default::default(),
                });
                count(series);
            }
        }
        if self.requests.fetch_add(1, Ordering::Relaxed) % UPKEEP == UPKEEP - 1 {
            self.handle.run_upkeep();
        }
    }

    /// Everything, in the text format of Prometheus.
    pub fn text(&self, figures: &Figures) -> String {
        with_local_recorder(&self.recorder, || {
            let kinds = [("cart", figures.carts), ("order", figures.orders), ("sku", figures.skus)];
            for (kind, count) in kinds {
                gauge!(ENTITIES, "kind" => kind).set(count as f64);
            }
            let WriteGauge { under_way, most } = &*self.writes;
            gauge!(WRITES).set(under_way.load(Ordering::Relaxed) as f64);
            gauge!(MOST_WRITES).set(most.load(Ordering::Relaxed) as f64);
            gauge!(WAITING).set(figures.waiting as f64);
            gauge!(ENTITY_BYTES).set(figures.entity_bytes as f64);
            gauge!(INDEX_LAG).set(figures.index_lag as f64);
            gauge!(MAILS_WAITING).set(figures.mails_waiting as f64);
            counter!(MAILS, "outcome" => "sent").absolute(figures.mails_sent);
            counter!(MAILS, "outcome" => "given_up").absolute(figures.mails_given_up);
            gauge!(STREAMS).set(figures.streams as f64);
            gauge!(STOCK_STREAMS).set(self.stock_streams.load(Ordering::Relaxed) as f64);
            gauge!(HEALTHY).set(f64::from(u8::from(figures.healthy)));
            let KeepingFigures { backup_taken_at_ms, .. } = figures.keeping;
            if let Some(at) = backup_taken_at_ms {
                gauge!(BACKUP_TAKEN).set(at as f64 / 1_000.0);
            }
            let flag = |is_set: bool| f64::from(u8::from(is_set));
            gauge!(BACKUP_FAILING).set(flag(figures.keeping.backup_failing));
            gauge!(DAMAGED).set(flag(figures.keeping.damage_found));
            gauge!(ARCHIVE_FAILING).set(flag(figures.keeping.archive_failing));
            gauge!(ARCHIVE_WAITING).set(figures.keeping.archive_waiting as f64);
            counter!(RESTARTS).absolute(figures.restarts);
            counter!(EVENTS).absolute(figures.last_event);
        });
        self.handle.render()
    }
}

/// The methods that the shop knows: clients may make up others, which are all the last one.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of one route.
struct Series {
    durations: Histogram,
    /// By method and class of status; made when the first one comes.
    counters: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_shops_in_one_process_count_for_themselves() {
        let (one, other) = (Telemetry::default(), Telemetry::default());
        for status in [200, 201, 404] {
            one.answered("GET", "/v1/carts/{cartId}", status, Duration::from_millis(3));
        }
        let text = one.text(&Figures { carts: 7, restarts: 2, ..Figures::default() });
        let counted = |status: &str, count: u32| {
            format!(
                "{REQUESTS}{{method=\"GET\",route=\"/v1/carts/{{cartId}}\",status=\"{status}\"}} {count}"
            )
        };
        assert!(text.contains(&counted("2xx", 2)) && text.contains(&counted("4xx", 1)), "{text}");
        assert!(text.contains(&format!("{ENTITIES}{{kind=\"cart\"}} 7")), "{text}");
        assert!(text.contains(&format!("{RESTARTS} 2")), "{text}");
        let bucket = format!("{DURATION}_bucket{{route=\"/v1/carts/{{cartId}}\",le=\"0.005\"}} 3");
        assert!(text.contains(&bucket), "{text}");
        assert!(!other.text(&Figures::default()).contains(REQUESTS));
    }

    #[test]
    fn made_up_methods_make_no_series_of_their_own() {
        let telemetry = Telemetry::default();
        for method in ["MADEUP", "PROPFIND", "X"] {
            telemetry.answered(method, "none", 405, Duration::ZERO);
        }
        let text = telemetry.text(&Figures::default());
        assert!(text.contains("method=\"other\",route=\"none\",status=\"4xx\"} 3"), "{text}");
    }

    #[test]
    fn durations_are_sorted_in_even_where_nobody_asks() {
        let telemetry = Telemetry::default();
        for _ in 0..UPKEEP {
            telemetry.answered("GET", "/v1/products", 200, Duration::from_micros(10));
        }
        let text = telemetry.text(&Figures::default());
        assert!(text.contains(&format!("{DURATION}_count{{route=\"/v1/products\"}} {UPKEEP}")));
    }
}
