//! Reading a partition: a snapshot of its tables, with a small cache of open blocks.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use metric::{Labels, ReadError, Samples};
use redb::{ReadOnlyTable, ReadTransaction, TableError};
use roaring::RoaringBitmap;

use super::block::{Block, PACK, block_range_ms};
use super::dictionary::DictionaryBlock;
use super::read_beside::{BesideTables, Stored, is_lost};
use super::tombstone::{Tombstones, existing};
use super::{BLOCKS, BUILT, META, POSTINGS, Partition, SERIES, Summary};
use crate::chunk::Damaged;
use crate::disk::{DiskError, OpenFile, close_guarded, guarded};
use crate::tier::{Built, BuiltOf};

/// Open blocks that one snapshot keeps: neighbours share them.
const CACHE_BYTES_MAX: usize = 4 << 20;

/// A snapshot of a partition.
pub(crate) struct PartitionReader {
    file: PathBuf,
    /// `None` before the first flush. It goes before the file does.
    pub(super) tables: Option<Tables>,
    pub(super) beside: BesideTables,
    /// The file stays open as long as the snapshot, though another may have taken its place.
    _db: Arc<OpenFile>,
    noted: Noted,
    renumbered: u64,
    span_ms: (i64, i64),
    built: Built,
    pub(super) tombstones: Tombstones,
    cache: Mutex<BlockCache>,
}

/// What the partition notes about itself.
#[derive(Debug)]
struct Noted {
    series: u32,
    newest_ms: Option<i64>,
    flushes: u64,
    samples: Option<u64>,
    compacted: Option<u64>,
    revision: u64,
}

impl Default for Noted {
    /// Before the first flush.
    fn default() -> Self {
        let newest_ms = Some(i64::MIN);
        Self { series: 0, newest_ms, flushes: 0, samples: Some(0), compacted: None, revision: 0 }
    }
}

pub(super) struct Tables {
    series: ReadOnlyTable<u32, &'static [u8]>,
    pub(super) postings: ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
    /// A table for each column.
    blocks: Vec<ReadOnlyTable<u64, &'static [u8]>>,
}

/// Column and key of a block.
type BlockPlace = (usize, u64);

/// What one flush brought of a series, as it is stored.
enum Piece {
    /// Place and bytes of a block.
    Block(BlockPlace, Stored),
    /// Histograms.
    Histograms(Stored),
}

#[derive(Default)]
struct BlockCache {
    open: HashMap<BlockPlace, Arc<Block>>,
    order: VecDeque<BlockPlace>,
    bytes: usize,
}

impl PartitionReader {
    pub(super) fn new(partition: &Partition, db: &Arc<OpenFile>) -> Result<Self, DiskError> {
        let file = partition.file();
        let read = db.begin_read()?;
        let opened = (|| -> Result<_, TableError> {
            let meta = read.open_table(META)?;
            let number = |key| Ok(meta.get(key)?.map(|value| value.value()));
            let noted = |key| -> Result<Option<u64>, TableError> { number(key) };
            let noted = Noted {
                series: noted("series")?.unwrap_or(0) as u32,
                newest_ms: noted("newest_ms")?.map(u64::cast_signed),
                flushes: noted("flushes")?.unwrap_or(0),
                samples: noted("samples")?,
                compacted: noted("compacted")?,
                revision: noted("revision")?.unwrap_or(0),
            };
            let tables = Tables {
                series: read.open_table(SERIES)?,
                postings: read.open_table(POSTINGS)?,
                blocks: BLOCKS
                    .iter()
                    .take(partition.columns)
                    .map(|blocks| read.open_table(*blocks))
                    .collect::<Result<_, _>>()?,
            };
            Ok((Some(tables), noted))
        })();
        let (tables, noted) = match opened {
            Err(TableError::TableDoesNotExist(_)) => (None, Noted::default()),
            opened => opened.map_err(|error| DiskError::redb(&file, error))?,
        };
        let tombstones = Tombstones::read(&read, &file)?;
        let beside = BesideTables::read(&read, &file)?;
        let renumbered = partition.renumbered.load(Ordering::SeqCst);
        let built = read_built(&read, &file)?;
        let span_ms = (partition.from_ms, partition.to_ms - 1);
        let cache = Mutex::default();
        let db = Arc::clone(db);
        Ok(Self {
            file,
            tables,
            beside,
            _db: db,
            noted,
            renumbered,
            span_ms,
            built,
            tombstones,
            cache,
        })
    }

