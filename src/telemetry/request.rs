//! The request that is being worked on, for whoever writes to the log meanwhile.
//!
//! A span of `tracing` would say the same. It would be made, put into text and thrown away for every
//! request, and most of them write a single line: this is put into text where a line is written.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use tokio::task_local;

task_local! {
    static CURRENT: Arc<Request>;
}

/// What the log says of a request with every line that is written on its way.
#[derive(Debug)]
pub struct Request {
    pub id: Box<str>,
    pub method: Box<str>,
    pub path: Box<str>,
    /// What it holds for as long as anybody works for it, whether somebody waits for that or not.
    pub holds: Option<Arc<dyn Any + Send + Sync>>,
}

/// Work that belongs to a request.
pub async fn on_behalf_of<F: Future>(request: Arc<Request>, work: F) -> F::Output {
    CURRENT.scope(request, work).await
}

/// As [`on_behalf_of`], for what waits for nothing.
pub fn on_behalf_of_now<T>(request: Arc<Request>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(request, work)
}

/// The request that this is done for, if it is done for one.
pub fn current() -> Option<Arc<Request>> {
    CURRENT.try_with(Arc::clone).ok()
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { id, method, path, .. } = self;
        write!(f, "request{{request.id=\"{id}\" method={method} path={}}}", Redacted(path))
    }
}

/// A path for the log: a cart's id is its guest's key and is left out.
pub struct Redacted<'a>(pub &'a str);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carts_key_stays_out_of_the_log() {
        assert_eq!(Redacted("/v1/carts/cart-abc/items").to_string(), "/v1/carts/cart-…/items");
        assert_eq!(Redacted("/v1/carts/%63art-abc").to_string(), "/v1/carts/cart-…");
        assert_eq!(Redacted("/v1/carts").to_string(), "/v1/carts");
    }

    #[tokio::test]
    async fn work_knows_its_own_request_and_no_other() {
        let request = |id: &str| {
            Arc::new(Request {
                id: id.into(),
                method: "GET".into(),
                path: "/v1/carts/x".into(),
                holds: None,
            })
        };
        let asked = async {
            tokio::task::yield_now().await;
            current().map(|own| own.to_string())
        };
        let (one, other) = tokio::join!(
            on_behalf_of(request("a"), asked),
            on_behalf_of(request("b"), async { current().map(|own| own.id.clone()) })
        );
        assert_eq!(
            one.as_deref(),
            Some("request{request.id=\"a\" method=GET path=/v1/carts/cart-…}")
        );
        assert_eq!(other.as_deref(), Some("b"));
        assert!(current().is_none());
    }
}
