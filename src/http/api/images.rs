//! Pictures of products: taken as uploads, served under names that never change.

use super::dto::product::ProductJson;
use super::products::{Edited, change, current, problem, rendered_outcome};
use crate::actors::ask::{Refusal, Render};
use crate::actors::catalog::{CatalogRejection, ProductOutcome};
use crate::actors::pictures::{MediaName, Picture, PictureError, PicturesError, sample};
use crate::domain::ProductId;
use crate::domain::catalog::{Fault, Image, ProductContent, ProductRejection};
use crate::http::access::Staff;
use crate::http::app::{App, Call};
use crate::http::body::Named;
use crate::http::etag::{EntityTag, is_known};
use crate::http::headers::RESOURCE_POLICY;
use crate::http::keyed::{carry_out, refused};
use crate::http::problem::ApiError;
use axum::body::Body;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most pictures of one product, as in its schema.
const MOST_IMAGES: usize = 250;

/// The longest text that says what a picture shows, as in its schema.
const LONGEST_ALT: usize = 1_000;

const TAKEN: &str = "multipart/form-data with a JPEG, PNG or WebP picture as the field file";

/// A picture shows pixels and does nothing: no script, no style, no other address.
const PIXELS_ALONE: &str = "default-src 'none'; sandbox";

/// A drawing may be styled by itself, and that is all.
const DRAWING_ALONE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add))
}

/// The pictures themselves.
pub fn pages() -> [(&'static str, MethodRouter<App>); 2] {
    [("/media/{name}", get(picture)), ("/media/demo/{file}", get(drawing))]
}

/// A picture as it is uploaded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; forms are read part by part")]
struct ImageUpload {
    /// JPEG, PNG or WebP, at most 12,000 pixels wide and high, and 67 million of them in all.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the picture shows, for those who do not see it.
    #[schema(max_length = 1_000, nullable = false)]
    alt: Option<String>,
}

/// What came in the form.
struct Upload {
    file: Vec<u8>,
    alt: String,
}

/// Add a picture to a product.
///
/// It is encoded anew, so that nothing but its pixels is kept, in the widths that pages show, and
/// becomes the last of the product's images. The same picture again stays one.
#[utoipa::path(post, path = "/v1/products/{productId}/images", tag = "Catalog",
    request_body(content = ImageUpload, content_type = "multipart/form-data"),
    params(("productId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 201, body = ProductJson)))]
async fn add(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    Named(id): Named<ProductId>,
    request: Request,
) -> Result<Response, ApiError> {
    current(&app, &id)?;
    let Upload { file, alt } = upload(request, app.upload_bytes).await?;
    // The boundary of a form differs from try to try, so what is in it names the attempt.
    let attempt = call.attempt(&staff.scope, &[alt.as_bytes(), &[0], &file].concat())?;
    let picture = app.pictures.keep(file).await.map_err(upload_problem)?;
    let (shown, location, path) = (app.clone(), picture.name.path(), call.path().to_owned());
    let render: Render<ProductOutcome, CatalogRejection> = Arc::new(move |outcome| match outcome {
        Ok(outcome) => rendered_outcome(&shown, outcome, Some(location.clone())),
        Err(rejection) => refused(problem(rejection), &path),
    });
    let own = app.clone();
    carry_out(&app, attempt, render, move |keyed| async move {
        change(&own, &id, keyed, |current| with_image(current.product().content, &picture, &alt))
            .await
    })
    .await
}

/// The product's content with the picture.
fn with_image(
    mut content: ProductContent,
    picture: &Picture,
    alt: &str,
) -> Result<Edited, Refusal<CatalogRejection>> {
    let url = picture.name.path();
    if let Some(known) = content.images.iter_mut().find(|image| image.url == url) {
        known.alt = alt.to_owned();
    } else if content.images.len() >= MOST_IMAGES {
        let detail = format!("a product has at most {MOST_IMAGES} pictures");
        let fault = Fault { pointer: "/file".into(), detail };
        return Err(Refusal::Rejected(ProductRejection::Invalid(vec![fault]).into()));
    } else {
        let (width, height) = (Some(picture.name.width()), Some(picture.name.height()));
        content.images.push(Image { url, alt: alt.to_owned(), width, height });
    }
    Ok(Edited { content, stock: vec![] })
}

/// Reads the form. The picture's own bytes say what it is; what the form calls it only may not be
/// something else altogether.
async fn upload(mut request: Request, most_bytes: usize) -> Result<Upload, ApiError> {
    DefaultBodyLimit::max(most_bytes).apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| ApiError::UnsupportedMediaType { expected: TAKEN })?;
    let (mut file, mut alt) = (None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "file" if file.is_none() => {
                let called = field.content_type().unwrap_or("application/octet-stream");
                if !called.starts_with("image/") && called != "application/octet-stream" {
                    return Err(ApiError::UnsupportedMediaType { expected: TAKEN });
                }
                file = Some(field.bytes().await.map_err(broken)?.to_vec());
            }
            "alt" if alt.is_none() => {
                let text = field.text().await.map_err(broken)?;
                if text.chars().count() > LONGEST_ALT {
                    let detail = format!("must have at most {LONGEST_ALT} characters");
                    return Err(ApiError::invalid("/alt", detail));
                }
                alt = Some(text);
            }
            "file" | "alt" => return Err(shape("/", "a field is given twice")),
            other => {
                return Err(shape(&format!("/{other}"), "is not a known field; known: file, alt"));
            }
        }
    }
    let file = file.ok_or_else(|| shape("/file", "is required"))?;
    Ok(Upload { file, alt: alt.unwrap_or_default() })
}

fn shape(pointer: &str, detail: &str) -> ApiError {
    let fault = Fault { pointer: pointer.into(), detail: detail.into() };
    ApiError::InvalidBody(vec![fault])
}

fn broken(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge,
        _ => shape("", "the form cannot be read; it may have ended early"),
    }
}

