//! Summaries of all orders, newest first: what lists of orders are read from.
//!
//! An order in full is a row of the store; a list over all of them, with a true count, would scan
//! every row. So the little that lists filter by is kept in memory, in persistent indexes that the
//! committer's thread goes on writing while a list is read. E-mail addresses are not among it: they
//! are found by a keyed hash, which is gone when its person is.

use super::full;
use super::listed::fold;
use super::shelf::Page;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::recipient::{Contact, Recipient};
use crate::domain::{Money, OrderId, PersonId, Sku, Timestamp};
use crate::secrets::Vault;
use arc_swap::ArcSwap;
use imbl::{OrdMap, OrdSet};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What lists know of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSummary {
    pub id: OrderId,
    /// Of its row.
    pub version: u64,
    pub number: u64,
    pub status: OrderStatus,
    /// The contract's word.
    pub payment_status: &'static str,
    pub person: PersonId,
    /// `None` where the person was forgotten.
    email: Option<EmailMark>,
    pub total: Money,
    pub placed_at: Timestamp,
    pub updated_at: Timestamp,
    pub skus: Box<[Sku]>,
}

/// Which orders a list is of; all that is given must hold. `email` matches without regard to case,
/// `from` is inclusive and `to` exclusive, by when the order was placed.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Placed by one of these.
    pub people: Option<Arc<[PersonId]>>,
    pub status: Option<OrderStatus>,
    pub email: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub sku: Option<Sku>,
}

/// Which e-mail address it is, to whoever has the key of this run of the program.
type EmailMark = [u8; 16];

/// When an order was placed, and its id: the order of all lists.
type Place = (Timestamp, OrderId);

const FIRST: OrderId = OrderId::from_bytes([0; 16]);

#[derive(Clone, Default)]
struct Books {
    orders: OrdMap<Place, Arc<OrderSummary>>,
    pending: OrdSet<Place>,
    paid: OrdSet<Place>,
    cancelled: OrdSet<Place>,
    emails: OrdSet<(EmailMark, Place)>,
    people: OrdSet<(PersonId, Place)>,
    skus: OrdSet<(Sku, Place)>,
    highest_number: Option<u64>,
}

/// The summaries; written by the committer's thread, read by anybody.
pub struct Orders {
    books: ArcSwap<Books>,
    vault: Vault,
    /// What e-mail addresses are hashed with: random, and known to this run alone.
    salt: [u8; 32],
    /// Held by whoever changes the books. Who was forgotten since the start; none once no order is
    /// unmarked.
    writer: Mutex<Option<HashSet<PersonId>>>,
    /// Orders that were there at the start and are not found by e-mail yet. Opening what is sealed takes
    /// as long as all the rest of a start, so the shop does it when it is open, and whoever
    /// looks for an address before that waits for it.
    unmarked: Mutex<Vec<(Place, Recipient)>>,
}

/// Orders that are marked between two looks of the writer.
const MARKED_AT_ONCE: usize = 1_000;

impl Orders {
    pub fn new(vault: Vault) -> Orders {
        let (books, writer, unmarked) = (ArcSwap::default(), Mutex::default(), Mutex::default());
        Orders { books, vault, salt: rand::random(), writer, unmarked }
    }

    fn writer(&self) -> MutexGuard<'_, Option<HashSet<PersonId>>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has every order found by its e-mail address; returns when all are.
    pub fn mark_all(&self) {
        let mut unmarked = self.unmarked.lock().unwrap_or_else(PoisonError::into_inner);
        while !unmarked.is_empty() {
            let some = unmarked.len().saturating_sub(MARKED_AT_ONCE)..;
            let some = unmarked.drain(some).filter_map(|(place, to)| {
                let mark = self.mark_of(&to)?;
                Some((place, to.person, mark))
            });
            let some: Vec<_> = some.collect();
            let mut forgotten = self.writer();
            let mut books = Books::clone(&self.books.load());
            for (place, person, mark) in some {
                if !forgotten.as_ref().is_some_and(|gone| gone.contains(&person))
                    && let Some(order) = books.at(&place)
                {
                    let marked = OrderSummary { email: Some(mark), ..(*order).clone() };
                    books.orders.insert(place, Arc::new(marked));
                    books.emails.insert((mark, place));
                }
            }
            self.books.store(Arc::new(books));
            if unmarked.is_empty() {
                *forgotten = None;
            }
        }
        *unmarked = Vec::new();
    }

