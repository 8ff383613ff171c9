//! The key in the link to an order's page: whoever has the link may see the order, and nobody can make
//! up a link.
//!
//! It follows from the order's id and the shop's first data key by HMAC-SHA-256 (RFC 2104), through a
//! key for this purpose alone, so that nothing has to be kept for it and a mail from years ago still leads
//! there. A new key of the shop changes no link: the data key that they follow from is sealed anew.

use super::vault::Vault;
use crate::domain::OrderId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;
use subtle::ConstantTimeEq;

/// What the key in between is for.
const PURPOSE: &[u8] = b"mercat order link 1";

/// How much of the hash a link shows: 128 bits.
const BYTES: usize = 16;

impl Vault {
    /// What the link to an order's page shows.
    pub fn order_key(&self, order: OrderId) -> String {
        let key = hmac(&hmac(self.first_key().as_bytes(), PURPOSE), order.as_bytes());
        key[..BYTES].iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether a link shows the key of this order. It takes as long whatever is shown.
    pub fn opens_order(&self, order: OrderId, shown: &str) -> bool {
        self.order_key(order).as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut hmac =
        Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is taken (RFC 2104)");
    hmac.update(text);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::ShopKey;
    use crate::storage::memory::MemoryStore;

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        // Test case 2.
        let expected = [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e];
        assert_eq!(hmac(b"Jefe", b"what do ya want for nothing?")[..8], expected);
    }

    #[test]
    fn a_key_opens_one_order_of_one_shop() {
        let shop = || Vault::with_key(&MemoryStore::new(), ShopKey::random()).unwrap();
        let (vault, other) = (shop(), shop());
        let (mine, theirs) = (OrderId::from_bytes([1; 16]), OrderId::from_bytes([2; 16]));
        let key = vault.order_key(mine);
        assert_eq!((key.len(), &key), (32, &vault.order_key(mine)));
        assert!(vault.opens_order(mine, &key));
        assert!(!vault.opens_order(theirs, &key) && !other.opens_order(mine, &key));
        for bad in ["", &key[1..], &key.to_uppercase(), &format!("{key}0")] {
            assert!(!vault.opens_order(mine, bad), "{bad}");
        }
    }
}
