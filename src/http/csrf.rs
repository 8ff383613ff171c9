//! What shows that a write comes from a page of this shop, and not from another site that has a
//! visitor's browser send it.
//!
//! A browser sends its cookie along whoever asked it to, so a write that is allowed for its cookie
//! must also show a token that only our pages can read: in the header `X-CSRF-Token`, or in a form's
//! field `csrf`. The token follows from the cookie's value by a hash, so it is good with that cookie
//! alone and nothing has to be kept for it; a browser in which nobody is logged in has a cookie for
//! this purpose too, for else somebody could be logged in as somebody else. Each time it is shown it
//! looks different, or its repetition in zipped pages could be measured (the BREACH attack).
//!
//! Beside that, what a browser itself says of where a write comes from is believed when it says that
//! it is not from here (`Sec-Fetch-Site`, `Origin`).

use super::body::raw_body;
use super::cors::Cors;
use super::list::PublicUrl;
use super::problem::ApiError;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Request, Uri};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use subtle::ConstantTimeEq;

/// Where scripts show the token.
pub const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// The form's field that holds it.
pub const FIELD: &str = "csrf";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the cookie of a browser begins with in which nobody is logged in.
const ANONYMOUS: &str = "mcb_";

/// What the hash of a cookie is for, so that it is no other hash of the same text.
const PURPOSE: &str = "mercat csrf 1:";

