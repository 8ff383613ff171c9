//! Names of things: ids are types, print with a prefix and parse back.
//!
//! Ids that the shop makes are time-ordered (48 bits of milliseconds first), so that rows written
//! together lie together on disk. A cart's id is its guest's key and carries 128 random bits.
//! Randomness comes in as bytes; nothing here asks for it.

use super::time::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct IdError {
    pub kind: &'static str,
}

/// Douglas Crockford's base 32, in lower case: no letter is mistaken for a digit, and text sorts as
/// the bytes do.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(bytes: &[u8], out: &mut String) {
    let (mut buffer, mut bits) = (0u32, 0u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(ALPHABET[(buffer >> bits & 31) as usize] as char);
        }
    }
    if bits > 0 {
        out.push(ALPHABET[(buffer << (5 - bits) & 31) as usize] as char);
    }
}

/// Fills `out` from `text`; `None` unless the text is the one spelling of exactly that many bytes.
fn decode(text: &str, out: &mut [u8]) -> Option<()> {
    if text.len() != (out.len() * 8).div_ceil(5) {
        return None;
    }
    let (mut buffer, mut bits, mut at) = (0u32, 0u32, 0usize);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|&letter| letter == byte)? as u32;
        buffer = (buffer << 5) | value;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(at)? = (buffer >> bits & 255) as u8;
            at += 1;
        }
        buffer &= (1 << bits) - 1;
    }
    (at == out.len() && buffer == 0).then_some(())
}

/// Defines one id type: its prefix, how many bytes it has, and what it names.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            pub const PREFIX: &str = $prefix;
            pub const BYTES: usize = $bytes;
            /// How many bytes follow the six of the time.
            pub const RANDOM_BYTES: usize = $bytes - 6;

            /// The id of something made at `at`; `random` must be fresh.
            pub fn new(at: Timestamp, random: [u8; $bytes - 6]) -> $name {
                let mut bytes = [0; $bytes];
                bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
                bytes[6..].copy_from_slice(&random);
                $name(bytes)
            }

            pub const fn from_bytes(bytes: [u8; $bytes]) -> $name {
                $name(bytes)
            }

            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// When the thing was made, as its id says.
            pub fn made_at(&self) -> Timestamp {
                let mut millis = [0; 8];
                millis[2..].copy_from_slice(&self.0[..6]);
                Timestamp::from_millis(i64::from_be_bytes(millis))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = String::with_capacity($prefix.len() + $bytes * 8 / 5 + 1);
                text.push_str($prefix);
                encode(&self.0, &mut text);
                f.write_str(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<$name, IdError> {
                let mut bytes = [0; $bytes];
                text.strip_prefix($prefix)
                    .and_then(|rest| decode(rest, &mut bytes))
                    .map(|()| $name(bytes))
                    .ok_or(IdError { kind: stringify!($name) })
            }
        }
    };
}

id!(
    /// A cart, and the key of the guest who fills it: whoever knows it may use it.
    CartId, "cart-", 22
);
id!(
    /// An order.
    OrderId, "order-", 16
);
id!(
    /// One payment of an order; also the key under which the provider is asked about it.
    PaymentId, "pay-", 16
);
id!(
    /// One refund; also its idempotency key at the provider.
    RefundId, "ref-", 16
);
id!(
    /// One run of a product import.
    ImportId, "imp-", 16
);
id!(
    /// A member of staff.
    StaffId, "staff-", 16
);
id!(
    /// A key with which a program asks.
    ApiKeyId, "key-", 16
);
id!(
    /// One login, by the name that its tokens share; all of it is random.
    SessionId, "sess-", 16
);
id!(
    /// An invitation to become a member of staff.
    InvitationId, "inv-", 16
);
id!(
    /// A customer: somebody with an account.
    CustomerId, "cus-", 16
);
id!(
    /// One mail that must be sent.
    MailId, "mail-", 16
);
id!(
    /// One address in a customer's address book.
    AddressId, "addr-", 16
);
id!(
    /// Somebody of whom the shop knows something. What that is, is sealed under a key of their own;
    /// when it is destroyed, all of it is gone, wherever it was written.
    PersonId, "person-", 16
);

/// A product. Ids brought along by an import, such as `prod-123`, are kept as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(Arc<str>);

impl ProductId {
    pub const PREFIX: &str = "prod-";

    pub fn new(at: Timestamp, random: [u8; 10]) -> ProductId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        let mut text = String::from(Self::PREFIX);
        encode(&bytes, &mut text);
        ProductId(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProductId {
    type Err = IdError;

    /// Takes `prod-` and 1 to 64 letters, digits, `-`, `_` or `.`: what is safe in a path.
    fn from_str(text: &str) -> Result<ProductId, IdError> {
        let rest = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if rest.is_empty() || rest.len() > 64 || !rest.chars().all(safe) {
            return Err(IdError { kind: "ProductId" });
        }
        Ok(ProductId(text.into()))
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The merchant's own code for one variant, under which its stock is counted: 1 to 64 printable
/// characters without leading or trailing blanks, matched exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sku(Arc<str>);

impl Sku {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Sku, IdError> {
        let length = text.chars().count();
        if length == 0 || length > 64 || text.trim() != text || text.chars().any(char::is_control) {
            return Err(IdError { kind: "SKU" });
        }
        Ok(Sku(text.into()))
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// The place of an event in the shop's one global order, from 1, without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt-{:013}", self.0)
    }
}

impl FromStr for Seq {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Seq, IdError> {
        let digits = text.strip_prefix("evt-").filter(|rest| rest.len() == 13);
        digits
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|rest| rest.parse().ok())
            .map(Seq)
            .ok_or(IdError { kind: "event" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_parse_back_and_sort_by_time(early in 0i64..1 << 40, later in 1i64..1 << 40, a: [u8; 16], b: [u8; 16]) {
            let first = CartId::new(Timestamp::from_millis(early), a);
            let second = CartId::new(Timestamp::from_millis(early + later), b);
            prop_assert_eq!(first.to_string().parse::<CartId>().unwrap(), first);
            prop_assert!(first < second && first.to_string() < second.to_string());
            prop_assert_eq!(first.made_at().as_millis(), early);
        }

        #[test]
        fn no_text_makes_an_id_that_prints_otherwise(text in "(cart-|order-)?[0-9a-zA-Z]{0,40}") {
            if let Ok(id) = text.parse::<CartId>() {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Ok(id) = text.parse::<OrderId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_sku_is_the_merchants_own_string() {
        assert!("SMX-128 ½\" / röd".parse::<Sku>().is_ok());
        for bad in ["", " a", "a ", "a\nb", &"x".repeat(65)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn imported_product_ids_are_taken() {
        assert_eq!("prod-123".parse::<ProductId>().unwrap().as_str(), "prod-123");
        for bad in ["prod-", "123", "prod-a/b", "prod-a b"] {
            assert!(bad.parse::<ProductId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_event_id_is_its_place_in_the_log() {
        assert_eq!("evt-0000000000042".parse::<Seq>(), Ok(Seq(42)));
        assert_eq!(Seq(42).to_string(), "evt-0000000000042");
        assert!("evt-42".parse::<Seq>().is_err());
    }
}
