//! The data directory: open, lock, version, migrate, measure, back up, verify.
//!
//! ```text
//! <data>/VERSION          format version and the program that wrote it
//! <data>/lock             held by the one process that uses the directory
//! <data>/records.redb     records of all services; records.journal/ beside it
//! <data>/series/          time series
//! <data>/backups/         copies made before migrations
//! ```
//!
//! Invariants: nothing is changed before the lock is held and the version is known to be ours;
//! data of a newer program is never touched; a migration begins with a copy of the records.

mod backup;
mod error;
mod lock;
#[cfg(test)]
mod tests;
mod verify;
mod version;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use migrations::{MigrateError, STEPS};
use records::Records;
use series::Series;

pub use backup::{Backup, BackupError};
pub use error::OpenError;
pub use verify::{Report, StoreReport, verify};

use lock::Lock;
use version::Version;

/// Name of the record file.
pub(crate) const RECORDS: &str = "records.redb";
/// Name of the series directory.
pub(crate) const SERIES: &str = "series";

/// How to open a data directory.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// Name and version of the program, as `VERSION` is to name its writer.
    pub program: String,
    /// Opening is refused when fewer bytes are free on the disk.
    pub free_bytes_min: u64,
    /// Settings of the record store.
    pub records: records::Options,
    /// Settings of the time-series engine.
    pub series: series::Options,
}

impl DataOptions {
    /// The defaults, with the program's name and version and a clock in milliseconds since the
    /// epoch.
    pub fn new(
        program: impl Into<String>,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            program: program.into(),
            free_bytes_min: 32 * 1024 * 1024,
            records: records::Options::default(),
            series: series::Options::new(now_ms),
        }
    }
}

/// An open data directory; it is free for others when the last engine handle and this are gone.
#[derive(Debug)]
pub struct Data {
    dir: PathBuf,
    program: String,
    records: Records,
    series: Series,
    _lock: Lock,
}

/// Bytes that one store takes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSize {
    /// Name of the store, for people and for metrics.
    pub name: &'static str,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// The disk that the directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Size in bytes.
    pub total_bytes: u64,
    /// Bytes that the program can still write.
    pub free_bytes: u64,
}

impl Data {
    /// Opens a data directory, creating it where there is none and migrating what is older.
    ///
    /// Refuses what is not a directory, unreadable, in use, newer than the program or damaged,
    /// and a disk without room, each with one sentence and a stable code; then nothing was
    /// changed.
    pub fn open(dir: &Path, options: DataOptions) -> Result<Self, OpenError> {
        create_dir(dir)?;
        let lock = Lock::take(dir)?;
        let newest = migrations::newest(STEPS);
        let found = Version::read(dir)?;
        if let Some(found) = found.as_ref().filter(|found| found.number > newest) {
            return Err(found.clone().newer(dir, newest));
        }
        check_space(dir, options.free_bytes_min)?;
        let program = options.program;
        let path = dir.join(RECORDS);
        if path.exists() {
            if found.is_none() {
                tracing::warn!(dir = %dir.display(), "VERSION is missing, taking the records' own");
            }
        } else if dir.join(SERIES).exists() {
            return Err(OpenError::damaged(dir, format!("{} is missing", path.display())));
        } else {
            Version::new(newest, &program).write(dir)?;
        }
        let records = Records::open(&path, options.records)
            .map_err(|error| OpenError::records(dir, error))?;
        migrate(dir, &records, &program)?;
        let current = Version::new(newest, &program);
        if found.as_ref() != Some(&current) {
            current.write(dir)?;
        }
        let series = Series::open(&dir.join(SERIES), options.series)
            .map_err(|error| OpenError::series(dir, error))?;
        Ok(Self { dir: dir.to_owned(), program, records, series, _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The record store.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The time-series engine.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What each store takes up.
    #[must_use]
    pub fn sizes(&self) -> Vec<StoreSize> {
        let records = self.records.status();
        vec![
            StoreSize { name: "records", bytes: records.file_bytes + records.journal_bytes },
            StoreSize { name: "series", bytes: self.series.sizes().total_bytes() },
        ]
    }

    /// Size and free bytes of the disk; fails when the directory is gone.
    pub fn disk(&self) -> std::io::Result<DiskSpace> {
        disk_space(&self.dir)
    }

    /// Closes the stores, so that opening again has nothing to make up for. Other handles of
    /// them no longer work. Gives the first error, after all stores were closed.
    pub fn close(&self) -> Result<(), String> {
        let series = self.series.close().map_err(|error| format!("series: {error}"));
        let records = self.records.close().map_err(|error| format!("records: {error}"));
        series.and(records)
    }
}

fn create_dir(dir: &Path) -> Result<(), OpenError> {
    match fs::metadata(dir) {
        Ok(data) if data.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotADirectory { dir: dir.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| OpenError::io("create", dir, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(OpenError::NotADirectory { dir: dir.to_owned() })
        }
        Err(error) => Err(OpenError::io("open", dir, error)),
    }
}

fn check_space(dir: &Path, needed_bytes: u64) -> Result<(), OpenError> {
    let space = disk_space(dir).map_err(|error| OpenError::io("measure", dir, error))?;
    let free_bytes = space.free_bytes;
    if free_bytes < needed_bytes {
        return Err(OpenError::DiskFull { dir: dir.to_owned(), free_bytes, needed_bytes });
    }
    Ok(())
}

fn disk_space(dir: &Path) -> std::io::Result<DiskSpace> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(DiskSpace {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

/// Runs the missing steps, after a copy of the records.
fn migrate(dir: &Path, records: &Records, program: &str) -> Result<(), OpenError> {
    let back_up = |version: u32| backup::before_migration(dir, records, version);
    match migrations::run(records, STEPS, back_up) {
        Ok(_) => Ok(()),
        Err(MigrateError::Newer { found, newest }) => {
            Err(Version::new(found, "a newer program").newer(dir, newest))
        }
        Err(error) => Err(OpenError::Migration {
            dir: dir.to_owned(),
            program: program.to_owned(),
            detail: error::sentence(&error),
        }),
    }
}
