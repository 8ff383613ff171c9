//! What stands in for providers in a program that was built without the feature `oidc`: there are
//! none, and settings that name one are refused.

use super::flows::{Aim, Flow};
use super::settings::ProviderRow;
use super::sign_in::{SignInError, Way};
use crate::domain::Timestamp;
use crate::domain::identity::{Audience, Identity};
use std::sync::Arc;

pub enum Provider {}

impl Provider {
    pub fn new(_: &ProviderRow, _: String) -> Result<Provider, String> {
        Err("this program was built without the feature oidc".to_owned())
    }

    pub fn id(&self) -> &str {
        match *self {}
    }

    pub fn name(&self) -> &str {
        match *self {}
    }

    pub fn audience(&self) -> &Arc<Audience> {
        match *self {}
    }

    pub fn is(&self, _: &str) -> bool {
        match *self {}
    }

    pub async fn way(&self, _: Aim, _: &str, _: Timestamp) -> Result<Way, SignInError> {
        match *self {}
    }

    pub async fn identify(
        &self,
        _: String,
        _: Flow,
        _: Timestamp,
    ) -> Result<Identity, SignInError> {
        match *self {}
    }
}
