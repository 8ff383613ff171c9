//! The data of a report. It holds figures and no words about them: what they mean is said where they
//! are shown.
//!
//! Units are in the names: `_us` microseconds, `_ms` milliseconds, `_bytes`; rates are a second. Every
//! latency of open-loop load counts from when the request was meant to be sent, so that a shop that
//! stalls is charged for those who queued behind it.
//!
//! Enums are tagged from outside: with exact numbers in JSON, serde reads no number out of a
//! variant that is tagged from inside.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format that this program writes.
pub const FORMAT: u32 = 1;

/// Everything that one `mercat bench` found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    /// The program's own version.
    pub version: String,
    /// When the first run began: RFC 3339, UTC.
    pub began_at: String,
    /// The command line, with which the same can be measured again. Whoever fills it leaves
    /// passwords and tokens out.
    pub command: String,
    /// What every chance in it follows from: the same seed makes the same requests.
    pub seed: u64,
    pub machine: Machine,
    pub runs: Vec<Run>,
    /// What bounds the runs on this machine; empty unless asked for.
    #[serde(default)]
    pub limits: Vec<Limit>,
}

impl Report {
    pub fn limit(&self, id: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.id == id)
    }

    /// Whether every run's books agreed. Of runs against a shop elsewhere, whose books nobody
    /// opened, nothing is known.
    pub fn is_correct(&self) -> bool {
        self.runs.iter().all(Run::is_correct)
    }
}

/// What it was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: u32,
    /// As the kernel names it: `Intel(R) Xeon(R) CPU @ 2.80GHz`.
    pub processor: String,
    pub memory_bytes: u64,
    /// Name and release: `Linux 6.1.0`.
    pub kernel: String,
    /// Of the folder that the shop's data is in: `ext4`.
    pub filesystem: String,
    /// How often a second one thread makes 4 KiB durable there: overwritten in place, `fdatasync`.
    pub fsyncs_per_second: f64,
}

/// One scenario under one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// As the command line names it: `flash-sale`.
    pub scenario: String,
    /// What sets it apart from other runs of the scenario: `×10`, `10 times the ceiling`.
    #[serde(default)]
    pub variant: Option<String>,
    pub load: Load,
    pub http: Http,
    /// Products in the catalog.
    pub products: u64,
    pub warm_up_ms: u64,
    /// How long was measured, behind the warm-up.
    pub duration_ms: u64,
    pub outcomes: Outcomes,
    /// Requests a second that came to what they were sent for.
    pub throughput: f64,
    /// Of all requests that were answered well or refused with a reason; shed ones are apart.
    pub latency: Latency,
    /// The same by kind of request.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// Second by second, from the first one behind the warm-up.
    #[serde(default)]
    pub timeline: Vec<Second>,
    /// What happened while it ran.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// Processor time of the shop, all its threads together, behind the warm-up.
    #[serde(default)]
    pub server_cpu_ms: Option<u64>,
    /// The most memory that the shop had resident.
    #[serde(default)]
    pub server_memory_peak_bytes: Option<u64>,
    /// What the books said afterwards; empty where nobody could open them.
    #[serde(default)]
    pub books: Vec<Finding>,
    /// How much of what is possible this was.
    #[serde(default)]
    pub shares: Vec<Share>,
}

impl Run {
    /// `flash-sale ×10`.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{} {variant}", self.scenario),
            None => self.scenario.clone(),
        }
    }

    pub fn is_correct(&self) -> bool {
        self.books.iter().all(|finding| finding.holds)
    }

    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Each connection sends its next request when the last one is answered: finds the ceiling.
    Closed { connections: u32 },
    /// Requests are due at `rate` a second whatever becomes of them, over up to `connections`.
    Open { rate: f64, connections: u32 },
}

impl Load {
    pub fn connections(&self) -> u32 {
        match *self {
            Load::Closed { connections } | Load::Open { connections, .. } => connections,
        }
    }

    /// Requests a second that were meant to be sent.
    pub fn intended(&self) -> Option<f64> {
        match *self {
            Load::Closed { .. } => None,
            Load::Open { rate, .. } => Some(rate),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Http {
    /// HTTP/1.1, connections kept.
    #[serde(rename = "1.1")]
    One,
    #[serde(rename = "2")]
    Two,
}

impl Http {
    pub fn name(self) -> &'static str {
        match self {
            Http::One => "HTTP/1.1",
            Http::Two => "HTTP/2",
        }
    }
}

/// What became of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Came to what they were sent for.
    pub ok: u64,
    /// Answered with a reason that the scenario counts with: sold out.
    pub refused: u64,
    /// Turned away at the door, to come back later: 429, 503.
    pub shed: u64,
    /// Answered with what should not be.
    pub failed: u64,
    /// Never answered: the connection broke, or the time was up.
    pub unanswered: u64,
    /// All answers by status.
    #[serde(default)]
    pub statuses: BTreeMap<u16, u64>,
}

impl Outcomes {
    pub fn sent(&self) -> u64 {
        self.ok + self.refused + self.shed + self.errors()
    }

