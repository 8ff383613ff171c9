//! Series of runs: what one command measures one after the other, and what follows from all together.

use super::books::thousands;
use super::load::{Lateness, Noted, Shape, Tally};
use super::plan::{Plan, Subject, Where};
use super::progress::{Progress, time};
use super::report::{Finding, Mark, Run};
use super::session::{Burden, Session};
use super::{BenchError, with_shop};
use std::time::Duration;

/// Requests a second at the peak of a sale of a thousand units.
const SALE_PEAK: f64 = 134.0;

/// Requests a second of a soak, where none is given.
const SOAK_RATE: f64 = 200.0;

/// How much more than it can serve a flood is.
const FLOOD: f64 = 10.0;

/// Connections of a flood: twice as many as a shop lets writes in at the most. Each has a request under
/// way nearly all the time, so that by Little's law any answer takes as long as it takes to answer all
/// of them once: with more of them, this machine's processors would be what is measured.
const FLOOD_CONNECTIONS: usize = 1_024;

/// Connections that find the ceiling.
const CEILING_CONNECTIONS: usize = 64;

/// How much slower the admitted may become.
const MOST_SLOWER: u64 = 2;

/// Everything that the plan's subject is made of.
pub async fn all(plan: &Plan, progress: &Progress) -> Result<Vec<Run>, BenchError> {
    match plan.subject {
        Subject::Size => sizes(plan, progress).await,
        Subject::Flood => {
            let mut borne = Vec::new();
            let wave = async |session: &mut Session<'_>| flood(session, &mut borne).await;
            let mut runs = with_shop(plan, progress, plan.products, wave).await?;
            if let Some(flood) = runs.last_mut() {
                flood.books.extend(borne);
            }
            Ok(runs)
        }
        Subject::Drop => with_shop(plan, progress, plan.products, sales).await,
        Subject::Soak => with_shop(plan, progress, plan.products, soak).await,
        Subject::Browse
        | Subject::Product
        | Subject::Page
        | Subject::NotModified
        | Subject::Search
        | Subject::Cart
        | Subject::Checkout
        | Subject::FlashSale
        | Subject::Mixed => with_shop(plan, progress, plan.products, single).await,
    }
}

/// One subject, as fast as it goes or at each of the rates.
async fn single(session: &mut Session<'_>) -> Result<Vec<Run>, BenchError> {
    let plan = session.plan;
    if plan.rates.is_empty() {
        let burden = Burden::of(plan, plan.subject, None);
        return Ok(vec![session.run(&burden).await?.run]);
    }
    let mut runs = Vec::new();
    for rate in &plan.rates {
        let mut burden = Burden::of(plan, plan.subject, Some(*rate));
        if plan.rates.len() > 1 {
            burden = burden.called(format!("{}/s", thousands(rate.round() as u64)));
        }
        runs.push(session.run(&burden).await?.run);
    }
    Ok(runs)
}

/// A sale as usual, and with ever more people.
async fn sales(session: &mut Session<'_>) -> Result<Vec<Run>, BenchError> {
    let plan = session.plan;
    let peak = plan.rates.first().copied().unwrap_or(SALE_PEAK);
    let mut runs = Vec::new();
    for factor in &plan.factors {
        session.progress.tell(&format!("  a sale of {factor} times the usual size"));
        let mut burden = Burden::of(plan, Subject::Drop, Some(peak * factor));
        (burden.shape, burden.warm_up) = (Shape::Sale, Duration::ZERO);
        runs.push(session.run(&burden.called(format!("×{factor}"))).await?.run);
    }
    Ok(runs)
}

/// The mix for long.
async fn soak(session: &mut Session<'_>) -> Result<Vec<Run>, BenchError> {
    let plan = session.plan;
    let rate = plan.rates.first().copied().unwrap_or(SOAK_RATE);
    let mut run = session.run(&Burden::of(plan, Subject::Soak, Some(rate))).await?.run;
    let resident = |place: usize| run.timeline.get(place)?.server_memory_bytes;
    let tenth = run.timeline.len() / 10;
    if let (Some(early), Some(late)) = (resident(tenth), resident(run.timeline.len() - 1)) {
        let what = format!("memory: {} MB after a tenth, {} MB now", early >> 20, late >> 20);
        run.marks.push(Mark { at: run.timeline.len() as f64, what });
    }
    Ok(vec![run])
}

/// Catalogs of several sizes, each with few connections and with many.
async fn sizes(plan: &Plan, progress: &Progress) -> Result<Vec<Run>, BenchError> {
    if let Where::There { .. } = plan.at {
        let why = "size fills catalogs of its own, so it takes no --url";
        return Err(BenchError::Usage(why.into()));
    }
    let mut runs = Vec::new();
    for products in &plan.sizes {
        let of_size = async |session: &mut Session<'_>| {
            let mut runs = Vec::new();
            for subject in &plan.of {
                for connections in &plan.widths {
                    let mut burden = Burden::of(plan, *subject, None);
                    burden.connections = *connections;
                    let variant = format!(
                        "{} products, {} connections",
                        thousands(*products),
                        thousands(*connections)
                    );
                    session.progress.tell(&format!("  {}, {variant}", subject.name()));
                    runs.push(session.run(&burden.called(variant)).await?.run);
                }
            }
            Ok(runs)
        };
        runs.extend(with_shop(plan, progress, *products, of_size).await?);
    }
    Ok(runs)
}

