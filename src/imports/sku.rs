//! SKUs for variants that come without one.
//!
//! Stock is counted under the SKU, so the same variant must get the same one on every run and in
//! every order of rows. It is therefore a function of the handle and the option values alone:
//! `mug.large.blue`, readable and safe in an address. A handle has no dot, so two products
//! never make the same one. Where the readable form would lose something (`+1.5` and `-1.5` both
//! read `1-5`) or be too long, a hash of the exact values is added.

use crate::domain::Sku;
use crate::domain::catalog::handle_from;
use sha2::{Digest, Sha256};

/// Characters that a SKU may have.
const MOST_CHARS: usize = 64;
/// Bytes of the hash that are shown, two characters each.
const HASH_BYTES: usize = 6;

/// Whether a SKU is made with the hash though its readable form loses nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    WhereNeeded,
    /// For values that differ in case alone, such as `XL` and `xl`.
    Always,
}

/// The SKU of the variant of `handle` with these option values (none for a product without).
pub(super) fn make(handle: &str, values: &[String], hash: Hash) -> Sku {
    let mut readable = handle.to_owned();
    let mut exact = true;
    for value in values {
        let slug = handle_from(value);
        exact &= slug == value.to_lowercase().replace(' ', "-");
        readable.push('.');
        readable.push_str(&slug);
    }
    if !exact || hash == Hash::Always || readable.chars().count() > MOST_CHARS {
        let room = MOST_CHARS - 1 - 2 * HASH_BYTES;
        let short: String = readable.chars().take(room).collect();
        readable = format!("{}-{}", short.trim_end_matches(['-', '.']), digest(handle, values));
    }
    readable.parse().expect("letters, digits, dots and hyphens within the bound are a SKU")
}

/// The SKU of a variant that came without one; a product without options has no values.
pub fn sku_for(handle: &str, values: &[String]) -> Sku {
    make(handle, values, Hash::WhereNeeded)
}

/// The first characters of a hash over the handle and the values, each behind its length.
fn digest(handle: &str, values: &[String]) -> String {
    let mut hasher = Sha256::new();
    for part in std::iter::once(handle).chain(values.iter().map(String::as_str)) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(handle: &str, values: &[&str]) -> String {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        make(handle, &values, Hash::WhereNeeded).to_string()
    }

    #[test]
    fn a_sku_reads_as_its_product_and_choice() {
        assert_eq!(made("mug", &[]), "mug");
        assert_eq!(made("mug", &["Large", "Ocean Blue"]), "mug.large.ocean-blue");
    }

    /// These are stored in shops: a change here would count known stock under new names.
    #[test]
    fn the_same_variant_has_the_same_sku_in_every_version() {
        assert_eq!(made("glasses", &["+1.5"]), "glasses.1-5-e7121c5ce8af");
        assert_eq!(made("glasses", &["-1.5"]), "glasses.1-5-7c88993df2ec");
        assert_eq!(
            made(&"long-".repeat(20), &["M"]),
            "long-long-long-long-long-long-long-long-long-long-l-8158e332347e"
        );
    }

    proptest! {
        #[test]
        fn any_values_make_a_sku(handle in "[a-zé0-9]{1,90}", values in prop::collection::vec(any::<String>(), 0..4)) {
            let sku = make(&handle, &values, Hash::WhereNeeded);
            prop_assert!(sku.as_str().chars().count() <= 64);
        }

        #[test]
        fn different_choices_have_different_skus(
            a in prop::collection::vec("[abA+ ./-]{1,4}", 1..3),
            b in prop::collection::vec("[abA+ ./-]{1,4}", 1..3),
        ) {
            prop_assume!(a != b);
            let differ = |hash| make("mug", &a, hash) != make("mug", &b, hash);
            prop_assert!(differ(Hash::Always));
            let same_letters = |text: &[String]| text.join("\0").to_lowercase().replace(' ', "-");
            prop_assert!(differ(Hash::WhereNeeded) || same_letters(&a) == same_letters(&b));
        }
    }
}
