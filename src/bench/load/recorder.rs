//! What became of requests, kept by each thread for itself and added up second by second.

use super::wire::Answer;
use crate::bench::report::Outcomes;
use hdrhistogram::Histogram;
use hyper::StatusCode;
use hyper::header::RETRY_AFTER;

/// One kind of request that a scenario sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    /// Whether something is made durable before it is answered.
    pub is_durable: bool,
    /// Codes of problems that the scenario counts with.
    pub refusals: &'static [&'static str],
}

impl Kind {
    pub const fn read(name: &'static str) -> Kind {
        Kind { name, is_durable: false, refusals: &[] }
    }

    pub const fn write(name: &'static str) -> Kind {
        Kind { name, is_durable: true, refusals: &[] }
    }

    pub const fn may_be(self, refusals: &'static [&'static str]) -> Kind {
        Kind { refusals, ..self }
    }

    /// What an answer means to who asked.
    pub fn verdict(&self, answer: &Answer) -> Verdict {
        let status = answer.status;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Verdict::Ok;
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            return Verdict::Shed;
        }
        let has_code = |code: &&str| {
            let code = format!("\"code\":\"{code}\"");
            answer.body.windows(code.len()).any(|part| part == code.as_bytes())
        };
        if self.refusals.iter().any(has_code) { Verdict::Refused } else { Verdict::Failed }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Refused,
    Shed,
    Failed,
}

/// The longest time that is told apart; what took longer counts as this long.
const LONGEST_US: u64 = 120_000_000;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are valid")
}

/// What became of one kind of request, or of several.
#[derive(Clone, Debug)]
pub struct Tally {
    pub outcomes: Outcomes,
    /// Of what was answered well or refused with a reason, in microseconds.
    pub latency: Histogram<u64>,
    /// Of what was turned away.
    pub shed: Histogram<u64>,
    /// Turned away without being told when to come again.
    pub without_retry_after: u64,
    /// Of the bodies of good answers.
    pub bytes: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            outcomes: Outcomes::default(),
            latency: histogram(),
            shed: histogram(),
            without_retry_after: 0,
            bytes: 0,
        }
    }

    pub fn answered(&mut self, answer: &Answer, verdict: Verdict, us: u64) {
        let outcomes = &mut self.outcomes;
        *outcomes.statuses.entry(answer.status.as_u16()).or_default() += 1;
        match verdict {
            Verdict::Ok => {
                outcomes.ok += 1;
                self.bytes += answer.length;
                self.latency.saturating_record(us);
            }
            Verdict::Refused => {
                outcomes.refused += 1;
                self.latency.saturating_record(us);
            }
            Verdict::Failed => {
                outcomes.failed += 1;
                self.latency.saturating_record(us);
            }
            Verdict::Shed => {
                outcomes.shed += 1;
                self.without_retry_after += u64::from(!answer.headers.contains_key(RETRY_AFTER));
                self.shed.saturating_record(us);
            }
        }
    }

    pub fn unanswered(&mut self) {
        self.outcomes.unanswered += 1;
    }

    /// Was due, and has waited for so long without being sent.
    pub fn unsent(&mut self, us: u64) {
        self.latency.saturating_record(us);
    }

    pub fn add(&mut self, other: &Tally) {
        add_outcomes(&mut self.outcomes, &other.outcomes);
        self.latency.add(&other.latency).expect("all have the same bounds");
        self.shed.add(&other.shed).expect("all have the same bounds");
        self.without_retry_after += other.without_retry_after;
        self.bytes += other.bytes;
    }
}

pub fn add_outcomes(sum: &mut Outcomes, other: &Outcomes) {
    sum.ok += other.ok;
    sum.refused += other.refused;
    sum.shed += other.shed;
    sum.failed += other.failed;
    sum.unanswered += other.unanswered;
    for (status, count) in &other.statuses {
        *sum.statuses.entry(*status).or_default() += count;
    }
}

/// Tallies of all kinds of requests of a scenario, in its order.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub tallies: Vec<Tally>,
    /// How late the load generator itself came to what it had to do, in microseconds.
    pub own_lag: Histogram<u64>,
}

/// What was noted in some time, in short.
#[derive(Clone, Debug)]
pub struct Noted {
    /// All kinds of requests together.
    pub all: Tally,
    /// Those alone after which something is durable.
    pub writes: Tally,
    pub own_lag: Histogram<u64>,
}

impl Noted {
    pub fn nothing() -> Noted {
        Noted { all: Tally::new(), writes: Tally::new(), own_lag: histogram() }
    }

    pub fn add(&mut self, other: &Noted) {
        self.all.add(&other.all);
        self.writes.add(&other.writes);
        self.own_lag.add(&other.own_lag).expect("all have the same bounds");
    }
}

impl Recorder {
    pub fn new(kinds: usize) -> Recorder {
        Recorder { tallies: (0..kinds).map(|_| Tally::new()).collect(), own_lag: histogram() }
    }

    pub fn add(&mut self, other: &Recorder) {
        for (own, other) in self.tallies.iter_mut().zip(&other.tallies) {
            own.add(other);
        }
        self.own_lag.add(&other.own_lag).expect("all have the same bounds");
    }

    /// In short, given what kinds those are.
    pub fn noted(&self, kinds: &[Kind]) -> Noted {
        let mut writes = Tally::new();
        let durable = kinds.iter().zip(&self.tallies).filter(|(kind, _)| kind.is_durable);
        durable.for_each(|(_, tally)| writes.add(tally));
        Noted { all: self.total(), writes, own_lag: self.own_lag.clone() }
    }

    /// All kinds together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::new();
        self.tallies.iter().for_each(|tally| total.add(tally));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;

    fn answer(status: u16, body: &'static str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.into(), length: body.len() as u64 }
    }

    #[test]
    fn a_refusal_counts_only_where_the_scenario_counts_with_it() {
        let kind = Kind::write("checkout").may_be(&["out_of_stock"]);
        let sold_out = answer(409, r#"{"title":"Out of stock","code":"out_of_stock"}"#);
        assert_eq!(kind.verdict(&sold_out), Verdict::Refused);
        assert_eq!(Kind::write("checkout").verdict(&sold_out), Verdict::Failed);
        assert_eq!(kind.verdict(&answer(409, r#"{"code":"cart_changed"}"#)), Verdict::Failed);
        assert_eq!(kind.verdict(&answer(201, "{}")), Verdict::Ok);
        assert_eq!(kind.verdict(&answer(304, "")), Verdict::Ok);
        assert_eq!(kind.verdict(&answer(503, "{}")), Verdict::Shed);
        assert_eq!(kind.verdict(&answer(500, "{}")), Verdict::Failed);
    }

    #[test]
    fn threads_are_added_up_and_what_was_turned_away_stands_apart() {
        let mut sum = Recorder::new(2);
        for us in [100, 300] {
            let mut own = Recorder::new(2);
            own.tallies[0].answered(&answer(200, "12345"), Verdict::Ok, us);
            own.tallies[1].answered(&answer(503, "{}"), Verdict::Shed, 9_000_000);
            own.tallies[1].unanswered();
            sum.add(&own);
        }
        let total = sum.total();
        assert_eq!((total.latency.len(), total.latency.max()), (2, 300));
        assert!(total.shed.max() >= 9_000_000, "{}", total.shed.max());
        assert_eq!((total.bytes, total.without_retry_after), (10, 2));
        assert_eq!((total.outcomes.ok, total.outcomes.shed, total.outcomes.unanswered), (2, 2, 2));
        assert_eq!(total.outcomes.statuses, [(200, 2), (503, 2)].into());
    }
}
