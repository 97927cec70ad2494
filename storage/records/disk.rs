//! The calls that write to the disk; tests make them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

/// The door to the disk for everything that must be durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<crate::tests::faults::Faults>,
}

#[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests put faults behind it"))]
impl Disk {
    /// Writes all bytes at an offset.
    pub(crate) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.journal_write(file, bytes, offset)?;
        file.write_all_at(bytes, offset)
    }

    /// Makes a file's content and length durable.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        self.faults.journal_sync()?;
        file.sync_data()
    }

    /// Cuts a file off and makes that durable.
    pub(crate) fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.journal_sync()?;
        file.set_len(len)?;
        file.sync_data()
    }

    /// Opens an existing redb file.
    pub(crate) fn open(&self, path: &Path, builder: &Builder) -> Result<Database, DatabaseError> {
        #[cfg(test)]
        return self.faults.open(path, builder);
        #[cfg(not(test))]
        builder.open(path)
    }
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Bytes that an unprivileged process can still write on the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
