//! What every request passes before a handler sees it, in one piece: a request id, whose it is, how
//! often they ask, admission, the limits of body and time, a net for panics, the last touches on
//! problems and headers.
//!
//! It is one service rather than a stack of layers, because each boxed layer costs about as much as
//! a whole handler here. Bodies are zipped only for those who ask.

use super::admission::{Admission, Errand, Rule, Seat};
use super::client::Client;
use super::conn::UnderWay;
use super::cors::Allowed;
use super::headers::dress;
use super::kept::{Answers, Kept, ZIPPED_FROM_BYTES, takes_gzip};
use super::pace::{Late, paced};
use super::problem::{ApiError, Problem};
use super::rates::{Class, Rates, Standing};
use super::settings::DoorSettings;
use crate::telemetry::{Telemetry, request};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::header::{
    ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, VARY,
    WWW_AUTHENTICATE,
};
use axum::http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version,
};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use governor::clock::MonotonicClock;
use http_body::{Frame, SizeHint};
use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
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

/// Asked by machines that must know when the shop is busy; never turned away.
const EXEMPT: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
const LAST: HeaderValue = HeaderValue::from_static("close");

/// Among the figures, the route of requests that were turned away at the door.
const TURNED_AWAY: &str = "turned away";

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
    settings: DoorSettings,
    rates: Option<Rates>,
    hsts: Option<HeaderValue>,
    account_of: Option<AccountOf>,
    answers: Option<Answers>,
    tell: Option<Tell>,
    under_way: AtomicUsize,
    writes: Option<Arc<Admission>>,
    made_ids: AtomicU64,
    telemetry: Arc<Telemetry>,
}

/// Whose valid credentials a request shows, as a number that nobody else has.
type AccountOf = Box<dyn Fn(&HeaderMap) -> Option<u64> + Send + Sync>;

/// What people are shown in place of a problem: a page. Of a request it is given the problem, the
/// browser and the id.
type Tell = Box<dyn Fn(&Problem, &Browser, &str) -> Option<Response> + Send + Sync>;

/// Whoever asks as browsers do when they are to show a page.
pub struct Browser {
    pub cookies: HeaderMap,
    /// Whether it sent a form: then there is no page at the address that it asked.
    pub sent_form: bool,
}

/// What the connection knows of a request that came over it.
pub struct Arrival {
    /// The other end of the connection.
    pub peer: IpAddr,
    pub over_tls: bool,
    /// What is wrong with the request's head; then nothing else of it is looked at.
    pub fault: Option<ApiError>,
    /// The connection ends with this request's answer.
    pub is_last: bool,
    /// Kept until the answer is finished.
    pub under_way: Option<UnderWay>,
}

impl Arrival {
    /// A request that came over no connection, as in tests.
    pub fn nowhere() -> Arrival {
        let peer = Ipv4Addr::UNSPECIFIED.into();
        Arrival { peer, over_tls: false, fault: None, is_last: false, under_way: None }
    }
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
    method: Method,
    started: Instant,
    met: Met,
    /// Of a request with a body.
    late: Option<Late>,
    /// Of a write.
    seat: Option<Arc<Seat>>,
    end: End,
}

/// What the last touches on an answer need to know.
struct End {
    id: HeaderValue,
    path: String,
    version: Version,
    allowed: Option<Allowed>,
    standing: Option<Standing>,
    over_tls: bool,
    is_last: bool,
    under_way: Option<UnderWay>,
    /// Whether a person would be shown a page.
    browser: Option<Browser>,
}

