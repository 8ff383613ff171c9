//! One provider: what it says of itself, and the proof of what it says of people.
//!
//! Its discovery document and keys are kept for an hour, and longer while it cannot be asked. A token
//! that is signed with a key that nobody knows has the keys asked for again, at most once a minute.
//! ID tokens are checked in full though they come straight from the provider (OpenID Connect Core
//! 1.0, section 3.1.3.7): signature by a public key, issuer, audience, party, time, nonce, and the
//! hash of the access token that came along.

use super::flows::{Aim, Flow};
use super::settings::ProviderRow;
use super::sign_in::{SignInError, Way};
use super::transport::{Transport, TransportError};
use crate::domain::identity::{Audience, Identity};
use crate::domain::{Span, Timestamp};
use openidconnect::core::{
    CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreResponseType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, JsonWebKeySet, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError,
    TokenResponse,
};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::Mutex;

/// How long a discovery document counts as new.
const DISCOVERED_FOR: Span = Span::hours(1);

/// How long a provider that could not be reached is left alone.
const PAUSE: Span = Span::seconds(5);

/// How often keys are asked for because a token has an unknown one.
const KEYS_PAUSE: Span = Span::minutes(1);

/// The algorithms whose tokens are believed: those with public keys. `none` proves nothing, and with
/// a shared secret whoever learns it could make tokens.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client = openidconnect::core::CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

pub struct Provider {
    id: String,
    name: String,
    audience: Arc<Audience>,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    scopes: Vec<String>,
    redirect: RedirectUrl,
    transport: Transport,
    /// Held while the provider is asked, so that it is asked once.
    known: Mutex<Known>,
}

/// What a provider said of itself.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<CoreProviderMetadata>, Timestamp)>,
    failed_at: Option<Timestamp>,
    keys_asked_at: Option<Timestamp>,
}

