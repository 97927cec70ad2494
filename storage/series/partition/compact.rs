//! Writing a partition anew: one block where flushes left many, no doubles, nothing deleted.
//!
//! Each flush numbers the series that are new to the partition in the order of their label bytes,
//! so that the dictionary is a sequence of sorted runs. The runs are merged with one dictionary
//! block of each in memory; the same labels of several runs become one series (see runs.rs). Samples are read
//! as queries read them and written again, a block's worth at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metric::{Exemplar, Labels, ReadError, Sample, Samples};
use redb::Database;

use super::beside::HistogramSample;
use super::block::PACK;
use super::runs::Runs;
use super::{Partition, PartitionReader, PartitionWriter, write};
use crate::disk::{DiskError, OpenFile, guarded};
use crate::journal::sync_dir;

/// Name of the new file beside the old one.
const FILE_NEW: &str = "data.new";
/// Samples beyond which a block ends before its pack does: who reads few series of a long span
/// decompresses little more than these.
const BLOCK_SAMPLES: usize = if cfg!(test) { 1000 } else { 1 << 17 };
/// Series whose postings are entered at once; a multiple of a pack.
const SERIES_AT_ONCE: usize = if cfg!(test) { 128 } else { 8192 };

/// What a new file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Series with samples.
    pub(crate) series: u32,
    /// Samples.
    pub(crate) samples: u64,
}

/// Called between small pieces of work; an error ends the work.
pub(crate) type Pace<'a> = &'a mut dyn FnMut() -> Result<(), DiskError>;

impl Partition {
    fn file_new(&self) -> PathBuf {
        self.dir.join(FILE_NEW)
    }

    /// Writes what a snapshot shows into a new file beside the old one, synced and closed.
    pub(crate) fn rewrite(
        &self,
        reader: &PartitionReader,
        pace: Pace<'_>,
    ) -> Result<Rewritten, DiskError> {
        self.write_new(|writer| {
            writer.set_revision(reader.revision());
            merge(reader, writer, pace)
        })
    }

