//! One cart: takes requests in the catalog's words and has the rules decide.
//!
//! A cart asks nobody. It is lent to one order at a time: while it is, its lines stand still, and
//! the order's own batch turns it into an ordered cart. A cart that is shown or changed is repriced
//! first, so what it shows is what a checkout charges.

use super::ask::{Ask, Refusal};
use super::entity::{Entity, Owed, Settlement, Step};
use super::order::OrderMessage;
use super::reads::Catalog;
use super::shard::ShardMessage;
use crate::domain::cart::{Cart, CartCommand, CartEvent, CartRejection, CartStatus, Offer};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::guard::Guard;
use crate::domain::recipient::Recipient;
use crate::domain::{Address, CartId, Currency, Money, OrderId, PersonId, Sku, Timestamp};
use crate::secrets::{Forgotten, Vault};
use crate::storage::codec::CodecError;
use crate::storage::{Batch, CommitError, Committed, decode_row};

/// What a shopper may ask of a cart.
#[derive(Debug)]
pub enum CartRequest {
    /// Without a currency, that of the first item, or else the shop's.
    Create {
        currency: Option<Currency>,
        items: Vec<(Sku, u32)>,
    },
    Show,
    AddItem {
        sku: Sku,
        quantity: u32,
    },
    SetQuantity {
        sku: Sku,
        quantity: u32,
    },
    RemoveItem {
        sku: Sku,
    },
    /// Without a person, the one that the cart knows, or somebody new.
    SetShippingAddress {
        address: Box<Address>,
        person: Option<PersonId>,
    },
    SetShippingOption(Box<str>),
    Delete,
}

/// A cart as it stands, and the version its `ETag` is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartView {
    pub id: CartId,
    pub version: u64,
    pub cart: Cart,
    /// Where the goods go, as long as the person is known.
    pub address: Option<Address>,
}

impl CartView {
    /// Of whom it tells.
    pub fn about(&self) -> Option<PersonId> {
        self.address.as_ref().and(self.cart.recipient.as_deref()).map(|to| to.person)
    }

