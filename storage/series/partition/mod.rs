//! A partition: the samples of one span of time in one redb file, deleted as a whole.
//!
//! Series are numbered within the partition, in the order of their labels within each flush, and
//! stored in packs of 64 neighbours: a query for a metric reads few blocks. The file holds the
//! dictionary (number to labels), the postings (label to numbers) and the blocks.

mod beside;
mod bitmap;
mod block;
mod compact;
mod dictionary;
mod frame;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod read;
mod read_beside;
mod read_postings;
mod runs;
mod summary;
mod tombstone;
mod write;
mod write_beside;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redb::{Database, ReadableDatabase, TableDefinition};

use crate::disk::{DiskError, OpenFile, guarded};
use crate::tier::{Built, COLUMNS};

pub(crate) use beside::HistogramSample;
#[cfg(test)]
pub(crate) use beside::damage;
pub(crate) use compact::{Pace, Rewritten, SeriesWriter, delete_left_over};
pub(crate) use read::PartitionReader;
pub(crate) use runs::Merged;
pub(crate) use summary::Summary;
pub(crate) use tombstone::Deletion;
pub(crate) use write::{PartitionWriter, Stored};

/// Name of the file in the partition's directory.
const FILE: &str = "data.redb";
/// Version of the tables below.
const VERSION: u64 = 4;
/// Oldest version that is read; the first write makes it the one of above.
const VERSION_MIN: u64 = 2;

/// `version`, `series` (how many), `flushes` (how many), `newest_ms` (of all samples), `samples`
/// (how many), `compacted` (how many flushes there were after the last compaction), `revision` (how
/// often what it says was changed).
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Number of the first series / 64 to a dictionary block.
const SERIES: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("series");
/// Name and value to the numbers of the series that carry them, a roaring bitmap.
const POSTINGS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("postings");
/// Pack << 32 | flush to a block. A tier has a table for each column of its rows; the first one is
/// what every partition has.
const BLOCKS: [TableDefinition<'static, u64, &[u8]>; COLUMNS] = [
    TableDefinition::new("blocks"),
    TableDefinition::new("blocks.min"),
    TableDefinition::new("blocks.max"),
    TableDefinition::new("blocks.sum"),
    TableDefinition::new("blocks.count"),
    TableDefinition::new("blocks.rise"),
];
/// In a tier: number of a partition of samples to the revision of it that was thinned out, and
/// whether rows of an earlier lineage lie among those.
const BUILT: TableDefinition<'static, i32, (u64, bool)> = TableDefinition::new("built");
/// Number of a series, of the flush, and of the part, to some of its native histograms.
const HISTOGRAMS: TableDefinition<'static, BesideKey, &[u8]> = TableDefinition::new("histograms");
/// The same of its exemplars.
const EXEMPLARS: TableDefinition<'static, BesideKey, &[u8]> = TableDefinition::new("exemplars");
/// Name of one of these two tables to the series that are in it, a roaring bitmap.
const HOLDERS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("holders");
/// Number of a deletion to the series and the span that it hides.
const TOMBSTONES: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("tombstones");
/// The series of which nothing is left, a roaring bitmap.
const GONE: TableDefinition<'static, (), &[u8]> = TableDefinition::new("gone");

/// Series, flush, part.
type BesideKey = (u32, u32, u32);
/// Keys of [`HOLDERS`].
const WITH_HISTOGRAMS: &str = "histograms";
const WITH_EXEMPLARS: &str = "exemplars";

/// What all partitions of a kind have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Length of the span of time.
    pub(crate) length_ms: i64,
    /// Page cache of an open file.
    pub(crate) cache_bytes: usize,
    /// Columns of a row.
    pub(crate) columns: usize,
}

