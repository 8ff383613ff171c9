//! The way to the payment provider and back, on which everything gets lost, doubled and late. The
//! provider itself is the real `test` provider, whose books outlive every crash of the shop.

use super::dice::Dice;
use crate::actors::providers::{ProviderCall, Question, Told, put};
use crate::domain::{OrderId, PaymentId};
use crate::payments::{PaymentProvider, ProviderError, Providers};
use futures_util::FutureExt;
use std::collections::BTreeSet;

/// A question on its way, or an answer.
pub(super) enum Letter {
    /// Arrives there, now or never.
    Question {
        life: u64,
        call: Box<ProviderCall>,
        fate: Fate,
    },
    Answer {
        life: u64,
        order: OrderId,
        told: Result<Told, ProviderError>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    /// Never arrives; the shop is told that nobody was there.
    Lost,
    /// Is carried out, but the shop does not hear of it.
    AnswerLost,
    /// The shop has given up waiting when it arrives.
    Late,
    /// Arrives twice, and both are answered by the books.
    Twice,
}

impl Fate {
    pub fn throw(dice: &mut Dice, is_stormy: bool) -> Fate {
        let fine = if is_stormy { 30 } else { 92 };
        if dice.percent(fine) {
            return Fate::Fine;
        }
        *dice.pick(&[Fate::Lost, Fate::AnswerLost, Fate::Late, Fate::Twice])
    }
}

/// What was sent and has not arrived, in both directions.
#[derive(Default)]
pub(super) struct Post {
    pub letters: Vec<Letter>,
    /// Whose money somebody ever asked for.
    pub payments: BTreeSet<PaymentId>,
}

impl Post {
    pub fn send(&mut self, life: u64, call: ProviderCall, fate: Fate) {
        if let Question::Authorize(attempt) = &call.question {
            self.payments.insert(attempt.payment);
        }
        self.letters.push(Letter::Question { life, call: Box::new(call), fate });
    }

    /// The letter at this place arrives; gives the answer that reaches the shop, if it was one.
    pub fn arrive(
        &mut self,
        place: usize,
        providers: &Providers,
    ) -> Option<(u64, OrderId, Result<Told, ProviderError>)> {
        match self.letters.remove(place) {
            Letter::Answer { life, order, told } => return Some((life, order, told)),
            Letter::Question { life, call, fate } => {
                let order = call.order;
                let mut answer = |told| self.letters.push(Letter::Answer { life, order, told });
                match fate {
                    Fate::Lost => answer(Err(ProviderError::Unreachable)),
                    Fate::Fine => answer(carry_out(&call, providers)),
                    Fate::AnswerLost => {
                        let _ = carry_out(&call, providers);
                        answer(Err(ProviderError::UnknownOutcome));
                    }
                    Fate::Late => {
                        answer(Err(ProviderError::UnknownOutcome));
                        let fate = Fate::AnswerLost;
                        // Nobody waits for it any more.
                        self.letters.push(Letter::Question { life: 0, call, fate });
                    }
                    Fate::Twice => {
                        let first = carry_out(&call, providers);
                        let _ = carry_out(&call, providers);
                        answer(first);
                    }
                }
            }
        }
        None
    }
}

fn carry_out(call: &ProviderCall, providers: &Providers) -> Result<Told, ProviderError> {
    let provider: Option<&dyn PaymentProvider> = providers.get(&call.provider).map(|own| &**own);
    let provider = provider.ok_or(ProviderError::Unreachable)?;
    let told = put(provider, call.question.clone()).now_or_never();
    told.unwrap_or(Err(ProviderError::UnknownOutcome))
}