    /// Time of the newest sample; `None` where an earlier release did not note it.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.noted.newest_ms
    }

    /// What the partition holds.
    pub(super) fn summary(&self) -> Summary {
        let Noted { series, flushes, samples, compacted, revision, .. } = self.noted;
        let tombstones = !self.tombstones.is_empty();
        Summary {
            series: series - self.tombstones.gone.range_cardinality(..series) as u32,
            samples,
            compact: flushes <= compacted.unwrap_or(1) && !tombstones,
            compacted: compacted.is_some(),
            tombstones,
            revision,
        }
    }

    /// First and last millisecond of its time.
    pub(crate) fn span_ms(&self) -> (i64, i64) {
        self.span_ms
    }

    /// Which revisions of partitions of samples a tier's partition has rows of.
    pub(crate) fn built(&self) -> Built {
        self.built.clone()
    }

    /// See [`Summary::revision`].
    pub(crate) fn revision(&self) -> u64 {
        self.noted.revision
    }

    /// Number of the compaction that gave the series their numbers, or of one after it.
    pub(crate) fn renumbered(&self) -> u64 {
        self.renumbered
    }

    /// How many numbers of series there are.
    pub(super) fn series_len(&self) -> u32 {
        self.noted.series
    }

    /// Series of which nothing is left.
    pub(super) fn gone_series(&self) -> &RoaringBitmap {
        &self.tombstones.gone
    }

    /// Damage of the file.
    pub(super) fn missing(&self, detail: &'static str) -> DiskError {
        DiskError::damaged(&self.file, detail)
    }

    /// The label sets of a pack.
    pub(super) fn dictionary_block(&self, pack: u32) -> Result<DictionaryBlock, ReadError> {
        let missing = || self.damaged("a dictionary block is missing");
        let tables = self.tables.as_ref().ok_or_else(missing)?;
        self.guard(|| {
            let bytes = tables.series.get(pack).map_err(|error| self.failed(error))?;
            let bytes = bytes.ok_or_else(missing)?;
            DictionaryBlock::open(bytes.value()).map_err(|error| self.damaged(error))
        })
    }

    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> ReadError {
        DiskError::redb(&self.file, error).into()
    }

    pub(super) fn damaged(&self, detail: impl fmt::Display) -> ReadError {
        DiskError::damaged(&self.file, detail).into()
    }

    /// Runs work during which redb might notice damage.
    pub(super) fn guard<T>(
        &self,
        work: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        guarded(&self.file, || Ok(work()))?
    }

    /// Passes the labels of series, given in ascending order of their numbers.
    pub(crate) fn labels_of(
        &self,
        locals: &RoaringBitmap,
        mut visit: impl FnMut(u32, Labels) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.guard(|| {
            let mut open: Option<(u32, DictionaryBlock)> = None;
            for local in locals {
                let number = local / PACK;
                if open.as_ref().is_none_or(|(at, _)| *at != number) {
                    open = Some((number, self.dictionary_block(number)?));
                }
                if let Some((_, block)) = &open {
                    let labels = block.labels((local % PACK) as usize);
                    visit(local, labels.map_err(|error| self.damaged(error))?)?;
                }
            }
            Ok(())
        })
    }

    /// Appends the samples of a series from blocks and chunks that overlap the range, oldest
    /// flush first; the ends are not cut. A series that was not recognised after a restart has
    /// several numbers.
    pub(crate) fn read(
        &self,
        locals: impl Iterator<Item = u32>,
        from_ms: i64,
        to_ms: i64,
        out: &mut Samples,
    ) -> Result<(), ReadError> {
        self.read_column(locals, 0, (from_ms, to_ms), out)
    }

    /// The same of one column of rows; histograms come with the first one.
    pub(crate) fn read_column(
        &self,
        locals: impl Iterator<Item = u32>,
        column: usize,
        (from_ms, to_ms): (i64, i64),
        out: &mut Samples,
    ) -> Result<(), ReadError> {
        let blocks = self.tables.as_ref().and_then(|tables| tables.blocks.get(column));
        let Some(table) = blocks else { return Ok(()) };
        self.guard(|| {
            let mut pieces = Vec::new();
            for local in locals {
                let pack = u64::from(local / PACK) << 32;
                let keys = pack..=pack | u64::from(u32::MAX);
                for entry in table.range(keys).map_err(|error| self.failed(error))? {
                    let (key, bytes) = entry.map_err(|error| self.failed(error))?;
                    let (first_ms, last_ms) =
                        block_range_ms(bytes.value()).map_err(|error| self.damaged(error))?;
                    if first_ms <= to_ms && last_ms >= from_ms {
                        // The lower half of a key is the number of the flush.
                        let key = key.value();
                        pieces.push((key as u32, local, Piece::Block((column, key), bytes)));
                    }
                }
                if column == 0 {
                    self.each_histograms(local, |flush, bytes| {
                        pieces.push((flush, local, Piece::Histograms(bytes)));
                        Ok(())
                    })?;
                }
            }
            pieces.sort_by_key(|(flush, ..)| *flush);
            for (flush, local, piece) in pieces {
                self.read_piece((flush, local), &piece, (from_ms, to_ms), out)?;
            }
            Ok(())
        })
    }

    fn read_piece(
        &self,
        (flush, local): (u32, u32),
        piece: &Piece,
        range: (i64, i64),
        out: &mut Samples,
    ) -> Result<(), ReadError> {
        let lost = self.tombstones.of(local, flush);
        match piece {
            Piece::Histograms(bytes) => self.read_part(bytes.value(), range, &lost, out),
            Piece::Block(place, bytes) => {
                let block = self.open_block(*place, bytes.value())?;
                let read = if lost.is_empty() {
                    block.read(local, range.0, range.1, out)
                } else {
                    read_left(&block, local, range, &lost, out)
                };
                read.map_err(|error| self.damaged(error))
            }
        }
    }

    fn open_block(&self, key: BlockPlace, bytes: &[u8]) -> Result<Arc<Block>, ReadError> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = lock().open.get(&key) {
            return Ok(Arc::clone(block));
        }
        let block = Arc::new(Block::open(bytes).map_err(|error| self.damaged(error))?);
        let mut cache = lock();
        if cache.open.insert(key, Arc::clone(&block)).is_none() {
            cache.order.push_back(key);
            cache.bytes += block.size_bytes();
        }
        while cache.bytes > CACHE_BYTES_MAX {
            let Some(oldest) = cache.order.pop_front() else { break };
            if let Some(gone) = cache.open.remove(&oldest) {
                cache.bytes -= gone.size_bytes();
            }
        }
        Ok(block)
    }

    /// The values of all tables as they are stored.
    #[cfg(test)]
    pub(crate) fn raw_values(&self) -> Result<Vec<Vec<u8>>, redb::StorageError> {
        let Some(tables) = &self.tables else { return Ok(Vec::new()) };
        let mut values = Vec::new();
        for entry in tables.series.range::<u32>(..)? {
            values.push(entry?.1.value().to_vec());
        }
        for blocks in &tables.blocks {
            for entry in blocks.range::<u64>(..)? {
                values.push(entry?.1.value().to_vec());
            }
        }
        for entry in tables.postings.range::<(&str, &str)>(..)? {
            values.push(entry?.1.value().to_vec());
        }
        Ok(values)
    }
}

