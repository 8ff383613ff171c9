//! Versions over HTTP (RFC 9110, section 13): `ETag`, `If-None-Match`, `If-Match`.
//!
//! A tag names an entity's version and, where the answer shows more than the entity (such as
//! stock), also a digest of the whole answer: `"12-9f86d081884c7d65"`. `If-None-Match` compares the
//! whole tag. `If-Match` asks whether the entity changed, so it looks at the version alone: a sale
//! meanwhile does not refuse the correction of a text.

use super::problem::ApiError;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The tag of one version of one thing, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// The tag of an entity that is shown by itself alone.
    pub fn of_version(version: u64) -> EntityTag {
        EntityTag::new(&format!("\"{version}\""))
    }

    /// The tag of an answer that shows an entity of that version and things beside it.
    pub fn of_answer(version: u64, bytes: &[u8]) -> EntityTag {
        EntityTag::new(&format!("\"{version}-{}\"", digest(bytes)))
    }

    /// The tag of an answer that is no entity's, such as a list.
    pub fn of_bytes(bytes: &[u8]) -> EntityTag {
        EntityTag::new(&format!("\"{}\"", digest(bytes)))
    }

    fn new(text: &str) -> EntityTag {
        let value = HeaderValue::from_str(text);
        EntityTag(value.expect("a tag is digits, letters, a dash and quotes"))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As a header value.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Half of a SHA-256 in hex: 64 bits tell the versions of one address apart.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a conditional header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    /// Each with its quotes and, where it is weak, its `W/`.
    List(Vec<String>),
}

/// Reads all lines of a header of entity tags; a malformed one is a 400, for guessing could
/// overwrite somebody's change.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, ApiError> {
    let mut list = Vec::new();
    let mut given = false;
    for line in headers.get_all(name) {
        given = true;
        let mut rest = line.to_str().map_err(|_| malformed(name))?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Any));
        }
        while !rest.is_empty() {
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let inner = quoted.strip_prefix('"').ok_or_else(|| malformed(name))?;
            let end = inner.find('"').ok_or_else(|| malformed(name))?;
            let length = rest.len() - inner.len() + end + 1;
            list.push(rest[..length].to_owned());
            let after = rest[length..].trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return Err(malformed(name)),
            };
        }
    }
    Ok(given.then_some(Tags::List(list)))
}

fn malformed(name: &HeaderName) -> ApiError {
    let name = if name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    ApiError::InvalidHeader { name, detail: "must be * or a list of quoted ETags".into() }
}

/// Whether the caller already has what `tag` names, so that 304 says it all (weak comparison).
pub fn is_known(headers: &HeaderMap, tag: &EntityTag) -> bool {
    let given = headers.get(IF_NONE_MATCH);
    // Nearly always it is the one tag that was given out, to the letter.
    if given.is_none_or(|given| given.as_bytes() == tag.as_str().as_bytes()) {
        return given.is_some();
    }
    match tags(headers, &IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        Ok(Some(Tags::List(list))) => {
            list.iter().any(|own| own.strip_prefix("W/").unwrap_or(own) == tag.as_str())
        }
        Ok(None) | Err(_) => false,
    }
}

/// Which versions a change may build on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// The caller does not care.
    Unconditional,
    /// `*`: any, as long as the thing is there.
    Any,
    Versions(Vec<u64>),
}

impl IfMatch {
    /// Reads `If-Match`. Weak tags and tags that we never gave out match nothing.
    pub fn of(headers: &HeaderMap) -> Result<IfMatch, ApiError> {
        let version = |tag: &String| {
            let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
            let version = tag.split('-').next().unwrap_or(tag);
            let plain = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| version.parse().ok()).flatten()
        };
        Ok(match tags(headers, &IF_MATCH)? {
            None => IfMatch::Unconditional,
            Some(Tags::Any) => IfMatch::Any,
            Some(Tags::List(list)) => IfMatch::Versions(list.iter().filter_map(version).collect()),
        })
    }

    /// As [`IfMatch::of`], where a change without a condition is refused.
    pub fn required(headers: &HeaderMap) -> Result<IfMatch, ApiError> {
        match IfMatch::of(headers)? {
            IfMatch::Unconditional => Err(ApiError::PreconditionRequired),
            condition => Ok(condition),
        }
    }

    pub fn allows(&self, version: u64) -> bool {
        match self {
            IfMatch::Unconditional | IfMatch::Any => true,
            IfMatch::Versions(versions) => versions.contains(&version),
        }
    }

    /// 412 unless the change may build on `version`.
    pub fn check(&self, version: u64) -> Result<(), ApiError> {
        if self.allows(version) { Ok(()) } else { Err(ApiError::PreconditionFailed) }
    }
}

