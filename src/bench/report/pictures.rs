//! The plots of one run: throughput, latency and what the shop took of the machine over time, and
//! latency by percentile.

use super::model::{Latency, Load, Run, Second};
use super::plot::{Plot, Scale, seconds, tick};
use super::words;

/// The most columns of a plot: on wide screens each is a few points wide.
const COLUMNS: usize = 240;

/// The colours of series, as the page's style names them.
const SERIES: [&str; 4] = ["s1", "s2", "s3", "s4"];

/// All plots of a run that has something to show in them.
pub fn of(run: &Run) -> Vec<Plot> {
    let columns = columns(&run.timeline);
    let mut plots = vec![];
    if columns.len() > 1 {
        plots.push(throughput(run, &columns));
        plots.push(latency(run, &columns));
    }
    plots.extend(percentiles(run));
    if columns.len() > 1 {
        plots.extend(processors(&columns, run));
        plots.extend(memory(&columns, run));
    }
    plots
}

/// One second, or several that are drawn as one: rates are means, latencies the worst of them.
struct Span {
    from: f64,
    to: f64,
    second: Second,
    /// A second.
    intended: Option<f64>,
    ok: f64,
    refused: f64,
    shed: f64,
    errors: f64,
}

impl Span {
    fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.to)
    }
}

fn columns(timeline: &[Second]) -> Vec<Span> {
    let seconds = timeline.len().div_ceil(COLUMNS).max(1);
    timeline.chunks(seconds).map(span).collect()
}

fn span(seconds: &[Second]) -> Span {
    let long = seconds.len() as f64;
    let mean = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>() as f64 / long;
    let worst = |of: fn(&Second) -> u64| seconds.iter().map(of).max().unwrap_or_default();
    let sum = |of: fn(&Second) -> Option<f64>| -> Option<f64> { seconds.iter().map(of).sum() };
    let (first, last) = (&seconds[0], &seconds[seconds.len() - 1]);
    Span {
        from: f64::from(first.at),
        to: f64::from(last.at + 1),
        intended: sum(|second| second.intended.map(|due| due as f64)).map(|sum| sum / long),
        ok: mean(|second| second.ok),
        refused: mean(|second| second.refused),
        shed: mean(|second| second.shed),
        errors: mean(|second| second.errors),
        second: Second {
            p50_us: worst(|second| second.p50_us),
            p99_us: worst(|second| second.p99_us),
            max_us: worst(|second| second.max_us),
            server_cpu: sum(|second| second.server_cpu).map(|sum| sum / long),
            client_cpu: sum(|second| second.client_cpu).map(|sum| sum / long),
            server_memory_bytes: last.server_memory_bytes,
            ..Second::default()
        },
    }
}

/// A plot over time, with marks.
fn over_time(title: &'static str, about: String, columns: &[Span], run: &Run) -> (Plot, Scale) {
    let mut plot = Plot::new(title, about);
    let (from, to) = (columns[0].from, columns[columns.len() - 1].to);
    let scale = Scale::between(from, to);
    plot.x = seconds(from, to);
    for mark in run.marks.iter().filter(|mark| (from..=to).contains(&mark.at)) {
        plot.mark(scale.place(mark.at), mark.what.clone());
    }
    (plot, scale)
}

type Points = Vec<(f64, Option<f64>)>;

/// In the middle of each column, and as far as to the edges.
fn points(columns: &[Span], x: Scale, y: impl Fn(&Span) -> Option<f64>) -> Points {
    let middles = columns.iter().map(|span| (x.place(span.middle()), y(span)));
    let first = columns.first().map(|span| (x.place(span.from), y(span)));
    let last = columns.last().map(|span| (x.place(span.to), y(span)));
    first.into_iter().chain(middles).chain(last).collect()
}

fn tell(plot: &mut Plot, columns: &[Span], x: Scale, title: impl Fn(&Span) -> String) {
    for span in columns {
        let title = format!("second {}: {}", span.from, title(span));
        plot.column(x.place(span.from), x.place(span.to), title);
    }
}

