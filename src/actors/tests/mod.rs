//! The engine under test: a real one on a store and a provider that do what a test tells them.
//!
//! Nothing here sleeps. Commits and provider calls pass gates that a test shuts and opens, time is
//! set by hand, and a crash is a store and a provider that no longer answer: what runs on in memory
//! reaches nobody.

mod checkouts;
mod crashes;
mod merging;
mod obligations;
mod privacy;
mod random;
mod retries;
mod supervision;

pub(crate) use super::slots::tests::a_row_of_before_is_taken_in;

use super::accounts::SessionSettings;
use super::ask::{Keyed, Refusal, Render, RenderedAnswer};
use super::cart::{CartRefusal, CartRequest, CartView};
use super::clock::{Clock, Ids, ManualClock};
use super::engine::{Engine, EngineParts};
use super::entity::{Outbox, Step};
use super::env::{Env, OrderNumbers, Settings};
use super::jobs::sweeper::{SweeperHandle, sweeper_service};
use super::keys::Keys;
use super::order::{ChangeRefusal, CheckoutRefusal, CheckoutRequest, OrderChange, OrderMessage};
use super::order::{OrderView, Short};
use super::pools::{PoolSizes, Pools};
use super::reads::Reads;
use super::recovery::{Recovered, recover};
use super::shard::ShardMessage;
use super::sku::SkuMessage;
use crate::domain::cart::{Cart, CartStatus};
use crate::domain::catalog::tests::content;
use crate::domain::catalog::{ProductContent, ProductEvent, ProductStatus};
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::order::{
    Attempt as Key, CancelReason, Collected, Ending, Order, OrderStatus, RefundAnswer, Units,
};
use crate::domain::payment::{PaymentAnswer, PaymentState};
use crate::domain::pricing::tests::{rules, usd};
use crate::domain::settings::ShopSettings;
use crate::domain::stock::{Change, Level, Movement, StockCommand, StockEvent, StockRejection};
use crate::domain::tax::Prices;
use crate::domain::{
    CartId, Currency, Money, OrderId, PaymentId, ProductId, RefundId, Seq, Sku, Span, Timestamp,
};
use crate::payments::manual::ManualProvider;
use crate::payments::test::{Fault as ProviderFault, TestProvider, TestSettings};
use crate::payments::{Answer, Attempt, CaptureMode, PaymentProvider, ProviderError, Providers};
use crate::secrets::{ShopKey, Vault};
use crate::storage::memory::{Fault, MemoryStore};
use crate::storage::records::{KeyRow, Reservation};
use crate::storage::table::{parse_entity_prefix, parse_reservation_key, parse_timed_key};
use crate::storage::{
    Batch, Committed, Conflict, Direction, Snapshot, Store, StoreError, Stored, Table,
};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HOLD_FOR: Span = Span::seconds(10);
const PAY_WITHIN: Span = Span::minutes(30);

fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

/// Lets through, or holds back, and says how many wait.
struct Gate {
    /// How many more may pass; `None` where it stands open.
    permits: watch::Sender<Option<usize>>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    fn open_one() -> Gate {
        Gate { permits: watch::Sender::new(None), waiting: watch::Sender::new(0) }
    }

    fn shut(&self) {
        self.permits.send_replace(Some(0));
    }

    fn open(&self) {
        self.permits.send_replace(None);
    }

    /// Lets `count` more through.
    fn admit(&self, count: usize) {
        self.permits.send_modify(|permits| *permits = permits.map(|left| left + count));
    }

    /// Returns when at least `count` wait at the gate.
    async fn arrived(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting >= count).await.unwrap();
    }

    async fn pass(&self) {
        if self.take_permit() {
            return;
        }
        let mut permits = self.permits.subscribe();
        self.waiting.send_modify(|waiting| *waiting += 1);
        while !self.take_permit() {
            permits.changed().await.unwrap();
        }
        self.waiting.send_modify(|waiting| *waiting -= 1);
    }

    /// As [`Gate::pass`], on a thread that may wait.
    fn wait(&self) {
        if !self.take_permit() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.pass());
        }
    }

    fn take_permit(&self) -> bool {
        let mut taken = false;
        self.permits.send_if_modified(|permits| match permits {
            None => {
                taken = true;
                false
            }
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                taken = true;
                true
            }
        });
        taken
    }
}

