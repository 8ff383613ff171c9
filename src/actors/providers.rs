//! Calls to payment providers, bounded in time.

use super::env::Env;
use crate::domain::order::RefundAnswer;
use crate::domain::payment::PaymentAnswer;
use crate::domain::{Money, OrderId, PaymentId, RefundId};
use crate::payments::{Attempt, PaymentProvider, ProviderError};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// A question to a provider on behalf of one order.
pub(crate) struct ProviderCall {
    pub order: OrderId,
    pub provider: String,
    pub question: Question,
}

#[derive(Clone)]
pub(crate) enum Question {
    Authorize(Attempt),
    /// What became of an attempt of which nothing is known.
    LookUp(PaymentId),
    Capture {
        payment: PaymentId,
        reference: String,
    },
    Void(PaymentId),
    Refund {
        refund: RefundId,
        payment: PaymentId,
        amount: Money,
    },
}

impl Question {
    pub fn name(&self) -> &'static str {
        match self {
            Question::Authorize(_) => "authorize",
            Question::LookUp(_) => "look up",
            Question::Capture { .. } => "capture",
            Question::Void(_) => "void",
            Question::Refund { .. } => "refund",
        }
    }
}

/// What the provider said.
#[derive(Debug)]
pub enum Told {
    Payment(PaymentAnswer),
    /// The attempt never arrived there.
    NeverSeen,
    Refund(RefundId, RefundAnswer),
}

/// Puts the question; a provider that takes too long or panics has said nothing.
pub(super) async fn ask(call: ProviderCall, env: &Env) -> Result<Told, ProviderError> {
    let limit = Duration::from_millis(env.settings.provider_timeout.as_millis().unsigned_abs());
    #[cfg(debug_assertions)]
    crate::failpoints::pass("provider-to-be-asked");
    let _counted = env.providers.calling();
    let told = match env.providers.get(&call.provider) {
        // An order of a provider that this shop no longer has: nothing can be known of it.
        None => Err(ProviderError::Unreachable),
        Some(provider) => {
            let asked = tokio::time::timeout(limit, put(&**provider, call.question));
            // A provider that panics has not answered either, and the order must hear that.
            let in_time = AssertUnwindSafe(asked).catch_unwind().await.ok().and_then(Result::ok);
            in_time.unwrap_or(Err(ProviderError::UnknownOutcome))
        }
    };
    #[cfg(debug_assertions)]
    crate::failpoints::pass("provider-has-answered");
    if let Err(error) = &told {
        tracing::warn!(order.id = %call.order, %error, "no answer from the payment provider");
    }
    told
}

/// One question in the provider's own words.
pub(crate) async fn put(
    provider: &dyn PaymentProvider,
    question: Question,
) -> Result<Told, ProviderError> {
    match question {
        Question::Authorize(attempt) => provider.authorize(attempt).await.map(Told::Payment),
        Question::LookUp(payment) => {
            let found = provider.look_up(payment).await?;
            Ok(found.map_or(Told::NeverSeen, Told::Payment))
        }
        Question::Capture { payment, reference } => {
            provider.capture(payment, &reference).await.map(Told::Payment)
        }
        Question::Void(payment) => provider.void(payment).await.map(Told::Payment),
        Question::Refund { refund, payment, amount } => {
            let answer = provider.refund(refund, payment, amount).await?;
            Ok(Told::Refund(refund, answer))
        }
    }
}