fn throughput(run: &Run, columns: &[Span]) -> Plot {
    let about = format!("Requests a second over time, {} on average", words::rate(run.throughput));
    let (mut plot, x) = over_time("Throughput, requests/s", about, columns, run);
    let all = columns.iter().flat_map(|span| {
        [span.ok, span.refused, span.shed, span.errors, span.intended.unwrap_or_default()]
    });
    let y = Scale::even(all);
    plot.y = y.ticks(|value| words::count(value as u64));
    if matches!(run.load, Load::Open { .. }) {
        let due = points(columns, x, |span| span.intended.and_then(|due| y.point(due)));
        plot.line("due", "due", &due);
    }
    plot.area("s1", "answered well", &points(columns, x, |span| y.point(span.ok)));
    type Kind = (&'static str, &'static str, fn(&Span) -> f64);
    let others: [Kind; 3] = [
        ("s3", "refused", |span| span.refused),
        ("s2", "turned away", |span| span.shed),
        ("bad", "errors", |span| span.errors),
    ];
    for (class, name, of) in others {
        if columns.iter().any(|span| of(span) > 0.0) {
            plot.line(class, name, &points(columns, x, |span| y.point(of(span))));
        }
    }
    tell(&mut plot, columns, x, |span| {
        let mut title = format!("{}/s", words::rate(span.ok));
        for (_, name, of) in others {
            if of(span) > 0.0 {
                title += &format!(", {} {name}", words::rate(of(span)));
            }
        }
        title
    });
    plot
}

fn latency(run: &Run, columns: &[Span]) -> Plot {
    let Latency { p50_us, p99_us, .. } = run.latency;
    let about = format!(
        "Latency over time, half of all within {}, 99 of 100 within {}",
        words::time(p50_us as f64),
        words::time(p99_us as f64)
    );
    let (mut plot, x) = over_time("Latency", about, columns, run);
    type Kind = (&'static str, &'static str, fn(&Second) -> u64);
    let kinds: [Kind; 3] = [
        ("due", "slowest", |second| second.max_us),
        ("s2", "p99", |second| second.p99_us),
        ("s1", "p50", |second| second.p50_us),
    ];
    let all = columns.iter().flat_map(|span| kinds.map(|(_, _, of)| of(&span.second) as f64));
    let y = Scale::logarithmic(all);
    plot.y = y.ticks(words::round_time);
    for (class, name, of) in kinds {
        let known = |us: u64| (us > 0).then(|| y.place(us as f64));
        plot.line(class, name, &points(columns, x, |span| known(of(&span.second))));
    }
    plot.legend.reverse();
    tell(&mut plot, columns, x, |span| {
        let said = kinds
            .iter()
            .rev()
            .map(|(_, name, of)| format!("{name} {}", words::time(of(&span.second) as f64)));
        said.collect::<Vec<_>>().join(", ")
    });
    plot
}

/// How far a percentile is from all, in tenfolds: 90 % is 1, 99 % is 2.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(1e-9).log10()
}

fn percentiles(run: &Run) -> Option<Plot> {
    let mut shown: Vec<(&str, &Latency)> = match run.operations.len() {
        2..=4 => run.operations.iter().map(|one| (&*one.name, &one.latency)).collect(),
        _ => vec![("all requests", &run.latency)],
    };
    shown.retain(|(_, latency)| latency.percentiles.len() > 1);
    let most = shown.iter().map(|(_, latency)| latency.count).max()?;
    // Behind this, not one request is left.
    let end = (most as f64).log10().clamp(2.0, 5.0).floor();
    let x = Scale::between(0.0, end);
    let about = "How much of all requests took up to how long".to_owned();
    let mut plot = Plot::new("Latency by percentile", about);
    let all = shown.iter().flat_map(|(_, latency)| latency.percentiles.iter());
    let y = Scale::logarithmic(all.map(|step| step.us as f64));
    plot.y = y.ticks(words::round_time);
    let mut places = vec![(nines(50.0), "50 %".to_owned())];
    let tenfolds = 1..=end as usize;
    places.extend(tenfolds.map(|nines| {
        let digits = match nines {
            1 => "90".to_owned(),
            2 => "99".to_owned(),
            more => format!("99.{}", "9".repeat(more - 2)),
        };
        (nines as f64, format!("{digits} %"))
    }));
    plot.x = places.into_iter().map(|(at, name)| tick(x.place(at), name)).collect();
    for ((name, latency), class) in shown.iter().zip(SERIES) {
        let inside = latency.percentiles.iter().filter(|step| nines(step.percentile) <= end);
        let points: Points = inside
            .map(|step| (x.place(nines(step.percentile)), y.point(step.us.max(1) as f64)))
            .collect();
        plot.line(class, name, &points);
    }
    Some(plot)
}

