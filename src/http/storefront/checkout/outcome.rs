//! What comes of a try to buy: the API's answer, read as a page needs it.

use super::changes::Short;
use crate::domain::OrderId;
use crate::http::idempotency::IdempotencyKey;
use crate::http::problem::ApiError;
use crate::http::storefront::form::Faults;
use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::future::Future;
use std::time::Duration;

/// How long a cart that another window is buying is waited for, time and again; twice as long each time,
/// so some six seconds in all.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSES: u32 = 7;

/// The largest answer of the API's checkout; an order has 200 lines at most.
const MOST_BYTES: usize = 1 << 20;

/// What came of a try to buy.
pub enum Outcome {
    Placed {
        order: OrderId,
        /// Where the shopper has to go first.
        next: Option<String>,
    },
    Declined,
    /// Not enough is there.
    Short(Vec<Short>),
    Wrong(Faults),
    /// The key was used with something else in the form.
    KeyUsed,
    /// Something is otherwise than it was shown.
    Changed,
    /// Another window is buying it.
    UnderWay,
    Refused(ApiError),
}

/// The API's answer to a checkout, as far as it is shown.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    order_id: String,
    payment: ToldPayment,
    code: String,
    detail: String,
    items: Vec<ToldItem>,
    errors: Vec<ToldFault>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToldPayment {
    next_action: Option<NextAction>,
}

#[derive(Deserialize)]
struct NextAction {
    url: String,
}

#[derive(Deserialize)]
struct ToldFault {
    pointer: String,
    detail: String,
}

/// A line of the order, or one of which there is not enough.
#[derive(Deserialize)]
struct ToldItem {
    sku: String,
    available: Option<u32>,
}

impl Outcome {
    pub async fn of(answered: Result<Response, ApiError>) -> Result<Outcome, ApiError> {
        let response = match answered {
            Ok(response) => response,
            Err(ApiError::IdempotencyKeyReused) => return Ok(Outcome::KeyUsed),
            Err(ApiError::Conflict { code: "idempotency_key_in_use", .. }) => {
                return Ok(Outcome::UnderWay);
            }
            Err(error) => {
                let faults = super::typed::faults(&error);
                let is_wrong = !faults.is_empty();
                return Ok(if is_wrong { Outcome::Wrong(faults) } else { Outcome::Refused(error) });
            }
        };
        let status = response.status();
        let body = to_bytes(response.into_body(), MOST_BYTES).await;
        let body = body.map_err(|error| ApiError::fault(&error))?;
        let told: Told = serde_json::from_slice(&body).map_err(|error| ApiError::fault(&error))?;
        if status == StatusCode::CREATED {
            let order = told.order_id.parse().map_err(|error| ApiError::fault(&error))?;
            return Ok(Outcome::Placed {
                order,
                next: told.payment.next_action.map(|next| next.url),
            });
        }
        Ok(Outcome::of_refusal(told))
    }

    fn of_refusal(told: Told) -> Outcome {
        match told.code.as_str() {
            "payment_declined" => Outcome::Declined,
            "out_of_stock" => {
                let short = |item: ToldItem| {
                    let left = item.available.unwrap_or(0);
                    Some(Short { sku: item.sku.parse().ok()?, left, is_for_sale: true })
                };
                Outcome::Short(told.items.into_iter().filter_map(short).collect())
            }
            "price_changed" | "total_changed" | "cart_changed" | "not_for_sale" => Outcome::Changed,
            "checkout_under_way" => Outcome::UnderWay,
            "invalid_value" => {
                let faults = told.errors.into_iter();
                let faults = faults.map(|ToldFault { pointer, detail }| {
                    crate::domain::catalog::Fault { pointer, detail }
                });
                Outcome::Wrong(super::typed::faults(&ApiError::InvalidValue(faults.collect())))
            }
            _ => Outcome::Refused(ApiError::Conflict {
                code: "checkout_refused",
                detail: told.detail,
            }),
        }
    }
}

/// Tries to buy a cart, and waits for another window that is buying it. Sent again, the same keys are
/// tried in the same order, up to the same answer.
pub async fn patiently<F>(
    key: IdempotencyKey,
    first_pause: Duration,
    attempt: impl Fn(IdempotencyKey) -> F,
) -> Result<Outcome, ApiError>
where
    F: Future<Output = Result<Outcome, ApiError>>,
{
    let (mut own, mut pause) = (key.clone(), first_pause);
    for n in 1..=MOST_PAUSES {
        match attempt(own).await? {
            Outcome::UnderWay => {}
            outcome => return Ok(outcome),
        }
        tokio::time::sleep(pause).await;
        (own, pause) = (key.again(n), pause * 2);
    }
    Ok(Outcome::UnderWay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// The keys that are tried where another window is in the way so many times, and what comes of it.
    async fn tried(in_the_way: usize) -> (Vec<IdempotencyKey>, Outcome) {
        let key = IdempotencyKey::of_form(&"a".repeat(32)).unwrap();
        let keys = RefCell::new(Vec::new());
        let attempt = |key| {
            keys.borrow_mut().push(key);
            let is_free = keys.borrow().len() > in_the_way;
            std::future::ready(Ok(if is_free { Outcome::Declined } else { Outcome::UnderWay }))
        };
        let outcome = patiently(key, Duration::ZERO, attempt).await.unwrap();
        (keys.into_inner(), outcome)
    }

    #[tokio::test]
    async fn another_window_is_waited_for_under_the_same_keys_each_time() {
        let (keys, outcome) = tried(3).await;
        assert!(matches!(outcome, Outcome::Declined));
        let first = keys[0].clone();
        assert_eq!(keys, [first.clone(), first.again(1), first.again(2), first.again(3)]);
        assert_eq!(tried(3).await.0, keys);
        assert_eq!(tried(0).await.0, [first]);
        let (keys, outcome) = tried(1_000).await;
        assert!(matches!(outcome, Outcome::UnderWay) && keys.len() == MOST_PAUSES as usize);
    }

    #[test]
    fn each_refusal_has_its_page() {
        let read = |body: &str| Outcome::of_refusal(serde_json::from_str(body).unwrap());
        let short =
            read(r#"{"code":"out_of_stock","items":[{"sku":"A","requested":3,"available":1}]}"#);
        let Outcome::Short(short) = short else { panic!() };
        assert_eq!((short[0].sku.as_str(), short[0].left), ("A", 1));
        for code in ["price_changed", "total_changed", "cart_changed", "not_for_sale"] {
            let outcome = read(&format!(r#"{{"code":"{code}","items":[{{"sku":"A"}}]}}"#));
            assert!(matches!(outcome, Outcome::Changed), "{code}");
        }
        assert!(matches!(read(r#"{"code":"checkout_under_way"}"#), Outcome::UnderWay));
        let wrong = read(
            r#"{"code":"invalid_value","errors":[{"pointer":"/shippingAddress/country","detail":"x"}]}"#,
        );
        let Outcome::Wrong(faults) = wrong else { panic!() };
        assert!(faults.at("country").is_some());
        assert!(matches!(read(r#"{"code":"cart_ordered","detail":"x"}"#), Outcome::Refused(_)));
    }
}
