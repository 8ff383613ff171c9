//! The second half: an order that is written is driven to its end, whatever happens on the way.
//!
//! Each answer of the provider is decided on and made durable before the next question is asked. A
//! silent provider is asked again, ever more rarely; meanwhile the shopper is told that the payment
//! is pending. An attempt of which nothing is known is looked up, never simply repeated.

use super::super::ask::{Ask, Keyed, Refusal, Reply};
use super::super::cart::{CartMessage, Loan, LoanRefusal, Purpose};
use super::super::entity::{Settlement, Step};
use super::super::providers::{ProviderCall, Question, Told};
use super::super::shard::ShardMessage;
use super::super::sku::SkuMessage;
use super::checkout::{CheckoutRefusal, write_cart};
use super::{OrderActor, OrderMessage, OrderView};
use crate::domain::cart::{Cart, CartCommand};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::guard::Guard;
use crate::domain::order::{
    CancelReason, Collected, Ending, Order, OrderCommand, OrderEvent, OrderRejection, RefundState,
    Step as Next,
};
use crate::domain::payment::{PaymentAnswer, PaymentState};
use crate::domain::{Sku, Span, Timestamp};
use crate::payments::{Attempt, ProviderError};
use crate::storage::{Batch, CommitError};
use tokio::sync::oneshot;

/// What staff ask of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderChange {
    Cancel { reason: Option<String> },
    Capture,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    #[error(transparent)]
    Rejected(#[from] OrderRejection),
    #[error("the order is at version {found}")]
    VersionMismatch { found: u64 },
    #[error("the provider refused the refund: {reason}")]
    RefundRefused { reason: String },
}

/// Somebody who waits until the order rests.
pub(super) enum Waiter {
    Checkout(Ask<OrderView, CheckoutRefusal>),
    Change {
        ask: Ask<OrderView, ChangeRefusal>,
        /// Whether a refund that was refused is the answer.
        cancels: bool,
    },
    Driver(oneshot::Sender<()>),
}

/// Events that go into one batch with the reopening of the cart, once that is lent.
pub(super) struct Reopening {
    events: Vec<OrderEvent>,
}

/// The longest pause between two questions to a silent provider.
const LONGEST_PAUSE: Span = Span::minutes(10);

impl OrderActor {
    /// Takes events in ahead of the disk, with all that must be durable with them. Where the order
    /// then rests, the answers ride with this batch.
    pub(super) fn hand_over(
        &mut self,
        events: Vec<OrderEvent>,
        mut batch: Batch,
        step: &mut Step<'_>,
    ) {
        let key = EntityKey::Order(self.id);
        let is_first = self.order.is_none();
        let before = self.order.as_ref().and_then(attention);
        let mut moved = Vec::new();
        for event in events {
            let movements = Order::movements(self.order.as_ref(), &event, self.id);
            moved.extend(movements.iter().map(|movement| movement.sku.clone()));
            self.order = Order::apply(self.order.take(), &event);
            batch.fact(step.now, Fact::Order(self.id, event), movements);
        }
        if !is_first {
            self.announce(moved, step);
        }
        let Some(order) = &self.order else { return };
        let after = attention(order);
        if before != after {
            before.inspect(|at| batch.forget_expiry(*at, &key));
            after.inspect(|at| batch.expire_at(*at, &key));
        }
        batch.put(key, self.version, order);
        self.version += 1;
        let reply = match order.next() {
            None => self.answer_all(&mut batch, step),
            Some(_) => {
                if is_first {
                    self.reserve_keys(&mut batch);
                }
                None
            }
        };
        step.submit(batch, reply);
    }

    /// Tells each SKU once that a batch which moves it is on its way. The first batch was announced
    /// by the checkout, together with the units that it turns from held into reserved.
    fn announce(&self, mut skus: Vec<Sku>, step: &mut Step<'_>) {
        skus.sort();
        skus.dedup();
        for sku in skus {
            let handed_over = SkuMessage::HandedOver { order: self.id, units: None };
            step.send(ShardMessage::Sku(sku, handed_over));
        }
    }

