//! Logging in and out: the tokens of one login, exchanged for new ones until somebody ends it.

use super::book::{Exchange, FamilyId, write_token};
use super::owner::{Message, Parts};
use super::token::{Token, TokenHash, hash_of};
use super::totp::SecondFactor;
use super::{AccountError, AccountSettings, Accounts, Origin};
use crate::actors::pools::{Lane, Password};
use crate::domain::{Span, Timestamp};
use crate::storage::Batch;
use crate::storage::records::{TokenHolder, TokenKind, TokenRow};

/// The most logins of one account at a time; another one ends the one that was unused for longest.
pub(super) const MOST_LOGINS: usize = 100;

/// The most tokens of one login, spent ones among them: a replay is known by those of the last
/// hundred exchanges. Without a bound, whoever exchanges on and on would fill the memory.
pub(super) const MOST_TOKENS: usize = 200;

/// What is checked for an address that nobody has: as dear as a real check, and never right.
pub(super) const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWVyY2F0LWRlY295LTAwMQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What comes with a password.
#[derive(Clone, Default)]
pub struct LoginWith {
    pub second: Option<SecondFactor>,
    pub origin: Origin,
    pub lane: Lane,
}

/// What a login is answered with.
#[derive(Debug)]
pub struct Grant {
    pub access: Token,
    pub refresh: Token,
    /// How long the access token is good for.
    pub expires_in: Span,
}

impl Accounts {
    /// Gives tokens for a password. Takes as long for an address that nobody has.
    pub async fn login(
        &self,
        email: &str,
        password: Password,
        with: LoginWith,
    ) -> Result<Grant, AccountError> {
        let (holder, password_hash) = self.recognized(email, password, with.lane).await?;
        self.ask(|reply| Message::Login { holder, password_hash, with, reply }).await
    }

    /// Whose password this is, and the hash for which it was found to be right.
    pub(super) async fn recognized(
        &self,
        email: &str,
        password: Password,
        lane: Lane,
    ) -> Result<(TokenHolder, String), AccountError> {
        let found = self.shared.book().password_of(&email.trim().to_lowercase());
        let own = found.as_ref().and_then(|(_, password_hash)| password_hash.as_deref());
        let hash = own.unwrap_or(DECOY);
        let is_right = self.shared.secrets.verify_in(lane, password, hash.to_owned()).await?;
        match found.filter(|_| is_right) {
            Some((holder, Some(password_hash))) => Ok((holder, password_hash)),
            _ => Err(AccountError::WrongCredentials),
        }
    }

    /// Exchanges a refresh token for new tokens, once. A second time, somebody has a copy of it, and
    /// all tokens of that login end.
    pub async fn refresh(&self, token: &str) -> Result<Grant, AccountError> {
        let hash = hash_of(token).ok_or(AccountError::InvalidToken)?;
        self.ask(|reply| Message::Refresh { hash, reply }).await
    }

    /// Ends all tokens of the login that this one came from; a token that is none is fine.
    pub async fn logout(&self, token: &str) -> Result<(), AccountError> {
        let Some(hash) = hash_of(token) else { return Ok(()) };
        self.ask(|reply| Message::Logout { hash, reply }).await
    }
}

impl Parts {
    pub(super) async fn login(
        &self,
        holder: TokenHolder,
        password_hash: &str,
        with: LoginWith,
    ) -> Result<Grant, AccountError> {
        self.check_login(holder, password_hash, with.second).await?;
        self.begin(holder, &with.origin).await
    }

    /// Whether somebody who was recognized may come in.
    pub(super) async fn check_login(
        &self,
        holder: TokenHolder,
        password_hash: &str,
        second: Option<SecondFactor>,
    ) -> Result<(), AccountError> {
        self.shared.book().check_password(holder, Some(password_hash))?;
        self.pass_second_factor(holder, second).await
    }

