//! Logging in.

use crate::http::body::Input;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Login)]
pub struct LoginBody {
    #[schema(format = "email", max_length = 254, example = "ada@example.com")]
    pub email: String,
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for LoginBody {}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Refresh)]
pub struct RefreshBody {
    #[schema(min_length = 1, max_length = 255)]
    pub refresh_token: String,
}

impl Input for RefreshBody {}

/// Opaque random tokens. The access token goes into `Authorization: Bearer …`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tokens)]
pub struct TokensJson {
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token is no longer taken.
    #[schema(example = 3600)]
    pub expires_in: u64,
    pub refresh_token: String,
}
