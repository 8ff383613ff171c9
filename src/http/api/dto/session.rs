//! Logins as their holder sees them.

use crate::actors::accounts::Session;
use crate::http::json::Time;
use serde::Serialize;
use utoipa::ToSchema;

/// A login that has not ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionJson {
    pub session_id: String,
    /// The address that the login came from.
    #[schema(example = "192.0.2.1")]
    pub address: String,
    /// What the client said it was (`User-Agent`), at most 200 characters.
    pub user_agent: String,
    pub created_at: Time,
    /// To the minute.
    pub last_used_at: Time,
    /// When it ends by itself, if it is not used.
    pub expires_at: Time,
    /// Whether this request came with it.
    pub current: bool,
}

impl SessionJson {
    pub fn new(session: Session, current: bool) -> SessionJson {
        SessionJson {
            session_id: session.id.to_string(),
            address: session.address,
            user_agent: session.device,
            created_at: session.made_at.into(),
            last_used_at: session.used_at.into(),
            expires_at: session.expires_at.into(),
            current,
        }
    }
}
