//! Bearer tokens: 256 random bits as text, of which the shop itself keeps only a hash.

use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// Makes a token known at sight, to people and to scanners that look for leaked ones.
const PREFIX: &str = "mct_";

/// A token in clear text; whoever has it is its holder.
pub struct Token(String);

/// The SHA-256 of a token's text. Unlike a password, a token is too random to be guessed from it.
pub(super) type TokenHash = [u8; 32];

impl Token {
    /// `random` must be fresh.
    pub(super) fn new(random: [u8; 32]) -> Token {
        let mut text = String::with_capacity(PREFIX.len() + 64);
        text.push_str(PREFIX);
        for byte in random {
            let _ = write!(text, "{byte:02x}");
        }
        Token(text)
    }

    /// A token that was sealed and opened again.
    pub(super) fn from_text(text: &str) -> Token {
        Token(text.to_owned())
    }

    pub(super) fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The text, to be handed to its holder once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The hash of what somebody says is a token; `None` if it cannot be one.
pub(super) fn hash_of(text: &str) -> Option<TokenHash> {
    let is_possible = text.starts_with(PREFIX) && text.len() == PREFIX.len() + 64;
    is_possible.then(|| Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_alone_and_never_printed() {
        let token = Token::new([7; 32]);
        assert_eq!(token.expose(), format!("mct_{}", "07".repeat(32)));
        assert_eq!(hash_of(token.expose()), Some(token.hash()));
        assert_ne!(token.hash(), Token::new([8; 32]).hash());
        assert_eq!(format!("{token:?}"), "Token(..)");
        for bad in ["", "mct_", &"0".repeat(68), &format!("mct_{}", "0".repeat(65))] {
            assert_eq!(hash_of(bad), None, "{bad:?}");
        }
    }
}