/// A JSON answer.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => json_bytes(status, bytes),
        Err(error) => {
            let problem = ApiError::fault(&error).problem();
            problem.response(None)
        }
    }
}

/// A JSON answer whose text is ready.
pub fn json_bytes(status: StatusCode, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(bytes.into()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A JSON answer with its `ETag`: of the entity's version and of all that it shows. A caller that
/// asked for changes alone and has this one gets 304 without a body.
pub fn versioned(
    request: &HeaderMap,
    status: StatusCode,
    version: Option<u64>,
    value: &impl Serialize,
) -> Response {
    let bytes = match serde_json::to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::fault(&error).problem().response(None),
    };
    let tag = match version {
        Some(version) => EntityTag::of_answer(version, &bytes),
        None => EntityTag::of_bytes(&bytes),
    };
    if status == StatusCode::OK {
        return shown(request, &tag, || bytes.into());
    }
    let mut response = json_bytes(status, bytes);
    response.headers_mut().insert(ETAG, tag.value());
    response
}

/// A JSON answer whose tag is known beforehand: its text is asked for only where it is sent.
pub fn shown(request: &HeaderMap, tag: &EntityTag, json: impl FnOnce() -> Bytes) -> Response {
    shown_as(request, tag, HeaderValue::from_static("application/json"), json)
}

/// As [`shown`], of any media type.
pub fn shown_as(
    request: &HeaderMap,
    tag: &EntityTag,
    media_type: HeaderValue,
    text: impl FnOnce() -> Bytes,
) -> Response {
    let mut response = Response::new(Body::empty());
    if is_known(request, tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(text());
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    response.headers_mut().insert(ETAG, tag.value());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_the_star() {
        let tag = EntityTag::of_bytes(b"x");
        let own = tag.as_str();
        for good in [own.to_owned(), format!("W/{own}"), format!("\"a,b\", {own}"), "*".into()] {
            assert!(is_known(&headers(IF_NONE_MATCH, &good), &tag), "{good}");
        }
        for bad in ["\"other\"", "other", "", "W/\"\""] {
            assert!(!is_known(&headers(IF_NONE_MATCH, bad), &tag), "{bad}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }

    #[test]
    fn if_match_looks_at_the_version_and_takes_no_weak_tag() {
        let condition = |value: &str| IfMatch::of(&headers(IF_MATCH, value)).unwrap();
        assert!(condition("\"12\"").allows(12));
        assert!(condition("\"3\", \"12-abcdef\"").allows(12));
        assert!(condition("*").allows(12));
        for other in ["\"13\"", "W/\"12\"", "\"x\"", "\"+12\"", "\"99999999999999999999999\""] {
            assert_eq!(condition(other).check(12), Err(ApiError::PreconditionFailed), "{other}");
        }
        assert_eq!(IfMatch::of(&HeaderMap::new()), Ok(IfMatch::Unconditional));
        assert_eq!(IfMatch::required(&HeaderMap::new()), Err(ApiError::PreconditionRequired));
        for malformed in ["12", "\"12", "\"1\" \"2\""] {
            assert!(IfMatch::of(&headers(IF_MATCH, malformed)).is_err(), "{malformed}");
        }
    }

    #[test]
    fn an_answer_that_is_known_is_304_with_its_tag_and_no_body() {
        let first = versioned(&HeaderMap::new(), StatusCode::OK, Some(7), &"hello");
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with("\"7-"));
        let again = versioned(&headers(IF_NONE_MATCH, &tag), StatusCode::OK, Some(7), &"hello");
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], tag);
        let changed = versioned(&headers(IF_NONE_MATCH, &tag), StatusCode::OK, Some(7), &"hullo");
        assert_eq!(changed.status(), StatusCode::OK);
        let made = versioned(&headers(IF_NONE_MATCH, "*"), StatusCode::CREATED, Some(7), &"hello");
        assert_eq!(made.status(), StatusCode::CREATED);
    }

    proptest! {
        #[test]
        fn a_tag_that_was_given_out_lets_its_version_change(version: u64, bytes: Vec<u8>) {
            for tag in [EntityTag::of_version(version), EntityTag::of_answer(version, &bytes)] {
                let condition = IfMatch::of(&headers(IF_MATCH, tag.as_str())).unwrap();
                prop_assert!(condition.allows(version));
                prop_assert!(!condition.allows(version.wrapping_add(1)));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\x20-\\x7e]{0,40}") {
            let _ = IfMatch::of(&headers(IF_MATCH, &text));
            let _ = is_known(&headers(IF_NONE_MATCH, &text), &EntityTag::of_version(1));
        }
    }
}
