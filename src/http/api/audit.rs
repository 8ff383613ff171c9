//! The audit log, for administrators.

use super::dto::audit::{AuditEntryJson, AuditList, AuditMeta};
use crate::actors::reads::AuditFilter;
use crate::http::app::App;
use crate::http::body::Params;
use crate::http::etag::answer;
use crate::http::json::Time;
use crate::http::list::PageLimit;
use crate::http::problem::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::HashMap;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Made by this member of staff, or with their keys.
    #[param(max_length = 64)]
    staff_id: Option<String>,
    /// Made with this API key.
    #[param(max_length = 64)]
    key_id: Option<String>,
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    #[param(pattern = "^(POST|PUT|PATCH|DELETE)$")]
    method: Option<String>,
    /// How the path begins, such as `/v1/orders/`.
    #[param(max_length = 255, example = "/v1/orders/")]
    path: Option<String>,
    /// Made at this time or later (RFC 3339).
    #[param(inline)]
    from: Option<Time>,
    /// Made before this time (RFC 3339).
    #[param(inline)]
    to: Option<Time>,
    /// Only older ones than this.
    #[param(pattern = "^evt-[0-9]{13}$", example = "evt-0000000000042")]
    before: Option<String>,
    #[serde(default)]
    #[param(inline)]
    limit: PageLimit,
}

/// Read who changed what, newest first.
///
/// Every change by a member of staff or with an API key that was not refused.
#[utoipa::path(get, path = "/v1/audit", tag = "Access", params(AuditQuery),
    security(("bearer" = [])), responses((status = 200, body = AuditList)))]
async fn list(
    State(app): State<App>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, ApiError> {
    let AuditQuery { staff_id, key_id, method, path, from, to, before, limit } = query;
    let members = app.shop.accounts.all_members().map_err(|error| ApiError::fault(&error))?;
    let emails: HashMap<_, _> = members.into_iter().map(|(id, own)| (id, own.email)).collect();
    let wanted = |id: &String| staff_id.as_ref().is_none_or(|wanted| wanted == id);
    let members = emails.keys().copied().filter(|id| wanted(&id.to_string())).collect();
    let key = key_id.map(|key| key.parse());
    // A key that cannot be is nobody's.
    let is_possible = !matches!(key, Some(Err(_)));
    let filter = AuditFilter {
        members: if is_possible { members } else { vec![] },
        key: key.and_then(Result::ok),
        method,
        path,
        from: from.map(|time| time.0),
        to: to.map(|time| time.0),
        before: before.and_then(|before| before.parse().ok()),
    };
    let read = app.shop.reads.acts(&filter, limit.0 as usize);
    let read = read.map_err(|error| ApiError::fault(&error))?;
    let entry = |(seq, member, act)| {
        let (seq, member, act): &(_, _, _) = &(seq, member, act);
        AuditEntryJson::new(*seq, *member, emails.get(member).cloned(), act)
    };
    let list = AuditList {
        data: read.acts.into_iter().map(entry).collect(),
        meta: AuditMeta { next: read.next.map(|seq| seq.to_string()), items_per_page: limit.0 },
    };
    Ok(answer(StatusCode::OK, &list))
}
