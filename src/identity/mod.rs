//! Signing in with an identity provider: OpenID Connect, the authorization code flow with PKCE.
//!
//! What is here speaks with providers and proves what they say; which account an identity opens is
//! a rule of `domain/identity.rs`. One journey: [`SignIns::start`] sends the browser to the provider
//! with a state, a nonce and a PKCE challenge that it keeps ([`flows`]); the provider sends the
//! browser back with a code; [`SignIns::finish`] takes the flow out again, exchanges the code and
//! checks the ID token ([`provider`]). Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636
//! (PKCE), RFC 9207 (issuer in answers), RFC 9700 (security of OAuth 2.0).
//!
//! Tokens of a provider are absent on purpose from all that is kept: once the identity is proven the
//! shop has no use for them.

pub mod settings;

#[cfg_attr(not(feature = "oidc"), allow(dead_code, reason = "no journey begins there"))]
mod flows;
#[cfg(feature = "oidc")]
mod provider;
#[cfg(not(feature = "oidc"))]
#[path = "absent.rs"]
mod provider;
mod sign_in;
#[cfg(feature = "oidc")]
mod transport;

pub use flows::{Aim, Gives};
pub use sign_in::{Answer, Listed, SignInError, SignIns, SignInsError, SignedIn, Started};
