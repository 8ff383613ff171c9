//! A report as one page that needs nothing else: to be opened from a disk, sent along, printed.

use super::model::{Finding, Latency, Limit, Load, Operation, Report, Run, Share};
use super::plot::Plot;
use super::{pictures, words};
use askama::Template;

/// The page, with its styles and plots inside.
pub fn page(report: &Report) -> Result<String, askama::Error> {
    Page::of(report).render()
}

#[derive(Template)]
#[template(path = "report/bench.html")]
struct Page {
    headline: String,
    verdict: Verdict,
    /// What the verdict rests on.
    because: String,
    facts: Vec<Fact>,
    command: String,
    overview: Vec<Line>,
    runs: Vec<RunView>,
    limits: Vec<LimitView>,
}

/// Whether what was measured was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Nobody opened the books.
    Unknown,
}

impl Verdict {
    fn of(books: &[Finding]) -> Verdict {
        match books {
            [] => Verdict::Unknown,
            books if books.iter().all(|finding| finding.holds) => Verdict::Right,
            _ => Verdict::Wrong,
        }
    }

    /// Also the class that colours it.
    fn class(self) -> &'static str {
        match self {
            Verdict::Right => "good",
            Verdict::Wrong => "bad",
            Verdict::Unknown => "unknown",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Verdict::Right => "agree",
            Verdict::Wrong => "disagree",
            Verdict::Unknown => "not opened",
        }
    }
}

struct Fact {
    name: &'static str,
    value: String,
}

/// One run in the overview.
struct Line {
    slug: String,
    name: String,
    load: String,
    products: String,
    rate: String,
    p50: String,
    p99: String,
    errors: String,
    has_errors: bool,
    share: String,
    books: Verdict,
}

struct RunView {
    slug: String,
    name: String,
    about: String,
    figures: Vec<Figure>,
    plots: Vec<Plot>,
    operations: Vec<OperationView>,
    shares: Vec<Bar>,
    verdict: Verdict,
    books: Vec<Finding>,
}

/// A large figure.
struct Figure {
    value: String,
    name: &'static str,
    class: &'static str,
}

struct OperationView {
    name: String,
    rate: String,
    p50: String,
    p90: String,
    p99: String,
    p999: String,
    max: String,
    errors: String,
    has_errors: bool,
}

/// A share of a limit.
struct Bar {
    of: String,
    share: String,
    /// Hundredths of the bar.
    width: String,
    /// Where the mark of what is wanted stands, and what is said of it.
    wanted: Option<(String, String)>,
    class: &'static str,
}

struct LimitView {
    name: String,
    about: String,
    rate: String,
    unit: String,
    p50: String,
    p99: String,
}

impl Page {
    fn of(report: &Report) -> Page {
        let (verdict, because) = verdict(report);
        Page {
            headline: headline(report),
            verdict,
            because,
            facts: facts(report),
            command: report.command.clone(),
            overview: report.runs.iter().enumerate().map(line).collect(),
            runs: report.runs.iter().enumerate().map(|(i, run)| view(i, run, report)).collect(),
            limits: report.limits.iter().map(limit).collect(),
        }
    }
}

fn headline(report: &Report) -> String {
    match &*report.runs {
        [run] => format!("{}: {} requests/s", run.name(), words::rate(run.throughput)),
        runs => {
            let mut names: Vec<String> = runs.iter().map(|run| run.scenario.clone()).collect();
            names.dedup();
            format!("{} runs: {}", runs.len(), names.join(", "))
        }
    }
}

fn verdict(report: &Report) -> (Verdict, String) {
    let of =
        |verdict: Verdict| report.runs.iter().filter(move |run| Verdict::of(&run.books) == verdict);
    let broken = report.runs.iter().find_map(|run| {
        let finding = run.books.iter().find(|finding| !finding.holds)?;
        Some((run.name(), finding))
    });
    if let Some((run, Finding { rule, detail, .. })) = broken {
        let because = format!(
            "The books disagree after {run}, whose speed is worth nothing: not \"{rule}\" ({detail})."
        );
        return (Verdict::Wrong, because);
    }
    let rules: usize = report.runs.iter().map(|run| run.books.len()).sum();
    match of(Verdict::Unknown).count() {
        0 if rules > 0 => (
            Verdict::Right,
            format!(
                "The books agree: {} checked, and all hold.",
                words::several(rules as u64, "rule")
            ),
        ),
        _ => {
            let because =
                "Not every run's books could be opened: whether it stayed correct is not known.";
            (Verdict::Unknown, because.into())
        }
    }
}

