//! Keys: the shop's own, which lies outside of the data file, and one for every person.
//!
//! What the shop must be able to read again (the seed of a second factor, a mail server's password)
//! is sealed for the shop. What it knows of a person is sealed under that person's key, in rows, in
//! the log and in kept answers alike. To forget somebody is to destroy one key: the log stays as it
//! was written, and nobody can read of them in it, nor in a copy of the file whose shop key is gone.
//!
//! ```text
//! shop key (mercat.key, MERCAT_KEY, MERCAT_KEY_FILE)
//!   ├── seals the ring of data keys (`meta`), and those what the shop keeps secret
//!   └── seals each person's key (`people.v1`), and that what is known of them
//! ```
//!
//! Sealed means XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a random nonce of 192 bits,
//! with the context in which it was sealed as associated data: what was sealed as one thing does not
//! open as another. Passwords and tokens of callers are absent on purpose: they are only ever kept
//! as hashes.

mod aead;
mod key;
mod key_file;
mod order_link;
mod people;
mod rotation;
mod vault;

pub use aead::{OpenError, Plain};
pub use key::{MalformedKey, ShopKey};
pub use key_file::{FILE_NAME, KeyFile, KeySource};
pub use rotation::{Rotated, rotate};
pub use vault::{Forgotten, Vault, forgotten};

#[cfg(test)]
mod tests;

use crate::storage::StoreError;
use std::io;
use std::path::PathBuf;

/// Why a shop's secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key file {} cannot be used", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "others can read the key file {} (mode {mode:03o}): take that away with chmod 600, and rotate the key if somebody may have read it",
        .path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{what} holds no key: {source}")]
    Malformed {
        what: String,
        #[source]
        source: MalformedKey,
    },
    #[error(
        "the key file {} is not there, and the shop's data are sealed with it: put it back, or name it in MERCAT_KEY_FILE",
        .path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "the shop's data were sealed with another key than that of {what}: start it with the key that belongs to this data folder"
    )]
    OtherKey { what: String },
    #[error("MERCAT_KEY and MERCAT_KEY_FILE are both set: keep one of them")]
    GivenTwice,
    #[error(
        "the key is given in MERCAT_KEY, which cannot be changed from here: write it to a file that you alone can read, name that in MERCAT_KEY_FILE, and rotate it there"
    )]
    NotInAFile,
    #[error("a stored key is damaged: {what}")]
    Damaged { what: String },
}