    /// All that was handed over is durable: asks the next question, or says that the order rests.
    pub(super) fn drive(&mut self, step: &mut Step<'_>) {
        if step.unsettled || self.asking || self.reopening.is_some() {
            return;
        }
        let Some(order) = &self.order else { return self.answer_now(step) };
        let payment = order.payment.id;
        let next = order.next();
        if next.is_none() && !self.looking {
            return self.answer_now(step);
        }
        let question = match next {
            None => Question::LookUp(payment),
            Some(Next::Authorize) if self.sealing => Question::Void(payment),
            Some(Next::Authorize) => match self.token.take() {
                Some(token) if !self.attempted => {
                    self.attempted = true;
                    // Kept for the case that the attempt never arrived.
                    self.token = Some(token.clone());
                    let (amount, capture) = (order.payment.amount, step.env.settings.capture);
                    Question::Authorize(Attempt { payment, amount, token, capture })
                }
                token => {
                    self.token = token;
                    Question::LookUp(payment)
                }
            },
            Some(Next::Capture { reference }) => Question::Capture { payment, reference },
            Some(Next::Void) => Question::Void(payment),
            Some(Next::Refund { refund, amount, .. }) => {
                Question::Refund { refund, payment, amount }
            }
        };
        self.asking = true;
        step.call(ProviderCall {
            order: self.id,
            provider: order.payment.provider.clone(),
            question,
        });
    }

    pub(super) fn told(&mut self, told: Result<Told, ProviderError>, step: &mut Step<'_>) {
        self.asking = false;
        let looked = told.is_ok() && std::mem::take(&mut self.looking);
        let Some(order) = &self.order else { return };
        let is_pending = order.payment.state == PaymentState::Pending;
        // A payment that nobody answered for is voided by the shop alone: just now, or at a start that
        // fell before it wrote down that it had.
        let is_sealed = is_pending && order.ending == Ending::Live;
        let refund = step.env.ids.refund();
        let command = match told {
            Err(_) => return self.ask_again_later(step),
            Ok(Told::Payment(PaymentAnswer::Voided)) if is_sealed => {
                let reason = "the payment was interrupted; nothing was taken".to_owned();
                OrderCommand::TakePayment { answer: PaymentAnswer::Declined { reason }, refund }
            }
            Ok(Told::Payment(answer)) => OrderCommand::TakePayment { answer, refund },
            Ok(Told::Refund(refund, answer)) => OrderCommand::TakeRefund { refund, answer },
            Ok(Told::NeverSeen) if !is_pending => return self.ask_again_later(step),
            Ok(Told::NeverSeen) if self.token.is_some() => {
                self.attempted = false;
                return self.drive(step);
            }
            Ok(Told::NeverSeen) if !Guard::VoidBeforeEnd.stands() => {
                let reason = "the payment was interrupted".to_owned();
                OrderCommand::TakePayment { answer: PaymentAnswer::Declined { reason }, refund }
            }
            Ok(Told::NeverSeen) => {
                // It may still be on its way there. Money must not come for an order that ended.
                self.sealing = true;
                return self.drive(step);
            }
        };
        match Order::decide(Some(order), command, step.now) {
            Ok(events) if events.is_empty() && order.next().is_none() => self.answer_now(step),
            // A step came up while this was asked.
            Ok(events) if events.is_empty() && looked => self.drive(step),
            Ok(events) if events.is_empty() => self.ask_again_later(step),
            Ok(events) => {
                self.retry_after = None;
                self.token = None;
                self.sealing = false;
                let failed = |event: &OrderEvent| {
                    let reason = CancelReason::PaymentFailed { reason: String::new() };
                    matches!(event, OrderEvent::Cancelled { reason: own, .. } if own.name() == reason.name())
                };
                if events.iter().any(failed) {
                    let cart = order.placed.cart;
                    self.reopening = Some(Reopening { events });
                    self.borrow(cart, Purpose::Reopen, step);
                } else {
                    self.hand_over(events, Batch::new(), step);
                }
            }
            Err(rejection) => {
                tracing::error!(order.id = %self.id, %rejection, "the provider contradicts itself");
                self.ask_again_later(step);
            }
        }
    }

