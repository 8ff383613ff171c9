//! The world of one run: it decides what happens next, one thing at a time, and looks at the shop
//! after each.
//!
//! A step is one message to one shard, one group written, one group told, one letter that reaches the
//! bank, one task that goes on: whatever the machine could do next, in any order that it could do it.

use super::bank::{Fate, Letter, Post};
use super::clients::Clients;
use super::dice::Dice;
use super::disk::{self, Disk};
use super::life::{Birth, Life};
use super::model::{Checked, Model, Violation, must, readable};
use super::script::{Action, Fault, Kind, Script};
use super::story::Story;
use super::tasks::{Owner, Tasks};
use crate::actors::ask::Reply;
use crate::actors::clock::{Clock, ManualClock};
use crate::actors::order::OrderMessage;
use crate::actors::providers::Question;
use crate::actors::settle::Ticket;
use crate::actors::shard::ShardMessage;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::stock::{Change, Movement, StockEvent};
use crate::domain::{OrderId, Span, Timestamp};
use crate::payments::manual::ManualProvider;
use crate::payments::test::{TestProvider, TestSettings};
use crate::payments::{PaymentProvider, Providers};
use crate::storage::{Batch, CommitError, Conflict, RedbStore, Settled, Store};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use tracing::subscriber::NoSubscriber;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The reason given for what takes a promise back once more.
const AGAIN: &str = "again";

/// The wall clock. On demand, whoever looks at it next panics: a fault in the middle of a step.
struct TripClock {
    time: ManualClock,
    trips: AtomicBool,
}

impl Clock for TripClock {
    fn now(&self) -> Timestamp {
        if self.trips.swap(false, Ordering::Relaxed) {
            // Without the report of a panic that nobody meant to have.
            resume_unwind(Box::new("as the story wants it"));
        }
        self.time.now()
    }
}

/// Something that happens when its time has come.
enum Due {
    Message { life: u64, message: Box<ShardMessage> },
    Client(oneshot::Sender<()>),
    Letter(Letter),
}

pub(super) struct World {
    dice: Dice,
    script: Script,
    actions: VecDeque<(usize, Action)>,
    clock: Arc<TripClock>,
    /// Milliseconds since the beginning, whatever the wall clock says.
    elapsed: i64,
    disk: Disk,
    providers: Providers,
    bank: Arc<TestProvider>,
    post: Post,
    clients: Rc<Clients>,
    tasks: Tasks,
    timers: Vec<(i64, Due)>,
    /// Rows that were read and are on their way to their shard.
    loading: Vec<(EntityKey, Loading)>,
    life: Option<Life>,
    lives: u64,
    sweep_at: i64,
    is_stormy: bool,
    panics_next: Option<Kind>,
    cuts_next_payment: bool,
    /// The next order that hands something over is lost, or its whole shard.
    loses_next: Option<bool>,
    /// Orders whose shard was lost behind their writes: its successor is told to go on with them.
    left_behind: Vec<OrderId>,
    /// Nothing is written before this step: the disk takes its time.
    writes_from: usize,
    /// In this life a batch may rest on one that failed, or on a loan that lapsed.
    is_excused: bool,
    slow: Span,
    steps: usize,
}

