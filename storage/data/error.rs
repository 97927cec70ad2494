//! Why a data directory cannot be opened, in sentences for its administrator.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The refusal to open a data directory. Each says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path leads to something else, or through something else.
    #[error("the data directory {} is not a directory; name another one", dir.display())]
    NotADirectory {
        /// The path.
        dir: PathBuf,
    },
    /// The operating system refuses access.
    #[error("cannot {action} {}: {cause}; {}", path.display(), advice(cause))]
    Access {
        /// The attempted act, an infinitive.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        cause: io::Error,
    },
    /// Another process uses the directory.
    #[error(
        "the data directory {} is in use by {holder}; stop it or name another directory",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process, as far as it is known.
        holder: String,
    },
    /// A newer program wrote the data.
    #[error(
        "the data directory {} has format version {found}, written by {program}, but this program \
         knows up to {newest}; install that version or a newer one",
        dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// The version of the data.
        found: u32,
        /// The newest version that this program knows.
        newest: u32,
        /// The program that wrote it.
        program: String,
    },
    /// There is too little room to work.
    #[error(
        "the disk of the data directory {} is full: {} MiB are free, {} MiB are needed; delete \
         something else or enlarge the disk",
        dir.display(),
        free_bytes >> 20,
        needed_bytes.div_ceil(1 << 20)
    )]
    DiskFull {
        /// The directory.
        dir: PathBuf,
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that must be free.
        needed_bytes: u64,
    },
    /// A store is not whole; nothing was changed.
    #[error(
        "the data directory {} is damaged: {detail}; check it with `onemonitor verify` and restore \
         a backup",
        dir.display()
    )]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
    /// Bringing older data to the newest format failed; the last finished step is kept.
    #[error(
        "the data directory {} cannot be brought to the format of {program}: {detail}; the copy \
         from before lies in its folder backups",
        dir.display()
    )]
    Migration {
        /// The directory.
        dir: PathBuf,
        /// This program.
        program: String,
        /// Which step failed, and why.
        detail: String,
    },
}

impl OpenError {
    /// A stable word for the kind of refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotADirectory { .. } => "data.not_a_directory",
            Self::Access { .. } => "data.no_access",
            Self::InUse { .. } => "data.in_use",
            Self::Newer { .. } => "data.newer",
            Self::DiskFull { .. } => "data.disk_full",
            Self::Damaged { .. } => "data.damaged",
            Self::Migration { .. } => "data.migration_failed",
        }
    }

    /// An error of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            let dir = path.to_owned();
            return Self::DiskFull { dir, free_bytes: 0, needed_bytes: 1 };
        }
        Self::Access { action, path: path.to_owned(), cause }
    }

    pub(crate) fn damaged(dir: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { dir: dir.to_owned(), detail: detail.into() }
    }

    /// A refusal of the record store.
    pub(crate) fn records(dir: &Path, error: records::OpenError) -> Self {
        match error {
            records::OpenError::InUse { .. } => {
                Self::InUse { dir: dir.to_owned(), holder: "another process".to_owned() }
            }
            records::OpenError::Io { action, path, cause } => Self::io(action, &path, cause),
            records::OpenError::NewerFormat { found, known, .. } => Self::Newer {
                dir: dir.to_owned(),
                found,
                newest: known,
                program: "a newer program".to_owned(),
            },
            other => Self::damaged(dir, sentence(&other)),
        }
    }

    /// A refusal of the time-series engine.
    pub(crate) fn series(dir: &Path, error: series::OpenError) -> Self {
        match error {
            series::OpenError::Newer { file, version } => Self::damaged(
                dir,
                format!("{file} has format version {version}, which only a newer program knows"),
            ),
            series::OpenError::Io { detail } => {
                Self::io("open the time series in", dir, io::Error::other(detail))
            }
            other @ series::OpenError::Corrupt { .. } => Self::damaged(dir, sentence(&other)),
        }
    }
}

/// What the administrator can do about a refusal of the operating system.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "the data directory must belong to the user that runs the program"
        }
        io::ErrorKind::ReadOnlyFilesystem => "the data directory must be writable",
        io::ErrorKind::NotFound => "check the path",
        _ => "check the directory and its disk",
    }
}

/// An error and its causes in one line.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            let written = write!(text, ": {next}");
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        cause = error.source();
    }
    text
}
