//! What every answer tells the browser not to do with it.
//!
//! Deny by default: what says nothing of itself may load, run, frame and send nothing. A page has
//! its own policy, made of what is really in it ([`page_policy`]): its styles are named by their
//! hash, so nothing that gets into it later is taken for a style of ours.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Addresses of this shop can be keys, such as a cart's. A page of it still learns that a form came
/// from itself: with `no-referrer` browsers would send `Origin: null`.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
);

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Where an answer may be embedded without asking. Pictures say `cross-origin`: feeds and mails show
/// them.
pub const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Adds what the answer does not say itself. `hsts` is given where it goes out over TLS.
pub fn dress(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    headers.entry(REFERRER_POLICY).or_insert(REFERRER);
    headers.entry(RESOURCE_POLICY).or_insert(SAME_ORIGIN);
    let is_page =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        headers.entry(PERMISSIONS_POLICY).or_insert(PERMISSIONS);
        headers.entry(OPENER_POLICY).or_insert(SAME_ORIGIN);
    }
    if let Some(hsts) = hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}

/// For what is somebody's own or secret.
pub fn keep_out_of_caches(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// For an answer that was made for whoever a cookie names: no cache that others share may keep it,
/// and none may take it for the answer to another cookie.
pub fn keep_private(headers: &mut HeaderMap) {
    let given = headers.get(CACHE_CONTROL).and_then(|line| line.to_str().ok());
    if given.is_none_or(|line| line.contains("public")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    headers.append(VARY, HeaderValue::from_static("cookie, accept-encoding"));
}

/// Where a page's forms may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    Nowhere,
    ToUs,
}

/// The policy of a page of ours: its own style elements, named by their hashes, pictures and
/// connections of this shop, no script. A template has no `style` attributes: no hash covers them.
pub fn page_policy(html: &str, forms: Forms) -> HeaderValue {
    let mut styles = String::new();
    for part in html.split("<style>").skip(1) {
        let style = part.split("</style>").next().unwrap_or_default();
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        styles.push_str(&format!(" 'sha256-{hash}'"));
    }
    let styles = if styles.is_empty() { " 'none'" } else { &styles };
    let forms = if forms == Forms::ToUs { "'self'" } else { "'none'" };
    let policy = format!(
        "default-src 'none'; style-src{styles}; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("hashes and keywords stand in a header")
}

/// The policy of a page of the storefront: scripts, styles, pictures and connections of this shop
/// alone, nothing inline. Where it shows pictures that the merchant keeps elsewhere, these may come
/// from anywhere over TLS.
pub fn storefront_policy(html: &str) -> HeaderValue {
    // What people wrote has its quotes escaped, so this is the source of a picture and nothing else.
    let is_at_home = !html.contains(" src=\"https://");
    HeaderValue::from_static(if is_at_home {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_of_itself_may_do_nothing() {
        let mut headers = HeaderMap::new();
        dress(&mut headers, None);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], NOTHING);
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        let mut own = HeaderMap::new();
        own.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        dress(&mut own, Some(&HeaderValue::from_static("max-age=1")));
        assert_eq!(own[CONTENT_SECURITY_POLICY], "sandbox");
        assert_eq!(own[STRICT_TRANSPORT_SECURITY], "max-age=1");
    }

    #[test]
    fn what_was_made_for_somebody_is_for_no_shared_cache() {
        let kept = |before: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(before.map(|line| (CACHE_CONTROL, HeaderValue::from_static(line))));
            keep_private(&mut headers);
            assert_eq!(headers[VARY], "cookie, accept-encoding");
            headers[CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert_eq!(kept(None), "private");
        assert_eq!(kept(Some("public, max-age=60")), "private");
        assert_eq!(kept(Some("no-store")), "no-store");
    }

    #[test]
    fn a_page_takes_pictures_from_elsewhere_only_where_it_shows_some() {
        let sources = |html: &str| storefront_policy(html).to_str().unwrap().contains("https:");
        assert!(sources("<img src=\"https://cdn.example/1.jpg\">"));
        assert!(!sources("<img src=\"/media/1.jpg\"> src=&#34;https://cdn.example"));
        assert!(!storefront_policy("").to_str().unwrap().contains("unsafe"));
    }

    #[test]
    fn a_style_is_named_by_its_hash() {
        let policy = page_policy("<style>a{}</style><p><style>b{}</style>", Forms::Nowhere);
        let policy = policy.to_str().unwrap();
        // printf 'a{}' | openssl dgst -sha256 -binary | base64
        for hash in HASHES {
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert!(page_policy("", Forms::ToUs).to_str().unwrap().contains("style-src 'none'"));
    }

    const HASHES: [&str; 2] = [
        "X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk=",
        "7yqHVAesot11p6HczDsgKRipvI5UPgs97z80zNXlans=",
    ];

    /// A template with an inline style or script could not be shown under its own policy.
    #[test]
    fn templates_have_nothing_inline_that_no_hash_covers() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let inline =
            regex::Regex::new(r#"(?i)<script|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<style\s"#);
        let inline = inline.unwrap();
        let (mut read, mut folders) = (0, vec![std::path::PathBuf::from(folder)]);
        let mut paths = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                // Letters and reports are files that are read elsewhere.
                let is_no_page = path.ends_with("mail") || path.ends_with("report");
                match path.is_dir() {
                    true if is_no_page => {}
                    true => folders.push(path),
                    false => paths.push(path),
                }
            }
        }
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            // A file of ours, and data.
            let text = text.replace("<script type=\"module\" src=", "");
            let text = text.replace("<script type=\"application/ld+json\">", "");
            let found = inline.find(&text).map(|found| found.as_str());
            assert_eq!(found, None, "{}", path.display());
            read += 1;
        }
        assert!(read > 1);
    }
}
