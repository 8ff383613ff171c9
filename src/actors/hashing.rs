//! How passwords are hashed: Argon2id, 19 MiB, two passes, one lane. Source: the OWASP Password
//! Storage Cheat Sheet, section on Argon2id.
//!
//! The memory is kept from one password to the next, until none came for a while ([`Spare`]). Taken
//! from the system and given back each time, it would have to be mapped page by page, and while that
//! is done other threads of the shop stand still: a page that is asked for meanwhile came ten times
//! as late.

use super::password::Password;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// How long memory is kept for the next password.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// The memory that no password is being hashed in, for whichever thread is next. Cheap to clone.
#[derive(Clone, Default)]
pub struct Spare(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    scratches: Mutex<Vec<Scratch>>,
    uses: AtomicU64,
    /// Whether somebody waits for it to become idle.
    is_watched: AtomicBool,
}

impl Spare {
    /// Works in memory that was used before, or in new where all is in use. After a panic that
    /// memory is gone.
    pub fn lend<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.scratches().pop().unwrap_or_default();
        let done = work(&mut scratch);
        self.scratches().push(scratch);
        done
    }

    /// A password was hashed: gives the memory back once no other has come for a while.
    pub fn forget_when_idle(&self) {
        self.0.uses.fetch_add(1, Ordering::AcqRel);
        if self.0.is_watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let spare = self.clone();
        tokio::spawn(async move { spare.watch(|| tokio::time::sleep(KEPT_FOR)).await });
    }

    /// Until none came for the length of a `pause`.
    async fn watch<P: Future<Output = ()>>(&self, mut pause: impl FnMut() -> P) {
        loop {
            let before = self.0.uses.load(Ordering::Acquire);
            pause().await;
            if self.0.uses.load(Ordering::Acquire) == before {
                self.0.is_watched.store(false, Ordering::Release);
                return self.scratches().clear();
            }
        }
    }

    fn scratches(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.0.scratches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordVerifier;

    fn password(text: &str) -> Password {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn memory_is_kept_for_the_next_password_and_given_back_when_none_comes() {
        let spare = Spare::default();
        let hash = || spare.lend(|scratch| scratch.hash(&password("correct horse"))).unwrap();
        let blocks =
            || -> Vec<usize> { spare.scratches().iter().map(|scratch| scratch.0.len()).collect() };
        hash();
        let mut pauses = 0;
        let pause = || {
            pauses += 1;
            assert_eq!(blocks(), [KIB as usize], "it is there until a pause is over");
            if pauses < 3 {
                hash();
                spare.0.uses.fetch_add(1, Ordering::AcqRel);
            }
            std::future::ready(())
        };
        spare.watch(pause).await;
        assert_eq!((pauses, blocks()), (3, vec![]));
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
