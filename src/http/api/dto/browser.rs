//! Who is logged in in a browser.

use super::user::UserJson;
use serde::Serialize;
use utoipa::ToSchema;

/// A browser, and whoever is logged in in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Browser)]
pub struct BrowserJson {
    /// `null` where nobody is.
    pub user: Option<UserJson>,
    /// What writes of this browser show in `X-CSRF-Token`, or in the field `csrf` of a form. Another
    /// text each time, and each good until somebody logs in or out.
    pub csrf_token: String,
}
