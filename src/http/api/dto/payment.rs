//! What the shopper decides about a test payment.

use crate::http::body::Input;
use serde::Deserialize;
use utoipa::ToSchema;

/// The shopper's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Approve,
    Decline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestOutcome {
    #[schema(inline)]
    pub outcome: Outcome,
}

impl Input for TestOutcome {}
