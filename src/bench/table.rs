//! A report as text, for the terminal.

use super::books::thousands;
use super::progress::time;
use super::report::{Latency, Load, Outcomes, Report, Run};
use std::fmt::{self, Write};

/// Writes the whole report.
pub fn write(report: &Report, out: &mut impl Write) -> fmt::Result {
    let machine = &report.machine;
    writeln!(
        out,
        "mercat {} on {} cores of {}, {} GB, {}; {}, {} fsyncs/s; seed {}",
        report.version,
        machine.cores,
        machine.processor,
        machine.memory_bytes >> 30,
        machine.kernel,
        machine.filesystem,
        thousands(machine.fsyncs_per_second as u64),
        report.seed
    )?;
    if super::machine::is_memory(&machine.filesystem) {
        writeln!(out, "THE SHOP'S FOLDER WAS MEMORY: nothing here says how fast a disk is")?;
    }
    for run in &report.runs {
        writeln!(out)?;
        write_run(report, run, out)?;
    }
    if !report.limits.is_empty() {
        writeln!(out, "\nlimits of this machine, measured in the same run")?;
    }
    for limit in &report.limits {
        let unit = format!("{}/s", limit.unit);
        writeln!(out, "  {:<34} {:>12} {unit}", limit.name, thousands(limit.rate as u64))?;
    }
    Ok(())
}

fn write_run(report: &Report, run: &Run, out: &mut impl Write) -> fmt::Result {
    let load = match run.load {
        Load::Closed { connections } => format!("{} connections", thousands(connections)),
        Load::Open { rate, connections } => {
            format!("{rate:.0} requests/s due, up to {} connections", thousands(connections))
        }
    };
    writeln!(
        out,
        "{}: {load}, {}, {} products, {:.1} s",
        run.name(),
        run.http.name(),
        thousands(run.products),
        run.duration_ms as f64 / 1e3
    )?;
    writeln!(
        out,
        "  {:<18} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8} {:>8} {:>7} {:>7}",
        "",
        "rate/s",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "ok",
        "refused",
        "shed",
        "errors",
        "bytes"
    )?;
    for operation in &run.operations {
        let bytes = operation.answer_bytes.map_or_else(|| "-".into(), thousands);
        let (rate, latency) = (operation.throughput, &operation.latency);
        row(&operation.name, rate, latency, &operation.outcomes, &bytes, out)?;
    }
    if run.operations.len() != 1 {
        row("all", run.throughput, &run.latency, &run.outcomes, "", out)?;
    }
    machine_of(run, out)?;
    for mark in &run.marks {
        writeln!(out, "  after {:.0} s: {}", mark.at, mark.what)?;
    }
    for share in &run.shares {
        let limit = report.limit(&share.limit);
        let limit = limit.map_or("the bare parts of the same mix", |limit| &*limit.name);
        let wanted = share.wanted.map_or(String::new(), |wanted| {
            let reached = if share.is_reached() == Some(true) { "reached" } else { "NOT reached" };
            format!(", {:.0} % wanted: {reached}", wanted * 100.0)
        });
        let what = share.operation.as_deref().unwrap_or("all");
        writeln!(out, "  {what}: {:.0} % of {limit}{wanted}", share.share * 100.0)?;
    }
    match run.books.is_empty() {
        true => writeln!(out, "  the books were not opened"),
        false => {
            for finding in &run.books {
                let mark = if finding.holds { "✓" } else { "✗ WRONG:" };
                writeln!(out, "  {mark} {}: {}", finding.rule, finding.detail)?;
            }
            Ok(())
        }
    }
}

fn row(
    name: &str,
    rate: f64,
    latency: &Latency,
    outcomes: &Outcomes,
    bytes: &str,
    out: &mut impl Write,
) -> fmt::Result {
    writeln!(
        out,
        "  {name:<18} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8} {:>8} {:>7} {bytes:>7}",
        thousands(rate.round() as u64),
        time(latency.p50_us),
        time(latency.p90_us),
        time(latency.p99_us),
        time(latency.p999_us),
        time(latency.max_us),
        thousands(outcomes.ok),
        thousands(outcomes.refused),
        thousands(outcomes.shed),
        thousands(outcomes.errors()),
    )
}

/// What the shop took of the machine, and who asked.
fn machine_of(run: &Run, out: &mut impl Write) -> fmt::Result {
    let mut parts = Vec::new();
    if let Some(worked) = run.server_cpu_ms {
        let cores = worked as f64 / (run.duration_ms as f64).max(1.0);
        parts.push(format!("the shop {cores:.2} cores"));
        let answers = run.outcomes.sent().max(1);
        parts.push(format!("{} µs a request", worked * 1_000 / answers));
    }
    if let Some(bytes) = run.server_memory_peak_bytes {
        parts.push(format!("{} MB at most", bytes >> 20));
    }
    let client = run.timeline.iter().filter_map(|second| second.client_cpu);
    let (count, sum) = client.fold((0u32, 0.0), |(count, sum), cores| (count + 1, sum + cores));
    if count > 0 {
        parts.push(format!("this load generator {:.2} cores", sum / f64::from(count)));
    }
    match parts.is_empty() {
        true => Ok(()),
        false => writeln!(out, "  {}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::model::sample;
    use super::*;

    #[test]
    fn a_report_is_read_at_a_glance_and_what_is_wrong_stands_out() {
        let mut report = sample::report();
        let mut text = String::new();
        write(&report, &mut text).unwrap();
        for part in [
            "mercat 0.1.0 on 2 cores of Intel(R) Xeon(R) CPU @ 2.80GHz, 24 GB, Linux 6.1.0; ext4, 9,000 fsyncs/s; seed 7",
            "flash-sale: 64 connections, HTTP/1.1, 1,000 products, 12.0 s",
            "the shop 1.40 cores, 134 µs a request, 71 MB at most, this load generator 0.50 cores",
            "checkout: 52 % of bare pipeline, 50 % wanted: reached",
            "✓ every acknowledged order is stored: 124800 acknowledged, 124800 stored",
            "bare pipeline                            20,000 requests/s",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("WRONG") && !text.contains("MEMORY"), "{text}");
        report.runs[0].books[0].holds = false;
        report.machine.filesystem = "tmpfs".into();
        let mut text = String::new();
        write(&report, &mut text).unwrap();
        assert!(text.contains("✗ WRONG: every acknowledged order is stored"), "{text}");
        assert!(text.contains("THE SHOP'S FOLDER WAS MEMORY"), "{text}");
    }
}
