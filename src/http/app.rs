//! What every handler has at hand, and what a request is before its body is read: who asks, from
//! where, for which route.

use super::etag::IfMatch;
use super::idempotency::IdempotencyKey;
use super::kept::Answers;
use super::list::PublicUrl;
use super::problem::ApiError;
use super::storefront::look::{Look, Looks};
use super::texts::Texts;
use crate::actors::pictures::{PATH, Pictures, Srcset, srcset};
use crate::domain::order::Attempt;
use crate::identity::SignIns;
use crate::payments::test::TestProvider;
use crate::shop::Shop;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use std::borrow::Cow;
use std::sync::Arc;

/// The shop behind the door. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub shop: Arc<Shop>,
    pub public_url: PublicUrl,
    pub pictures: Pictures,
    /// What products look like, made once for many answers.
    pub texts: Texts,
    /// Whole answers that are the same for everybody.
    pub answers: Answers,
    /// The `test` provider, where it takes play money.
    pub test: Option<Arc<TestProvider>>,
    /// The largest imported file or picture, in bytes.
    pub upload_bytes: usize,
    /// Sign-in with identity providers.
    pub sign_ins: SignIns,
    /// How pages look; they ask [`App::look`].
    pub looks: Arc<Looks>,
}

impl App {
    /// How the shop looks now: the one place that pages learn it from.
    pub fn look(&self) -> Arc<Look> {
        self.looks.of(&self.shop.reads.merchant.load().settings)
    }

    /// The full address of a picture: our own are known by their path alone, so that they are found
    /// when the shop moves.
    pub fn picture_url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if url.starts_with(PATH) { self.public_url.join(url).into() } else { url.into() }
    }

    /// The widths of a picture of ours, whether it is named by its path or in full; `None` of others
    /// and of drawings. It looks at the address alone.
    pub fn srcset(&self, url: &str) -> Option<Srcset> {
        srcset(url.strip_prefix(self.public_url.as_str()).unwrap_or(url))
    }
}

/// One request, without its body.
pub struct Call {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    /// The route's template, such as `/v1/carts/{cartId}`.
    pub template: String,
}

impl FromRequestParts<App> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Call, ApiError> {
        let matched = MatchedPath::from_request_parts(parts, state).await;
        Ok(Call {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            template: matched.map(|path| path.as_str().to_owned()).unwrap_or_default(),
        })
    }
}

impl Call {
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The idempotency key, if one came, as the shop remembers it. `scope` names the caller.
    pub fn attempt(&self, scope: &str, body: &[u8]) -> Result<Option<Attempt>, ApiError> {
        let key = IdempotencyKey::of(&self.headers)?;
        Ok(key.map(|key| key.attempt(scope, &self.template, &self.method, self.path(), body)))
    }

    /// As [`Call::attempt`], where money moves and the key may not be missing.
    pub fn required_attempt(&self, scope: &str, body: &[u8]) -> Result<Attempt, ApiError> {
        let key = IdempotencyKey::required(&self.headers)?;
        Ok(key.attempt(scope, &self.template, &self.method, self.path(), body))
    }

    /// The one version that `If-Match` asks for, given the one that stands now.
    pub fn expected(&self, current: Option<u64>) -> Result<Option<u64>, ApiError> {
        match IfMatch::of(&self.headers)? {
            IfMatch::Unconditional | IfMatch::Any => Ok(None),
            IfMatch::Versions(versions) => {
                let found = current.filter(|current| versions.contains(current));
                found.map(Some).ok_or(ApiError::PreconditionFailed)
            }
        }
    }
}