    /// The cart came, or cannot come: the order ends, and the cart reopens with it.
    pub(super) fn reopen_with(
        &mut self,
        lent: Result<Loan, Refusal<LoanRefusal>>,
        step: &mut Step<'_>,
    ) {
        let Some(Reopening { events }) = self.reopening.take() else { return };
        let loan = match lent {
            Ok(loan) => Some(loan),
            // There is no cart any more that could be opened.
            Err(Refusal::Rejected(_)) => None,
            Err(Refusal::Unavailable) => return self.ask_again_later(step),
        };
        let Some(cart) = self.order.as_ref().map(|order| order.placed.cart) else { return };
        let mut batch = Batch::new();
        if let Some(loan) = loan {
            let reopen = CartCommand::Reopen { order: self.id };
            let reopened = Cart::decide(Some(&loan.cart), reopen, step.now).unwrap_or_default();
            if reopened.is_empty() {
                step.send(ShardMessage::Cart(cart, CartMessage::Return { order: self.id }));
            } else {
                step.send(ShardMessage::Cart(cart, CartMessage::HandedOver { order: self.id }));
                write_cart(&loan, reopened, &mut batch, cart, step);
            }
        }
        self.hand_over(events, batch, step);
    }

    pub(super) fn change(
        &mut self,
        change: OrderChange,
        expected: Option<u64>,
        ask: Ask<OrderView, ChangeRefusal>,
        step: &mut Step<'_>,
    ) {
        let found = self.version;
        if self.order.is_some() && expected.is_some_and(|expected| expected != found) {
            return ask.reject(ChangeRefusal::VersionMismatch { found });
        }
        if self.reopening.is_some() || self.checkout.is_some() {
            return ask.reject(OrderRejection::PaymentUnderWay.into());
        }
        let command = match change {
            OrderChange::Cancel { reason } => {
                OrderCommand::Cancel { reason, refund: step.env.ids.refund() }
            }
            OrderChange::Capture => OrderCommand::Capture,
        };
        let cancels = matches!(command, OrderCommand::Cancel { .. });
        match Order::decide(self.order.as_ref(), command, step.now) {
            Err(rejection) => ask.reject(rejection.into()),
            Ok(events) => {
                self.waiting.push(Waiter::Change { ask, cancels });
                if events.is_empty() {
                    // Already so, or on its way there: answered behind what it rests on.
                    self.drive(step);
                } else {
                    self.hand_over(events, Batch::new(), step);
                }
            }
        }
    }

    pub(super) fn resume(
        &mut self,
        owed: Option<Keyed<OrderView, CheckoutRefusal>>,
        done: Option<oneshot::Sender<()>>,
        step: &mut Step<'_>,
    ) {
        // Where there is no order, its batch never became durable, nor did the key. Every retry says
        // what is owed; one answer is.
        let is_waited_for = |keyed: &Keyed<_, _>| {
            let same = |ask: &Ask<_, _>| ask.attempt() == Some(keyed.attempt);
            self.waiting.iter().any(|own| matches!(own, Waiter::Checkout(ask) if same(ask)))
        };
        let owed = owed.filter(|keyed| self.order.is_some() && !is_waited_for(keyed));
        self.waiting.extend(owed.map(|keyed| Waiter::Checkout(Ask::owed(keyed))));
        self.waiting.extend(done.map(Waiter::Driver));
        self.drive(step);
    }

