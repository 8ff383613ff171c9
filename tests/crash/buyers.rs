//! Those who buy, and what they heard: each keeps its cart and its idempotency keys, and asks again
//! with the same key for as long as it knows nothing.

use super::program::{Answer, Program};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// What is for sale; each has the same price.
pub const SKUS: [&str; 3] = ["KETTLE", "TEAPOT", "CUP"];

/// Who buys at the same time.
const AT_ONCE: usize = 32;

/// One person who wants one cart's goods.
#[derive(Clone, Debug)]
pub struct Buyer {
    pub name: String,
    /// SKU and units, each SKU once.
    pub wants: Vec<(&'static str, u32)>,
    token: &'static str,
    cart: Option<String>,
    cart_made_at: u64,
    /// In the order made; all but the last are interrupted ones.
    pub attempts: Vec<Attempt>,
    /// Answers that nobody should hear, and keys that were answered twice in different words.
    pub faults: Vec<String>,
}

/// One try to pay under one key.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub key: String,
    pub heard: Option<Answer>,
    /// The mark at the moment when it was first heard (see [`Mark`]).
    pub heard_at: u64,
}

/// What an answer means to who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Bought,
    SoldOut,
    Declined,
    /// The crash came between the order and its payment. What a shopper pays with is kept nowhere,
    /// so such an order ends unpaid, its cart is open again, and a person pays once more.
    Interrupted,
    /// The units that were held for it are free again, since it took too long; a person tries again.
    TookTooLong,
    /// Nothing is known; the same key is to be sent again.
    AskAgain,
    /// Not what a shop says to somebody who does everything right.
    Wrong,
}

pub fn meaning(answer: &Answer) -> Meaning {
    match (answer.status, answer.code().as_str()) {
        (201, _) if answer.json()["status"] == "paid" => Meaning::Bought,
        (409, "out_of_stock") => Meaning::SoldOut,
        (402, _) if answer.body.contains("interrupted") => Meaning::Interrupted,
        (402, _) => Meaning::Declined,
        (409, "cart_changed") => Meaning::TookTooLong,
        (503, _) | (409, "idempotency_key_in_use") => Meaning::AskAgain,
        _ => Meaning::Wrong,
    }
}

impl Buyer {
    pub fn new(name: String, chance: &mut StdRng) -> Buyer {
        let first = chance.random_range(0..SKUS.len());
        let mut wants = vec![(SKUS[first], chance.random_range(1..=3))];
        if chance.random_ratio(1, 4) {
            wants.push((SKUS[(first + 1) % SKUS.len()], 1));
        }
        let token = if chance.random_ratio(1, 10) { "tok_declined" } else { "tok_visa" };
        let attempts = vec![Attempt { key: name.clone(), heard: None, heard_at: 0 }];
        let (cart, cart_made_at, faults) = (None, 0, vec![]);
        Buyer { name, wants, token, cart, cart_made_at, attempts, faults }
    }

    fn last(&mut self) -> &mut Attempt {
        self.attempts.last_mut().expect("there is always one")
    }

    /// Whether it knows what became of it.
    pub fn is_settled(&self) -> bool {
        self.attempts.last().is_some_and(|attempt| attempt.heard.is_some())
    }

    /// The order that was acknowledged, and the mark of that moment.
    pub fn bought(&self) -> Option<(Value, u64)> {
        let last = self.attempts.last()?;
        let heard = last.heard.as_ref().filter(|heard| meaning(heard) == Meaning::Bought)?;
        Some((heard.json(), last.heard_at))
    }

    /// Forgets what it heard after a moment, as if it had not been said.
    pub fn forget_after(&mut self, moment: u64) {
        if self.cart_made_at > moment {
            self.cart = None;
        }
        let heard = |attempt: &&Attempt| attempt.heard.is_some() && attempt.heard_at <= moment;
        let known = self.attempts.iter().take_while(heard).count();
        self.attempts.truncate(known + 1);
        if let Some(attempt) = self.attempts.get_mut(known) {
            (attempt.heard, attempt.heard_at) = (None, 0);
        }
    }

