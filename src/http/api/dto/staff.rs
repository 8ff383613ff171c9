//! Members of staff, invitations and API keys.

use crate::domain::permission::{Permission, Permissions};
use crate::domain::staff::{ApiKey, Invitation, Role, Staff};
use crate::domain::{StaffId, Timestamp};
use crate::http::body::Input;
use crate::http::json::Time;
use crate::http::problem::ApiError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a member may do: `admin` everything, `staff` all but ruling over staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StaffRole)]
pub enum RoleJson {
    Staff,
    Admin,
}

impl From<RoleJson> for Role {
    fn from(role: RoleJson) -> Role {
        match role {
            RoleJson::Staff => Role::Staff,
            RoleJson::Admin => Role::Admin,
        }
    }
}

impl From<Role> for RoleJson {
    fn from(role: Role) -> RoleJson {
        match role {
            Role::Staff => RoleJson::Staff,
            Role::Admin => RoleJson::Admin,
        }
    }
}

/// A member of staff.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffMember)]
pub struct StaffJson {
    #[schema(example = "staff-01hf7yat00dt0pn1k4s5y6z7x8")]
    pub staff_id: String,
    pub email: String,
    pub role: RoleJson,
    pub created_at: Time,
    pub updated_at: Time,
}

impl StaffJson {
    pub fn new(id: StaffId, staff: &Staff) -> StaffJson {
        StaffJson {
            staff_id: id.to_string(),
            email: staff.email.clone(),
            role: staff.role.into(),
            created_at: staff.created_at.into(),
            updated_at: staff.updated_at.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StaffUpdate {
    #[schema(inline)]
    pub role: RoleJson,
}

impl Input for StaffUpdate {}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitationCreate {
    #[schema(format = "email", max_length = 254, example = "grace@shop.example")]
    pub email: String,
    #[schema(inline)]
    pub role: RoleJson,
}

impl Input for InvitationCreate {}

/// Who may come to the staff.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invitation)]
pub struct InvitationJson {
    pub invitation_id: String,
    pub email: String,
    pub role: RoleJson,
    pub invited_by: String,
    pub created_at: Time,
    pub expires_at: Time,
    /// What it is accepted with. Shown once, when the invitation is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl InvitationJson {
    pub fn new(invitation: &Invitation, token: Option<String>) -> InvitationJson {
        InvitationJson {
            invitation_id: invitation.id.to_string(),
            email: invitation.email.clone(),
            role: invitation.role.into(),
            invited_by: invitation.made_by.to_string(),
            created_at: invitation.made_at.into(),
            expires_at: invitation.expires_at.into(),
            token,
        }
    }
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitationAccept {
    #[schema(min_length = 1, max_length = 255)]
    pub token: String,
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for InvitationAccept {}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeyCreate {
    #[schema(min_length = 1, max_length = 64, format = "not-blank", example = "warehouse")]
    pub name: String,
    /// What it may do, such as `products:write`.
    #[schema(max_items = 64)]
    pub scopes: Vec<String>,
    /// When it ends by itself; without it, never.
    #[schema(inline)]
    pub expires_at: Option<Time>,
}

impl Input for ApiKeyCreate {}

impl ApiKeyCreate {
    /// The permissions that were named, each of them a known one.
    pub fn permissions(&self) -> Result<Permissions, ApiError> {
        if self.scopes.is_empty() {
            return Err(ApiError::invalid("/scopes", "must name at least one permission"));
        }
        let mut permissions = Vec::new();
        for (place, name) in self.scopes.iter().enumerate() {
            let Some(permission) = Permission::named(name) else {
                let known: Vec<&str> = Permission::all().map(Permission::name).collect();
                let detail = format!("must be one of: {}", known.join(", "));
                return Err(ApiError::invalid(format!("/scopes/{place}"), detail));
            };
            permissions.push(permission);
        }
        Ok(permissions.into_iter().collect())
    }
}

/// A key with which a program asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct ApiKeyJson {
    pub key_id: String,
    pub name: String,
    pub scopes: Vec<&'static str>,
    /// Who made it. It may do no more than they may, and ends when they leave.
    pub created_by: String,
    pub created_at: Time,
    #[schema(inline)]
    pub expires_at: Option<Time>,
    pub expired: bool,
    /// To the minute.
    #[schema(inline)]
    pub last_used_at: Option<Time>,
    /// What goes into `Authorization: Bearer …`. Shown once, when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl ApiKeyJson {
    pub fn new(key: &ApiKey, token: Option<String>, now: Timestamp) -> ApiKeyJson {
        ApiKeyJson {
            key_id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(Permission::name).collect(),
            created_by: key.made_by.to_string(),
            created_at: key.made_at.into(),
            expires_at: key.expires_at.map(Time),
            expired: key.expires_at.is_some_and(|at| at <= now),
            last_used_at: key.used_at.map(Time),
            token,
        }
    }
}