/// The ceiling; then half of it, ten times as much, and half of it again without a pause. `borne` is
/// told how that went, which is no question of the books.
async fn flood(
    session: &mut Session<'_>,
    borne: &mut Vec<Finding>,
) -> Result<Vec<Run>, BenchError> {
    let plan = session.plan;
    let subject = plan.of.first().copied().unwrap_or(Subject::Checkout);
    let tell = |session: &Session<'_>, what: &str| session.progress.tell(&format!("  {what}"));
    tell(session, "how much can be served");
    let mut ceiling = Burden::of(plan, subject, None).called("ceiling");
    ceiling.connections = CEILING_CONNECTIONS;
    let ceiling = session.run(&ceiling).await?.run;
    let most = ceiling.throughput;
    let (half, wave) = ((most / 2.0) as u64, (most * FLOOD) as u64);
    let what = format!("{} requests/s, then {}, then again", thousands(half), thousands(wave));
    tell(session, &what);
    let mut burden = Burden::of(plan, subject, Some(most * FLOOD)).called("flood");
    burden.connections = plan.connections.unwrap_or(FLOOD_CONNECTIONS);
    burden.shape = Shape::Flood;
    burden.warm_up = Duration::ZERO;
    burden.duration = 3 * plan.duration();
    burden.lateness = Lateness::GivenUp;
    let mut done = session.run(&burden).await?;
    let third = plan.duration().as_secs() as usize;
    for (at, what) in [(third, "the flood begins"), (2 * third, "the flood is over")] {
        done.run.marks.push(Mark { at: at as f64, what: what.into() });
    }
    borne.extend(Flood::of(&done.seconds, third, done.unsent).findings());
    Ok(vec![ceiling, done.run])
}

/// What became of a wave: before it, in it, and from the second second after it.
struct Flood {
    before: Noted,
    during: Noted,
    after: Vec<Noted>,
    unsent: u64,
}

impl Flood {
    /// `third` is how many seconds the flood lasted, and as many lie before it. What is under way
    /// when it rises or falls belongs to neither side: a second at each border counts nowhere, but
    /// the first one of the flood.
    fn of(seconds: &[Noted], third: usize, unsent: u64) -> Flood {
        let sum = |range: std::ops::Range<usize>| {
            let mut sum = Noted::nothing();
            seconds.iter().skip(range.start).take(range.len()).for_each(|one| sum.add(one));
            sum
        };
        Flood {
            // The first second opens what is opened once.
            before: sum(third.min(2) - 1..third),
            during: sum(third..2 * third),
            after: seconds.iter().skip(2 * third + 1).cloned().collect(),
            unsent,
        }
    }

    /// How much later than before the load generator itself came to its answers.
    fn own_lag(&self, now: &Noted) -> u64 {
        let p99 = |noted: &Noted| noted.own_lag.value_at_quantile(0.99);
        p99(now).saturating_sub(p99(&self.before))
    }

