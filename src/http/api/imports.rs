//! Products in and out as files.

use super::dto::import::{ImportJson, ImportQuery, ImportStarted};
use crate::actors::ask::{Answered, Refusal, Render, RenderedAnswer};
use crate::actors::catalog::{ImportOptions, ImportsFull};
use crate::actors::reads::Listed;
use crate::domain::ImportId;
use crate::http::access::Staff;
use crate::http::app::{App, Call};
use crate::http::body::{Named, Params};
use crate::http::etag::answer;
use crate::http::keyed::{carry_out, refused};
use crate::http::problem::ApiError;
use crate::imports::{ExportError, ExportedStock, ProductWriter};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Products that are written to an export in one step.
const STEP: usize = 50;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(show)).routes(routes!(export))
}

/// Import products.
///
/// The body is a CSV with Shopify's columns; prices are in the shop's currency. A product is known
/// by its handle, and the same file again changes nothing. It runs in the background: ask for the
/// import to see how far it is.
#[utoipa::path(post, path = "/v1/imports/products", tag = "Catalog",
    request_body(content = String, content_type = "text/csv"),
    params(ImportQuery, ("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 202, body = ImportStarted)))]
async fn start(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    must_be_csv(&call.headers)?;
    let Received { file, digest } = receive(request.into_body(), app.upload_bytes).await?;
    let how = call.uri.query().unwrap_or_default();
    let attempt = call.attempt(&staff.scope, &[how.as_bytes(), &[0], &digest].concat())?;
    let currency = app.shop.env.settings.currency;
    let options = ImportOptions { currency, dry_run: query.dry_run };
    let imports = app.shop.imports.clone();
    carry_out(&app, attempt, started(call.path().to_owned()), move |_| async move {
        let value = imports.start(file, options).map_err(Refusal::Rejected)?;
        Ok(Answered { value, stored: None })
    })
    .await
}

fn must_be_csv(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("text/csv") {
        return Ok(());
    }
    Err(ApiError::UnsupportedMediaType { expected: "text/csv" })
}

fn started(path: String) -> Render<ImportId, ImportsFull> {
    Arc::new(move |outcome| match outcome {
        Ok(id) => {
            let started = ImportStarted::new(*id);
            let location = format!("/v1/imports/{id}");
            let headers = [("content-type", "application/json"), ("location", &location)];
            match serde_json::to_vec(&started) {
                Ok(body) => RenderedAnswer {
                    status: StatusCode::ACCEPTED.as_u16(),
                    headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec(),
                    body,
                    about: None,
                },
                Err(error) => refused(ApiError::fault(&error), &path),
            }
        }
        Err(ImportsFull) => refused(ApiError::Unavailable { what: "another import" }, &path),
    })
}

/// A file that came in, from its beginning.
struct Received {
    file: File,
    digest: [u8; 32],
}

/// Writes a body to a file that nobody else sees and that is gone when it is closed.
async fn receive(body: Body, most_bytes: usize) -> Result<Received, ApiError> {
    let made = tempfile::tempfile().map_err(|error| ApiError::fault(&error))?;
    let mut file = tokio::fs::File::from_std(made);
    let (mut digest, mut received) = (Sha256::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::InvalidBody(vec![]))?;
        received += chunk.len();
        if received > most_bytes {
            return Err(ApiError::BodyTooLarge);
        }
        digest.update(&chunk);
        file.write_all(&chunk).await.map_err(|error| ApiError::fault(&error))?;
    }
    file.flush().await.map_err(|error| ApiError::fault(&error))?;
    let mut file = file.into_std().await;
    file.rewind().map_err(|error| ApiError::fault(&error))?;
    Ok(Received { file, digest: digest.finalize().into() })
}

/// How far an import is, or what came of it.
///
/// It is known until the shop is started again, or a hundred others came after it.
#[utoipa::path(get, path = "/v1/imports/{importId}", tag = "Catalog",
    params(("importId" = String, Path)), security(("bearer" = [])),
    responses((status = 200, body = ImportJson)))]
async fn show(
    State(app): State<App>,
    _staff: Staff,
    Named(id): Named<ImportId>,
) -> Result<Response, ApiError> {
    let report = app.shop.imports.report(id).ok_or(ApiError::NotFound { what: "import" })?;
    Ok(answer(StatusCode::OK, &ImportJson::from(report)))
}

/// Export all products.
///
/// Drafts and archived products, too, in the form that an import takes back.
#[utoipa::path(get, path = "/v1/exports/products.csv", tag = "Catalog", security(("bearer" = [])),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn export(State(app): State<App>, _staff: Staff) -> Result<Response, ApiError> {
    let export = Export::new(app).map_err(|error| ApiError::fault(&error))?;
    let mut response = Response::new(Body::from_stream(stream::iter(export)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let as_file = HeaderValue::from_static("attachment; filename=\"products.csv\"");
    headers.insert(CONTENT_DISPOSITION, as_file);
    Ok(response)
}

/// An export in the making: a few products at a time, as fast as they are read.
struct Export {
    app: App,
    left: std::vec::IntoIter<Arc<Listed>>,
    /// Gone when the last product was written.
    writer: Option<ProductWriter<Shared>>,
    written: Shared,
}

impl Export {
    fn new(app: App) -> Result<Export, ExportError> {
        let left = app.shop.reads.catalog.load().products().into_iter();
        let written = Shared::default();
        let writer = Some(ProductWriter::new(written.clone())?);
        Ok(Export { app, left, writer, written })
    }

    fn step(&mut self, writer: &mut ProductWriter<Shared>) -> Result<(), ExportError> {
        let levels = &self.app.shop.reads.levels;
        for listed in self.left.by_ref().take(STEP) {
            let written = writer.write(&listed.product(), |sku| {
                let level = levels.get(sku);
                let quantity = u32::try_from(level.available().max(0)).ok();
                ExportedStock { quantity, backorder: level.backorder }
            });
            match written {
                Err(error @ ExportError::TooManyOptions { .. }) => {
                    tracing::warn!(%error, "a product was left out of an export");
                }
                written => written?,
            }
        }
        Ok(())
    }
}

impl Iterator for Export {
    type Item = Result<Bytes, ExportError>;

    fn next(&mut self) -> Option<Result<Bytes, ExportError>> {
        let mut writer = self.writer.take()?;
        let done = if self.left.as_slice().is_empty() {
            writer.finish().map(drop)
        } else {
            let done = self.step(&mut writer);
            self.writer = Some(writer);
            done
        };
        Some(done.map(|()| self.written.take()))
    }
}

/// A buffer that is written at one end and taken away at the other.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
