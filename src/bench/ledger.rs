//! What the world outside knows of the orders: kept from answers alone, so that a shop which lost
//! something cannot agree with itself about it.

use super::load::Answer;

/// One order that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub attempt: Attempt,
    /// Its id, as the answer said.
    pub order: Box<str>,
    /// Whether the answer said that it is paid.
    pub is_paid: bool,
}

/// One try to pay for one cart, under a key that is used for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the key and the buyer's address are made of.
    pub number: u64,
    pub cart: Box<str>,
    /// An index into the SKUs that are for sale.
    pub sku: u32,
    pub units: u32,
}

/// All that clients heard of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub bought: Vec<Bought>,
    /// Nobody knows what became of them, until they are asked again under the same key.
    pub uncertain: Vec<Attempt>,
    /// Attempts that were refused, for whatever reason.
    pub refused: u64,
    /// What a second try under the same key heard that the first one did not.
    pub contradictions: Vec<String>,
    /// Same keys that were asked again.
    pub repeated: u64,
    /// Answers that nobody should hear: the first few in words.
    pub failures: Vec<String>,
}

/// Words are kept of so many.
const MOST_WORDS: usize = 5;

impl Ledger {
    /// Takes in what another client knows.
    pub fn take(&mut self, mut other: Ledger) {
        self.bought.append(&mut other.bought);
        self.uncertain.append(&mut other.uncertain);
        self.refused += other.refused;
        self.contradictions.append(&mut other.contradictions);
        self.repeated += other.repeated;
        other.failures.truncate(MOST_WORDS.saturating_sub(self.failures.len()));
        self.failures.append(&mut other.failures);
    }

    pub fn failed(&mut self, kind: &str, answer: &Answer) {
        if self.failures.len() < MOST_WORDS {
            let said: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
            self.failures.push(format!("{kind}: {} {said}", answer.status));
        }
    }

    /// As [`Ledger::failed`], of a request that nobody answered.
    pub fn silent(&mut self, kind: &str, why: &str) {
        if self.failures.len() < MOST_WORDS {
            self.failures.push(format!("{kind}: no answer, {why}"));
        }
    }
}
