//! Sessions of browsers: one token in a cookie, instead of the pair that programs are given.
//!
//! A session is a login like any other: listed, ended by a logout, a new password, another role, and
//! kept as a hash. It ends when it was not used for a while, and after a while however much it is
//! used. The row says when it runs out unused; it is written anew when a sixteenth of that time has
//! passed since the last writing, so hardly any request costs a write, and a shop that is started
//! again has forgotten no use that mattered.
//!
//! Whoever logs in gets a session of a name that nobody knew before, and the one that their browser
//! came with ends in the same commit.

use super::book::{Book, FamilyId};
use super::owner::Parts;
use super::token::{Token, TokenHash, hash_of};
use super::{AccountError, Accounts, Caller, LoginWith, Origin, Shared};
use crate::actors::pools::Password;
use crate::domain::identity::{Audience, Identity};
use crate::domain::{Span, Timestamp};
use crate::storage::Batch;
use crate::storage::records::{TokenHolder, TokenKind, TokenRow};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    pub staff: SessionLife,
    pub customers: SessionLife,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLife {
    /// Without being used.
    pub idle: Span,
    /// However much it is used.
    pub most: Span,
}

impl Default for SessionSettings {
    /// A day of work for staff, who may do harm; customers come back to the shop that knows them.
    fn default() -> SessionSettings {
        SessionSettings {
            staff: SessionLife { idle: Span::hours(2), most: Span::hours(24) },
            customers: SessionLife { idle: Span::days(14), most: Span::days(90) },
        }
    }
}

impl SessionSettings {
    fn of(&self, holder: TokenHolder) -> SessionLife {
        match holder {
            TokenHolder::Staff(_) => self.staff,
            TokenHolder::Customer(_) => self.customers,
        }
    }
}

/// What a browser is given.
#[derive(Debug)]
pub struct SessionGrant {
    pub token: Token,
    /// How long it is good for at most.
    pub lives_for: Span,
}

/// By what a caller is known: a token in a header, or one in a browser's cookie. Each is good in its
/// own place alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Bearer(String),
    Session(String),
}

impl Credential {
    /// The token's text.
    pub fn expose(&self) -> &str {
        let (Credential::Bearer(token) | Credential::Session(token)) = self;
        token
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credential::Bearer(_) => "Bearer(..)",
            Credential::Session(_) => "Session(..)",
        })
    }
}

/// The sessions whose next writing is under way: none is asked for twice.
#[derive(Default)]
pub(super) struct Extending(Mutex<HashSet<TokenHash>>);

/// One of them, until it is dropped.
struct Extension {
    hash: TokenHash,
    shared: Arc<Shared>,
}

impl Extension {
    /// `None` where it is under way already.
    fn begin(hash: TokenHash, shared: &Arc<Shared>) -> Option<Extension> {
        let mut extending = shared.extending.0.lock().unwrap_or_else(PoisonError::into_inner);
        extending.insert(hash).then(|| Extension { hash, shared: Arc::clone(shared) })
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        let extending = &self.shared.extending.0;
        extending.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.hash);
    }
}

impl Accounts {
    /// Who shows this. Looks into memory only.
    pub fn who(&self, credential: &Credential) -> Option<Caller> {
        match credential {
            Credential::Bearer(token) => self.authenticate(token),
            Credential::Session(token) => self.authenticate_session(token),
        }
    }

    fn authenticate_session(&self, token: &str) -> Option<Caller> {
        let (hash, now) = (hash_of(token)?, self.shared.clock.now());
        let book = self.shared.book();
        let row = book.session(&hash, now)?;
        let caller = book.member(row.holder)?.clone();
        let is_due = self.shared.extended(&row, now).is_some();
        self.shared.register().use_session(&row.family, now);
        drop(book);
        if is_due && let Some(extension) = Extension::begin(hash, &self.shared) {
            self.tell(move |parts| async move { parts.extend(extension).await });
        }
        Some(caller)
    }