impl Provider {
    /// `callback` is the address that the provider sends browsers back to.
    pub fn new(row: &ProviderRow, callback: String) -> Result<Provider, String> {
        let secret = row.client_secret.as_ref();
        Ok(Provider {
            id: row.id.clone(),
            name: row.name.clone(),
            audience: Arc::new(row.audience()),
            issuer: IssuerUrl::new(row.issuer.clone()).map_err(|error| error.to_string())?,
            client_id: ClientId::new(row.client_id.clone()),
            client_secret: secret.map(|secret| ClientSecret::new(secret.expose().to_owned())),
            scopes: row.asked_scopes(),
            redirect: RedirectUrl::new(callback).map_err(|error| error.to_string())?,
            transport: Transport::new(row.is_local()).map_err(|error| error.to_string())?,
            known: Mutex::default(),
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn audience(&self) -> &Arc<Audience> {
        &self.audience
    }

    /// Where a browser is sent to sign in.
    pub async fn way(&self, aim: Aim, browser: &str, now: Timestamp) -> Result<Way, SignInError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            || CsrfToken::new_random_len(32),
            || Nonce::new_random_len(32),
        );
        for scope in &self.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let (nonce, verifier) = (nonce.secret().clone(), verifier.into_secret());
        let flow = Flow::new(&self.id, nonce, verifier, aim, (browser, now));
        Ok(Way { url: url.into(), state: state.into_secret(), flow })
    }

    /// Whether this is the provider that an answer says it comes from (RFC 9207).
    pub fn is(&self, issuer: &str) -> bool {
        self.issuer.as_str() == issuer
    }

    /// Exchanges a code and gives the identity that it stands for.
    pub async fn identify(
        &self,
        code: String,
        flow: Flow,
        now: Timestamp,
    ) -> Result<Identity, SignInError> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| self.broken(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier));
        let nonce = Nonce::new(flow.nonce);
        let tokens: CoreTokenResponse =
            exchange.request_async(&self.transport).await.map_err(|error| self.failed(error))?;
        let Some(token) = tokens.id_token() else {
            tracing::warn!(provider = self.id, "it gave no ID token");
            return Err(SignInError::Untrusted);
        };
        let claims = match self.claims(&client, token, &nonce, now) {
            Err(error) if is_unknown_key(&error) => {
                let metadata = self.with_new_keys(metadata, now).await?;
                let client = self.client(&metadata);
                self.proven(&client, token, &nonce, tokens.access_token(), now)?
            }
            Err(error) => return Err(self.untrusted(&error)),
            Ok(_) => self.proven(&client, token, &nonce, tokens.access_token(), now)?,
        };
        self.identity(&client, claims, tokens.access_token()).await
    }

    /// The claims of an ID token, with everything checked that the library leaves to its user.
    fn proven<'a>(
        &self,
        client: &Client,
        token: &'a CoreIdToken,
        nonce: &Nonce,
        access: &AccessToken,
        now: Timestamp,
    ) -> Result<&'a CoreIdTokenClaims, SignInError> {
        let claims = self.claims(client, token, nonce, now);
        let claims = claims.map_err(|error| self.untrusted(&error))?;
        // Made for another party, which hands it on (section 3.1.3.7, steps 4 and 5).
        if claims.authorized_party().is_some_and(|party| **party != *self.client_id) {
            tracing::warn!(provider = self.id, "an ID token was made for another party");
            return Err(SignInError::Untrusted);
        }
        if let Some(given) = claims.access_token_hash() {
            let verifier = client.id_token_verifier();
            let made = token.signing_alg().and_then(|alg| Ok((alg, token.signing_key(&verifier)?)));
            let (algorithm, key) = made.map_err(|error| self.untrusted(&error))?;
            let made = AccessTokenHash::from_token(access, algorithm, key);
            if made.map_err(|error| self.untrusted(&error))? != *given {
                tracing::warn!(provider = self.id, "an access token is not the ID token's own");
                return Err(SignInError::Untrusted);
            }
        }
        Ok(claims)
    }

    fn claims<'a>(
        &self,
        client: &Client,
        token: &'a CoreIdToken,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<&'a CoreIdTokenClaims, ClaimsVerificationError> {
        let since = Duration::from_millis(now.as_millis().max(0).unsigned_abs());
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || (UNIX_EPOCH + since).into());
        token.claims(&verifier, nonce)
    }

    /// Who it is. What the ID token leaves out is asked of the provider's user info.
    async fn identity(
        &self,
        client: &Client,
        claims: &CoreIdTokenClaims,
        access: &AccessToken,
    ) -> Result<Identity, SignInError> {
        let subject = claims.subject();
        let text = |name: &str| name.to_owned();
        let mut identity = Identity {
            issuer: self.issuer.to_string(),
            subject: text(subject),
            email: claims.email().map(|email| text(email)),
            email_verified: claims.email_verified() == Some(true),
            name: claims.name().and_then(|name| name.get(None)).map(|name| text(name)),
        };
        let asked = client.user_info(access.clone(), Some(subject.clone()));
        if let (None, Ok(asked)) = (&identity.email, asked) {
            let info: CoreUserInfoClaims =
                asked.request_async(&self.transport).await.map_err(|error| self.broken(&error))?;
            identity.email = info.email().map(|email| text(email));
            identity.email_verified = info.email_verified() == Some(true);
            let name = info.name().and_then(|name| name.get(None)).map(|name| text(name));
            identity.name = identity.name.or(name);
        }
        Ok(identity)
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let client = Client::from_provider_metadata(metadata.clone(), id, secret);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|all| all.contains(&method));
        // RFC 6749 wants the header; some take the body only.
        let in_body = !takes(CoreClientAuthMethod::ClientSecretBasic)
            && takes(CoreClientAuthMethod::ClientSecretPost);
        let way = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        client.set_auth_type(way).set_redirect_uri(self.redirect.clone())
    }

    /// What the provider says of itself, asked for where it is not known or has become old.
    async fn metadata(&self, now: Timestamp) -> Result<Arc<CoreProviderMetadata>, SignInError> {
        let mut known = self.known.lock().await;
        let old = match &known.metadata {
            Some((metadata, at)) if now < at.plus(DISCOVERED_FOR) => {
                return Ok(Arc::clone(metadata));
            }
            Some((metadata, _)) => Some(Arc::clone(metadata)),
            None => None,
        };
        if known.failed_at.is_some_and(|at| now < at.plus(PAUSE)) {
            return old.ok_or(SignInError::Unreachable);
        }
        match self.discover().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                known.metadata = Some((Arc::clone(&metadata), now));
                known.failed_at = None;
                Ok(metadata)
            }
            Err(error) => {
                known.failed_at = Some(now);
                old.ok_or(error)
            }
        }
    }

    async fn discover(&self) -> Result<CoreProviderMetadata, SignInError> {
        let found =
            CoreProviderMetadata::discover_async(self.issuer.clone(), &self.transport).await;
        let metadata = found.map_err(|error| self.broken(&error))?;
        let urls = [
            Some(metadata.authorization_endpoint().to_string()),
            metadata.token_endpoint().map(ToString::to_string),
            metadata.userinfo_endpoint().map(ToString::to_string),
        ];
        if !urls.iter().flatten().all(|url| self.transport.trusts(url)) {
            return Err(self.broken(&TransportError::Unsafe));
        }
        Ok(metadata)
    }

    /// The same with the keys that the provider has now.
    async fn with_new_keys(
        &self,
        metadata: Arc<CoreProviderMetadata>,
        now: Timestamp,
    ) -> Result<Arc<CoreProviderMetadata>, SignInError> {
        let mut known = self.known.lock().await;
        if known.keys_asked_at.is_some_and(|at| now < at.plus(KEYS_PAUSE)) {
            // Somebody may have asked meanwhile.
            let newest = known.metadata.as_ref().map(|(newest, _)| Arc::clone(newest));
            return Ok(newest.unwrap_or(metadata));
        }
        known.keys_asked_at = Some(now);
        let keys = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &self.transport).await;
        let keys = keys.map_err(|error: DiscoveryError<TransportError>| self.broken(&error))?;
        let metadata = Arc::new(CoreProviderMetadata::clone(&metadata).set_jwks(keys));
        known.metadata = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    /// The provider did not answer, or not as it must. What it said is not logged: it may hold codes
    /// and tokens.
    fn broken(&self, error: &dyn std::error::Error) -> SignInError {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(provider = self.id, %error, cause, "an identity provider failed");
        SignInError::Unreachable
    }

    /// The code was not exchanged.
    fn failed(&self, error: ExchangeError) -> SignInError {
        use openidconnect::RequestTokenError as E;
        match error {
            // The code is not good, is somebody else's, or the verifier does not fit.
            E::ServerResponse(said) => {
                tracing::warn!(provider = self.id, error = %said.error(), "a code was refused");
                SignInError::Untrusted
            }
            E::Request(error) => self.broken(&error),
            // The text that could not be read may hold tokens: only the place is told.
            E::Parse(error, _) => {
                tracing::warn!(provider = self.id, at = %error.path(), "its tokens cannot be read");
                SignInError::Untrusted
            }
            E::Other(_) => {
                tracing::warn!(provider = self.id, "its tokens cannot be read");
                SignInError::Untrusted
            }
        }
    }

    fn untrusted(&self, error: &dyn std::error::Error) -> SignInError {
        tracing::warn!(provider = self.id, %error, "an ID token was refused");
        SignInError::Untrusted
    }
}

type ExchangeError = openidconnect::RequestTokenError<
    TransportError,
    openidconnect::StandardErrorResponse<openidconnect::core::CoreErrorResponseType>,
>;

fn is_unknown_key(error: &ClaimsVerificationError) -> bool {
    matches!(
        error,
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)
    )
}