impl Front {
    /// `first_id` is where made request ids count from; random, so that two runs do not share any.
    pub fn new(
        routes: Router,
        settings: DoorSettings,
        first_id: u64,
        telemetry: Arc<Telemetry>,
    ) -> Front {
        let routes = routes.layer(MapRequestLayer::new(Met::note));
        let text: Worth = |_, _, headers, _| is_text(headers);
        let worth_it = SizeAbove::new(ZIPPED_FROM_BYTES as u64).and(text);
        let zip = CompressionLayer::new().gzip(true).compress_when(worth_it);
        let hsts = match settings.hsts_seconds {
            0 => None,
            seconds => HeaderValue::from_str(&format!("max-age={seconds}")).ok(),
        };
        Front {
            zipping: tower::Layer::layer(&zip, routes.clone()),
            plain: routes,
            shared: Arc::new(Shared {
                rates: settings.rates.as_ref().map(|rates| Rates::new(rates, &MonotonicClock)),
                hsts,
                account_of: None,
                answers: None,
                tell: None,
                writes: settings
                    .limits
                    .writes
                    .map(|rule| admission(rule, &telemetry, Arc::default())),
                settings,
                under_way: AtomicUsize::new(0),
                made_ids: AtomicU64::new(first_id),
                telemetry,
            }),
        }
    }

    /// Counts requests with valid credentials for the account that `account_of` finds in their
    /// headers. To be called before the front is shared.
    pub fn counting_by(
        mut self,
        account_of: impl Fn(&HeaderMap) -> Option<u64> + Send + Sync + 'static,
    ) -> Front {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.account_of = Some(Box::new(account_of));
        }
        self
    }

    /// Gives what is kept of public reads before it looks for a route. To be called before the front
    /// is shared.
    pub fn keeping(mut self, answers: Answers) -> Front {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.answers = Some(answers);
        }
        self
    }

    /// Shows people a page where something went wrong. To be called before the front is shared.
    pub fn telling(
        mut self,
        tell: impl Fn(&Problem, &Browser, &str) -> Option<Response> + Send + Sync + 'static,
    ) -> Front {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.tell = Some(Box::new(tell));
        }
        self
    }

    /// Does not count writes while they wait for somebody else; `outside` says how many do. To be
    /// called before the front is shared.
    pub fn not_counting(mut self, outside: Arc<AtomicUsize>) -> Front {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            let rule = shared.settings.limits.writes;
            shared.writes = rule.map(|rule| admission(rule, &shared.telemetry, outside));
        }
        self
    }

    pub fn settings(&self) -> &DoorSettings {
        &self.shared.settings
    }

    /// Requests under way now.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::Relaxed)
    }

    /// Takes a request to its answer.
    pub fn answer<B>(&mut self, request: Request<B>, arrival: Arrival) -> Answering
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let started = Instant::now();
        let shared = &self.shared;
        let settings = &shared.settings;
        let headers = request.headers();
        let path = request.uri().path().to_owned();
        let allowed = settings.cors.asks(headers);
        let is_exempt = EXEMPT.contains(&path.as_str());
        let mut end = End {
            id: shared.request_id(headers),
            path,
            version: request.version(),
            allowed,
            standing: None,
            over_tls: arrival.over_tls || settings.is_https,
            is_last: arrival.is_last || arrival.fault.is_some(),
            under_way: arrival.under_way,
            browser: browser(request.method(), request.uri().path(), headers),
        };
        if let Some(fault) = arrival.fault {
            return self.refused(request.method(), started, fault, end);
        }
        if end.allowed.is_some()
            && let Some(response) = settings.cors.preflight(request.method(), headers)
        {
            return ready(finished(response, end, shared));
        }
        // A write that is turned away costs as little as can be, and it is not held against anybody.
        let is_here = request.body().is_end_stream();
        let seat = match shared.seat(request.method(), &end.path, is_here) {
            Ok(seat) => seat,
            Err(full) => return self.refused(request.method(), started, full, end),
        };
        let client = settings.proxies.client(arrival.peer, headers);
        if let Some(rates) = shared.rates.as_ref().filter(|_| !is_exempt) {
            let account = shared.account_of.as_ref().and_then(|find| find(headers));
            match rates.count_all(Class::of(request.method(), &end.path), client, account) {
                Ok(standing) => end.standing = standing,
                Err(too_many) => {
                    end.standing = Some(too_many.standing);
                    let retry_after_s = too_many.retry_after_s;
                    let error = ApiError::RateLimited { retry_after_s };
                    return self.refused(request.method(), started, error, end);
                }
            }
        }
        let kept = shared.answers.as_ref().filter(|_| is_here);
        let kept = kept.and_then(|kept| kept.find(request.method(), request.uri(), headers));
        if let Some(kept) = kept {
            return self.given_again(&kept, headers, started, end);
        }
        let Some(ticket) = shared.admit(is_exempt) else {
            return self.refused(request.method(), started, ApiError::Overloaded, end);
        };
        let mut late = None;
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            let late = late.insert(Late::default());
            paced(Body::new(body), settings.limits.pace, late, seat.clone())
        });
        let limits = &settings.limits;
        DefaultBodyLimit::max(limits.body_bytes).apply(&mut request);
        let about = about(&end, request.method(), seat.clone());
        // Whoever is inside knows the request by the same id.
        request.headers_mut().insert(REQUEST_ID, end.id.clone());
        let (met, method) = (Met::default(), request.method().clone());
        request.extensions_mut().insert(met.clone());
        request.extensions_mut().insert(Client(client));
        let zipped = takes_gzip(request.headers());
        let journey = Journey { ticket, method, started, met, late, seat, end };
        let shared = Arc::clone(shared);
        if zipped {
            let answer = self.zipping.call(request);
            let answer = async { answer.await.map(|response| response.map(Body::new)) };
            Box::pin(request::on_behalf_of(about, guarded(answer, journey, shared)))
        } else {
            let answer = self.plain.call(request);
            Box::pin(request::on_behalf_of(about, guarded(answer, journey, shared)))
        }
    }

    /// An answer that was given before.
    fn given_again(&self, kept: &Kept, asked: &HeaderMap, started: Instant, end: End) -> Answering {
        let response = kept.shown.answer(asked);
        let (status, took) = (response.status().as_u16(), started.elapsed());
        self.shared.telemetry.answered("GET", &kept.route, status, took);
        request::on_behalf_of_now(about(&end, &Method::GET, None), || note(&end, status, took));
        ready(finished(response, end, &self.shared))
    }

    /// An answer that needs no handler.
    fn refused(&self, method: &Method, started: Instant, why: ApiError, end: End) -> Answering {
        let mut response = why.problem().response(Some(&end.path));
        if end.browser.is_none() {
            // It says already for which path it is.
            response.extensions_mut().remove::<Problem>();
        }
        let (method, status) = (method.as_str(), response.status().as_u16());
        self.shared.telemetry.answered(method, TURNED_AWAY, status, started.elapsed());
        ready(finished(response, end, &self.shared))
    }
}

