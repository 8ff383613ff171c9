//! What every request passes before a handler sees it, in one piece: a request id, admission, the
//! limits of body and time, a net for panics, the last touches on problems and headers.
//!
//! It is one service rather than a stack of layers, because each boxed layer costs about as much as
//! a whole handler here. Bodies are zipped only for those who ask.

use super::problem::{ApiError, Problem};
use crate::telemetry::Telemetry;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version,
};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::Service;
use tower::util::MapRequestLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};
use tower_http::compression::{Compression, CompressionLayer};
use tracing::Instrument;

/// The bounds that requests are kept in.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests under way at once; one more is turned away with 503.
    pub most_requests: usize,
    /// How long an answer may take to begin.
    pub time_limit: Duration,
    /// The same for paths that start with one of `patient_paths`, such as uploads.
    pub patient_time_limit: Duration,
    pub patient_paths: &'static [&'static str],
    /// Bytes of a body, unless a route has its own `DefaultBodyLimit`.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            most_requests: 1_024,
            time_limit: Duration::from_secs(15),
            patient_time_limit: Duration::from_secs(300),
            patient_paths: &["/v1/imports/"],
            body_bytes: 1 << 20,
        }
    }
}

/// Asked by machines that must know when the shop is busy; never turned away.
const EXEMPT: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// Answers below this many bytes are sent as they are.
const ZIPPED_FROM_BYTES: u64 = 1_024;

type Worth = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;
type Zip = Compression<Router, And<SizeAbove, Worth>>;

/// The shop's front door, around its routes.
#[derive(Clone)]
pub struct Front {
    plain: Router,
    zipping: Zip,
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    under_way: AtomicUsize,
    made_ids: AtomicU64,
    telemetry: Arc<Telemetry>,
}

/// Where the router notes which route a request met, for whoever waits outside of it.
#[derive(Clone, Default)]
struct Met(Arc<OnceLock<MatchedPath>>);

impl Met {
    fn note(request: Request<Body>) -> Request<Body> {
        let extensions = request.extensions();
        if let (Some(met), Some(path)) = (extensions.get::<Met>(), extensions.get::<MatchedPath>())
        {
            met.0.get_or_init(|| path.clone());
        }
        request
    }

    /// The route's template.
    fn route(&self) -> &str {
        self.0.get().map_or("none", MatchedPath::as_str)
    }
}

/// One request on its way, as the outermost layer knows it.
struct Journey {
    ticket: Ticket,
    id: HeaderValue,
    method: Method,
    path: String,
    limit: Duration,
    started: Instant,
    met: Met,
}

impl Front {
    /// `first_id` is where made request ids count from; random, so that two runs do not share any.
    pub fn new(routes: Router, limits: Limits, first_id: u64, telemetry: Arc<Telemetry>) -> Front {
        let routes = routes.layer(MapRequestLayer::new(Met::note));
        let text: Worth = |_, _, headers, _| is_text(headers);
        let worth_it = SizeAbove::new(ZIPPED_FROM_BYTES).and(text);
        let zip = CompressionLayer::new().gzip(true).compress_when(worth_it);
        let made_ids = AtomicU64::new(first_id);
        Front {
            zipping: tower::Layer::layer(&zip, routes.clone()),
            plain: routes,
            shared: Arc::new(Shared {
                limits,
                under_way: AtomicUsize::new(0),
                made_ids,
                telemetry,
            }),
        }
    }

    /// Requests under way now.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::Relaxed)
    }
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let started = Instant::now();
        let mut request = request.map(Body::new);
        let id = self.shared.request_id(request.headers());
        let path = request.uri().path().to_owned();
        let Some(ticket) = self.shared.admit(&path) else {
            let response = ApiError::Overloaded.into_response();
            let (method, status) = (request.method().as_str(), response.status().as_u16());
            self.shared.telemetry.answered(method, "turned away", status, started.elapsed());
            return Box::pin(std::future::ready(Ok(finished(response, id, &path))));
        };
        let limits = &self.shared.limits;
        DefaultBodyLimit::max(limits.body_bytes).apply(&mut request);
        let patient = limits.patient_paths.iter().any(|start| path.starts_with(start));
        let limit = if patient { limits.patient_time_limit } else { limits.time_limit };
        let span = tracing::info_span!(
            "request",
            request.id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            path = %Redacted(&path),
        );
        let (met, method) = (Met::default(), request.method().clone());
        request.extensions_mut().insert(met.clone());
        let zipped = accepts_gzip(request.headers());
        let journey = Journey { ticket, id, method, path, limit, started, met };
        let telemetry = Arc::clone(&self.shared.telemetry);
        if zipped {
            let answer = self.zipping.call(request);
            let answer = async { answer.await.map(|response| response.map(Body::new)) };
            Box::pin(guarded(answer, journey, telemetry).instrument(span))
        } else {
            let answer = self.plain.call(request);
            Box::pin(guarded(answer, journey, telemetry).instrument(span))
        }
    }
}

