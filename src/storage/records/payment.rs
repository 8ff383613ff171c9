//! Stored forms of payments and of what happens to them.

use super::value::MoneyV1;
use crate::domain::PaymentId;
use crate::domain::payment::{Payment, PaymentEvent, PaymentState};
use crate::storage::codec::ValueError;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub struct PaymentV1<'a> {
    id: [u8; 16],
    provider: &'a str,
    amount: MoneyV1,
    #[serde(borrow)]
    state: PaymentStateV1<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
enum PaymentStateV1<'a> {
    Pending,
    ActionNeeded { reference: &'a str, url: &'a str },
    Authorized { reference: &'a str },
    Captured { reference: &'a str },
    Declined { reason: &'a str },
    Voided,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum PaymentEventV1<'a> {
    ActionNeeded { reference: &'a str, url: &'a str },
    Authorized { reference: &'a str },
    Captured { reference: &'a str },
    Declined { reason: &'a str },
    Voided,
}

impl<'a> From<&'a Payment> for PaymentV1<'a> {
    fn from(payment: &'a Payment) -> PaymentV1<'a> {
        PaymentV1 {
            id: *payment.id.as_bytes(),
            provider: &payment.provider,
            amount: payment.amount.into(),
            state: (&payment.state).into(),
        }
    }
}

impl TryFrom<PaymentV1<'_>> for Payment {
    type Error = ValueError;

    fn try_from(stored: PaymentV1<'_>) -> Result<Payment, ValueError> {
        Ok(Payment {
            id: PaymentId::from_bytes(stored.id),
            provider: stored.provider.into(),
            amount: stored.amount.try_into()?,
            state: stored.state.into(),
        })
    }
}

impl<'a> From<&'a PaymentState> for PaymentStateV1<'a> {
    fn from(state: &'a PaymentState) -> PaymentStateV1<'a> {
        match state {
            PaymentState::Pending => PaymentStateV1::Pending,
            PaymentState::ActionNeeded { reference, url } => {
                PaymentStateV1::ActionNeeded { reference, url }
            }
            PaymentState::Authorized { reference } => PaymentStateV1::Authorized { reference },
            PaymentState::Captured { reference } => PaymentStateV1::Captured { reference },
            PaymentState::Declined { reason } => PaymentStateV1::Declined { reason },
            PaymentState::Voided => PaymentStateV1::Voided,
        }
    }
}

impl From<PaymentStateV1<'_>> for PaymentState {
    fn from(stored: PaymentStateV1<'_>) -> PaymentState {
        match stored {
            PaymentStateV1::Pending => PaymentState::Pending,
            PaymentStateV1::ActionNeeded { reference, url } => {
                PaymentState::ActionNeeded { reference: reference.into(), url: url.into() }
            }
            PaymentStateV1::Authorized { reference } => {
                PaymentState::Authorized { reference: reference.into() }
            }
            PaymentStateV1::Captured { reference } => {
                PaymentState::Captured { reference: reference.into() }
            }
            PaymentStateV1::Declined { reason } => PaymentState::Declined { reason: reason.into() },
            PaymentStateV1::Voided => PaymentState::Voided,
        }
    }
}

impl<'a> From<&'a PaymentEvent> for PaymentEventV1<'a> {
    fn from(event: &'a PaymentEvent) -> PaymentEventV1<'a> {
        match event {
            PaymentEvent::ActionNeeded { reference, url } => {
                PaymentEventV1::ActionNeeded { reference, url }
            }
            PaymentEvent::Authorized { reference } => PaymentEventV1::Authorized { reference },
            PaymentEvent::Captured { reference } => PaymentEventV1::Captured { reference },
            PaymentEvent::Declined { reason } => PaymentEventV1::Declined { reason },
            PaymentEvent::Voided => PaymentEventV1::Voided,
        }
    }
}

impl From<PaymentEventV1<'_>> for PaymentEvent {
    fn from(stored: PaymentEventV1<'_>) -> PaymentEvent {
        match stored {
            PaymentEventV1::ActionNeeded { reference, url } => {
                PaymentEvent::ActionNeeded { reference: reference.into(), url: url.into() }
            }
            PaymentEventV1::Authorized { reference } => {
                PaymentEvent::Authorized { reference: reference.into() }
            }
            PaymentEventV1::Captured { reference } => {
                PaymentEvent::Captured { reference: reference.into() }
            }
            PaymentEventV1::Declined { reason } => PaymentEvent::Declined { reason: reason.into() },
            PaymentEventV1::Voided => PaymentEvent::Voided,
        }
    }
}
