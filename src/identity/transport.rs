//! How the shop speaks with providers: bounded in time and size, and never led elsewhere.
//!
//! Redirects are not followed: a provider that sends its token endpoint's callers on could send
//! them, and the client's secret, anywhere. Plain `http` is for providers on this machine.

use super::settings::is_loopback;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use std::pin::Pin;
use std::time::Duration;

/// How long a provider may take for one answer.
const TIME: Duration = Duration::from_secs(10);

/// The largest answer, in bytes. Discovery documents and key sets have a few thousand.
const MOST_BYTES: usize = 256 << 10;

/// Why a provider gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("it could not be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("its answer has more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("its answer cannot be read")]
    Malformed(#[source] axum::http::Error),
    /// An address that the provider named itself.
    #[error("it names an address that is neither https nor on this machine")]
    Unsafe,
}

/// A client for one provider. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    /// Whether plain `http` may be used, on this machine.
    is_local: bool,
}

impl Transport {
    /// `is_local` is for a provider that runs on this machine.
    pub fn new(is_local: bool) -> Result<Transport, reqwest::Error> {
        // One library of cryptography for everything; where there is one already, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().redirect(Policy::none()).timeout(TIME);
        let builder = if is_local { builder.no_proxy() } else { builder };
        Ok(Transport { client: builder.build()?, is_local })
    }

    /// Whether the shop, or a browser, may be sent to `url`.
    pub fn trusts(&self, url: &str) -> bool {
        url.starts_with("https://") || (self.is_local && is_loopback(url))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if !self.trusts(&request.uri().to_string()) {
            return Err(TransportError::Unsafe);
        }
        let request = request.try_into().map_err(TransportError::Unreachable)?;
        let sent = self.client.execute(request).await;
        let mut response = sent.map_err(TransportError::Unreachable)?;
        let mut answer = axum::http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportError::Unreachable)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        answer.body(body).map_err(TransportError::Malformed)
    }
}

impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
