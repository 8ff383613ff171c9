//! A report: what was measured, on what, and whether it was right.
//!
//! [`model`] is the data; every way of showing it reads that and nothing else, so a JSON file kept
//! from last year still makes a page, and two of them can be compared.

pub mod compare;
pub mod html;
pub mod model;
mod pictures;
mod plot;
pub mod words;

pub use model::{
    Finding, Http, Latency, Limit, Load, Machine, Mark, Operation, Outcomes, Report, Run, Second,
    Share, Step,
};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a report's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} cannot be written")]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{path} is not a report of `mercat bench --json`")]
    NotAReport { path: PathBuf, source: serde_json::Error },
    #[error("{path} has format {found}, and this program reads up to {known}: use a newer mercat")]
    Newer { path: PathBuf, found: u32, known: u32 },
}

impl Report {
    /// Reads what [`Report::write`] wrote.
    pub fn read(path: &Path) -> Result<Report, ReportError> {
        let named = || path.to_owned();
        let bytes =
            fs::read(path).map_err(|source| ReportError::Unreadable { path: named(), source })?;
        let not = |source| ReportError::NotAReport { path: named(), source };
        // A newer format may look different in every other place.
        let Format { format: found } = serde_json::from_slice(&bytes).map_err(not)?;
        if found > model::FORMAT {
            return Err(ReportError::Newer { path: named(), found, known: model::FORMAT });
        }
        serde_json::from_slice(&bytes).map_err(not)
    }

    /// Writes it as JSON, for programs and for [`Report::read`].
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let mut text = serde_json::to_string_pretty(self).expect("a report has only plain fields");
        text.push('\n');
        fs::write(path, text)
            .map_err(|source| ReportError::Unwritable { path: path.to_owned(), source })
    }
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
}

#[cfg(test)]
mod tests {
    use super::model::sample;
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let report = sample::report();
        report.write(&path).unwrap();
        assert_eq!(Report::read(&path).unwrap(), report);
    }

    #[test]
    fn a_newer_format_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, r#"{"format": 2, "measured": "by other means"}"#).unwrap();
        assert!(matches!(Report::read(&path), Err(ReportError::Newer { found: 2, .. })));
        fs::write(&path, r#"{"name": "Pocket computer"}"#).unwrap();
        assert!(matches!(Report::read(&path), Err(ReportError::NotAReport { .. })));
        let absent = folder.path().join("absent.json");
        assert!(matches!(Report::read(&absent), Err(ReportError::Unreadable { .. })));
    }
}