    /// Whether those who are admitted wait at most twice as long as before.
    fn admitted(&self, rule: &str, of: impl Fn(&Noted) -> &Tally) -> Finding {
        let (usual, now) = (p99(of(&self.before)), p99(of(&self.during)));
        let (admitted, own) = (of(&self.during).outcomes.ok, self.own_lag(&self.during));
        Finding {
            rule: rule.into(),
            holds: now.saturating_sub(own) <= MOST_SLOWER * usual && admitted > 0,
            detail: format!(
                "p99 of {} admitted {}, of which up to {} here; before it {}",
                thousands(admitted),
                time(now),
                time(own),
                time(usual)
            ),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let usual = p99(&self.before.all);
        let during = &self.during.all;
        let turned_away = during.shed.value_at_quantile(0.99);
        let turned_away_there = turned_away.saturating_sub(self.own_lag(&self.during));
        let wait = |second: &Noted| p99(&second.all).saturating_sub(self.own_lag(second));
        let is_slow =
            |second: &&Noted| wait(second) > MOST_SLOWER * usual || second.all.outcomes.shed > 0;
        let slow = self.after.iter().filter(is_slow).count();
        let slowest = self.after.iter().map(wait).max().unwrap_or_default();
        let mut findings = vec![
            self.admitted("who is admitted in a flood waits at most twice as long", |one| &one.all),
            Finding {
                rule: "who is not admitted hears so at once".into(),
                holds: during.shed.is_empty() || turned_away_there <= MOST_SLOWER * usual,
                detail: format!(
                    "{} turned away, p99 {}; {} journeys could not be sent from here",
                    thousands(during.shed.len()),
                    time(turned_away),
                    thousands(self.unsent)
                ),
            },
            Finding {
                rule: "and hears when to come again".into(),
                holds: during.without_retry_after == 0,
                detail: format!("{} without Retry-After", thousands(during.without_retry_after)),
            },
            Finding {
                rule: "a second after the flood all is as before".into(),
                // One second in ten may meet something else that the machine has to do.
                holds: slow <= self.after.len() / 10,
                detail: format!(
                    "{slow} of {} seconds slower than twice, the slowest p99 {}",
                    self.after.len(),
                    time(slowest)
                ),
            },
        ];
        // Most of a flood's requests may be reads that nobody turns away, and hide the rest.
        if !self.before.writes.latency.is_empty() {
            let rule = "and so does who writes, looked at alone";
            findings.insert(1, self.admitted(rule, |one| &one.writes));
        }
        findings
    }
}

fn p99(tally: &Tally) -> u64 {
    tally.latency.value_at_quantile(0.99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::{Answer, Verdict};
    use hyper::header::RETRY_AFTER;
    use hyper::{HeaderMap, StatusCode};

    /// A second in which `ok` were answered and `shed` turned away, each within so many microseconds.
    /// One in ten of those is a write.
    fn second(ok: (u64, u64), shed: (u64, u64), says_when: bool) -> Noted {
        with_writes(ok, (ok.0 / 10, ok.1), shed, says_when)
    }

    fn with_writes(ok: (u64, u64), writes: (u64, u64), shed: (u64, u64), says_when: bool) -> Noted {
        let mut noted = Noted::nothing();
        let answer = |status, headers| Answer { status, headers, body: "".into(), length: 0 };
        let fine = answer(StatusCode::OK, HeaderMap::new());
        (0..ok.0).for_each(|_| noted.all.answered(&fine, Verdict::Ok, ok.1));
        (0..writes.0).for_each(|_| noted.writes.answered(&fine, Verdict::Ok, writes.1));
        let mut headers = HeaderMap::new();
        if says_when {
            headers.insert(RETRY_AFTER, "1".parse().unwrap());
        }
        let away = answer(StatusCode::SERVICE_UNAVAILABLE, headers);
        (0..shed.0).for_each(|_| noted.all.answered(&away, Verdict::Shed, shed.1));
        noted
    }

    /// Three seconds before, in and after a flood.
    fn broken(change: impl FnOnce(&mut Vec<Noted>)) -> Vec<String> {
        let calm = || second((50, 1_000), (0, 0), true);
        let wave = || second((100, 1_900), (900, 500), true);
        let mut seconds: Vec<Noted> = (0..3).map(|_| calm()).collect();
        seconds.extend((0..3).map(|_| wave()));
        // The flood still runs off.
        seconds.push(wave());
        seconds.extend((0..2).map(|_| calm()));
        change(&mut seconds);
        let findings = Flood::of(&seconds, 3, 0).findings();
        findings.into_iter().filter(|one| !one.holds).map(|one| one.rule).collect()
    }

    #[test]
    fn a_flood_that_is_turned_away_is_no_harm() {
        assert!(broken(|_| {}).is_empty());
    }

    #[test]
    fn what_the_load_generator_itself_came_late_to_is_not_held_against_the_shop() {
        let late = |us: u64| {
            move |seconds: &mut Vec<Noted>| {
                for second in &mut seconds[3..6] {
                    *second = super::tests::second((100, 9_000), (900, 9_000), true);
                    second.own_lag.record_n(us, 100).unwrap();
                }
            }
        };
        assert!(broken(late(8_000)).is_empty());
        assert_eq!(broken(late(5_000)).len(), 3);
    }

    #[test]
    fn each_promise_of_a_flood_can_be_broken() {
        let slow = broken(|seconds| seconds[4] = second((100, 2_100), (900, 500), true));
        let both = [
            "who is admitted in a flood waits at most twice as long",
            "and so does who writes, looked at alone",
        ];
        assert_eq!(slow, both);
        let nobody = |seconds: &mut Vec<Noted>| {
            (3..6).for_each(|i| seconds[i] = second((0, 0), (900, 500), true));
        };
        assert_eq!(broken(nobody), both);
        let hidden = with_writes((100, 1_000), (1, 9_000), (900, 500), true);
        assert_eq!(broken(|seconds| seconds[4] = hidden), both[1..]);
        let late = broken(|seconds| seconds[4] = second((100, 1_000), (900, 9_000), true));
        assert_eq!(late, ["who is not admitted hears so at once"]);
        let silent = broken(|seconds| seconds[4] = second((100, 1_000), (900, 500), false));
        assert_eq!(silent, ["and hears when to come again"]);
        let still = broken(|seconds| seconds[7] = second((50, 1_000), (1, 500), true));
        assert_eq!(still, ["a second after the flood all is as before"]);
        let slow = broken(|seconds| seconds[8] = second((50, 3_000), (0, 0), true));
        assert_eq!(slow, ["a second after the flood all is as before"]);
    }
}
