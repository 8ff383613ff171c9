//! The reference: a shop as a child would keep it, in whole numbers and lists, told by the log alone.
//!
//! It shares no rule with the engine. What the log says happened is counted again here, and compared
//! with what the rows say, with what clients were told, and with the bank's books. The first thing
//! that does not agree is the violation. The invariants are those of `ARCHITECTURE.md`.

use crate::actors::ask::RenderedAnswer;
use crate::actors::reads::Reads;
use crate::domain::cart::{Cart, CartEvent, CartStatus};
use crate::domain::catalog::ProductEvent;
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::order::{Collected, Order, OrderEvent, OrderStatus, Placed, Units};
use crate::domain::payment::{PaymentEvent, PaymentState};
use crate::domain::stock::{Change, Level, StockEvent};
use crate::domain::{CartId, Money, OrderId, PaymentId, RefundId, Seq, Sku, Span, Timestamp};
use crate::storage::records::Reservation;
use crate::storage::table::{expiry_key, parse_reservation_key, reservation_key};
use crate::storage::{Direction, Snapshot, Store, StoreError, Stored, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

/// A promise that was broken, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's number, such as `I2`.
    pub invariant: &'static str,
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

pub(super) type Checked<T = ()> = Result<T, Violation>;

macro_rules! must {
    ($holds:expr, $invariant:literal, $($detail:tt)+) => {
        if !$holds {
            return Err($crate::simulate::Violation { invariant: $invariant, detail: format!($($detail)+) });
        }
    };
}
pub(super) use must;

#[derive(Default)]
pub(super) struct Model {
    /// The hash of each event of the log, by its place.
    log: Vec<u64>,
    pub shelves: BTreeMap<Sku, Shelf>,
    carts: BTreeMap<CartId, CartBook>,
    pub orders: BTreeMap<OrderId, OrderBook>,
    /// What orders hold of which SKU.
    promises: BTreeSet<(OrderId, Sku)>,
    /// Every order that a key made.
    by_key: BTreeMap<[u8; 16], Vec<OrderId>>,
    numbers: BTreeSet<u64>,
    /// When each key was first sent, and the first answer under it.
    keys: BTreeMap<[u8; 16], KeyBook>,
    /// Versions of carts that somebody was told of.
    shown: BTreeMap<CartId, u64>,
}

struct KeyBook {
    first_sent: Timestamp,
    first_step: usize,
    answer: Option<RenderedAnswer>,
}

impl KeyBook {
    /// Whether the shop may have forgotten it: after 24 hours, by a clock that jumps by an hour at a
    /// time.
    fn is_old(&self, now: Timestamp) -> bool {
        now >= self.first_sent.plus(Span::hours(20))
    }
}

/// One SKU, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shelf {
    pub received: i64,
    pub sold: i64,
    pub reserved: i64,
    pub backorder: bool,
    /// Every price it had.
    prices: Vec<PriceTag>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PriceTag {
    minor: i64,
    since: Seq,
    /// The step after which no shopper is shown an older one.
    shown_at: Option<usize>,
}

impl Shelf {
    pub fn available(&self) -> i64 {
        self.received - self.sold - self.reserved
    }
}

#[derive(Default)]
struct CartBook {
    lines: BTreeMap<Sku, (u32, i64)>,
    state: CartState,
    changes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CartState {
    #[default]
    Open,
    Ordered(OrderId),
    Gone,
}

pub(super) struct OrderBook {
    cart: CartId,
    lines: Vec<(Sku, u32)>,
    prices: Vec<(Sku, i64)>,
    pub total: i64,
    pub payment: PaymentId,
    is_online: bool,
    units: Held,
    pub captured: i64,
    refunds: BTreeMap<RefundId, (i64, Refunded)>,
    is_closing: bool,
    is_cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Reserved,
    Sold,
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refunded {
    Started,
    Settled,
    Failed,
}

impl OrderBook {
    /// What the bank must have, once everything rests.
    pub fn kept(&self) -> i64 {
        let settled = self.refunds.values().filter(|(_, state)| *state == Refunded::Settled);
        self.captured - settled.map(|(amount, _)| amount).sum::<i64>()
    }

    fn promised_back(&self) -> i64 {
        let going = self.refunds.values().filter(|(_, state)| *state != Refunded::Failed);
        going.map(|(amount, _)| amount).sum()
    }

    pub fn is_live(&self) -> bool {
        !self.is_cancelled
    }
}

impl Model {
    /// Takes in what is new in the log of a store in which all is durable, and looks at every row
    /// that it touched.
    pub fn catch_up(&mut self, store: &dyn Store) -> Checked {
        let snapshot = readable(store.snapshot())?;
        self.read_on(&*snapshot)
    }

    fn read_on(&mut self, snapshot: &dyn Snapshot) -> Checked {
        let head = Seq(self.log.len() as u64);
        let events = readable(snapshot.events_after(head, usize::MAX))?;
        let mut touched = BTreeSet::new();
        for event in &events {
            let next = self.log.len() as u64 + 1;
            must!(event.seq.0 == next, "I6", "event {} follows event {}", event.seq.0, next - 1);
            self.log.push(hash(event));
            self.take_in(event)?;
            touched.insert(event.fact.entity());
            let moved = event.movements.iter().map(|own| EntityKey::Sku(own.sku.clone()));
            touched.extend(moved);
        }
        for key in touched {
            self.compare(&key, snapshot)?;
        }
        Ok(())
    }

    /// Lines of orders that hold nothing any more.
    pub fn let_go(&self) -> impl Iterator<Item = (OrderId, &(Sku, u32))> {
        let free = self.orders.iter().filter(|(_, order)| order.units != Held::Reserved);
        free.flat_map(|(id, order)| order.lines.iter().map(move |line| (*id, line)))
    }

    /// After a start: everything that was durable is there, unchanged (I1).
    pub fn survived(&mut self, store: &dyn Store) -> Checked {
        let snapshot = readable(store.snapshot())?;
        let events = readable(snapshot.events_after(Seq(0), usize::MAX))?;
        let (had, has) = (self.log.len(), events.len());
        must!(has >= had, "I1", "of {had} durable events, {has} are left");
        for (event, before) in events.iter().zip(&self.log) {
            must!(hash(event) == *before, "I1", "event {} is another one than before", event.seq.0);
        }
        self.read_on(&*snapshot)?;
        let keys: Vec<EntityKey> = self.everything().collect();
        keys.iter().try_for_each(|key| self.compare(key, &*snapshot))
    }

    fn everything(&self) -> impl Iterator<Item = EntityKey> {
        let carts = self.carts.keys().map(|id| EntityKey::Cart(*id));
        let orders = self.orders.keys().map(|id| EntityKey::Order(*id));
        let skus = self.shelves.keys().map(|sku| EntityKey::Sku(sku.clone()));
        carts.chain(orders).chain(skus)
    }

    fn take_in(&mut self, event: &Event) -> Checked {
        match &event.fact {
            Fact::Cart(id, fact) => self.take_in_cart(*id, fact)?,
            Fact::Order(id, fact) => self.take_in_order(*id, fact)?,
            Fact::Stock(sku, StockEvent::Configured { backorder, .. }) => {
                self.shelf(sku).backorder = *backorder;
            }
            Fact::Product(
                _,
                ProductEvent::Created { content, .. } | ProductEvent::Updated { content, .. },
            ) => {
                for variant in &content.variants {
                    let price = variant.price.minor();
                    let prices = &mut self.shelf(&variant.sku).prices;
                    if prices.last().is_none_or(|last| last.minor != price) {
                        prices.push(PriceTag { minor: price, since: event.seq, shown_at: None });
                    }
                }
            }
            _ => {}
        }
        for movement in &event.movements {
            self.move_units(event, &movement.sku, &movement.change)?;
        }
        Ok(())
    }

    fn move_units(&mut self, event: &Event, sku: &Sku, change: &Change) -> Checked {
        let seq = event.seq.0;
        match *change {
            Change::Reserve { order, .. } => {
                let is_new = self.promises.insert((order, sku.clone()));
                must!(is_new, "I8", "event {seq} promises {sku} to {order} once more");
            }
            Change::Release { order, .. } | Change::Sell { order, .. } => {
                let is_held = self.promises.remove(&(order, sku.clone()));
                must!(is_held, "I8", "event {seq} frees {sku}, which {order} does not hold");
            }
            Change::Return { .. } | Change::Adjust { .. } => {}
        }
        let shelf = self.shelf(sku);
        let takes = matches!(change, Change::Reserve { .. })
            || matches!(change, Change::Adjust { delta } if *delta < 0);
        match *change {
            Change::Reserve { units, .. } => shelf.reserved += i64::from(units),
            Change::Release { units, .. } => shelf.reserved -= i64::from(units),
            Change::Sell { units, .. } => {
                shelf.reserved -= i64::from(units);
                shelf.sold += i64::from(units);
            }
            Change::Return { units, .. } => shelf.sold -= i64::from(units),
            Change::Adjust { delta } => shelf.received += delta,
        }
        must!(shelf.reserved >= 0, "I2", "event {seq} frees units of {sku} that nobody holds");
        must!(
            !takes || shelf.available() >= 0 || shelf.backorder,
            "I2",
            "event {seq} oversells {sku}: {shelf:?}"
        );
        Ok(())
    }

    fn take_in_cart(&mut self, id: CartId, fact: &CartEvent) -> Checked {
        let is_new = matches!(fact, CartEvent::Created { .. });
        must!(
            is_new != self.carts.contains_key(&id),
            "I6",
            "{id} does not begin with its creation"
        );
        let cart = self.carts.entry(id).or_default();
        cart.changes += 1;
        match fact {
            CartEvent::ItemAdded { offer, quantity, .. } => {
                let line = cart.lines.entry(offer.sku.clone()).or_default();
                *line = (line.0 + quantity, offer.unit_price.minor());
            }
            CartEvent::QuantitySet { sku, quantity, .. } => {
                cart.lines.entry(sku.clone()).or_default().0 = *quantity;
            }
            CartEvent::ItemRemoved { sku, .. } => _ = cart.lines.remove(sku),
            CartEvent::Repriced { prices, .. } => {
                for (sku, price) in prices {
                    if let Some(line) = cart.lines.get_mut(sku) {
                        line.1 = price.minor();
                    }
                }
            }
            CartEvent::CheckedOut { order, .. } => {
                must!(cart.state == CartState::Open, "I3", "{id} is ordered twice");
                cart.state = CartState::Ordered(*order);
            }
            CartEvent::Reopened { order, .. } => {
                let was = CartState::Ordered(*order);
                must!(cart.state == was, "I3", "{id} is reopened by an order that it is not");
                cart.state = CartState::Open;
            }
            CartEvent::Abandoned { .. } | CartEvent::MergedInto { .. } => {
                must!(cart.state == CartState::Open, "I3", "{id} ends while it is an order");
                cart.state = CartState::Gone;
            }
            CartEvent::Created { .. }
            | CartEvent::RecipientSet { .. }
            | CartEvent::ShippingOptionSet { .. } => {}
        }
        Ok(())
    }

    fn take_in_order(&mut self, id: OrderId, fact: &OrderEvent) -> Checked {
        if let OrderEvent::Placed(placed) = fact {
            return self.place(id, placed);
        }
        let Some(order) = self.orders.get_mut(&id) else {
            must!(false, "I6", "{id} does not begin with being placed");
            return Ok(());
        };
        let free = |order: &mut OrderBook| order.units = Held::Free;
        match fact {
            OrderEvent::Payment { event: PaymentEvent::Captured { .. }, .. } => {
                must!(order.captured == 0, "I5", "{id} is captured twice");
                order.captured = order.total;
            }
            OrderEvent::Paid { .. } if order.units == Held::Reserved => order.units = Held::Sold,
            OrderEvent::Closing { .. } => {
                order.is_closing = true;
                if order.units == Held::Reserved {
                    free(order);
                }
            }
            OrderEvent::Cancelled { .. } => {
                order.is_cancelled = true;
                free(order);
            }
            OrderEvent::RefundStarted { refund, amount, .. } => {
                order.refunds.insert(*refund, (amount.minor(), Refunded::Started));
            }
            OrderEvent::RefundSettled { refund, .. } => {
                order.refunds.entry(*refund).or_insert((0, Refunded::Settled)).1 =
                    Refunded::Settled;
            }
            OrderEvent::RefundFailed { refund, .. } => {
                order.refunds.entry(*refund).or_insert((0, Refunded::Failed)).1 = Refunded::Failed;
            }
            OrderEvent::Placed(_)
            | OrderEvent::Payment { .. }
            | OrderEvent::Paid { .. }
            | OrderEvent::CaptureWanted { .. } => {}
        }
        must!(
            order.promised_back() <= order.captured,
            "I5",
            "{id} gives back {} of {} that it took",
            order.promised_back(),
            order.captured
        );
        Ok(())
    }

    fn place(&mut self, id: OrderId, placed: &Placed) -> Checked {
        must!(!self.orders.contains_key(&id), "I3", "{id} is placed twice");
        must!(self.numbers.insert(placed.number), "I3", "two orders have number {}", placed.number);
        let cart = self.carts.get(&placed.cart);
        let open = cart.filter(|cart| {
            // Its turn into an order is in the same batch, before or behind this.
            cart.state == CartState::Open || cart.state == CartState::Ordered(id)
        });
        let Some(cart) = open else {
            must!(false, "I3", "{id} is placed for {}, which is not open", placed.cart);
            return Ok(());
        };
        let lines: BTreeMap<Sku, (u32, i64)> = placed
            .lines
            .iter()
            .map(|line| (line.sku.clone(), (line.quantity, line.unit_price.minor())))
            .collect();
        must!(lines == cart.lines, "I3", "{id} has other lines than {}", placed.cart);
        let mut sum = 0;
        for line in &placed.lines {
            let own = i64::from(line.quantity) * line.unit_price.minor();
            let totals = &line.totals;
            must!(totals.subtotal.minor() == own, "I5", "a line of {id} is {totals:?}, not {own}");
            sum += own;
        }
        must!(placed.subtotal.minor() == sum, "I5", "{id} has lines of {sum} in {placed:?}");
        let parts =
            sum - placed.discount.minor() + placed.shipping_price.minor() + placed.tax.minor();
        let total = placed.total.minor();
        must!(total == parts, "I5", "{id} costs {total}, its parts {parts}");
        if let Some(attempt) = placed.attempt {
            let others = self.by_key.entry(attempt.key).or_default();
            let live = others.iter().find(|other| self.orders[other].is_live());
            let is_old =
                self.keys.get(&attempt.key).is_some_and(|own| own.is_old(placed.placed_at));
            must!(
                live.is_none() || is_old,
                "I4",
                "{id} and {live:?} come from one idempotency key"
            );
            others.push(id);
        }
        let order = OrderBook {
            cart: placed.cart,
            lines: placed.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect(),
            prices: placed
                .lines
                .iter()
                .map(|line| (line.sku.clone(), line.unit_price.minor()))
                .collect(),
            total,
            payment: placed.payment,
            is_online: placed.collected == Collected::Online,
            units: Held::Reserved,
            captured: 0,
            refunds: BTreeMap::new(),
            is_closing: false,
            is_cancelled: false,
        };
        self.orders.insert(id, order);
        Ok(())
    }

    /// Whether a row says what the log says.
    fn compare(&self, key: &EntityKey, snapshot: &dyn Snapshot) -> Checked {
        match key {
            EntityKey::Sku(sku) => self.compare_shelf(sku, snapshot),
            EntityKey::Cart(id) => self.compare_cart(*id, snapshot),
            EntityKey::Order(id) => self.compare_order(*id, snapshot),
            _ => Ok(()),
        }
    }

    fn compare_shelf(&self, sku: &Sku, snapshot: &dyn Snapshot) -> Checked {
        let Some(shelf) = self.shelves.get(sku) else { return Ok(()) };
        let row = readable(snapshot.load::<Level>(&EntityKey::Sku(sku.clone())))?;
        let level = row.map(|(_, level)| level).unwrap_or_default();
        let says = (level.received, level.sold, level.reserved, level.backorder);
        let counted = (shelf.received, shelf.sold, shelf.reserved, shelf.backorder);
        must!(says == counted, "I2", "{sku} is {says:?}, counted {counted:?}");
        must!(level.on_hand == shelf.received - shelf.sold, "I2", "{sku} is {level:?}");
        Ok(())
    }

    fn compare_cart(&self, id: CartId, snapshot: &dyn Snapshot) -> Checked {
        let Some(book) = self.carts.get(&id) else { return Ok(()) };
        let row = readable(snapshot.load::<Cart>(&EntityKey::Cart(id)))?;
        let Some((version, cart)) = row else {
            must!(false, "I6", "the log tells of {id}, which has no row");
            return Ok(());
        };
        let lines: BTreeMap<Sku, (u32, i64)> = cart
            .lines
            .iter()
            .map(|line| (line.sku.clone(), (line.quantity, line.unit_price.minor())))
            .collect();
        must!(lines == book.lines, "I6", "{id} holds {lines:?}, by the log {:?}", book.lines);
        let state = match cart.status {
            CartStatus::Open => CartState::Open,
            CartStatus::Ordered(order) => CartState::Ordered(order),
            CartStatus::Abandoned | CartStatus::Merged(_) => CartState::Gone,
        };
        must!(state == book.state, "I6", "{id} is {state:?}, by the log {:?}", book.state);
        let shown = self.shown.get(&id).copied().unwrap_or(0);
        must!(version >= shown, "I1", "{id} was shown in version {shown} and is at {version}");
        if let CartState::Ordered(order) = state {
            let is_there = self.orders.get(&order).is_some_and(|order| order.cart == id);
            must!(is_there, "I3", "{id} is {order}, which does not exist");
        }
        Ok(())
    }

    fn compare_order(&self, id: OrderId, snapshot: &dyn Snapshot) -> Checked {
        let Some(book) = self.orders.get(&id) else { return Ok(()) };
        let row = readable(snapshot.load::<Order>(&EntityKey::Order(id)))?;
        let Some((_, order)) = row else {
            must!(false, "I3", "the log tells of {id}, which has no row");
            return Ok(());
        };
        let units = match order.units {
            Units::Reserved => Held::Reserved,
            Units::Sold => Held::Sold,
            Units::Released => Held::Free,
        };
        must!(
            units == book.units,
            "I6",
            "the units of {id} are {units:?}, by the log {:?}",
            book.units
        );
        let is_captured = matches!(order.payment.state, PaymentState::Captured { .. });
        must!(
            is_captured == (book.captured > 0 || (book.total == 0 && is_captured)),
            "I6",
            "the payment of {id} is {:?}, by the log {} were taken",
            order.payment.state,
            book.captured
        );
        for (sku, units) in &book.lines {
            let held = readable(snapshot.get(Table::Reservations, &reservation_key(id, sku)))?;
            let held = held.and_then(|row| Reservation::from_bytes(&row).ok()).map(|own| own.units);
            let wanted = (book.units == Held::Reserved).then_some(*units);
            must!(held == wanted, "I8", "{id} holds {held:?} of {sku}, by the log {wanted:?}");
        }
        let cart = self.carts.get(&book.cart).map(|cart| cart.state);
        let is_its = cart == Some(CartState::Ordered(id));
        must!(is_its || book.is_cancelled, "I3", "{id} is live, its cart {cart:?}");
        // The shop comes back to whatever has a step left or a deadline.
        if order.next().is_some() || book.units == Held::Reserved {
            let key = EntityKey::Order(id);
            let is_due = |at: Timestamp| {
                readable(snapshot.get(Table::Expiries, &expiry_key(at, &key)))
                    .map(|row| row.is_some())
            };
            let step = order.updated_at.plus(Span::minutes(1));
            let is_known = is_due(step)? || is_due(order.placed.expires_at)?;
            must!(is_known, "I8", "nothing brings the shop back to {id}");
        }
        Ok(())
    }

    /// A client was given this answer under this key: said before, it was the same; and what it says
    /// is durable.
    pub fn answered(&mut self, key: [u8; 16], answer: &RenderedAnswer, now: Timestamp) -> Checked {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let Some(book) = self.keys.get_mut(&key).filter(|own| !own.is_old(now)) else {
            return Ok(());
        };
        if let Some(before) = &book.answer {
            let same = before.status == answer.status && before.body == answer.body;
            let before = String::from_utf8_lossy(&before.body);
            must!(same, "I4", "one key was answered {before:?} and then {text:?}");
        } else {
            book.answer = Some(answer.clone());
        }
        let own = self.by_key.get(&key).map_or(&[][..], Vec::as_slice);
        if answer.status == 201 {
            let told = own.iter().find(|id| text.starts_with(&id.to_string()));
            must!(told.is_some(), "I1", "{text:?} was answered, and is not in the log");
        } else {
            let live = own.iter().find(|id| self.orders[id].is_live());
            must!(live.is_none(), "I4", "{text:?} was answered, and {live:?} exists");
        }
        Ok(())
    }

    /// A key is sent for the first time, or again.
    pub fn sent(&mut self, key: [u8; 16], now: Timestamp, step: usize) {
        let fresh = KeyBook { first_sent: now, first_step: step, answer: None };
        self.keys.entry(key).or_insert(fresh);
    }

    /// Whether the shop must know this key: it has given an answer under it.
    pub fn knows(&self, key: [u8; 16], now: Timestamp) -> bool {
        self.keys.get(&key).is_some_and(|own| own.answer.is_some() && !own.is_old(now))
    }

    /// The step at which a key was first sent.
    pub fn first_step(&self, key: [u8; 16]) -> Option<usize> {
        self.keys.get(&key).map(|book| book.first_step)
    }

    /// A client was told that an order is so: it is, durably.
    pub fn told_of_order(&self, id: OrderId, order: &Order) -> Checked {
        let Some(book) = self.orders.get(&id) else {
            must!(false, "I1", "{id} was shown, and is not in the log");
            return Ok(());
        };
        let captured = matches!(order.payment.state, PaymentState::Captured { .. });
        must!(
            !captured || book.total == 0 || book.captured > 0,
            "I1",
            "{id} was shown as captured"
        );
        let cancelled = order.status() == OrderStatus::Cancelled;
        must!(!cancelled || book.is_cancelled, "I1", "{id} was shown as cancelled");
        Ok(())
    }

    /// A client was shown a cart in this version: it is durable.
    pub fn told_of_cart(&mut self, id: CartId, version: u64, store: &dyn Store) -> Checked {
        let row = store.snapshot().and_then(|now| now.load::<Cart>(&EntityKey::Cart(id)));
        // While the store is shut nothing can be compared.
        let Ok(row) = row else { return Ok(()) };
        let durable = row.map_or(0, |(version, _)| version);
        must!(
            durable >= version,
            "I1",
            "{id} was shown in version {version}, and {durable} is durable"
        );
        let shown = self.shown.entry(id).or_default();
        *shown = version.max(*shown);
        Ok(())
    }

    /// Whether a price was one that a shopper could have been shown since `step`.
    fn was_offered(&self, sku: &Sku, price: i64, since: usize) -> bool {
        let Some(shelf) = self.shelves.get(sku) else { return false };
        let ends = shelf.prices.iter().skip(1).map(|next| next.shown_at.unwrap_or(usize::MAX));
        let mut with_ends = shelf.prices.iter().zip(ends.chain([usize::MAX]));
        with_ends.any(|(tag, end)| tag.minor == price && end >= since)
    }

    /// Each line was sold at a price that a shopper could have been shown since `step`.
    pub fn was_sold_as_offered(&self, id: OrderId, step: usize) -> Checked {
        let lines = self.orders.get(&id).map_or(&[][..], |order| &order.prices);
        for (sku, price) in lines {
            let offered = self.was_offered(sku, *price, step);
            must!(offered, "I5", "{id} sold {sku} at {price}, which is the price no more");
        }
        Ok(())
    }

    /// Lists and pages show what is durable, all of it once all is told, and nothing else.
    pub fn is_shown(&mut self, reads: &Reads, is_all_told: bool, step: usize) -> Checked {
        let (told, durable) = (reads.last_seq().borrow().0, self.log.len() as u64);
        for tag in self.shelves.values_mut().flat_map(|shelf| &mut shelf.prices) {
            if tag.since.0 <= told {
                tag.shown_at.get_or_insert(step);
            }
        }
        must!(told <= durable, "I7", "event {told} is told of, and {durable} are durable");
        if is_all_told {
            must!(
                told == durable,
                "I7",
                "all is told up to event {told}, and {durable} are durable"
            );
            for (sku, shelf) in &self.shelves {
                let level = reads.levels.get(sku);
                let shown = (level.on_hand, level.reserved);
                let counted = (shelf.received - shelf.sold, shelf.reserved);
                must!(shown == counted, "I7", "{sku} is shown as {shown:?}, counted {counted:?}");
            }
            let (shown, placed) = (reads.orders.len(), self.orders.len());
            must!(shown == placed, "I7", "{shown} orders are listed, {placed} were placed");
        }
        Ok(())
    }

    pub fn events(&self) -> usize {
        self.log.len()
    }

    /// Once everything has come to its end: money, promises and carts.
    pub fn at_rest(
        &self,
        store: &dyn Store,
        payments: &BTreeSet<PaymentId>,
        taken: impl Fn(PaymentId) -> Option<Money>,
    ) -> Checked {
        let snapshot = readable(store.snapshot())?;
        let mut of = BTreeMap::new();
        for (id, order) in &self.orders {
            let row = readable(snapshot.load::<Order>(&EntityKey::Order(*id)))?;
            let next = row.as_ref().and_then(|(_, order)| order.next());
            must!(next.is_none(), "I8", "{id} never came to rest: {next:?} is left of {row:?}");
            must!(order.units != Held::Reserved, "I8", "{id} holds its units beyond its deadline");
            let is_called_off = order.is_closing || order.is_cancelled;
            let kept = order.kept();
            must!(!is_called_off || kept == 0, "I5", "{id} was called off, and {kept} are kept");
            let is_over = order.is_cancelled || !order.is_closing;
            must!(is_over, "I3", "{id} was called off and never ended");
            if order.is_online {
                of.insert(order.payment, (*id, order.kept()));
            }
        }
        for payment in payments {
            let has = taken(*payment).map_or(0, Money::minor);
            match of.get(payment) {
                Some((id, kept)) => {
                    must!(has == *kept, "I5", "the bank has {has} for {id}, the shop {kept}");
                }
                None => {
                    must!(has == 0, "I5", "the bank has {has} for {payment}, an order of nobody")
                }
            }
        }
        let mut left = None;
        let found =
            snapshot.scan(Table::Reservations, &[], None, Direction::Forward, &mut |key, _| {
                left = parse_reservation_key(key);
                ControlFlow::Break(())
            });
        readable(found)?;
        must!(left.is_none(), "I8", "a reservation is left: {left:?}");
        Ok(())
    }

    fn shelf(&mut self, sku: &Sku) -> &mut Shelf {
        self.shelves.entry(sku.clone()).or_default()
    }
}

pub(super) fn readable<T>(read: Result<T, StoreError>) -> Checked<T> {
    read.map_err(|error| Violation { invariant: "I1", detail: format!("cannot be read: {error}") })
}

fn hash(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Sealed bytes differ from run to run; within one they stay.
    format!("{event:?}").hash(&mut hasher);
    hasher.finish()
}
