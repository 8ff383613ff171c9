//! One shop, and the runs against it: from the look at its books before each to the one after it.

use super::BenchError;
use super::books::{self, thousands};
use super::clerk::Clerk;
use super::goods::Goods;
use super::inspect;
use super::load::{
    Arrivals, Drive, Driven, Lateness, Noted, Recorder, Shape, Slice, Target, drive,
};
use super::plan::{Plan, Subject};
use super::process::Process;
use super::progress::Progress;
use super::report::{Finding, Latency, Load, Mark, Operation, Outcomes, Run, Second};
use super::scenarios::buying::Counter;
use super::scenarios::{Journey, Reading, Scenario, Waiting};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A shop that is driven.
pub struct Session<'a> {
    pub plan: &'a Plan,
    pub progress: &'a Progress,
    pub target: Target,
    pub clerk: Clerk,
    /// The shop's process, where it is on this machine and ours.
    pub process: Option<Process>,
}

/// One load.
#[derive(Clone, Debug)]
pub struct Burden {
    pub subject: Subject,
    pub variant: Option<String>,
    pub connections: usize,
    /// Requests a second, at the most.
    pub rate: Option<f64>,
    pub shape: Shape,
    pub warm_up: Duration,
    pub duration: Duration,
    pub lateness: Lateness,
}

impl Burden {
    /// As the plan says, for one of its rates.
    pub fn of(plan: &Plan, subject: Subject, rate: Option<f64>) -> Burden {
        Burden {
            subject,
            variant: None,
            connections: plan.connections(),
            rate,
            shape: Shape::Steady,
            warm_up: plan.warm_up,
            duration: plan.duration(),
            lateness: Lateness::Counts,
        }
    }

    pub fn called(mut self, variant: impl Into<String>) -> Burden {
        self.variant = Some(variant.into());
        self
    }
}

/// A run with what the report has no place for.
pub struct Done {
    pub run: Run,
    /// What was noted in each second.
    pub seconds: Vec<Noted>,
    /// Of everything, also in the warm-up and behind the end.
    outcomes: Outcomes,
    /// Journeys that were due and never begun.
    pub unsent: u64,
}

