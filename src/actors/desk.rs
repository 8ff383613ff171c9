//! Where the front door asks: one method per question, each an address, a message and a wait.

use super::ask::{Ask, AskResult, Keyed, Refusal};
use super::cart::{CartMessage, CartRefusal, CartRequest, CartView};
use super::clock::Ids;
use super::directory::Directory;
use super::order::{
    ChangeRefusal, CheckoutRefusal, CheckoutRequest, MergeRefusal, OrderChange, OrderMessage,
    OrderView,
};
use super::shard::{Census, ShardMessage};
use super::sku::SkuMessage;
use crate::domain::stock::{Level, StockCommand, StockRejection};
use crate::domain::{CartId, OrderId, Sku};
use tokio::sync::oneshot;

/// Asks carts, orders and SKUs. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    directory: Directory,
    ids: Ids,
}

impl Desk {
    pub fn new(directory: Directory, ids: Ids) -> Desk {
        Desk { directory, ids }
    }

    /// Asks a cart; `expected` is the version that an `If-Match` names.
    pub async fn cart(
        &self,
        id: CartId,
        request: CartRequest,
        expected: Option<u64>,
        keyed: Option<Keyed<CartView, CartRefusal>>,
    ) -> AskResult<CartView, CartRefusal> {
        let (ask, answer) = Ask::new(keyed);
        self.directory
            .send(ShardMessage::Cart(id, CartMessage::Request { request, expected, ask }));
        answered(answer).await
    }

    pub async fn create_cart(
        &self,
        request: CartRequest,
        keyed: Option<Keyed<CartView, CartRefusal>>,
    ) -> AskResult<CartView, CartRefusal> {
        self.cart(self.ids.cart(), request, None, keyed).await
    }

    /// Checks a cart out. The order goes on to its end even if nobody waits any more.
    pub async fn checkout(
        &self,
        request: CheckoutRequest,
        keyed: Option<Keyed<OrderView, CheckoutRefusal>>,
    ) -> AskResult<OrderView, CheckoutRefusal> {
        let (ask, answer) = Ask::new(keyed);
        let place = OrderMessage::Place { request: Box::new(request), ask };
        self.directory.send(ShardMessage::Order(self.ids.order(), place));
        answered(answer).await
    }

    /// Puts what is in one cart into another, and ends the first: both or neither.
    pub async fn merge_carts(
        &self,
        from: CartId,
        into: CartId,
    ) -> AskResult<CartView, MergeRefusal> {
        let (ask, answer) = Ask::new(None);
        let merge = OrderMessage::Merge { from, into, ask };
        self.directory.send(ShardMessage::Order(self.ids.order(), merge));
        answered(answer).await
    }

    pub async fn change_order(
        &self,
        id: OrderId,
        change: OrderChange,
        expected: Option<u64>,
        keyed: Option<Keyed<OrderView, ChangeRefusal>>,
    ) -> AskResult<OrderView, ChangeRefusal> {
        let (ask, answer) = Ask::new(keyed);
        self.directory
            .send(ShardMessage::Order(id, OrderMessage::Change { change, expected, ask }));
        answered(answer).await
    }

    /// Has an order go on, with an answer that it owes under a key and nobody waits for. What is given
    /// back ends when the order rests, or has lost its memory.
    pub fn go_on(
        &self,
        id: OrderId,
        owed: Keyed<OrderView, CheckoutRefusal>,
    ) -> oneshot::Receiver<()> {
        let (done, rested) = oneshot::channel();
        let drive = OrderMessage::Drive { owed: Some(owed), done: Some(done) };
        self.directory.send(ShardMessage::Order(id, drive));
        rested
    }

    /// Has an order ask its provider what became of its payment; returns when it rests.
    pub async fn refresh_payment(&self, id: OrderId) {
        let (done, rested) = oneshot::channel();
        self.directory.send(ShardMessage::Order(id, OrderMessage::Refresh { done }));
        let _ = rested.await;
    }

    /// Passes on a message that is on its way already.
    pub(crate) fn pass_on(&self, message: ShardMessage) {
        self.directory.send(message);
    }

    pub async fn stock(
        &self,
        sku: Sku,
        command: StockCommand,
        keyed: Option<Keyed<Level, StockRejection>>,
    ) -> AskResult<Level, StockRejection> {
        let (ask, answer) = Ask::new(keyed);
        self.directory.send(ShardMessage::Sku(sku, SkuMessage::Command { command, ask }));
        answered(answer).await
    }

    /// How many entities are in memory, over all shards.
    pub async fn census(&self) -> Census {
        let mut sum = Census::default();
        for shard in 0..self.directory.shards() {
            let (reply, answer) = oneshot::channel();
            self.directory.send_to(shard, ShardMessage::Census(reply));
            if let Ok(census) = answer.await {
                sum.carts += census.carts;
                sum.orders += census.orders;
                sum.skus += census.skus;
                sum.loading += census.loading;
                sum.bytes += census.bytes;
            }
        }
        sum
    }
}

/// A sender that was dropped says that nobody can answer: the entity's step failed, or the shop goes
/// down.
async fn answered<V, R>(answer: oneshot::Receiver<AskResult<V, R>>) -> AskResult<V, R> {
    answer.await.unwrap_or(Err(Refusal::Unavailable))
}
