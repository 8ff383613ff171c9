//! Series of runs: what one command measures one after the other, and what follows from all together.

use super::books::thousands;
use super::load::Shape;
use super::plan::{Plan, Subject, Where};
use super::progress::{Progress, time};
use super::report::{Finding, Mark, Run};
use super::session::{Burden, Done, Session};
use super::{BenchError, with_shop};
use std::time::Duration;

/// Requests a second at the peak of a sale of a thousand units.
const SALE_PEAK: f64 = 134.0;

/// Requests a second of a soak, where none is given.
const SOAK_RATE: f64 = 200.0;

/// How much more than it can serve a flood is.
const FLOOD: f64 = 10.0;

/// Connections of a flood: more than a shop lets in at once.
const FLOOD_CONNECTIONS: usize = 6_000;

/// How much slower the admitted may become.
const MOST_SLOWER: u64 = 2;

/// Everything that the plan's subject is made of.
pub async fn all(plan: &Plan, progress: &Progress) -> Result<Vec<Run>, BenchError> {
    match plan.subject {
        Subject::Size => sizes(plan, progress).await,
        Subject::Flood => with_shop(plan, progress, plan.products, flood).await,
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

/// The ceiling, half of it, ten times it, and half of it again at once.
async fn flood(session: &mut Session<'_>) -> Result<Vec<Run>, BenchError> {
    let plan = session.plan;
    let subject = plan.of.first().copied().unwrap_or(Subject::Checkout);
    let tell = |session: &Session<'_>, what: String| session.progress.tell(&format!("  {what}"));
    tell(session, "how much can be served".into());
    let ceiling = session.run(&Burden::of(plan, subject, None).called("ceiling")).await?;
    let most = ceiling.run.throughput;
    tell(session, format!("half of it: {} requests/s", thousands((most / 2.0) as u64)));
    let half = |name: &str| Burden::of(plan, subject, Some(most / 2.0)).called(name);
    let normal = session.run(&half("normal")).await?;
    tell(session, format!("ten times: {} requests/s", thousands((most * FLOOD) as u64)));
    let mut wave = Burden::of(plan, subject, Some(most * FLOOD)).called("flood");
    wave.connections = plan.connections.unwrap_or(FLOOD_CONNECTIONS);
    wave.warm_up = Duration::ZERO;
    // Ten times is more than this generator may be able to send; then its own queue is not the shop's.
    wave.counts_from_due = false;
    let mut flood = session.run(&wave).await?;
    tell(session, "and after it".into());
    let mut calm = half("after the flood");
    calm.warm_up = Duration::ZERO;
    let mut after = session.run(&calm).await?;
    flood.run.books.extend(of_flood(&normal, &flood));
    after.run.books.push(of_calm(&normal, &after));
    Ok(vec![ceiling.run, normal.run, flood.run, after.run])
}

/// What a flood must not do.
fn of_flood(normal: &Done, flood: &Done) -> [Finding; 3] {
    let (usual, now) = (normal.run.latency.p99_us, flood.run.latency.p99_us);
    let outcomes = &flood.run.outcomes;
    let shed = &flood.total.shed;
    let turned_away = shed.value_at_quantile(0.99);
    [
        Finding {
            rule: "who is admitted in a flood is served at most half as fast".into(),
            holds: now <= MOST_SLOWER * usual && outcomes.ok > 0,
            detail: format!(
                "p99 of {} admitted {}, normally {}",
                thousands(outcomes.ok),
                time(now),
                time(usual)
            ),
        },
        Finding {
            rule: "who is not admitted hears so at once".into(),
            holds: shed.is_empty() || turned_away <= MOST_SLOWER * usual,
            detail: format!("{} turned away, p99 {}", thousands(shed.len()), time(turned_away)),
        },
        Finding {
            rule: "and when to come again".into(),
            holds: flood.total.without_retry_after == 0,
            detail: format!(
                "{} without Retry-After; {} journeys of the flood could not be sent from here",
                thousands(flood.total.without_retry_after),
                thousands(flood.unsent)
            ),
        },
    ]
}

/// The flood is over when this begins: its first second may still feel it.
fn of_calm(normal: &Done, after: &Done) -> Finding {
    let usual = normal.run.latency.p99_us;
    let late = after.run.timeline.iter().skip(1);
    let slow: Vec<_> =
        late.filter(|second| second.p99_us > MOST_SLOWER * usual || second.shed > 0).collect();
    let detail = match slow.first() {
        None => format!("p99 {} at most, normally {}", time(after.run.latency.p99_us), time(usual)),
        Some(second) => format!(
            "second {}: p99 {}, {} turned away; normally {}",
            second.at + 1,
            time(second.p99_us),
            thousands(second.shed),
            time(usual)
        ),
    };
    let rule = "a second after the flood all is as before".into();
    // One second of many may meet something else that the machine has to do.
    Finding { rule, holds: slow.len() <= after.run.timeline.len() / 10, detail }
}
