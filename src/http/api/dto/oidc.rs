//! Signing in with an identity provider.

use super::auth::TokensJson;
use crate::domain::identity::Audience;
use crate::identity::Listed;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The identity providers of the shop.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityProviders)]
pub struct ProvidersJson {
    pub data: Vec<ProviderJson>,
}

/// A way to sign in without a password of the shop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IdentityProvider)]
pub struct ProviderJson {
    #[schema(example = "google")]
    pub id: String,
    #[schema(example = "Google")]
    pub name: String,
    /// Whom it signs in.
    pub r#for: ForJson,
    /// Where a browser goes to sign in.
    #[schema(format = "uri", example = "https://shop.example/v1/auth/oidc/google")]
    pub url: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignsIn)]
pub enum ForJson {
    Staff,
    Customers,
}

impl ProviderJson {
    pub fn new(listed: &Listed<'_>, url: String) -> ProviderJson {
        let r#for = match listed.audience {
            Audience::Staff(_) => ForJson::Staff,
            Audience::Customers => ForJson::Customers,
        };
        ProviderJson { id: listed.id.to_owned(), name: listed.name.to_owned(), r#for, url }
    }
}

/// As the tokens of a login, and where the person was going.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedIn)]
pub struct SignedInJson {
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token is no longer taken.
    #[schema(example = 3600)]
    pub expires_in: u64,
    pub refresh_token: String,
    /// The path of this shop that was given at the start.
    #[schema(example = "/account")]
    pub return_to: Option<String>,
}

impl SignedInJson {
    pub fn new(tokens: TokensJson, return_to: Option<String>) -> SignedInJson {
        let TokensJson { access_token, token_type, expires_in, refresh_token } = tokens;
        SignedInJson { access_token, token_type, expires_in, refresh_token, return_to }
    }
}

/// Where a session is kept.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionIn {
    Cookie,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct StartQuery {
    /// `cookie`: a browser that comes back has a session and is sent on to `returnTo`, or else to
    /// `/`. Without it, it is given tokens as JSON.
    #[param(inline)]
    pub session: Option<SessionIn>,
    /// A path of this shop where the person is going; without a session, the callback gives it back.
    #[param(inline, min_length = 1, max_length = 2048, example = "/account")]
    pub return_to: Option<String>,
}
