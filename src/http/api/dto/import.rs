//! Imports of products.

use crate::actors::catalog::{self, ImportError, ImportReport};
use crate::domain::ImportId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How an import is to be run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Say what would happen and change nothing.
    #[serde(default)]
    #[param(default = false)]
    pub dry_run: bool,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStatus {
    Running,
    Completed,
    Failed,
}

/// An import that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportStarted {
    #[schema(value_type = String)]
    pub import_id: String,
    pub status: ImportStatus,
}

impl ImportStarted {
    pub fn new(id: ImportId) -> ImportStarted {
        ImportStarted { import_id: id.to_string(), status: ImportStatus::Running }
    }
}

/// An import as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Import)]
pub struct ImportJson {
    pub import_id: String,
    pub status: ImportStatus,
    /// Rows read so far.
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub failed: u64,
    pub errors: Vec<ImportErrorJson>,
}

/// One row that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportError)]
pub struct ImportErrorJson {
    /// Counted from 1, the header being the first.
    pub line: u64,
    pub column: Option<String>,
    pub detail: String,
}

impl From<ImportReport> for ImportJson {
    fn from(report: ImportReport) -> ImportJson {
        let ImportReport { id, status, rows, created, updated, unchanged, failed, errors, .. } =
            report;
        ImportJson {
            import_id: id.to_string(),
            status: match status {
                catalog::ImportStatus::Running => ImportStatus::Running,
                catalog::ImportStatus::Completed => ImportStatus::Completed,
                catalog::ImportStatus::Failed => ImportStatus::Failed,
            },
            rows,
            created,
            updated,
            unchanged,
            failed,
            errors: errors.into_iter().map(ImportErrorJson::from).collect(),
        }
    }
}

impl From<ImportError> for ImportErrorJson {
    fn from(ImportError { line, column, detail }: ImportError) -> ImportErrorJson {
        ImportErrorJson { line, column: (!column.is_empty()).then_some(column), detail }
    }
}
