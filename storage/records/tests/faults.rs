//! A disk that fails on demand.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, Builder, Database, DatabaseError, StorageBackend};

/// Switches that make calls fail while they are on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Journal writes write half of their bytes, then find the disk full.
    pub(crate) journal_full: AtomicBool,
    /// Journal syncs and cuts fail.
    pub(crate) journal_sync: AtomicBool,
    /// The next journal sync fails, and only that.
    pub(crate) journal_sync_once: AtomicBool,
    /// Writes and syncs of the record file fail.
    pub(crate) file: Arc<AtomicBool>,
}

impl Faults {
    pub(crate) fn journal_write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        if self.journal_full.load(Ordering::SeqCst) {
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    pub(crate) fn journal_sync(&self) -> io::Result<()> {
        if self.journal_sync_once.swap(false, Ordering::SeqCst) {
            return Err(io::Error::other("injected failure"));
        }
        check(&self.journal_sync)
    }

    pub(crate) fn open(&self, path: &Path, builder: &Builder) -> Result<Database, DatabaseError> {
        let file = File::options().read(true).write(true).open(path)?;
        let inner = FileBackend::new(file)?;
        builder.create_with_backend(FaultyFile { inner, failing: self.file.clone() })
    }
}

fn check(failing: &AtomicBool) -> io::Result<()> {
    if failing.load(Ordering::SeqCst) {
        return Err(io::Error::other("injected failure"));
    }
    Ok(())
}

#[derive(Debug)]
struct FaultyFile {
    inner: FileBackend,
    failing: Arc<AtomicBool>,
}

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check(&self.failing)?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        check(&self.failing)?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        check(&self.failing)?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