    /// The mark of the address in an order's contact, if that can still be opened.
    fn mark_of(&self, to: &Recipient) -> Option<EmailMark> {
        let contact: Contact = self.vault.known(to.person, &to.sealed)?;
        Some(self.mark(&contact.email))
    }

    /// How many orders the filter holds for, and the page of them, newest first.
    pub fn list(&self, filter: &OrderFilter, page: Page) -> (usize, Vec<Arc<OrderSummary>>) {
        let email = filter.email.as_deref().map(|email| self.mark(email));
        if email.is_some() {
            self.mark_all();
        }
        self.books.load().list(filter, email, page)
    }

    /// Guests of whom nothing is known but orders under this address: they may be claimed by
    /// whoever reads its mail. At most `most` of them, those who bought last.
    pub fn guests_of(&self, email: &str, most: usize) -> Vec<PersonId> {
        self.mark_all();
        let (books, mark) = (self.books.load(), self.mark(email));
        let theirs = books.emails.range(range_of(mark)).rev().filter_map(|(_, place)| {
            let person = books.orders.get(place)?.person;
            self.vault.is_guest(person).then_some(person)
        });
        let (mut guests, mut seen) = (Vec::new(), HashSet::new());
        for person in theirs.filter(|person| seen.insert(*person)) {
            let mut orders = books.people.range(range_of(person));
            let is_same =
                |place| books.orders.get(place).is_some_and(|own| own.email == Some(mark));
            if orders.all(|(_, place)| is_same(place)) {
                guests.push(person);
            }
            if guests.len() == most {
                break;
            }
        }
        guests
    }

