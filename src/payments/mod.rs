//! Who takes the money: one trait, one file per provider.
//!
//! Every call names the payment or refund by our own id, which is the idempotency key at the
//! provider: asked twice, nothing moves twice. A decline is an answer; an error means that nothing
//! is known, and the payment is looked up before anything else.

use crate::domain::order::{Collected, RefundAnswer};
use crate::domain::payment::PaymentAnswer;
use crate::domain::{Money, PaymentId, RefundId};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub mod manual;
pub mod test;

/// Why a provider gave no usable answer. A decline is an answer, so it is not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Nothing was sent, or nothing can have happened.
    #[error("the payment provider could not be reached")]
    Unreachable,
    /// Money may have moved: look the attempt up by its key before anything else.
    #[error("the payment provider did not answer in time")]
    UnknownOutcome,
}

/// One attempt to take money.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The idempotency key.
    pub payment: PaymentId,
    pub amount: Money,
    /// What the shopper's browser got from the provider; never stored, never logged.
    pub token: String,
    pub capture: CaptureMode,
}

/// Whether money is taken at once or only set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureMode {
    AtOnce,
    Later,
}

pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// A payment provider. Implementations keep no promise in memory alone that a restart would break.
pub trait PaymentProvider: Send + Sync + 'static {
    /// The name in requests and on orders.
    fn name(&self) -> &'static str;

    fn collected(&self) -> Collected;

    /// Whether the token is worth an attempt; a checkout with a bad one is refused as bad input.
    fn accepts(&self, token: Option<&str>) -> bool;

    fn authorize(&self, attempt: Attempt) -> Answer<'_, PaymentAnswer>;

    fn capture(&self, payment: PaymentId, reference: &str) -> Answer<'_, PaymentAnswer>;

    /// Lets reserved money go; for a key never seen, makes sure that it will be refused. Where the
    /// money was taken already, says so.
    fn void(&self, payment: PaymentId) -> Answer<'_, PaymentAnswer>;

    fn refund(
        &self,
        refund: RefundId,
        payment: PaymentId,
        amount: Money,
    ) -> Answer<'_, RefundAnswer>;

    /// What became of the attempt; `None` if it never arrived.
    fn look_up(&self, payment: PaymentId) -> Answer<'_, Option<PaymentAnswer>>;
}

/// The providers of this shop, by name.
#[derive(Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<&'static str, Arc<dyn PaymentProvider>>,
    under_way: Arc<AtomicUsize>,
}

/// A call of a provider, counted until it is over.
pub struct CallUnderWay(Arc<AtomicUsize>);

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Providers {
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn PaymentProvider>>) -> Providers {
        Providers {
            by_name: providers.into_iter().map(|provider| (provider.name(), provider)).collect(),
            under_way: Arc::default(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn PaymentProvider>> {
        self.by_name.get(name)
    }

    /// Counts a call until what this gives is dropped.
    pub fn calling(&self) -> CallUnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        CallUnderWay(Arc::clone(&self.under_way))
    }

    /// Calls under way now.
    pub fn under_way(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.under_way)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.by_name.keys().copied().collect()
    }
}
