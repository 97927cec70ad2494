//! One process at a time uses a data directory.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::OpenError;

/// Name of the file that is locked; it holds the number of the locking process.
const FILE: &str = "lock";

/// The lock of a directory, held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock or tells who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(|error| OpenError::io("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.to_owned(), holder: holder(&path) });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::io("lock", &path, error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| OpenError::io("write", &path, error))?;
        Ok(Self { file })
    }

    /// Fails when some process holds the lock; leaves the directory as it is.
    pub(crate) fn check_free(dir: &Path) -> Result<(), OpenError> {
        let path = dir.join(FILE);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        match file.try_lock_shared() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(OpenError::InUse { dir: dir.to_owned(), holder: holder(&path) })
            }
        }
    }
}

impl Drop for Lock {
    /// Unlocks by name: a child that was forked a moment ago and has not begun its program yet
    /// shares the open file, so that closing it here alone would leave the directory locked.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "unlocking the data directory failed");
        }
    }
}

/// The process that the lock file names.
fn holder(path: &Path) -> String {
    let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
