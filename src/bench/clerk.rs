//! Somebody of the staff who looks at the shop from outside: what is for sale, what was sold.
//!
//! Asked before and after a load, never while it runs.

use super::load::{Answer, Target, Whole, Wire};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// One page of a list, as the API sends it.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub data: Vec<T>,
    pub meta: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub total_items: u64,
}

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the shop did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    #[error("{what}: the shop did not answer")]
    Silent { what: String, source: io::Error },
    #[error("{what}: {status} {said}")]
    Refused { what: String, status: StatusCode, said: String },
    #[error("{what}: the answer cannot be read")]
    Unreadable { what: String, source: serde_json::Error },
}

/// How a clerk proves who they are.
#[derive(Clone)]
pub enum Staff {
    Login {
        email: String,
        password: String,
    },
    /// An access token or an API key.
    Token(String),
}

pub struct Clerk {
    wire: Wire,
    token: Option<HeaderValue>,
}

impl Clerk {
    /// Without credentials, for what everybody may see.
    pub fn new(target: &Target) -> Clerk {
        Clerk { wire: Wire::new(Arc::new(target.clone())), token: None }
    }

    pub async fn log_in(&mut self, staff: &Staff) -> Result<(), ClerkError> {
        let token = match staff {
            Staff::Token(token) => token.clone(),
            Staff::Login { email, password } => {
                let body = json!({ "email": email, "password": password });
                let answer = self.post("/v1/auth/login", &body).await?;
                answer["accessToken"].as_str().unwrap_or_default().to_owned()
            }
        };
        self.token = HeaderValue::from_str(&format!("Bearer {token}")).ok();
        Ok(())
    }

    /// Whether what staff see can be seen.
    pub fn is_staff(&self) -> bool {
        self.token.is_some()
    }

    pub fn target(&self) -> &Target {
        self.wire.target()
    }

    pub async fn get(&mut self, path: &str) -> Result<Value, ClerkError> {
        json_of(path, &self.fetch(path).await?)
    }

    /// The answer as it came.
    pub async fn fetch(&mut self, path: &str) -> Result<Answer, ClerkError> {
        let request = self.target().get(self.target().uri(path));
        let what = format!("GET {path}");
        let answer = self.send(request).await;
        good(&what, answer.map_err(|source| ClerkError::Silent { what: what.clone(), source })?)
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Value, ClerkError> {
        let target = self.target();
        let request = target.json(Method::POST, target.uri(path), body.to_string());
        let what = format!("POST {path}");
        let answer = self.send(request).await;
        let answer = answer.map_err(|source| ClerkError::Silent { what: what.clone(), source })?;
        json_of(&what, &good(&what, answer)?)
    }

    /// Sends a request, with the credentials, and gives whatever is answered.
    pub async fn send(&mut self, mut request: Request<Whole>) -> io::Result<Answer> {
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        match tokio::time::timeout(PATIENCE, self.wire.send(request, true)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.wire.abandon();
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// As [`Clerk::send`], as a guest and under a key.
    pub async fn send_as_guest(
        &mut self,
        mut request: Request<Whole>,
        key: (&'static str, HeaderValue),
    ) -> io::Result<Answer> {
        request.headers_mut().insert(HeaderName::from_static(key.0), key.1);
        let token = self.token.take();
        let answer = self.send(request).await;
        self.token = token;
        answer
    }
}

fn good(what: &str, answer: Answer) -> Result<Answer, ClerkError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let said = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
    Err(ClerkError::Refused { what: what.to_owned(), status: answer.status, said })
}

fn json_of(what: &str, answer: &Answer) -> Result<Value, ClerkError> {
    serde_json::from_slice(&answer.body)
        .map_err(|source| ClerkError::Unreadable { what: what.to_owned(), source })
}
