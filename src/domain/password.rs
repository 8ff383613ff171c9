//! What makes a password that may be chosen. What it is checked against when somebody logs in is a
//! matter of hashes, and not of this file.
//!
//! Length is what counts; rules on kinds of characters are absent on purpose, for they make
//! passwords worse (NIST SP 800-63B, section 5.1.1.2). What thousands of others have chosen too is
//! refused, with the usual decorations: other case, digits and signs around it, figures for letters.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// The fewest and the most characters of a password (NIST SP 800-63B, section 5.1.1.2, asks for at
/// least 8 and to allow at least 64).
pub const LENGTH: RangeInclusive<usize> = 8..=128;

/// Words that passwords are made of far too often, in lower case, one a line.
const COMMON: &str = include_str!("../../data/common-passwords.txt");

static COMMON_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());

/// Rows of keys that fingers run along, and the sequences everybody knows.
const RUNS: [&str; 10] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiopü",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];

/// How many characters around a common word do not make it a rarer one.
const MOST_DECORATION: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRejection {
    #[error("a password has {} to {} characters", LENGTH.start(), LENGTH.end())]
    Length,
    #[error("a password has no control characters")]
    ControlCharacter,
    #[error(
        "this password is one of the first that anybody would try; choose a longer or rarer one"
    )]
    Common,
    #[error("this password is made of the e-mail address; choose another one")]
    Address,
}

/// Whether `password` may be chosen by whoever has this e-mail address. It must be normalised, for
/// its characters are counted.
pub fn check(password: &str, email: &str) -> Result<(), PasswordRejection> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(PasswordRejection::Length);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordRejection::ControlCharacter);
    }
    let lower = password.to_lowercase();
    if is_common(&lower) {
        return Err(PasswordRejection::Common);
    }
    let local = email.split('@').next().unwrap_or_default();
    let bare = bare(&lower);
    if lower == email || (!local.is_empty() && (lower == local || bare == local)) {
        return Err(PasswordRejection::Address);
    }
    Ok(())
}

fn is_common(lower: &str) -> bool {
    let word = bare(lower);
    COMMON_WORDS.contains(lower)
        || COMMON_WORDS.contains(word)
        || COMMON_WORDS.contains(&*plain(lower))
        || COMMON_WORDS.contains(&*plain(word))
        || COMMON_WORDS.contains(bare(&plain(lower)))
        || is_one_piece_again_and_again(lower)
        || is_run(lower)
}

/// Without the few digits and signs before and after it; with many, it is no mere decoration.
fn bare(word: &str) -> &str {
    let bare = word.trim_matches(|c: char| !c.is_alphabetic());
    let taken = word.chars().count() - bare.chars().count();
    if taken <= MOST_DECORATION { bare } else { word }
}

/// With letters for the figures that stand for them.
fn plain(word: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    word.chars().map(letter).collect()
}

/// `aaaaaaaa`, `12121212`, `abcabcabc`: up to four characters, again and again.
fn is_one_piece_again_and_again(word: &str) -> bool {
    let characters: Vec<char> = word.chars().collect();
    (1..=4).any(|length| characters.iter().zip(&characters[length..]).all(|(a, b)| a == b))
}

/// Nothing but parts of known rows, forwards or backwards, of at least three characters each.
fn is_run(word: &str) -> bool {
    let mut rest: Vec<char> = word.chars().collect();
    while !rest.is_empty() {
        let longest = (3..=rest.len()).rev().find(|length| {
            let part: String = rest[..*length].iter().collect();
            let back: String = rest[..*length].iter().rev().collect();
            RUNS.iter().any(|row| row.contains(&part) || row.contains(&back))
        });
        let Some(length) = longest else { return false };
        rest.drain(..length);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "ada.lovelace@example.com";

    fn refused(password: &str) -> Option<PasswordRejection> {
        check(password, EMAIL).err()
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(refused("seven77"), Some(PasswordRejection::Length));
        assert_eq!(refused("äöüßéèñ"), Some(PasswordRejection::Length), "14 bytes, 7 characters");
        assert_eq!(refused("äöüßéèñç"), None);
        let long: String = "correct horse battery ".chars().cycle().take(128).collect();
        assert_eq!(refused(&long), None);
        assert_eq!(refused(&format!("{long}x")), Some(PasswordRejection::Length));
        assert_eq!(refused("two\nlines here"), Some(PasswordRejection::ControlCharacter));
    }

    #[test]
    fn what_everybody_chooses_is_refused_however_it_is_decorated() {
        for common in [
            "password",
            "Password",
            "PASSWORD1",
            "password123!",
            "p@ssw0rd",
            "P455w0rd!!",
            "iloveyou",
            "ILoveYou2",
            "12345678",
            "123456789",
            "87654321",
            "qwertyuiop",
            "qwerty123",
            "1q2w3e4r",
            "1qaz2wsx",
            "abcdefgh",
            "abc12345",
            "aaaaaaaa",
            "abababab",
            "xyzxyzxyz",
            "asdfghjkl",
            "zxcvbnm123",
            "letmein!!",
            "football1",
            "sunshine",
            "Princess99",
        ] {
            assert_eq!(refused(common), Some(PasswordRejection::Common), "{common}");
        }
    }

    #[test]
    fn what_nobody_would_guess_first_is_taken_whatever_it_is_made_of() {
        for good in [
            "correct horse",
            "correct horse battery staple",
            "8!4$rose#9?2&",
            "kettle-of-fish",
            "jw4!kQz9",
            "ノートパソコンを買う",
            "demo-staff-passwords",
            "abcdefg and more",
            "my passwords are long",
        ] {
            assert_eq!(refused(good), None, "{good}");
        }
    }

    #[test]
    fn an_address_is_no_password_for_itself() {
        for own in [EMAIL, "Ada.Lovelace@Example.com", "ada.lovelace", "Ada.Lovelace1815"] {
            assert_eq!(refused(own), Some(PasswordRejection::Address), "{own}");
        }
        assert_eq!(check("ada.lovelace", "eve@example.com"), Ok(()));
    }

    #[test]
    fn the_list_is_in_the_form_in_which_it_is_looked_up() {
        for word in COMMON.lines() {
            assert!(!word.is_empty() && word == word.trim(), "{word:?}");
            assert_eq!(word, word.to_lowercase());
        }
        assert_eq!(COMMON.lines().count(), COMMON_WORDS.len(), "none twice");
        assert!(COMMON_WORDS.len() > 300);
    }
}
