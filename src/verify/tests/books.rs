//! Books as the shop's actors write them: what is decided in `domain`, in the same batches.

use crate::domain::Seq;
use crate::domain::cart::{Cart, CartCommand, CartEvent, Offer};
use crate::domain::catalog::tests::content;
use crate::domain::catalog::{Product, ProductCommand, ProductEvent};
use crate::domain::customer::{Customer, CustomerCommand};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::{Category, Collection, GroupingEvent, Members};
use crate::domain::mail::{Addressee, Mail, MailEvent, MailKind};
use crate::domain::order::tests::{NOON, placed};
use crate::domain::order::{
    Attempt, CancelReason, Collected, Order, OrderCommand, OrderEvent, OrderLine, RefundAnswer,
};
use crate::domain::payment::PaymentAnswer;
use crate::domain::pricing::Item;
use crate::domain::pricing::tests::{rules, usd};
use crate::domain::settings::{SavedSettings, SettingsEvent, ShopSettings};
use crate::domain::staff::{Role, Staff, StaffEvent};
use crate::domain::stock::{Change, Level, Movement, Stock, StockCommand, StockEvent};
use crate::domain::tax::Prices;
use crate::domain::text_page::{TextPage, TextPageCommand, TextPageEvent};
use crate::domain::{
    CartId, Currency, CustomerId, MailId, OrderId, PaymentId, PersonId, RefundId, Sealed, Sku,
    Span, StaffId, Timestamp,
};
use crate::storage::records::{
    Answer, Body, CustomerRow, KeyRing, KeyRow, LoggedFact, PersonRow, Standing, TokenHolder,
    TokenKind, TokenRow, WrappedKey,
};
use crate::storage::table::{RING_KEY, row_key, seq_key, timed_key};
use crate::storage::{Batch, Store, Stored, Table, memory::MemoryStore};

/// A shop's store and its clock.
pub(super) struct Books<S = MemoryStore> {
    pub store: S,
    pub now: Timestamp,
    made: u64,
}

pub(super) fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

impl Books {
    pub fn in_memory() -> Books {
        Books::on(MemoryStore::new())
    }

    /// Rewrites a row, its version left as it is.
    pub fn alter<T: Stored>(&self, entity: &EntityKey, change: impl FnOnce(&mut T)) {
        let (version, mut row) = self.row::<T>(entity).unwrap();
        change(&mut row);
        self.plant_row(entity, version, &row);
    }

    pub fn plant_row<T: Stored>(&self, entity: &EntityKey, version: u64, row: &T) {
        let bytes = [&version.to_be_bytes()[..], &row.to_bytes()].concat();
        self.store.plant(Table::of(entity), row_key(entity), Some(&bytes));
    }

    pub fn remove_row(&self, entity: &EntityKey) {
        self.store.plant(Table::of(entity), row_key(entity), None);
    }

    /// Rewrites the first event for which `change` says that it did something.
    #[track_caller]
    pub fn alter_event(&self, mut change: impl FnMut(&mut LoggedFact) -> bool) {
        for event in self.store.snapshot().unwrap().events_after(Seq(0), usize::MAX).unwrap() {
            let (seq, at) = (event.seq, event.at);
            let mut logged = LoggedFact { at, fact: event.fact, movements: event.movements };
            if change(&mut logged) {
                return self.store.plant(Table::Events, &seq_key(seq), Some(&logged.to_bytes()));
            }
        }
        panic!("no such event");
    }
}

impl<S: Store> Books<S> {
    pub fn on(store: S) -> Books<S> {
        Books { store, now: NOON, made: 0 }
    }

    pub fn row<T: Stored>(&self, entity: &EntityKey) -> Option<(u64, T)> {
        self.store.snapshot().unwrap().load(entity).unwrap()
    }

    fn version(&self, entity: &EntityKey) -> u64 {
        let row = self.store.snapshot().unwrap().get(Table::of(entity), row_key(entity)).unwrap();
        row.map_or(0, |row| u64::from_be_bytes(row[..8].try_into().unwrap()))
    }