fn admission(rule: Rule, telemetry: &Telemetry, outside: Arc<AtomicUsize>) -> Arc<Admission> {
    let gauge = Arc::clone(&telemetry.writes);
    Arc::new(Admission::new(rule, gauge, outside, Instant::now()))
}

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

fn ready(response: Response) -> Answering {
    Box::pin(std::future::ready(Ok(response)))
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        self.answer(request, Arrival::nowhere())
    }
}

/// Runs one request to its answer, whatever happens to it.
async fn guarded<F>(
    answer: F,
    journey: Journey,
    shared: Arc<Shared>,
) -> Result<Response, Infallible>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let Journey { ticket, method, started, met, late, seat, mut end } = journey;
    let limits = &shared.settings.limits;
    let patient = limits.patient_paths.iter().any(|start| end.path.starts_with(start));
    let limit = if patient { limits.patient_time_limit } else { limits.time_limit };
    let caught = AssertUnwindSafe(answer).catch_unwind();
    let mut response = match tokio::time::timeout(limit, caught).await {
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
    // Whatever the handler made of half a body.
    if late.is_some_and(|late| late.load(Ordering::Relaxed)) {
        response = ApiError::BodyTooSlow.into_response();
        end.is_last = true;
    }
    let was_refused = seat.is_some_and(|seat| seat.was_refused());
    if was_refused {
        response = ApiError::Overloaded.into_response();
    }
    drop(ticket);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let route = if was_refused { TURNED_AWAY } else { met.route() };
    shared.telemetry.answered(method.as_str(), route, status, took);
    note(&end, status, took);
    Ok(finished(response, end, &shared))
}

