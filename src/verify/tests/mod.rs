//! Honest books are clean; a planted fault of each kind is found, and nothing else is.

mod books;
mod faults;
mod files;
mod honest;
mod index;

use super::{Invariant, Report, verify};
use crate::domain::Timestamp;
use crate::storage::Store;
use std::collections::BTreeSet;

#[track_caller]
fn report(store: &dyn Store, now: Timestamp) -> Report {
    verify(&*store.snapshot().unwrap(), None, now, &mut |_| {}).unwrap()
}

#[track_caller]
fn assert_clean(report: &Report) {
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(report.is_clean(), "{findings:#?}");
}

#[track_caller]
fn assert_finds(report: &Report, expected: &[Invariant]) {
    let found: BTreeSet<Invariant> =
        report.findings.iter().map(|finding| finding.invariant).collect();
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{findings:#?}");
}
