//! The second factor of staff: codes that change every 30 seconds (RFC 6238), and ten recovery codes
//! for the day on which the device is lost.
//!
//! The seed is sealed for the shop, recovery codes are kept as hashes. A code is good once: the step
//! it was of is remembered, and no code of that step or an earlier one is taken after it (RFC 6238,
//! section 5.2). All of this is decided in the one writer, so two logins at once cannot share a code.

use super::owner::Parts;
use super::token::TokenHash;
use super::{AccountError, Accounts};
use crate::domain::event::Fact;
use crate::domain::staff::StaffEvent;
use crate::domain::{Sealed, StaffId, Timestamp};
use crate::storage::codec::Stored;
use crate::storage::records::{FactorState, SecondFactorRow, TokenHolder};
use crate::storage::{Batch, Table};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Secret, Totp};

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// Without letters and digits that look alike.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";

/// What is shown beside a password.
#[derive(Clone)]
pub enum SecondFactor {
    Totp(String),
    RecoveryCode(String),
}

/// What an authenticator has to know; shown once.
pub struct Enrolment {
    /// The seed in base 32, to be typed.
    pub secret: String,
    /// The same as `otpauth://` address, to be scanned.
    pub uri: String,
}

/// How somebody's second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorState {
    Off,
    On { recovery_codes_left: usize },
}

impl Accounts {
    pub fn second_factor(&self, id: StaffId) -> SecondFactorState {
        match self.shared.register().factor(id).map(|row| &row.state) {
            None | Some(FactorState::Pending) => SecondFactorState::Off,
            Some(FactorState::On { recovery, .. }) => {
                SecondFactorState::On { recovery_codes_left: recovery.len() }
            }
        }
    }

    /// Makes a seed, which counts from its first code on; an earlier one that does not count yet is
    /// replaced.
    pub async fn begin_totp(&self, id: StaffId) -> Result<Enrolment, AccountError> {
        self.write(move |parts| async move { parts.begin_totp(id).await }).await
    }

    /// Turns the second factor on with a first code; gives the recovery codes, which are nowhere
    /// else.
    pub async fn confirm_totp(
        &self,
        id: StaffId,
        code: String,
    ) -> Result<Vec<String>, AccountError> {
        self.write(move |parts| async move { parts.confirm_totp(id, &code).await }).await
    }

    /// Turns it off, for whoever has it, once they have shown their password as well.
    pub async fn remove_totp(&self, id: StaffId, shown: SecondFactor) -> Result<(), AccountError> {
        self.write(move |parts| async move {
            parts.pass_second_factor(TokenHolder::Staff(id), Some(shown)).await?;
            parts.drop_totp(id).await
        })
        .await
    }

    /// Turns it off, for somebody else who has lost it.
    pub async fn reset_totp(&self, id: StaffId, by: StaffId) -> Result<(), AccountError> {
        if id == by {
            return Err(AccountError::OwnSecondFactor);
        }
        self.write(move |parts| async move {
            parts.must_manage(by)?;
            parts.drop_totp(id).await
        })
        .await
    }
}

/// The context in which a seed is sealed.
fn context(id: StaffId) -> String {
    format!("totp {id}")
}

fn totp(seed: &[u8], email: &str) -> Option<Totp> {
    let builder = Builder::new().with_secret(seed.to_vec()).with_issuer(Some("Mercat"));
    // The address stands in a label that may have no colon (the otpauth format).
    builder.with_account_name(email.replace(':', " ")).build().ok()
}

/// A recovery code as it was written down, whatever was made of its case and dashes.
fn hash_of_code(code: &str) -> TokenHash {
    let plain = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    Sha256::digest(plain.collect::<String>().to_lowercase()).into()
}

