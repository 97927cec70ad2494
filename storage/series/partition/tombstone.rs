//! What was deleted from a partition and still lies in its blocks.
//!
//! ```text
//! tombstone   crc32 u32 (of what follows)   bound u32   from i64   to i64, all little-endian,
//!             then the portable form of a roaring bitmap: the series that it is about
//! ```
//!
//! A tombstone hides the samples of its span, both ends inclusive, in blocks of flushes below its
//! bound: what is stored after the deletion is seen again, at the same times too.

use std::path::Path;

use redb::{ReadTransaction, ReadableTable, StorageError, TableError};
use roaring::RoaringBitmap;

use super::summary::next_revision;
use super::{GONE, META, TOMBSTONES, VERSION, bitmap};
use crate::chunk::Damaged;
use crate::disk::{DiskError, OpenFile};

const HEADER_LEN: usize = 24;
/// Most tombstones of a partition; compaction removes them.
pub(super) const TOMBSTONES_MAX: usize = 1000;

/// A span of time that some series lost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tombstone {
    /// Flushes from this number on are not meant.
    pub(super) bound: u32,
    /// First millisecond.
    pub(super) from_ms: i64,
    /// Last millisecond.
    pub(super) to_ms: i64,
    /// Numbers of the series.
    pub(super) locals: RoaringBitmap,
}

impl Tombstone {
    /// Writes it, replacing what `out` holds.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        out.clear();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.bound.to_le_bytes());
        out.extend_from_slice(&self.from_ms.to_le_bytes());
        out.extend_from_slice(&self.to_ms.to_le_bytes());
        self.locals.serialize_into(&mut *out)?;
        let crc = crc32fast::hash(&out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// Reads one.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let (header, set) =
            bytes.split_first_chunk::<HEADER_LEN>().ok_or(Damaged("tombstone cut off"))?;
        let word =
            |at: usize| header[at..].first_chunk::<4>().map_or(0, |w| u32::from_le_bytes(*w));
        let time =
            |at: usize| header[at..].first_chunk::<8>().map_or(0, |t| i64::from_le_bytes(*t));
        if crc32fast::hash(&bytes[4..]) != word(0) {
            return Err(Damaged("checksum of a tombstone differs"));
        }
        let locals = RoaringBitmap::deserialize_from(set)
            .map_err(|_| Damaged("the series of a tombstone are not a bitmap"))?;
        Ok(Self { bound: word(4), from_ms: time(8), to_ms: time(16), locals })
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.bound, self.from_ms, self.to_ms) == (other.bound, other.from_ms, other.to_ms)
    }
}

/// All that was deleted from a partition, in one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {
    list: Vec<Tombstone>,
    /// Series that lost everything and got nothing since: they are in no answer.
    pub(super) gone: RoaringBitmap,
}

impl Tombstones {
    /// Reads the tables of a snapshot; files of earlier releases have none.
    pub(super) fn read(read: &ReadTransaction, file: &Path) -> Result<Self, DiskError> {
        let failed = |error: StorageError| DiskError::redb(file, error);
        let mut found = Self::default();
        if let Some(table) = existing(read.open_table(TOMBSTONES), file)? {
            for entry in table.iter().map_err(failed)? {
                let (_, bytes) = entry.map_err(failed)?;
                let tombstone = Tombstone::decode(bytes.value())
                    .map_err(|error| DiskError::damaged(file, error))?;
                found.list.push(tombstone);
            }
        }
        if let Some(table) = existing(read.open_table(GONE), file)?
            && let Some(bytes) = table.get(()).map_err(failed)?
        {
            found.gone =
                bitmap::decode(bytes.value()).map_err(|error| DiskError::damaged(file, error))?;
        }
        Ok(found)
    }

    /// Whether nothing was deleted.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.gone.is_empty()
    }

    /// The spans that a series lost in the block of a flush.
    pub(super) fn of(&self, local: u32, flush: u32) -> Vec<(i64, i64)> {
        let meant = |t: &&Tombstone| flush < t.bound && t.locals.contains(local);
        self.list.iter().filter(meant).map(|t| (t.from_ms, t.to_ms)).collect()
    }
}

