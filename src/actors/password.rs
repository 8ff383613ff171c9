//! Passwords in clear text, for as long as it takes to hash them.

use icu_normalizer::ComposingNormalizerBorrowed;
use std::fmt;
use std::mem;

/// A password in clear text: never printed, and overwritten as soon as it is dropped. Always in the
/// one form in which the same password, typed on another keyboard, has the same bytes: other spaces
/// are spaces, and accents are composed (RFC 8265, section 4.2.2, the profile `OpaqueString`).
pub struct Password(String);

impl Password {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Password {
        // Overwritten too when it is dropped.
        let mut typed = Password(typed);
        if typed.0.chars().any(is_other_space) {
            let spaced = typed.0.chars().map(|c| if is_other_space(c) { ' ' } else { c }).collect();
            typed = Password(spaced);
        }
        let composer = ComposingNormalizerBorrowed::new_nfc();
        if composer.is_normalized(&typed.0) {
            return typed;
        }
        Password(composer.normalize(&typed.0).into_owned())
    }
}

/// The spaces beside the one of ASCII (Unicode, general category Zs).
fn is_other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        let mut bytes = mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        // Without a reader the compiler may leave the writes out.
        std::hint::black_box(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 8265, section 4.3, and an accent in two forms.
    #[test]
    fn a_password_is_the_same_on_every_keyboard() {
        let form = |typed: &str| Password::from(typed.to_owned()).as_str().to_owned();
        assert_eq!(form("foo\u{1680}bar"), "foo bar");
        assert_eq!(form("correct\u{a0}horse"), "correct horse");
        assert_eq!(form("pa\u{308}sse"), "p\u{e4}sse");
        for as_it_is in
            ["correct horse battery staple", "Correct Horse Battery Staple", "πßå", "\u{fb01}"]
        {
            assert_eq!(form(as_it_is), as_it_is);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::from(String::from("hush"))), "Password(..)");
    }
}
