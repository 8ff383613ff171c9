//! Payment by hand: bank transfer, invoice, cash on the counter.
//!
//! Nobody outside is asked. What is known of such money is what staff say of it, so nothing here
//! moves or remembers anything; the order itself is the record.

use super::{Answer, Attempt, PaymentProvider, ProviderError};
use crate::domain::order::{Collected, RefundAnswer};
use crate::domain::payment::PaymentAnswer;
use crate::domain::{Money, PaymentId, RefundId};
use futures_util::future::ready;

/// The `manual` provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct ManualProvider;

impl PaymentProvider for ManualProvider {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn collected(&self) -> Collected {
        Collected::ByHand
    }

    /// There is nothing to be charged, so any token will do, and none.
    fn accepts(&self, _: Option<&str>) -> bool {
        true
    }

    /// There is nobody who could authorize: an order paid by hand stays pending until staff take
    /// the money, and this says that nothing has happened.
    fn authorize(&self, _: Attempt) -> Answer<'_, PaymentAnswer> {
        Box::pin(ready(Err(ProviderError::Unreachable)))
    }

    /// Staff have the money in hand.
    fn capture(&self, _: PaymentId, reference: &str) -> Answer<'_, PaymentAnswer> {
        Box::pin(ready(Ok(PaymentAnswer::Captured { reference: reference.to_owned() })))
    }

    fn void(&self, _: PaymentId) -> Answer<'_, PaymentAnswer> {
        Box::pin(ready(Ok(PaymentAnswer::Voided)))
    }

    /// Staff give the money back.
    fn refund(&self, _: RefundId, _: PaymentId, _: Money) -> Answer<'_, RefundAnswer> {
        Box::pin(ready(Ok(RefundAnswer::Settled)))
    }

    fn look_up(&self, _: PaymentId) -> Answer<'_, Option<PaymentAnswer>> {
        Box::pin(ready(Ok(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pricing::tests::usd;
    use crate::payments::CaptureMode;

    #[tokio::test]
    async fn an_order_paid_by_hand_is_pending_until_staff_take_the_money() {
        let manual = ManualProvider;
        let payment = PaymentId::from_bytes([1; 16]);
        assert!(manual.accepts(None) && manual.accepts(Some("anything")));
        assert_eq!(manual.collected(), Collected::ByHand);
        let capture = CaptureMode::AtOnce;
        let attempt = Attempt { payment, amount: usd(1), token: String::new(), capture };
        assert_eq!(manual.authorize(attempt).await, Err(ProviderError::Unreachable));
        assert_eq!(manual.look_up(payment).await, Ok(None));
        let taken = PaymentAnswer::Captured { reference: "by hand".into() };
        assert_eq!(manual.capture(payment, "by hand").await, Ok(taken));
        assert_eq!(manual.void(payment).await, Ok(PaymentAnswer::Voided));
        let refund = RefundId::from_bytes([2; 16]);
        assert_eq!(manual.refund(refund, payment, usd(1)).await, Ok(RefundAnswer::Settled));
    }
}