    /// What should not happen under any load.
    pub fn errors(&self) -> u64 {
        self.failed + self.unanswered
    }
}

/// One kind of request in a run: `list`, `product`, `add item`, `checkout`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub name: String,
    /// Whether something is made durable before it is answered.
    pub durable: bool,
    pub outcomes: Outcomes,
    pub throughput: f64,
    pub latency: Latency,
    /// The usual size of an answer's body, as it was sent.
    #[serde(default)]
    pub answer_bytes: Option<u64>,
}

/// How long requests took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub mean_us: f64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
    /// From the fastest to the slowest, in ever finer steps towards the end.
    #[serde(default)]
    pub percentiles: Vec<Step>,
}

/// `percentile` of a hundred requests took up to `us`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub percentile: f64,
    pub us: u64,
}

impl Latency {
    /// From a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Latency {
        /// Steps for each halving of what is left to a hundred.
        const STEPS: u32 = 4;
        if histogram.is_empty() {
            return Latency::default();
        }
        let at = |quantile: f64| histogram.value_at_quantile(quantile);
        let mut percentiles: Vec<Step> = histogram
            .iter_quantiles(STEPS)
            .map(|step| Step {
                percentile: step.quantile_iterated_to() * 100.0,
                us: step.value_iterated_to().min(histogram.max()),
            })
            .collect();
        percentiles.dedup();
        Latency {
            count: histogram.len(),
            mean_us: histogram.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max(),
            percentiles,
        }
    }
}

/// One second of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the warm-up ended; the second that begins then is 0.
    pub at: u32,
    /// Requests that were due in it; none are where each waits for the last one.
    #[serde(default)]
    pub intended: Option<u64>,
    /// Came to what they were sent for.
    pub ok: u64,
    pub refused: u64,
    pub shed: u64,
    pub errors: u64,
    /// Of those that were answered in it.
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
    /// Cores that the shop kept at work, 1.5 of 2 say.
    #[serde(default)]
    pub server_cpu: Option<f64>,
    /// Resident, at its end.
    #[serde(default)]
    pub server_memory_bytes: Option<u64>,
    /// Cores that the load generator took: where it shares the machine, they are missing elsewhere.
    #[serde(default)]
    pub client_cpu: Option<f64>,
}

/// Something that happened while a run ran: `sold out`, `flood begins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds since the warm-up ended.
    pub at: f64,
    pub what: String,
}

/// One rule of the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `every acknowledged order is stored`.
    pub rule: String,
    pub holds: bool,
    /// What was counted: `41,203 acknowledged, 41,203 stored`.
    pub detail: String,
}

/// Something that no shop on this machine can be faster than, or a part of it alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// What [`Share`]s name it by: `fsync`, `static-1830-64`.
    pub id: String,
    /// For people: `bare HTTP server, 1,830 bytes`.
    pub name: String,
    /// What was done to measure it.
    pub about: String,
    /// A second.
    pub rate: f64,
    /// What the rate counts: `requests`, `fsyncs`, `rows`.
    pub unit: String,
    /// How many asked at once.
    pub connections: u32,
    /// Where it was asked by HTTP.
    #[serde(default)]
    pub http: Option<Http>,
    /// Of an answer's body or a row, where it has one.
    #[serde(default)]
    pub bytes: Option<u64>,
    #[serde(default)]
    pub latency: Option<Latency>,
}

/// A run's rate, or one of its operations', as a share of a limit's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The whole run where it is absent.
    #[serde(default)]
    pub operation: Option<String>,
    /// A [`Limit::id`], or `mix`: each kind of request by its own limit.
    pub limit: String,
    /// 0.7 is seven tenths of it.
    pub share: f64,
    /// What we want it to be at least.
    #[serde(default)]
    pub wanted: Option<f64>,
}

