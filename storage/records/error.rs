//! What can go wrong with records, as a caller sees it.

use std::path::PathBuf;

use ulid::Ulid;

/// The failure of one operation or transaction.
///
/// After any of these, the transaction that returned it has left no trace, except after
/// [`Error::Unavailable`] out of a write: then the outcome is unknown until the store is back
/// (all of the transaction, or nothing of it).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no record with this id.
    #[error("{collection} has no record {id}")]
    NotFound {
        /// Where it was looked for.
        collection: &'static str,
        /// The id asked for.
        id: Ulid,
    },
    /// A record with this id exists already.
    #[error("{collection} already has a record {id}")]
    AlreadyExists {
        /// Where it was to be inserted.
        collection: &'static str,
        /// The id that is taken.
        id: Ulid,
    },
    /// Another record holds the same key in a unique index.
    #[error("{collection} already has a record with this key in index {index}: {holder}")]
    Unique {
        /// Where it was to be stored.
        collection: &'static str,
        /// The unique index.
        index: &'static str,
        /// The record that holds the key.
        holder: Ulid,
    },
    /// The record was changed by somebody else in between.
    #[error("{collection} record {id} is at revision {found}, not at the expected {expected}")]
    Conflict {
        /// The collection of the record.
        collection: &'static str,
        /// The record.
        id: Ulid,
        /// The revision that the caller had seen.
        expected: u64,
        /// The revision that is stored.
        found: u64,
    },
    /// The cursor was not made by a scan of this kind.
    #[error("the page cursor does not belong to this list")]
    BadCursor,
    /// A key, record or transaction is larger than the limit.
    #[error("{what} of {collection} has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The collection concerned.
        collection: &'static str,
        /// Which thing is too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The largest size allowed.
        limit: u64,
    },
    /// The stored records are of another schema version than the program's.
    #[error("{collection} is stored with schema {stored}, this program expects {expected}")]
    Schema {
        /// The collection concerned.
        collection: &'static str,
        /// The version in the store.
        stored: u32,
        /// The version in the program; larger than `stored` means a migration is missing.
        expected: u32,
    },
    /// The stored indexes are not those of the program: a migration step must rebuild them.
    #[error("{collection} is stored with indexes [{stored}], this program expects [{expected}]")]
    Indexes {
        /// The collection concerned.
        collection: &'static str,
        /// Names of the stored indexes.
        stored: String,
        /// Names of the indexes in the program.
        expected: String,
    },
    /// The scan or lookup names an index that the collection does not have, or has otherwise.
    #[error("{collection} has no suitable index {index}")]
    UnknownIndex {
        /// The collection asked.
        collection: &'static str,
        /// The index asked for.
        index: &'static str,
    },
    /// A value cannot be turned into bytes.
    #[error("a record of {collection} cannot be encoded: {cause}")]
    Encode {
        /// The collection concerned.
        collection: &'static str,
        /// What the codec says.
        cause: String,
    },
    /// Stored bytes make no sense: the file is damaged or was written by something else.
    #[error("{place} is damaged: {detail}")]
    Damaged {
        /// A collection, index or internal table.
        place: String,
        /// What was found.
        detail: String,
    },
    /// The disk fails or is full; the store tries to come back by itself.
    #[error("the record store is unavailable: {cause}")]
    Unavailable {
        /// What the operating system or the engine said.
        cause: String,
    },
    /// The queue of waiting transactions is full.
    #[error("too many transactions are waiting")]
    Busy,
    /// The store was closed.
    #[error("the record store is closed")]
    Closed,
    /// The closure of the transaction panicked; nothing of it was kept.
    #[error("the transaction panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A write was started from inside a write, which would wait for itself.
    #[error("a write transaction cannot be started inside another")]
    Nested,
}

/// Why a record store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle of this process, has the file open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The record file.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// The attempted act, an infinitive.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        #[source]
        cause: std::io::Error,
    },
    /// The file was written by a newer version of the program.
    #[error("{} has record format {found}, this program knows up to {known}", path.display())]
    NewerFormat {
        /// The record file.
        path: PathBuf,
        /// Its format number.
        found: u32,
        /// The newest format number that this program reads.
        known: u32,
    },
    /// The file or its journal is not whole; nothing was changed.
    #[error("{} is damaged: {detail}", path.display())]
    Damaged {
        /// The file concerned.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
}

impl OpenError {
    /// Wraps an error of the operating system.
    pub(crate) fn io(action: &'static str, path: &std::path::Path, cause: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), cause }
    }

    /// Names damage in a file.
    pub(crate) fn damaged(path: &std::path::Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into() }
    }
}
