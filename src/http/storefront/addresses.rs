//! Where everything in the shop is found: the one place that knows the form of its addresses.
//!
//! Handles may be of any script (`tisch-größe-l`), so they are percent-encoded.

use crate::domain::{OrderId, Sku};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in any part of an address (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one part of a path or a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn below(place: &str, handle: &str) -> String {
    format!("{place}{}", encoded(handle))
}

pub fn product(handle: &str) -> String {
    below("/p/", handle)
}

/// A product's page on which this variant is chosen.
pub fn variant(handle: &str, sku: &Sku) -> String {
    below(&format!("{}?variant=", product(handle)), sku.as_str())
}

pub fn category(handle: &str) -> String {
    below("/c/", handle)
}

pub fn collection(handle: &str) -> String {
    below("/collections/", handle)
}

pub fn text_page(handle: &str) -> String {
    below("/pages/", handle)
}

/// An order's page, for whoever has its key.
pub fn order(id: OrderId, key: &str) -> String {
    format!("/orders/{id}?key={key}")
}

/// The same, right after it was placed.
pub fn placed(id: OrderId, key: &str) -> String {
    format!("{}&placed=1", order(id, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_handle_or_a_sku_is_made_of_stays_in_its_place() {
        assert_eq!(product("oak-table-2"), "/p/oak-table-2");
        assert_eq!(category("größe"), "/c/gr%C3%B6%C3%9Fe");
        let sku = "A/B?&#1".parse().unwrap();
        assert_eq!(variant("mug", &sku), "/p/mug?variant=A%2FB%3F%26%231");
    }
}