fn facts(report: &Report) -> Vec<Fact> {
    let machine = &report.machine;
    let fact = |name, value| Fact { name, value };
    vec![
        fact(
            "Processor",
            format!("{}, {}", words::several(machine.cores.into(), "core"), machine.processor),
        ),
        fact("Memory", words::bytes(machine.memory_bytes)),
        fact(
            "Disk",
            format!("{}, {} fsyncs/s", machine.filesystem, words::rate(machine.fsyncs_per_second)),
        ),
        fact("Kernel", machine.kernel.clone()),
        fact("Mercat", format!("{}, seed {}", report.version, report.seed)),
        fact("Began", report.began_at.clone()),
    ]
}

fn slug(place: usize) -> String {
    format!("run-{}", place + 1)
}

fn us(us: u64) -> String {
    words::time(us as f64)
}

/// `64 connections, closed loop`.
fn load(load: Load) -> String {
    match load {
        Load::Closed { connections } => {
            format!("{}, closed loop", words::several(connections.into(), "connection"))
        }
        Load::Open { rate, connections } => format!(
            "{} requests/s due, up to {}",
            words::rate(rate),
            words::several(connections.into(), "connection")
        ),
    }
}

fn line((place, run): (usize, &Run)) -> Line {
    let errors = run.outcomes.errors();
    Line {
        slug: slug(place),
        name: run.name(),
        load: format!("{}, {}", load(run.load), run.http.name()),
        products: words::count(run.products),
        rate: words::rate(run.throughput),
        p50: us(run.latency.p50_us),
        p99: us(run.latency.p99_us),
        errors: words::count(errors),
        has_errors: errors > 0,
        share: run.shares.first().map_or("–".into(), |share| words::share(share.share)),
        books: Verdict::of(&run.books),
    }
}

fn view(place: usize, run: &Run, report: &Report) -> RunView {
    let seconds = |ms: u64| words::round_time((ms as f64 / 100.0).round() * 1e5);
    let about = format!(
        "{}, {}, {}; {} measured after a warm-up of {}",
        load(run.load),
        run.http.name(),
        words::several(run.products, "product"),
        seconds(run.duration_ms),
        seconds(run.warm_up_ms)
    );
    let operations = match run.operations.len() {
        0 | 1 => vec![],
        _ => run.operations.iter().map(operation).collect(),
    };
    RunView {
        slug: slug(place),
        name: run.name(),
        about,
        figures: figures(run, report),
        plots: pictures::of(run),
        operations,
        shares: run.shares.iter().map(|share| bar(share, report)).collect(),
        verdict: Verdict::of(&run.books),
        books: run.books.clone(),
    }
}

fn figures(run: &Run, report: &Report) -> Vec<Figure> {
    let figure = |value, name, class| Figure { value, name, class };
    let Latency { p50_us, p99_us, p999_us, .. } = run.latency;
    let mut figures = vec![
        figure(format!("{}/s", words::rate(run.throughput)), "throughput", "main"),
        figure(us(p50_us), "p50", ""),
        figure(us(p99_us), "p99", ""),
        figure(us(p999_us), "p99.9", ""),
    ];
    figures.extend(in_fsyncs(run, report).map(|fsyncs| {
        let value = format!("{} fsyncs", words::rate(fsyncs));
        figure(value, "p99 of what is durable", "")
    }));
    let outcomes = &run.outcomes;
    for (number, name) in [(outcomes.refused, "refused"), (outcomes.shed, "turned away")] {
        if number > 0 {
            figures.push(figure(words::count(number), name, ""));
        }
    }
    let errors = outcomes.errors();
    figures.push(figure(words::count(errors), "errors", if errors > 0 { "bad" } else { "" }));
    if let Some(ms) = run.server_cpu_ms.filter(|_| outcomes.ok > 0) {
        let each = ms as f64 * 1e3 / outcomes.ok as f64;
        figures.push(figure(words::time(each), "CPU for each", ""));
    }
    if let Some(bytes) = run.server_memory_peak_bytes {
        figures.push(figure(words::bytes(bytes), "memory at most", ""));
    }
    figures
}

