//! Whole answers to public reads, kept until anything that they could show has changed.
//!
//! Whoever shows no credentials is shown the same product and the same page of a list as everybody
//! else, so such an answer is kept under its address together with the [`Moment`] of the read models
//! it was made at. Until that has passed it is given again, zipped or not, whole or as a 304, before
//! any route is looked for. One sale makes every kept answer stale, which costs no more than making
//! the answer: its parts are kept by themselves ([`super::texts`]).
//!
//! The answers lie in a table of fixed size, each at the place that its address hashes to; whoever
//! comes to a place that is taken takes it over. All of them together stay below a bound in bytes.

use super::etag::{EntityTag, shown_as};
use crate::actors::reads::Moment;
use arc_swap::ArcSwapOption;
use axum::body::Bytes;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, LINK};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Places in the table.
const PLACES: usize = 4_096;

/// The longest text that is kept, in bytes.
const LONGEST: usize = 128 << 10;

/// The most that all kept answers take, in bytes.
const MOST_BYTES: usize = 24 << 20;

/// Texts below this many bytes are sent as they are.
pub const ZIPPED_FROM_BYTES: usize = 1_024;

/// An answer that is the same for everybody.
#[derive(Debug)]
pub struct Shown {
    pub tag: EntityTag,
    media_type: HeaderValue,
    /// What is said of it beside its tag and media type.
    headers: Vec<(HeaderName, HeaderValue)>,
    pub text: Bytes,
    /// Little for what is given once, more for what is kept and given again.
    effort: Compression,
    zipped: OnceLock<Bytes>,
}

impl Shown {
    /// A JSON answer.
    pub fn new(tag: EntityTag, json: Bytes) -> Shown {
        Shown::of_type(HeaderValue::from_static("application/json"), tag, json)
    }

    /// Any text: a page, a feed.
    pub fn of_type(media_type: HeaderValue, tag: EntityTag, text: Bytes) -> Shown {
        let (headers, effort) = (Vec::new(), Compression::fast());
        Shown { tag, media_type, headers, text, effort, zipped: OnceLock::new() }
    }

    /// With a header that a 304 has, too.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Shown {
        self.headers.push((name, value));
        self
    }

    /// With links to the neighbours of a page of a list.
    pub fn linked(self, link: Option<HeaderValue>) -> Shown {
        match link {
            Some(link) => self.with(LINK, link),
            None => self,
        }
    }

    /// What a request with these headers is answered.
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let zips = self.text.len() >= ZIPPED_FROM_BYTES && takes_gzip(asked);
        let text = || if zips { self.zipped() } else { self.text.clone() };
        let mut response = shown_as(asked, &self.tag, self.media_type.clone(), text);
        let is_zipped = zips && response.status() == StatusCode::OK;
        let headers = response.headers_mut();
        if is_zipped {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.extend(self.headers.iter().cloned());
        response
    }

    fn zipped(&self) -> Bytes {
        self.zipped.get_or_init(|| zip(&self.text, self.effort)).clone()
    }
}

/// `text` in the form of gzip.
pub fn zip(text: &[u8], how: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), how);
    let zipped = encoder.write_all(text).and_then(|()| encoder.finish());
    zipped.expect("memory takes every write").into()
}

/// Kept answers. Cheap to clone.
#[derive(Clone)]
pub struct Answers(Arc<Table>);

struct Table {
    moment: Moment,
    hash: RandomState,
    places: Box<[ArcSwapOption<Kept>]>,
    bytes: AtomicUsize,
    /// The place that is emptied next where all together are too many.
    hand: AtomicUsize,
}

/// One answer under its address.
pub struct Kept {
    address: Box<str>,
    made_at: u64,
    /// The route's template, for the metrics.
    pub route: Box<str>,
    pub shown: Shown,
}

impl Kept {
    /// Text, its zipped form and what lies around them.
    fn bytes(&self) -> usize {
        self.shown.text.len() * 3 / 2 + self.address.len() + 512
    }
}