    /// Begins a login of somebody who has proven who they are.
    pub(super) async fn begin(
        &self,
        holder: TokenHolder,
        origin: &Origin,
    ) -> Result<Grant, AccountError> {
        let surplus: Vec<TokenHash> = {
            let book = self.shared.book();
            let surplus = book.surplus(holder, MOST_LOGINS);
            surplus.iter().flat_map(|family| book.tokens_of(family)).collect()
        };
        let (family, mut batch) = (self.new_family(), Batch::new());
        self.new_session(holder, family, origin, &mut batch)?;
        self.grant(holder, family, None, &surplus, batch).await
    }

    pub(super) fn new_family(&self) -> FamilyId {
        let mut family = FamilyId::default();
        family.copy_from_slice(&self.shared.ids.secret()[..16]);
        family
    }

    pub(super) async fn refresh(&self, hash: TokenHash) -> Result<Grant, AccountError> {
        let exchange = self.shared.book().exchange(&hash, self.now());
        match exchange {
            None => Err(AccountError::InvalidToken),
            Some(Exchange::Current(row)) => {
                let until = Some(row.expires_at);
                let surplus = self.shared.book().oldest_of(&row.family, MOST_TOKENS - 2);
                self.grant(row.holder, row.family, until, &surplus, Batch::new()).await
            }
            Some(Exchange::Spent(family)) => {
                tracing::warn!("a spent refresh token was used again; its login has ended");
                self.end(family).await?;
                Err(AccountError::InvalidToken)
            }
        }
    }

    pub(super) async fn logout(&self, hash: TokenHash) -> Result<(), AccountError> {
        let family = self.shared.book().family(&hash);
        match family {
            Some(family) => self.end(family).await,
            None => Ok(()),
        }
    }

    pub(super) async fn sweep(&self) -> Result<(), AccountError> {
        let expired = self.shared.book().expired(self.now());
        self.remove(&expired).await
    }

    /// Makes a pair of tokens durable, and removes `surplus` in the same commit, which is `batch`
    /// with what is in it already. The refresh token runs out after the one that it follows, for that is what makes it the newest.
    async fn grant(
        &self,
        holder: TokenHolder,
        family: FamilyId,
        follows: Option<Timestamp>,
        surplus: &[TokenHash],
        batch: Batch,
    ) -> Result<Grant, AccountError> {
        let AccountSettings { access_for, refresh_for, .. } = self.shared.settings;
        let (now, ids) = (self.now(), &self.shared.ids);
        let after = follows.map(|at| at.plus(Span::millis(1)));
        let refresh_until = now.plus(refresh_for).max(after.unwrap_or_default());
        let token = |kind, expires_at| {
            let token = Token::new(ids.secret());
            (token, TokenRow { holder, kind, expires_at, family })
        };
        let pair = [
            token(TokenKind::Access, now.plus(access_for)),
            token(TokenKind::Refresh, refresh_until),
        ];
        let rows = [(pair[0].0.hash(), pair[0].1), (pair[1].0.hash(), pair[1].1)];
        self.replace(surplus, &rows, batch).await?;
        let [(access, _), (refresh, _)] = pair;
        Ok(Grant { access, refresh, expires_in: access_for })
    }

    /// Removes tokens and makes others durable, in one commit with what is in `batch` already.
    pub(super) async fn replace(
        &self,
        ended: &[TokenHash],
        begun: &[(TokenHash, TokenRow)],
        mut batch: Batch,
    ) -> Result<(), AccountError> {
        self.shared.book().write_removal(ended, &mut batch);
        for (hash, row) in begun {
            write_token(hash, row, &mut batch);
        }
        self.commit(batch).await?;
        self.shared.change(|book| {
            book.remove_tokens(ended);
            begun.iter().for_each(|(hash, row)| book.add_token(*hash, *row));
        });
        Ok(())
    }

    pub(super) async fn end(&self, family: FamilyId) -> Result<(), AccountError> {
        let hashes = self.shared.book().tokens_of(&family);
        self.remove(&hashes).await
    }

    pub(super) async fn remove(&self, hashes: &[TokenHash]) -> Result<(), AccountError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        self.shared.book().write_removal(hashes, &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| book.remove_tokens(hashes));
        Ok(())
    }
}