    pub fn len(&self) -> usize {
        self.books.load().orders.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest number that an order has; the next one is drawn above it.
    pub fn highest_number(&self) -> Option<u64> {
        self.books.load().highest_number
    }

    /// Takes orders over from their rows. `own` gives the one copy of a SKU's text that all share.
    pub(super) fn put(
        &self,
        orders: impl IntoIterator<Item = (OrderId, u64, Order)>,
        own: impl Fn(&Sku) -> Sku,
    ) {
        let _writer = self.writer();
        let mut books = Books::clone(&self.books.load());
        for (id, version, order) in orders {
            let email = || self.mark_of(&order.placed.recipient);
            books.put(id, version, &order, email, &own);
        }
        self.books.store(Arc::new(books));
    }

    /// Takes over the orders that there are at the start, of which nothing is known yet.
    pub(super) fn fill(&self, mut filed: Vec<Filed>) {
        // As they were stored, and so nearly in order.
        filed.sort_by_key(|own| own.place);
        let mut people: Vec<_> = filed.iter().map(|own| (own.order.person, own.place)).collect();
        people.sort_unstable();
        let mut skus = Vec::with_capacity(filed.len());
        for Filed { place, order, .. } in &filed {
            skus.extend(order.skus.iter().map(|sku| (sku.clone(), *place)));
        }
        skus.sort_unstable();
        let (orders, unmarked): (Vec<_>, Vec<_>) =
            filed.into_iter().map(|own| ((own.place, own.order), (own.place, own.to))).unzip();
        let of_status = |status| {
            let own = orders.iter().filter(move |(_, order)| order.status == status);
            full::set(own.map(|(place, _)| *place).collect())
        };
        let books = Books {
            pending: of_status(OrderStatus::PendingPayment),
            paid: of_status(OrderStatus::Paid),
            cancelled: of_status(OrderStatus::Cancelled),
            emails: OrdSet::new(),
            people: full::set(people),
            skus: full::set(skus),
            highest_number: orders.iter().map(|(_, order)| order.number).max(),
            orders: full::map(orders),
        };
        self.books.store(Arc::new(books));
        let forgotten = (!unmarked.is_empty()).then(HashSet::new);
        *self.writer() = forgotten;
        *self.unmarked.lock().unwrap_or_else(PoisonError::into_inner) = unmarked;
    }

    /// Orders of these persons are found by e-mail no more.
    pub(super) fn forget(&self, people: &HashSet<PersonId>) {
        if people.is_empty() {
            return;
        }
        let mut writer = self.writer();
        if let Some(forgotten) = &mut *writer {
            forgotten.extend(people);
        }
        let mut books = Books::clone(&self.books.load());
        let theirs = people.iter().flat_map(|person| books.people.range(range_of(*person)));
        let theirs = theirs.filter_map(|(_, place)| Some((*place, books.at(place)?)));
        let theirs: Vec<_> = theirs.collect();
        for (place, order) in theirs {
            if let Some(mark) = order.email {
                books.emails.remove(&(mark, place));
                books
                    .orders
                    .insert(place, Arc::new(OrderSummary { email: None, ..(*order).clone() }));
            }
        }
        self.books.store(Arc::new(books));
    }

    fn mark(&self, email: &str) -> EmailMark {
        let digest = Sha256::new().chain_update(self.salt).chain_update(fold(email).as_bytes());
        let mut mark = EmailMark::default();
        mark.copy_from_slice(&digest.finalize()[..16]);
        mark
    }
}

/// An order on its way into empty books: put in one by one and in no order, each would be looked for
/// in every index.
pub(super) struct Filed {
    place: Place,
    order: Arc<OrderSummary>,
    to: Recipient,
}

impl Filed {
    /// `own` gives the one copy of a SKU's text that all share.
    pub fn new(id: OrderId, version: u64, order: Order, own: impl Fn(&Sku) -> Sku) -> Filed {
        let place = (order.placed.placed_at, id);
        let summary = OrderSummary::of(id, version, &order, None, skus_of(&order, own));
        Filed { place, order: Arc::new(summary), to: order.placed.recipient }
    }
}

/// Each SKU of an order once.
fn skus_of(order: &Order, own: impl Fn(&Sku) -> Sku) -> Box<[Sku]> {
    let mut skus = Vec::with_capacity(order.placed.lines.len());
    for line in &order.placed.lines {
        if !skus.contains(&line.sku) {
            skus.push(own(&line.sku));
        }
    }
    skus.into()
}

impl OrderSummary {
    fn of(
        id: OrderId,
        version: u64,
        order: &Order,
        email: Option<EmailMark>,
        skus: Box<[Sku]>,
    ) -> OrderSummary {
        let placed = &order.placed;
        OrderSummary {
            id,
            version,
            number: placed.number,
            status: order.status(),
            payment_status: order.payment_status(),
            person: placed.recipient.person,
            email,
            total: placed.total,
            placed_at: placed.placed_at,
            updated_at: order.updated_at,
            skus,
        }
    }
}

/// All that is kept for one of something.
fn range_of<T: Copy>(one: T) -> std::ops::RangeInclusive<(T, Place)> {
    let last = (Timestamp::from_millis(i64::MAX), OrderId::from_bytes([0xff; 16]));
    (one, (Timestamp::from_millis(i64::MIN), FIRST))..=(one, last)
}

impl Books {
    fn put(
        &mut self,
        id: OrderId,
        version: u64,
        order: &Order,
        email: impl FnOnce() -> Option<EmailMark>,
        own: impl Fn(&Sku) -> Sku,
    ) {
        let placed = &order.placed;
        let place = (placed.placed_at, id);
        let status = order.status();
        if let Some(before) = self.orders.get(&place) {
            // What an order was placed with never changes, so only its status can move it.
            let (old, email, skus) = (before.status, before.email, before.skus.clone());
            if old != status {
                self.of_status_mut(old).remove(&place);
                self.of_status_mut(status).insert(place);
            }
            let summary = OrderSummary::of(id, version, order, email, skus);
            self.orders.insert(place, Arc::new(summary));
            return;
        }
        let email = email();
        if let Some(mark) = email {
            self.emails.insert((mark, place));
        }
        let skus = skus_of(order, own);
        self.skus.extend(skus.iter().map(|sku| (sku.clone(), place)));
        self.people.insert((placed.recipient.person, place));
        self.of_status_mut(status).insert(place);
        self.highest_number = self.highest_number.max(Some(placed.number));
        let summary = OrderSummary::of(id, version, order, email, skus);
        self.orders.insert(place, Arc::new(summary));
    }

