//! What the merchant says about the shop: its name, its looks, what stands around every page.
//!
//! All of it is on every page, so everybody may read it.

use super::dto::settings::{SettingsJson, SettingsUpdate};
use super::images::upload_problem;
use crate::actors::ask::{Answered, Refusal};
use crate::actors::merchant::{MerchantRejection, SettingsOutcome};
use crate::actors::pictures::{MediaName, PATH};
use crate::domain::settings::{Logo, ShopSettings};
use crate::domain::text_page::TextPageRejection;
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::Body;
use crate::http::etag::versioned;
use crate::http::keyed::{rendered, send};
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often a change is made again on top of somebody else's.
const TRIES: usize = 8;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, update))
}

/// See what the shop is called and how it looks.
#[utoipa::path(get, path = "/v1/settings", tag = "Storefront",
    responses((status = 200, body = SettingsJson), (status = 304)))]
async fn show(State(app): State<App>, _caller: Caller, call: Call) -> Response {
    let saved = app.shop.reads.merchant.load().settings.clone();
    versioned(&call.headers, StatusCode::OK, Some(saved.version), &look(&app, &saved))
}

/// Change what the shop is called and how it looks.
///
/// Only what is named is changed. Any accent is taken: `palette` in the answer says in which colours
/// text is readable with it. From the first change on, the configuration file's `[shop]` is no longer
/// looked at.
#[utoipa::path(put, path = "/v1/settings", tag = "Storefront", request_body = SettingsUpdate,
    params(("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = SettingsJson), (status = 412)))]
async fn update(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    body: Body<SettingsUpdate>,
) -> Result<Response, ApiError> {
    detached(async move {
        let logo = match &body.value.logo {
            Some(Some(path)) => Some(Some(picture(&app, path).await?)),
            Some(None) => Some(None),
            None => None,
        };
        for _ in 0..TRIES {
            let current = app.shop.reads.merchant.load().settings.clone();
            call.expected(Some(current.version))?;
            let next = body.value.clone().apply_to(&current.settings);
            let logo = logo.clone().unwrap_or(next.logo);
            let next = ShopSettings { logo, ..next };
            match app.shop.merchant.save_settings(next, Some(current.version)).await {
                // Somebody was faster: the change is made again on top of theirs.
                Err(Refusal::Rejected(MerchantRejection::Changed { .. })) => {}
                Ok(Answered { value: saved, .. }) => {
                    let answer = look(&app, &saved);
                    return Ok(send(rendered(StatusCode::OK, saved.version, None, &answer)));
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(ApiError::Unavailable { what: "the settings" })
    })
    .await
}

/// A picture that is there, with its size.
async fn picture(app: &App, path: &str) -> Result<Logo, ApiError> {
    let unknown = || ApiError::invalid("/logo", "must be the path of a picture that was uploaded");
    let name = path.strip_prefix(PATH).and_then(|name| name.parse::<MediaName>().ok());
    let name = name.ok_or_else(unknown)?;
    let (width, height) = name.size();
    app.pictures.find(name).await.map_err(upload_problem)?.ok_or_else(unknown)?;
    Ok(Logo { path: path.to_owned(), width: Some(width), height: Some(height) })
}

fn look(app: &App, saved: &SettingsOutcome) -> SettingsJson {
    let (is_saved, currency) = (saved.version > 0, app.shop.env.settings.currency);
    SettingsJson::new(&saved.value, is_saved, currency, |path| app.picture_url(path).into_owned())
}

impl From<Refusal<MerchantRejection>> for ApiError {
    fn from(refusal: Refusal<MerchantRejection>) -> ApiError {
        match refusal {
            Refusal::Rejected(MerchantRejection::Settings(rejection)) => {
                ApiError::InvalidValue(rejection.0)
            }
            Refusal::Rejected(MerchantRejection::Page(TextPageRejection::Unknown)) => {
                ApiError::NotFound { what: "page" }
            }
            Refusal::Rejected(MerchantRejection::Page(TextPageRejection::Invalid(faults))) => {
                ApiError::InvalidValue(faults)
            }
            Refusal::Rejected(rejection @ MerchantRejection::TooManyPages) => {
                ApiError::Rule { code: "too_many_pages", detail: rejection.to_string() }
            }
            Refusal::Rejected(MerchantRejection::Changed { .. }) => ApiError::PreconditionFailed,
            Refusal::Unavailable => ApiError::Unavailable { what: "the shop" },
        }
    }
}
