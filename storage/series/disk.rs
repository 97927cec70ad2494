//! Errors of files and of redb, and how both become the errors of the interface.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use metric::ReadError;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

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
            | redb::Error::TableDoesNotExist(_)) => Self::damaged(file, error),
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

/// An open file of redb, closed when its last holder goes. It is written when it closes, so that
/// its end is guarded too.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: PathBuf,
    /// `None` once it is closed.
    db: RwLock<Option<Database>>,
}

impl OpenFile {
    /// Keeps a database that lies in `file`.
    pub(crate) fn new(file: &Path, db: Database) -> Self {
        Self { file: file.to_owned(), db: RwLock::new(Some(db)) }
    }

    /// Begins a snapshot; it must not outlive this.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, DiskError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(|| self.closed())?;
        db.begin_read().map_err(|error| DiskError::redb(&self.file, error))
    }

    /// Begins a change; waits for the one that runs.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, DiskError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(|| self.closed())?;
        db.begin_write().map_err(|error| DiskError::redb(&self.file, error))
    }

    /// Closes it now; snapshots that somebody holds fail from then on.
    pub(crate) fn close(&self) {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        close_guarded(&self.file, db);
    }

    fn closed(&self) -> DiskError {
        DiskError::io(&self.file, &io::Error::other("the file was closed"))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.close();
    }
}

/// Drops what holds a file of redb open.
pub(crate) fn close_guarded<T>(file: &Path, holder: T) {
    let closed = guarded(file, || {
        drop(holder);
        Ok(())
    });
    if let Err(error) = closed {
        tracing::warn!(%error, "closing a file failed");
    }
}
