//! Calls to payment providers: each in a task of its own, bounded in time, answered with a message.

use super::directory::Directory;
use super::env::Env;
use super::order::OrderMessage;
use super::shard::ShardMessage;
use crate::domain::order::RefundAnswer;
use crate::domain::payment::PaymentAnswer;
use crate::domain::{Money, OrderId, PaymentId, RefundId};
use crate::payments::{Attempt, ProviderError};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// A question to a provider on behalf of one order.
pub(super) struct ProviderCall {
    pub order: OrderId,
    pub provider: String,
    pub question: Question,
}

pub(super) enum Question {
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

/// What the provider said.
#[derive(Debug)]
pub enum Told {
    Payment(PaymentAnswer),
    /// The attempt never arrived there.
    NeverSeen,
    Refund(RefundId, RefundAnswer),
}

pub(super) fn spawn(call: ProviderCall, env: &Env, directory: Directory) {
    let ProviderCall { order, provider, question } = call;
    let found = env.providers.get(&provider).cloned();
    let limit = Duration::from_millis(env.settings.provider_timeout.as_millis().unsigned_abs());
    tokio::spawn(async move {
        let told = match found {
            // An order of a provider that this shop no longer has: nothing can be known of it.
            None => Err(ProviderError::Unreachable),
            Some(provider) => {
                let asked = async {
                    match question {
                        Question::Authorize(attempt) => {
                            provider.authorize(attempt).await.map(Told::Payment)
                        }
                        Question::LookUp(payment) => provider
                            .look_up(payment)
                            .await
                            .map(|found| found.map_or(Told::NeverSeen, Told::Payment)),
                        Question::Capture { payment, reference } => {
                            provider.capture(payment, &reference).await.map(Told::Payment)
                        }
                        Question::Void(payment) => provider.void(payment).await.map(Told::Payment),
                        Question::Refund { refund, payment, amount } => provider
                            .refund(refund, payment, amount)
                            .await
                            .map(|answer| Told::Refund(refund, answer)),
                    }
                };
                // A provider that panics has not answered either, and the order must hear that.
                let asked = AssertUnwindSafe(tokio::time::timeout(limit, asked)).catch_unwind();
                let in_time = asked.await.ok().and_then(Result::ok);
                in_time.unwrap_or(Err(ProviderError::UnknownOutcome))
            }
        };
        if let Err(error) = &told {
            tracing::warn!(order.id = %order, %error, "no answer from the payment provider");
        }
        directory.send(ShardMessage::Order(order, OrderMessage::Told(told)));
    });
}
