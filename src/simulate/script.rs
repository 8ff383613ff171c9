//! What will be attempted in a run: errands of shoppers and staff, and what goes wrong around them.
//!
//! It is written before the run, from the seed alone. So a story is shortened by leaving actions out
//! and playing the rest again.

use super::dice::Dice;
use super::disk;
use crate::domain::{Sku, Span};
use crate::payments::CaptureMode;
use std::fmt;

/// The shop and all that is tried in it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub seed: u64,
    pub goods: Vec<Good>,
    pub capture: CaptureMode,
    pub shards: usize,
    pub entity_bytes: usize,
    /// By the step at which each begins.
    pub actions: Vec<(usize, Action)>,
}

#[derive(Clone, Debug)]
pub(super) struct Good {
    pub sku: Sku,
    pub price: i64,
    pub units: u32,
    pub backorder: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Shopper(Errand),
    Staff(Task),
    Fault(Fault),
}

/// One shopper's way: fill a cart, buy it, perhaps think again.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub name: usize,
    pub lines: Vec<(usize, u32)>,
    /// The cart is changed, or shown, while others are at it.
    pub second_thoughts: Option<(usize, u32)>,
    pub token: &'static str,
    pub habit: Habit,
    pub then: Then,
}

/// How a client sends its checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Under a key, until there is an answer.
    Patient,
    /// Twice at once under one key.
    DoubleClick,
    /// Twice at once, each under a key of its own.
    TwoTabs,
    /// Changes the cart while it is being bought.
    Fiddles,
    /// Changes the cart three times at once, and then buys it.
    Hasty,
    /// Buys the cart under its key, and then something else under the same.
    ReusesKey,
    /// Without a key, and once.
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// Acts at the bank, if it asks for that, and comes back.
    Confirms(bool),
    /// Staff cancel the order; `true`: two of them at once.
    Cancelled {
        twice: bool,
    },
    /// Staff take the money that was set aside.
    Captured,
    /// Looks at the order and the cart again.
    Looks,
    /// Sends the checkout again under the same key, later.
    Repeats,
}

/// Whose step panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Cart,
    Order,
    Sku,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Receive { good: usize, units: u32 },
    TakeOut { good: usize, units: u32 },
    SetAvailable { good: usize, units: u32 },
    Backorder { good: usize, allowed: bool },
    Price { good: usize, minor: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The power goes off now.
    PowerCut,
    /// It goes off after so many operations of the disk.
    PowerCutAfter(usize),
    Disk(disk::Fault),
    /// A full disk has room again.
    Room,
    /// The next commits take so long.
    SlowDisk(Span),
    /// The next step of an entity of this kind panics.
    EntityPanic(Kind),
    ShardPanic(usize),
    /// The wall clock jumps.
    Clock(i64),
    /// Time passes at once.
    Later(Span),
    /// The way to the bank is bad from here on, or good again.
    Bank {
        stormy: bool,
    },
    /// The power goes off as soon as a bank is asked for money, with the question on its way for long.
    CutWhilePaying,
    /// The next order that hands something over loses its memory behind it, and is told to go on: by
    /// itself, or with its `whole` shard.
    LostBehindWrite {
        whole: bool,
    },
    /// A promise that was kept or taken back is taken back again, as by a fault in somebody's rules.
    TakenBackAgain,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Shopper(errand) => write!(f, "shopper {errand:?}"),
            Action::Staff(task) => write!(f, "staff: {task:?}"),
            Action::Fault(fault) => write!(f, "fault: {fault:?}"),
        }
    }
}

/// What mostly goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// Nothing but the bank, and only now and then.
    Calm,
    Everything,
    Disks,
    Panics,
    /// Power cuts, and a bank that is hard to reach.
    Crashes,
    /// Now and then an order is lost at the worst moment of its payment.
    Payments,
}

impl Theme {
    pub fn of(seed: u64) -> Theme {
        match seed % 10 {
            5 => Theme::Payments,
            0 => Theme::Calm,
            1 | 6 => Theme::Everything,
            2 | 7 => Theme::Disks,
            3 | 8 => Theme::Panics,
            _ => Theme::Crashes,
        }
    }
}

impl Script {
    /// What happens in a run of so many steps.
    pub fn of(seed: u64, steps: usize) -> Script {
        let mut dice = Dice::new(seed, 1);
        let theme = Theme::of(seed);
        // Where memory is lost, many want the last unit.
        let is_scarce = theme == Theme::Panics;
        let units: &[u32] = if is_scarce { &[1, 2, 3] } else { &[0, 1, 2, 3, 5, 8, 13, 40, 40] };
        let goods = (0..dice.between(1, if is_scarce { 1 } else { 4 }))
            .map(|place| Good {
                sku: format!("SKU-{place}").parse().expect("a SKU"),
                price: dice.between(0, 40) * 125,
                units: *dice.pick(units),
                backorder: dice.percent(8),
            })
            .collect::<Vec<Good>>();
        let capture = if dice.percent(75) { CaptureMode::AtOnce } else { CaptureMode::Later };
        let shards = *dice.pick(&[1, 2, 3]);
        // Mostly so little that entities come and go all the time.
        let entity_bytes = *dice.pick(&[0, 0, 2_000, 1 << 20]);
        let mut actions = Vec::new();
        let mut step = 0;
        // Errands begin early enough to be over.
        while step < steps * 9 / 10 {
            step += dice.below(16);
            let action = Action::throw(&mut dice, goods.len(), actions.len(), theme);
            // Now and then many want the same at once.
            let rush = if dice.percent(8) { 5 } else { 0 };
            for _ in 0..rush {
                let mut errand = Errand::throw(&mut dice, goods.len(), actions.len());
                errand.lines = vec![(0, 1)];
                actions.push((step, Action::Shopper(errand)));
            }
            actions.push((step, action.named(actions.len())));
        }
        Script { seed, goods, capture, shards, entity_bytes, actions }
    }
}