enum Loading {
    Asked,
    Read(Option<Option<Vec<u8>>>),
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Move {
    Action,
    Shard(usize),
    Write,
    Reopen,
    Tell,
    Task(usize),
    Load(usize),
    Letter(usize),
    Timer(usize),
    Sweep,
    Wait,
}

impl Move {
    fn weight(self) -> usize {
        match self {
            Move::Shard(_) => 8,
            Move::Action | Move::Tell | Move::Timer(_) => 6,
            Move::Write | Move::Task(_) | Move::Load(_) => 5,
            Move::Letter(_) => 3,
            Move::Reopen | Move::Sweep => 2,
            Move::Wait => 1,
        }
    }
}

/// How a run ended.
pub(super) struct Ended {
    pub steps: usize,
    pub events: usize,
    pub lives: u64,
    pub orders: usize,
    pub violation: Option<Violation>,
    pub digest: u64,
    pub story: Vec<String>,
}

/// Steps after which a shop that nobody asks anything of must have come to rest.
const REST_WITHIN: usize = 10_000;

impl World {
    pub fn new(script: Script, is_told: bool) -> World {
        let seed = script.seed;
        let clock =
            Arc::new(TripClock { time: ManualClock::at(NOON), trips: AtomicBool::new(false) });
        let bank = Arc::new(TestProvider::in_memory(TestSettings::new("http://shop.example")));
        let provided: [Arc<dyn PaymentProvider>; 2] = [bank.clone(), Arc::new(ManualProvider)];
        let tasks = Tasks::default();
        let clients = Clients {
            shop: RefCell::default(),
            spawner: tasks.spawner(),
            dice: RefCell::new(Dice::new(seed, 2)),
            model: RefCell::new(Model::default()),
            story: RefCell::new(Story::new(is_told)),
            is_faultless: Cell::new(true),
            broken: RefCell::default(),
            pauses: RefCell::default(),
            bank: Arc::clone(&bank),
            goods: script.goods.clone(),
        };
        World {
            dice: Dice::new(seed, 3),
            actions: script.actions.iter().cloned().collect(),
            script,
            clock,
            elapsed: 0,
            disk: Disk::new(Dice::new(seed, 4)),
            providers: Providers::new(provided),
            bank,
            post: Post::default(),
            clients: Rc::new(clients),
            tasks,
            timers: Vec::new(),
            loading: Vec::new(),
            life: None,
            lives: 0,
            sweep_at: 0,
            is_stormy: false,
            panics_next: None,
            cuts_next_payment: false,
            loses_next: None,
            left_behind: Vec::new(),
            writes_from: 0,
            is_excused: false,
            slow: Span::millis(0),
            steps: 0,
        }
    }

    /// Plays so many steps, and then lets everything come to its end.
    pub fn play(mut self, steps: usize) -> Ended {
        // What goes wrong is meant to; the story tells of it.
        let _quiet = tracing::subscriber::set_default(NoSubscriber::default());
        let violation = self.all_of_it(steps).err();
        if let Some(violation) = &violation {
            self.tell(|| format!("VIOLATION {violation}"));
        }
        // Quietly: what is dropped now may still want to write.
        self.disk.cut();
        self.tasks.end_shop();
        self.life = None;
        self.clients.shop.take();
        let model = self.clients.model.take();
        let (digest, story) = self.clients.story.replace(Story::new(false)).end();
        Ended {
            steps: self.steps,
            events: model.events(),
            lives: self.lives,
            orders: model.orders.len(),
            violation,
            digest,
            story,
        }
    }

    fn all_of_it(&mut self, steps: usize) -> Checked {
        self.open()?;
        self.tasks.spawner().spawn(Owner::Client, Rc::clone(&self.clients).stock_up());
        while self.tasks.ready() > 0 || self.tasks.clients() > 0 {
            self.step(false)?;
        }
        let begun = self.steps;
        while self.steps - begun < steps {
            self.step(true)?;
        }
        self.come_to_rest()
    }

    fn tell(&self, line: impl FnOnce() -> String) {
        self.clients.story.borrow_mut().tell(line);
    }

