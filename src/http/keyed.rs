//! Writes: carried out to their end whoever hangs up, and under an idempotency key carried out once.
//!
//! The answer of a keyed write is stored in the batch of its effect by the actor that made it. What
//! had no effect (a rejection) is stored at the end of its turn, before it is sent. Faults of ours are
//! never stored.

use super::app::App;
use super::etag::EntityTag;
use super::idempotency::REPLAYED;
use super::layers::detached;
use super::problem::{ApiError, Problem};
use crate::actors::ask::{AskResult, Keyed, Render, RenderedAnswer};
use crate::actors::turn::{Turn, conclude, outcome, turn};
use crate::domain::order::Attempt;
use crate::secrets::{OpenError, Vault};
use crate::storage::records::Answer;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

const UNAVAILABLE: ApiError = ApiError::Unavailable { what: "the shop" };

/// How long a request waits for another one with its key.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks an actor through `ask`, and gives its outcome the look of `render`. With an attempt, the
/// same answer is given to every retry.
pub async fn carry_out<V, R, F>(
    app: &App,
    attempt: Option<Attempt>,
    render: Render<V, R>,
    ask: impl FnOnce(Option<Keyed<V, R>>) -> F + Send + 'static,
) -> Result<Response, ApiError>
where
    V: Send + 'static,
    R: Send + 'static,
    F: Future<Output = AskResult<V, R>> + Send + 'static,
{
    let Some(attempt) = attempt else {
        return detached(
            async move { outcome(ask(None).await, &render).map(send).ok_or(UNAVAILABLE) },
        )
        .await;
    };
    let running = match begin(app, attempt).await? {
        Turn::Fresh(running) => running,
        Turn::Replay(answer) => return replay(&app.shop.vault, *answer),
        Turn::Reused => return Err(ApiError::IdempotencyKeyReused),
        Turn::Lost => return Err(UNAVAILABLE),
    };
    let app = app.clone();
    detached(async move {
        let first_used = running.first_used();
        let vault = app.shop.vault.clone();
        let keyed = Keyed { attempt, first_used, render: render.clone(), vault };
        let answer = outcome(ask(Some(keyed)).await, &render);
        let committer = &app.shop.engine.committer;
        conclude(running, answer, &app.shop.env, committer).await.map(send).ok_or(UNAVAILABLE)
    })
    .await
}

async fn begin(app: &App, attempt: Attempt) -> Result<Turn, ApiError> {
    let shop = &app.shop;
    let turn = turn(&shop.keys, &shop.engine.desk, &shop.env, attempt);
    match timeout(PATIENCE, turn).await {
        Ok(turn) => turn.map_err(|error| ApiError::fault(&error)),
        Err(_) => {
            let detail = "a request with this Idempotency-Key is still being carried out; try again in a moment";
            Err(ApiError::Conflict { code: "idempotency_key_in_use", detail: detail.into() })
        }
    }
}

/// Says the same again, unless it told of somebody who was forgotten since.
fn replay(vault: &Vault, answer: Answer) -> Result<Response, ApiError> {
    let kept = RenderedAnswer::of_kept(answer, vault).map_err(|error| match error {
        OpenError::Forgotten => ApiError::AnswerErased,
        OpenError::Damaged => ApiError::fault(&error),
    })?;
    let mut response = send(kept);
    for name in REPLAYED {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The HTTP form of a rendered answer.
pub fn send(answer: RenderedAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// An entity as it will be stored and sent, with its `ETag` and, if it is new, its `Location`.
pub fn rendered(
    status: StatusCode,
    version: u64,
    location: Option<String>,
    value: &impl Serialize,
) -> RenderedAnswer {
    let body = match serde_json::to_vec(value) {
        Ok(body) => body,
        Err(error) => return refused(ApiError::fault(&error), ""),
    };
    let tag = EntityTag::of_answer(version, &body);
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("etag".to_owned(), tag.as_str().to_owned()),
    ];
    headers.extend(location.map(|location| ("location".to_owned(), location)));
    RenderedAnswer { status: status.as_u16(), headers, body, about: None }
}

/// A problem as it will be stored and sent; `path` is the request's.
pub fn refused(error: ApiError, path: &str) -> RenderedAnswer {
    let problem: Problem = error.problem();
    let headers = problem.headers().map(|(name, value)| (name.to_string(), value.to_owned()));
    RenderedAnswer {
        status: problem.status().as_u16(),
        headers: headers.collect(),
        body: problem.body(Some(path)),
        about: None,
    }
}
