//! Runs as shares of their limits.
//!
//! A run of one kind of request is compared by its rate. Where kinds are mixed, none of them has the
//! machine for itself; so each is counted as the part of a second that its limit would take for it,
//! and the parts are added up: at 1, the bare parts would do the same mix just as fast.

use crate::bench::report::{Http, Limit, Load, Operation, Report, Run, Share};

/// The limit of a run of several kinds of requests: each by its own.
pub const MIX: &str = "mix";

/// Answers up to this size are those about one thing; above, pages of many.
const ONE_THING: u64 = 4_096;

/// What we want to reach at least; see `docs/performance.md`.
const OF_PIPELINE: f64 = 0.5;
const OF_ONE_THING: f64 = 0.7;
const OF_A_PAGE: f64 = 0.6;
const OF_NOT_MODIFIED: f64 = 0.8;

pub(super) fn static_id(bytes: u64, connections: u32, http: Http) -> String {
    format!("static-{bytes}-{connections}{}", suffix(http))
}

pub(super) fn pipeline_id(connections: u32, http: Http) -> String {
    format!("pipeline-{connections}{}", suffix(http))
}

fn suffix(http: Http) -> &'static str {
    match http {
        Http::One => "",
        Http::Two => "-h2",
    }
}

/// The size of the bare answer that an operation's answers are compared with: 0 where they were
/// mostly 304. `None` where it is not known.
pub(super) fn answer_of(operation: &Operation) -> Option<u64> {
    let unchanged = operation.outcomes.statuses.get(&304).copied().unwrap_or_default();
    if unchanged * 2 > operation.outcomes.ok {
        return Some(0);
    }
    operation.answer_bytes.filter(|bytes| *bytes > 0)
}

/// Kinds of requests that a run is about: those that were hardly sent are left out, such as carts
/// that a sale ran short of.
pub(super) fn used(run: &Run) -> impl Iterator<Item = &Operation> {
    const HARDLY: f64 = 0.01;
    let all: u64 = run.operations.iter().map(|operation| operation.outcomes.sent()).sum();
    let few = all as f64 * HARDLY;
    run.operations.iter().filter(move |operation| operation.outcomes.sent() as f64 > few)
}

/// Writes every run's shares of the report's limits.
pub fn fill(report: &mut Report) {
    let limits = &report.limits;
    for run in &mut report.runs {
        run.shares = of(run, limits);
    }
}

fn of(run: &Run, limits: &[Limit]) -> Vec<Share> {
    let Load::Closed { connections } = run.load else { return vec![] };
    let find = |id: &str| limits.iter().find(|limit| limit.id == id);
    let own = |operation: &Operation| -> Option<(&Limit, f64)> {
        if operation.durable {
            return Some((find(&pipeline_id(connections, run.http))?, OF_PIPELINE));
        }
        let bytes = answer_of(operation)?;
        let wanted = match bytes {
            0 => OF_NOT_MODIFIED,
            1..=ONE_THING => OF_ONE_THING,
            _ => OF_A_PAGE,
        };
        Some((find(&static_id(bytes, connections, run.http))?, wanted))
    };
    let mut shares = vec![];
    let operations: Vec<&Operation> = used(run).collect();
    match &*operations {
        [] => {}
        [operation] => {
            shares.extend(
                own(operation).map(|(limit, wanted)| share(operation, limit, Some(wanted))),
            );
            let parts = [
                format!("store-{connections}"),
                format!("mailbox-{connections}"),
                "fsync".to_owned(),
            ];
            let parts = parts.iter().filter(|_| operation.durable).filter_map(|id| find(id));
            shares.extend(parts.map(|limit| share(operation, limit, None)));
        }
        several => {
            let parts = several.iter().map(|one| Some(one.throughput / own(one)?.0.rate));
            let sum: Option<f64> = parts.sum();
            shares.extend(sum.map(|share| Share {
                operation: None,
                limit: MIX.into(),
                share,
                wanted: None,
            }));
        }
    }
    shares
}

fn share(operation: &Operation, limit: &Limit, wanted: Option<f64>) -> Share {
    Share {
        operation: Some(operation.name.clone()),
        limit: limit.id.clone(),
        share: operation.throughput / limit.rate,
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::model::sample;

    fn limit(id: &str, rate: f64) -> Limit {
        let one = sample::report().limits.remove(0);
        Limit { id: id.into(), rate, ..one }
    }

    #[test]
    fn a_run_of_one_kind_is_its_rate_by_the_limits() {
        let run = sample::run("flash-sale", 9_000.0, 6_000);
        let shares = of(&run, &[limit("pipeline-64", 20_000.0), limit("fsync", 4_500.0)]);
        let found: Vec<(&str, f64)> =
            shares.iter().map(|share| (&*share.limit, share.share)).collect();
        assert_eq!(found, [("pipeline-64", 0.45), ("fsync", 2.0)]);
        assert_eq!(shares[0].is_reached(), Some(false));
        assert_eq!(shares[1].is_reached(), None);
    }

    #[test]
    fn a_kind_that_was_hardly_sent_makes_no_mix() {
        let mut run = sample::run("flash-sale", 9_000.0, 6_000);
        let mut carts = sample::run("flash-sale", 10.0, 6_000).operations.remove(0);
        carts.name = "create cart".into();
        run.operations.push(carts);
        let shares = of(&run, &[limit("pipeline-64", 20_000.0)]);
        assert_eq!((&*shares[0].limit, shares.len()), ("pipeline-64", 1));
        run.operations[1].outcomes.ok = run.operations[0].outcomes.ok;
        assert_eq!(of(&run, &[limit("pipeline-64", 20_000.0)])[0].limit, MIX);
    }

    #[test]
    fn in_a_mix_each_kind_takes_its_part_of_a_second() {
        let mut run = sample::run("browse", 0.0, 400);
        let read = |name: &str, bytes: u64, throughput: f64| {
            let one = sample::run("browse", throughput, 400).operations.remove(0);
            Operation {
                name: name.into(),
                durable: false,
                answer_bytes: Some(bytes),
                throughput,
                ..one
            }
        };
        run.operations = vec![read("product", 1_200, 10_000.0), read("list", 20_000, 3_000.0)];
        let limits = [limit("static-1200-64", 40_000.0), limit("static-20000-64", 10_000.0)];
        let shares = of(&run, &limits);
        assert_eq!((&*shares[0].limit, shares[0].share), (MIX, 0.25 + 0.3));
        assert!(of(&run, &limits[..1]).is_empty(), "half a mix is not compared");
    }

    #[test]
    fn answers_that_nothing_has_changed_are_compared_with_such() {
        let mut one = sample::run("browse", 1_000.0, 400).operations.remove(0);
        one.outcomes.statuses = [(304, one.outcomes.ok)].into();
        assert_eq!(answer_of(&one), Some(0));
        one.outcomes.statuses = [(200, one.outcomes.ok)].into();
        assert_eq!(answer_of(&one), Some(1_500));
    }
}
