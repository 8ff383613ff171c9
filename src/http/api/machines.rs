//! What machines ask: is it alive, is it ready, how is it doing. Open to all and never turned away;
//! nothing here names a customer, an order or a secret.

use crate::domain::{Seq, Timestamp};
use crate::http::app::App;
use crate::http::etag::answer;
use crate::http::json::Time;
use crate::telemetry::Figures;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long the actors may take to report: they answer in microseconds unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(2);

/// From how many unseen events on the index counts as behind. Some are normal under load.
const BEHIND: u64 = 10_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

/// That the program runs.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Alive {
    #[schema(example = "alive")]
    status: &'static str,
}

/// Is it alive?
#[utoipa::path(get, path = "/healthz", tag = "Machines", responses((status = 200, body = Alive)))]
async fn alive() -> Response {
    uncached(answer(StatusCode::OK, &Alive { status: "alive" }))
}

/// Whether requests may be sent here, and how each part is.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Readiness {
    /// `ready`, `not_ready` or `closing`.
    #[schema(example = "ready")]
    status: &'static str,
    store: StorePart,
    actors: ActorsPart,
    search: SearchPart,
    mail: MailPart,
    backup: BackupPart,
    archive: ArchivePart,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StorePart {
    /// `up`, `down` while it takes no writes, or `damaged` where a stored row is not what was written:
    /// it is not served, and the log says which backup to go back to.
    #[schema(example = "up")]
    state: &'static str,
    batches_waiting: usize,
    #[schema(example = "evt-0000000000042")]
    last_event_id: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActorsPart {
    /// `up`, or `silent` where a shard did not answer in time.
    #[schema(example = "up")]
    state: &'static str,
    /// How often one was started again.
    restarts: u64,
    carts: usize,
    orders: usize,
    skus: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SearchPart {
    /// `up`, or `behind`. The shop sells on without search, so it stays ready.
    #[schema(example = "up")]
    state: &'static str,
    /// Events that the index has not looked at yet.
    events_behind: u64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct MailPart {
    /// `up`, `down` while the mail server cannot be used, or `off` where none is set. The shop sells
    /// on without mails, which wait, so it stays ready.
    #[schema(example = "up")]
    state: &'static str,
    /// Mails that wait to be sent.
    waiting: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BackupPart {
    /// `up`, `failing` where the last planned backup failed, or `off` where none are planned. The
    /// shop sells on without backups, so it stays ready.
    #[schema(example = "up")]
    state: &'static str,
    /// When the last backup was taken, by plan or by hand.
    taken_at: Option<Time>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ArchivePart {
    /// `up`, `failing` where its folder cannot be written, or `off` where none is kept. What it lacks
    /// waits in the data file, so the shop stays ready.
    #[schema(example = "up")]
    state: &'static str,
    /// Batches that are not in the archive's folder yet, as of its last round.
    batches_waiting: u64,
}

/// Is it ready?
#[utoipa::path(get, path = "/readyz", tag = "Machines",
    responses((status = 200, body = Readiness), (status = 503, description = "Not ready", body = Readiness)))]
async fn ready(State(app): State<App>) -> Response {
    let (figures, answered) = look(&app).await;
    let is_closing = *app.shop.closing().borrow();
    let is_ready = figures.healthy && answered && !is_closing;
    let readiness = Readiness {
        status: match (is_closing, is_ready) {
            (true, _) => "closing",
            (false, true) => "ready",
            (false, false) => "not_ready",
        },
        store: StorePart {
            state: match (figures.healthy, figures.keeping.damage_found) {
                (false, _) => "down",
                (true, true) => "damaged",
                (true, false) => "up",
            },
            batches_waiting: figures.waiting,
            last_event_id: Seq(figures.last_event).to_string(),
        },
        actors: ActorsPart {
            state: if answered { "up" } else { "silent" },
            restarts: figures.restarts,
            carts: figures.carts,
            orders: figures.orders,
            skus: figures.skus,
        },
        search: SearchPart {
            state: if figures.index_lag < BEHIND { "up" } else { "behind" },
            events_behind: figures.index_lag,
        },
        mail: MailPart {
            state: match (app.shop.mails.is_some(), figures.mails_held_up) {
                (false, _) => "off",
                (true, true) => "down",
                (true, false) => "up",
            },
            waiting: figures.mails_waiting,
        },
        backup: BackupPart {
            state: state(figures.keeping.is_planned, figures.keeping.backup_failing),
            taken_at: figures.keeping.backup_taken_at_ms.map(Timestamp::from_millis).map(Time),
        },
        archive: ArchivePart {
            state: state(figures.keeping.is_archiving, figures.keeping.archive_failing),
            batches_waiting: figures.keeping.archive_waiting,
        },
    };
    if is_ready {
        return uncached(answer(StatusCode::OK, &readiness));
    }
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &readiness);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    uncached(response)
}

/// How is it doing?
///
/// The text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "Machines",
    responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(app): State<App>) -> Response {
    let (figures, _) = look(&app).await;
    let mut response = app.shop.telemetry.text(&figures).into_response();
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, format);
    uncached(response)
}

fn state(is_on: bool, is_failing: bool) -> &'static str {
    match (is_on, is_failing) {
        (false, _) => "off",
        (true, true) => "failing",
        (true, false) => "up",
    }
}

/// The figures of this moment, and whether the actors reported theirs in time.
async fn look(app: &App) -> (Figures, bool) {
    match timeout(PATIENCE, app.shop.engine.desk.census()).await {
        Ok(census) => (app.shop.figures(census), true),
        Err(_elapsed) => (app.shop.figures(Default::default()), false),
    }
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
