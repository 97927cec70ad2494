//! The transaction that a flush runs on a partition.

use std::path::Path;

use hashbrown::HashMap;
use metric::{Exemplar, Labels, Sample};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use roaring::RoaringBitmap;

use super::beside::HistogramSample;
use super::block::{BlockBuilder, PACK};
use super::dictionary::{self, DictionaryBlock};
use super::summary::next_revision;
use super::write_beside::BesideWriter;
use super::{BLOCKS, BUILT, GONE, META, POSTINGS, SERIES, VERSION, bitmap, tombstone};
use crate::chunk::Damaged;
use crate::disk::{DiskError, OpenFile};
use crate::tier::BuiltOf;

/// What a flush put into a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Blocks written.
    pub(crate) blocks: u64,
    /// Samples in them.
    pub(crate) samples: u64,
    /// Bytes of the blocks.
    pub(crate) bytes: u64,
}

/// Adds series and samples within one transaction.
pub(crate) struct PartitionWriter<'txn> {
    file: &'txn Path,
    txn: &'txn WriteTransaction,
    series: Table<'txn, u32, &'static [u8]>,
    postings: Table<'txn, (&'static str, &'static str), &'static [u8]>,
    columns: Vec<ColumnWriter<'txn>>,
    beside: BesideWriter<'txn>,
    gone: Table<'txn, (), &'static [u8]>,
    /// Series of which nothing was left; those that get samples are taken out.
    gone_set: RoaringBitmap,
    gone_before: u64,
    series_len: u32,
    flush: u32,
    flush_max: u32,
    compacting: bool,
    revision: u64,
    pack: u32,
    bytes: Vec<u8>,
    stored: Stored,
    newest_ms: i64,
}

/// One column of rows in the making; partitions of samples have one.
struct ColumnWriter<'txn> {
    blocks: Table<'txn, u64, &'static [u8]>,
    builder: BlockBuilder,
}