/// What the log says of a request.
fn about(end: &End, method: &Method, seat: Option<Arc<Seat>>) -> Arc<request::Request> {
    Arc::new(request::Request {
        id: end.id.to_str().unwrap_or_default().into(),
        method: method.as_str().into(),
        path: end.path.as_str().into(),
        holds: seat.map(|seat| seat as Arc<dyn Any + Send + Sync>),
    })
}

/// One line of the log for each request that was let in.
fn note(end: &End, status: u16, took: Duration) {
    let duration_ms = took.as_millis() as u64;
    // Machines ask every few seconds; nobody wants to read that.
    if EXEMPT.contains(&end.path.as_str()) {
        tracing::debug!(status, duration_ms, "answered");
    } else {
        tracing::info!(status, duration_ms, "answered");
    }
}

/// The last touches: what only the outermost layer knows, and what every answer carries.
fn finished(mut response: Response, end: End, shared: &Shared) -> Response {
    let problem = response.extensions_mut().remove::<Problem>();
    let page = problem.as_ref().and_then(|problem| {
        let (tell, browser) = (shared.tell.as_ref()?, end.browser.as_ref()?);
        tell(problem, browser, end.id.to_str().unwrap_or_default())
    });
    if let Some(page) = page {
        let (head, body) = page.into_parts();
        for name in [CONTENT_LENGTH, CONTENT_ENCODING, WWW_AUTHENTICATE] {
            response.headers_mut().remove(name);
        }
        response.headers_mut().extend(head.headers);
        *response.body_mut() = body;
    } else if let Some(problem) = problem {
        let encoded = response.headers().contains_key(CONTENT_ENCODING);
        if !encoded && !response.body().is_end_stream() {
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = Body::from(problem.body(Some(&end.path)));
        }
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, end.id);
    dress(headers, shared.hsts.as_ref().filter(|_| end.over_tls));
    if is_text(headers) {
        headers.entry(VARY).or_insert(BY_ENCODING);
    }
    shared.settings.cors.mark(end.allowed, headers);
    if let Some(standing) = end.standing {
        standing.mark(headers);
    }
    // HTTP/2 has no such field; there each request ends by itself (RFC 9113, section 8.2.2).
    if end.is_last && end.version < Version::HTTP_2 {
        headers.insert(CONNECTION, LAST);
    }
    match end.under_way {
        Some(under_way) if response.body().size_hint().exact().is_none() => {
            response.map(|body| Body::new(Held { body, _under_way: under_way }))
        }
        _ => response,
    }
}