/// Runs one request to its answer, whatever happens to it.
async fn guarded<F>(
    answer: F,
    journey: Journey,
    telemetry: Arc<Telemetry>,
) -> Result<Response, Infallible>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let Journey { ticket, id, method, path, limit, started, met } = journey;
    let caught = AssertUnwindSafe(answer).catch_unwind();
    let response = match tokio::time::timeout(limit, caught).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => {
            tracing::error!("a handler panicked");
            ApiError::Internal.into_response()
        }
        Err(_elapsed) => {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "a request ran out of time");
            ApiError::TimedOut.into_response()
        }
    };
    drop(ticket);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    telemetry.answered(method.as_str(), met.route(), status, took);
    let duration_ms = took.as_millis() as u64;
    // Machines ask every few seconds; nobody wants to read that.
    if EXEMPT.contains(&path.as_str()) {
        tracing::debug!(status, duration_ms, "answered");
    } else {
        tracing::info!(status, duration_ms, "answered");
    }
    Ok(finished(response, id, &path))
}

/// The last touches: what only the outermost layer knows, and what every answer carries.
fn finished(mut response: Response, id: HeaderValue, path: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let encoded = response.headers().contains_key(axum::http::header::CONTENT_ENCODING);
        if !encoded && !response.body().is_end_stream() {
            response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
            *response.body_mut() = Body::from(problem.body(Some(path)));
        }
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if is_text(headers) {
        headers.entry(VARY).or_insert(BY_ENCODING);
    }
    response
}

fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    matches!(media_type, "application/json" | "application/problem+json" | "text/html" | "text/csv")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .any(|value| value.as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"gzip")))
}

/// One request's place among those under way, given back when it is dropped.
struct Ticket(Option<Arc<Shared>>);

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// A place, or none where the house is full.
    fn admit(self: &Arc<Shared>, path: &str) -> Option<Ticket> {
        if EXEMPT.contains(&path) {
            return Some(Ticket(None));
        }
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Some(self.clone()));
        (before < self.limits.most_requests).then_some(ticket)
    }

    /// The caller's own id where it is sane, or else the next one of ours.
    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(REQUEST_ID).filter(|value| is_sane(value.as_bytes())) {
            return given.clone();
        }
        let next = self.made_ids.fetch_add(1, Ordering::Relaxed);
        let mut text = *b"req-0000000000000000";
        for (i, byte) in text[4..].iter_mut().enumerate() {
            *byte = b"0123456789abcdef"[(next >> (60 - 4 * i) & 15) as usize];
        }
        HeaderValue::from_bytes(&text).expect("hex digits stand in a header")
    }
}

fn is_sane(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && id.iter().all(plain)
}

/// A path for the log: a cart's id is its guest's key and is left out.
struct Redacted<'a>(&'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (i, segment) in self.0.split('/').enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            // Below `carts` it is a key even where it is spelled in another way (`%63art-…`).
            let is_key = before == "carts" || segment.starts_with("cart-");
            f.write_str(if is_key && !segment.is_empty() { "cart-…" } else { segment })?;
            before = segment;
        }
        Ok(())
    }
}

