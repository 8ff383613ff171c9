//! One life of the shop, from its start to its crash: the engine's own parts, without a thread.
//!
//! Shards, committer, teller, recovery, jobs and idempotency keys are those of the shop. What is
//! replaced is what runs them: a mailbox is a queue from which the world hands one message at a time.

use super::model::{Checked, Violation};
use super::tasks::{Owner, Spawner};
use crate::actors::accounts::SessionSettings;
use crate::actors::address::Mailbox;
use crate::actors::ask::{Render, RenderedAnswer, Reply};
use crate::actors::catalog::{CatalogMessage, OwnerParts};
use crate::actors::clock::{Clock, Ids};
use crate::actors::desk::Desk;
use crate::actors::directory::Directory;
use crate::actors::engine::{new_shard, teller};
use crate::actors::env::{Env, OrderNumbers, Settings};
use crate::actors::jobs::sweeper::SweeperParts;
use crate::actors::keys::Keys;
use crate::actors::order::{CheckoutRefusal, OrderView};
use crate::actors::outside::Outside;
use crate::actors::providers::ProviderCall;
use crate::actors::reads::Reads;
use crate::actors::recovery::recover;
use crate::actors::settle::Ticket;
use crate::actors::shard::{ShardMessage, ShardParts, ShardState};
use crate::domain::event::EntityKey;
use crate::domain::pricing::PriceRules;
use crate::domain::settings::ShopSettings;
use crate::domain::shipping::{ShippingRate, ShippingTable, ShippingZone};
use crate::domain::tax::{Prices, Rate, TaxRate, TaxTable};
use crate::domain::{Currency, Money, Region, Span};
use crate::payments::{CaptureMode, Providers};
use crate::secrets::{ShopKey, Vault};
use crate::storage::committer::Hand;
use crate::storage::table::row_key;
use crate::storage::{Committer, Settled, Store, Table};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// A shard's mailbox.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Option<VecDeque<ShardMessage>>>>);

impl Queue {
    fn open_one() -> Queue {
        Queue(Arc::new(Mutex::new(Some(VecDeque::new()))))
    }

    pub fn len(&self) -> usize {
        self.lock().as_ref().map_or(0, VecDeque::len)
    }

    pub fn next(&self) -> Option<ShardMessage> {
        self.lock().as_mut().and_then(VecDeque::pop_front)
    }

