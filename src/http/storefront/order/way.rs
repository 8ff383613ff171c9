//! How an order stands, and its way: what happened when, and what is still to come.

use crate::domain::order::{
    CancelReason, Collected, Ending, Order, OrderStatus, Refund, RefundState,
};
use crate::domain::payment::PaymentState;
use crate::http::storefront::look::Look;
use crate::http::storefront::words;

/// How an order stands, in a word or two.
pub struct Tag {
    /// `good`, `warn` or `bad`.
    pub state: &'static str,
    pub words: &'static str,
}

/// A step on the order's way.
pub struct Step {
    pub name: String,
    pub when: Option<String>,
    pub text: Option<String>,
    pub is_done: bool,
    pub is_current: bool,
}

pub fn tag(order: &Order) -> Tag {
    let asks = matches!(order.payment.state, PaymentState::ActionNeeded { .. });
    let (state, words) = match (&order.ending, order.status(), order.placed.collected) {
        (Ending::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. }, ..) => {
            ("bad", "Not paid")
        }
        (Ending::Cancelled { .. }, ..) => ("bad", "Cancelled"),
        (Ending::Closing(_), ..) => ("warn", "Being cancelled"),
        (_, OrderStatus::Paid, _) => ("good", "Being packed"),
        (_, _, Collected::ByHand) => ("warn", "Waiting for your payment"),
        (..) if asks => ("warn", "Waiting for you"),
        (..) => ("warn", "Your payment is under way"),
    };
    Tag { state, words }
}

/// What happened when, and what is still to come.
pub fn steps(order: &Order, arrives: Option<&str>, look: &Look) -> Vec<Step> {
    let placed = &order.placed;
    let done = |name: &str, at| Step {
        name: name.to_owned(),
        when: Some(words::moment(at)),
        text: None,
        is_done: true,
        is_current: false,
    };
    let to_come = |name: &str, text: Option<String>| Step {
        name: name.to_owned(),
        when: None,
        text,
        is_done: false,
        is_current: false,
    };
    let mut steps = vec![done("Placed", placed.placed_at)];
    steps.extend(order.paid_at.map(|at| done("Paid", at)));
    if let Ending::Cancelled { reason, at } = &order.ending {
        let text = Some(why(reason).to_owned());
        steps.push(Step { text, ..done("Cancelled", *at) });
    }
    steps.extend(order.refunds.iter().map(|refund| given_back(refund, look)));
    if order.paid_at.is_none() && order.ending == Ending::Live {
        let until = words::day(placed.expires_at);
        let text = match placed.collected {
            Collected::ByHand => format!("Waiting for your transfer until {until}."),
            Collected::Online => "Waiting for the bank.".to_owned(),
        };
        steps.push(Step { is_current: true, ..to_come("Paid", Some(text)) });
    } else if let Some(last) = steps.last_mut() {
        last.is_current = true;
    }
    if !matches!(order.ending, Ending::Cancelled { .. }) {
        steps.push(to_come("On its way", None));
        let text = arrives.map(|days| format!("Expected {days}."));
        steps.push(to_come("Delivered", text));
    }
    steps
}

fn given_back(refund: &Refund, look: &Look) -> Step {
    let amount = look.price(refund.amount);
    let text = match &refund.state {
        RefundState::Settled => format!("{amount} were given back."),
        RefundState::Started => format!("{amount} are on their way back to you."),
        RefundState::Failed { .. } => format!("{amount} could not be given back yet: write to us."),
    };
    Step {
        name: "Money given back".into(),
        when: Some(words::moment(refund.created_at)),
        text: Some(text),
        is_done: refund.state == RefundState::Settled,
        is_current: false,
    }
}

fn why(reason: &CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested(_) => "As was asked for.",
        CancelReason::PaymentFailed { .. } => "The payment came to nothing, and nothing was taken.",
        CancelReason::Expired => "It was not paid in time, so its things are for others again.",
    }
}