/// Opens the tables, runs the work and commits durably.
pub(super) fn transaction<T>(
    db: &OpenFile,
    file: &Path,
    columns: usize,
    work: impl FnOnce(&mut PartitionWriter<'_>) -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    let failed = |error: redb::Error| DiskError::redb(file, error);
    let mut txn = db.begin_write()?;
    // Opens quickly after a crash, for a slightly dearer commit; flushes are rare.
    txn.set_quick_repair(true);
    let outcome = {
        let mut meta = txn.open_table(META).map_err(|error| failed(error.into()))?;
        let count = |key| -> Result<u32, DiskError> {
            let stored = meta.get(key).map_err(|error| failed(error.into()))?;
            u32::try_from(stored.map_or(0, |value| value.value()))
                .map_err(|_| DiskError::damaged(file, "a count is out of range"))
        };
        let (series_len, flush) = (count("series")?, count("flushes")?);
        let newest = meta.get("newest_ms").map_err(|error| failed(error.into()))?;
        let newest_ms = newest.map_or(i64::MIN, |newest| newest.value().cast_signed());
        let samples = meta.get("samples").map_err(|error| failed(error.into()))?;
        // A file of an earlier release does not say how many there were before.
        let samples = samples.map(|samples| samples.value()).or((flush == 0).then_some(0));
        let revision = meta.get("revision").map_err(|error| failed(error.into()))?;
        let revision = next_revision(revision.map(|revision| revision.value()));
        let mut writer = PartitionWriter::open(&txn, file, columns, (series_len, flush, revision))?;
        let outcome = work(&mut writer)?;
        writer.finish_pack()?;
        writer.beside.finish()?;
        writer.store_gone()?;
        let flushes = u64::from(writer.flush_max) + 1;
        let newest_ms = newest_ms.max(writer.newest_ms);
        let mut said = vec![
            ("version", VERSION),
            ("series", writer.series_len.into()),
            ("flushes", flushes),
            ("newest_ms", newest_ms.cast_unsigned()),
            ("revision", writer.revision),
        ];
        said.extend(samples.map(|samples| ("samples", samples + writer.stored.samples)));
        said.extend(writer.compacting.then_some(("compacted", flushes)));
        drop(writer);
        for (key, value) in said {
            meta.insert(key, value).map_err(|error| failed(error.into()))?;
        }
        outcome
    };
    txn.commit().map_err(|error| failed(error.into()))?;
    Ok(outcome)
}

impl<'txn> PartitionWriter<'txn> {
    fn open(
        txn: &'txn WriteTransaction,
        file: &'txn Path,
        columns: usize,
        (series_len, flush, revision): (u32, u32, u64),
    ) -> Result<Self, DiskError> {
        let failed = |error: redb::TableError| DiskError::redb(file, error);
        let column = |blocks: &TableDefinition<'static, u64, &'static [u8]>| {
            let builder = BlockBuilder::new().map_err(|error| DiskError::io(file, &error))?;
            Ok(ColumnWriter { blocks: txn.open_table(*blocks).map_err(failed)?, builder })
        };
        let gone = txn.open_table(GONE).map_err(failed)?;
        let gone_set = tombstone::read_gone(&gone, file)?;
        Ok(Self {
            file,
            txn,
            series: txn.open_table(SERIES).map_err(failed)?,
            postings: txn.open_table(POSTINGS).map_err(failed)?,
            columns: BLOCKS.iter().take(columns).map(column).collect::<Result<_, DiskError>>()?,
            beside: BesideWriter::new(txn, file),
            gone,
            gone_before: gone_set.len(),
            gone_set,
            series_len,
            flush,
            flush_max: flush,
            compacting: false,
            revision,
            pack: 0,
            bytes: Vec::new(),
            stored: Stored::default(),
            newest_ms: i64::MIN,
        })
    }

    /// The number of series, which is the number that the next one gets.
    pub(crate) fn series_len(&self) -> u32 {
        self.series_len
    }

    /// What was stored so far; the pack in the making is not counted.
    pub(crate) fn stored(&self) -> Stored {
        self.stored
    }

    /// Passes the number and the label bytes of every series.
    pub(crate) fn each_series(&self, mut visit: impl FnMut(u32, &[u8])) -> Result<(), DiskError> {
        for entry in self.series.iter().map_err(|error| DiskError::redb(self.file, error))? {
            let (number, block) = entry.map_err(|error| DiskError::redb(self.file, error))?;
            let block = DictionaryBlock::open(block.value())
                .map_err(|error| DiskError::damaged(self.file, error))?;
            for (position, labels) in block.iter().enumerate() {
                visit(number.value() * PACK + position as u32, labels);
            }
        }
        Ok(())
    }

    /// Adds series, which get the numbers from [`PartitionWriter::series_len`] on, in order.
    pub(crate) fn add_series(&mut self, new: &[Labels]) -> Result<(), DiskError> {
        let first = self.series_len;
        let full = u64::from(first) + new.len() as u64 > u64::from(u32::MAX - PACK);
        if full {
            return Err(DiskError::damaged(self.file, "the partition has too many series"));
        }
        let mut pending = self.last_dictionary_block(first)?;
        let mut number = first / PACK;
        for labels in new {
            pending.push(labels.clone());
            if pending.len() == PACK as usize {
                self.put_dictionary_block(number, &pending)?;
                pending.clear();
                number += 1;
            }
        }
        if !pending.is_empty() {
            self.put_dictionary_block(number, &pending)?;
        }
        self.add_postings(first, new)?;
        self.series_len = first + new.len() as u32;
        Ok(())
    }

    /// The label sets of the dictionary block that is not full yet.
    fn last_dictionary_block(&self, series_len: u32) -> Result<Vec<Labels>, DiskError> {
        let known = series_len % PACK;
        if known == 0 {
            return Ok(Vec::with_capacity(PACK as usize));
        }
        let found = self.series.get(series_len / PACK);
        let bytes = found
            .map_err(|error| DiskError::redb(self.file, error))?
            .ok_or_else(|| DiskError::damaged(self.file, "a dictionary block is missing"))?;
        let read = || {
            let block = DictionaryBlock::open(bytes.value())?;
            (0..known as usize)
                .map(|position| block.labels(position))
                .collect::<Result<Vec<Labels>, Damaged>>()
        };
        read().map_err(|error| DiskError::damaged(self.file, error))
    }

    fn put_dictionary_block(&mut self, number: u32, sets: &[Labels]) -> Result<(), DiskError> {
        let bytes = dictionary::encode(sets).map_err(|error| DiskError::io(self.file, &error))?;
        self.series
            .insert(number, bytes.as_slice())
            .map_err(|error| DiskError::redb(self.file, error))?;
        Ok(())
    }

    fn add_postings(&mut self, first: u32, new: &[Labels]) -> Result<(), DiskError> {
        let failed = |error: redb::StorageError| DiskError::redb(self.file, error);
        let mut bytes = Vec::new();
        for (key, locals) in by_label(first, new) {
            let mut set = match self.postings.get(key).map_err(failed)? {
                Some(known) => bitmap::decode(known.value())
                    .map_err(|error| DiskError::damaged(self.file, error))?,
                None => RoaringBitmap::new(),
            };
            // New numbers lie behind all known ones; in a damaged set they may not.
            set.append(locals)
                .map_err(|_| DiskError::damaged(self.file, "postings of series to come"))?;
            set.optimize();
            bitmap::encode(&set, &mut bytes).map_err(|error| DiskError::io(self.file, &error))?;
            self.postings.insert(key, bytes.as_slice()).map_err(failed)?;
        }
        Ok(())
    }

    /// Adds samples, ascending in time, of a series; series must come in ascending order, each
    /// once.
    pub(crate) fn add_samples(&mut self, local: u32, samples: &[Sample]) -> Result<(), DiskError> {
        self.add_columns(local, &[samples])
    }

    /// Adds rows, column by column, each ascending in time.
    fn add_columns(&mut self, local: u32, columns: &[&[Sample]]) -> Result<(), DiskError> {
        if local / PACK != self.pack {
            self.finish_pack()?;
            self.pack = local / PACK;
        }
        for (writer, samples) in self.columns.iter_mut().zip(columns) {
            writer.builder.add(local, samples);
        }
        let samples = columns.first().copied().unwrap_or_default();
        if !samples.is_empty() {
            self.gone_set.remove(local);
        }
        self.newest_ms = self.newest_ms.max(samples.last().map_or(i64::MIN, |s| s.timestamp_ms));
        self.stored.samples += samples.len() as u64;
        Ok(())
    }

    /// Adds native histograms, ascending in time, of a series; once for each series.
    pub(crate) fn add_histograms(
        &mut self,
        local: u32,
        samples: &[HistogramSample],
    ) -> Result<(), DiskError> {
        let Some((last_ms, _)) = samples.last() else { return Ok(()) };
        // A compaction has one flush: what is deleted later lies below its bound.
        let flush = if self.compacting { 0 } else { self.flush };
        self.beside.put_histograms((local, flush), samples)?;
        self.gone_set.remove(local);
        self.newest_ms = self.newest_ms.max(*last_ms);
        self.stored.samples += samples.len() as u64;
        Ok(())
    }

    /// Adds exemplars, ascending in time, of a series; once for each series.
    pub(crate) fn add_exemplars(
        &mut self,
        local: u32,
        exemplars: &[Exemplar],
    ) -> Result<(), DiskError> {
        if exemplars.is_empty() {
            return Ok(());
        }
        let flush = if self.compacting { 0 } else { self.flush };
        self.beside.put_exemplars((local, flush), exemplars)
    }

    /// Adds all numbers of a series to a new file, column by column; series must come in ascending
    /// order, each once. A pack with many samples gets several blocks, each under a number of a
    /// flush.
    pub(super) fn add_compact(
        &mut self,
        local: u32,
        columns: &[&[Sample]],
        samples_max: usize,
    ) -> Result<(), DiskError> {
        self.compacting = true;
        let held = self.columns.first().map_or(0, |column| column.builder.samples());
        let samples = columns.first().copied().unwrap_or_default();
        if local.is_multiple_of(PACK) {
            self.finish_pack()?;
            self.flush = 0;
        } else if held + samples.len() > samples_max {
            self.finish_pack()?;
            self.flush += 1;
            self.flush_max = self.flush_max.max(self.flush);
        }
        self.add_columns(local, columns)
    }

    /// States the revision of what a new file holds.
    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Notes of which partition of samples rows were put into this file.
    pub(crate) fn note_built(&mut self, number: i32, of: BuiltOf) -> Result<(), DiskError> {
        let mut built =
            self.txn.open_table(BUILT).map_err(|error| DiskError::redb(self.file, error))?;
        let noted = built.insert(number, (of.revision, of.mixed));
        noted.map(drop).map_err(|error| DiskError::redb(self.file, error))
    }

    /// Notes which series are gone no more.
    fn store_gone(&mut self) -> Result<(), DiskError> {
        if self.gone_set.len() == self.gone_before {
            return Ok(());
        }
        bitmap::encode(&self.gone_set, &mut self.bytes)
            .map_err(|error| DiskError::io(self.file, &error))?;
        let stored = self.gone.insert((), self.bytes.as_slice());
        stored.map(drop).map_err(|error| DiskError::redb(self.file, error))
    }

    fn finish_pack(&mut self) -> Result<(), DiskError> {
        let key = u64::from(self.pack) << 32 | u64::from(self.flush);
        for column in self.columns.iter_mut().filter(|column| !column.builder.is_empty()) {
            column
                .builder
                .finish(&mut self.bytes)
                .map_err(|error| DiskError::io(self.file, &error))?;
            column
                .blocks
                .insert(key, self.bytes.as_slice())
                .map_err(|error| DiskError::redb(self.file, error))?;
            self.stored.blocks += 1;
            self.stored.bytes += self.bytes.len() as u64;
        }
        Ok(())
    }
}

/// Name and value of a label.
type Pair<'a> = (&'a str, &'a str);

/// The labels of new series, sorted, each with the numbers of the series that carry it.
///
/// Neighbours share most of their labels, so each is first looked for in the series before.
fn by_label(first: u32, new: &[Labels]) -> Vec<(Pair<'_>, Vec<u32>)> {
    let mut added: Vec<(Pair<'_>, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Pair<'_>, usize> = HashMap::new();
    let mut before: Vec<usize> = Vec::new();
    for (local, labels) in (first..).zip(new) {
        for (position, label) in labels.iter().enumerate() {
            let pair = (label.name, label.value);
            let place = match before.get(position) {
                Some(&place) if added[place].0 == pair => place,
                _ => *places.entry(pair).or_insert_with(|| {
                    added.push((pair, Vec::new()));
                    added.len() - 1
                }),
            };
            match before.get_mut(position) {
                Some(known) => *known = place,
                None => before.push(place),
            }
            added[place].1.push(local);
        }
    }
    added.sort_unstable_by_key(|(pair, _)| *pair);
    added
}
