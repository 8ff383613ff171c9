//! One SKU: the fast gate in front of the books.
//!
//! It answers a hold from memory at once and asks nobody. What is durable it learns from the
//! receipts of batches that moved it, whoever made them.

use super::ask::{Ask, Refusal, Reply};
use super::entity::{Entity, Owed, Settlement, Step};
use super::order::OrderMessage;
use super::shard::ShardMessage;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::stock::{
    Change, Level, Movement, Stock, StockCommand, StockEvent, StockRejection,
};
use crate::domain::{OrderId, Sku, Timestamp};
use crate::storage::codec::CodecError;
use crate::storage::{Batch, CommitError, Committed, Conflict, decode_row};
use std::collections::VecDeque;

pub enum SkuMessage {
    /// An order asks for units; answered to the order.
    Hold {
        order: OrderId,
        units: u32,
        expires_at: Timestamp,
        answer: Owed,
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
    /// A command's batch is on its way. The next one waits for it: two figures that staff set are
    /// built on each other, and the guard in the store sees no more than differences.
    is_changing: bool,
    waiting: VecDeque<(StockCommand, Ask<Level, StockRejection>)>,
}

impl Entity for SkuActor {
    type Id = Sku;
    type Message = SkuMessage;

    fn key(sku: &Sku) -> EntityKey {
        EntityKey::Sku(sku.clone())
    }

    fn wake(sku: &Sku, row: Option<&[u8]>) -> Result<SkuActor, CodecError> {
        let (version, level) = row.map(decode_row).transpose()?.unwrap_or_default();
        let (stock, is_changing, waiting) = (Stock::new(level), false, VecDeque::new());
        Ok(SkuActor { sku: sku.clone(), version, stock, is_changing, waiting })
    }

    fn is_birth(_: &SkuMessage) -> bool {
        false
    }

    fn announces_batch(message: &SkuMessage) -> bool {
        matches!(message, SkuMessage::HandedOver { .. })
    }

    fn serve(&mut self, message: SkuMessage, step: &mut Step<'_>) {
        match message {
            SkuMessage::Hold { order, units, expires_at, answer } => {
                let held = self.stock.hold(order, units, expires_at, step.now);
                let held = held.map_err(Refusal::Rejected);
                step.give(answer, OrderMessage::Held { sku: self.sku.clone(), held });
            }
            SkuMessage::Forget { order } => self.stock.forget(order),
            SkuMessage::HandedOver { order, units } => {
                if let Some(units) = units {
                    self.stock.hand_over(order, units);
                }
            }
            SkuMessage::Command { command, ask } if self.is_changing => {
                self.waiting.push_back((command, ask));
            }
            SkuMessage::Command { command, ask } => self.command(command, ask, step),
            #[cfg(test)]
            SkuMessage::Panic => panic!("as the test wants it"),
        }
    }

    fn settled(&mut self, settlement: &Settlement, committed: &Committed, step: &mut Step<'_>) {
        let is_own = settlement.owner.as_ref() == Some(&EntityKey::Sku(self.sku.clone()));
        for fact in settlement.batch.facts() {
            if is_own && !matches!(fact.fact, Fact::Stock(_, StockEvent::RanLow { .. })) {
                self.is_changing = false;
                self.stock.configured();
            }
            for movement in fact.movements.iter().filter(|movement| movement.sku == self.sku) {
                match movement.change {
                    Change::Reserve { order, .. } => self.stock.forget(order),
                    Change::Adjust { delta } if is_own => self.stock.adjusted(delta),
                    Change::Adjust { .. }
                    | Change::Release { .. }
                    | Change::Sell { .. }
                    | Change::Return { .. } => {}
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
        while !self.is_changing
            && let Some((command, ask)) = self.waiting.pop_front()
        {
            self.command(command, ask, step);
        }
    }

    fn last_words(self, settlement: &Settlement, error: &CommitError, step: &mut Step<'_>) {
        for (command, ask) in self.waiting {
            let command = SkuMessage::Command { command, ask };
            step.send(ShardMessage::Sku(self.sku.clone(), command));
        }
        if let CommitError::Conflict(Conflict::Stock { sku, .. }) = error
            && *sku == self.sku
        {
            tracing::warn!(sku = %self.sku, facts = settlement.batch.facts().len(), "the store's guard refused a movement");
        }
    }

    fn is_idle(&self) -> bool {
        self.stock.is_settled() && !self.is_changing && self.waiting.is_empty()
    }

    fn heap_bytes(&self) -> usize {
        self.sku.as_str().len() + self.stock.promises() * 64 + self.waiting.len() * 200
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
            self.is_changing = true;
            match event {
                StockEvent::Adjusted { delta, .. } => {
                    movements
                        .push(Movement { sku: self.sku.clone(), change: Change::Adjust { delta } });
                    self.stock.adjusting(delta);
                    level = self.stock.ahead();
                }
                StockEvent::Configured { backorder, .. } => {
                    self.stock.configuring(backorder);
                    level.apply(&event);
                }
                StockEvent::RanLow { .. } => level.apply(&event),
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