    #[track_caller]
    pub fn commit(&mut self, batch: Batch) {
        self.store.commit(&[batch]).unwrap().remove(0).unwrap();
        self.now = self.now.plus(Span::seconds(1));
    }

    fn fresh(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// What the catalog's owner or a SKU's actor writes; says whether the books allow it.
    pub fn stock(&mut self, sku: &Sku, command: StockCommand) -> bool {
        let row = self.row::<Level>(&EntityKey::Sku(sku.clone()));
        let level = row.map(|(_, level)| level).unwrap_or_default();
        let Ok(events) = Stock::new(level).decide(command) else { return false };
        let mut batch = Batch::new();
        for event in events {
            let movements = match &event {
                StockEvent::Adjusted { delta, .. } => {
                    vec![Movement { sku: sku.clone(), change: Change::Adjust { delta: *delta } }]
                }
                StockEvent::Configured { .. } | StockEvent::RanLow { .. } => vec![],
            };
            batch.fact(self.now, Fact::Stock(sku.clone(), event), movements);
        }
        self.commit(batch);
        true
    }

    pub fn receive(&mut self, name: &str, units: i64) {
        let (reason, note) = ("received".to_owned(), None);
        assert!(self.stock(&sku(name), StockCommand::Adjust { delta: units, reason, note }));
    }

    pub fn ran_low(&mut self, name: &str) {
        let mut batch = Batch::new();
        let event = StockEvent::RanLow { available: 1 };
        batch.fact(self.now, Fact::Stock(sku(name), event), vec![]);
        self.commit(batch);
    }

    pub fn product(&mut self, name: &str, command: ProductCommand) {
        let id = format!("prod-{name}").parse().unwrap();
        let key = EntityKey::Product(format!("prod-{name}").parse().unwrap());
        let (version, before) = match self.row::<Product>(&key) {
            Some((version, product)) => (version, Some(product)),
            None => (0, None),
        };
        let events: Vec<ProductEvent> =
            Product::decide(before.as_ref(), command, self.now).unwrap();
        let mut batch = Batch::new();
        let after =
            events.iter().fold(before, |product, event| Product::apply(product, &id, event));
        batch.put(key, version, &after.unwrap());
        for event in events {
            batch.fact(self.now, Fact::Product(id.clone(), event), vec![]);
        }
        self.commit(batch);
    }

    pub fn create_product(&mut self, name: &str, sku: &str) {
        self.product(name, ProductCommand::Create(Box::new(content(name, sku, 999))));
    }

    pub fn save_category(&mut self, handle: &str, name: &str) {
        let category = Category {
            handle: handle.into(),
            name: name.into(),
            description: String::new(),
            parent: None,
            created_at: NOON,
            updated_at: self.now,
        };
        let key = EntityKey::Category(handle.into());
        let mut batch = Batch::new();
        batch.put(key.clone(), self.version(&key), &category);
        batch.fact(self.now, Fact::Grouping(GroupingEvent::CategorySaved(category)), vec![]);
        self.commit(batch);
    }

    pub fn delete_category(&mut self, handle: &str) {
        let key = EntityKey::Category(handle.into());
        let mut batch = Batch::new();
        batch.remove(key.clone(), self.version(&key));
        let handle = handle.to_owned();
        batch.fact(self.now, Fact::Grouping(GroupingEvent::CategoryDeleted { handle }), vec![]);
        self.commit(batch);
    }

    pub fn save_collection(&mut self, handle: &str) {
        let collection = Collection {
            handle: handle.into(),
            name: handle.into(),
            description: String::new(),
            members: Members::ByHand(vec![]),
            created_at: NOON,
            updated_at: self.now,
        };
        let key = EntityKey::Collection(handle.into());
        let mut batch = Batch::new();
        batch.put(key.clone(), self.version(&key), &collection);
        batch.fact(self.now, Fact::Grouping(GroupingEvent::CollectionSaved(collection)), vec![]);
        self.commit(batch);
    }

    pub fn save_settings(&mut self, name: &str) {
        let settings = ShopSettings { name: name.into(), ..ShopSettings::default() };
        let event = SettingsEvent::Updated { settings: Box::new(settings), at: self.now };
        let mut batch = Batch::new();
        let version = self.version(&EntityKey::Settings);
        batch.put(EntityKey::Settings, version, &SavedSettings::apply(&event));
        batch.fact(self.now, Fact::Settings(event), vec![]);
        self.commit(batch);
    }

    pub fn save_page(&mut self, handle: &str, text: &str) {
        let key = EntityKey::TextPage(handle.into());
        let command = TextPageCommand::Save { title: handle.into(), markdown: text.into() };
        let before = self.row::<TextPage>(&key).map(|(_, page)| page);
        let events = TextPage::decide(before.as_ref(), handle, command, self.now).unwrap();
        let mut batch = Batch::new();
        batch.put(key.clone(), self.version(&key), &TextPage::apply(&events[0]).unwrap());
        batch.fact(self.now, Fact::TextPage(events[0].clone()), vec![]);
        self.commit(batch);
    }

    pub fn delete_page(&mut self, handle: &str) {
        let key = EntityKey::TextPage(handle.into());
        let mut batch = Batch::new();
        batch.remove(key.clone(), self.version(&key));
        let event = TextPageEvent::Deleted { handle: handle.into() };
        batch.fact(self.now, Fact::TextPage(event), vec![]);
        self.commit(batch);
    }

    pub fn hire(&mut self, email: &str) -> StaffId {
        let id = StaffId::new(self.now, [7; 10]);
        let staff = Staff {
            email: email.into(),
            role: Role::Admin,
            password_hash: "$argon2id$".into(),
            removed_at: None,
            created_at: self.now,
            updated_at: self.now,
        };
        let mut batch = Batch::new();
        batch.put(EntityKey::Staff(id), 0, &staff);
        let (email, role, at) = (staff.email.clone(), staff.role, self.now);
        batch.fact(at, Fact::Staff(id, StaffEvent::Created { email, role, at }), vec![]);
        let (holder, kind, family) = (TokenHolder::Staff(id), TokenKind::Access, [1; 16]);
        let token = TokenRow { holder, kind, expires_at: at.plus(Span::hours(1)), family };
        batch.row(Table::Tokens, timed_key(at, &[3; 32]), Some(token.to_bytes()));
        self.commit(batch);
        self.change_password(id);
        id
    }

    fn change_password(&mut self, id: StaffId) {
        let key = EntityKey::Staff(id);
        let (version, mut staff) = self.row::<Staff>(&key).unwrap();
        (staff.password_hash, staff.updated_at) = ("$argon2id$new".into(), self.now);
        let mut batch = Batch::new();
        batch.put(key, version, &staff);
        let event = StaffEvent::PasswordChanged { at: self.now };
        batch.fact(self.now, Fact::Staff(id, event), vec![]);
        self.commit(batch);
    }

    /// A customer of whom all this became.
    pub fn customer(&mut self, commands: impl IntoIterator<Item = CustomerCommand>) -> CustomerId {
        let random = [(self.fresh() & 255) as u8; 10];
        let id = CustomerId::new(self.now, random);
        let (key, mut customer) = (EntityKey::Customer(id), None);
        for (version, command) in (0..).zip(commands) {
            let events = Customer::decide(customer.as_ref(), command, self.now).unwrap();
            let mut batch = Batch::new();
            for event in events {
                customer = Customer::apply(customer, &event);
                batch.fact(self.now, Fact::Customer(id, event), vec![]);
            }
            let customer = customer.clone().unwrap();
            let password_hash = customer.account().map(|_| "$argon2id$".to_owned());
            batch.put(key.clone(), version, &CustomerRow { customer, password_hash });
            self.commit(batch);
        }
        id
    }

    pub fn mail(&mut self, customer: CustomerId) -> MailId {
        let (id, at) = (MailId::new(self.now, [5; 10]), self.now);
        let (kind, to) = (MailKind::PasswordChanged, Addressee::Customer(customer));
        let events = [MailEvent::Wanted { kind, to, token: None, at }, MailEvent::Sent { at }];
        let mut mail = None;
        for (version, event) in (0..).zip(events) {
            mail = Mail::apply(mail, &event);
            let mut batch = Batch::new();
            batch.fact(at, Fact::Mail(id, event), vec![]);
            batch.put(EntityKey::Mail(id), version, mail.as_ref().unwrap());
            self.commit(batch);
        }
        id
    }

    pub fn new_cart(&mut self, lines: &[(&str, u32)]) -> CartId {
        let mut random = [0; 16];
        random[8..].copy_from_slice(&self.fresh().to_be_bytes());
        let id = CartId::new(self.now, random);
        let items = lines.iter().map(|(name, quantity)| (offer(name), *quantity)).collect();
        self.cart(id, CartCommand::Create { currency: Currency::USD, items });
        id
    }

    /// One command to a cart, as its actor writes it.
    pub fn cart(&mut self, id: CartId, command: CartCommand) {
        let key = EntityKey::Cart(id);
        let row = self.row::<Cart>(&key);
        let cart = row.as_ref().map(|(_, cart)| cart);
        let Ok(events) = Cart::decide(cart, command, self.now) else { return };
        if events.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        let (version, cart) = row.map_or((0, None), |(version, cart)| (version, Some(cart)));
        let cart = put_cart(&mut batch, id, version, cart, events, self.now);
        if version == 0 {
            batch.expire_at(cart.expires_at(), &key);
        }
        self.commit(batch);
    }

    /// Checks a cart out, under an idempotency key if one is given; `None` where stock or cart
    /// say no.
    pub fn check_out(
        &mut self,
        cart_id: CartId,
        collected: Collected,
        key: Option<u8>,
    ) -> Option<OrderId> {
        let n = self.fresh();
        let id =
            OrderId::new(self.now, [&[0; 2][..], &n.to_be_bytes()].concat().try_into().unwrap());
        let (version, cart) = self.row::<Cart>(&EntityKey::Cart(cart_id))?;
        let command = CartCommand::CheckOut { order: id };
        let checked_out = Cart::decide(Some(&cart), command, self.now).ok()?;
        let items: Vec<Item> = cart
            .lines
            .iter()
            .map(|line| Item {
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
            })
            .collect();
        let totals = rules(Prices::ExcludeTax, 80_000, true)
            .totals(cart.currency, &items, None, None)
            .unwrap();
        let mut placed = placed(collected, 1);
        placed.number = 1_000 + n;
        placed.cart = cart_id;
        placed.lines = cart
            .lines
            .iter()
            .zip(totals.lines)
            .map(|(line, totals)| OrderLine {
                sku: line.sku.clone(),
                product_id: line.product_id.clone(),
                name: line.name.to_string(),
                title: line.title.to_string(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                totals,
            })
            .collect();
        (placed.subtotal, placed.discount) = (totals.subtotal, totals.discount);
        (placed.shipping_price, placed.tax) = (totals.shipping, totals.tax);
        placed.total = totals.total;
        placed.payment = PaymentId::new(self.now, [n as u8; 10]);
        placed.placed_at = self.now;
        placed.expires_at = self.now.plus(Span::minutes(30));
        placed.attempt = key.map(attempt);
        let mut batch = Batch::new();
        put_cart(&mut batch, cart_id, version, Some(cart), checked_out, self.now);
        put_person(&mut batch, placed.recipient.person);
        let events = Order::decide(None, OrderCommand::Place(placed), self.now).unwrap();
        if let Some(key) = key {
            batch.answer(
                self.now,
                attempt(key),
                &KeyRow::Order { order: id, fingerprint: attempt(key).fingerprint },
            );
        }
        self.hand_over(id, events, batch).then_some(id)
    }

    /// One command to an order, as its actor writes it.
    pub fn order(&mut self, id: OrderId, command: OrderCommand) {
        let (_, order) = self.row::<Order>(&EntityKey::Order(id)).unwrap();
        let Ok(events) = Order::decide(Some(&order), command, self.now) else { return };
        if events.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        let failed = |event: &OrderEvent| {
            matches!(
                event,
                OrderEvent::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. }
            )
        };
        if events.iter().any(failed) {
            let cart_id = order.placed.cart;
            let (version, cart) = self.row::<Cart>(&EntityKey::Cart(cart_id)).unwrap();
            let reopen = CartCommand::Reopen { order: id };
            let reopened = Cart::decide(Some(&cart), reopen, self.now).unwrap();
            put_cart(&mut batch, cart_id, version, Some(cart), reopened, self.now);
        }
        assert!(self.hand_over(id, events, batch));
    }

    pub fn pay(&mut self, id: OrderId, answer: PaymentAnswer) {
        self.order(id, OrderCommand::TakePayment { answer, refund: refund(id) });
    }

    pub fn cancel(&mut self, id: OrderId) {
        self.order(id, OrderCommand::Cancel { reason: None, refund: refund(id) });
    }

    pub fn refunded(&mut self, id: OrderId) {
        let (refund, answer) = (refund(id), RefundAnswer::Settled);
        self.order(id, OrderCommand::TakeRefund { refund, answer });
    }

    /// Order row, events, movements, deadline and answer in one batch.
    fn hand_over(&mut self, id: OrderId, events: Vec<OrderEvent>, mut batch: Batch) -> bool {
        let key = EntityKey::Order(id);
        let row = self.row::<Order>(&key);
        let (version, mut order) = row.map_or((0, None), |(version, order)| (version, Some(order)));
        let attention = |order: &Order| match order.next() {
            Some(_) => Some(order.updated_at.plus(Span::minutes(1))),
            None => order.deadline(),
        };
        let before = order.as_ref().and_then(attention);
        for event in events {
            let movements = Order::movements(order.as_ref(), &event, id);
            order = Order::apply(order, &event);
            batch.fact(self.now, Fact::Order(id, event), movements);
        }
        let order = order.unwrap();
        let after = attention(&order);
        if before != after {
            before.inspect(|at| batch.forget_expiry(*at, &key));
            after.inspect(|at| batch.expire_at(*at, &key));
        }
        batch.put(key, version, &order);
        if let Some(attempt) = order.placed.attempt
            && order.next().is_none()
        {
            batch.answer(order.placed.placed_at, attempt, &answer(attempt, self.now));
        }
        let outcome = self.store.commit(&[batch]).unwrap().remove(0);
        self.now = self.now.plus(Span::seconds(1));
        outcome.is_ok()
    }
}

fn put_cart(
    batch: &mut Batch,
    id: CartId,
    version: u64,
    cart: Option<Cart>,
    events: Vec<CartEvent>,
    now: Timestamp,
) -> Cart {
    let cart = events.iter().fold(cart, Cart::apply).unwrap();
    if events.is_empty() {
        return cart;
    }
    batch.put(EntityKey::Cart(id), version, &cart);
    for event in events {
        batch.fact(now, Fact::Cart(id, event), vec![]);
    }
    cart
}

pub(super) fn offer(name: &str) -> Offer {
    Offer {
        sku: sku(name),
        product_id: format!("prod-{name}").parse().unwrap(),
        name: name.into(),
        title: "Default".into(),
        unit_price: usd(999),
    }
}

/// Somebody whose key is there, and the shop's ring; neither opens.
fn put_person(batch: &mut Batch, person: PersonId) {
    let wrapped = Sealed::from_bytes(vec![0xdd; 73]);
    let ring = KeyRing { keys: vec![WrappedKey { id: 1, wrapped: wrapped.clone() }] };
    let known = PersonRow::Known { wrapped, standing: Standing::Guest };
    batch.row(Table::Meta, RING_KEY.to_vec(), Some(ring.to_bytes()));
    batch.row(Table::People, person.as_bytes().to_vec(), Some(known.to_bytes()));
}

pub(super) fn attempt(key: u8) -> Attempt {
    Attempt { key: [key; 16], fingerprint: [key + 100; 16] }
}

pub(super) fn answer(attempt: Attempt, at: Timestamp) -> KeyRow {
    let (headers, body) = (vec![], Body::Plain(b"{}".to_vec()));
    KeyRow::Done(Answer { status: 201, headers, body, fingerprint: attempt.fingerprint, at })
}

fn refund(id: OrderId) -> RefundId {
    RefundId::from_bytes(*id.as_bytes())
}

pub(super) fn authorized() -> PaymentAnswer {
    PaymentAnswer::Authorized { reference: "ref".into() }
}

pub(super) fn captured() -> PaymentAnswer {
    PaymentAnswer::Captured { reference: "ref".into() }
}

pub(super) fn declined() -> PaymentAnswer {
    PaymentAnswer::Declined { reason: "no funds".into() }
}

/// A shop that has seen a bit of everything.
pub(super) struct Town<S = MemoryStore> {
    pub books: Books<S>,
    pub open_cart: CartId,
    /// Placed under key 1, its payment under way, two SKUs.
    pub pending: OrderId,
    /// Placed under key 2.
    pub paid: OrderId,
    /// Under way by hand, without a key.
    pub by_hand: OrderId,
    /// Its payment was declined, and its cart is open again.
    pub declined: OrderId,
    /// Paid, cancelled, and its money given back.
    pub refunded: OrderId,
    pub staff: StaffId,
    pub customer: CustomerId,
    pub erased: CustomerId,
    /// To the customer, and sent.
    pub mail: MailId,
}

impl Town {
    pub fn new() -> Town {
        Town::on(MemoryStore::new())
    }
}

impl<S: Store> Town<S> {
    pub fn on(store: S) -> Town<S> {
        let mut books = Books::on(store);
        let staff = books.hire("ada@example.com");
        let profile = Sealed::from_bytes((*b"sealed").into());
        let person = PersonId::from_bytes([4; 16]);
        let register = CustomerCommand::Register { person, profile: profile.clone() };
        let move_house = CustomerCommand::ChangeAddresses(profile);
        let customer = books.customer([register.clone(), CustomerCommand::Verify, move_house]);
        let erased = books.customer([register, CustomerCommand::Erase]);
        let mail = books.mail(customer);
        books.save_category("kitchen", "Kitchen");
        books.save_category("garden", "Garden");
        books.delete_category("garden");
        books.save_collection("gifts");
        books.save_settings("Kettles");
        books.save_settings("Pots");
        books.save_page("about", "We.");
        books.save_page("about", "All of us.");
        books.save_page("sizes", "S, M");
        books.delete_page("sizes");
        for name in ["A", "B", "C"] {
            books.receive(name, 20);
        }
        books.create_product("a", "A");
        books.create_product("b", "B");
        books.create_product("c", "C");
        books.product("b", ProductCommand::Update(Box::new(content("b", "B", 1_099))));
        books.product("c", ProductCommand::Archive);
        let backorder = StockCommand::Configure { backorder: Some(true), low_stock_at: None };
        assert!(books.stock(&sku("C"), backorder));
        books.ran_low("C");
        let open_cart = books.new_cart(&[("A", 1)]);
        books.cart(open_cart, CartCommand::SetQuantity { sku: sku("A"), quantity: 3 });
        let mut buy = |lines: &[(&str, u32)], collected, key| {
            let cart = books.new_cart(lines);
            books.check_out(cart, collected, key).unwrap()
        };
        let pending = buy(&[("A", 2), ("B", 1)], Collected::Online, Some(1));
        let paid = buy(&[("A", 3)], Collected::Online, Some(2));
        let by_hand = buy(&[("B", 2)], Collected::ByHand, None);
        let declined_order = buy(&[("A", 1), ("C", 30)], Collected::Online, None);
        let refunded = buy(&[("B", 4)], Collected::Online, None);
        books.pay(paid, authorized());
        books.pay(declined_order, declined());
        books.pay(refunded, captured());
        books.cancel(refunded);
        books.refunded(refunded);
        let declined = declined_order;
        Town {
            books,
            open_cart,
            pending,
            paid,
            by_hand,
            declined,
            refunded,
            staff,
            customer,
            erased,
            mail,
        }
    }
}

/// Bytes of a row that no version ever wrote.
pub(super) const RUBBISH: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff];