/// The current, and when it goes off: one life of the shop.
struct Power {
    off: AtomicBool,
    /// How many more points are passed before it goes off; below zero, it stays on.
    fuse: AtomicI64,
}

impl Power {
    fn on() -> Arc<Power> {
        let (off, fuse) = (AtomicBool::new(false), AtomicI64::new(-1));
        Arc::new(Power { off, fuse })
    }

    fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    fn cut(&self) {
        self.off.store(true, Ordering::SeqCst);
    }

    /// One point at which the current may go off.
    fn point(&self) {
        let left = self.fuse.load(Ordering::SeqCst);
        if left == 0 {
            self.cut();
        }
        if left >= 0 {
            self.fuse.store(left - 1, Ordering::SeqCst);
        }
    }
}

/// A store behind a gate, which is there as long as the current is on.
struct GatedStore {
    inner: Arc<dyn Store>,
    /// What a commit passes.
    gate: Gate,
    /// What a read passes.
    loads: Gate,
    power: Arc<Power>,
    groups: Mutex<Vec<usize>>,
    reads: AtomicUsize,
}

impl Store for GatedStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.loads.wait();
        if self.power.is_off() {
            return Err(StoreError::Stopped);
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.snapshot()
    }

    fn commit(&self, group: &[Batch]) -> Result<Vec<Result<Committed, Conflict>>, StoreError> {
        if group.iter().all(Batch::is_empty) {
            return self.inner.commit(group);
        }
        self.gate.wait();
        self.power.point();
        if self.power.is_off() {
            return Err(StoreError::Stopped);
        }
        let outcome = self.inner.commit(group);
        self.groups.lock().unwrap().push(group.len());
        self.power.point();
        if self.power.is_off() { Err(StoreError::Stopped) } else { outcome }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        if self.power.is_off() { Err(StoreError::Stopped) } else { self.inner.reopen() }
    }
}

/// The test provider behind a gate, out of reach when the current is off. Counts what is asked.
struct GatedProvider {
    inner: Arc<TestProvider>,
    gate: Gate,
    power: Arc<Power>,
    panics: AtomicUsize,
    asked: AtomicUsize,
    answered: AtomicUsize,
}

impl GatedProvider {
    async fn through<T>(&self, answer: Answer<'_, T>) -> Result<T, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Counted whichever way this ends.
        let _answered = Count(&self.answered);
        self.gate.pass().await;
        if self.panics.load(Ordering::SeqCst) > 0 {
            self.panics.fetch_sub(1, Ordering::SeqCst);
            panic!("as the test wants it");
        }
        self.power.point();
        if self.power.is_off() {
            return Err(ProviderError::Unreachable);
        }
        let answer = answer.await;
        self.power.point();
        if self.power.is_off() { Err(ProviderError::UnknownOutcome) } else { answer }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        self.asked() - self.answered.load(Ordering::SeqCst)
    }
}

struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl PaymentProvider for GatedProvider {
    fn name(&self) -> &'static str {
        "test"
    }

    fn collected(&self) -> Collected {
        Collected::Online
    }

    fn accepts(&self, token: Option<&str>) -> bool {
        self.inner.accepts(token)
    }

    fn authorize(&self, attempt: Attempt) -> Answer<'_, PaymentAnswer> {
        Box::pin(self.through(self.inner.authorize(attempt)))
    }

    fn capture(&self, payment: PaymentId, reference: &str) -> Answer<'_, PaymentAnswer> {
        Box::pin(self.through(self.inner.capture(payment, reference)))
    }

    fn void(&self, payment: PaymentId) -> Answer<'_, PaymentAnswer> {
        Box::pin(self.through(self.inner.void(payment)))
    }

    fn refund(
        &self,
        refund: RefundId,
        payment: PaymentId,
        amount: Money,
    ) -> Answer<'_, RefundAnswer> {
        Box::pin(self.through(self.inner.refund(refund, payment, amount)))
    }

    fn look_up(&self, payment: PaymentId) -> Answer<'_, Option<PaymentAnswer>> {
        Box::pin(self.through(self.inner.look_up(payment)))
    }
}

/// What outlives a crash: the disk, the provider's own books, the time.
#[derive(Clone)]
struct World {
    disk: Arc<dyn Store>,
    /// The same as `disk`, where faults can be planted.
    memory: Arc<MemoryStore>,
    bank: Arc<TestProvider>,
    clock: Arc<ManualClock>,
    settings: Settings,
    shards: usize,
}

