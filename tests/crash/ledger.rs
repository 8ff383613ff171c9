//! The ledger outside the shop: who heard what, what was delivered, and whether the shop agrees.
//!
//! Everything here is counted from answers alone. A check says what is wrong in words, so that a test
//! can also demand that it finds something.

use super::buyers::{Buyer, Mark, SKUS, crowd};
use super::program::{Answer, PATIENCE, Program, Shop};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is on the shelf at first, of each SKU.
pub const AT_FIRST: i64 = 100;

/// What the world knows of a shop.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Those whose answers are asked for again at the next [`Ledger::settle`].
    pub buyers: Vec<Buyer>,
    pub deliveries: Vec<Delivery>,
    /// Orders of earlier buyers: id, and what was in it.
    orders: HashMap<String, Bought>,
    received: HashMap<&'static str, i64>,
}

#[derive(Clone, Debug)]
struct Bought {
    wants: Vec<(&'static str, u32)>,
    cents: i64,
}

/// Units that staff count in under a key of their own.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub sku: &'static str,
    pub units: i64,
    pub key: String,
    pub heard: Option<Answer>,
}

impl Delivery {
    pub fn new(sku: &'static str, units: i64, key: String) -> Delivery {
        Delivery { sku, units, key, heard: None }
    }

    /// Counts the units in; says so if it was answered.
    pub async fn go(&mut self, program: &Program, token: &str) -> Result<bool, String> {
        let body = json!({ "delta": self.units, "reason": "delivery" });
        let request = program.post(&format!("/v1/inventory/{}/adjustments", self.sku));
        let request = request.bearer_auth(token).header("idempotency-key", &self.key).json(&body);
        let Some(answer) = program.send(request).await else { return Ok(false) };
        match answer.status {
            200 => {}
            503 => return Ok(false),
            _ => return Err(format!("a delivery was refused: {answer:?}")),
        }
        match &self.heard {
            Some(before) if *before != answer => {
                Err(format!("{} heard {before:?} and later {answer:?}", self.key))
            }
            _ => {
                self.heard = Some(answer);
                Ok(true)
            }
        }
    }
}

impl Ledger {
    /// Puts the goods on the shelf of a new shop.
    pub async fn furnish(program: &Program, token: &str) -> Ledger {
        for sku in SKUS {
            let product = json!({
                "name": format!("The last {sku}"), "description": "One of few.", "price": 19.99,
                "currency": "USD", "category": "Kitchen", "brand": "Alder", "sku": sku,
                "imageUrl": "https://example.com/picture.jpg", "stockQuantity": AT_FIRST,
            });
            let request = program.post("/v1/products").bearer_auth(token).json(&product);
            let made = program.send(request).await.expect("an answer");
            assert_eq!(made.status, 201, "{}", made.body);
        }
        Ledger { received: SKUS.map(|sku| (sku, AT_FIRST)).into(), ..Ledger::default() }
    }

    /// What is known at an earlier moment than now, of the buyers of this sale.
    pub fn as_of(&self, moment: u64) -> Ledger {
        let mut then = self.clone();
        then.buyers.iter_mut().for_each(|buyer| buyer.forget_after(moment));
        then
    }

