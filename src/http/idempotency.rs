//! `Idempotency-Key`: the caller's name for one attempt, and the hashes under which it is kept.
//!
//! The key is scoped by caller and route template; the fingerprint covers method, whole path and
//! body, so that a key used for another cart or another body is told apart from a repeat. The key as
//! the caller wrote it is kept nowhere, and is part of both hashes: of a key that nobody can guess, the
//! hashes tell nobody what the body was.

use super::problem::ApiError;
use crate::domain::order::Attempt;
use axum::http::{HeaderMap, Method};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The header that names the attempt.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The headers that a replay says it is one by: ours, and the name other APIs use.
pub const REPLAYED: [&str; 2] = ["idempotency-replayed", "idempotent-replayed"];

/// A key as the caller chose it: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header, bare or as a structured-field string (RFC 9651, section 3.3.3). Bare and
    /// quoted, it is the same key.
    pub fn of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
        let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(malformed("must be given once"));
        }
        let text = line.to_str().unwrap_or_default().trim();
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest).ok_or_else(|| malformed("is quoted the wrong way"))?,
            None => text.to_owned(),
        };
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > 255 || !visible {
            return Err(malformed("must be 1 to 255 visible ASCII characters"));
        }
        Ok(Some(IdempotencyKey(key)))
    }

    /// The key in a form: 32 hexadecimal digits, as [`IdempotencyKey::fresh`] makes them.
    pub fn of_form(text: &str) -> Option<IdempotencyKey> {
        let is_ours = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| IdempotencyKey(text.to_owned()))
    }

    /// A key for a form that is shown now.
    pub fn fresh() -> String {
        let random: [u8; 16] = rand::random();
        random.iter().fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The key under which the same is tried for the `n`th time after the first.
    pub fn again(&self, n: u32) -> IdempotencyKey {
        IdempotencyKey(format!("{}.{n}", self.0))
    }

    /// As [`IdempotencyKey::of`], where money moves and the key may not be missing.
    pub fn required(headers: &HeaderMap) -> Result<IdempotencyKey, ApiError> {
        IdempotencyKey::of(headers)?.ok_or(ApiError::IdempotencyKeyRequired)
    }

    /// What the shop keeps of the attempt. `scope` names the caller (all guests are one), `template`
    /// the route, such as `/v1/carts/{cartId}/checkout`.
    pub fn attempt(
        &self,
        scope: &str,
        template: &str,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> Attempt {
        Attempt {
            key: hash(&[scope.as_bytes(), template.as_bytes(), self.0.as_bytes()]),
            fingerprint: hash(&[
                method.as_str().as_bytes(),
                path.as_bytes(),
                self.0.as_bytes(),
                body,
            ]),
        }
    }
}

/// The first half of a SHA-256 over the parts, each ended by a zero byte, which no part but the
/// last can contain.
fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            digest.update([0]);
        }
        digest.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&digest.finalize()[..16]);
    half
}

fn malformed(detail: &str) -> ApiError {
    ApiError::InvalidHeader { name: "Idempotency-Key", detail: detail.into() }
}

/// The inside of a structured-field string whose first quote is gone; only `"` and `\` are escaped.
fn unquoted(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(out),
            '\\' => out.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Result<Option<IdempotencyKey>, ApiError> {
        let value = axum::http::HeaderValue::from_bytes(text.as_bytes()).unwrap();
        IdempotencyKey::of(&[(IDEMPOTENCY_KEY.parse().unwrap(), value)].into_iter().collect())
    }

    #[test]
    fn a_key_comes_bare_or_quoted() {
        assert_eq!(key("abc-1"), key("\"abc-1\""));
        assert_eq!(key("\"a\\\"b\\\\c\"").unwrap().unwrap().0, "a\"b\\c");
        assert!(key(&"x".repeat(255)).is_ok());
        let bad = [
            "",
            " ",
            "\"\"",
            "a b",
            "\"a",
            "\"a\" b",
            "\"a\\n\"",
            "\"a b\"",
            "ä",
            &"x".repeat(256),
        ];
        for text in bad {
            assert!(matches!(key(text), Err(ApiError::InvalidHeader { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_form_has_a_key_of_its_own() {
        let (one, other) = (IdempotencyKey::fresh(), IdempotencyKey::fresh());
        assert_ne!(one, other);
        let key = IdempotencyKey::of_form(&one).unwrap();
        assert_ne!(key.again(1), key);
        assert_ne!(key.again(1), key.again(2));
        for bad in ["", "x", &one[1..], &format!("{one}0"), &one.replacen(&one[..1], "g", 1)] {
            assert_eq!(IdempotencyKey::of_form(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_missing_key_is_refused_only_where_money_moves() {
        assert_eq!(IdempotencyKey::of(&HeaderMap::new()), Ok(None));
        let required = IdempotencyKey::required(&HeaderMap::new());
        assert_eq!(required, Err(ApiError::IdempotencyKeyRequired));
    }

    #[test]
    fn the_key_is_scoped_and_the_fingerprint_covers_the_request() {
        let key = key("k").unwrap().unwrap();
        let attempt = |scope, template, path, body: &str| {
            key.attempt(scope, template, &Method::POST, path, body.as_bytes())
        };
        let first = attempt("guest", "/v1/carts/{cartId}/checkout", "/v1/carts/a/checkout", "{}");
        assert_eq!(
            first,
            attempt("guest", "/v1/carts/{cartId}/checkout", "/v1/carts/a/checkout", "{}")
        );
        let other_cart =
            attempt("guest", "/v1/carts/{cartId}/checkout", "/v1/carts/b/checkout", "{}");
        assert_eq!(other_cart.key, first.key);
        assert_ne!(other_cart.fingerprint, first.fingerprint);
        let other_body =
            attempt("guest", "/v1/carts/{cartId}/checkout", "/v1/carts/a/checkout", "{ }");
        assert_ne!(other_body.fingerprint, first.fingerprint);
        assert_ne!(attempt("staff-1", "/v1/carts/{cartId}/checkout", "/", "").key, first.key);
        assert_ne!(attempt("guest", "/v1/carts", "/", "").key, first.key);
    }

    proptest! {
        #[test]
        fn quoting_never_changes_a_key(text in "[!-~]{1,255}") {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            let quoted = key(&format!("\"{escaped}\"")).unwrap().unwrap();
            prop_assert_eq!(&quoted.0, &text);
            if !text.starts_with('"') {
                prop_assert_eq!(key(&text).unwrap().unwrap(), quoted);
            }
        }
    }
}