fn settings() -> Settings {
    Settings {
        currency: Currency::USD,
        rules: rules(Prices::ExcludeTax, 80_000, false),
        capture: CaptureMode::AtOnce,
        hold_for: HOLD_FOR,
        pay_within: PAY_WITHIN,
        pay_by_hand_within: Span::days(7),
        provider_timeout: Span::hours(1),
        // Nothing is asked again unless a test wants it.
        provider_retry: Span::hours(1),
        entity_bytes: 64 << 20,
        sessions: SessionSettings::default(),
        shop: ShopSettings::default(),
    }
}

/// A world whose shop has these SKUs, each a product at 9.99, with so many units.
fn given_stock(stock: &[(&str, u32)]) -> World {
    let memory = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::at(NOON));
    let bank = Arc::new(TestProvider::in_memory(TestSettings::new("http://shop.example")));
    let disk: Arc<dyn Store> = memory.clone();
    let world = World { disk, memory, bank, clock, settings: settings(), shards: 3 };
    world.stock_up(stock);
    world
}

impl World {
    fn stock_up(&self, stock: &[(&str, u32)]) {
        for &(name, units) in stock {
            let mut batch = Batch::new();
            put_product(&mut batch, name, 0, product(name, 999));
            if units > 0 {
                receive(&mut batch, name, units.into());
            }
            self.disk.commit(&[batch]).unwrap().pop().unwrap().unwrap();
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> World {
        change(&mut self.settings);
        self
    }

    fn vault(&self) -> Vault {
        Vault::with_key(&*self.disk, ShopKey::from_bytes([7; 32])).unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn later(&self, span: Span) {
        self.clock.set(self.now().plus(span));
    }

    /// Starts the engine as a shop does, recovery included.
    async fn open(&self) -> Shop {
        let (shop, owed) = self.start().await;
        let recovered =
            recover(&*shop.store, &shop.engine.directory, owed, checkout_answer(), &shop.env.vault)
                .await
                .unwrap();
        Shop { recovered, ..shop }
    }

    /// Starts the engine alone.
    async fn start(&self) -> (Shop, Vec<(Key, Timestamp, OrderId)>) {
        let power = Power::on();
        let store = Arc::new(GatedStore {
            inner: Arc::clone(&self.disk),
            gate: Gate::open_one(),
            loads: Gate::open_one(),
            power: Arc::clone(&power),
            groups: Mutex::default(),
            reads: AtomicUsize::new(0),
        });
        let provider = Arc::new(GatedProvider {
            inner: Arc::clone(&self.bank),
            gate: Gate::open_one(),
            power: Arc::clone(&power),
            panics: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        });
        let own: Arc<dyn Store> = store.clone();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let vault = self.vault();
        let reads = Arc::new(Reads::load(Arc::clone(&own), &vault).unwrap());
        let sizes =
            PoolSizes { readers: 2, hashers: 1, most_passwords: 1, blocking: 1, most_jobs: 1 };
        let pools = Pools::start(sizes, Arc::clone(&own)).unwrap();
        let providers: [Arc<dyn PaymentProvider>; 2] = [provider.clone(), Arc::new(ManualProvider)];
        let env = Arc::new(Env {
            settings: self.settings.clone(),
            ids: Ids::new(Arc::clone(&clock)),
            vault,
            clock: Arc::clone(&clock),
            catalog: Arc::clone(&reads.catalog),
            providers: Providers::new(providers),
            order_numbers: OrderNumbers::after(reads.orders.highest_number()),
            checkout_answer: checkout_answer(),
        });
        let keys = Keys::load(Arc::clone(&own), self.now()).unwrap();
        let (owed, witness) = (keys.owed(), keys.clone());
        let parts = EngineParts {
            env: Arc::clone(&env),
            store: Arc::clone(&own),
            reads: Arc::clone(&reads),
            readers: pools.readers(),
            witness: Box::new(move |group| witness.settled_with(group)),
            shards: self.shards,
        };
        let started = Engine::start(parts, |_, directory| {
            let (sweeper, sweeping) =
                sweeper_service(Arc::clone(&own), directory.clone(), Arc::clone(&clock));
            (sweeper, vec![sweeping])
        });
        let (engine, sweeper) = started.await.unwrap();
        let world = self.clone();
        let recovered = Recovered::default();
        let shop = Shop {
            world,
            env,
            store,
            provider,
            engine,
            reads,
            keys,
            sweeper,
            recovered,
            power,
            pools,
        };
        (shop, owed)
    }

    fn load<T: Stored>(&self, key: EntityKey) -> Option<(u64, T)> {
        self.disk.snapshot().unwrap().load(&key).unwrap()
    }

    fn cart(&self, id: CartId) -> Cart {
        self.load(EntityKey::Cart(id)).expect("the cart is there").1
    }

    fn order(&self, id: OrderId) -> Order {
        self.load(EntityKey::Order(id)).expect("the order is there").1
    }

    fn orders(&self) -> Vec<(OrderId, Order)> {
        let mut orders = Vec::new();
        let snapshot = self.disk.snapshot().unwrap();
        snapshot
            .load_all(Table::Orders, |key, _, order: Order| {
                orders.push((OrderId::from_bytes(key.try_into().unwrap()), order));
            })
            .unwrap();
        orders
    }

    fn only_order(&self) -> (OrderId, Order) {
        let mut orders = self.orders();
        assert_eq!(orders.len(), 1, "one order");
        orders.pop().unwrap()
    }

    fn level(&self, name: &str) -> Level {
        self.load(EntityKey::Sku(sku(name))).map(|(_, level)| level).unwrap_or_default()
    }

    /// On hand, reserved, sold.
    fn stock(&self, name: &str) -> (i64, i64, i64) {
        let level = self.level(name);
        (level.on_hand, level.reserved, level.sold)
    }

    fn events(&self) -> Vec<Event> {
        self.disk.snapshot().unwrap().events_after(Seq(0), usize::MAX).unwrap()
    }

    /// When the shop comes back to `entity` by itself, earliest first.
    fn deadlines(&self, entity: &EntityKey) -> Vec<Timestamp> {
        let mut found = Vec::new();
        let snapshot = self.disk.snapshot().unwrap();
        snapshot
            .scan(Table::Expiries, &[], None, Direction::Forward, &mut |key, _| {
                let (at, name) = parse_timed_key(key).unwrap();
                if parse_entity_prefix(name).as_ref() == Some(entity) {
                    found.push(at);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    }

    fn key_row(&self, n: u8) -> Option<KeyRow> {
        let mut found = None;
        let snapshot = self.disk.snapshot().unwrap();
        snapshot
            .scan(Table::Idempotency, &[], None, Direction::Forward, &mut |key, row| {
                if parse_timed_key(key).unwrap().1 == [n; 16] {
                    found = Some(KeyRow::from_bytes(row).unwrap());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    }

    /// What was answered under a key.
    fn kept_answer(&self, n: u8) -> Option<String> {
        match self.key_row(n) {
            Some(KeyRow::Done(answer)) => {
                let kept = RenderedAnswer::of_kept(answer, &self.vault()).unwrap();
                Some(String::from_utf8(kept.body).unwrap())
            }
            Some(KeyRow::Order { .. }) | None => None,
        }
    }

    /// All that must hold of the books at any moment.
    #[track_caller]
    fn check_books(&self) {
        let snapshot = self.disk.snapshot().unwrap();
        let orders: HashMap<OrderId, Order> = self.orders().into_iter().collect();
        let mut reserved: HashMap<Sku, i64> = HashMap::new();
        snapshot
            .scan(Table::Reservations, &[], None, Direction::Forward, &mut |key, row| {
                let (order, sku) = parse_reservation_key(key).unwrap();
                let units = Reservation::from_bytes(row).unwrap().units;
                let order = &orders[&order];
                assert_eq!(order.units, Units::Reserved, "a reservation has an open order");
                let line = order.placed.lines.iter().find(|line| line.sku == sku).unwrap();
                assert_eq!(line.quantity, units);
                *reserved.entry(sku).or_default() += i64::from(units);
                ControlFlow::Continue(())
            })
            .unwrap();
        let (mut promised, mut sold) = (HashMap::<Sku, i64>::new(), HashMap::<Sku, i64>::new());
        for order in orders.values() {
            assert!(order.adds_up());
            for line in &order.placed.lines {
                let count = match order.units {
                    Units::Reserved => &mut promised,
                    Units::Sold => &mut sold,
                    Units::Released => continue,
                };
                *count.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
            }
        }
        assert_eq!(reserved, promised, "reservations are those of open orders");
        snapshot
            .load_all(Table::Skus, |key, _, level: Level| {
                let name = sku(std::str::from_utf8(key).unwrap());
                assert!(level.adds_up(), "{name}: {level:?}");
                assert_eq!(level.reserved, reserved.get(&name).copied().unwrap_or(0), "{name}");
                assert_eq!(level.sold, sold.get(&name).copied().unwrap_or(0), "{name}");
            })
            .unwrap();
        let numbers: std::collections::HashSet<u64> =
            orders.values().map(|order| order.placed.number).collect();
        assert_eq!(numbers.len(), orders.len(), "each order has a number of its own");
        let (mut replayed, mut carts) = (HashMap::<OrderId, Order>::new(), HashMap::new());
        for (i, event) in self.events().into_iter().enumerate() {
            assert_eq!(event.seq, Seq(i as u64 + 1), "the log has no gap");
            match event.fact {
                Fact::Order(id, event) => {
                    let order = Order::apply(replayed.remove(&id), &event).unwrap();
                    replayed.insert(id, order);
                }
                Fact::Cart(id, event) => {
                    let cart = Cart::apply(carts.remove(&id), &event).unwrap();
                    carts.insert(id, cart);
                }
                Fact::Stock(..)
                | Fact::Product(..)
                | Fact::Grouping(_)
                | Fact::Staff(..)
                | Fact::Customer(..)
                | Fact::Mail(..)
                | Fact::Settings(_)
                | Fact::TextPage(_) => {}
            }
        }
        assert_eq!(replayed, orders, "the log tells every order");
        for (id, cart) in carts {
            assert_eq!(self.cart(id), cart, "the log tells every cart");
        }
    }

    /// As [`World::check_books`], once everything has come to an end: every order rests, and the
    /// bank has taken each paid order's money once and nothing else.
    #[track_caller]
    fn check_at_rest(&self) {
        self.check_books();
        for (id, order) in self.orders() {
            assert_eq!(order.next(), None, "order {id} rests: {order:?}");
            let kept = match order.status() {
                OrderStatus::Paid if order.payment.is_captured() => Some(order.placed.total),
                OrderStatus::Paid | OrderStatus::PendingPayment | OrderStatus::Cancelled => None,
            };
            let taken = self.bank.taken(order.payment.id).filter(|money| !money.is_zero());
            if order.placed.collected == Collected::Online && !order.placed.total.is_zero() {
                assert_eq!(taken, kept, "the money of order {id}: {order:?}");
            }
            let cart = self.cart(order.placed.cart);
            match (&order.ending, cart.status) {
                (Ending::Live, status) => assert_eq!(status, CartStatus::Ordered(id)),
                (Ending::Cancelled { reason: CancelReason::PaymentFailed { .. }, .. }, status) => {
                    assert_ne!(status, CartStatus::Ordered(id), "the cart is open again");
                }
                (Ending::Cancelled { .. } | Ending::Closing(_), _) => {}
            }
        }
    }
}

fn product(name: &str, minor: i64) -> ProductContent {
    content(&name.to_lowercase(), name, minor)
}

fn put_product(batch: &mut Batch, name: &str, version: u64, content: ProductContent) {
    let id: ProductId = format!("prod-{name}").parse().unwrap();
    let content = Box::new(content);
    let event = match version {
        0 => ProductEvent::Created { content, at: NOON },
        _ => ProductEvent::Updated { content, at: NOON },
    };
    let created = ProductEvent::Created { content: Box::new(product(name, 999)), at: NOON };
    let before = crate::domain::catalog::Product::apply(None, &id, &created);
    let row = crate::domain::catalog::Product::apply(before, &id, &event).unwrap();
    batch.put(EntityKey::Product(id.clone()), version, &row);
    batch.fact(NOON, Fact::Product(id, event), vec![]);
}

fn receive(batch: &mut Batch, name: &str, delta: i64) {
    let event = StockEvent::Adjusted { delta, reason: "received".into(), note: None };
    let movement = Movement { sku: sku(name), change: Change::Adjust { delta } };
    batch.fact(NOON, Fact::Stock(sku(name), event), vec![movement]);
}

fn checkout_answer() -> Render<OrderView, CheckoutRefusal> {
    Arc::new(|outcome| {
        let about = outcome.ok().and_then(OrderView::about);
        let (status, body) = match outcome {
            Ok(view) => (201, format!("order {}: {}", view.id, view.order.status().name())),
            Err(CheckoutRefusal::Declined { .. }) => (402, "declined".to_owned()),
            Err(refusal) => (409, refusal.to_string()),
        };
        RenderedAnswer { status, headers: vec![], body: body.into_bytes(), about }
    })
}

/// One life of the shop, from its start to its end or crash.
struct Shop {
    world: World,
    env: Arc<Env>,
    store: Arc<GatedStore>,
    provider: Arc<GatedProvider>,
    engine: Engine,
    reads: Arc<Reads>,
    keys: Keys,
    sweeper: SweeperHandle,
    recovered: Recovered,
    power: Arc<Power>,
    pools: Pools,
}

type CheckoutResult = Result<OrderView, Refusal<CheckoutRefusal>>;

impl Shop {
    /// The current goes off: nothing of this life reaches disk or provider any more.
    async fn crash(self) -> World {
        self.power.cut();
        self.store.gate.open();
        self.store.loads.open();
        self.provider.gate.open();
        let Shop { world, engine, pools, .. } = self;
        engine.stop().await;
        tokio::task::spawn_blocking(move || pools.stop()).await.unwrap();
        world
    }

    async fn close(self) -> World {
        let Shop { world, engine, pools, .. } = self;
        engine.stop().await;
        tokio::task::spawn_blocking(move || pools.stop()).await.unwrap();
        world
    }

    async fn cart(&self, items: &[(&str, u32)]) -> CartId {
        self.try_cart(items).await.expect("a cart").id
    }

    async fn try_cart(&self, items: &[(&str, u32)]) -> Result<CartView, Refusal<CartRefusal>> {
        let items = items.iter().map(|&(name, units)| (sku(name), units)).collect();
        let request = CartRequest::Create { currency: None, items };
        self.engine.desk.create_cart(request, None).await.map(|answered| answered.value)
    }

    async fn ask_cart(
        &self,
        cart: CartId,
        request: CartRequest,
    ) -> Result<CartView, Refusal<CartRefusal>> {
        self.engine.desk.cart(cart, request, None, None).await.map(|answered| answered.value)
    }

    /// A question that goes on while the test does something else.
    fn asking_cart(
        &self,
        cart: CartId,
        request: CartRequest,
    ) -> JoinHandle<Result<CartView, Refusal<CartRefusal>>> {
        let desk = self.engine.desk.clone();
        tokio::spawn(async move {
            desk.cart(cart, request, None, None).await.map(|answered| answered.value)
        })
    }

    async fn checkout(&self, cart: CartId, token: &str) -> CheckoutResult {
        self.checking_out(cart, token, None).await.unwrap()
    }

    /// A checkout with the idempotency key `n`.
    async fn checkout_once(&self, cart: CartId, token: &str, n: u8) -> CheckoutResult {
        self.checking_out(cart, token, Some(n)).await.unwrap()
    }

    fn checking_out(
        &self,
        cart: CartId,
        token: &str,
        key: Option<u8>,
    ) -> JoinHandle<CheckoutResult> {
        let desk = self.engine.desk.clone();
        let request = request(cart, token);
        let first_used = self.world.now();
        let keyed = key.map(|n| Keyed {
            attempt: Key { key: [n; 16], fingerprint: [n; 16] },
            first_used,
            render: checkout_answer(),
            vault: self.env.vault.clone(),
        });
        tokio::spawn(
            async move { desk.checkout(request, keyed).await.map(|answered| answered.value) },
        )
    }

    async fn change(
        &self,
        order: OrderId,
        change: OrderChange,
    ) -> Result<OrderView, Refusal<ChangeRefusal>> {
        let changed = self.engine.desk.change_order(order, change, None, None).await;
        changed.map(|answered| answered.value)
    }

    async fn cancel(&self, order: OrderId) -> Result<OrderView, Refusal<ChangeRefusal>> {
        self.change(order, OrderChange::Cancel { reason: None }).await
    }

    async fn stock(
        &self,
        name: &str,
        command: StockCommand,
    ) -> Result<Level, Refusal<StockRejection>> {
        self.adjusting(name, command).await.unwrap()
    }

    fn adjusting(
        &self,
        name: &str,
        command: StockCommand,
    ) -> JoinHandle<Result<Level, Refusal<StockRejection>>> {
        let (desk, sku) = (self.engine.desk.clone(), sku(name));
        tokio::spawn(
            async move { desk.stock(sku, command, None).await.map(|answered| answered.value) },
        )
    }

    /// What the SKU's actor would promise right now.
    async fn promisable(&self, name: &str) -> i64 {
        // Asking for far too much is answered with what is left, and holds nothing.
        let cart = self.cart(&[(name, 100_000)]).await;
        match self.checkout(cart, "tok_visa").await {
            Err(Refusal::Rejected(CheckoutRefusal::OutOfStock(shorts))) => {
                shorts[0].available.into()
            }
            other => panic!("{other:?}"),
        }
    }

    fn send_order(&self, order: OrderId, message: OrderMessage) {
        self.engine.directory.send(ShardMessage::Order(order, message));
    }

    fn send_sku(&self, name: &str, message: SkuMessage) {
        self.engine.directory.send(ShardMessage::Sku(sku(name), message));
    }

    /// A hold for an order that never writes its batch.
    fn hold(&self, name: &str, order: OrderId, units: u32) {
        let expires_at = self.world.now().plus(HOLD_FOR);
        let mut out = Outbox::default();
        let (env, directory) = (&self.env, &self.engine.directory);
        let step = Step { env, directory, now: self.world.now(), unsettled: false, out: &mut out };
        let answer = step.owed(order, OrderMessage::Retry);
        self.send_sku(name, SkuMessage::Hold { order, units, expires_at, answer });
    }

    /// Has an order go on, as its timer does; returns when it rests.
    async fn drive(&self, order: OrderId) {
        let (done, rested) = oneshot::channel();
        self.send_order(order, OrderMessage::Drive { owed: None, done: Some(done) });
        let _ = rested.await;
    }

    async fn expect_paid(&self, cart: CartId) -> OrderView {
        let view = self.checkout(cart, "tok_visa").await.expect("a paid order");
        assert_eq!(view.order.status(), OrderStatus::Paid);
        view
    }

    /// Returns when everything sent before this, and what follows from it, is done or stands at a
    /// gate of the provider.
    async fn quiet(&self) {
        let mut seen = None;
        let mut same = 0;
        while same < 3 {
            self.engine.settle().await;
            let census = self.engine.desk.census().await;
            let under_way = self.provider.under_way() - *self.provider.gate.waiting.borrow();
            let now = (
                self.provider.asked(),
                self.store.groups.lock().unwrap().len(),
                self.store.reads.load(Ordering::SeqCst),
            );
            let is_still = census.loading == 0
                && under_way == 0
                && self.engine.committer.waiting() == 0
                && seen == Some(now);
            same = if is_still { same + 1 } else { 0 };
            seen = Some(now);
            tokio::task::yield_now().await;
        }
    }

    /// As time goes on: whoever was to take the next step of an order is waited for, and then the
    /// sweeper comes; until all orders rest.
    async fn rest(&self) {
        for _ in 0..20 {
            self.quiet().await;
            if self.world.orders().iter().all(|(_, order)| order.next().is_none()) {
                return;
            }
            self.world.later(Span::minutes(1));
            self.sweeper.sweep().await;
        }
        panic!("never at rest: {:?}", self.world.orders());
    }
}

fn address() -> crate::domain::Address {
    crate::domain::recipient::tests::address()
}

fn request(cart: CartId, token: &str) -> CheckoutRequest {
    let by_hand = token == "manual";
    CheckoutRequest {
        cart,
        person: None,
        email: "ada@example.com".into(),
        shipping_address: Some(address()),
        billing_address: None,
        shipping_option: None,
        provider: if by_hand { "manual" } else { "test" }.into(),
        collected: if by_hand { Collected::ByHand } else { Collected::Online },
        token: (!by_hand).then(|| token.to_owned()),
        note: None,
        agreed: None,
    }
}

fn is_out_of_stock(outcome: &CheckoutResult) -> bool {
    matches!(outcome, Err(Refusal::Rejected(CheckoutRefusal::OutOfStock(_))))
}