    /// Something happened at the provider that the shop has not heard of: asks what.
    pub(super) fn refresh(&mut self, done: oneshot::Sender<()>, step: &mut Step<'_>) {
        self.waiting.push(Waiter::Driver(done));
        let order = self.order.as_ref();
        self.looking = order.is_some_and(|order| order.placed.collected == Collected::Online);
        self.drive(step);
    }

    pub(super) fn due(&mut self, due: Timestamp, step: &mut Step<'_>) {
        if self.reopening.is_some() || self.checkout.is_some() {
            return;
        }
        let Some(order) = &self.order else {
            // No such order: the row is a left-over.
            let mut batch = Batch::new();
            batch.forget_expiry(due, &EntityKey::Order(self.id));
            return step.submit(batch, None);
        };
        match Order::decide(Some(order), OrderCommand::Expire, step.now) {
            Ok(events) if !events.is_empty() => self.hand_over(events, Batch::new(), step),
            Ok(_) | Err(_) => {
                if attention(order) != Some(due) {
                    let mut batch = Batch::new();
                    batch.forget_expiry(due, &EntityKey::Order(self.id));
                    step.submit(batch, None);
                }
                if !self.pausing {
                    self.drive(step);
                }
            }
        }
    }

    pub(super) fn retry(&mut self, step: &mut Step<'_>) {
        self.pausing = false;
        self.drive(step);
    }

    /// A batch failed, so whoever waits is told, and the order is loaded afresh. It goes on after a
    /// pause, with the answer that is owed under the checkout's key: what failed may be there after
    /// all, and then a retry waits for that answer.
    pub(super) fn go_on_afresh(
        self,
        settlement: &Settlement,
        error: &CommitError,
        step: &mut Step<'_>,
    ) {
        let is_first = settlement.batch.version_of(&EntityKey::Order(self.id)) == Some(1);
        let mut owed = self.order.as_ref().and_then(|order| {
            let attempt = order.placed.attempt?;
            let mut answered = settlement.batch.answered();
            let (attempt, first_used) = answered.find(|(own, _)| *own == attempt)?;
            let render = step.env.checkout_answer.clone();
            let vault = step.env.vault.clone();
            Some(Keyed { attempt, first_used, render, vault })
        });
        for waiter in self.waiting {
            match waiter {
                Waiter::Checkout(ask) => {
                    let refusal = is_first.then(|| CheckoutRefusal::of_commit(error)).flatten();
                    let left = ask.fail(refusal.map_or(Refusal::Unavailable, Refusal::Rejected));
                    owed = owed.or(left);
                }
                Waiter::Change { ask, .. } => ask.send(Err(Refusal::Unavailable)),
                // Dropped: the driver sees that this order did not come to rest.
                Waiter::Driver(_) => {}
            }
        }
        if is_first && matches!(error, CommitError::Conflict(_)) {
            return;
        }
        let pause = step.env.settings.provider_retry;
        let drive = OrderMessage::Drive { owed, done: None };
        step.later(pause, ShardMessage::Order(self.id, drive));
        // What the provider said of it is lost with the batch, and an order that waits for its shopper
        // would not ask for it by itself.
        let is_news = |fact: &Fact| matches!(fact, Fact::Order(_, OrderEvent::Payment { .. }));
        if settlement.batch.facts().any(|own| is_news(&own.fact)) {
            let (done, _) = oneshot::channel();
            step.later(pause, ShardMessage::Order(self.id, OrderMessage::Refresh { done }));
        }
    }

    /// The provider is silent: whoever waits is told how things stand, and it is asked again later.
    fn ask_again_later(&mut self, step: &mut Step<'_>) {
        let first = step.env.settings.provider_retry;
        let pause = self
            .retry_after
            .map_or(first, |last| Span::millis(last.as_millis() * 2).min(LONGEST_PAUSE));
        if !self.pausing {
            self.pausing = true;
            self.retry_after = Some(pause);
            step.later(pause, ShardMessage::Order(self.id, OrderMessage::Retry));
        }
        self.answer_now(step);
    }