impl Action {
    /// The same, of a shopper whom nobody else is called like.
    fn named(mut self, name: usize) -> Action {
        if let Action::Shopper(errand) = &mut self {
            errand.name = name;
        }
        self
    }

    fn throw(dice: &mut Dice, goods: usize, name: usize, theme: Theme) -> Action {
        let faults = match theme {
            Theme::Calm => 0,
            Theme::Everything | Theme::Payments => 14,
            Theme::Disks | Theme::Crashes => 24,
            Theme::Panics => 60,
        };
        match dice.weighted([64, 10, faults].into_iter()) {
            0 => Action::Shopper(Errand::throw(dice, goods, name)),
            1 => Action::Staff(Task::throw(dice, goods)),
            _ => Action::Fault(Fault::throw(dice, theme)),
        }
    }
}

impl Errand {
    fn throw(dice: &mut Dice, goods: usize, name: usize) -> Errand {
        let mut lines: Vec<(usize, u32)> = Vec::new();
        for _ in 0..dice.between(1, 3) {
            let good = dice.below(goods);
            if lines.iter().all(|(own, _)| *own != good) {
                lines.push((good, *dice.pick(&[1, 1, 1, 2, 3])));
            }
        }
        let second_thoughts = dice.percent(25).then(|| (dice.below(goods), dice.below(3) as u32));
        let token = *dice.pick(&[
            "tok_visa",
            "tok_visa",
            "tok_visa",
            "tok_visa",
            "tok_declined",
            "tok_action",
            "manual",
        ]);
        let habits = [
            Habit::Patient,
            Habit::DoubleClick,
            Habit::TwoTabs,
            Habit::Fiddles,
            Habit::Hasty,
            Habit::ReusesKey,
            Habit::Plain,
        ];
        let habit = habits[dice.weighted([34, 14, 12, 14, 14, 6, 6].into_iter())];
        let then = match dice.below(10) {
            0..=2 => Then::Nothing,
            3 | 4 => Then::Cancelled { twice: dice.percent(50) },
            5 => Then::Captured,
            6 => Then::Looks,
            7 => Then::Repeats,
            _ => Then::Confirms(dice.percent(70)),
        };
        Errand { name, lines, second_thoughts, token, habit, then }
    }
}

impl Task {
    fn throw(dice: &mut Dice, goods: usize) -> Task {
        let good = dice.below(goods);
        let units = dice.below(6) as u32;
        match dice.below(10) {
            0..=2 => Task::Receive { good, units },
            3 => Task::TakeOut { good, units },
            4 | 5 => Task::SetAvailable { good, units },
            6 | 7 => Task::Backorder { good, allowed: dice.percent(30) },
            _ => Task::Price { good, minor: dice.between(0, 40) * 125 },
        }
    }
}

impl Fault {
    fn throw(dice: &mut Dice, theme: Theme) -> Fault {
        match theme {
            Theme::Calm | Theme::Everything => Fault::any(dice),
            Theme::Disks => match dice.below(10) {
                0..=5 => Fault::Disk(disk::Fault::FailedSync { after: dice.below(3) }),
                6 => Fault::Disk(disk::Fault::TornWrite),
                7 => Fault::Disk(disk::Fault::Full),
                8 => Fault::Room,
                _ => Fault::PowerCutAfter(dice.below(80)),
            },
            Theme::Panics => match dice.below(10) {
                0 | 1 => Fault::ShardPanic(dice.below(3)),
                2 => Fault::EntityPanic(Kind::Cart),
                3..=6 => Fault::EntityPanic(Kind::Order),
                _ => Fault::EntityPanic(Kind::Sku),
            },
            Theme::Payments => match dice.below(13) {
                0..=2 => Fault::CutWhilePaying,
                3..=5 => Fault::LostBehindWrite { whole: false },
                6..=9 => Fault::LostBehindWrite { whole: true },
                10 | 11 => Fault::TakenBackAgain,
                _ => Fault::Bank { stormy: dice.percent(30) },
            },
            Theme::Crashes => match dice.below(10) {
                0..=2 => Fault::PowerCut,
                3..=5 => Fault::PowerCutAfter(dice.below(80)),
                6 => Fault::Later(Span::seconds(*dice.pick(&[61, 1_900]))),
                _ => Fault::Bank { stormy: true },
            },
        }
    }

    fn any(dice: &mut Dice) -> Fault {
        match dice.below(27) {
            0 => Fault::PowerCut,
            1..=3 => Fault::PowerCutAfter(dice.below(60)),
            4 => Fault::Disk(disk::Fault::TornWrite),
            5..=7 => Fault::Disk(disk::Fault::FailedSync { after: dice.below(3) }),
            8 => Fault::Disk(disk::Fault::Full),
            9 => Fault::Room,
            10 => Fault::SlowDisk(Span::seconds(dice.between(1, 40))),
            11..=17 => {
                Fault::EntityPanic(*dice.pick(&[Kind::Cart, Kind::Order, Kind::Sku, Kind::Sku]))
            }
            18 | 19 => Fault::ShardPanic(dice.below(3)),
            20 => Fault::Clock(dice.between(-3_600, 3_600)),
            21 | 22 => Fault::Later(Span::seconds(*dice.pick(&[5, 11, 61, 600, 1_900, 90_000]))),
            23 => Fault::CutWhilePaying,
            24 => Fault::LostBehindWrite { whole: dice.percent(30) },
            25 => Fault::TakenBackAgain,
            _ => Fault::Bank { stormy: dice.percent(60) },
        }
    }
}
