//! A login in two steps, for pages: the password first, and then the second factor.
//!
//! What the first step found out is kept by the browser and by nobody else, sealed for the shop: who it
//! was, for which password, and until when the second step may follow. So nothing waits here, and no
//! password is shown twice. The second step asks for the same as a login in one step does: it is void once
//! the password is another one.

use super::{AccountError, Accounts, LoginWith, SessionGrant};
use crate::actors::pools::Password;
use crate::domain::{Sealed, Span, StaffId, Timestamp};
use crate::storage::records::TokenHolder;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long the second step may take.
const MAY_TAKE: Span = Span::minutes(5);

/// As what it is sealed.
const CONTEXT: &str = "login, half way";

/// What a password leads to.
#[derive(Debug)]
pub enum Opening {
    Session(SessionGrant),
    /// A second factor is to be shown.
    HalfWay(HalfWay),
}

/// Somebody who has shown their password, and has a second factor to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfWay {
    staff: StaffId,
    /// Of the hash for which the password was found to be right.
    password: [u8; 32],
    until: Timestamp,
}

impl HalfWay {
    fn to_bytes(&self) -> Vec<u8> {
        let until = self.until.as_millis().to_be_bytes();
        [&self.staff.as_bytes()[..], &self.password, &until].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<HalfWay> {
        let (staff, rest) = bytes.split_first_chunk::<16>()?;
        let (password, until) = rest.split_first_chunk::<32>()?;
        let until = Timestamp::from_millis(i64::from_be_bytes(until.try_into().ok()?));
        Some(HalfWay { staff: StaffId::from_bytes(*staff), password: *password, until })
    }
}

fn digest(password_hash: &str) -> [u8; 32] {
    Sha256::digest(password_hash).into()
}

impl Accounts {
    /// As [`Accounts::open_session`], for whoever may show the second factor afterwards.
    pub async fn open_session_or_ask(
        &self,
        email: &str,
        password: Password,
        with: LoginWith,
        brought: Option<&str>,
    ) -> Result<Opening, AccountError> {
        let (holder, password_hash) = self.recognized(email, password, with.lane).await?;
        let opened = self.opened(holder, password_hash.clone(), with, brought).await;
        match (opened, holder) {
            (Err(AccountError::SecondFactorNeeded), TokenHolder::Staff(staff)) => {
                let until = self.shared.clock.now().plus(MAY_TAKE);
                Ok(Opening::HalfWay(HalfWay { staff, password: digest(&password_hash), until }))
            }
            (opened, _) => opened.map(Opening::Session),
        }
    }

    /// What a browser keeps between the two steps.
    pub fn sealed_half_way(&self, half: &HalfWay) -> String {
        let sealed = self.shared.vault.seal_for_shop(&half.to_bytes(), CONTEXT);
        BASE64_URL_SAFE_NO_PAD.encode(sealed.as_bytes())
    }

    /// What a browser kept, if the second step may still follow: with whose e-mail address it is.
    pub fn half_way(&self, kept: &str) -> Option<(HalfWay, String)> {
        let sealed = Sealed::from_bytes(BASE64_URL_SAFE_NO_PAD.decode(kept).ok()?);
        let plain = self.shared.vault.open_for_shop(&sealed, CONTEXT).ok()?;
        let half = HalfWay::from_bytes(&plain).filter(|own| self.shared.clock.now() < own.until)?;
        self.password_of_half(&half)?;
        let book = self.shared.book();
        let email = book.member(TokenHolder::Staff(half.staff))?.email().to_owned();
        Some((half, email))
    }

    /// Gives a session once the second factor was shown, too.
    pub async fn go_on(
        &self,
        half: &HalfWay,
        with: LoginWith,
        brought: Option<&str>,
    ) -> Result<SessionGrant, AccountError> {
        let password_hash = self.password_of_half(half).ok_or(AccountError::WrongCredentials)?;
        self.opened(TokenHolder::Staff(half.staff), password_hash, with, brought).await
    }

    /// The hash of the password that was shown, as long as it is theirs.
    fn password_of_half(&self, half: &HalfWay) -> Option<String> {
        let own = self.shared.book().password_hash(TokenHolder::Staff(half.staff));
        own.filter(|own| digest(own) == half.password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_keeps_comes_back_as_it_was_and_nothing_else_does() {
        let until = Timestamp::from_millis(1_700_000_000_000);
        let half = HalfWay { staff: StaffId::from_bytes([7; 16]), password: [9; 32], until };
        let bytes = half.to_bytes();
        assert_eq!(HalfWay::from_bytes(&bytes), Some(half));
        for bad in [&bytes[..0], &bytes[..55], &[&bytes[..], b"x"].concat()] {
            assert_eq!(HalfWay::from_bytes(bad), None);
        }
    }
}
