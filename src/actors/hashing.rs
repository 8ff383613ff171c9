//! How passwords are hashed: Argon2id, 19 MiB, two passes, one lane. Source: the OWASP Password
//! Storage Cheat Sheet, section on Argon2id.
//!
//! The memory is kept from one password to the next. Taken from the system and given back each time,
//! it would have to be mapped page by page, and while that is done other threads of the shop stand
//! still: a page that is asked for meanwhile came ten times as late.

use super::password::Password;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

const KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The memory in which one thread hashes; none before it hashes for the first time.
#[derive(Default)]
pub struct Scratch(Vec<Block>);

impl Scratch {
    /// A PHC string for the password, with a fresh salt; `None` if it cannot be made.
    pub fn hash(&mut self, password: &Password) -> Option<String> {
        let params = Params::new(KIB, PASSES, LANES, None).ok()?;
        let salt = Salt::new(&rand::random::<[u8; Salt::RECOMMENDED_LENGTH]>()).ok()?;
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        let named = ParamsString::try_from(&params).ok()?;
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        self.fill(Argon2::new(algorithm, version, params), password, &salt, &mut out)?;
        let hash = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: named,
            salt: Some(salt),
            hash: Some(Output::new(&out).ok()?),
        };
        Some(hash.to_string())
    }

    /// Whether this is the password that `phc` was made from; `None` if that cannot be read.
    pub fn verify(&mut self, password: &Password, phc: &str) -> Option<bool> {
        let known = PasswordHash::new(phc).ok()?;
        let (salt, hash) = (known.salt?, known.hash?);
        let algorithm = Algorithm::try_from(known.algorithm.as_str()).ok()?;
        let version = Version::try_from(known.version?).ok()?;
        let params = Params::try_from(&known).ok()?;
        let mut out = vec![0; hash.len()];
        self.fill(Argon2::new(algorithm, version, params), password, &salt, &mut out)?;
        // Compared in a time that says nothing of where they differ.
        Some(Output::new(&out).ok()? == hash)
    }

    fn fill(
        &mut self,
        argon2: Argon2<'_>,
        password: &Password,
        salt: &Salt,
        out: &mut [u8],
    ) -> Option<()> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        let memory = &mut self.0[..blocks];
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordVerifier;

    fn password(text: &str) -> Password {
        text.to_owned().into()
    }

    #[test]
    fn what_is_left_of_one_password_says_nothing_to_the_next() {
        let (mut scratch, right) = (Scratch::default(), password("correct horse"));
        let first = scratch.hash(&right).unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(scratch.hash(&right).unwrap(), first, "each has a salt of its own");
        for _ in 0..2 {
            assert_eq!(scratch.verify(&password("wrong horse"), &first), Some(false));
            assert_eq!(scratch.verify(&right, &first), Some(true));
        }
        // The library itself, with memory of its own, says the same.
        assert!(Argon2::default().verify_password(b"correct horse", &*first).is_ok());
        let small = "$argon2id$v=19$m=64,t=1,p=1$bWVyY2F0LWRlY295LTAwMQ";
        let unfinished = scratch.verify(&right, small);
        assert_eq!(unfinished, None);
        assert_eq!(scratch.verify(&right, "no hash"), None);
        assert_eq!(scratch.verify(&right, &first.replace("argon2id", "scrypt")), None);
    }
}
