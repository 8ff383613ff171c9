//! Two carts become one: what a guest picked goes into the cart of the customer who they turn out to be.
//!
//! Whoever borrows carts is an order, so this is an order's actor that never becomes an order. It borrows
//! the cart that ends, then the one that stays; both stand still meanwhile. Their rows and facts go into one
//! batch, so a crash leaves both as they were, or it is done: asked again, the first cart is not open any
//! more, and nothing is added twice.

use super::super::ask::{Ask, Refusal};
use super::super::cart::{CartMessage, CartView, Loan, LoanRefusal, Purpose};
use super::super::entity::Step;
use super::super::shard::ShardMessage;
use super::OrderActor;
use super::checkout::write_cart;
use crate::domain::cart::{Cart, CartCommand, CartRejection};
use crate::domain::{CartId, Timestamp};
use crate::storage::Batch;

/// Why two carts stay two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    #[error(transparent)]
    Cart(#[from] CartRejection),
}

/// Two carts that are becoming one.
pub(super) struct Merging {
    from: CartId,
    into: CartId,
    ask: Ask<CartView, MergeRefusal>,
    /// The cart that ends, once it is here.
    ending: Option<Loan>,
}

impl OrderActor {
    pub(super) fn merge(
        &mut self,
        from: CartId,
        into: CartId,
        ask: Ask<CartView, MergeRefusal>,
        step: &mut Step<'_>,
    ) {
        if from == into || self.order.is_some() || self.checkout.is_some() {
            return ask.reject(CartRejection::Exists.into());
        }
        self.merging = Some(Box::new(Merging { from, into, ask, ending: None }));
        self.borrow(from, Purpose::Merge, step);
    }

    /// A cart came, or cannot come.
    pub(super) fn merge_with(
        &mut self,
        lent: Result<Loan, Refusal<LoanRefusal>>,
        step: &mut Step<'_>,
    ) {
        let Some(mut merging) = self.merging.take() else { return };
        let loan = match lent {
            Ok(loan) => loan,
            Err(refusal) => {
                if merging.ending.is_some() {
                    self.give_cart_back(merging.from, step);
                }
                return merging.ask.send(Err(of_loan(refusal)));
            }
        };
        match merging.ending.take() {
            None => {
                merging.ending = Some(loan);
                self.borrow(merging.into, Purpose::Merge, step);
                self.merging = Some(merging);
            }
            Some(ending) => self.write_merged(*merging, &ending, &loan, step),
        }
    }

    /// Both are here: what ends and what stays go into one batch.
    fn write_merged(&self, merging: Merging, ending: &Loan, staying: &Loan, step: &mut Step<'_>) {
        let Merging { from, into, ask, .. } = merging;
        let (ended, taken) = match decided(ending, staying, into, step.now) {
            Ok(decided) => decided,
            Err(rejection) => {
                self.give_cart_back(from, step);
                self.give_cart_back(into, step);
                return ask.reject(rejection.into());
            }
        };
        let mut batch = Batch::new();
        let mut cart = (*staying.cart).clone();
        let mut version = staying.version;
        step.send(ShardMessage::Cart(from, CartMessage::HandedOver { order: self.id }));
        write_cart(ending, ended, &mut batch, from, step);
        if taken.is_empty() {
            self.give_cart_back(into, step);
        } else {
            step.send(ShardMessage::Cart(into, CartMessage::HandedOver { order: self.id }));
            cart = taken.iter().fold(Some(cart.clone()), Cart::apply).unwrap_or(cart);
            version += 1;
            write_cart(staying, taken, &mut batch, into, step);
        }
        let view = CartView::new(into, version, cart, &step.env.vault);
        let reply = ask.record(view, &mut batch, step.now).into_reply();
        step.submit(batch, Some(reply));
    }

    fn give_cart_back(&self, cart: CartId, step: &mut Step<'_>) {
        step.send(ShardMessage::Cart(cart, CartMessage::Return { order: self.id }));
    }
}

type Events = Vec<crate::domain::cart::CartEvent>;

/// What follows for the cart that ends and for the one that stays.
fn decided(
    ending: &Loan,
    staying: &Loan,
    into: CartId,
    now: Timestamp,
) -> Result<(Events, Events), CartRejection> {
    let ended = Cart::decide(Some(&ending.cart), CartCommand::MergeInto(into), now)?;
    let take_in = CartCommand::TakeIn(ending.cart.lines.clone());
    let taken = Cart::decide(Some(&staying.cart), take_in, now)?;
    Ok((ended, taken))
}

/// A cart that is lent for a merge is looked at for nothing but whether it is open.
fn of_loan(refusal: Refusal<LoanRefusal>) -> Refusal<MergeRefusal> {
    match refusal {
        Refusal::Unavailable => Refusal::Unavailable,
        Refusal::Rejected(LoanRefusal::Rejected(rejection)) => Refusal::Rejected(rejection.into()),
        Refusal::Rejected(LoanRefusal::PriceChanged(_) | LoanRefusal::NotForSale(_)) => {
            Refusal::Unavailable
        }
    }
}
