//! The counter: how a cart is paid for, under which key, and what a buyer remembers of the answer.

use crate::bench::goods::Goods;
use crate::bench::ledger::{Attempt, Bought};
use crate::bench::load::{Answer, Fate, Target, Visitor, Whole};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request};

/// What is honest to be answered, where many want the last units.
pub(super) const SOLD_OUT: &[&str] = &["out_of_stock"];

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How orders are paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Payment {
    /// With play money, at once: an order takes two durable commits
    #[default]
    Test,
    /// Later, by bank transfer: an order takes one, and its units stay reserved
    Manual,
}

/// Where all buyers of a run pay.
#[derive(Clone, Debug)]
pub struct Counter {
    /// In every key of this run and of no other, for a shop keeps its answers for a day.
    run: String,
    /// The end of every body, behind the buyer's address.
    rest: String,
}

impl Counter {
    pub fn new(payment: Payment, run: String) -> Counter {
        let payment = match payment {
            Payment::Test => r#"{"provider":"test","token":"tok_visa"}"#,
            Payment::Manual => r#"{"provider":"manual"}"#,
        };
        let rest = format!(
            concat!(
                r#"@bench.example","shippingAddress":{{"name":"Ada Lovelace","line1":"12 Main Street","#,
                r#""city":"Salem","region":"OR","postalCode":"97301","country":"US"}},"payment":{}}}"#
            ),
            payment
        );
        Counter { run, rest }
    }

    /// The key of one attempt.
    pub fn key(&self, number: u64) -> HeaderValue {
        let key = format!("bench-{}-{number}", self.run);
        HeaderValue::from_str(&key).unwrap_or_else(|_| HeaderValue::from_static("bench"))
    }

    /// The request of one attempt, without its key. The same attempt has the same bytes.
    pub fn checkout(&self, target: &Target, cart: &str, number: u64) -> Request<Whole> {
        let uri = target.uri(&format!("/v1/carts/{cart}/checkout"));
        let body = format!("{{\"email\":\"buyer-{number}{}", self.rest);
        target.json(Method::POST, uri, body)
    }
}

/// Pays for a cart, and has the visitor's ledger know what became of it.
pub async fn pay(
    counter: &Counter,
    visitor: &mut Visitor,
    kind: usize,
    attempt: Attempt,
) -> Result<(), Fate> {
    let mut request = counter.checkout(visitor.target(), &attempt.cart, attempt.number);
    request.headers_mut().insert(KEY, counter.key(attempt.number));
    match visitor.send(kind, request, true).await {
        Ok(answer) => match heard(attempt.clone(), &answer) {
            Some(bought) => visitor.ledger.bought.push(bought),
            None => visitor.ledger.uncertain.push(attempt),
        },
        Err(fate @ (Fate::Refused | Fate::Shed)) => {
            visitor.ledger.refused += 1;
            return Err(fate);
        }
        Err(fate @ (Fate::Failed | Fate::Unanswered)) => {
            visitor.ledger.uncertain.push(attempt);
            return Err(fate);
        }
    }
    Ok(())
}

/// Makes a cart with one line.
pub async fn cart(
    goods: &Goods,
    visitor: &mut Visitor,
    kind: usize,
    sku: u32,
    units: u32,
) -> Result<Box<str>, Fate> {
    let body = format!("{{\"items\":[{}]}}", line(goods.sku(sku), units));
    let request = visitor.target().json(Method::POST, goods.carts.clone(), body);
    let answer = visitor.send(kind, request, true).await?;
    cart_of(&answer).map(Box::from).ok_or(Fate::Failed)
}

/// What an acknowledged order says of itself.
pub fn heard(attempt: Attempt, answer: &Answer) -> Option<Bought> {
    let order = text_of(&answer.body, "\"orderId\":\"")?;
    let is_paid = text_of(&answer.body, "\"status\":\"")? == "paid";
    Some(Bought { attempt, order: order.into(), is_paid })
}

pub fn cart_of(answer: &Answer) -> Option<&str> {
    text_of(&answer.body, "\"cartId\":\"")
}

/// One line item, as JSON.
pub fn line(sku: &str, units: u32) -> String {
    format!("{{\"sku\":{},\"quantity\":{units}}}", serde_json::Value::from(sku))
}

/// The text behind the first `name`. Those that are looked for stand near the beginning, and have
/// nothing in them that JSON would write in another way.
fn text_of<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let at = body.windows(name.len()).position(|part| part == name.as_bytes())?;
    let rest = &body[at + name.len()..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{HeaderMap, StatusCode};

    #[test]
    fn an_answer_is_read_without_being_parsed() {
        let body = r#"{"orderId":"order-1","number":1001,"status":"paid","email":"a"}"#;
        let (status, headers) = (StatusCode::CREATED, HeaderMap::new());
        let answer = Answer { status, headers, body: body.into(), length: 0 };
        let attempt = Attempt { number: 1, cart: "cart-1".into(), sku: 0, units: 1 };
        let bought = heard(attempt, &answer).unwrap();
        assert_eq!((&*bought.order, bought.is_paid), ("order-1", true));
        assert_eq!(cart_of(&answer), None);
        assert_eq!(text_of(br#"{"orderId":"ord"#, "\"orderId\":\""), None);
    }

    #[test]
    fn bodies_are_json() {
        let target = Target {
            address: ([127, 0, 0, 1], 1).into(),
            authority: "localhost".into(),
            http: crate::bench::report::Http::One,
        };
        for payment in [Payment::Test, Payment::Manual] {
            let counter = Counter::new(payment, "r".into());
            let body = format!("{{\"email\":\"buyer-7{}", counter.rest);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["email"], "buyer-7@bench.example");
            assert_eq!(counter.key(7), "bench-r-7");
            let request = counter.checkout(&target, "cart-1", 7);
            assert_eq!(request.uri(), "/v1/carts/cart-1/checkout");
        }
        assert_eq!(line("A \"B\"", 2), r#"{"sku":"A \"B\"","quantity":2}"#);
    }
}