impl Answers {
    pub fn new(moment: Moment) -> Answers {
        let places = (0..PLACES).map(|_| ArcSwapOption::empty()).collect();
        let (bytes, hand) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Answers(Arc::new(Table { moment, hash: RandomState::new(), places, bytes, hand }))
    }

    /// The state of the models; to be asked before any of them is read.
    pub fn moment(&self) -> u64 {
        self.0.moment.now()
    }

    /// The answer to a request, if it is kept and nothing has changed since.
    pub fn find(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Arc<Kept>> {
        let address = address(method, uri, headers)?;
        let kept = self.0.place(address).load();
        let kept = kept.as_ref().filter(|kept| *kept.address == *address)?;
        (kept.made_at == self.moment()).then(|| Arc::clone(kept))
    }

    /// Answers with what was made of the models as they stood at `made_at`, and keeps it where
    /// everybody may be told the same.
    pub fn give(&self, made_at: u64, request: &Request, shown: Shown) -> Response {
        let shown = Shown { effort: Compression::default(), ..shown };
        let response = shown.answer(request.headers());
        let address = address(request.method(), request.uri(), request.headers());
        let route = request.extensions().get::<MatchedPath>();
        if let (Some(address), Some(route)) = (address, route)
            && shown.text.len() <= LONGEST
        {
            let (address, route) = (address.into(), route.as_str().into());
            self.0.keep(Kept { address, made_at, route, shown });
        }
        response
    }
}

impl Table {
    fn place(&self, address: &str) -> &ArcSwapOption<Kept> {
        &self.places[self.hash.hash_one(address) as usize % PLACES]
    }

    fn keep(&self, kept: Kept) {
        self.bytes.fetch_add(kept.bytes(), Ordering::Relaxed);
        let place = self.place(&kept.address);
        self.dropped(place.swap(Some(Arc::new(kept))));
        // One round at most: others may be filling what this empties.
        for _ in 0..PLACES {
            if self.bytes.load(Ordering::Relaxed) <= MOST_BYTES {
                break;
            }
            let hand = self.hand.fetch_add(1, Ordering::Relaxed) % PLACES;
            self.dropped(self.places[hand].swap(None));
        }
    }

    fn dropped(&self, kept: Option<Arc<Kept>>) {
        kept.inspect(|kept| {
            self.bytes.fetch_sub(kept.bytes(), Ordering::Relaxed);
        });
    }
}

/// What a read is kept under; `None` where the answer may be the caller's own.
fn address<'a>(method: &Method, uri: &'a Uri, headers: &HeaderMap) -> Option<&'a str> {
    let is_anybody = !headers.contains_key(AUTHORIZATION) && !headers.contains_key(COOKIE);
    let address = uri.path_and_query().filter(|_| method == Method::GET && is_anybody)?;
    Some(address.as_str())
}

