//! Two reports side by side: `mercat bench compare A.json B.json`.
//!
//! A difference is only told from chance by how much each run differs from itself: its seconds are
//! put together into a few stretches, and the means of two runs must lie further apart than those of
//! their stretches make likely. Runs on two machines, or on one that was busy, differ for reasons
//! that no figure in here shows; shares of the limits that were measured beside them hold better.

use super::model::{Latency, Machine, Report, Run, Second, Share};
use super::words;
use std::fmt;

/// Into how many stretches a run is cut. Seconds that follow each other are alike (a slow fsync, a
/// growing file), stretches much less so.
const STRETCHES: usize = 10;

/// With fewer seconds than that, a run says nothing about its own noise.
const SHORTEST: usize = 8;

/// Standard errors that two means must lie apart: one in a hundred comparisons of equals does, with
/// so many stretches (Student's t, 18 degrees of freedom).
const APART: f64 = 2.9;

/// The same run started again differs by so much, however steady each was: memory lies elsewhere,
/// the file has grown.
const LEAST: f64 = 0.03;

/// Disks or memories that differ by more are other machines, or the same one at another time.
const SAME_MACHINE: f64 = 0.25;

/// What two reports say about the same runs.
pub struct Comparison {
    machines: Vec<String>,
    runs: Vec<RunPair>,
    /// In one report alone: which one, and the run.
    alone: Vec<(char, String)>,
}

struct RunPair {
    name: String,
    rows: Vec<Row>,
    books: [Option<bool>; 2],
}

/// One figure of both.
struct Row {
    name: String,
    shown: [String; 2],
    ratio: Option<f64>,
    verdict: Verdict,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// By how much it may differ by chance, as a part of it.
    Noise(f64),
    Better(f64),
    Worse(f64),
    /// Too few seconds to know.
    Short,
    /// Shown only.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    More,
    Less,
}

impl Comparison {
    pub fn of(a: &Report, b: &Report) -> Comparison {
        let other = |run: &Run, in_report: &Report| -> Option<usize> {
            in_report.runs.iter().position(|other| is_same(run, other))
        };
        let (mut runs, mut alone) = (vec![], vec![]);
        for run in &a.runs {
            match other(run, b) {
                Some(place) => runs.push(pair(run, &b.runs[place])),
                None => alone.push(('A', describe(run))),
            }
        }
        let new = b.runs.iter().filter(|run| other(run, a).is_none());
        alone.extend(new.map(|run| ('B', describe(run))));
        Comparison { machines: machines(&a.machine, &b.machine), runs, alone }
    }

    /// Whether B is slower beyond noise somewhere, or wrong where A was not.
    pub fn is_worse(&self) -> bool {
        self.runs.iter().any(|run| {
            let slower = run.rows.iter().any(|row| matches!(row.verdict, Verdict::Worse(_)));
            slower || run.books[1] == Some(false) && run.books[0] != Some(false)
        })
    }
}

/// Whether two runs did the same.
fn is_same(a: &Run, b: &Run) -> bool {
    a.scenario == b.scenario
        && a.variant == b.variant
        && a.load == b.load
        && a.http == b.http
        && a.products == b.products
}

fn describe(run: &Run) -> String {
    let load = match run.load.intended() {
        Some(rate) => format!("{} requests/s due", words::rate(rate)),
        None => words::several(run.load.connections().into(), "connection"),
    };
    let products = words::several(run.products, "product");
    format!("{}, {load}, {}, {products}", run.name(), run.http.name())
}

/// What is not the same about the machines.
fn machines(a: &Machine, b: &Machine) -> Vec<String> {
    let mut found = vec![];
    let mut note = |name: &str, a: String, b: String| {
        if a != b {
            found.push(format!("{name}: {a} against {b}"));
        }
    };
    note("processor", a.processor.clone(), b.processor.clone());
    note("cores", a.cores.to_string(), b.cores.to_string());
    note("kernel", a.kernel.clone(), b.kernel.clone());
    note("file system", a.filesystem.clone(), b.filesystem.clone());
    if (b.fsyncs_per_second / a.fsyncs_per_second - 1.0).abs() > SAME_MACHINE {
        let rate =
            |machine: &Machine| format!("{} fsyncs/s", words::rate(machine.fsyncs_per_second));
        note("disk", rate(a), rate(b));
    }
    found
}

