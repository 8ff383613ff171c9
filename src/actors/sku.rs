//! One SKU: the fast gate in front of the books.
//!
//! It answers a hold from memory at once and asks nobody. What is durable it learns from the
//! receipts of batches that moved it, whoever made them.

use super::ask::{Ask, Reply};
use super::entity::{Entity, Settlement, Step};
use super::order::OrderMessage;
use super::shard::ShardMessage;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::stock::{
    Change, Level, Movement, Stock, StockCommand, StockEvent, StockRejection,
};
use crate::domain::{OrderId, Sku, Timestamp};
use crate::storage::codec::CodecError;
use crate::storage::{Batch, CommitError, Committed, Conflict, decode_row};

pub enum SkuMessage {
    /// An order asks for units; answered to the order.
    Hold {
        order: OrderId,
        units: u32,
        expires_at: Timestamp,
    },
    /// The order needs them no more and has handed nothing over.
    Forget {
        order: OrderId,
    },
    /// A batch that moves this SKU goes to the committer now; `units` where it keeps a hold.
    HandedOver {
        order: OrderId,
        units: Option<u32>,
    },
    Command {
        command: StockCommand,
        ask: Ask<Level, StockRejection>,
    },
    /// For tests: a step that panics.
    #[cfg(test)]
    Panic,
}

pub(super) struct SkuActor {
    sku: Sku,
    /// Of the row that the level is from.
    version: u64,
    stock: Stock,
}

impl Entity for SkuActor {
    type Id = Sku;
    type Message = SkuMessage;

    fn key(sku: &Sku) -> EntityKey {
        EntityKey::Sku(sku.clone())
    }

    fn wake(sku: &Sku, row: Option<&[u8]>) -> Result<SkuActor, CodecError> {
        let (version, level) = row.map(decode_row).transpose()?.unwrap_or_default();
        Ok(SkuActor { sku: sku.clone(), version, stock: Stock::new(level) })
    }

    fn is_birth(_: &SkuMessage) -> bool {
        false
    }

    fn announces_batch(message: &SkuMessage) -> bool {
        matches!(message, SkuMessage::HandedOver { .. })
    }

    fn serve(&mut self, message: SkuMessage, step: &mut Step<'_>) {
        match message {
            SkuMessage::Hold { order, units, expires_at } => {
                let held = self.stock.hold(order, units, expires_at, step.now);
                let answer = OrderMessage::Held { sku: self.sku.clone(), held };
                step.send(ShardMessage::Order(order, answer));
            }
            SkuMessage::Forget { order } => self.stock.forget(order),
            SkuMessage::HandedOver { order, units } => {
                if let Some(units) = units {
                    self.stock.hand_over(order, units);
                }
            }
            SkuMessage::Command { command, ask } => self.command(command, ask, step),
            #[cfg(test)]
            SkuMessage::Panic => panic!("as the test wants it"),
        }
    }

    fn settled(&mut self, settlement: &Settlement, committed: &Committed, step: &mut Step<'_>) {
        for fact in settlement.batch.facts() {
            for movement in fact.movements.iter().filter(|movement| movement.sku == self.sku) {
                match movement.change {
                    Change::Reserve { order, .. } => self.stock.forget(order),
                    Change::Adjust { delta } => self.stock.adjusted(delta),
                    Change::Release { .. } | Change::Sell { .. } | Change::Return { .. } => {}
                }
            }
        }
        let own = committed.levels.iter().find(|(sku, _, _)| *sku == self.sku);
        if let Some((_, version, level)) = own
            && *version > self.version
        {
            let before = *self.stock.level();
            self.version = *version;
            self.stock.booked(*level);
            self.tell_if_low(&before, level, step);
        }
    }

    fn last_words(self, settlement: &Settlement, error: &CommitError, _: &mut Step<'_>) {
        if let CommitError::Conflict(Conflict::Stock { sku, .. }) = error
            && *sku == self.sku
        {
            tracing::warn!(sku = %self.sku, facts = settlement.batch.facts().len(), "the store's guard refused a movement");
        }
    }

    fn is_idle(&self) -> bool {
        self.stock.is_settled()
    }

    fn heap_bytes(&self) -> usize {
        self.sku.as_str().len() + self.stock.promises() * 64
    }
}

impl SkuActor {
    fn command(
        &mut self,
        command: StockCommand,
        ask: Ask<Level, StockRejection>,
        step: &mut Step<'_>,
    ) {
        let events = match self.stock.decide(command) {
            Ok(events) => events,
            Err(rejection) => return ask.reject(rejection),
        };
        let mut batch = Batch::new();
        let mut level = self.stock.ahead();
        for event in events {
            let mut movements = Vec::new();
            match event {
                StockEvent::Adjusted { delta, .. } => {
                    movements
                        .push(Movement { sku: self.sku.clone(), change: Change::Adjust { delta } });
                    self.stock.adjusting(delta);
                    level = self.stock.ahead();
                }
                StockEvent::Configured { .. } | StockEvent::RanLow { .. } => level.apply(&event),
            }
            batch.fact(step.now, Fact::Stock(self.sku.clone(), event), movements);
        }
        let reply: Reply = ask.record(level, &mut batch, step.now).into_reply();
        step.answer(batch, reply);
    }

    fn tell_if_low(&self, before: &Level, now: &Level, step: &mut Step<'_>) {
        if before.runs_low(now) {
            let available = now.available();
            let mut batch = Batch::new();
            let fact = Fact::Stock(self.sku.clone(), StockEvent::RanLow { available });
            batch.fact(step.now, fact, vec![]);
            step.submit(batch, None);
        }
    }
}