impl Session<'_> {
    /// Prepares, drives, and looks at the books.
    pub async fn run(&mut self, burden: &Burden) -> Result<Done, BenchError> {
        let counter = Counter::new(self.plan.payment, format!("{:016x}", rand::random::<u64>()));
        let scenario = self.prepare(burden, counter).await?;
        let opening = match self.clerk.is_staff() {
            true => Some(inspect::open(&mut self.clerk, &scenario).await?),
            false => None,
        };
        let mut notes = Notes::new(self.process, burden, self.progress);
        let arrivals = burden.rate.map(|rate| {
            let journeys = rate / burden.subject.requests();
            Arrivals::new(journeys, burden.shape, burden.warm_up + burden.duration, self.plan.seed)
        });
        let how = self.drive_of(burden, None);
        let driven =
            drive(&self.target, how, arrivals, &scenario, |slice| notes.take(slice)).await?;
        self.progress.clear();
        let mut done = notes.done(burden, &scenario, &driven);
        done.run.http = self.target.http;
        let everything = notes_of_answers(&done, &driven);
        if let Some(opening) = opening {
            self.progress.tell("  reading the books");
            let mut ledger = driven.ledger;
            let state = inspect::close(&mut self.clerk, &opening, &mut ledger, &scenario).await?;
            done.run.books = books::findings(&ledger, &state);
            done.run.books.push(everything);
        } else if !everything.holds {
            done.run.books.push(everything);
        }
        Ok(done)
    }

    fn drive_of(&self, burden: &Burden, journeys: Option<u64>) -> Drive {
        let streams =
            if self.target.http == super::report::Http::Two { self.plan.streams } else { 1 };
        Drive {
            connections: burden.connections,
            streams,
            threads: self.plan.threads,
            warm_up: burden.warm_up,
            duration: burden.duration,
            journeys,
            seed: self.plan.seed,
            lateness: burden.lateness,
        }
    }

    async fn prepare(
        &mut self,
        burden: &Burden,
        counter: Counter,
    ) -> Result<Arc<Scenario>, BenchError> {
        let goods = Goods::gather(&mut self.clerk, self.plan.seed).await?;
        let name = format!("SALE-{:08x}", rand::random::<u32>());
        let is_staff = self.clerk.is_staff();
        let (goods, journey) = match burden.subject {
            Subject::Browse => (goods, Journey::Read(Reading::All)),
            Subject::Product => (goods, Journey::Read(Reading::Product)),
            Subject::Page => (goods, Journey::Read(Reading::Page)),
            Subject::NotModified => {
                (goods.with_versions(&mut self.clerk).await?, Journey::Read(Reading::NotModified))
            }
            Subject::Search => (goods, Journey::Search),
            Subject::Cart => (goods.in_stock()?, Journey::Cart),
            Subject::Checkout | Subject::Flood => (goods.in_stock()?, Journey::Checkout),
            Subject::Mixed | Subject::Soak | Subject::Size => (goods.in_stock()?, Journey::Mixed),
            Subject::Drop if is_staff => {
                let units = self.plan.units.unwrap_or(1_000);
                (goods.with_one(&mut self.clerk, &name, units).await?, Journey::Drop)
            }
            Subject::FlashSale if is_staff && self.plan.skus == 1 => {
                let units = self.plan.units.unwrap_or(10_000_000);
                let goods = goods.with_one(&mut self.clerk, &name, units).await?;
                (goods, Journey::FlashSale(Waiting::default()))
            }
            // Without staff it is of what there is.
            Subject::Drop => (goods.in_stock()?.only(1), Journey::Drop),
            Subject::FlashSale => {
                (goods.in_stock()?.only(self.plan.skus), Journey::FlashSale(Waiting::default()))
            }
        };
        let (goods, counter) = (Arc::new(goods), Arc::new(counter));
        let scenario = Scenario { journey, goods, counter };
        if let Journey::FlashSale(waiting) = &scenario.journey {
            self.fill_carts(burden, &scenario, waiting).await?;
        }
        Ok(Arc::new(scenario))
    }

    /// Everybody fills their cart before the sale begins. How many are needed follows from the rate,
    /// or, in closed loop, from how fast the first carts are filled: no order is faster than a cart.
    async fn fill_carts(
        &mut self,
        burden: &Burden,
        sale: &Scenario,
        waiting: &Waiting,
    ) -> Result<(), BenchError> {
        let length = (burden.warm_up + burden.duration).as_secs_f64();
        let mut carts = match (self.plan.carts, burden.rate) {
            (Some(carts), _) => carts,
            // A Poisson process rarely has a tenth more than its mean.
            (None, Some(rate)) => (rate * length * 1.1) as u64 + SOME_CARTS,
            (None, None) => SOME_CARTS,
        };
        let began = Instant::now();
        self.fill_some(burden, sale, waiting, carts).await?;
        if self.plan.carts.is_none() && burden.rate.is_none() {
            let a_second = carts as f64 / began.elapsed().as_secs_f64();
            carts = ((a_second * length * 1.2) as u64).min(MOST_CARTS);
            self.fill_some(burden, sale, waiting, carts).await?;
        }
        Ok(())
    }

    async fn fill_some(
        &mut self,
        burden: &Burden,
        sale: &Scenario,
        waiting: &Waiting,
        carts: u64,
    ) -> Result<(), BenchError> {
        self.progress.tell(&format!("  filling {} carts", thousands(carts)));
        let filling = Arc::new(Scenario {
            journey: Journey::FillCarts(waiting.clone()),
            goods: Arc::clone(&sale.goods),
            counter: Arc::clone(&sale.counter),
        });
        let mut how = self.drive_of(burden, Some(carts));
        (how.warm_up, how.duration) = (Duration::ZERO, FOREVER);
        let driven = drive(&self.target, how, None, &filling, |_| {}).await?;
        match driven.ledger.failures.first() {
            Some(failure) => Err(BenchError::Carts { said: failure.clone() }),
            None => Ok(()),
        }
    }
}

/// Carts by which is seen how fast they are filled.
const SOME_CARTS: u64 = 500;

/// Carts that wait, at the most.
const MOST_CARTS: u64 = 1_000_000;

/// Longer than anybody waits for carts.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether any request met what none should, also in the warm-up and behind the end.
fn notes_of_answers(done: &Done, driven: &Driven) -> Finding {
    let outcomes = &done.outcomes;
    let mut detail = format!("{} answers", thousands(outcomes.sent() - outcomes.unanswered));
    if outcomes.errors() > 0 {
        detail += &format!(
            ", {} of them wrong; {} requests without an answer",
            thousands(outcomes.failed),
            thousands(outcomes.unanswered)
        );
    }
    if let Some(first) = driven.ledger.failures.first() {
        detail += &format!("; such as {first}");
    }
    Finding {
        rule: "every request is answered as it should be".into(),
        holds: outcomes.errors() == 0 && driven.ledger.failures.is_empty(),
        detail,
    }
}

/// What is written down while a load runs.
struct Notes<'a> {
    server: Option<Process>,
    client: Process,
    progress: &'a Progress,
    name: String,
    last_server: Option<Duration>,
    last_client: Option<Duration>,
    slices: Vec<(Second, Recorder, Duration)>,
    /// Everything outside of the measured time, before it and behind it.
    outside: Vec<(usize, Recorder)>,
    measured: usize,
    peak: Option<u64>,
}