fn pair(a: &Run, b: &Run) -> RunPair {
    let mut rows = vec![];
    let rates = [a, b].map(|run| series(&run.timeline, |second| second.ok as f64));
    rows.push(row(
        "rate",
        [a, b].map(|run| run.throughput),
        |rate| format!("{}/s", words::rate(rate)),
        &rates,
        // At a given rate, more is not better: what counts is how long it took.
        a.load.intended().map_or(Some(Wanted::More), |_| None),
    ));
    type Figure = (&'static str, fn(&Latency) -> u64, Option<fn(&Second) -> u64>);
    let figures: [Figure; 5] = [
        ("p50", |latency| latency.p50_us, Some(|second| second.p50_us)),
        ("p90", |latency| latency.p90_us, None),
        ("p99", |latency| latency.p99_us, Some(|second| second.p99_us)),
        ("p99.9", |latency| latency.p999_us, None),
        ("slowest", |latency| latency.max_us, None),
    ];
    for (name, of, by_second) in figures {
        let values = [a, b].map(|run| of(&run.latency) as f64);
        let noise = [a, b].map(|run| match by_second {
            Some(of) => series(&run.timeline, |second| of(second) as f64),
            None => vec![],
        });
        let wanted = by_second.map(|_| Wanted::Less);
        rows.push(row(name, values, words::time, &noise, wanted));
    }
    let counts = |name: &str, of: fn(&Run) -> Option<u64>, show: fn(u64) -> String| {
        let values = [of(a), of(b)];
        let shown = values.map(|value| value.map_or("–".into(), show));
        let ratio = match values {
            [Some(a), Some(b)] if a > 0 => Some(b as f64 / a as f64),
            _ => None,
        };
        Row { name: name.into(), shown, ratio, verdict: Verdict::Silent }
    };
    rows.push(counts("turned away", |run| Some(run.outcomes.shed), words::count));
    let errors = counts("errors", |run| Some(run.outcomes.errors()), words::count);
    let verdict = match [a, b].map(|run| run.outcomes.errors()) {
        [0, some] if some > 0 => Verdict::Worse(0.0),
        [some, 0] if some > 0 => Verdict::Better(0.0),
        _ => Verdict::Silent,
    };
    rows.push(Row { verdict, ..errors });
    let each = |run: &Run| {
        run.server_cpu_ms.filter(|_| run.outcomes.ok > 0).map(|ms| ms * 1_000_000 / run.outcomes.ok)
    };
    let cpu = counts("CPU for each", each, |ns| words::time(ns as f64 / 1e3));
    rows.push(cpu);
    rows.push(counts("memory at most", |run| run.server_memory_peak_bytes, words::bytes));
    rows.extend(a.shares.iter().filter_map(|share| shares(share, b)));
    let books = [a, b].map(|run| (!run.books.is_empty()).then(|| run.is_correct()));
    RunPair { name: describe(a), rows, books }
}

/// The same share in both.
fn shares(a: &Share, b: &Run) -> Option<Row> {
    let same = |b: &&Share| b.limit == a.limit && b.operation == a.operation;
    let b = b.shares.iter().find(same)?;
    Some(Row {
        name: format!("of {}", a.limit),
        shown: [a, b].map(|share| words::share(share.share)),
        ratio: Some(b.share / a.share),
        verdict: Verdict::Silent,
    })
}

/// A figure of every second in which anything was answered.
fn series(timeline: &[Second], of: impl Fn(&Second) -> f64) -> Vec<f64> {
    timeline.iter().map(of).collect()
}

fn row(
    name: &str,
    values: [f64; 2],
    show: fn(f64) -> String,
    series: &[Vec<f64>; 2],
    wanted: Option<Wanted>,
) -> Row {
    let ratio = (values[0] > 0.0).then(|| values[1] / values[0]);
    let verdict = match (ratio, wanted) {
        (Some(ratio), Some(wanted)) => judge(ratio, noise(series), wanted),
        _ => Verdict::Silent,
    };
    Row { name: name.into(), shown: values.map(show), ratio, verdict }
}

fn judge(ratio: f64, noise: Option<f64>, wanted: Wanted) -> Verdict {
    let Some(noise) = noise else { return Verdict::Short };
    match (ratio - 1.0, wanted) {
        (difference, _) if difference.abs() <= noise => Verdict::Noise(noise),
        (difference, Wanted::More) if difference > 0.0 => Verdict::Better(noise),
        (difference, Wanted::Less) if difference < 0.0 => Verdict::Better(noise),
        _ => Verdict::Worse(noise),
    }
}

/// By which part of it the ratio of two means may differ from one by chance.
fn noise(series: &[Vec<f64>; 2]) -> Option<f64> {
    let [a, b] = [relative_error(&series[0])?, relative_error(&series[1])?];
    Some((APART * a.hypot(b)).max(LEAST))
}

/// The standard error of a mean, as a part of it, by the means of stretches.
fn relative_error(seconds: &[f64]) -> Option<f64> {
    if seconds.len() < SHORTEST {
        return None;
    }
    let stretches = seconds.len().min(STRETCHES);
    let bounds = |i: usize| i * seconds.len() / stretches;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> =
        (0..stretches).map(|i| mean(&seconds[bounds(i)..bounds(i + 1)])).collect();
    let whole = mean(&means);
    let squares: f64 = means.iter().map(|one| (one - whole).powi(2)).sum();
    let deviation = (squares / (stretches - 1) as f64).sqrt();
    (whole > 0.0).then(|| deviation / (stretches as f64).sqrt() / whole)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |noise: f64| noise * 100.0;
        match *self {
            Verdict::Noise(noise) => write!(f, "within noise (± {:.0} %)", percent(noise)),
            Verdict::Better(0.0) => f.write_str("better"),
            Verdict::Worse(0.0) => f.write_str("worse"),
            Verdict::Better(noise) => {
                write!(f, "better, beyond noise (± {:.0} %)", percent(noise))
            }
            Verdict::Worse(noise) => write!(f, "worse, beyond noise (± {:.0} %)", percent(noise)),
            Verdict::Short => write!(f, "too short to tell (at least {SHORTEST} s)"),
            Verdict::Silent => Ok(()),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.machines.is_empty() {
            writeln!(f, "These are not the same machine, or not in the same state:")?;
            for difference in &self.machines {
                writeln!(f, "  {difference}")?;
            }
            writeln!(f, "Compare shares of limits, not rates.\n")?;
        }
        for run in &self.runs {
            writeln!(f, "{}", run.name)?;
            writeln!(f, "  {:<24}{:>14}{:>14}{:>8}", "", "A", "B", "B/A")?;
            for Row { name, shown: [a, b], ratio, verdict } in &run.rows {
                let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
                let line = format!("  {name:<24}{a:>14}{b:>14}{ratio:>8}  {verdict}");
                writeln!(f, "{}", line.trim_end())?;
            }
            let books = run.books.map(|books| match books {
                Some(true) => "agree",
                Some(false) => "DISAGREE",
                None => "not opened",
            });
            writeln!(f, "  {:<24}{:>14}{:>14}\n", "books", books[0], books[1])?;
        }
        for (report, run) in &self.alone {
            writeln!(f, "Only in {report}: {run}")?;
        }
        if self.runs.is_empty() {
            writeln!(f, "The two have no run in common.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::sample;
    use super::*;

    /// A run of a minute whose seconds differ by a tenth and a little.
    fn steady(rate: f64, middle_us: u64) -> Report {
        let mut report = sample::report();
        let mut run = sample::run("flash-sale", rate, middle_us);
        run.timeline = (0..60u32)
            .map(|at| {
                let swing = 1.0 + f64::from(at * 37 % 21) / 100.0 - 0.1;
                Second {
                    at,
                    ok: (rate * swing) as u64,
                    p50_us: (middle_us as f64 * swing) as u64,
                    p99_us: (middle_us as f64 * 8.0 * swing) as u64,
                    ..Second::default()
                }
            })
            .collect();
        report.runs = vec![run];
        report
    }

    fn verdict(comparison: &Comparison, name: &str) -> Verdict {
        comparison.runs[0].rows.iter().find(|row| row.name == name).unwrap().verdict
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let report = steady(10_000.0, 5_000);
        let comparison = Comparison::of(&report, &report);
        assert!(!comparison.is_worse());
        for name in ["rate", "p50", "p99"] {
            assert!(matches!(verdict(&comparison, name), Verdict::Noise(_)), "{name}");
        }
        assert!(comparison.machines.is_empty() && comparison.alone.is_empty());
    }

    #[test]
    fn what_is_further_apart_than_seconds_are_is_told_from_chance() {
        let (slow, fast) = (steady(10_000.0, 5_000), steady(12_000.0, 4_000));
        let comparison = Comparison::of(&slow, &fast);
        assert!(matches!(verdict(&comparison, "rate"), Verdict::Better(_)));
        assert!(matches!(verdict(&comparison, "p99"), Verdict::Better(_)));
        assert!(!comparison.is_worse());
        let back = Comparison::of(&fast, &slow);
        assert!(matches!(verdict(&back, "rate"), Verdict::Worse(_)));
        assert!(back.is_worse());
        let near = Comparison::of(&slow, &steady(10_200.0, 4_950));
        assert!(matches!(verdict(&near, "rate"), Verdict::Noise(_)));
    }

    #[test]
    fn a_run_that_swings_needs_a_larger_difference() {
        let mut swinging = steady(10_000.0, 5_000);
        for second in &mut swinging.runs[0].timeline {
            second.ok = if second.at / 6 % 2 == 0 { 4_000 } else { 16_000 };
        }
        let comparison = Comparison::of(&swinging, &steady(12_000.0, 5_000));
        assert!(matches!(verdict(&comparison, "rate"), Verdict::Noise(noise) if noise > 0.4));
    }

    #[test]
    fn a_few_seconds_say_nothing_about_noise() {
        let mut short = steady(10_000.0, 5_000);
        short.runs[0].timeline.truncate(5);
        let comparison = Comparison::of(&short, &steady(20_000.0, 5_000));
        assert_eq!(verdict(&comparison, "rate"), Verdict::Short);
    }

    #[test]
    fn wrong_books_and_new_errors_are_worse_however_fast() {
        let good = steady(10_000.0, 5_000);
        let mut wrong = steady(20_000.0, 2_000);
        wrong.runs[0].books[0].holds = false;
        assert!(Comparison::of(&good, &wrong).is_worse());
        let mut failing = steady(10_000.0, 5_000);
        failing.runs[0].outcomes.failed = 3;
        assert!(Comparison::of(&good, &failing).is_worse());
        assert!(!Comparison::of(&failing, &good).is_worse());
    }

    #[test]
    fn other_machines_and_other_runs_are_not_passed_over() {
        let a = steady(10_000.0, 5_000);
        let mut b = a.clone();
        b.machine.cores = 8;
        b.machine.fsyncs_per_second = 900.0;
        b.runs[0].products = 100_000;
        let told = Comparison::of(&a, &b).to_string();
        for said in [
            "cores: 2 against 8",
            "disk: 9,000 fsyncs/s against 900 fsyncs/s",
            "Only in A: flash-sale, 64 connections, HTTP/1.1, 1,000 products",
            "Only in B: flash-sale, 64 connections, HTTP/1.1, 100,000 products",
            "no run in common",
        ] {
            assert!(told.contains(said), "{said} is not in\n{told}");
        }
    }
}
