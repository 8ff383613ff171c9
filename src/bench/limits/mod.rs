//! What bounds a shop on this machine, measured beside its runs: `mercat bench --limits`.
//!
//! Each limit is a part of the shop without the rest of it: the disk's syncs, an HTTP server that
//! sends the same bytes and does nothing for them, an actor's mailbox, the store alone, and a
//! pipeline of the least that a durable answer takes. A run's rate is then said as a share of its
//! limit ([`shares`]), which holds where figures of another machine do not.
//!
//! The bare servers run in this process on threads of their own, as many as the shop has, and are
//! asked by whatever asked the shop ([`Drive`]).

pub mod disk;
mod asking;
mod mailbox;
mod pipeline;
mod rows;
pub mod shares;
mod still;

pub use asking::{Asked, Target, asking};

use super::report::{Http, Latency, Limit, Load, Report, Run};
use hdrhistogram::Histogram;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Asks a server for as long and with as many connections as the target says, and blocks meanwhile.
pub type Drive<'a> = &'a dyn Fn(&Target) -> Result<Asked, LimitError>;

/// Why a limit could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    #[error("a file or a connection could not be used")]
    Io(#[from] io::Error),
    #[error("the bare store failed")]
    Store(#[from] redb::Error),
    #[error("the bare server could not be asked")]
    Http(#[from] hyper::Error),
    #[error("the bare server answered {0}")]
    Answer(u16),
    #[error("the bare actor did not start")]
    Actor(#[from] ractor::SpawnErr),
    #[error("a part of the measurement stopped early")]
    Stopped,
}

/// What was counted in some time, and how long each took.
pub struct Counted {
    /// A second.
    pub rate: f64,
    pub latency: Latency,
}

impl Counted {
    fn of(histogram: &Histogram<u64>, took: Duration) -> Counted {
        let rate = histogram.len() as f64 / took.as_secs_f64();
        Counted { rate, latency: Latency::of(histogram) }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are within what it can do")
}

fn note(histogram: &mut Histogram<u64>, took: Duration) {
    // It grows with what it is given, and only where it is not asked to stay within its bounds.
    let us = took.as_micros().try_into().unwrap_or(u64::MAX);
    histogram.record(us).expect("there is memory for a few more counters");
}

/// What the limits of a report's runs are, so that each is measured once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Answers of so many bytes, to so many connections; 0 bytes stand for a 304.
    answers: BTreeSet<(u64, u32, Way)>,
    /// Durable answers to so many connections.
    durable: BTreeSet<(u32, Way)>,
}

/// [`Http`] with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    One,
    Two,
}

impl From<Http> for Way {
    fn from(http: Http) -> Way {
        match http {
            Http::One => Way::One,
            Http::Two => Way::Two,
        }
    }
}

impl From<Way> for Http {
    fn from(way: Way) -> Http {
        match way {
            Way::One => Http::One,
            Way::Two => Http::Two,
        }
    }
}

impl Plan {
    /// Only closed loops have a rate of their own; what is sent at a given rate says nothing of a
    /// ceiling.
    fn of(runs: &[Run]) -> Plan {
        let mut plan = Plan::default();
        for run in runs {
            let Load::Closed { connections } = run.load else { continue };
            let way = Way::from(run.http);
            for operation in shares::used(run) {
                match shares::answer_of(operation) {
                    _ if operation.durable => {
                        plan.durable.insert((connections, way));
                    }
                    Some(bytes) => {
                        plan.answers.insert((bytes, connections, way));
                    }
                    None => {}
                }
            }
        }
        plan
    }
}

/// Measures what bounds the runs of `report`, each for `duration`, writes it there with the shares,
/// and says through `tell` what is under way. `folder` is on the disk that the shops were on.
///
/// Blocks, and starts runtimes of its own: not to be called from a task.
pub fn measure(
    report: &mut Report,
    folder: &Path,
    duration: Duration,
    drive: Drive<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<(), LimitError> {
    let folder = tempfile::Builder::new().prefix("mercat-limits-").tempdir_in(folder)?;
    let folder = folder.path();
    let plan = Plan::of(&report.runs);
    let mut limits = vec![];
    tell("fsyncs of the disk");
    limits.push(fsyncs(folder, duration)?);
    for (bytes, connections, way) in plan.answers {
        let http = Http::from(way);
        tell(&format!("bare server, {bytes} bytes, {connections} connections"));
        limits.push(still_answers(bytes, connections, http, duration, drive)?);
    }
    let groups: BTreeSet<u32> = std::iter::once(1)
        .chain(plan.durable.iter().map(|(connections, _)| *connections))
        .collect();
    for group in groups {
        tell(&format!("bare store, {group} at a time"));
        limits.push(commits(folder, group, duration)?);
        tell(&format!("mailbox, {group} callers"));
        limits.push(round_trips(group, duration)?);
    }
    for (connections, way) in plan.durable {
        let http = Http::from(way);
        tell(&format!("bare pipeline, {connections} connections"));
        limits.push(durable_answers(folder, connections, http, duration, drive)?);
    }
    report.limits = limits;
    shares::fill(report);
    Ok(())
}

fn fsyncs(folder: &Path, duration: Duration) -> Result<Limit, LimitError> {
    let Counted { rate, latency } = disk::fsyncs(folder, duration)?;
    Ok(Limit {
        id: "fsync".into(),
        name: "disk".into(),
        about: "one thread overwrites 4 KiB in place and calls fdatasync".into(),
        rate,
        unit: "fsyncs".into(),
        connections: 1,
        http: None,
        bytes: Some(disk::BLOCK as u64),
        latency: Some(latency),
    })
}

fn still_answers(
    bytes: u64,
    connections: u32,
    http: Http,
    duration: Duration,
    drive: Drive<'_>,
) -> Result<Limit, LimitError> {
    let server = still::Server::start(bytes)?;
    let asked = drive(&server.target(connections, http, duration))?;
    let what = if bytes == 0 { "304".into() } else { format!("{bytes} bytes") };
    Ok(Limit {
        id: shares::static_id(bytes, connections, http),
        name: format!("bare server, {what}"),
        about: "axum with one route that sends the same bytes from memory".into(),
        rate: asked.rate,
        unit: "answers".into(),
        connections,
        http: Some(http),
        bytes: Some(bytes),
        latency: Some(asked.latency),
    })
}

fn commits(folder: &Path, group: u32, duration: Duration) -> Result<Limit, LimitError> {
    let Counted { rate, latency } = rows::commits(folder, group, duration)?;
    let name = match group {
        1 => "bare store, one at a time".into(),
        _ => format!("bare store, {group} at a time"),
    };
    Ok(Limit {
        id: format!("store-{group}"),
        name,
        about: "redb alone: the rows of so many checkouts in each durable commit".into(),
        rate: rate * f64::from(group),
        unit: "checkouts".into(),
        connections: group,
        http: None,
        bytes: Some(rows::BYTES as u64),
        latency: Some(latency),
    })
}

fn round_trips(callers: u32, duration: Duration) -> Result<Limit, LimitError> {
    let Counted { rate, latency } = mailbox::round_trips(callers, duration)?;
    let name = match callers {
        1 => "an actor's mailbox, one caller".into(),
        _ => format!("an actor's mailbox, {callers} callers"),
    };
    Ok(Limit {
        id: format!("mailbox-{callers}"),
        name,
        about: "each caller sends a message to one actor and waits for the answer".into(),
        rate,
        unit: "round trips".into(),
        connections: callers,
        http: None,
        bytes: None,
        latency: Some(latency),
    })
}

fn durable_answers(
    folder: &Path,
    connections: u32,
    http: Http,
    duration: Duration,
    drive: Drive<'_>,
) -> Result<Limit, LimitError> {
    let pipeline = pipeline::Pipeline::start(folder)?;
    let asked = drive(&pipeline.target(connections, http, duration));
    pipeline.stop()?;
    let asked = asked?;
    Ok(Limit {
        id: shares::pipeline_id(connections, http),
        name: "bare pipeline".into(),
        about: "a handler that reads JSON, a queue, one redb commit for all that waits; \
                rows and answer as large as a checkout's"
            .into(),
        rate: asked.rate,
        unit: "durable answers".into(),
        connections,
        http: Some(http),
        bytes: Some(rows::BYTES as u64),
        latency: Some(asked.latency),
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::Share;
    use super::super::report::model::sample;
    use super::*;

    #[test]
    fn limits_are_measured_and_runs_stated_as_shares_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = sample::report();
        report.limits.clear();
        report.runs[0].load = Load::Closed { connections: 2 };
        let mut read = sample::run("browse", 5_000.0, 200);
        read.load = Load::Closed { connections: 2 };
        read.http = Http::Two;
        read.operations[0].durable = false;
        report.runs.push(read);
        let mut told = vec![];
        let mut tell = |what: &str| told.push(what.to_owned());
        measure(&mut report, folder.path(), Duration::from_millis(60), &asking(2), &mut tell)
            .unwrap();

        let ids: Vec<&str> = report.limits.iter().map(|limit| &*limit.id).collect();
        let expected = [
            "fsync",
            "static-1500-2-h2",
            "store-1",
            "mailbox-1",
            "store-2",
            "mailbox-2",
            "pipeline-2",
        ];
        assert_eq!(ids, expected);
        assert_eq!(told.len(), ids.len());
        for limit in &report.limits {
            assert!(limit.rate > 0.0, "{limit:?}");
            assert!(limit.latency.as_ref().is_some_and(|latency| latency.count > 0), "{limit:?}");
        }
        let of = |run: usize, id: &str| -> Share {
            let mut shares = report.runs[run].shares.iter();
            shares.find(|share| share.limit == id).cloned().unwrap()
        };
        let pipeline = of(0, "pipeline-2");
        let rate = report.limit("pipeline-2").unwrap().rate;
        assert_eq!(pipeline.share, report.runs[0].throughput / rate);
        assert!(of(1, "static-1500-2-h2").share > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn load_at_a_given_rate_has_no_ceiling_to_measure() {
        let mut run = sample::run("drop", 134.0, 900);
        run.load = Load::Open { rate: 134.0, connections: 64 };
        assert_eq!(Plan::of(&[run]), Plan::default());
    }
}
