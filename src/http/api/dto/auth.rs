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
    /// The code that the second factor shows now, for members of staff who have one.
    #[schema(min_length = 1, max_length = 16, example = "492039")]
    pub totp: Option<String>,
    /// In place of `totp`, one of the codes for the day on which the device is lost.
    #[schema(min_length = 1, max_length = 64)]
    pub recovery_code: Option<String>,
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

/// Somebody who would be a customer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Register)]
pub struct RegisterBody {
    #[schema(format = "email", max_length = 254, example = "ada@example.com")]
    pub email: String,
    /// Characters are counted, whatever they are. The first passwords that anybody would try are
    /// refused.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
    #[schema(max_length = 200, example = "Ada Lovelace")]
    pub name: Option<String>,
}

impl Input for RegisterBody {}

/// What a mail brought, and that it came to whoever has the account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Verify)]
pub struct VerifyBody {
    #[schema(min_length = 1, max_length = 255)]
    pub token: String,
    /// The account's.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for VerifyBody {}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ForgotPassword)]
pub struct ForgotBody {
    #[schema(format = "email", max_length = 254, example = "ada@example.com")]
    pub email: String,
}

impl Input for ForgotBody {}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ResetPassword)]
pub struct ResetBody {
    /// What a mail brought.
    #[schema(min_length = 1, max_length = 255)]
    pub token: String,
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for ResetBody {}

/// The answer to everything that ends in somebody's mailbox, whether there is one or not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MailWanted)]
pub struct MailWantedJson {
    #[schema(example = "check_your_mail")]
    pub status: &'static str,
}

impl MailWantedJson {
    pub const ANSWER: MailWantedJson = MailWantedJson { status: "check_your_mail" };
}

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