    /// Everybody asks again, under the keys they had, until all know what became of them; those who
    /// knew must hear the same. Then nothing is under way, and the books must be equal.
    pub async fn settle(
        &mut self,
        shop: &Shop,
        program: &Arc<Program>,
        token: &str,
    ) -> Result<(), String> {
        self.acknowledged_is_there(program, token).await?;
        let since = Instant::now();
        for delivery in &mut self.deliveries {
            while !delivery.go(program, token).await? {
                patience(since)?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let mut asking = std::mem::take(&mut self.buyers);
        loop {
            asking = crowd(program, asking, &Mark::default(), |_| {}).await;
            if let Some(fault) = asking.iter().find_map(|buyer| buyer.faults.first()) {
                return Err(fault.clone());
            }
            if asking.iter().all(Buyer::is_settled) {
                break;
            }
            patience(since)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for buyer in asking {
            let Some((order, _)) = buyer.bought() else { continue };
            let id = text(&order["orderId"]);
            let bought = Bought { wants: buyer.wants, cents: cents(&order["total"]) };
            if self.orders.insert(id.clone(), bought).is_some() {
                return Err(format!("{id} was given to two buyers"));
            }
        }
        for Delivery { sku, units, .. } in self.deliveries.drain(..) {
            *self.received.entry(sku).or_default() += units;
        }
        self.check_books(shop, program, token).await
    }

    /// Every order that was acknowledged is in the shop and paid, with the goods that were wanted.
    pub async fn acknowledged_is_there(
        &self,
        program: &Program,
        token: &str,
    ) -> Result<(), String> {
        for buyer in &self.buyers {
            if let Some((order, _)) = buyer.bought() {
                check_order(program, token, &text(&order["orderId"]), &buyer.wants).await?;
            }
        }
        Ok(())
    }

    /// As [`Ledger::acknowledged_is_there`], of all orders that there ever were.
    pub async fn every_order_is_there(&self, program: &Program, token: &str) -> Result<(), String> {
        for (id, bought) in &self.orders {
            check_order(program, token, id, &bought.wants).await?;
        }
        Ok(())
    }

    /// How many orders there are; after [`Ledger::settle`].
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// Nothing is under way: what came in is on the shelf or in an order, nothing is promised, and
    /// who has paid has an order.
    async fn check_books(&self, shop: &Shop, program: &Program, token: &str) -> Result<(), String> {
        for sku in SKUS {
            let level = program.look(&format!("/v1/inventory/{sku}"), token).await?;
            let number = |name: &str| level[name].as_i64().unwrap_or(i64::MIN);
            let lines = self.orders.values().flat_map(|bought| &bought.wants);
            let sold: i64 = lines.filter(|(own, _)| *own == sku).map(|(_, n)| i64::from(*n)).sum();
            let left = self.received[sku] - sold;
            let shown = (number("onHand"), number("reserved"), number("available"));
            if shown != (left, 0, left) || left < 0 {
                return Err(format!("{sku}: {left} must be left and nothing reserved: {level}"));
            }
        }
        let paid = self.orders.len() as i64;
        for (status, count) in [("paid", paid), ("pending_payment", 0)] {
            let list = program.look(&format!("/v1/orders?status={status}&limit=1"), token).await?;
            if list["meta"]["totalItems"].as_i64() != Some(count) {
                return Err(format!("{count} orders must be {status}: {}", list["meta"]));
            }
        }
        let payments = shop.payments();
        let taken: Vec<i64> = payments
            .iter()
            .filter(|(state, _)| state == "captured")
            .map(|(_, cents)| *cents)
            .collect();
        let due: i64 = self.orders.values().map(|bought| bought.cents).sum();
        if (taken.len() as i64, taken.iter().sum::<i64>()) != (paid, due) {
            let taken = (taken.len(), taken.iter().sum::<i64>());
            return Err(format!("the provider took {taken:?}, and {paid} orders cost {due}"));
        }
        let states: HashSet<&str> = payments.iter().map(|(state, _)| state.as_str()).collect();
        match states.iter().find(|state| !["captured", "declined", "voided"].contains(state)) {
            Some(state) => Err(format!("a payment is left {state}")),
            None => Ok(()),
        }
    }
}

async fn check_order(
    program: &Program,
    token: &str,
    id: &str,
    wants: &[(&'static str, u32)],
) -> Result<(), String> {
    let found = program.look(&format!("/v1/orders/{id}"), token).await;
    let found = found.map_err(|error| format!("an acknowledged order is gone: {error}"))?;
    let mut lines: Vec<(String, u64)> = found["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (text(&item["sku"]), item["quantity"].as_u64().unwrap_or(0)))
        .collect();
    let mut wanted: Vec<(String, u64)> =
        wants.iter().map(|(sku, units)| ((*sku).to_owned(), u64::from(*units))).collect();
    lines.sort();
    wanted.sort();
    if found["status"] == "paid" && lines == wanted {
        Ok(())
    } else {
        Err(format!("{id} was acknowledged as paid with {wanted:?}: {found}"))
    }
}

fn patience(since: Instant) -> Result<(), String> {
    match since.elapsed() < PATIENCE {
        true => Ok(()),
        false => Err("somebody hears nothing, however often they ask".into()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn cents(amount: &Value) -> i64 {
    (amount.as_f64().unwrap_or(f64::NAN) * 100.0).round() as i64
}

/// How many of them bought.
pub fn buys(buyers: &[Buyer]) -> usize {
    buyers.iter().filter(|buyer| buyer.bought().is_some()).count()
}
