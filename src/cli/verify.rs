//! `mercat verify`: everything in a data folder against everything else.

use super::{backup, house};
use crate::actors::clock::{Clock, SystemClock};
use crate::backup::advice;
use crate::verify::{Progress, verify_folder};
use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

pub(super) fn run(data: &Path) -> anyhow::Result<()> {
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}")?);
    let progress = |progress: Progress| {
        bar.set_message(progress.what);
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let files = backup::check_files(data)?;
    let index = data.join("search");
    let report = verify_folder(data, Some(&index), SystemClock.now(), progress)
        .map_err(|error| house::with_advice(data, error.into()))?;
    bar.finish_and_clear();
    if let Some(line) = files {
        println!("{line}");
    }
    for counted in &report.checked {
        println!("{:>10} {}", counted.rows, counted.what);
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    for finding in &report.findings {
        println!("{finding}");
    }
    if report.is_clean() {
        println!("All invariants hold.");
        return Ok(());
    }
    let found = report.findings.len() as u64 + report.more;
    bail!("{found} faults were found; {}", advice(data))
}