/// A table that may not be there: files of earlier releases lack some.
pub(super) fn existing<T>(
    opened: Result<T, TableError>,
    file: &Path,
) -> Result<Option<T>, DiskError> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(DiskError::redb(file, error)),
    }
}

/// What is to be deleted: series, and the span of time, both ends inclusive.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) locals: RoaringBitmap,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// Whether the span holds all that these series have here.
    pub(crate) whole: bool,
    /// Whether rows of tiers go on to answer for what is deleted; see [`next_revision`].
    pub(crate) begins_lineage: bool,
}

/// Notes a deletion; durable when it returns.
pub(super) fn store(db: &OpenFile, file: &Path, deletion: Deletion) -> Result<(), DiskError> {
    let failed = |error: redb::Error| DiskError::redb(file, error);
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut meta = txn.open_table(META).map_err(|error| failed(error.into()))?;
        meta.insert("version", VERSION).map_err(|error| failed(error.into()))?;
        let revision = meta.get("revision").map_err(|error| failed(error.into()))?;
        let before = revision.map(|revision| revision.value());
        let before = before.filter(|_| !deletion.begins_lineage);
        let revision = next_revision(before);
        meta.insert("revision", revision).map_err(|error| failed(error.into()))?;
        let flushes = meta.get("flushes").map_err(|error| failed(error.into()))?;
        let bound = u32::try_from(flushes.map_or(0, |flushes| flushes.value()))
            .map_err(|_| DiskError::damaged(file, "a count is out of range"))?;
        let Deletion { locals, from_ms, to_ms, whole, .. } = deletion;
        let mut bytes = Vec::new();
        if whole {
            let mut table = txn.open_table(GONE).map_err(|error| failed(error.into()))?;
            let mut gone = read_gone(&table, file)?;
            gone |= &locals;
            bitmap::encode(&gone, &mut bytes).map_err(|error| DiskError::io(file, &error))?;
            table.insert((), bytes.as_slice()).map_err(|error| failed(error.into()))?;
        }
        let mut table = txn.open_table(TOMBSTONES).map_err(|error| failed(error.into()))?;
        let mut added = Tombstone { bound, from_ms, to_ms, locals };
        let key = place(&table, file, &mut added)?;
        added.encode(&mut bytes).map_err(|error| DiskError::io(file, &error))?;
        table.insert(key, bytes.as_slice()).map_err(|error| failed(error.into()))?;
    }
    txn.commit().map_err(|error| failed(error.into()))
}

/// The key of a new tombstone; a like one is taken into it.
fn place(
    table: &impl ReadableTable<u32, &'static [u8]>,
    file: &Path,
    added: &mut Tombstone,
) -> Result<u32, DiskError> {
    let failed = |error: StorageError| DiskError::redb(file, error);
    let mut count = 0;
    let mut next = 0;
    for entry in table.iter().map_err(failed)? {
        let (key, bytes) = entry.map_err(failed)?;
        let known =
            Tombstone::decode(bytes.value()).map_err(|error| DiskError::damaged(file, error))?;
        if known.is_like(added) {
            added.locals |= known.locals;
            return Ok(key.value());
        }
        count += 1;
        next = key.value().saturating_add(1);
    }
    if count >= TOMBSTONES_MAX {
        let full = std::io::Error::other("too many deletions wait to be cleaned");
        return Err(DiskError::io(file, &full));
    }
    Ok(next)
}

/// The series that are gone, within a transaction.
pub(super) fn read_gone(
    table: &impl ReadableTable<(), &'static [u8]>,
    file: &Path,
) -> Result<RoaringBitmap, DiskError> {
    let found = table.get(()).map_err(|error| DiskError::redb(file, error))?;
    found.map_or_else(
        || Ok(RoaringBitmap::new()),
        |bytes| bitmap::decode(bytes.value()).map_err(|error| DiskError::damaged(file, error)),
    )
}
