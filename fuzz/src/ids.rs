//! Names: ids in paths, SKUs, handles, currencies, times. What is taken prints as it was written.

use mercat::domain::catalog::{handle_from, is_handle};
use mercat::domain::{
    AddressId, ApiKeyId, CartId, Currency, CustomerId, ImportId, InvitationId, MailId, OrderId,
    PaymentId, ProductId, RefundId, Sku, StaffId,
};
use mercat::http::json::{time_from_text, time_text};
use std::fmt::Display;
use std::str::FromStr;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same::<CartId>(text);
    same::<OrderId>(text);
    same::<PaymentId>(text);
    same::<RefundId>(text);
    same::<ImportId>(text);
    same::<StaffId>(text);
    same::<ApiKeyId>(text);
    same::<InvitationId>(text);
    same::<CustomerId>(text);
    same::<MailId>(text);
    same::<AddressId>(text);
    same::<ProductId>(text);
    same::<Sku>(text);
    if let Some(currency) = Currency::from_code(text) {
        assert_eq!(currency.code(), text);
        assert!(currency.exponent() <= 4);
    }
    let handle = handle_from(text);
    assert!(handle.is_empty() || is_handle(&handle), "{handle:?}");
    if is_handle(&handle) {
        assert_eq!(handle_from(&handle), handle, "what was made a handle stays as it is");
    }
    if let Some(at) = time_from_text(text) {
        assert_eq!(time_from_text(&time_text(at)), Some(at));
    }
}

fn same<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(id) = text.parse::<T>() else { return };
    assert_eq!(id.to_string(), text);
}