/// A partition on disk; its file is opened when it is first used.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Beginning divided by length.
    pub(crate) number: i32,
    /// First millisecond.
    pub(crate) from_ms: i64,
    /// First millisecond after the end.
    pub(crate) to_ms: i64,
    dir: PathBuf,
    cache_bytes: usize,
    /// Columns of a row: 1, or [`COLUMNS`] in a tier.
    columns: usize,
    db: Mutex<Option<Arc<OpenFile>>>,
    /// Changes of the file since the engine was opened.
    changes: AtomicU64,
    changed_at: Mutex<Instant>,
    summary: Mutex<Option<(u64, Summary)>>,
    built: Mutex<Option<(u64, Built)>>,
    /// Number of the compaction that gave the series their numbers.
    renumbered: AtomicU64,
    /// Whether the file's name may not be durable yet.
    unsynced: AtomicBool,
}

impl Partition {
    /// A partition that lies, or will lie, in `dir`.
    pub(crate) fn new(dir: PathBuf, number: i32, shape: Shape) -> Self {
        let Shape { length_ms, cache_bytes, columns } = shape;
        let from_ms = i64::from(number) * length_ms;
        let to_ms = from_ms + length_ms;
        Self {
            number,
            from_ms,
            to_ms,
            dir,
            cache_bytes,
            columns,
            db: Mutex::new(None),
            changes: AtomicU64::new(0),
            changed_at: Mutex::new(Instant::now()),
            summary: Mutex::new(None),
            built: Mutex::new(None),
            renumbered: AtomicU64::new(0),
            unsynced: AtomicBool::new(false),
        }
    }

    /// Its directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of its file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// Size of its file, 0 when there is none.
    pub(crate) fn size_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(self.file()).map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// The database, opened or made.
    fn db(&self) -> Result<Arc<OpenFile>, DiskError> {
        let mut slot = self.slot();
        if let Some(db) = &*slot {
            return Ok(Arc::clone(db));
        }
        let file = self.file();
        let db = guarded(&file, || self.open_file(&file))?;
        let db = Arc::new(OpenFile::new(&file, db));
        *slot = Some(Arc::clone(&db));
        Ok(db)
    }

    fn open_file(&self, file: &Path) -> Result<Database, DiskError> {
        let db = Database::builder()
            .set_cache_size(self.cache_bytes)
            .create(file)
            .map_err(|error| DiskError::redb(file, error))?;
        let read = db.begin_read().map_err(|error| DiskError::redb(file, error))?;
        let version = match read.open_table(META) {
            Ok(meta) => {
                let version = meta.get("version").map_err(|error| DiskError::redb(file, error))?;
                version.map(|version| version.value())
            }
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(DiskError::redb(file, error)),
        };
        match version {
            Some(version) if version > VERSION => {
                Err(DiskError::Newer { file: file.display().to_string(), version })
            }
            Some(version) if version < VERSION_MIN => {
                let detail = format!("format version {version}, which no release wrote");
                Err(DiskError::damaged(file, detail))
            }
            _ => Ok(db),
        }
    }

    /// Lets go of the file, so that the next use opens it anew: redb refuses everything after
    /// one failure of the disk until it is opened again.
    pub(crate) fn release_file(&self) {
        let db = self.slot().take();
        if let Some(db) = db {
            db.close();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<OpenFile>>> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a snapshot.
    pub(crate) fn reader(&self) -> Result<PartitionReader, DiskError> {
        let db = self.db()?;
        let file = self.file();
        let reader = guarded(&file, || PartitionReader::new(self, &db));
        if matches!(reader, Err(DiskError::Io { .. })) {
            self.release_file();
        }
        reader
    }

    /// Runs a transaction that adds series and blocks; durable when it returns.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut PartitionWriter<'_>) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        self.change(|db, file| write::transaction(db, file, self.columns, work))
    }

    /// Hides samples that are stored now; durable when it returns.
    pub(crate) fn delete(&self, deletion: Deletion) -> Result<(), DiskError> {
        self.change(|db, file| tombstone::store(db, file, deletion))
    }

    fn change<T>(
        &self,
        work: impl FnOnce(&OpenFile, &Path) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        self.sync_name()?;
        let db = self.db()?;
        let file = self.file();
        self.note_change();
        let outcome = guarded(&file, || work(&db, &file));
        // Again, for whoever looked meanwhile.
        self.note_change();
        if outcome.is_err() {
            drop(db);
            self.release_file();
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
