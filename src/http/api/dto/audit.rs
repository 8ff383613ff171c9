//! Who changed what, from where.

use crate::domain::staff::Act;
use crate::domain::{Seq, StaffId};
use crate::http::json::Time;
use serde::Serialize;
use utoipa::ToSchema;

/// One change.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct AuditEntryJson {
    /// Where it stands in the log.
    #[schema(example = "evt-0000000000042")]
    pub event_id: String,
    pub at: Time,
    pub staff_id: String,
    /// The member's e-mail address, also of one who has left.
    pub email: Option<String>,
    /// Where it was asked for with an API key of the member.
    pub key_id: Option<String>,
    pub method: String,
    /// The kind of endpoint, such as `/v1/orders/{orderId}/cancel`.
    pub route: String,
    pub path: String,
    pub status: u16,
    /// The address of the client.
    pub address: Option<String>,
    pub request_id: String,
}

impl AuditEntryJson {
    pub fn new(seq: Seq, member: StaffId, email: Option<String>, act: &Act) -> AuditEntryJson {
        AuditEntryJson {
            event_id: seq.to_string(),
            at: act.at.into(),
            staff_id: member.to_string(),
            email,
            key_id: act.key.map(|key| key.to_string()),
            method: act.method.clone(),
            route: act.route.clone(),
            path: act.path.clone(),
            status: act.status,
            address: act.address.clone(),
            request_id: act.request_id.clone(),
        }
    }
}

/// A part of the audit log, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditList {
    pub data: Vec<AuditEntryJson>,
    pub meta: AuditMeta,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditMeta {
    /// Give this as `before` to read on; `null` at the end. A part may have fewer entries than were
    /// asked for, or none, and not be the last.
    pub next: Option<String>,
    pub items_per_page: u64,
}
