//! Which other web sites may ask from a visitor's browser: those that are configured, and no other
//! (Fetch Standard, "CORS protocol"). Without any, nothing is said and browsers allow none.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What scripts may send beside what they always may.
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-csrf-token, x-request-id",
);

/// What scripts may read beside what they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, link, location, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, idempotent-replayed, www-authenticate, x-request-id",
);

/// How long a browser may keep the answer to a preflight, in seconds.
const KEPT: HeaderValue = HeaderValue::from_static("600");

/// The sites that may ask.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    any: bool,
    credentials: bool,
}

/// A setting that would open more than it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorsError {
    #[error("{0:?} must be an origin such as https://shop.example, without a path, or *")]
    Origin(String),
    #[error("any site with the visitor's credentials is every site as the visitor; name the sites")]
    AnyWithCredentials,
}

/// An asking site that is allowed, as it is answered.
#[derive(Clone, Debug)]
pub struct Allowed(HeaderValue);

impl Cors {
    /// `*` stands for every site, which is fine for what needs no credentials.
    pub fn new(origins: &[String], credentials: bool) -> Result<Cors, CorsError> {
        let any = origins.iter().any(|origin| origin == "*");
        if any && credentials {
            return Err(CorsError::AnyWithCredentials);
        }
        let named = origins.iter().filter(|origin| *origin != "*");
        let origins = named.map(|origin| {
            let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin(origin));
            value.ok_or_else(|| CorsError::Origin(origin.clone()))
        });
        Ok(Cors { origins: origins.collect::<Result<_, _>>()?, any, credentials })
    }

    /// Whether this site is trusted with the visitor's cookies.
    pub fn trusts(&self, origin: &HeaderValue) -> bool {
        self.credentials && self.origins.contains(origin)
    }

    fn is_silent(&self) -> bool {
        self.origins.is_empty() && !self.any
    }

    /// The asking site, where it is allowed.
    pub fn asks(&self, request: &HeaderMap) -> Option<Allowed> {
        if self.is_silent() {
            return None;
        }
        let origin = request.get(ORIGIN)?;
        if self.origins.contains(origin) {
            return Some(Allowed(origin.clone()));
        }
        self.any.then(|| Allowed(HeaderValue::from_static("*")))
    }

    /// The answer to a browser that asks first; any other request goes on.
    pub fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ACCEPTED);
        headers.insert(ACCESS_CONTROL_MAX_AGE, KEPT);
        Some(response)
    }

    /// Says in an answer who may read it. Caches learn that it differs by site, whoever asked.
    pub fn mark(&self, allowed: Option<Allowed>, headers: &mut HeaderMap) {
        if !self.origins.is_empty() {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(Allowed(origin)) = allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// A scheme, a host and perhaps a port, as browsers write them.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    matches!(scheme, "http" | "https")
        && text == format!("{scheme}://{}", authority.as_str())
        && !authority.as_str().contains('@')
        && text == text.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Result<Cors, CorsError> {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        Cors::new(&origins, credentials)
    }

    fn answered(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut asked = HeaderMap::new();
        asked.insert(ORIGIN, HeaderValue::from_static(origin));
        let mut headers = HeaderMap::new();
        cors.mark(cors.asks(&asked), &mut headers);
        headers
    }

    #[test]
    fn only_sites_that_are_named_may_read() {
        let cors = cors(&["https://a.example", "http://localhost:3000"], true).unwrap();
        let good = answered(&cors, "https://a.example");
        assert_eq!(good[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(good[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(good[VARY], "origin");
        for other in ["https://b.example", "http://a.example", "https://a.example.evil", "null"] {
            let refused = answered(&cors, other);
            assert_eq!(refused.len(), 1, "{other}");
            assert_eq!(refused[VARY], "origin");
        }
        assert!(answered(&Cors::default(), "https://a.example").is_empty());
    }

    #[test]
    fn any_site_comes_without_credentials() {
        let any = cors(&["*"], false).unwrap();
        let headers = answered(&any, "https://b.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert_eq!(cors(&["*"], true).unwrap_err(), CorsError::AnyWithCredentials);
    }

    #[test]
    fn what_no_browser_would_send_is_a_wrong_setting() {
        for bad in [
            "a.example",
            "https://a.example/",
            "https://A.example",
            "ftp://a.example",
            "https://u@a.example",
            "null",
            "*.example",
        ] {
            assert_eq!(cors(&[bad], false).unwrap_err(), CorsError::Origin(bad.into()));
        }
    }
}