/// A new value for the cookie of a browser in which nobody is logged in; it opens nothing.
pub fn anonymous() -> String {
    let random: [u8; 32] = rand::random();
    random.iter().fold(ANONYMOUS.to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether that is what a cookie holds.
pub fn is_anonymous(cookie: &str) -> bool {
    cookie.starts_with(ANONYMOUS) && is_secret(cookie)
}

/// Whether a cookie is long enough to be a secret: four letters that say of what kind it is, and 256
/// bits. What follows from one that could be guessed would be no proof.
pub fn is_secret(cookie: &str) -> bool {
    let digits = cookie.get(4..).unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The token that pages show to the browser of this cookie; another text each time.
pub fn token(cookie: &str) -> String {
    let (mask, own): ([u8; 32], [u8; 32]) = (rand::random(), digest(cookie));
    let mut bytes = [0; 64];
    for place in 0..32 {
        bytes[place] = mask[place];
        bytes[32 + place] = mask[place] ^ own[place];
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn is_token(shown: &str, cookie: &str) -> bool {
    let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(shown) else { return false };
    let Ok(bytes) = <[u8; 64]>::try_from(bytes) else { return false };
    let mut own = [0; 32];
    for place in 0..32 {
        own[place] = bytes[place] ^ bytes[32 + place];
    }
    own.ct_eq(&digest(cookie)).into()
}

fn digest(cookie: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(PURPOSE);
    hash.update(cookie);
    hash.finalize().into()
}

/// Whether this is the part of a form that holds the token.
pub fn is_field(pair: &[u8]) -> bool {
    pair.strip_prefix(FIELD.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

/// Whether requests of this kind change nothing, and so need no token.
pub fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// What is known before a request's body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Good,
    /// The form has to be looked into.
    InForm,
}

const MISSING: ApiError = ApiError::Csrf {
    detail: "send the csrfToken of GET /v1/auth/session in X-CSRF-Token, or in the field csrf of a form",
};
const WRONG: ApiError =
    ApiError::Csrf { detail: "the CSRF token is of another session: load the page again" };
const FOREIGN: ApiError = ApiError::Csrf { detail: "this was sent by a page of another site" };

/// Whether a write that came with this cookie is one of ours, as far as its head tells.
pub fn check(
    request: &Request<Body>,
    cookie: Option<&str>,
    url: &PublicUrl,
    sites: &Cors,
) -> Result<Shown, ApiError> {
    let headers = request.headers();
    is_from_here(headers, request.uri(), url, sites)?;
    let cookie = cookie.filter(|own| is_secret(own)).ok_or(MISSING)?;
    let mut lines = headers.get_all(HEADER).iter();
    match lines.next() {
        Some(line) => {
            let shown = line.to_str().ok().filter(|_| lines.next().is_none());
            let is_good = shown.is_some_and(|shown| is_token(shown, cookie));
            if is_good { Ok(Shown::Good) } else { Err(WRONG) }
        }
        None if is_form(headers) => Ok(Shown::InForm),
        None => Err(MISSING),
    }
}

/// Whether the browser itself says that a write comes from a page of ours. Where nobody is logged in that
/// is enough for a form on a page that is the same for everybody, and so can hold no token.
pub fn is_said_to_be_ours(request: &Request<Body>, url: &PublicUrl, sites: &Cors) -> bool {
    let headers = request.headers();
    let is_said = headers.contains_key(ORIGIN)
        || headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
    is_said && is_from_here(headers, request.uri(), url, sites).is_ok()
}

/// Looks into a form, and gives the request with its body as it was.
pub async fn check_form(request: Request<Body>, cookie: &str) -> Result<Request<Body>, ApiError> {
    let (head, body) = request.into_parts();
    let form = raw_body(Request::from_parts(head.clone(), body), &()).await?;
    let pairs = form.split(|byte| *byte == b'&').filter_map(|pair| std::str::from_utf8(pair).ok());
    let mut shown = pairs.filter_map(|pair| pair.strip_prefix(FIELD)?.strip_prefix('='));
    // The token has no letter that a form would encode.
    let only = shown.next().ok_or(MISSING)?;
    if shown.next().is_some() || !is_token(only, cookie) {
        return Err(WRONG);
    }
    Ok(Request::from_parts(head, Body::from(form)))
}

fn is_form(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Refuses what a browser says comes from another site: one whose name merely ends like ours is
/// another, too. Sites that are trusted with the visitor's cookies are not.
fn is_from_here(
    headers: &HeaderMap,
    uri: &Uri,
    url: &PublicUrl,
    sites: &Cors,
) -> Result<(), ApiError> {
    let origin = headers.get(ORIGIN);
    if origin.is_some_and(|origin| sites.trusts(origin)) {
        return Ok(());
    }
    let site = headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes());
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(FOREIGN);
    }
    let Some(origin) = origin else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|authority| authority.as_str()));
    let is_ours = origin.split_once("://").is_some_and(|(scheme, asking)| {
        let is_host = |own: &str| asking.eq_ignore_ascii_case(own);
        scheme == url.scheme() && (is_host(url.authority()) || host.is_some_and(is_host))
    });
    if is_ours { Ok(()) } else { Err(FOREIGN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://shop.example/at";

    const MINE: &str = "mct_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const THEIRS: &str = "mct_ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    /// The answer to a write with these headers and my cookie.
    fn told(headers: &[(&str, &str)]) -> Result<Shown, ApiError> {
        let mut request = Request::post("/v1/carts");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sites = Cors::new(&["https://app.example".into()], true).unwrap();
        let request = request.body(Body::empty()).unwrap();
        check(&request, Some(MINE), &URL.parse().unwrap(), &sites)
    }

    #[test]
    fn a_token_is_good_with_its_cookie_alone_and_never_looks_the_same() {
        let (one, other) = (token(MINE), token(MINE));
        assert_ne!(one, other);
        assert!(one.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
        assert!(is_token(&one, MINE) && is_token(&other, MINE));
        for bad in [&token(THEIRS), "", "AAAA", &one[1..], &one.to_uppercase(), &"A".repeat(86)] {
            assert!(!is_token(bad, MINE), "{bad}");
        }
        assert!(is_anonymous(&anonymous()) && anonymous() != anonymous());
        for bad in ["", "mcb_", &anonymous()[4..], &anonymous()[..67], "mcb_zz"] {
            assert!(!is_anonymous(bad), "{bad}");
        }
    }

    #[test]
    fn the_header_is_read_once_and_otherwise_the_form() {
        let (good, bad) = (token(MINE), token(THEIRS));
        assert_eq!(told(&[("x-csrf-token", &good)]), Ok(Shown::Good));
        assert_eq!(told(&[("x-csrf-token", &bad)]), Err(WRONG));
        assert_eq!(told(&[("x-csrf-token", &good), ("x-csrf-token", &good)]), Err(WRONG));
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(told(&[form]), Ok(Shown::InForm));
        assert_eq!(told(&[form, ("x-csrf-token", "")]), Err(WRONG));
        assert_eq!(told(&[("content-type", "text/plain")]), Err(MISSING));
        assert_eq!(told(&[]), Err(MISSING));
        let request = Request::post("/").header(HEADER, &good).body(Body::empty()).unwrap();
        let with = |cookie| check(&request, cookie, &URL.parse().unwrap(), &Cors::default());
        assert_eq!(with(None), Err(MISSING));
        assert_eq!(with(Some("")), Err(MISSING));
        let empty = Request::post("/").header(HEADER, token("")).body(Body::empty()).unwrap();
        let guessed = check(&empty, Some(""), &URL.parse().unwrap(), &Cors::default());
        assert_eq!(guessed, Err(MISSING));
    }

    #[test]
    fn a_browsers_own_word_is_asked_for_and_not_only_that_it_says_nothing_else() {
        let said = |headers: &[(&str, &str)]| {
            let mut request = Request::post("/cart/lines").header("host", "10.0.0.7:8080");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::empty()).unwrap();
            is_said_to_be_ours(&request, &URL.parse().unwrap(), &Cors::default())
        };
        assert!(said(&[("origin", "https://shop.example")]));
        assert!(said(&[("sec-fetch-site", "same-origin")]));
        assert!(!said(&[]) && !said(&[("sec-fetch-site", "none")]));
        for foreign in [
            &[("sec-fetch-site", "same-site")][..],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!said(foreign), "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn a_forms_field_is_looked_at_and_its_body_kept() {
        let checked = async |form: String| {
            let request = Request::post("/").body(Body::from(form)).unwrap();
            let request = check_form(request, MINE).await?;
            Ok(axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap())
        };
        let good = token(MINE);
        let form = format!("a=b&csrf={good}&c=%20");
        assert_eq!(checked(form.clone()).await, Ok(form.into()));
        assert_eq!(checked("a=b".into()).await, Err(MISSING));
        assert_eq!(checked(format!("xcsrf={good}")).await, Err(MISSING));
        assert_eq!(checked(format!("csrf={}", token(THEIRS))).await, Err(WRONG));
        assert_eq!(checked(format!("csrf={good}&csrf={good}")).await, Err(WRONG));
    }

    #[test]
    fn what_a_browser_says_of_another_site_is_believed() {
        let good = token(MINE);
        let from = |head: &[(&str, &str)]| {
            let all = [head, &[("x-csrf-token", &good), ("host", "10.0.0.7:8080")]].concat();
            told(&all).is_ok()
        };
        for ours in ["https://shop.example", "https://SHOP.example", "https://10.0.0.7:8080"] {
            assert!(from(&[("origin", ours), ("sec-fetch-site", "same-origin")]), "{ours}");
        }
        assert!(from(&[("sec-fetch-site", "none")]));
        for foreign in [
            "null",
            "",
            "http://shop.example",
            "http://10.0.0.7:8080",
            "https://shop.example:444",
            "https://www.shop.example",
            "https://shop.example.evil",
            "https://evil.example",
        ] {
            assert!(!from(&[("origin", foreign)]), "{foreign}");
        }
        for site in ["cross-site", "same-site", "", "x"] {
            assert!(!from(&[("sec-fetch-site", site)]), "{site}");
            assert!(!from(&[("sec-fetch-site", site), ("origin", "https://shop.example")]));
        }
        // But those that the settings trust with cookies may.
        assert!(from(&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]));
    }
}