    /// Makes a new file beside the old one, synced and closed.
    pub(crate) fn write_new<T>(
        &self,
        work: impl FnOnce(&mut PartitionWriter<'_>) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        self.discard_new()?;
        let file = self.file_new();
        let outcome = guarded(&file, || {
            let db = Database::builder()
                .set_cache_size(self.cache_bytes)
                .create(&file)
                .map_err(|error| DiskError::redb(&file, error))?;
            let db = OpenFile::new(&file, db);
            write::transaction(&db, &file, self.columns, work)
        });
        let synced = outcome.and_then(|rewritten| {
            let synced = fs::File::open(&file).and_then(|file| file.sync_all());
            synced.map(|()| rewritten).map_err(|error| DiskError::io(&file, &error))
        });
        if synced.is_err() {
            // What cannot be deleted now is deleted before the next attempt or at opening.
            drop(self.discard_new());
        }
        synced
    }

    /// Deletes a new file that was not put into the place of the old one.
    pub(crate) fn discard_new(&self) -> Result<(), DiskError> {
        let file = self.file_new();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(DiskError::io(&file, &error))
            }
            _ => Ok(()),
        }
    }

    /// Puts the new file into the place of the old one; the caller sees to it that nothing is
    /// written meanwhile. Snapshots that were taken before go on with the old file.
    pub(crate) fn replace(&self, renumbered: u64) -> Result<(), DiskError> {
        let mut slot = self.slot();
        fs::rename(self.file_new(), self.file())
            .map_err(|error| DiskError::io(&self.file(), &error))?;
        self.renumbered.store(renumbered, Ordering::SeqCst);
        self.unsynced.store(true, Ordering::SeqCst);
        self.note_change();
        *slot = None;
        drop(slot);
        self.sync_name()
    }

    /// Makes the name of a file that was put into place durable, before anything is written to it.
    pub(super) fn sync_name(&self) -> Result<(), DiskError> {
        if self.unsynced.load(Ordering::SeqCst) {
            sync_dir(&self.dir).map_err(|error| DiskError::io(&self.dir, &error))?;
            self.unsynced.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Deletes what a compaction left that a crash ended.
pub(crate) fn delete_left_over(partition_dir: &Path) -> std::io::Result<()> {
    match fs::remove_file(partition_dir.join(FILE_NEW)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes all series of a snapshot that have samples, in the order of their label bytes.
fn merge(
    reader: &PartitionReader,
    writer: &mut PartitionWriter<'_>,
    pace: Pace<'_>,
) -> Result<Rewritten, DiskError> {
    let mut runs = Runs::open(reader, pace)?;
    let mut series = SeriesWriter::new(writer);
    let (mut found, mut samples) = (Samples::new(), Vec::<Sample>::new());
    while let Some((labels, locals)) = runs.take()? {
        if series.begins_pack() {
            pace()?;
        }
        found.clear();
        reader.read(locals.iter().copied(), i64::MIN, i64::MAX, &mut found)?;
        found.settle(i64::MIN, i64::MAX);
        // At the positions of histograms stand no numbers.
        samples.clear();
        let mut histograms = found.histograms().iter().peekable();
        samples.extend(found.iter().enumerate().filter_map(|(position, sample)| {
            histograms.next_if(|(at, _)| *at == position).is_none().then_some(sample)
        }));
        let exemplars = exemplars_of(reader, &locals)?;
        series.add(labels, &[&samples], &histograms_among(&found), &exemplars)?;
    }
    series.finish()
}

/// Writes series with all that they have into a new file, in the order of their label bytes.
pub(crate) struct SeriesWriter<'w, 'txn> {
    writer: &'w mut PartitionWriter<'txn>,
    /// Label sets that are not entered yet.
    waiting: Vec<Labels>,
    written: Rewritten,
}

impl<'w, 'txn> SeriesWriter<'w, 'txn> {
    /// Begins with the first series.
    pub(crate) fn new(writer: &'w mut PartitionWriter<'txn>) -> Self {
        Self { writer, waiting: Vec::new(), written: Rewritten::default() }
    }

    /// Whether the next series is the first of a pack.
    pub(crate) fn begins_pack(&self) -> bool {
        self.written.series.is_multiple_of(PACK)
    }

    /// Writes a series, column by column, unless it has nothing.
    pub(crate) fn add(
        &mut self,
        labels: Labels,
        columns: &[&[Sample]],
        histograms: &[HistogramSample],
        exemplars: &[Exemplar],
    ) -> Result<(), DiskError> {
        let samples = columns.first().map_or(0, |samples| samples.len()) + histograms.len();
        if samples == 0 && exemplars.is_empty() {
            return Ok(());
        }
        let local = self.written.series;
        self.writer.add_compact(local, columns, BLOCK_SAMPLES)?;
        self.writer.add_histograms(local, histograms)?;
        self.writer.add_exemplars(local, exemplars)?;
        self.waiting.push(labels);
        if self.waiting.len() == SERIES_AT_ONCE {
            self.writer.add_series(&self.waiting)?;
            self.waiting.clear();
        }
        self.written.series += 1;
        self.written.samples += samples as u64;
        Ok(())
    }

    /// Enters the last series.
    pub(crate) fn finish(self) -> Result<Rewritten, DiskError> {
        self.writer.add_series(&self.waiting)?;
        Ok(self.written)
    }
}

/// The histograms among samples, with their times.
fn histograms_among(samples: &Samples) -> Vec<HistogramSample> {
    let times = samples.timestamps();
    samples.histograms().iter().map(|(at, found)| (times[*at], Arc::clone(found))).collect()
}

/// The exemplars of a series that may have several numbers, in order.
fn exemplars_of(reader: &PartitionReader, locals: &[u32]) -> Result<Vec<Exemplar>, DiskError> {
    let mut exemplars = Vec::new();
    for &local in locals {
        reader.read_exemplars(local, (i64::MIN, i64::MAX), &mut exemplars)?;
    }
    exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
    exemplars.dedup();
    Ok(exemplars)
}

impl From<ReadError> for DiskError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { file, detail } => Self::Damaged { file, detail },
            error => Self::Io { file: "partition".to_owned(), detail: error.to_string() },
        }
    }
}