/// A body that takes its time: its request stays under way until all of it is sent.
struct Held {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A browser that is to show a page. The API answers in its own words, whoever asks.
fn browser(method: &Method, path: &str, headers: &HeaderMap) -> Option<Browser> {
    let is_of_api = path.starts_with("/v1/");
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let is_browser =
        !is_of_api && method != Method::HEAD && lines.any(|line| line.contains("text/html"));
    let cookies = || headers.get_all(COOKIE).iter().map(|line| (COOKIE, line.clone())).collect();
    is_browser.then(|| Browser { cookies: cookies(), sent_form: *method == Method::POST })
}

fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    matches!(media_type, "application/json" | "application/problem+json" | "text/html" | "text/csv")
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
    fn admit(self: &Arc<Shared>, is_exempt: bool) -> Option<Ticket> {
        if is_exempt {
            return Some(Ticket(None));
        }
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Some(self.clone()));
        (before < self.settings.limits.most_requests).then_some(ticket)
    }

    /// What a write needs beside that: a seat, taken at once where nothing else is to come. None for
    /// what is not counted, and an error where the house is full of them.
    fn seat(
        &self,
        method: &Method,
        path: &str,
        is_here: bool,
    ) -> Result<Option<Arc<Seat>>, ApiError> {
        let Some(writes) = &self.writes else { return Ok(None) };
        let Some(errand) = Errand::of(method, path, self.settings.limits.patient_paths) else {
            return Ok(None);
        };
        let seat = Seat::at(writes, errand).ok_or(ApiError::Overloaded)?;
        if is_here && !seat.take() {
            return Err(ApiError::Overloaded);
        }
        Ok(Some(Arc::new(seat)))
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

/// Runs a write to its end even where its caller has gone or its time is up: a write that was begun
/// is carried out, and its answer kept for the next try. A panic in it goes on in the caller.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let task = match request::current() {
        Some(request) => tokio::spawn(request::on_behalf_of(request, work)),
        None => tokio::spawn(work),
    };
    match task.await {
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
    use crate::http::limits::Limits;
    use crate::http::problem::with_fallbacks;
    use axum::http::header::ACCEPT_ENCODING;
    use axum::routing::{get, post};
    use serde_json::Value;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    fn front(routes: Router, limits: Limits) -> Front {
        let settings = DoorSettings { limits, ..DoorSettings::default() };
        Front::new(with_fallbacks(routes), settings, 0xabc, Arc::default())
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

    /// At most so many writes at once.
    fn most_writes(most: usize) -> Limits {
        let rule = Rule { target: Duration::from_secs(1_000), most };
        Limits { writes: Some(rule), ..Limits::default() }
    }

    fn write(body: Body) -> Request<Body> {
        Request::post("/").body(body).unwrap()
    }

    #[tokio::test]
    async fn a_write_keeps_its_place_until_it_is_carried_out_even_if_its_caller_leaves() {
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (entered, wait) = (inside.clone(), go_on.clone());
        let slow = post(|| {
            detached(async move {
                entered.notify_one();
                wait.notified().await;
            })
        });
        let front = front(Router::new().route("/", slow.get(|| async { "" })), most_writes(1));
        let writes = front.shared.telemetry.writes.clone();
        let under_way = || writes.under_way.load(Ordering::Relaxed);
        let first = tokio::spawn(front.clone().oneshot(write(Body::empty())));
        inside.notified().await;
        first.abort();
        assert!(first.await.is_err());
        let second = front.clone().oneshot(write(Body::empty())).await.unwrap();
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(second.headers()["retry-after"], "1");
        let problem = json(second).await;
        assert_eq!((&problem["code"], &problem["instance"]), (&"overloaded".into(), &"/".into()));
        let read = front.clone().oneshot(request("/")).await.unwrap();
        assert_eq!((read.status(), under_way()), (StatusCode::OK, 1));
        go_on.notify_one();
        while under_way() > 0 {
            tokio::task::yield_now().await;
        }
        go_on.notify_one();
        let third = front.clone().oneshot(write(Body::empty())).await.unwrap();
        assert_eq!((third.status(), under_way()), (StatusCode::OK, 0));
    }

    #[tokio::test]
    async fn who_is_still_sending_has_no_place_and_may_find_none_at_the_end() {
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (entered, wait) = (inside.clone(), go_on.clone());
        let routes = post(|body: Bytes| async move {
            assert_eq!(body, "whole");
            entered.notify_one();
            wait.notified().await;
        });
        let front = front(Router::new().route("/", routes), most_writes(1));
        let writes = front.shared.telemetry.writes.clone();
        let under_way = || writes.under_way.load(Ordering::Relaxed);
        let (send, rest) = tokio::sync::oneshot::channel::<Bytes>();
        let rest = Body::from_stream(futures_util::stream::once(rest));
        let mut slow = Service::call(&mut front.clone(), write(rest));
        assert!((&mut slow).now_or_never().is_none(), "it waits for the rest");
        assert_eq!(under_way(), 0);
        let whole = tokio::spawn(front.clone().oneshot(write(Body::from("whole"))));
        inside.notified().await;
        assert_eq!(under_way(), 1);
        send.send(Bytes::from_static(b"late")).unwrap();
        let refused = slow.await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(json(refused).await["code"], "overloaded");
        go_on.notify_one();
        assert_eq!(whole.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(under_way(), 0);
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
