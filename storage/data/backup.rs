//! Consistent copies of the directory: one asked for, one made before a migration.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use records::Records;

use crate::version::Version;
use crate::{Data, RECORDS, SERIES};

/// Certificates and keys of the listener: few small files, replaced whole.
const TLS: &str = "tls";
/// Where copies made before migrations lie.
const BACKUPS: &str = "backups";
/// How often the series are copied anew when a flush came in between.
const SERIES_ATTEMPTS: u32 = 5;

/// What a backup wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Number of files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Why a backup failed; what it wrote so far has no `VERSION` and is not a data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The destination holds something already.
    #[error("the destination {} is not an empty directory; name a new one", path.display())]
    NotEmpty {
        /// The destination.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// The attempted act, an infinitive.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        cause: io::Error,
    },
    /// The records cannot be copied.
    #[error("cannot copy the records: {0}")]
    Records(String),
    /// The time series cannot be copied.
    #[error("cannot copy the time series: {0}")]
    Series(String),
}

impl Data {
    /// Writes a copy of everything acknowledged so far to a new or empty directory, while the
    /// stores go on serving. The copy is a data directory of its own once its `VERSION` is there,
    /// which is written last.
    pub fn backup(&self, to: &Path) -> Result<Backup, BackupError> {
        let failed = |action| move |cause| BackupError::Io { action, path: to.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(failed("create"))?;
        if fs::read_dir(to).map_err(failed("list"))?.next().is_some() {
            return Err(BackupError::NotEmpty { path: to.to_owned() });
        }
        let mut done = Backup::default();
        self.copy_series(&to.join(SERIES), &mut done)?;
        // Without its authority the copy would show browsers and agents a stranger.
        let tls = self.dir.join(TLS);
        if tls.is_dir() {
            copy_tree(&tls, &to.join(TLS), &mut done)?;
        }
        let bytes = self.records.snapshot(&to.join(RECORDS));
        done.bytes += bytes.map_err(|error| BackupError::Records(error.to_string()))?;
        done.files += 1;
        Version::new(migrations::newest(migrations::STEPS), &self.program)
            .write(to)
            .map_err(|error| BackupError::Records(error.to_string()))?;
        Ok(done)
    }

    /// Copies the files of the series. Between flushes they only grow at their ends or go, so a
    /// copy without a flush in between is whole.
    fn copy_series(&self, to: &Path, done: &mut Backup) -> Result<(), BackupError> {
        let from = self.dir.join(SERIES);
        let flushes = || {
            let status = self.series.status();
            status.flushes + status.flush_failures
        };
        for _ in 0..SERIES_ATTEMPTS {
            self.series.flush().map_err(|error| BackupError::Series(error.to_string()))?;
            let before = flushes();
            let mut copied = Backup::default();
            copy_tree(&from, to, &mut copied)?;
            if flushes() == before {
                done.files += copied.files;
                done.bytes += copied.bytes;
                return Ok(());
            }
            fs::remove_dir_all(to).map_err(|cause| BackupError::Io {
                action: "remove",
                path: to.to_owned(),
                cause,
            })?;
        }
        Err(BackupError::Series("they were flushed during every attempt".to_owned()))
    }
}

/// Copies the records to `backups/before-vNNNN`, itself a data directory without series; a copy
/// of an earlier attempt is replaced.
pub(crate) fn before_migration(dir: &Path, records: &Records, version: u32) -> Result<(), String> {
    let copy_dir = dir.join(BACKUPS).join(format!("before-v{version:04}"));
    let copy = || -> Result<(), Box<dyn std::error::Error>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&copy_dir)?;
        let fresh = copy_dir.join("records.new.redb");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        records.snapshot(&fresh)?;
        fs::rename(&fresh, copy_dir.join(RECORDS))?;
        let old = records.read(records::Read::data_version)?;
        let writer = Version::read(dir)?.map_or_else(String::new, |version| version.program);
        Version::new(old, &writer).write(&copy_dir)?;
        sync_dir(&dir.join(BACKUPS))?;
        sync_dir(dir)?;
        Ok(())
    };
    copy().map_err(|error| crate::error::sentence(&*error))
}

/// Copies files and folders; what is deleted meanwhile is left out.
fn copy_tree(from: &Path, to: &Path, done: &mut Backup) -> Result<(), BackupError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |cause| BackupError::Io { action, path, cause }
    };
    DirBuilder::new().mode(0o700).create(to).map_err(failed("create", to))?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed("list", from))?,
    };
    for entry in entries {
        let entry = entry.map_err(failed("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed("read", &source))?;
        if kind.is_dir() {
            copy_tree(&source, &target, done)?;
        } else if kind.is_file() {
            match fs::copy(&source, &target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                copied => done.bytes += copied.map_err(failed("copy", &source))?,
            }
            let synced = File::open(&target).and_then(|file| file.sync_all());
            synced.map_err(failed("sync", &target))?;
            done.files += 1;
        }
    }
    sync_dir(to).map_err(failed("sync", to))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