/// 80 random bits as four groups of four letters.
fn recovery_code(random: [u8; 32]) -> String {
    let letters: Vec<u8> =
        random.iter().take(16).map(|byte| LETTERS[usize::from(byte & 31)]).collect();
    let groups: Vec<_> = letters.chunks(4).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

impl Parts {
    async fn begin_totp(&self, id: StaffId) -> Result<Enrolment, AccountError> {
        let (_, member) = self.member(id)?;
        let current = self.shared.register().factor(id).map(|row| row.state.clone());
        if current.is_some_and(|state| state != FactorState::Pending) {
            return Err(AccountError::SecondFactorSet);
        }
        // 160 bits, as RFC 4226, section 4, recommends.
        let seed = self.shared.ids.secret()[..20].to_vec();
        let shown = totp(&seed, &member.email).ok_or(AccountError::Unavailable)?;
        let uri = shown.to_url().map_err(|error| {
            tracing::error!(%error, "a second factor cannot be shown");
            AccountError::Unavailable
        })?;
        let secret = Secret::from(seed.clone()).to_base32();
        let seed = self.shared.vault.seal_for_shop(&seed, &context(id));
        self.keep(id, SecondFactorRow { seed, state: FactorState::Pending }, None).await?;
        Ok(Enrolment { secret, uri })
    }

    async fn confirm_totp(&self, id: StaffId, code: &str) -> Result<Vec<String>, AccountError> {
        let current = self.shared.register().factor(id).cloned();
        let row = current.ok_or(AccountError::NoSecondFactor)?;
        if row.state != FactorState::Pending {
            return Err(AccountError::SecondFactorSet);
        }
        let last_step = self.take_code(id, &row.seed, code, None)?;
        let codes: Vec<String> =
            (0..RECOVERY_CODES).map(|_| recovery_code(self.shared.ids.secret())).collect();
        let recovery = codes.iter().map(|code| hash_of_code(code)).collect();
        let state = FactorState::On { last_step, recovery };
        let set = StaffEvent::SecondFactorSet { at: self.now() };
        self.keep(id, SecondFactorRow { state, ..row }, Some(set)).await?;
        tracing::info!(staff.id = %id, "a second factor was turned on");
        Ok(codes)
    }

    async fn drop_totp(&self, id: StaffId) -> Result<(), AccountError> {
        self.member(id)?;
        if self.shared.register().factor(id).is_none() {
            return Err(AccountError::NoSecondFactor);
        }
        let now = self.now();
        let mut batch = Batch::new();
        let removed = StaffEvent::SecondFactorRemoved { at: now };
        batch.fact(now, Fact::Staff(id, removed), vec![]);
        batch.row(Table::SecondFactors, id.as_bytes().to_vec(), None);
        self.commit(batch).await?;
        self.shared.change_register(|register| register.remove_factor(id));
        tracing::info!(staff.id = %id, "a second factor was turned off");
        Ok(())
    }

    /// Asks for the second factor of whoever has one, and spends what is shown. Only for somebody
    /// whose password was found to be right.
    pub(super) async fn pass_second_factor(
        &self,
        holder: TokenHolder,
        shown: Option<SecondFactor>,
    ) -> Result<(), AccountError> {
        let TokenHolder::Staff(id) = holder else { return Ok(()) };
        let Some(row) = self.shared.register().factor(id).cloned() else { return Ok(()) };
        let FactorState::On { last_step, mut recovery } = row.state else { return Ok(()) };
        match shown {
            None => Err(AccountError::SecondFactorNeeded),
            Some(SecondFactor::Totp(code)) => {
                let last_step = self.take_code(id, &row.seed, &code, Some(last_step))?;
                let state = FactorState::On { last_step, recovery };
                self.keep(id, SecondFactorRow { state, ..row }, None).await
            }
            Some(SecondFactor::RecoveryCode(code)) => {
                let hash = hash_of_code(&code);
                let own = recovery.iter().position(|own| bool::from(own.ct_eq(&hash)));
                recovery.remove(own.ok_or(AccountError::SecondFactorWrong)?);
                let left = recovery.len() as u32;
                let state = FactorState::On { last_step, recovery };
                let used = StaffEvent::RecoveryCodeUsed { left, at: self.now() };
                self.keep(id, SecondFactorRow { state, ..row }, Some(used)).await
            }
        }
    }

    /// The step of a right code that is later than `after`. Each wrong one makes the next ones wait,
    /// wherever they come from: a million codes are too few to let everybody try their five.
    fn take_code(
        &self,
        id: StaffId,
        seed: &Sealed,
        code: &str,
        after: Option<u64>,
    ) -> Result<u64, AccountError> {
        let now = self.now();
        self.shared.register().may_try_code(id, now)?;
        let step = self.step_of(id, seed, code)?;
        step.filter(|step| after.is_none_or(|after| after < *step)).ok_or_else(|| {
            self.shared.change_register(|register| register.note_wrong_code(id, now));
            AccountError::SecondFactorWrong
        })
    }

    /// The step that a code is of, if it is one of this moment, the one before or the one after.
    fn step_of(&self, id: StaffId, seed: &Sealed, code: &str) -> Result<Option<u64>, AccountError> {
        let seed = self.shared.vault.open_for_shop(seed, &context(id)).map_err(|error| {
            tracing::error!(%error, staff.id = %id, "the seed of a second factor cannot be opened");
            AccountError::Unavailable
        })?;
        let totp = totp(&seed, "staff").ok_or(AccountError::Unavailable)?;
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        Ok(totp.check(&code, seconds(self.now())))
    }

    async fn keep(
        &self,
        id: StaffId,
        row: SecondFactorRow,
        event: Option<StaffEvent>,
    ) -> Result<(), AccountError> {
        let mut batch = Batch::new();
        if let Some(event) = event {
            batch.fact(self.now(), Fact::Staff(id, event), vec![]);
        }
        batch.row(Table::SecondFactors, id.as_bytes().to_vec(), Some(row.to_bytes()));
        self.commit(batch).await?;
        self.shared.change_register(|register| register.set_factor(id, row));
        Ok(())
    }
}

fn seconds(at: Timestamp) -> u64 {
    (at.as_millis() / 1_000).max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, cut to six digits.
        let totp = totp(b"12345678901234567890", "ada@example.com").unwrap();
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.check(code, at), Some(at / 30));
            assert_eq!(totp.check(code, at + 60), None);
        }
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let code = recovery_code([31; 32]);
        assert_eq!(code.len(), 19);
        assert_eq!(hash_of_code(&code), hash_of_code(&code.to_uppercase().replace('-', " ")));
        assert_ne!(hash_of_code(&code), hash_of_code(&recovery_code([30; 32])));
    }
}
