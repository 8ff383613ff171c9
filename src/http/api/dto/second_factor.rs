//! The second factor of members of staff.

use crate::actors::accounts::{Enrolment, SecondFactor, SecondFactorState};
use crate::http::body::Input;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a request shows of a second factor; a code wins over a recovery code.
pub fn second_factor(totp: Option<String>, recovery: Option<String>) -> Option<SecondFactor> {
    totp.map(SecondFactor::Totp).or(recovery.map(SecondFactor::RecoveryCode))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TotpState)]
pub struct TotpStateJson {
    /// Whether a login asks for a code.
    pub active: bool,
    pub recovery_codes_left: usize,
}

impl From<SecondFactorState> for TotpStateJson {
    fn from(state: SecondFactorState) -> TotpStateJson {
        match state {
            SecondFactorState::Off => TotpStateJson { active: false, recovery_codes_left: 0 },
            SecondFactorState::On { recovery_codes_left } => {
                TotpStateJson { active: true, recovery_codes_left }
            }
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotpBegin {
    /// Whoever found an open session must not lock its owner out.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for TotpBegin {}

/// What an authenticator has to know; shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TotpEnrolment)]
pub struct EnrolmentJson {
    /// To be typed (RFC 4648, base 32).
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    pub secret: String,
    /// To be scanned as a picture.
    #[schema(
        example = "otpauth://totp/Mercat:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Mercat"
    )]
    pub uri: String,
}

impl From<Enrolment> for EnrolmentJson {
    fn from(Enrolment { secret, uri }: Enrolment) -> EnrolmentJson {
        EnrolmentJson { secret, uri }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotpConfirm {
    #[schema(min_length = 1, max_length = 16, example = "492039")]
    pub totp: String,
}

impl Input for TotpConfirm {}

/// Codes for the day on which the device is lost, each good once; shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecoveryCodes)]
pub struct RecoveryCodesJson {
    pub recovery_codes: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotpRemove {
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub password: String,
    #[schema(min_length = 1, max_length = 16, example = "492039")]
    pub totp: Option<String>,
    /// In place of `totp`.
    #[schema(min_length = 1, max_length = 64)]
    pub recovery_code: Option<String>,
}

impl Input for TotpRemove {}