    /// Fills a cart if there is none, and pays; says what it heard. Asking again under a key that was
    /// answered must give the same bytes.
    pub async fn go(&mut self, program: &Program, mark: &Mark) -> Option<Meaning> {
        if self.cart.is_none() {
            let items = self.wants.iter().map(|(sku, n)| json!({ "sku": sku, "quantity": n }));
            let body = json!({ "items": items.collect::<Vec<_>>() });
            let made = program.send(program.post("/v1/carts").json(&body)).await?;
            match made.status {
                201 => self.cart = made.json()["cartId"].as_str().map(str::to_owned),
                503 => return Some(Meaning::AskAgain),
                _ => {
                    self.faults.push(format!("{} heard {made:?}", self.name));
                    return Some(Meaning::Wrong);
                }
            }
            self.cart_made_at = mark.now();
        }
        let path = format!("/v1/carts/{}/checkout", self.cart.as_deref()?);
        let body = json!({
            "email": "ada@example.com",
            "shippingAddress": { "name": "Ada", "line1": "1 Main St", "city": "Salem", "postalCode": "97301", "country": "US" },
            "shippingOption": "standard",
            "payment": { "provider": "test", "token": self.token },
        });
        loop {
            let key = self.last().key.clone();
            let request = program.post(&path).header("idempotency-key", &key).json(&body);
            let answer = program.send(request).await?;
            let meaning = meaning(&answer);
            match meaning {
                Meaning::AskAgain => return Some(meaning),
                Meaning::Wrong => {
                    self.faults.push(format!("{key} heard {answer:?}"));
                    return Some(meaning);
                }
                _ => {}
            }
            match &self.last().heard {
                None => {
                    let heard_at = mark.now();
                    *self.last() = Attempt { key, heard: Some(answer), heard_at };
                }
                Some(before) if *before == answer => {}
                Some(before) => {
                    let both = format!("{key} heard {before:?} and later {answer:?}");
                    self.faults.push(both);
                }
            }
            if !matches!(meaning, Meaning::Interrupted | Meaning::TookTooLong) {
                return Some(meaning);
            }
            let key = format!("{}-{}", self.name, self.attempts.len() + 1);
            self.attempts.push(Attempt { key, heard: None, heard_at: 0 });
        }
    }
}

/// What a moment is called: a number that grows, or nothing.
#[derive(Clone, Default)]
pub struct Mark(Option<Arc<dyn Fn() -> u64 + Send + Sync>>);

impl Mark {
    pub fn by(now: impl Fn() -> u64 + Send + Sync + 'static) -> Mark {
        Mark(Some(Arc::new(now)))
    }

    pub fn now(&self) -> u64 {
        self.0.as_ref().map_or(0, |now| now())
    }
}

/// Sends everybody once, so many at the same time. `after` is told how many were acknowledged so
/// far, after each of them.
pub async fn crowd(
    program: &Arc<Program>,
    buyers: Vec<Buyer>,
    mark: &Mark,
    after: impl Fn(usize) + Send + Sync + 'static,
) -> Vec<Buyer> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (acknowledged, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(after));
    let mut running = Vec::with_capacity(buyers.len());
    for mut buyer in buyers {
        let place = Arc::clone(&places).acquire_owned().await.expect("places are not closed");
        let (program, mark) = (Arc::clone(program), mark.clone());
        let (acknowledged, after) = (Arc::clone(&acknowledged), Arc::clone(&after));
        running.push(tokio::spawn(async move {
            if buyer.go(&program, &mark).await == Some(Meaning::Bought) {
                after(acknowledged.fetch_add(1, Ordering::Relaxed) + 1);
            }
            drop(place);
            buyer
        }));
    }
    let mut back = Vec::with_capacity(running.len());
    for buyer in running {
        back.push(buyer.await.expect("a buyer met a fault"));
    }
    back
}