    fn list(
        &self,
        filter: &OrderFilter,
        email: Option<EmailMark>,
        page: Page,
    ) -> (usize, Vec<Arc<OrderSummary>>) {
        let from = (filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)), FIRST);
        let to = (filter.to.unwrap_or(Timestamp::from_millis(i64::MAX)), FIRST);
        if from >= to {
            return (0, vec![]);
        }
        let all_time = filter.from.is_none() && filter.to.is_none();
        if let Some(people) = &filter.people {
            let own = people.iter().flat_map(|own| self.people.range((*own, from)..(*own, to)));
            let mut places: Vec<&Place> = own.map(|(_, place)| place).collect();
            places.sort_unstable_by(|one, other| other.cmp(one));
            return self.pick(places.into_iter(), filter, email, page);
        }
        if let Some(mark) = email {
            let places = self.emails.range((mark, from)..(mark, to)).rev();
            return self.pick(places.map(|(_, place)| place), filter, None, page);
        }
        let picked = match filter {
            OrderFilter { sku: Some(sku), .. } => {
                let range = (sku.clone(), from)..(sku.clone(), to);
                let places = self.skus.range(range).rev().map(|(_, place)| place);
                let rest = OrderFilter { sku: None, ..filter.clone() };
                return self.pick(places, &rest, None, page);
            }
            OrderFilter { status: Some(status), .. } => self.of_status(*status),
            OrderFilter { .. } => {
                let range = self.orders.range((Bound::Included(from), Bound::Excluded(to)));
                if all_time {
                    let summaries = range.rev().skip(page.offset).take(page.limit);
                    return (self.orders.len(), summaries.map(|(_, own)| own.clone()).collect());
                }
                return self.pick(range.rev().map(|(place, _)| place), filter, None, page);
            }
        };
        let rest = OrderFilter { status: None, ..filter.clone() };
        if all_time {
            let places = picked.iter().rev().skip(page.offset).take(page.limit);
            return (picked.len(), places.filter_map(|place| self.at(place)).collect());
        }
        self.pick(picked.range(from..to).rev(), &rest, None, page)
    }

    /// Counts all places whose order meets the rest of the filter, and keeps the page. Times and
    /// people were looked to already.
    fn pick<'a>(
        &self,
        places: impl Iterator<Item = &'a Place>,
        rest: &OrderFilter,
        email: Option<EmailMark>,
        page: Page,
    ) -> (usize, Vec<Arc<OrderSummary>>) {
        let by_itself = rest.status.is_none() && rest.sku.is_none() && email.is_none();
        let mut total = 0;
        let mut kept = Vec::with_capacity(page.limit.min(128));
        for place in places {
            let holds = by_itself
                || self.orders.get(place).is_some_and(|order| {
                    rest.status.is_none_or(|status| order.status == status)
                        && (email.is_none() || order.email == email)
                        && rest.sku.as_ref().is_none_or(|sku| order.skus.contains(sku))
                });
            if !holds {
                continue;
            }
            if total >= page.offset && kept.len() < page.limit {
                kept.extend(self.at(place));
            }
            total += 1;
        }
        (total, kept)
    }

    fn at(&self, place: &Place) -> Option<Arc<OrderSummary>> {
        self.orders.get(place).cloned()
    }

    fn of_status(&self, status: OrderStatus) -> &OrdSet<Place> {
        match status {
            OrderStatus::PendingPayment => &self.pending,
            OrderStatus::Paid => &self.paid,
            OrderStatus::Cancelled => &self.cancelled,
        }
    }

    fn of_status_mut(&mut self, status: OrderStatus) -> &mut OrdSet<Place> {
        match status {
            OrderStatus::PendingPayment => &mut self.pending,
            OrderStatus::Paid => &mut self.paid,
            OrderStatus::Cancelled => &mut self.cancelled,
        }
    }
}