impl<'a> Notes<'a> {
    fn new(server: Option<Process>, burden: &Burden, progress: &'a Progress) -> Notes<'a> {
        let client = Process::this();
        Notes {
            server,
            client,
            progress,
            name: burden.subject.name().to_owned(),
            last_server: server.and_then(Process::worked),
            last_client: client.worked(),
            slices: vec![],
            outside: vec![],
            measured: burden.duration.as_millis().div_ceil(1_000) as usize,
            peak: None,
        }
    }

    fn take(&mut self, slice: Slice) {
        let Slice { index, recorder, took } = slice;
        let server = self.server.and_then(Process::worked);
        let client = self.client.worked();
        let cores = |last: Option<Duration>, now: Option<Duration>| {
            let worked = now?.saturating_sub(last?);
            (!took.is_zero()).then(|| worked.as_secs_f64() / took.as_secs_f64())
        };
        let (server_cpu, client_cpu) =
            (cores(self.last_server, server), cores(self.last_client, client));
        (self.last_server, self.last_client) = (server, client);
        let memory = self.server.and_then(Process::resident);
        self.peak = self.peak.max(memory);
        if index == 0 || index > self.measured {
            self.outside.push((index, recorder));
            return;
        }
        let total = recorder.total();
        let at = |quantile: f64| total.latency.value_at_quantile(quantile);
        let second = Second {
            at: index as u32 - 1,
            intended: None,
            ok: total.outcomes.ok,
            refused: total.outcomes.refused,
            shed: total.outcomes.shed,
            errors: total.outcomes.errors(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            max_us: total.latency.max(),
            server_cpu,
            server_memory_bytes: memory,
            client_cpu,
        };
        self.progress.second(&self.name, &second);
        self.slices.push((second, recorder, took));
    }

    fn done(mut self, burden: &Burden, scenario: &Scenario, driven: &Driven) -> Done {
        let requests = burden.subject.requests();
        let mut all = Recorder::new(scenario.kinds().len());
        let (mut took, mut worked, mut seconds) = (Duration::ZERO, Some(0.0), vec![]);
        for (second, recorder, length) in &mut self.slices {
            all.add(recorder);
            seconds.push(recorder.noted(scenario.kinds()));
            took += *length;
            worked = worked
                .zip(second.server_cpu)
                .map(|(sum, cores)| sum + cores * length.as_secs_f64() * 1e3);
            let due = |due: &std::collections::BTreeMap<usize, u64>| {
                let journeys = due.get(&(second.at as usize + 1)).copied().unwrap_or(0);
                (journeys as f64 * requests).round() as u64
            };
            second.intended = driven.intended.as_ref().map(due);
        }
        let length = took.as_secs_f64().max(0.001);
        let in_time: Vec<u64> = all.tallies.iter().map(|tally| tally.outcomes.ok).collect();
        // What was due in time and answered later counts, where a clock said when it was due.
        let mut with_errors = all.clone();
        for (index, recorder) in &self.outside {
            if *index > 0 && burden.rate.is_some() {
                all.add(recorder);
            }
            with_errors.add(recorder);
        }
        let operations = scenario.kinds().iter().zip(&all.tallies).zip(&in_time);
        let operations = operations.filter(|((_, tally), _)| tally.outcomes.sent() > 0);
        let operations: Vec<Operation> = operations
            .map(|((kind, tally), in_time)| Operation {
                name: kind.name.into(),
                durable: kind.is_durable,
                outcomes: tally.outcomes.clone(),
                throughput: *in_time as f64 / length,
                latency: Latency::of(&tally.latency),
                answer_bytes: tally.bytes.checked_div(tally.outcomes.ok),
            })
            .collect();
        let total = all.total();
        let timeline: Vec<Second> = self.slices.into_iter().map(|(second, ..)| second).collect();
        let connections = burden.connections as u32;
        let run = Run {
            scenario: burden.subject.name().into(),
            variant: burden.variant.clone(),
            load: match burden.rate {
                Some(rate) => Load::Open { rate, connections },
                None => Load::Closed { connections },
            },
            http: super::report::Http::One,
            products: scenario.goods.in_catalog,
            warm_up_ms: burden.warm_up.as_millis() as u64,
            duration_ms: took.as_millis() as u64,
            outcomes: total.outcomes.clone(),
            throughput: in_time.iter().sum::<u64>() as f64 / length,
            latency: Latency::of(&total.latency),
            operations,
            marks: marks(&timeline, driven),
            timeline,
            server_cpu_ms: worked.map(|ms| ms as u64),
            server_memory_peak_bytes: self.peak,
            books: vec![],
            shares: vec![],
        };
        let outcomes = with_errors.total().outcomes;
        Done { run, seconds, outcomes, unsent: driven.unsent }
    }
}

fn marks(timeline: &[Second], driven: &Driven) -> Vec<Mark> {
    let mut marks = Vec::new();
    if let Some(second) = timeline.iter().find(|second| second.refused > 0) {
        marks.push(Mark { at: second.at.into(), what: "sold out".into() });
    }
    if driven.unsent > 0 {
        let at = timeline.len() as f64;
        let what = format!(
            "{} journeys were due and never begun: every connection was busy",
            thousands(driven.unsent)
        );
        marks.push(Mark { at, what });
    }
    marks
}