/// Runs a write to its end even where its caller has gone or its time is up: a write that was begun
/// is carried out, and its answer kept for the next try. A panic in it goes on in the caller.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only a runtime that is shutting down cancels a task that nobody aborts.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::with_fallbacks;
    use axum::routing::{get, post};
    use serde_json::Value;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    fn front(routes: Router, limits: Limits) -> Front {
        Front::new(with_fallbacks(routes), limits, 0xabc, Arc::default())
    }

    fn request(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).unwrap()
    }

    async fn json(response: Response) -> Value {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn with_id(id: &[u8]) -> Request<Body> {
        let mut request = request("/");
        request.headers_mut().insert(REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
        request
    }

    #[tokio::test]
    async fn a_request_id_is_taken_or_made_and_answered() {
        let front = front(Router::new().route("/", get(|| async { "hi" })), Limits::default());
        let id = |request| {
            let front = front.clone();
            async move {
                let response = front.oneshot(request).await.unwrap();
                response.headers()[REQUEST_ID].to_str().unwrap().to_owned()
            }
        };
        assert_eq!(id(with_id(b"my-id_1.2")).await, "my-id_1.2");
        assert_eq!(id(request("/")).await, "req-0000000000000abc");
        assert_eq!(id(with_id(b"a b")).await, "req-0000000000000abd");
        assert_eq!(id(with_id(&[b'x'; 129])).await, "req-0000000000000abe");
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing() {
        let routes = Router::new().route("/", get(|| async { panic!("secret") as () }));
        let response = front(routes, Limits::default()).oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key(REQUEST_ID));
        let body = json(response).await;
        assert_eq!((&body["code"], &body["instance"]), (&"internal_error".into(), &"/".into()));
        assert!(!body.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn a_path_and_a_method_that_are_not_there_are_problems() {
        let routes = Router::new().route("/a", get(|| async { "" }).put(|| async { "" }));
        let front = front(routes, Limits::default());
        let missing = front.clone().oneshot(request("/b?x=1")).await.unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(missing.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(json(missing).await["instance"], "/b");
        for method in ["DELETE", "OPTIONS", "TRACE", "PROPFIND", "MADEUP"] {
            let request = Request::builder().method(method).uri("/a").body(Body::empty()).unwrap();
            let response = front.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert_eq!(response.headers()["allow"], "GET,HEAD,PUT", "{method}");
            assert_eq!(json(response).await["code"], "method_not_allowed");
        }
    }

    #[tokio::test]
    async fn one_request_too_many_is_turned_away_at_once_and_health_is_not() {
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (entered, wait) = (inside.clone(), go_on.clone());
        let routes = Router::new()
            .route(
                "/slow",
                get(|| async move {
                    entered.notify_one();
                    wait.notified().await
                }),
            )
            .route("/healthz", get(|| async { "fine" }));
        let front = front(routes, Limits { most_requests: 1, ..Limits::default() });
        let first = tokio::spawn(front.clone().oneshot(request("/slow")));
        inside.notified().await;
        let second = front.clone().oneshot(request("/slow")).await.unwrap();
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(second.headers()["retry-after"], "1");
        assert_eq!(json(second).await["code"], "overloaded");
        let health = front.clone().oneshot(request("/healthz")).await.unwrap();
        assert_eq!((health.status(), front.under_way()), (StatusCode::OK, 1));
        go_on.notify_one();
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(front.under_way(), 0);
    }

    #[tokio::test]
    async fn a_request_out_of_time_is_503_and_its_write_goes_on() {
        let (answered, after) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (wait, written) = (answered.clone(), after.clone());
        let write = post(|| {
            detached(async move {
                wait.notified().await;
                written.notify_one();
            })
        });
        let limits = Limits { time_limit: Duration::from_millis(1), ..Limits::default() };
        let request = Request::post("/").body(Body::empty()).unwrap();
        let front = front(Router::new().route("/", write), limits);
        let response = front.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(json(response).await["code"], "timed_out");
        answered.notify_one();
        after.notified().await;
    }

    #[tokio::test]
    async fn a_panic_in_detached_work_is_the_callers() {
        let routes = Router::new().route("/", get(|| detached(async { panic!("no") as () })));
        let response = front(routes, Limits::default()).oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn long_text_is_zipped_for_those_who_take_it() {
        let body = |length: usize| ([(CONTENT_TYPE, "application/json")], "7".repeat(length));
        let routes = Router::new()
            .route("/long", get(move || async move { body(5_000) }))
            .route("/short", get(move || async move { body(100) }));
        let front = front(routes, Limits::default());
        let encoding = |path: &'static str, accepted: &'static str| {
            let front = front.clone();
            async move {
                let mut request = request(path);
                request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
                let response = front.oneshot(request).await.unwrap();
                assert_eq!(response.headers()[VARY], "accept-encoding");
                response.headers().get("content-encoding").cloned()
            }
        };
        assert_eq!(encoding("/long", "br, gzip").await.unwrap(), "gzip");
        assert_eq!(encoding("/long", "gzip;q=0").await, None);
        assert_eq!(encoding("/long", "br").await, None);
        assert_eq!(encoding("/short", "gzip").await, None);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413_unless_its_route_takes_more() {
        let read = |bytes: Result<Bytes, axum::extract::rejection::BytesRejection>| async move {
            bytes.map(|_| ()).map_err(|_| ApiError::BodyTooLarge)
        };
        let routes = Router::new()
            .route("/large", post(read).layer(DefaultBodyLimit::max(100)))
            .route("/small", post(read));
        let front = front(routes, Limits { body_bytes: 10, ..Limits::default() });
        for (path, length, status) in
            [("/small", 10, 200), ("/small", 11, 413), ("/large", 100, 200), ("/large", 101, 413)]
        {
            let request = Request::post(path).body(Body::from(vec![b'x'; length])).unwrap();
            let response = front.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path} {length}");
        }
    }

    #[test]
    fn a_carts_key_stays_out_of_the_log() {
        assert_eq!(Redacted("/v1/carts/cart-abc/items").to_string(), "/v1/carts/cart-…/items");
        assert_eq!(Redacted("/v1/carts/%63art-abc").to_string(), "/v1/carts/cart-…");
        assert_eq!(Redacted("/v1/carts").to_string(), "/v1/carts");
    }

    #[tokio::test]
    async fn a_caller_who_leaves_gives_its_place_back() {
        let routes = Router::new().route("/", get(std::future::pending::<()>));
        let front = front(routes, Limits::default());
        let waiting = Service::call(&mut front.clone(), request("/"));
        assert_eq!(front.under_way(), 1);
        drop(waiting);
        assert_eq!(front.under_way(), 0);
    }
}