/// Reads which rows a tier's partition has; one of samples has no such table.
fn read_built(read: &ReadTransaction, file: &Path) -> Result<Built, DiskError> {
    let Some(table) = existing(read.open_table(BUILT), file)? else { return Ok(Built::new()) };
    let mut built = Built::new();
    for entry in table.range::<i32>(..).map_err(|error| DiskError::redb(file, error))? {
        let (number, of) = entry.map_err(|error| DiskError::redb(file, error))?;
        let (revision, mixed) = of.value();
        built.insert(number.value(), BuiltOf { revision, mixed });
    }
    Ok(built)
}

/// Appends what a series has in a block outside the spans that it lost.
fn read_left(
    block: &Block,
    local: u32,
    (from_ms, to_ms): (i64, i64),
    lost: &[(i64, i64)],
    out: &mut Samples,
) -> Result<(), Damaged> {
    let mut found = Samples::new();
    block.read(local, from_ms, to_ms, &mut found)?;
    for sample in found.iter() {
        let at = sample.timestamp_ms;
        if !is_lost(lost, at) {
            out.push(at, sample.value);
        }
    }
    Ok(())
}

impl Drop for PartitionReader {
    fn drop(&mut self) {
        // The last snapshot of a file that was let go closes it.
        let tables = (self.tables.take(), std::mem::take(&mut self.beside));
        close_guarded(&self.file, tables);
    }
}