    /// Gives a session for a password, as [`Accounts::login`] gives tokens; `brought` is the session
    /// that the browser came with, which ends.
    pub async fn open_session(
        &self,
        email: &str,
        password: Password,
        with: LoginWith,
        brought: Option<&str>,
    ) -> Result<SessionGrant, AccountError> {
        let (holder, password_hash) = self.recognized(email, password, with.lane).await?;
        self.opened(holder, password_hash, with, brought).await
    }

    /// Opens a session for whoever has shown this password, if nothing else is asked for.
    pub(super) async fn opened(
        &self,
        holder: TokenHolder,
        password_hash: String,
        with: LoginWith,
        brought: Option<&str>,
    ) -> Result<SessionGrant, AccountError> {
        let brought = brought.and_then(hash_of);
        self.write(move |parts| async move {
            parts.check_login(holder, &password_hash, with.second).await?;
            parts.begin_session(holder, &with.origin, brought).await
        })
        .await
    }

    /// Gives a session for an identity, as [`Accounts::sign_in_with`] gives tokens.
    pub async fn open_session_with(
        &self,
        identity: Identity,
        audience: Arc<Audience>,
        origin: Origin,
        brought: Option<&str>,
    ) -> Result<SessionGrant, AccountError> {
        let spare_hash = self.spare_hash(&identity, &audience).await?;
        let brought = brought.and_then(hash_of);
        self.write(move |parts| async move {
            let holder = parts.identified(&identity, &audience, spare_hash).await?;
            parts.begin_session(holder, &origin, brought).await
        })
        .await
    }
}

impl Shared {
    /// When a session runs out that is used now, if that is to be written down.
    fn extended(&self, row: &TokenRow, now: Timestamp) -> Option<Timestamp> {
        let TokenKind::Session { until } = row.kind else { return None };
        let idle = self.settings.sessions.of(row.holder).idle;
        let expires_at = now.plus(idle).min(until);
        let gained = expires_at.as_millis() - row.expires_at.as_millis();
        (gained > idle.as_millis() / 16 || (gained > 0 && expires_at == until))
            .then_some(expires_at)
    }
}

impl Parts {
    async fn begin_session(
        &self,
        holder: TokenHolder,
        origin: &Origin,
        brought: Option<TokenHash>,
    ) -> Result<SessionGrant, AccountError> {
        let (ended, family): (Vec<TokenHash>, FamilyId) = {
            let book = self.shared.book();
            let brought = brought.and_then(|hash| session_family(&book, &hash));
            let mut families = book.surplus(holder, super::sessions::MOST_LOGINS);
            families.extend(brought.filter(|own| !families.contains(own)));
            (families.iter().flat_map(|own| book.tokens_of(own)).collect(), self.new_family())
        };
        let (life, now) = (self.shared.settings.sessions.of(holder), self.now());
        let until = now.plus(life.most);
        let expires_at = now.plus(life.idle).min(until);
        let token = Token::new(self.shared.ids.secret());
        let row = TokenRow { holder, kind: TokenKind::Session { until }, expires_at, family };
        let mut batch = Batch::new();
        self.new_session(holder, family, origin, &mut batch)?;
        self.replace(&ended, &[(token.hash(), row)], batch).await?;
        Ok(SessionGrant { token, lives_for: life.most })
    }

    async fn extend(&self, extension: Extension) -> Result<(), AccountError> {
        let (hash, now) = (extension.hash, self.now());
        let due = {
            let book = self.shared.book();
            let row = book.session(&hash, now);
            row.and_then(|row| Some((row, self.shared.extended(&row, now)?)))
        };
        let Some((row, expires_at)) = due else { return Ok(()) };
        let row = TokenRow { expires_at, ..row };
        self.replace(&[hash], &[(hash, row)], Batch::new()).await
    }
}

fn session_family(book: &Book, hash: &TokenHash) -> Option<FamilyId> {
    let row = book.token(hash)?;
    matches!(row.kind, TokenKind::Session { .. }).then_some(row.family)
}
