//! A consistent copy of a store, made while it serves.

use std::io;
use std::path::Path;

use redb::{Builder, WriteTransaction};

use crate::error::{Error, OpenError};
use crate::raw::CollectionInfo;
use crate::read::{DATA_VERSION, Read};
use crate::scan::Bounds;
use crate::store::{publish, remove_if_there, write_identity};
use crate::table::{COLLECTIONS, Definition, META, Snapshot, index_table};

/// Memory for pages of the copy, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Writes all collections of a snapshot into a new record file, which needs no journal; gives
/// its length. The file appears under its name only when it is complete.
pub(crate) fn copy(read: &Read, to: &Path) -> Result<u64, OpenError> {
    if to.try_exists().map_err(|error| OpenError::io("open", to, error))? {
        return Err(OpenError::io("create", to, io::ErrorKind::AlreadyExists.into()));
    }
    let fresh = to.with_extension("part");
    let written = write_copy(read, &fresh)
        .map_err(|error| error.into_open(to))
        .and_then(|()| publish(&fresh, to).map_err(|error| OpenError::io("create", to, error)));
    if let Err(error) = written {
        if let Err(remove_error) = remove_if_there(&fresh) {
            tracing::warn!(error = %remove_error, "cannot remove an unfinished copy");
        }
        return Err(error);
    }
    std::fs::metadata(to).map(|data| data.len()).map_err(|error| OpenError::io("read", to, error))
}

fn write_copy(read: &Read, fresh: &Path) -> Result<(), CopyError> {
    remove_if_there(fresh).map_err(|error| CopyError::Copy(redb::Error::Io(error)))?;
    let mut builder = Builder::new();
    let database = builder.set_cache_size(CACHE_BYTES).create(fresh).map_err(written)?;
    let txn = database.begin_write().map_err(written)?;
    copy_table(&read.snapshot, &txn, COLLECTIONS)?;
    for CollectionInfo { name, indexes, .. } in read.collections()? {
        copy_table(&read.snapshot, &txn, &name)?;
        for index in indexes {
            copy_table(&read.snapshot, &txn, &index_table(&name, &index.name))?;
        }
    }
    let version = read.data_version()?;
    if version > 0 {
        let mut meta = txn.open_table(Definition::new(META)).map_err(written)?;
        meta.insert(DATA_VERSION, version.to_le_bytes().as_slice()).map_err(written)?;
    }
    txn.commit().map_err(written)?;
    write_identity(&database).map_err(CopyError::Copy)?;
    database.close().map_err(written)
}

fn copy_table(from: &Snapshot, txn: &WriteTransaction, name: &str) -> Result<(), CopyError> {
    let mut table = txn.open_table(Definition::new(name)).map_err(written)?;
    let Some(range) = from.range(name, &Bounds::ALL)? else { return Ok(()) };
    for pair in range {
        let (key, value) = pair.map_err(|error| from.failed(error.into()))?;
        table.insert(key.value(), value.value()).map_err(written)?;
    }
    Ok(())
}

/// A failure of the source or of the copy.
enum CopyError {
    Source(Error),
    Copy(redb::Error),
}

impl From<Error> for CopyError {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

fn written(error: impl Into<redb::Error>) -> CopyError {
    CopyError::Copy(error.into())
}

impl CopyError {
    fn into_open(self, to: &Path) -> OpenError {
        match self {
            Self::Source(error) => OpenError::io("copy into", to, io::Error::other(error)),
            Self::Copy(redb::Error::Io(error)) => OpenError::io("write", to, error),
            Self::Copy(error) => OpenError::io("write", to, io::Error::other(error)),
        }
    }
}