    /// Answers whoever waits with the order as it stands.
    fn answer_now(&mut self, step: &mut Step<'_>) {
        let mut batch = Batch::new();
        let Some(reply) = self.answer_all(&mut batch, step) else { return };
        let is_behind = step.unsettled && Guard::AnswerBehindWrite.stands();
        if is_behind || !batch.is_empty() {
            batch.require(EntityKey::Order(self.id), self.version);
        }
        step.answer(batch, reply);
    }

    fn reserve_keys(&self, batch: &mut Batch) {
        for waiter in &self.waiting {
            if let Waiter::Checkout(ask) = waiter {
                ask.reserve_key(batch, self.id);
            }
        }
    }

    fn answer_all(&mut self, batch: &mut Batch, step: &Step<'_>) -> Option<Reply> {
        let waiting = std::mem::take(&mut self.waiting);
        let replies = waiting.into_iter().map(|waiter| self.answer(waiter, batch, step));
        Reply::all(replies.collect())
    }

    fn answer(&self, waiter: Waiter, batch: &mut Batch, step: &Step<'_>) -> Reply {
        let now = step.now;
        let asked = !matches!(waiter, Waiter::Driver(_));
        let order = self.order.as_ref().filter(|_| asked).cloned();
        let view = order.map(|order| OrderView::new(self.id, self.version, order, &step.env.vault));
        match (waiter, view) {
            (Waiter::Driver(done), _) => Reply::new(move |_| {
                let _ = done.send(());
            }),
            (Waiter::Checkout(ask), None) => {
                ask.record_rejection(OrderRejection::Unknown.into(), batch, now).into_reply()
            }
            (Waiter::Change { ask, .. }, None) => {
                ask.record_rejection(OrderRejection::Unknown.into(), batch, now).into_reply()
            }
            (Waiter::Checkout(ask), Some(view)) => {
                let pending = match declined(&view.order) {
                    Some(reason) => {
                        let refusal = CheckoutRefusal::Declined { order: self.id, reason };
                        ask.record_rejection(refusal, batch, now)
                    }
                    None => ask.record(view, batch, now),
                };
                match self.version {
                    1 => pending.into_reply_or(CheckoutRefusal::of_commit),
                    _ => pending.into_reply(),
                }
            }
            (Waiter::Change { ask, cancels }, Some(view)) => match refund_refused(&view.order) {
                Some(reason) if cancels => ask
                    .record_rejection(ChangeRefusal::RefundRefused { reason }, batch, now)
                    .into_reply(),
                Some(_) | None => ask.record(view, batch, now).into_reply(),
            },
        }
    }
}

/// How long a step may take before the shop comes back to the order by itself: whoever was to take
/// it may have lost its memory.
const STEP_WITHIN: Span = Span::minutes(1);

/// Under which time the shop finds the order by itself, if it must come back to it at all: for an
/// unfinished step, or at its deadline.
fn attention(order: &Order) -> Option<Timestamp> {
    match order.next() {
        Some(_) => Some(order.updated_at.plus(STEP_WITHIN)),
        None => order.deadline(),
    }
}

fn declined(order: &Order) -> Option<String> {
    match &order.ending {
        Ending::Cancelled { reason: CancelReason::PaymentFailed { reason }, .. } => {
            Some(reason.clone())
        }
        Ending::Cancelled { .. } | Ending::Live | Ending::Closing(_) => None,
    }
}

/// Why the newest refund failed, while the order still stands because of it.
fn refund_refused(order: &Order) -> Option<String> {
    match (&order.ending, order.refunds.last().map(|refund| &refund.state)) {
        (Ending::Live, Some(RefundState::Failed { reason })) => Some(reason.clone()),
        (_, _) => None,
    }
}