pub(super) fn upload_problem(error: PicturesError) -> ApiError {
    match error {
        PicturesError::Picture(PictureError::WrongKind) => {
            ApiError::UnsupportedMediaType { expected: TAKEN }
        }
        PicturesError::Picture(error) => ApiError::invalid("/file", error.to_string()),
        PicturesError::Store(_) => ApiError::fault(&error),
        PicturesError::Pool(_) => ApiError::Unavailable { what: "the decoding of pictures" },
    }
}

/// A picture. Its name is made of its content, so it is the same for ever.
async fn picture(
    State(app): State<App>,
    call: Call,
    Named(name): Named<MediaName>,
) -> Result<Response, ApiError> {
    let tag = EntityTag::of_bytes(name.to_string().as_bytes());
    let kind = name.kind();
    // Whatever is wrong with a picture that was taken, it is not who asks for it.
    let found = app.pictures.find(name).await.map_err(|error| match error {
        PicturesError::Pool(_) => upload_problem(error),
        PicturesError::Picture(_) | PicturesError::Store(_) => ApiError::fault(&error),
    })?;
    let bytes = found.ok_or(ApiError::NotFound { what: "picture" })?;
    let head = FileHead {
        media_type: kind.media_type(),
        caching: "public, max-age=31536000, immutable",
        policy: PIXELS_ALONE,
    };
    Ok(file(&call.headers, &tag, &head, bytes.into()))
}

/// A drawing of the demo shop, from within the program.
async fn drawing(call: Call, Named(name): Named<String>) -> Result<Response, ApiError> {
    let found = sample(&name).ok_or(ApiError::NotFound { what: "picture" })?;
    let tag = EntityTag::of_bytes(&found.digest);
    let head = FileHead {
        media_type: "image/svg+xml",
        caching: "public, max-age=3600",
        policy: DRAWING_ALONE,
    };
    Ok(file(&call.headers, &tag, &head, found.bytes.into_owned().into()))
}

struct FileHead {
    media_type: &'static str,
    caching: &'static str,
    policy: &'static str,
}

fn file(request: &HeaderMap, tag: &EntityTag, head: &FileHead, bytes: Body) -> Response {
    let mut response = if is_known(request, tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(bytes)
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.value());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(head.media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(head.caching));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(head.policy));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}
