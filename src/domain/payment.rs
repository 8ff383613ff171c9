//! One payment, from the first attempt to settled money. Amounts are in the order's currency.
//!
//! A payment's id is its idempotency key at the provider: after a lost reply the provider is asked
//! what became of that id, and the answer is taken in here as if it had come at once. Card tokens
//! are absent on purpose: they are never stored.

use super::ids::PaymentId;
use super::money::Money;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    /// The provider's name, such as `manual`.
    pub provider: String,
    pub amount: Money,
    pub state: PaymentState,
}

/// How far it got. `reference` is the provider's own name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Nothing is known to have happened yet.
    Pending,
    /// The shopper must act at `url` first.
    ActionNeeded {
        reference: String,
        url: String,
    },
    Authorized {
        reference: String,
    },
    Captured {
        reference: String,
    },
    Declined {
        reason: String,
    },
    Voided,
}

/// What is known of a payment, from its provider or, for `manual`, from staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    ActionNeeded { reference: String, url: String },
    Authorized { reference: String },
    Captured { reference: String },
    Declined { reason: String },
    Voided,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentEvent {
    ActionNeeded { reference: String, url: String },
    Authorized { reference: String },
    Captured { reference: String },
    Declined { reason: String },
    Voided,
}

/// The answer contradicts what is already known, such as a decline of captured money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment is {state} and cannot become {answer}")]
pub struct PaymentRejection {
    pub state: &'static str,
    pub answer: &'static str,
}

impl Payment {
    /// Says what follows from an answer; the same answer again changes nothing.
    pub fn decide(&self, answer: PaymentAnswer) -> Result<Vec<PaymentEvent>, PaymentRejection> {
        use PaymentAnswer as A;
        use PaymentState as S;
        match (&self.state, answer) {
            (S::Pending, A::ActionNeeded { reference, url }) => {
                Ok(vec![PaymentEvent::ActionNeeded { reference, url }])
            }
            (S::Pending | S::ActionNeeded { .. }, A::Authorized { reference }) => {
                Ok(vec![PaymentEvent::Authorized { reference }])
            }
            // A void can cross a capture on its way: then the money was taken, and that is the fact.
            (
                S::Pending | S::ActionNeeded { .. } | S::Authorized { .. } | S::Voided,
                A::Captured { reference },
            ) => Ok(vec![PaymentEvent::Captured { reference }]),
            (S::Pending | S::ActionNeeded { .. }, A::Declined { reason }) => {
                Ok(vec![PaymentEvent::Declined { reason }])
            }
            (S::Pending | S::ActionNeeded { .. } | S::Authorized { .. }, A::Voided) => {
                Ok(vec![PaymentEvent::Voided])
            }
            (S::ActionNeeded { .. }, A::ActionNeeded { .. })
            | (S::Authorized { .. }, A::Authorized { .. })
            | (S::Captured { .. }, A::Captured { .. } | A::Authorized { .. })
            | (S::Declined { .. }, A::Declined { .. } | A::Voided)
            | (S::Voided, A::Voided) => Ok(vec![]),
            (
                state,
                answer @ (A::ActionNeeded { .. }
                | A::Authorized { .. }
                | A::Captured { .. }
                | A::Declined { .. }
                | A::Voided),
            ) => Err(PaymentRejection { state: state.name(), answer: answer.name() }),
        }
    }

    /// Takes in a fact.
    pub fn apply(&mut self, event: &PaymentEvent) {
        self.state = match event.clone() {
            PaymentEvent::ActionNeeded { reference, url } => {
                PaymentState::ActionNeeded { reference, url }
            }
            PaymentEvent::Authorized { reference } => PaymentState::Authorized { reference },
            PaymentEvent::Captured { reference } => PaymentState::Captured { reference },
            PaymentEvent::Declined { reason } => PaymentState::Declined { reason },
            PaymentEvent::Voided => PaymentState::Voided,
        };
    }

    /// Whether money was taken.
    pub fn is_captured(&self) -> bool {
        matches!(self.state, PaymentState::Captured { .. })
    }
}

impl PaymentState {
    /// The contract's word for it.
    pub fn name(&self) -> &'static str {
        match self {
            PaymentState::Pending | PaymentState::ActionNeeded { .. } => "pending",
            PaymentState::Authorized { .. } => "authorized",
            PaymentState::Captured { .. } => "captured",
            PaymentState::Declined { .. } => "failed",
            PaymentState::Voided => "voided",
        }
    }
}

impl PaymentAnswer {
    fn name(&self) -> &'static str {
        match self {
            PaymentAnswer::ActionNeeded { .. } => "pending",
            PaymentAnswer::Authorized { .. } => "authorized",
            PaymentAnswer::Captured { .. } => "captured",
            PaymentAnswer::Declined { .. } => "failed",
            PaymentAnswer::Voided => "voided",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pricing::tests::usd;
    use proptest::prelude::*;

    fn answers() -> impl Strategy<Value = PaymentAnswer> {
        let reference = || "ref".to_owned();
        prop::sample::select(vec![
            PaymentAnswer::ActionNeeded { reference: reference(), url: "u".into() },
            PaymentAnswer::Authorized { reference: reference() },
            PaymentAnswer::Captured { reference: reference() },
            PaymentAnswer::Declined { reason: "no".into() },
            PaymentAnswer::Voided,
        ])
    }

    proptest! {
        #[test]
        fn captured_money_stays_captured_and_repeats_change_nothing(answers in prop::collection::vec(answers(), 1..30)) {
            let id = PaymentId::from_bytes([1; 16]);
            let mut payment = Payment { id, provider: "test".into(), amount: usd(1), state: PaymentState::Pending };
            for answer in answers {
                let was_captured = payment.is_captured();
                if let Ok(events) = payment.decide(answer.clone()) {
                    events.iter().for_each(|event| payment.apply(event));
                    prop_assert_eq!(payment.decide(answer), Ok(vec![]));
                }
                prop_assert!(payment.is_captured() || !was_captured);
            }
        }
    }
}