    /// Nobody reads it any more. What is in it is dropped, which tells its senders.
    pub fn close(&self) {
        let left = self.lock().take();
        drop(left);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<VecDeque<ShardMessage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox<ShardMessage> for Queue {
    fn put(&self, message: ShardMessage) {
        let unread = match &mut *self.lock() {
            Some(open) => {
                open.push_back(message);
                None
            }
            None => Some(message),
        };
        drop(unread);
    }
}

/// What the shards asked of the world and the world has not looked at yet.
#[derive(Default)]
pub(super) struct Wishes {
    pub loads: Vec<EntityKey>,
    pub calls: Vec<ProviderCall>,
    pub later: Vec<(Span, ShardMessage)>,
}

#[derive(Clone, Default)]
pub(super) struct Surroundings(Arc<Mutex<Wishes>>);

impl Surroundings {
    pub fn take(&self) -> Wishes {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Wishes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outside for Surroundings {
    fn load(&self, key: EntityKey) {
        self.lock().loads.push(key);
    }

    fn call(&self, call: ProviderCall) {
        self.lock().calls.push(call);
    }

    fn later(&self, span: Span, message: ShardMessage) {
        self.lock().later.push((span, message));
    }
}

/// What clients reach of a shop whose door is open.
#[derive(Clone)]
pub(super) struct Front {
    pub life: u64,
    pub env: Arc<Env>,
    pub desk: Desk,
    pub keys: Keys,
    pub committer: Committer<Ticket>,
    pub reads: Arc<Reads>,
    pub store: Arc<dyn Store>,
    pub owner: mpsc::UnboundedSender<CatalogMessage>,
}

pub(super) struct Life {
    pub number: u64,
    pub store: Arc<dyn Store>,
    pub front: Front,
    /// Open once recovery is over.
    pub is_open: Rc<Cell<bool>>,
    pub hand: Hand<Ticket>,
    pub teller: Box<dyn FnMut(Vec<Settled<Ticket>>)>,
    /// Settled and not told yet.
    pub settled: VecDeque<Vec<Settled<Ticket>>>,
    pub shards: Vec<Seat>,
    pub surroundings: Surroundings,
    pub sweeper: SweeperParts,
    parts: ShardParts,
}

/// A shard, its mailbox, and its successor where it died.
pub(super) struct Seat {
    pub queue: Queue,
    pub state: Option<ShardState>,
    successor: Rc<RefCell<Option<ShardState>>>,
}

/// What a life begins with.
pub(super) struct Birth {
    pub number: u64,
    pub seed: u64,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub providers: Providers,
    pub capture: CaptureMode,
    pub shards: usize,
    pub entity_bytes: usize,
}

pub(super) fn settings(capture: CaptureMode, entity_bytes: usize) -> Settings {
    Settings {
        currency: Currency::USD,
        rules: rules(),
        capture,
        hold_for: Span::seconds(10),
        pay_within: Span::minutes(30),
        pay_by_hand_within: Span::days(7),
        provider_timeout: Span::seconds(20),
        provider_retry: Span::seconds(1),
        entity_bytes,
        sessions: SessionSettings::default(),
        shop: ShopSettings::default(),
    }
}

fn rules() -> PriceRules {
    let usd = |minor| Money::from_minor(minor, Currency::USD);
    let rate = ShippingRate {
        id: "standard".into(),
        name: "Standard".into(),
        price: usd(500),
        free_over: Some(usd(10_000)),
        min_days: 2,
        max_days: 5,
    };
    let eight_percent = Rate::from_millionths(80_000).expect("a rate");
    PriceRules {
        tax: TaxTable {
            prices: Prices::ExcludeTax,
            home: Region { country: "US".into(), region: None },
            rates: vec![TaxRate { country: "US".into(), region: None, rate: eight_percent }],
            shipping_is_taxed: false,
        },
        shipping: ShippingTable {
            zones: vec![ShippingZone { countries: vec![], rates: vec![rate] }],
        },
    }
}

/// What a client sees of a checkout.
pub(super) fn checkout_answer() -> Render<OrderView, CheckoutRefusal> {
    Arc::new(|outcome| {
        let about = outcome.ok().and_then(OrderView::about);
        let (status, body) = match outcome {
            Ok(view) => {
                let total = view.order.placed.total.minor();
                (201, format!("{} costs {total}: {}", view.id, view.order.status().name()))
            }
            Err(CheckoutRefusal::Declined { .. }) => (402, "declined".to_owned()),
            Err(refusal) => (409, refusal.to_string()),
        };
        RenderedAnswer { status, headers: vec![], body: body.into_bytes(), about }
    })
}

impl Life {
    /// Puts a shop together on what is in the store, and has what was under way driven to its end.
    pub fn begin(birth: Birth, spawner: &Spawner) -> Checked<Life> {
        let Birth { number, seed, store, clock, providers, capture, shards, entity_bytes } = birth;
        let broken = |what: &str, error: &dyn std::fmt::Display| Violation {
            invariant: "I1",
            detail: format!("after a start {what} cannot be read: {error}"),
        };
        let vault = Vault::with_key(&*store, ShopKey::from_bytes([7; 32]))
            .map_err(|error| broken("the vault", &error))?;
        let reads = Reads::load(Arc::clone(&store), &vault);
        let reads = Arc::new(reads.map_err(|error| broken("the books", &error))?);
        let keys = Keys::load(Arc::clone(&store), clock.now());
        let keys = keys.map_err(|error| broken("the idempotency keys", &error))?;
        let env = Arc::new(Env {
            settings: settings(capture, entity_bytes),
            ids: Ids::seeded(Arc::clone(&clock), seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            vault: vault.clone(),
            clock: Arc::clone(&clock),
            catalog: Arc::clone(&reads.catalog),
            providers,
            order_numbers: OrderNumbers::after(reads.orders.highest_number()),
            checkout_answer: checkout_answer(),
        });
        let directory = Directory::new(shards);
        let (owed, witness) = (keys.owed(), keys.clone());
        let witness = Box::new(move |group: &[Settled<Ticket>]| witness.settled_with(group));
        let teller = teller(&env, Arc::clone(&reads), witness, directory.clone());
        let (committer, hand) = Committer::by_hand(Arc::clone(&store));
        let surroundings = Surroundings::default();
        let parts = ShardParts {
            env: Arc::clone(&env),
            directory: directory.clone(),
            committer: committer.clone(),
            outside: Arc::new(surroundings.clone()),
            bound: entity_bytes / shards,
        };
        let seats: Vec<Seat> = (0..shards)
            .map(|place| {
                let queue = Queue::open_one();
                directory.install(place, queue.clone());
                let state = Some(ShardState::new(parts.clone()));
                Seat { queue, state, successor: Rc::default() }
            })
            .collect();
        let owner = catalog_owner(number, &reads, &env, &committer, spawner);
        let desk = Desk::new(directory.clone(), env.ids.clone());
        let front = Front {
            life: number,
            env,
            desk,
            keys,
            committer,
            reads,
            store: Arc::clone(&store),
            owner,
        };
        let is_open = Rc::new(Cell::new(false));
        let (opening, books, to) = (Rc::clone(&is_open), Arc::clone(&store), directory.clone());
        spawner.spawn(Owner::Shop(number), async move {
            let recovered = recover(&*books, &to, owed, checkout_answer(), &vault).await;
            opening.set(recovered.is_ok());
        });
        let sweeper = SweeperParts::new(Arc::clone(&store), directory, clock);
        Ok(Life {
            number,
            store,
            front,
            is_open,
            hand,
            teller: Box::new(teller),
            settled: VecDeque::new(),
            shards: seats,
            surroundings,
            sweeper,
            parts,
        })
    }

    /// A shard loses all that it had in mind; a new one comes when it is safe.
    pub fn lose_shard(&mut self, place: usize, spawner: &Spawner) {
        let seat = &mut self.shards[place];
        let lost = seat.state.take();
        seat.queue.close();
        drop(lost);
        let (successor, parts) = (Rc::clone(&seat.successor), self.parts.clone());
        spawner.spawn(Owner::Shop(self.number), async move {
            let state = new_shard(parts).await;
            *successor.borrow_mut() = Some(state);
        });
    }

    /// Lets successors that are ready take their seats; says whether one did.
    pub fn seat_successors(&mut self) -> bool {
        let mut is_seated = false;
        for (place, seat) in self.shards.iter_mut().enumerate() {
            if let Some(state) = seat.successor.take() {
                seat.queue = Queue::open_one();
                seat.state = Some(state);
                self.parts.directory.install(place, seat.queue.clone());
                is_seated = true;
            }
        }
        is_seated
    }

    /// Removes idempotency keys that are too old, as the janitor does.
    pub fn tidy(&self) {
        let now = self.front.env.now();
        if let Ok(batch) = self.front.keys.expired(now, 100)
            && !batch.is_empty()
        {
            self.front.committer.submit(batch, Ticket::of_service(Reply::new(|_| {})));
        }
    }

    /// An entity's row as it is now, or `None` where the store cannot say.
    pub fn read(&self, key: &EntityKey) -> Option<Option<Vec<u8>>> {
        self.store.snapshot().ok()?.get(Table::of(key), row_key(key)).ok()
    }
}

/// The catalog's owner takes one command at a time, and waits until each is durable.
fn catalog_owner(
    life: u64,
    reads: &Arc<Reads>,
    env: &Arc<Env>,
    committer: &Committer<Ticket>,
    spawner: &Spawner,
) -> mpsc::UnboundedSender<CatalogMessage> {
    let parts = OwnerParts {
        reads: Arc::clone(reads),
        clock: Arc::clone(&env.clock),
        ids: env.ids.clone(),
        committer: committer.clone(),
    };
    let (sender, mut commands) = mpsc::unbounded_channel();
    spawner.spawn(Owner::Shop(life), async move {
        while let Some(command) = commands.recv().await {
            if let Some(decided) = parts.decide(command) {
                parts.write(decided).await;
            }
        }
    });
    sender
}
