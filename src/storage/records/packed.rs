//! Text of answers, packed: LZ4 against a text that both sides know.
//!
//! What is kept under an idempotency key is the whole answer, mostly an order in JSON, and was more
//! than half of all bytes that a checkout writes. Its names are the same every time, so that with
//! them known beforehand a third of it remains.
//!
//! `packed.dict` is part of the stored form: another text is another version of the record. It is
//! never touched, not even where names in it are no longer used; whatever it does not know is stored
//! all the same, only longer.

use super::super::codec::{MOST_BYTES, Stored, ValueError};
use super::value::BytesV1;
use lz4_flex::block::{compress_with_dict, decompress_into_with_dict};
use serde::{Deserialize, Serialize};

const KNOWN: &[u8] = include_bytes!("packed.dict");

/// A text that is stored packed and by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedText(pub Vec<u8>);

impl Stored for PackedText {
    const NAME: &'static str = "packed text";
    const VERSION: u8 = 1;
    type Latest<'a> = PackedV1<'a>;
}

impl From<&PackedText> for PackedV1<'_> {
    fn from(text: &PackedText) -> Self {
        PackedV1::pack(&text.0)
    }
}

impl TryFrom<PackedV1<'_>> for PackedText {
    type Error = ValueError;

    fn try_from(stored: PackedV1<'_>) -> Result<PackedText, ValueError> {
        stored.unpack().map(PackedText)
    }
}

/// Bytes in their packed form, and how many they are unpacked.
#[derive(Debug, Serialize, Deserialize)]
pub struct PackedV1<'a> {
    length: u32,
    #[serde(borrow)]
    packed: BytesV1<'a>,
}

impl PackedV1<'_> {
    pub fn pack(plain: &[u8]) -> PackedV1<'static> {
        let length = u32::try_from(plain.len()).expect("answers are far below 4 GB");
        let packed = BytesV1::from(compress_with_dict(plain, KNOWN));
        PackedV1 { length, packed }
    }

    pub fn unpack(&self) -> Result<Vec<u8>, ValueError> {
        const DAMAGED: ValueError = ValueError("packed text");
        let length = self.length as usize;
        if length > MOST_BYTES {
            return Err(DAMAGED);
        }
        let mut plain = vec![0; length];
        match decompress_into_with_dict(self.packed.as_slice(), &mut plain, KNOWN) {
            Ok(written) if written == length => Ok(plain),
            Ok(_) | Err(_) => Err(DAMAGED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_order_takes_a_third_of_its_text() {
        let order = br#"{"orderId":"order-01jd0000000000000000000001","number":1001,"status":"paid","paymentStatus":"captured","fulfillmentStatus":"unfulfilled","email":"ada@example.com","currency":"USD","items":[{"sku":"MUG-BLUE","productId":"prod-mug","name":"Mug","title":"Blue","quantity":2,"unitPrice":9.99,"subtotal":19.98,"discount":0,"tax":1.6,"total":21.58}],"subtotal":19.98,"discountTotal":0,"shippingTotal":5,"taxTotal":1.6,"total":26.58,"pricesIncludeTax":false,"refundedTotal":0,"shippingAddress":{"name":"Ada","line1":"12 St James's Square","line2":null,"city":"Portland","region":"OR","postalCode":"97201","country":"US","phone":null},"billingAddress":{"name":"Ada","line1":"12 St James's Square","line2":null,"city":"Portland","region":"OR","postalCode":"97201","country":"US","phone":null},"shippingOption":{"id":"standard","name":"Standard","price":5,"currency":"USD","minDays":2,"maxDays":5},"note":null,"payment":{"paymentId":"pay-01jd0000000000000000000002","provider":"test","status":"captured","amount":26.58,"currency":"USD","nextAction":null,"failureReason":null},"payments":[{"paymentId":"pay-01jd0000000000000000000002","provider":"test","status":"captured","amount":26.58,"currency":"USD","nextAction":null,"failureReason":null}],"fulfillments":[],"refunds":[],"cancelReason":null,"expiresAt":null,"createdAt":"2026-10-26T10:00:00Z","updatedAt":"2026-10-26T10:00:00Z"}"#;
        let packed = PackedV1::pack(order);
        assert_eq!(packed.unpack().unwrap(), order);
        let share = packed.packed.as_slice().len() * 100 / order.len();
        assert!(share < 34, "{share} % of it");
    }

    #[test]
    fn a_damaged_text_is_no_text() {
        let whole = PackedV1::pack(b"{\"orderId\":\"order-1\"}");
        for length in [0, whole.length - 1, whole.length + 1, u32::MAX] {
            let packed = BytesV1::from(whole.packed.as_slice());
            assert!(PackedV1 { length, packed }.unpack().is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(plain: Vec<u8>, times in 0usize..40) {
            let plain = plain.repeat(times);
            prop_assert_eq!(PackedV1::pack(&plain).unpack().unwrap(), plain);
        }

        #[test]
        fn any_bytes_can_be_tried(packed: Vec<u8>, length in 0u32..10_000) {
            let packed = BytesV1::from(packed);
            let _ = PackedV1 { length, packed }.unpack();
        }
    }
}
