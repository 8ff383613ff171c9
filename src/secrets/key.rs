//! A key: 32 bytes that are never printed and wiped when dropped.

use super::aead;
use std::fmt::{self, Write};
use std::str::FromStr;
use zeroize::Zeroizing;

/// How many bytes a key has.
const BYTES: usize = 32;

/// A key of any kind.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; BYTES]>);

impl Secret {
    pub fn random() -> Secret {
        Secret(Zeroizing::new(rand::random()))
    }

    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// This key, sealed with another one.
    pub fn wrapped(&self, with: &Secret, context: &[u8]) -> Vec<u8> {
        aead::seal(with, context, self.as_bytes())
    }

    pub fn unwrapped(
        sealed: &[u8],
        with: &Secret,
        context: &[u8],
    ) -> Result<Secret, aead::OpenError> {
        let plain = aead::open(with, context, sealed)?;
        let bytes = plain.as_slice().try_into().map_err(|_| aead::OpenError::Damaged)?;
        Ok(Secret(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key that everything else hangs on. It lies outside of the data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopKey(pub(super) Secret);

/// A text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct MalformedKey;

impl ShopKey {
    pub fn random() -> ShopKey {
        ShopKey(Secret::random())
    }

    pub fn from_bytes(bytes: [u8; BYTES]) -> ShopKey {
        ShopKey(Secret(Zeroizing::new(bytes)))
    }

    /// The key as it stands in its file: 64 hexadecimal digits.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * BYTES + 1));
        for byte in self.0.as_bytes() {
            write!(text, "{byte:02x}").expect("a string takes every write");
        }
        text
    }
}

impl FromStr for ShopKey {
    type Err = MalformedKey;

    /// Blanks around it do not matter.
    fn from_str(text: &str) -> Result<ShopKey, MalformedKey> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * BYTES {
            return Err(MalformedKey);
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(MalformedKey);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(ShopKey(Secret(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_never_printed() {
        let key = ShopKey::from_bytes([0xab; 32]);
        assert_eq!(*key.text(), "ab".repeat(32));
        assert_eq!(format!(" {}\n", *key.text()).parse(), Ok(key.clone()));
        assert_eq!("AB".repeat(32).parse(), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "ShopKey(Secret(…))");
        for bad in ["", "ab", &"ab".repeat(33), &"xy".repeat(32), &"é".repeat(32)] {
            assert_eq!(bad.parse::<ShopKey>(), Err(MalformedKey), "{bad:?}");
        }
    }
}