/// How many syncs of the disk the slowest kind of durable request takes at its 99th percentile: on
/// another disk it takes about as many. Under a closed loop, which has everybody wait for everybody,
/// it says nothing.
fn in_fsyncs(run: &Run, report: &Report) -> Option<f64> {
    run.load.intended()?;
    let durable = run.operations.iter().filter(|operation| operation.durable);
    let p99_us = durable.map(|operation| operation.latency.p99_us).max()?;
    let rate = report.limit("fsync").map_or(report.machine.fsyncs_per_second, |limit| limit.rate);
    (rate > 0.0).then(|| p99_us as f64 / 1e6 * rate)
}

fn operation(operation: &Operation) -> OperationView {
    let Latency { p50_us, p90_us, p99_us, p999_us, max_us, .. } = operation.latency;
    let errors = operation.outcomes.errors();
    OperationView {
        name: operation.name.clone(),
        rate: words::rate(operation.throughput),
        p50: us(p50_us),
        p90: us(p90_us),
        p99: us(p99_us),
        p999: us(p999_us),
        max: us(max_us),
        errors: words::count(errors),
        has_errors: errors > 0,
    }
}

fn bar(share: &Share, report: &Report) -> Bar {
    let of = report.limit(&share.limit);
    let of = of.map_or("the bare parts of the same mix".into(), |limit| {
        format!("{} ({} {}/s)", limit.name, words::rate(limit.rate), limit.unit)
    });
    let place = |part: f64| format!("{:.1}", part.clamp(0.0, 1.0) * 100.0);
    Bar {
        of: match &share.operation {
            Some(operation) => format!("{operation} against {of}"),
            None => format!("all requests against {of}"),
        },
        share: words::share(share.share),
        width: place(share.share),
        wanted: share.wanted.map(|wanted| (place(wanted), words::share(wanted))),
        class: match share.is_reached() {
            Some(true) => "good",
            Some(false) => "short",
            None => "",
        },
    }
}

fn limit(limit: &Limit) -> LimitView {
    let latency =
        |of: fn(&Latency) -> u64| limit.latency.as_ref().map_or("–".into(), |l| us(of(l)));
    LimitView {
        name: match limit.connections {
            1 => limit.name.clone(),
            many => format!("{}, {} at once", limit.name, words::count(many.into())),
        },
        about: limit.about.clone(),
        rate: words::rate(limit.rate),
        unit: limit.unit.clone(),
        p50: latency(|latency| latency.p50_us),
        p99: latency(|latency| latency.p99_us),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::sample;
    use super::*;

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = page(&sample::report()).unwrap();
        for name in ["<script", "<link", "src=", "@import", "url("] {
            assert!(!page.contains(name), "{name}");
        }
        assert_eq!(page.matches("<svg").count(), 5);
    }

    #[test]
    fn a_page_says_first_whether_it_was_right() {
        let mut report = sample::report();
        assert!(page(&report).unwrap().contains("The books agree: 1 rule checked"));
        report.runs[0].books[0].holds = false;
        assert!(page(&report).unwrap().contains("disagree after flash-sale"));
        report.runs[0].books.clear();
        assert!(page(&report).unwrap().contains("is not known"));
    }

    #[test]
    fn shares_short_of_what_is_wanted_are_seen() {
        let mut report = sample::report();
        assert_eq!(bar(&report.runs[0].shares[0], &report).class, "good");
        report.runs[0].shares[0].share = 0.4;
        let bar = bar(&report.runs[0].shares[0], &report);
        assert_eq!((bar.class, &*bar.width), ("short", "40.0"));
        assert_eq!(bar.of, "checkout against bare pipeline (20,000 requests/s)");
    }

    #[test]
    fn what_is_durable_is_counted_in_fsyncs_of_this_disk() {
        let mut report = sample::report();
        report.runs[0].operations[0].latency.p99_us = 2_000;
        assert_eq!(in_fsyncs(&report.runs[0], &report), None);
        report.runs[0].load = Load::Open { rate: 5_000.0, connections: 64 };
        assert_eq!(in_fsyncs(&report.runs[0], &report), Some(18.0));
        let limit = Limit { id: "fsync".into(), rate: 500.0, ..report.limits[0].clone() };
        report.limits.push(limit);
        assert_eq!(in_fsyncs(&report.runs[0], &report), Some(1.0));
        report.runs[0].operations[0].durable = false;
        assert_eq!(in_fsyncs(&report.runs[0], &report), None);
    }

    #[test]
    fn what_a_report_says_is_text_on_its_page() {
        let mut report = sample::report();
        report.command = "mercat bench --url 'http://<em>'".into();
        assert!(!page(&report).unwrap().contains("<em>"));
    }
}
