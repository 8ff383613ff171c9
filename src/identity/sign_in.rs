//! The desk that browsers come to: it sends them to a provider, and takes them back.

use super::flows::{Aim, Flow, Flows};
use super::provider::Provider;
use super::settings::{ProviderRow, is_loopback};
use crate::domain::Timestamp;
use crate::domain::identity::{Audience, Identity};
use std::fmt::Write;
use std::sync::Arc;

/// Why nobody can sign in with the providers of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SignInsError {
    #[error("public_url must be https for sign-in with an identity provider (or a loopback)")]
    PublicUrl,
    #[error("the identity provider {id} cannot be used: {detail}")]
    Provider { id: String, detail: String },
}

/// Why somebody is not signed in. The log knows more; a provider's own words stay there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    #[error("there is no such identity provider")]
    UnknownProvider,
    /// No such state, or in another browser, or used, or too old.
    #[error(
        "this sign-in did not begin in this browser, took too long, or was used already: start again"
    )]
    NotStarted,
    #[error("the identity provider did not sign you in: start again, or choose another way")]
    Refused,
    #[error("what the identity provider answered cannot be trusted: start again")]
    Untrusted,
    #[error("the identity provider cannot be reached")]
    Unreachable,
}

/// Sign-in with identity providers. Cheap to clone.
#[derive(Clone)]
pub struct SignIns(Arc<Desk>);

struct Desk {
    providers: Vec<Provider>,
    flows: Flows,
}

/// A way to a provider, and what must be remembered of it.
pub(super) struct Way {
    pub url: String,
    pub state: String,
    pub flow: Flow,
}

/// A provider for people to choose.
pub struct Listed<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub audience: &'a Audience,
}

/// A journey that has begun.
pub struct Started {
    /// Where the browser goes now.
    pub url: String,
    /// What its cookie must hold when it comes back.
    pub browser: String,
}

/// What a provider's answer says, in the address of the callback.
#[derive(Default)]
pub struct Answer {
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

/// A journey that ended well.
pub struct SignedIn {
    pub identity: Identity,
    pub audience: Arc<Audience>,
    /// As it was given at the start.
    pub aim: Aim,
}

impl SignIns {
    /// `callback` gives the address of this shop that a provider of this id sends browsers back to.
    pub fn open(
        rows: &[ProviderRow],
        callback: impl Fn(&str) -> String,
    ) -> Result<SignIns, SignInsError> {
        let provider = |row: &ProviderRow| {
            let callback = callback(&row.id);
            if !callback.starts_with("https://") && !is_loopback(&callback) {
                return Err(SignInsError::PublicUrl);
            }
            let made = Provider::new(row, callback);
            made.map_err(|detail| SignInsError::Provider { id: row.id.clone(), detail })
        };
        let providers = rows.iter().map(provider).collect::<Result<_, _>>()?;
        Ok(SignIns(Arc::new(Desk { providers, flows: Flows::default() })))
    }

    /// All providers, in the order of the settings.
    pub fn list(&self) -> impl Iterator<Item = Listed<'_>> {
        let Desk { providers, .. } = &*self.0;
        providers.iter().map(|own| Listed {
            id: own.id(),
            name: own.name(),
            audience: own.audience(),
        })
    }

    /// Begins a journey to a provider.
    pub async fn start(
        &self,
        provider: &str,
        aim: Aim,
        now: Timestamp,
    ) -> Result<Started, SignInError> {
        let provider = self.0.provider(provider)?;
        let browser = secret();
        let Way { url, state, flow } = provider.way(aim, &browser, now).await?;
        self.0.flows.keep(&state, flow);
        Ok(Started { url, browser })
    }

    /// Ends a journey: `browser` is what the cookie held. The state is spent, whatever comes of it.
    pub async fn finish(
        &self,
        provider: &str,
        browser: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let provider = self.0.provider(provider)?;
        let flow = self.0.flows.take(&answer.state, browser, now);
        let mut flow =
            flow.filter(|flow| flow.provider == provider.id()).ok_or(SignInError::NotStarted)?;
        if answer.issuer.is_some_and(|issuer| !provider.is(&issuer)) {
            tracing::warn!(provider = provider.id(), "an answer comes from another issuer");
            return Err(SignInError::Untrusted);
        }
        let code = match (answer.code, answer.error) {
            (Some(code), None) => code,
            (_, error) => {
                let known = error.as_deref() == Some("access_denied");
                tracing::info!(
                    provider = provider.id(),
                    by_choice = known,
                    "a sign-in was refused"
                );
                return Err(SignInError::Refused);
            }
        };
        let aim = std::mem::take(&mut flow.aim);
        let identity = provider.identify(code, flow, now).await?;
        Ok(SignedIn { identity, audience: Arc::clone(provider.audience()), aim })
    }
}

impl Desk {
    fn provider(&self, id: &str) -> Result<&Provider, SignInError> {
        self.providers.iter().find(|own| own.id() == id).ok_or(SignInError::UnknownProvider)
    }
}

/// 256 random bits as text.
fn secret() -> String {
    rand::random::<[u8; 32]>().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