impl Share {
    /// Whether it is as much as is wanted, where something is.
    pub fn is_reached(&self) -> Option<bool> {
        self.wanted.map(|wanted| self.share >= wanted)
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! A report as a run of 12 seconds makes it, for tests of what shows one.

    use super::*;

    pub(crate) fn latency(middle_us: u64) -> Latency {
        let mut histogram = Histogram::new(3).unwrap();
        for i in 0..10_000u64 {
            let slow = if i % 100 == 99 { 8 } else { 1 };
            histogram.record(middle_us * slow * (500 + i % 1_000) / 1_000).unwrap();
        }
        Latency::of(&histogram)
    }

    pub(crate) fn run(scenario: &str, rate: f64, middle_us: u64) -> Run {
        let ok = (rate * 12.0) as u64;
        let outcomes = Outcomes { ok, statuses: [(201, ok)].into(), ..Outcomes::default() };
        let timeline = (0..12).map(|at| Second {
            at,
            ok: rate as u64 + u64::from(at) * 7 % 40,
            p50_us: middle_us + u64::from(at) * 31 % 90,
            p99_us: middle_us * 8,
            max_us: middle_us * 20,
            server_cpu: Some(1.4),
            server_memory_bytes: Some((60 + u64::from(at)) << 20),
            client_cpu: Some(0.5),
            ..Second::default()
        });
        let books = vec![Finding {
            rule: "every acknowledged order is stored".into(),
            holds: true,
            detail: format!("{ok} acknowledged, {ok} stored"),
        }];
        Run {
            scenario: scenario.into(),
            variant: None,
            load: Load::Closed { connections: 64 },
            http: Http::One,
            products: 1_000,
            warm_up_ms: 2_000,
            duration_ms: 12_000,
            outcomes: outcomes.clone(),
            throughput: rate,
            latency: latency(middle_us),
            operations: vec![Operation {
                name: "checkout".into(),
                durable: true,
                outcomes,
                throughput: rate,
                latency: latency(middle_us),
                answer_bytes: Some(1_500),
            }],
            timeline: timeline.collect(),
            marks: vec![],
            server_cpu_ms: Some(16_800),
            server_memory_peak_bytes: Some(71 << 20),
            books,
            shares: vec![Share {
                operation: Some("checkout".into()),
                limit: "pipeline".into(),
                share: rate / 20_000.0,
                wanted: Some(0.5),
            }],
        }
    }

    pub(crate) fn report() -> Report {
        Report {
            format: FORMAT,
            version: "0.1.0".into(),
            began_at: "2026-11-23T07:20:00Z".into(),
            command: "mercat bench flash-sale --limits".into(),
            seed: 7,
            machine: Machine {
                cores: 2,
                processor: "Intel(R) Xeon(R) CPU @ 2.80GHz".into(),
                memory_bytes: 24 << 30,
                kernel: "Linux 6.1.0".into(),
                filesystem: "ext4".into(),
                fsyncs_per_second: 9_000.0,
            },
            runs: vec![run("flash-sale", 10_400.0, 5_800)],
            limits: vec![Limit {
                id: "pipeline".into(),
                name: "bare pipeline".into(),
                about: "one small handler, a queue, group commits".into(),
                rate: 20_000.0,
                unit: "requests".into(),
                connections: 64,
                http: Some(Http::One),
                bytes: Some(1_500),
                latency: Some(latency(3_000)),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_rise_to_the_slowest() {
        let latency = sample::latency(1_000);
        assert_eq!(latency.count, 10_000);
        assert!(latency.p50_us < latency.p99_us && latency.p99_us <= latency.p999_us);
        let rising =
            |pair: &[Step]| pair[0].percentile <= pair[1].percentile && pair[0].us <= pair[1].us;
        assert!(latency.percentiles.windows(2).all(rising), "{:?}", latency.percentiles);
        let last = latency.percentiles.last().unwrap();
        assert_eq!((last.percentile, last.us), (100.0, latency.max_us));
    }

    #[test]
    fn of_nothing_there_is_no_latency() {
        let none = Histogram::new(3).unwrap();
        assert_eq!(Latency::of(&none), Latency::default());
    }

    #[test]
    fn a_fast_run_with_wrong_books_is_not_correct() {
        let mut report = sample::report();
        assert!(report.is_correct());
        report.runs[0].books[0].holds = false;
        assert!(!report.is_correct());
    }

    #[test]
    fn loads_and_versions_are_named_in_json() {
        let open = Load::Open { rate: 134.0, connections: 64 };
        let text = serde_json::to_string(&(open, Http::Two)).unwrap();
        assert_eq!(text, r#"[{"open":{"rate":134.0,"connections":64}},"2"]"#);
        let read: (Load, Http) = serde_json::from_str(&text).unwrap();
        assert_eq!(read, (open, Http::Two));
    }
}
