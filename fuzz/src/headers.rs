//! Header fields that the shop reads itself: cookies and their CSRF tokens, idempotency keys, entity
//! tags, addresses that proxies tell of. Lines of the input are values of one field.
//!
//! The first byte chooses the field.

use axum::http::header::{COOKIE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use mercat::http::client::{Proxies, ProxyHeader};
use mercat::http::cookie::{SESSION, SIGN_IN};
use mercat::http::csrf;
use mercat::http::etag::{EntityTag, IfMatch, is_known};
use mercat::http::idempotency::IdempotencyKey;
use mercat::http::list::PublicUrl;
use std::net::{IpAddr, Ipv4Addr};

pub fn check(data: &[u8]) {
    let Some((which, lines)) = data.split_first() else { return };
    match which % 5 {
        0 => cookies(&fields(COOKIE, lines)),
        1 => keys(&fields(HeaderName::from_static("idempotency-key"), lines)),
        2 => tags(lines),
        3 => addresses(lines),
        _ => forms(lines),
    }
}

fn fields(name: HeaderName, lines: &[u8]) -> HeaderMap {
    let values =
        lines.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut headers = HeaderMap::new();
    for value in values.take(100) {
        headers.append(name.clone(), value);
    }
    headers
}

fn cookies(headers: &HeaderMap) {
    for url in ["http://shop.example", "https://shop.example"] {
        let url: PublicUrl = url.parse().expect("an address");
        for cookie in [SESSION, SIGN_IN] {
            let Some(value) = cookie.read(headers, &url) else { continue };
            assert!(
                headers.values().any(|line| line.to_str().is_ok_and(|line| line.contains(value)))
            );
            assert!(!csrf::is_anonymous(&csrf::token(value)), "a token is no cookie");
            csrf::is_anonymous(value);
        }
    }
}

fn keys(headers: &HeaderMap) {
    let lines = headers.len();
    match IdempotencyKey::of(headers) {
        Ok(None) => assert_eq!(lines, 0),
        Ok(Some(key)) => {
            assert_eq!(lines, 1);
            let attempt = |body: &[u8]| key.attempt("guest", "/", &Method::POST, "/", body);
            assert_eq!(attempt(b"a"), attempt(b"a"));
            assert_ne!(attempt(b"a").fingerprint, attempt(b"b").fingerprint);
        }
        Err(error) => assert_eq!(error.problem().status().as_u16(), 400),
    }
}

fn tags(lines: &[u8]) {
    let own = EntityTag::of_version(7);
    is_known(&fields(IF_NONE_MATCH, lines), &own);
    assert!(!is_known(&fields(ETAG, lines), &own), "another field says nothing");
    if let Ok(wanted) = IfMatch::of(&fields(IF_MATCH, lines)) {
        assert_eq!(wanted.allows(7), wanted.check(7).is_ok());
    }
}

fn addresses(lines: &[u8]) {
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let networks = vec!["10.0.0.0/8".parse().expect("a network")];
    for (header, name) in
        [(ProxyHeader::XForwardedFor, "x-forwarded-for"), (ProxyHeader::Forwarded, "forwarded")]
    {
        let headers = fields(HeaderName::from_static(name), lines);
        let proxies = Proxies { networks: networks.clone(), header };
        proxies.client(peer, &headers);
        // Of whoever is no proxy, nothing that they say is believed.
        let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(proxies.client(stranger, &headers), stranger);
    }
}

fn forms(lines: &[u8]) {
    for pair in lines.split(|byte| *byte == b'&') {
        csrf::is_field(pair);
    }
    if let Ok(text) = std::str::from_utf8(lines)
        && let Ok(url) = text.parse::<PublicUrl>()
    {
        assert!(url.join("/v1").ends_with("/v1") && !url.host().is_empty());
        assert!(!url.authority().contains('@'));
    }
}
