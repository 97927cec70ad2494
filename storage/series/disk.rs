//! Errors of files and of redb, and how both become the errors of the interface.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use metric::ReadError;

/// Why a file could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DiskError {
    /// The content is wrong.
    #[error("damaged data in {file}: {detail}")]
    Damaged {
        /// Path.
        file: String,
        /// What was wrong.
        detail: String,
    },
    /// A newer release wrote it.
    #[error("{file} has format version {version}, newer than this release knows")]
    Newer {
        /// Path.
        file: String,
        /// The version found.
        version: u64,
    },
    /// The disk refuses.
    #[error("{file}: {detail}")]
    Io {
        /// Path.
        file: String,
        /// What the system says.
        detail: String,
    },
}

impl DiskError {
    /// Wrong content.
    #[expect(clippy::needless_pass_by_value, reason = "errors are passed as they come")]
    pub(crate) fn damaged(file: &Path, detail: impl fmt::Display) -> Self {
        Self::Damaged { file: file.display().to_string(), detail: detail.to_string() }
    }

    /// The system's refusal.
    pub(crate) fn io(file: &Path, error: &io::Error) -> Self {
        Self::Io { file: file.display().to_string(), detail: error.to_string() }
    }

    /// Any of redb's errors.
    pub(crate) fn redb(file: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::damaged(file, error)
            }
            redb::Error::Io(error) => Self::io(file, &error),
            error @ (redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::UpgradeRequired(_)) => Self::damaged(file, error),
            error => Self::Io { file: file.display().to_string(), detail: error.to_string() },
        }
    }
}

impl From<DiskError> for ReadError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Damaged { file, detail } => Self::Corrupt { file, detail },
            error => Self::Unavailable { detail: error.to_string() },
        }
    }
}

/// Runs work on a file of redb, whose checks panic on some kinds of damage.
pub(crate) fn guarded<T>(
    file: &Path,
    work: impl FnOnce() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let detail = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a check failed");
            Err(DiskError::damaged(file, detail))
        }
    }
}
