//! Typed records in one file: collections with indexes, atomic transactions, snapshots.
//!
//! A record is a serde type with an id and a revision in a named [`Collection`]; each
//! [`Index`] of the collection is kept in step by the engine. [`Records::write`] runs a closure as
//! one atomic transaction over any collections; closures of many callers are committed as a group
//! under one sync of the journal. [`Records::read`] runs a closure over a snapshot.
//!
//! Invariants:
//! - an acknowledged transaction is durable: it is in the synced journal or in the record file;
//! - a transaction is whole or absent, after every crash and every failure of the disk;
//! - the index entries of a record are exactly those its index functions gave when it was written;
//! - readers never wait for writers, and writers never for readers.
//!
//! The engine is synchronous and knows no service. FORMAT.md draws what is on disk.

mod collection;
mod copy;
mod cow;
mod disk;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod job;
mod journal;
mod key;
mod overlay;
mod raw;
mod read;
mod records;
mod row;
mod scan;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod upgrade;
mod verify;
mod write;
mod writer;

pub use collection::{Collection, Index};
pub use error::{Error, OpenError};
pub use key::{Key, Keys};
pub use raw::{CollectionInfo, IndexInfo, RawRecord};
pub use read::Read;
pub use records::{Options, Records, Status};
pub use scan::{Cursor, PAGE_ITEMS_MAX, Page, Scan, Stored};
pub use ulid::Ulid;
pub use verify::{Report, verify};
pub use write::{KEY_BYTES_MAX, LARGE_TRANSACTION_BYTES_MAX, RECORD_BYTES_MAX, Write};