    pub fn new(id: CartId, version: u64, cart: Cart, vault: &Vault) -> CartView {
        let to = cart.recipient.as_deref();
        let address = to.and_then(|to| vault.known(to.person, &to.sealed));
        CartView { id, version, cart, address }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CartRefusal {
    #[error(transparent)]
    Rejected(#[from] CartRejection),
    #[error("{sku} is not for sale")]
    NotForSale { sku: Sku },
    #[error("no shipping option {option:?} for this cart")]
    NoSuchShipping { option: String },
    #[error(transparent)]
    Forgotten(#[from] Forgotten),
    #[error("the cart is at version {found}")]
    VersionMismatch { found: u64 },
}

pub enum CartMessage {
    Request {
        request: CartRequest,
        expected: Option<u64>,
        ask: Ask<CartView, CartRefusal>,
    },
    /// An order wants the cart to itself; answered to the order.
    Lend {
        order: OrderId,
        purpose: Purpose,
        answer: Owed,
    },
    /// The order gives it back as it was.
    Return {
        order: OrderId,
    },
    /// The order's batch, which writes this cart's row, goes to the committer now.
    HandedOver {
        order: OrderId,
    },
    /// The time of an expiry row has come.
    Due {
        due: Timestamp,
    },
    /// For tests: a step that panics.
    #[cfg(test)]
    Panic,
}

/// What an order wants a cart for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    CheckOut,
    /// The order came to nothing.
    Reopen,
    /// Two carts become one; both are lent for it.
    Merge,
}

/// A cart lent to an order: its row is the order's to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    pub version: u64,
    pub cart: Box<Cart>,
}

/// Why a cart was not lent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoanRefusal {
    #[error(transparent)]
    Rejected(#[from] CartRejection),
    #[error("prices have changed since the cart was last shown")]
    PriceChanged(Vec<PriceChange>),
    #[error("some of it is no longer for sale")]
    NotForSale(Vec<Sku>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    pub sku: Sku,
    pub shown: Money,
    pub now: Money,
}

pub(super) struct CartActor {
    id: CartId,
    /// Of the row as it will be once all handed over is durable; 0 for none.
    version: u64,
    cart: Option<Cart>,
    /// In a box of its own: of a million carts in memory, next to none is lent.
    lent: Option<Box<Lent>>,
}

enum Waiting {
    Show(Ask<CartView, CartRefusal>),
    /// That order already wants it again: it was faster than this cart to hear of its own batch.
    Lend(Purpose, Owed),
}

struct Lent {
    order: OrderId,
    /// When an order that never came back loses it; `None` once its batch is on its way.
    until: Option<Timestamp>,
    /// Who asked while that batch changes the cart.
    waiting: Vec<Waiting>,
}

impl Entity for CartActor {
    type Id = CartId;
    type Message = CartMessage;

    fn key(id: &CartId) -> EntityKey {
        EntityKey::Cart(*id)
    }

    fn wake(id: &CartId, row: Option<&[u8]>) -> Result<CartActor, CodecError> {
        let (version, cart) = match row.map(decode_row).transpose()? {
            Some((version, cart)) => (version, Some(cart)),
            None => (0, None),
        };
        Ok(CartActor { id: *id, version, cart, lent: None })
    }

    fn is_birth(message: &CartMessage) -> bool {
        matches!(message, CartMessage::Request { request: CartRequest::Create { .. }, .. })
    }

    fn announces_batch(message: &CartMessage) -> bool {
        matches!(message, CartMessage::HandedOver { .. })
    }

    fn serve(&mut self, message: CartMessage, step: &mut Step<'_>) {
        match message {
            CartMessage::Request { request, expected, ask } => {
                self.request(request, expected, ask, step)
            }
            CartMessage::Lend { order, purpose, answer } if self.is_changed_by(order) => {
                self.wait(Waiting::Lend(purpose, answer));
            }
            CartMessage::Lend { order, purpose, answer } => {
                let lent = self.lend(order, purpose, step).map_err(Refusal::Rejected);
                step.give(answer, OrderMessage::CartLent(lent));
            }
            CartMessage::Return { order } => {
                if let Some(lent) = self.lent.take_if(|lent| lent.order == order) {
                    self.serve_waiting(lent.waiting, step);
                }
            }
            CartMessage::HandedOver { order } => self.lend_to(order, None),
            CartMessage::Due { due } => self.due(due, step),
            #[cfg(test)]
            CartMessage::Panic => panic!("as the test wants it"),
        }
    }

    fn settled(&mut self, settlement: &Settlement, _: &Committed, step: &mut Step<'_>) {
        let written = settlement.batch.version_of(&EntityKey::Cart(self.id));
        let Some(version) = written.filter(|version| *version > self.version) else { return };
        // Written by the order it was lent to: what that decided is taken in here.
        for fact in settlement.batch.facts() {
            if let Fact::Cart(id, event) = &fact.fact
                && *id == self.id
            {
                self.cart = Cart::apply(self.cart.take(), event);
            }
        }
        self.version = version;
        if let Some(lent) = self.lent.take() {
            self.serve_waiting(lent.waiting, step);
        }
    }

    fn last_words(self, _: &Settlement, _: &CommitError, step: &mut Step<'_>) {
        let waiting = self.lent.map_or_else(Vec::new, |lent| lent.waiting);
        for message in waiting.into_iter().map(Waiting::into_message) {
            step.send(ShardMessage::Cart(self.id, message));
        }
    }

    fn is_idle(&self) -> bool {
        self.lent.is_none()
    }

    fn heap_bytes(&self) -> usize {
        let Some(cart) = &self.cart else { return 0 };
        let lines = cart.lines.iter().map(|line| {
            size_of_val(line) + line.name.len() + line.title.len() + line.sku.as_str().len() + 48
        });
        lines.sum::<usize>() + cart.recipient.as_ref().map_or(0, |_| 350)
    }
}

impl Waiting {
    /// The question, asked again.
    fn into_message(self) -> CartMessage {
        match self {
            Waiting::Show(ask) => {
                CartMessage::Request { request: CartRequest::Show, expected: None, ask }
            }
            Waiting::Lend(purpose, answer) => {
                CartMessage::Lend { order: answer.order(), purpose, answer }
            }
        }
    }
}

impl CartActor {
    fn request(
        &mut self,
        request: CartRequest,
        expected: Option<u64>,
        ask: Ask<CartView, CartRefusal>,
        step: &mut Step<'_>,
    ) {
        let is_changing = self.lent.as_ref().is_some_and(|lent| lent.until.is_none());
        if is_changing && matches!(request, CartRequest::Show) && expected.is_none() {
            return self.wait(Waiting::Show(ask));
        }
        let mut batch = Batch::new();
        let events = match self.decide(request, expected, &mut batch, step) {
            Ok(events) => events,
            Err(refusal) => {
                step.env.vault.take_back(&batch);
                return ask.reject(refusal);
            }
        };
        self.take_in(events, &mut batch, step);
        let Some(cart) = self.cart.clone() else {
            return ask.reject(CartRejection::Unknown.into());
        };
        let view = CartView::new(self.id, self.version, cart, &step.env.vault);
        let reply = ask.record(view, &mut batch, step.now).into_reply();
        if batch.is_empty() && step.unsettled && Guard::AnswerBehindWrite.stands() {
            // "Already so" rests on what is on its way to the disk.
            batch.require(EntityKey::Cart(self.id), self.version);
        }
        step.answer(batch, reply);
    }

    fn decide(
        &self,
        request: CartRequest,
        expected: Option<u64>,
        batch: &mut Batch,
        step: &Step<'_>,
    ) -> Result<Vec<CartEvent>, CartRefusal> {
        let catalog = step.env.catalog.load();
        let found = self.version;
        if self.cart.is_some() && expected.is_some_and(|expected| expected != found) {
            return Err(CartRefusal::VersionMismatch { found });
        }
        let is_read = matches!(request, CartRequest::Show);
        if self.is_lent(step.now) && !is_read && Guard::CartStandsStill.stands() {
            return Err(CartRejection::BeingCheckedOut.into());
        }
        // A deleted, forgotten or merged cart is no longer there for anybody.
        if self.cart.as_ref().is_some_and(Cart::is_gone) {
            return Err(CartRejection::Unknown.into());
        }
        let mut events = Vec::new();
        let mut repriced = None;
        if let Some(open) = self.cart.as_ref().filter(|cart| cart.status == CartStatus::Open)
            && !self.is_lent(step.now)
        {
            let changed = changed_prices(open, &catalog);
            if !changed.is_empty() {
                events = Cart::decide(Some(open), CartCommand::Reprice(changed), step.now)?;
                repriced = events.iter().fold(Some(open.clone()), Cart::apply);
            }
        }
        let cart = repriced.as_ref().or(self.cart.as_ref());
        let command = match request {
            CartRequest::Show => {
                cart.ok_or(CartRejection::Unknown)?;
                return Ok(events);
            }
            CartRequest::Create { currency, items } => {
                let items =
                    items.into_iter().map(|(sku, quantity)| Ok((offer(&catalog, sku)?, quantity)));
                let items = items.collect::<Result<Vec<_>, CartRefusal>>()?;
                let first = items.first().map(|(offer, _)| offer.unit_price.currency());
                let currency = currency.or(first).unwrap_or(step.env.settings.currency);
                CartCommand::Create { currency, items }
            }
            CartRequest::AddItem { sku, quantity } => {
                CartCommand::AddItem { offer: offer(&catalog, sku)?, quantity }
            }
            CartRequest::SetQuantity { sku, quantity } => {
                CartCommand::SetQuantity { sku, quantity }
            }
            CartRequest::RemoveItem { sku } => CartCommand::RemoveItem { sku },
            CartRequest::SetShippingAddress { address, person } => {
                let known = cart.and_then(|cart| cart.recipient.as_deref());
                let to = recipient(&address, known, person, batch, step)?;
                CartCommand::SetRecipient(Box::new(to))
            }
            CartRequest::SetShippingOption(option) => {
                check_shipping(cart, &option, step)?;
                CartCommand::SetShippingOption(option)
            }
            CartRequest::Delete => CartCommand::Abandon,
        };
        events.extend(Cart::decide(cart, command, step.now)?);
        Ok(events)
    }

    /// Applies events ahead of the disk and puts them and the new row into the batch.
    fn take_in(&mut self, events: Vec<CartEvent>, batch: &mut Batch, step: &Step<'_>) {
        if events.is_empty() {
            return;
        }
        let key = EntityKey::Cart(self.id);
        let is_new = self.cart.is_none();
        for event in events {
            self.cart = Cart::apply(self.cart.take(), &event);
            batch.fact(step.now, Fact::Cart(self.id, event), vec![]);
        }
        let Some(cart) = &self.cart else { return };
        if is_new {
            batch.expire_at(cart.expires_at(), &key);
        }
        batch.put(key, self.version, cart);
        self.version += 1;
    }

    fn lend(
        &mut self,
        order: OrderId,
        purpose: Purpose,
        step: &mut Step<'_>,
    ) -> Result<Loan, LoanRefusal> {
        let taken_by_another = self.lent.as_ref().is_some_and(|lent| lent.order != order);
        if taken_by_another && self.is_lent(step.now) {
            return Err(CartRejection::BeingCheckedOut.into());
        }
        let cart = self.cart.as_ref().filter(|cart| !cart.is_gone());
        let cart = cart.ok_or(CartRejection::Unknown)?;
        let decide = |command| Cart::decide(Some(cart), command, step.now).map(|_| ());
        match purpose {
            Purpose::CheckOut => decide(CartCommand::CheckOut { order })?,
            Purpose::Reopen => decide(CartCommand::Reopen { order })?,
            Purpose::Merge => cart.must_be_open()?,
        }
        let cart = Box::new(cart.clone());
        if purpose == Purpose::CheckOut {
            self.check_offers(&cart, step)?;
        }
        let until = Some(step.now.plus(step.env.settings.hold_for));
        self.lend_to(order, until);
        Ok(Loan { version: self.version, cart })
    }

    /// Whether all of it is for sale at the prices that were shown. What changed is shown next time.
    fn check_offers(&mut self, cart: &Cart, step: &mut Step<'_>) -> Result<(), LoanRefusal> {
        let catalog = step.env.catalog.load();
        let fits =
            |sku: &Sku| catalog.price(sku).is_some_and(|price| price.currency() == cart.currency);
        let gone = cart.lines.iter().filter(|line| !fits(&line.sku));
        let gone: Vec<Sku> = gone.map(|line| line.sku.clone()).collect();
        if !gone.is_empty() {
            return Err(LoanRefusal::NotForSale(gone));
        }
        let prices = changed_prices(cart, &catalog);
        if !Guard::PriceOfTheMoment.stands() {
            return Ok(());
        }
        let changed = cart.lines.iter().filter_map(|line| {
            let now = prices.iter().find(|(sku, _)| *sku == line.sku)?.1;
            Some(PriceChange { sku: line.sku.clone(), shown: line.unit_price, now })
        });
        let changed: Vec<PriceChange> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let events = Cart::decide(Some(cart), CartCommand::Reprice(prices), step.now)?;
        let mut batch = Batch::new();
        self.take_in(events, &mut batch, step);
        step.submit(batch, None);
        Err(LoanRefusal::PriceChanged(changed))
    }

    fn due(&mut self, due: Timestamp, step: &mut Step<'_>) {
        let key = EntityKey::Cart(self.id);
        let mut batch = Batch::new();
        batch.forget_expiry(due, &key);
        let open = self.cart.as_ref().filter(|cart| cart.status == CartStatus::Open);
        if let Some(expires_at) = open.map(Cart::expires_at) {
            if expires_at > step.now || self.is_lent(step.now) {
                batch.expire_at(expires_at.max(step.now.plus(step.env.settings.hold_for)), &key);
            } else {
                let events = vec![CartEvent::Abandoned { at: step.now }];
                self.take_in(events, &mut batch, step);
            }
        }
        step.submit(batch, None);
    }

    fn lend_to(&mut self, order: OrderId, until: Option<Timestamp>) {
        let waiting = self.lent.take().map_or_else(Vec::new, |lent| lent.waiting);
        self.lent = Some(Box::new(Lent { order, until, waiting }));
    }

    fn serve_waiting(&mut self, waiting: Vec<Waiting>, step: &mut Step<'_>) {
        for message in waiting.into_iter().map(Waiting::into_message) {
            self.serve(message, step);
        }
    }

    /// Has a question wait for the order that the cart is lent to.
    fn wait(&mut self, question: Waiting) {
        if let Some(lent) = &mut self.lent {
            lent.waiting.push(question);
        }
    }

    /// Whether a batch of that order, on its way to the disk, changes this cart.
    fn is_changed_by(&self, order: OrderId) -> bool {
        self.lent.as_ref().is_some_and(|lent| lent.order == order && lent.until.is_none())
    }

    fn is_lent(&self, now: Timestamp) -> bool {
        self.lent.as_ref().is_some_and(|lent| lent.until.is_none_or(|until| until > now))
    }
}

/// Seals an address for whom it is of. The same one as before is left as it is sealed.
fn recipient(
    address: &Address,
    known: Option<&Recipient>,
    person: Option<PersonId>,
    batch: &mut Batch,
    step: &Step<'_>,
) -> Result<Recipient, Forgotten> {
    let vault = &step.env.vault;
    let known = known.filter(|known| vault.knows(known.person));
    let person = person.or(known.map(|known| known.person));
    if let Some(known) = known
        && Some(known.person) == person
        && vault.known::<Address>(known.person, &known.sealed).as_ref() == Some(address)
    {
        return Ok(known.clone());
    }
    let person = person.unwrap_or_else(|| vault.new_guest(step.env.ids.person(), batch));
    let sealed = vault.seal_record(person, address)?;
    if let Some(known) = known {
        vault.pass_on(known.person, person, batch, step.now);
    }
    Ok(Recipient { person, region: address.region(), sealed })
}

fn offer(catalog: &Catalog, sku: Sku) -> Result<Offer, CartRefusal> {
    catalog.offer(&sku).ok_or(CartRefusal::NotForSale { sku })
}

/// What the catalog asks now for those lines of a cart that were shown at another price: mostly
/// none, so that showing a cart copies nothing for it. A product that changed its currency under a
/// cart is as good as gone, and is not repriced.
fn changed_prices(cart: &Cart, catalog: &Catalog) -> Vec<(Sku, Money)> {
    let changed = cart.lines.iter().filter_map(|line| {
        let price = catalog.price(&line.sku)?;
        let reprice = price != line.unit_price && price.currency() == cart.currency;
        reprice.then(|| (line.sku.clone(), price))
    });
    changed.collect()
}

/// Whether the option is offered for the cart as it stands; without an address, whether for any.
fn check_shipping(cart: Option<&Cart>, option: &str, step: &Step<'_>) -> Result<(), CartRefusal> {
    let cart = cart.ok_or(CartRejection::Unknown)?;
    let rules = &step.env.settings.rules;
    let country = match &cart.recipient {
        Some(to) => &to.region.country,
        None => &rules.tax.home.country,
    };
    let goods =
        cart.lines.iter().map(|line| line.unit_price.minor() * i64::from(line.quantity)).sum();
    let goods = Money::from_minor(goods, cart.currency);
    let offered = rules.shipping.options(country, goods);
    if offered.iter().any(|offered| offered.id == option) {
        return Ok(());
    }
    Err(CartRefusal::NoSuchShipping { option: option.to_owned() })
}
