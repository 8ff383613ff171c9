//! What is carried about and may not be read on the way.

use std::fmt;

/// Personal data, or a secret, in a form that nobody can read without its key. To the rules of the
/// shop it is opaque: whoever needs what is inside asks for it to be opened.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes that were sealed; nothing here can check that.
    pub fn from_bytes(bytes: Vec<u8>) -> Sealed {
        Sealed(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A fingerprint that tells two of them apart, and no more.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.0.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        write!(f, "Sealed({} bytes, {sum:016x})", self.0.len())
    }
}