/// Whether the caller takes gzip (RFC 9110, section 12.5.3).
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::parse::<f32>);
        let is_wanted = weight.is_none_or(|weight| weight.is_ok_and(|weight| weight > 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && is_wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::IF_NONE_MATCH;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    }

    /// A request as it is once its route was found.
    async fn routed(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        use axum::routing::any;
        use tower::ServiceExt;
        let (sender, receiver) = std::sync::mpsc::channel();
        let take = any(move |request: Request| {
            sender.send(request).unwrap();
            std::future::ready(())
        });
        let routes = axum::Router::new().route("/{*path}", take);
        routes.oneshot(request(method, path, headers)).await.unwrap();
        receiver.recv().unwrap()
    }

    fn text(length: usize) -> Shown {
        let json = Bytes::from("7".repeat(length));
        Shown::new(EntityTag::of_bytes(&json), json)
    }

    fn find(answers: &Answers, path: &str, headers: &[(&str, &str)]) -> Option<Arc<Kept>> {
        let request = request("GET", path, headers);
        answers.find(request.method(), request.uri(), request.headers())
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_anything_changes() {
        let moment = Moment::default();
        let answers = Answers::new(moment.clone());
        let asked = routed("GET", "/a?page=2", &[]).await;
        answers.give(answers.moment(), &asked, text(10));
        assert_eq!(find(&answers, "/a?page=2", &[]).unwrap().shown.text.len(), 10);
        assert_eq!(&*find(&answers, "/a?page=2", &[]).unwrap().route, "/{*path}");
        assert!(find(&answers, "/a?page=3", &[]).is_none());
        moment.pass();
        assert!(find(&answers, "/a?page=2", &[]).is_none());
    }

    #[tokio::test]
    async fn what_changed_while_it_was_made_is_not_given_again() {
        let moment = Moment::default();
        let answers = Answers::new(moment.clone());
        let asked = routed("GET", "/a", &[]).await;
        let before = answers.moment();
        moment.pass();
        answers.give(before, &asked, text(10));
        assert!(find(&answers, "/a", &[]).is_none());
    }

    #[tokio::test]
    async fn nothing_is_kept_for_or_given_to_who_shows_who_they_are() {
        let answers = Answers::new(Moment::default());
        for own in [("authorization", "Bearer x"), ("cookie", "session=x")] {
            let asked = routed("GET", "/a", &[own]).await;
            answers.give(answers.moment(), &asked, text(10));
            assert!(find(&answers, "/a", &[]).is_none(), "{own:?}");
        }
        let asked = routed("HEAD", "/a", &[]).await;
        answers.give(answers.moment(), &asked, text(10));
        assert!(find(&answers, "/a", &[]).is_none());
        let asked = routed("GET", "/a", &[]).await;
        answers.give(answers.moment(), &asked, text(10));
        assert!(find(&answers, "/a", &[]).is_some());
        assert!(find(&answers, "/a", &[("authorization", "Bearer x")]).is_none());
        assert!(find(&answers, "/a", &[("cookie", "session=x")]).is_none());
    }

    #[tokio::test]
    async fn all_together_stay_below_their_bound() {
        let answers = Answers::new(Moment::default());
        for n in 0..400 {
            let asked = routed("GET", &format!("/{n}"), &[]).await;
            answers.give(answers.moment(), &asked, text(LONGEST));
        }
        let kept: Vec<_> = answers.0.places.iter().filter_map(|place| place.load_full()).collect();
        let bytes: usize = kept.iter().map(|kept| kept.bytes()).sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
        assert!(kept.len() > 50, "{}", kept.len());
        assert_eq!(answers.0.bytes.load(Ordering::Relaxed), bytes);
        let asked = routed("GET", "/long", &[]).await;
        answers.give(answers.moment(), &asked, text(LONGEST + 1));
        assert!(find(&answers, "/long", &[]).is_none());
    }

    #[test]
    fn an_answer_is_whole_zipped_or_known() {
        let shown = text(5_000).linked(Some(HeaderValue::from_static("<x>")));
        let answer =
            |headers: &[(&str, &str)]| shown.answer(request("GET", "/", headers).headers());
        let length =
            |response: &Response| axum::body::HttpBody::size_hint(response.body()).exact().unwrap();
        let whole = answer(&[]);
        assert_eq!((length(&whole), &whole.headers()[LINK]), (5_000, &"<x>".parse().unwrap()));
        assert!(!whole.headers().contains_key(CONTENT_ENCODING));
        let zipped = answer(&[("accept-encoding", "br, gzip")]);
        assert_eq!(zipped.headers()[CONTENT_ENCODING], "gzip");
        assert!(length(&zipped) < 200);
        let known = [("accept-encoding", "gzip"), (IF_NONE_MATCH.as_str(), shown.tag.as_str())];
        let known = answer(&known);
        assert_eq!((known.status(), length(&known)), (StatusCode::NOT_MODIFIED, 0));
        assert!(!known.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(known.headers()[LINK], "<x>");
        let short = text(100);
        let zips = request("GET", "/", &[("accept-encoding", "gzip")]);
        assert!(!short.answer(zips.headers()).headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes =
            |value: &str| takes_gzip(request("GET", "/", &[("accept-encoding", value)]).headers());
        for yes in ["gzip", "br, GZIP", "gzip;q=0.5", "gzip; q=1", "deflate,gzip ;q=1.0"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.000", "x-gzip-x", "identity"] {
            assert!(!takes(no), "{no}");
        }
    }
}