fn processors(columns: &[Span], run: &Run) -> Option<Plot> {
    let known = |span: &Span| span.second.server_cpu;
    let most = columns.iter().filter_map(known).reduce(f64::max)?;
    let about = format!("Cores at work over time, up to {most:.2} in the shop");
    let (mut plot, x) = over_time("Processors, cores at work", about, columns, run);
    let client = |span: &Span| span.second.client_cpu;
    let y = Scale::even(columns.iter().flat_map(|span| [known(span), client(span)]).flatten());
    plot.y =
        y.ticks(|value| format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').into());
    plot.area("s1", "shop", &points(columns, x, |span| known(span).and_then(|cpu| y.point(cpu))));
    if columns.iter().any(|span| client(span).is_some()) {
        let own = points(columns, x, |span| client(span).and_then(|cpu| y.point(cpu)));
        plot.line("due", "load generator", &own);
    }
    tell(&mut plot, columns, x, |span| {
        let figure = |cpu: Option<f64>| cpu.map_or("unknown".into(), |cpu| format!("{cpu:.2}"));
        format!("shop {}, load generator {}", figure(known(span)), figure(client(span)))
    });
    Some(plot)
}

fn memory(columns: &[Span], run: &Run) -> Option<Plot> {
    let known = |span: &Span| span.second.server_memory_bytes;
    let most = columns.iter().filter_map(known).max()?;
    let about = format!("Resident memory of the shop over time, up to {}", words::bytes(most));
    let (mut plot, x) = over_time("Memory, resident", about, columns, run);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let y = Scale::even([megabytes(most)]);
    plot.y = y.ticks(|value| match value {
        0.0 => "0".to_owned(),
        value if value >= 1_000.0 => format!("{} GB", words::rate(value / 1_000.0)),
        value => format!("{value} MB"),
    });
    let place = |span: &Span| known(span).and_then(|bytes| y.point(megabytes(bytes)));
    plot.area("s1", "shop", &points(columns, x, place));
    tell(&mut plot, columns, x, |span| known(span).map_or("unknown".into(), words::bytes));
    Some(plot)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Mark, sample};
    use super::*;

    fn titles(run: &Run) -> Vec<&'static str> {
        of(run).iter().map(|plot| plot.title).collect()
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let mut run = sample::run("checkout", 9_000.0, 5_000);
        assert_eq!(titles(&run).len(), 5);
        for second in &mut run.timeline {
            second.server_cpu = None;
            second.server_memory_bytes = None;
        }
        assert_eq!(titles(&run), ["Throughput, requests/s", "Latency", "Latency by percentile"]);
        run.timeline.clear();
        assert_eq!(titles(&run), ["Latency by percentile"]);
    }

    #[test]
    fn a_long_run_is_drawn_in_few_columns_that_keep_the_worst() {
        let second = |at| Second { at, ok: 100, p99_us: 2_000, ..Second::default() };
        let mut timeline: Vec<Second> = (0..3_600).map(second).collect();
        timeline[1_801].p99_us = 900_000;
        timeline[1_801].ok = 0;
        let columns = columns(&timeline);
        assert_eq!(columns.len(), COLUMNS);
        let worst = columns.iter().max_by_key(|span| span.second.p99_us).unwrap();
        assert_eq!((worst.from, worst.to, worst.second.p99_us), (1_800.0, 1_815.0, 900_000));
        assert!(worst.ok < 100.0 && worst.ok > 90.0);
    }

    #[test]
    fn marks_stand_where_they_happened() {
        let mut run = sample::run("drop", 134.0, 900);
        let mark = |at, what: &str| Mark { at, what: what.into() };
        run.marks = vec![mark(6.0, "sold out"), mark(12.0, "end"), mark(99.0, "after the end")];
        let plots = of(&run);
        let marks = plots[0].marks.iter().map(|mark| (&*mark.name, &*mark.place, mark.side));
        let marks: Vec<_> = marks.collect();
        assert_eq!(marks, [("sold out", "50", "after"), ("end", "100", "before")]);
    }
}
