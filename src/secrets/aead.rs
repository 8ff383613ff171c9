//! Sealing and opening with one key.

use super::key::Secret;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// What was sealed. The memory is wiped when it is dropped.
pub type Plain = Zeroizing<Vec<u8>>;

/// The form of sealed bytes: this byte, the nonce, what was sealed, and the tag.
const FORM: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const BEFORE: usize = 1 + NONCE_BYTES;

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Their key was destroyed, or never was.
    #[error("the person was forgotten")]
    Forgotten,
    #[error("sealed bytes are damaged, or of another key or context")]
    Damaged,
}

/// Seals `plain` for `context`. Two seals of the same text have nothing in common.
pub fn seal(key: &Secret, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let mut sealed = Vec::with_capacity(BEFORE + plain.len() + TAG_BYTES);
    sealed.push(FORM);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), context, (&mut sealed[BEFORE..]).into())
        .expect("what is sealed is far shorter than 256 GB");
    sealed.extend_from_slice(&tag);
    sealed
}

/// Gives back what was sealed with this key for this context.
pub fn open(key: &Secret, context: &[u8], sealed: &[u8]) -> Result<Plain, OpenError> {
    let parts = || {
        let (&form, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        (form == FORM).then_some((nonce, text, tag))
    };
    let (nonce, text, tag) = parts().ok_or(OpenError::Damaged)?;
    let mut plain = Zeroizing::new(text.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            context,
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| OpenError::Damaged)?;
    Ok(plain)
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}
