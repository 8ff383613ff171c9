//! `mercat import products`: a file into a shop that is not running.

use super::SettingsArgs;
use super::house::{self, Mails};
use crate::actors::catalog::{ImportOptions, ImportReport, ImportStatus};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::path::Path;

pub(super) async fn products(
    file: &Path,
    data: &Path,
    settings: &SettingsArgs,
    dry_run: bool,
) -> anyhow::Result<()> {
    let input = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let bytes = input.metadata().map_or(0, |about| about.len());
    let config = house::config(settings)?;
    let house = house::open(data, config, "http://127.0.0.1:8080", Mails::Leave).await?;
    let options = ImportOptions { currency: house.shop.env.settings.currency, dry_run };
    let bar = progress_bar(bytes);
    let report = house
        .shop
        .imports
        .run(input, options, |report| {
            bar.set_position(report.bytes);
            bar.set_message(format!("{} rows", report.rows));
        })
        .await;
    bar.finish_and_clear();
    house.shop.close().await;
    for line in faults(&report) {
        eprintln!("{line}");
    }
    println!("{}", summary(&report, dry_run));
    if report.status == ImportStatus::Failed {
        bail!("the import stopped before its end; run it again to go on");
    }
    if report.failed > 0 || !report.errors.is_empty() {
        bail!(
            "{} products were left out; mend their rows and import the file again",
            report.failed
        );
    }
    Ok(())
}

/// On standard error, and only where that is a terminal.
fn progress_bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {msg}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What came of it, in one line.
fn summary(report: &ImportReport, dry_run: bool) -> String {
    let ImportReport { rows, created, updated, unchanged, failed, .. } = report;
    let would = if dry_run { "dry run, nothing was changed: " } else { "" };
    format!(
        "{would}{rows} rows: {created} products created, {updated} updated, {unchanged} unchanged, {failed} failed"
    )
}

/// Each fault with its place in the file.
fn faults(report: &ImportReport) -> impl Iterator<Item = String> {
    report.errors.iter().map(|error| match error.column.as_str() {
        "" => format!("line {}: {}", error.line, error.detail),
        column => format!("line {}, {column}: {}", error.line, error.detail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::catalog::ImportError;
    use crate::domain::ImportId;

    #[test]
    fn a_report_is_read_at_a_glance() {
        let error = |column: &str| ImportError {
            line: 3,
            column: column.into(),
            detail: "is not a price".into(),
        };
        let report = ImportReport {
            id: ImportId::from_bytes([0; 16]),
            status: ImportStatus::Completed,
            rows: 9,
            bytes: 100,
            created: 4,
            updated: 2,
            unchanged: 1,
            failed: 2,
            errors: vec![error("Variant Price"), error("")],
        };
        let line = "9 rows: 4 products created, 2 updated, 1 unchanged, 2 failed";
        assert_eq!(summary(&report, false), line);
        assert_eq!(summary(&report, true), format!("dry run, nothing was changed: {line}"));
        let faults: Vec<String> = faults(&report).collect();
        assert_eq!(faults, ["line 3, Variant Price: is not a price", "line 3: is not a price"]);
    }
}