    /// One thing happens. Without `script`, nothing new is begun.
    fn step(&mut self, script: bool) -> Checked {
        self.steps += 1;
        self.clients.story.borrow_mut().step = self.steps;
        self.collect();
        let moves = self.moves(script);
        let next = moves[self.dice.weighted(moves.iter().map(|next| next.weight()))];
        self.clients.story.borrow_mut().count(next);
        let before = self.elapsed;
        self.carry_out(next)?;
        self.clients.story.borrow_mut().count(self.elapsed - before);
        if self.disk.is_off() {
            self.crash();
            self.open()?;
        }
        if let Some(life) = &mut self.life {
            if life.seat_successors() {
                for order in self.left_behind.drain(..) {
                    life.front.desk.pass_on(go_on(order));
                }
            }
            if life.is_open.get() && self.clients.shop.borrow().is_none() {
                *self.clients.shop.borrow_mut() = Some(life.front.clone());
                self.clients.story.borrow_mut().tell(|| "the door is open".into());
            }
        }
        match self.clients.broken.take() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// Takes in what shards and clients have asked for.
    fn collect(&mut self) {
        for (span, over) in self.clients.pauses.take() {
            self.timers.push((self.elapsed + span.as_millis(), Due::Client(over)));
        }
        let Some(life) = &self.life else { return };
        let wishes = life.surroundings.take();
        let number = life.number;
        self.loading.extend(wishes.loads.into_iter().map(|key| (key, Loading::Asked)));
        for (span, message) in wishes.later {
            let due = Due::Message { life: number, message: Box::new(message) };
            self.timers.push((self.elapsed + span.as_millis(), due));
        }
        for call in wishes.calls {
            let fate = Fate::throw(&mut self.dice, self.is_stormy);
            let (order, question) = (call.order, call.question.name());
            self.tell(|| format!("{order} asks the bank to {question}: {fate:?}"));
            let asks_money = matches!(call.question, Question::Authorize(_));
            self.post.send(number, call, fate);
            if asks_money && std::mem::take(&mut self.cuts_next_payment) {
                self.disk.cut();
                // It may take longer than the next start.
                let at = self.elapsed + self.dice.between(1_000, 120_000);
                let slow = self.post.letters.pop().map(|letter| (at, Due::Letter(letter)));
                self.timers.extend(slow);
            }
        }
    }

    fn moves(&mut self, script: bool) -> Vec<Move> {
        let mut moves = Vec::new();
        if script && self.actions.front().is_some_and(|(step, _)| *step <= self.steps) {
            moves.push(Move::Action);
        }
        moves.extend((0..self.tasks.ready()).take(8).map(Move::Task));
        moves.extend((0..self.loading.len()).take(4).map(Move::Load));
        moves.extend((0..self.post.letters.len()).take(4).map(Move::Letter));
        let due = self.timers.iter().enumerate().filter(|(_, (at, _))| *at <= self.elapsed);
        moves.extend(due.map(|(place, _)| Move::Timer(place)).take(4));
        if let Some(life) = &mut self.life {
            let waiting = life.shards.iter().enumerate();
            let waiting = waiting.filter(|(_, seat)| seat.state.is_some() && seat.queue.len() > 0);
            moves.extend(waiting.map(|(place, _)| Move::Shard(place)));
            if !life.settled.is_empty() {
                moves.push(Move::Tell);
            }
            // One group waits for the teller at most, as for the thread.
            let is_free = life.settled.len() < 2 && self.writes_from <= self.steps;
            if is_free && life.hand.take_what_waits() {
                moves.push(Move::Write);
            }
            if life.hand.is_shut() {
                moves.push(Move::Reopen);
            }
            if self.sweep_at <= self.elapsed {
                moves.push(Move::Sweep);
            }
        }
        moves.push(Move::Wait);
        moves
    }

    fn carry_out(&mut self, next: Move) -> Checked {
        match next {
            Move::Action => self.act(),
            Move::Shard(place) => self.deliver(place),
            Move::Write => return self.write(),
            Move::Tell => {
                if let Some(life) = &mut self.life
                    && let Some(group) = life.settled.pop_front()
                {
                    let is_all_told =
                        life.settled.is_empty() && group.iter().any(|own| own.outcome.is_ok());
                    let is_in_doubt =
                        group.iter().any(|own| own.outcome == Err(CommitError::Unavailable));
                    (life.teller)(group);
                    let mut model = self.clients.model.borrow_mut();
                    if is_in_doubt && !life.hand.is_shut() && !self.disk.is_off() {
                        // What failed may be there after all. From now on it is shown, so it stays.
                        model.catch_up(&*life.store)?;
                    }
                    model.is_shown(&life.front.reads, is_all_told, self.steps)?;
                }
            }
            Move::Reopen => {
                if let Some(life) = &mut self.life {
                    life.hand.reopen();
                    let is_open = !life.hand.is_shut();
                    self.tell(|| {
                        format!("the store is {}", if is_open { "open again" } else { "shut" })
                    });
                }
            }
            Move::Task(place) => self.tasks.run(place),
            Move::Load(place) => self.load(place),
            Move::Letter(place) => {
                let arrived = self.post.arrive(place, &self.providers);
                if let Some((life, order, told)) = arrived
                    && let Some(own) = self.life.as_ref().filter(|own| own.number == life)
                {
                    self.clients
                        .story
                        .borrow_mut()
                        .tell(|| format!("{order} hears from the bank: {told:?}"));
                    own.front.desk.pass_on(ShardMessage::Order(order, OrderMessage::Told(told)));
                }
            }
            Move::Timer(place) => match self.timers.swap_remove(place).1 {
                Due::Client(over) => _ = over.send(()),
                Due::Letter(letter) => self.post.letters.push(letter),
                Due::Message { life, message } => {
                    if let Some(own) = self.life.as_ref().filter(|own| own.number == life) {
                        own.front.desk.pass_on(*message);
                    }
                }
            },
            Move::Sweep => {
                self.sweep_at = self.elapsed + 1_000;
                if let Some(life) = &mut self.life {
                    // A store that is shut is asked again in a second.
                    let _ = life.sweeper.sweep();
                    if self.dice.percent(5) {
                        life.tidy();
                    }
                }
            }
            Move::Wait => {
                let next = self.timers.iter().map(|(at, _)| *at).min();
                let span = match next.filter(|at| *at > self.elapsed) {
                    // Where nothing else is to be done, nobody waits for nothing.
                    Some(at) if self.is_idle() => at - self.elapsed,
                    Some(_) | None => self.dice.between(1, 40),
                };
                self.pass(Span::millis(span));
            }
        }
        Ok(())
    }

    fn is_idle(&mut self) -> bool {
        let life = self.life.as_mut().is_none_or(|life| {
            life.settled.is_empty()
                && !life.hand.take_what_waits()
                && life.shards.iter().all(|seat| seat.queue.len() == 0)
        });
        life && self.tasks.ready() == 0 && self.loading.is_empty() && self.post.letters.is_empty()
    }

    /// What keeps the shop from resting.
    fn under_way(&mut self) -> String {
        let (ready, clients) = (self.tasks.ready(), self.tasks.clients());
        let (letters, loads) = (self.post.letters.len(), self.loading.len());
        let Some(life) = &mut self.life else { return "it does not start".into() };
        let queues: Vec<usize> = life.shards.iter().map(|seat| seat.queue.len()).collect();
        let seated: Vec<bool> = life.shards.iter().map(|seat| seat.state.is_some()).collect();
        format!(
            "{clients} clients, {ready} tasks could go on, {} groups to be told, {} batches, messages {queues:?} \
             for shards {seated:?}, {letters} letters, {loads} rows, the store is shut: {}",
            life.settled.len(),
            life.front.committer.waiting(),
            life.hand.is_shut()
        )
    }

    fn pass(&mut self, span: Span) {
        self.elapsed += span.as_millis();
        self.clock.time.set(self.clock.time.now().plus(span));
    }

    fn act(&mut self) {
        let Some((_, action)) = self.actions.pop_front() else { return };
        self.tell(|| action.to_string());
        let spawner = self.tasks.spawner();
        match action {
            Action::Shopper(errand) => {
                spawner.spawn(Owner::Client, Rc::clone(&self.clients).shop(errand));
            }
            Action::Staff(task) => {
                spawner.spawn(Owner::Client, Rc::clone(&self.clients).work(task))
            }
            Action::Fault(fault) => self.go_wrong(fault),
        }
    }

    fn go_wrong(&mut self, fault: Fault) {
        if !matches!(fault, Fault::Bank { .. }) {
            self.clients.is_faultless.set(false);
        }
        match fault {
            Fault::PowerCut => self.disk.cut(),
            Fault::PowerCutAfter(operations) => self.disk.cut_after(operations),
            Fault::Disk(fault) => self.disk.plant(fault),
            Fault::Room => self.disk.heal(),
            Fault::SlowDisk(span) => self.slow = span,
            Fault::EntityPanic(kind) => self.panics_next = Some(kind),
            Fault::ShardPanic(place) => {
                let spawner = self.tasks.spawner();
                if let Some(life) = &mut self.life {
                    let place = place % life.shards.len();
                    if life.shards[place].state.is_some() {
                        life.lose_shard(place, &spawner);
                    }
                }
            }
            Fault::Clock(seconds) => {
                let now = self.clock.time.now();
                self.clock.time.set(now.plus(Span::seconds(seconds)));
            }
            Fault::Later(span) => self.pass(span),
            Fault::Bank { stormy } => self.is_stormy = stormy,
            Fault::CutWhilePaying => self.cuts_next_payment = true,
            Fault::LostBehindWrite { whole } => self.loses_next = Some(whole),
            Fault::TakenBackAgain => self.take_back_again(),
        }
    }

    /// Hands over what takes a promise back that is no more.
    fn take_back_again(&mut self) {
        let Some(life) = &self.life else { return };
        let model = self.clients.model.borrow();
        let let_go: Vec<_> = model.let_go().collect();
        if let_go.is_empty() {
            return;
        }
        let (order, (sku, units)) = let_go[self.dice.below(let_go.len())];
        let movement =
            Movement { sku: sku.clone(), change: Change::Release { order, units: *units } };
        let event = StockEvent::Adjusted { delta: 0, reason: AGAIN.into(), note: None };
        let mut batch = Batch::new();
        batch.fact(self.clock.time.now(), Fact::Stock(sku.clone(), event), vec![movement]);
        life.front.committer.submit(batch, Ticket::of_service(Reply::new(|_| {})));
    }

    fn deliver(&mut self, place: usize) {
        let Some(life) = &mut self.life else { return };
        let seat = &mut life.shards[place];
        let (Some(state), Some(message)) = (&mut seat.state, seat.queue.next()) else { return };
        let kind = match &message {
            ShardMessage::Cart(..) => Some(Kind::Cart),
            ShardMessage::Order(..) => Some(Kind::Order),
            ShardMessage::Sku(..) => Some(Kind::Sku),
            _ => None,
        };
        let order = match &message {
            ShardMessage::Order(order, _) => Some(*order),
            _ => None,
        };
        let trips = kind.is_some() && self.panics_next.take_if(|own| Some(*own) == kind).is_some();
        let waiting = life.front.committer.waiting();
        self.clock.trips.store(trips, Ordering::Relaxed);
        let taken = catch_unwind(AssertUnwindSafe(|| state.take(message)));
        self.clock.trips.store(false, Ordering::Relaxed);
        // One that is there already: behind its first write, an order finds nothing.
        let is_known = |order: &OrderId| self.clients.model.borrow().orders.contains_key(order);
        let handed_over = order.filter(|_| life.front.committer.waiting() > waiting);
        let handed_over = handed_over.filter(is_known);
        let lost = handed_over.and_then(|order| Some((order, self.loses_next.take()?)));
        if let Some((order, false)) = lost {
            self.clock.trips.store(true, Ordering::Relaxed);
            state.take(go_on(order));
            self.clock.trips.store(false, Ordering::Relaxed);
            life.front.desk.pass_on(go_on(order));
        }
        if taken.is_err() || matches!(lost, Some((_, true))) {
            // Not within a step of an entity: the whole shard is lost, as its supervisor sees to it.
            let spawner = self.tasks.spawner();
            life.lose_shard(place, &spawner);
        }
        if let Some((order, whole)) = lost {
            self.writes_from = self.steps + 60;
            self.left_behind.extend(whole.then_some(order));
            self.tell(|| format!("{order} is lost behind its write, with its shard: {whole}"));
        }
    }

    fn write(&mut self) -> Checked {
        let slow = std::mem::replace(&mut self.slow, Span::millis(0));
        let Some(life) = &mut self.life else { return Ok(()) };
        let group = life.hand.write();
        let failed = group.iter().filter(|own| own.outcome.is_err()).count();
        let is_durable = group.iter().any(|own| own.outcome.is_ok());
        let all = group.len();
        let refused = group.iter().find_map(|own| own.outcome.as_ref().err()).cloned();
        let is_again = |own: &Settled<Ticket>| {
            own.batch.facts().any(|own| matches!(&own.fact, Fact::Stock(_, StockEvent::Adjusted { reason, .. }) if reason == AGAIN))
        };
        if let Some(refused) = refused.filter(|_| self.clients.is_faultless.get()) {
            must!(false, "I9", "a batch was refused, and nothing was wrong: {refused}");
        }
        // An order writes its own row alone, and nobody takes a promise back for it.
        let ours = group.iter().filter(|own| !is_again(own));
        let clash =
            ours.filter_map(|own| own.outcome.as_ref().err()).find_map(|error| match error {
                CommitError::Conflict(
                    conflict @ (Conflict::Version { entity: EntityKey::Order(_), .. }
                    | Conflict::Reservation { .. }),
                ) => Some(conflict.clone()),
                CommitError::Conflict(_) | CommitError::Unavailable => None,
            });
        let has_failed = group.iter().any(|own| own.outcome == Err(CommitError::Unavailable));
        self.is_excused |= has_failed;
        if let Some(clash) = clash.filter(|_| !self.is_excused) {
            must!(false, "I9", "two had the same order in mind: {clash}");
        }
        life.settled.push_back(group);
        if self.disk.is_off() {
            return Ok(());
        }
        let store = Arc::clone(&life.store);
        self.pass(slow);
        if is_durable {
            self.clients.model.borrow_mut().catch_up(&*store)?;
        }
        self.tell(|| format!("{all} batches written, {failed} of them refused or failed"));
        Ok(())
    }

    fn load(&mut self, place: usize) {
        let Some(life) = &self.life else { return };
        let (key, loading) = self.loading.remove(place);
        match loading {
            Loading::Asked => {
                let row = life.read(&key);
                self.loading.push((key, Loading::Read(row)));
            }
            Loading::Read(row) => life.front.desk.pass_on(ShardMessage::Loaded(key, row)),
        }
    }

    /// The power was cut: all that was in memory is gone.
    fn crash(&mut self) {
        self.tell(|| "the power is off".into());
        self.clients.shop.take();
        self.tasks.end_shop();
        self.loading.clear();
        self.timers.retain(|(_, due)| matches!(due, Due::Client(_) | Due::Letter(_)));
        self.left_behind.clear();
        if let Some(life) = self.life.take() {
            for seat in &life.shards {
                seat.queue.close();
            }
        }
        // Clients that waited for the shop hear that it is gone.
        self.tasks.end_shop();
    }

    /// The power is on, and the shop starts on what the disk has kept.
    fn open(&mut self) -> Checked {
        if self.lives > 0 {
            self.disk.power_on();
        }
        self.lives += 1;
        self.is_excused = false;
        let disk = self.disk.clone();
        let opened = RedbStore::open_on(move || {
            let opened =
                redb::Database::builder().set_cache_size(1 << 20).create_with_backend(disk.clone());
            Ok(opened.map_err(redb::Error::from)?)
        });
        if opened.is_err() && !self.disk.is_off() {
            // A full or failing disk: somebody sees to it, and starts the shop again.
            self.disk.heal();
            self.tell(|| "the shop does not start; somebody makes room".into());
            self.disk.cut();
            return Ok(());
        }
        let Ok(store) = opened else { return Ok(()) };
        let store: Arc<dyn Store> = Arc::new(store);
        self.clients.model.borrow_mut().survived(&*store)?;
        let clock: Arc<dyn Clock> = self.clock.clone();
        let birth = Birth {
            number: self.lives,
            seed: self.script.seed,
            store,
            clock,
            providers: self.providers.clone(),
            capture: self.script.capture,
            shards: self.script.shards,
            entity_bytes: self.script.entity_bytes,
        };
        let begun = Life::begin(birth, &self.tasks.spawner());
        if self.disk.is_off() {
            return Ok(());
        }
        self.life = Some(begun?);
        self.sweep_at = self.elapsed;
        let lives = self.lives;
        self.tell(|| format!("the shop starts for the {lives}. time"));
        Ok(())
    }

    /// Nothing new begins, and nothing goes wrong any more: what was begun comes to its end.
    fn come_to_rest(&mut self) -> Checked {
        self.tell(|| "from here on all is well".into());
        self.disk.heal();
        self.is_stormy = false;
        self.panics_next = None;
        self.cuts_next_payment = false;
        self.loses_next = None;
        self.slow = Span::millis(0);
        let begun = self.steps;
        // Bank transfers are waited for the longest.
        for span in [Span::minutes(0), Span::minutes(31), Span::hours(2), Span::days(8)] {
            self.pass(span);
            let mut still = 0;
            while still < 40 {
                let steps = self.steps - begun;
                let under_way = if steps < REST_WITHIN { String::new() } else { self.under_way() };
                must!(steps < REST_WITHIN, "I8", "the shop never comes to rest: {under_way}");
                self.step(false)?;
                let is_still = self.is_idle() && self.tasks.clients() == 0;
                still = if is_still { still + 1 } else { 0 };
            }
        }
        self.look_at_all()?;
        self.look_at_shelves()
    }

    /// What an SKU's actor would promise is what is left: no hold was forgotten, none outlived.
    fn look_at_shelves(&mut self) -> Checked {
        self.pass(Span::minutes(1));
        let clients = Rc::clone(&self.clients);
        self.tasks.spawner().spawn(Owner::Client, async move { clients.count_shelves().await });
        let begun = self.steps;
        while self.tasks.clients() > 0 || self.tasks.ready() > 0 {
            must!(self.steps - begun < REST_WITHIN, "I8", "nobody says what is left");
            self.step(false)?;
        }
        Ok(())
    }

    fn look_at_all(&mut self) -> Checked {
        let Some(life) = &self.life else { return Ok(()) };
        let model = self.clients.model.borrow();
        let bank = &self.bank;
        model.at_rest(&*life.store, &self.post.payments, |payment| bank.taken(payment))?;
        let snapshot = readable(life.store.snapshot())?;
        let now = self.clock.time.now();
        let report = crate::verify::verify(&*snapshot, None, now, &mut |_| {});
        let report = report.map_err(|error| Violation {
            invariant: "I6",
            detail: format!("the books cannot be verified: {error}"),
        })?;
        let first = report.findings.first();
        must!(first.is_none(), "I6", "the books do not hold: {first:?}");
        Ok(())
    }
}

/// What recovery, the sweeper and retries tell an order.
fn go_on(order: OrderId) -> ShardMessage {
    ShardMessage::Order(order, OrderMessage::Drive { owed: None, done: None })
}

/// Planted faults are for the disk to know.
impl From<disk::Fault> for Fault {
    fn from(fault: disk::Fault) -> Fault {
        Fault::Disk(fault)
    }
}
