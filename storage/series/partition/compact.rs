//! Writing a partition anew: one block where flushes left many, no doubles, nothing deleted.
//!
//! Each flush numbers the series that are new to the partition in the order of their label bytes,
//! so that the dictionary is a sequence of sorted runs. The runs are merged with one dictionary
//! block of each in memory; the same labels of several runs become one series. Samples are read
//! as queries read them and written again, a block's worth at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metric::{Exemplar, Labels, ReadError, Sample, Samples};
use redb::Database;
use roaring::RoaringBitmap;

use super::beside::HistogramSample;
use super::block::PACK;
use super::dictionary::DictionaryBlock;
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
        self.discard_new()?;
        let file = self.file_new();
        let outcome = guarded(&file, || {
            let db = Database::builder()
                .set_cache_size(self.cache_bytes)
                .create(&file)
                .map_err(|error| DiskError::redb(&file, error))?;
            let db = OpenFile::new(&file, db);
            write::transaction(&db, &file, |writer| merge(reader, writer, pace))
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
    let mut rewritten = Rewritten::default();
    let mut runs = Runs::open(reader, pace)?;
    let mut waiting: Vec<Labels> = Vec::new();
    let (mut found, mut samples) = (Samples::new(), Vec::<Sample>::new());
    while let Some((labels, locals)) = runs.take()? {
        found.clear();
        reader.read(locals.iter().copied(), i64::MIN, i64::MAX, &mut found)?;
        found.settle(i64::MIN, i64::MAX);
        let exemplars = exemplars_of(reader, &locals)?;
        if found.is_empty() && exemplars.is_empty() {
            continue;
        }
        // At the positions of histograms stand no numbers.
        samples.clear();
        let mut histograms = found.histograms().iter().peekable();
        samples.extend(found.iter().enumerate().filter_map(|(position, sample)| {
            histograms.next_if(|(at, _)| *at == position).is_none().then_some(sample)
        }));
        let local = rewritten.series;
        if local.is_multiple_of(PACK) {
            pace()?;
        }
        writer.add_compact(local, &samples, BLOCK_SAMPLES)?;
        let histograms = histograms_among(&found);
        writer.add_histograms(local, &histograms)?;
        writer.add_exemplars(local, &exemplars)?;
        waiting.push(labels);
        if waiting.len() == SERIES_AT_ONCE {
            writer.add_series(&waiting)?;
            waiting.clear();
        }
        rewritten.series += 1;
        rewritten.samples += (samples.len() + histograms.len()) as u64;
    }
    writer.add_series(&waiting)?;
    Ok(rewritten)
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

/// The sorted runs of a dictionary, merged.
struct Runs<'a> {
    reader: &'a PartitionReader,
    /// The next series of each run: label bytes, number, and the run.
    next: BinaryHeap<Reverse<(Vec<u8>, u32, usize)>>,
    runs: Vec<Run>,
}

struct Run {
    /// One more than the number of its last series.
    end: u32,
    open: Option<(u32, DictionaryBlock)>,
}

impl<'a> Runs<'a> {
    fn open(reader: &'a PartitionReader, pace: Pace<'_>) -> Result<Self, DiskError> {
        let mut starts = Vec::new();
        let mut before = Vec::new();
        for pack in 0..reader.series_len().div_ceil(PACK) {
            pace()?;
            let block = reader.dictionary_block(pack)?;
            for (position, labels) in block.iter().enumerate() {
                let local = pack * PACK + position as u32;
                if local == 0 || labels < before.as_slice() {
                    starts.push(local);
                }
                labels.clone_into(&mut before);
            }
        }
        let ends = starts.iter().skip(1).copied().chain([reader.series_len()]);
        let runs = ends.map(|end| Run { end, open: None }).collect();
        let mut merged = Self { reader, next: BinaryHeap::new(), runs };
        for (run, &start) in starts.iter().enumerate() {
            merged.advance(run, start)?;
        }
        Ok(merged)
    }

    /// Enters the next series of a run.
    fn advance(&mut self, run: usize, local: u32) -> Result<(), DiskError> {
        if let Some((local, labels)) = self.labels_from(run, local)? {
            self.next.push(Reverse((labels, local, run)));
        }
        Ok(())
    }

    /// The first series of a run from a number on that is not gone.
    fn labels_from(&mut self, run: usize, from: u32) -> Result<Option<(u32, Vec<u8>)>, DiskError> {
        let at = &mut self.runs[run];
        let gone: &RoaringBitmap = self.reader.gone_series();
        let Some(local) = (from..at.end).find(|local| !gone.contains(*local)) else {
            at.open = None;
            return Ok(None);
        };
        let pack = local / PACK;
        if at.open.as_ref().is_none_or(|(number, _)| *number != pack) {
            at.open = Some((pack, self.reader.dictionary_block(pack)?));
        }
        let block = at.open.as_ref().map(|(_, block)| block);
        let labels = block.and_then(|block| block.iter().nth((local % PACK) as usize));
        match labels {
            Some(labels) => Ok(Some((local, labels.to_vec()))),
            None => Err(self.reader.missing("a series without labels")),
        }
    }

    /// The next label set and the numbers that it has, ascending.
    fn take(&mut self) -> Result<Option<(Labels, Vec<u32>)>, DiskError> {
        let Some(Reverse((bytes, local, run))) = self.next.pop() else { return Ok(None) };
        let mut locals = vec![local];
        self.advance(run, local + 1)?;
        while self.next.peek().is_some_and(|Reverse((next, ..))| *next == bytes) {
            let Some(Reverse((_, local, run))) = self.next.pop() else { break };
            locals.push(local);
            self.advance(run, local + 1)?;
        }
        let labels = metric::EncodedLabels(&bytes)
            .to_labels(&metric::LabelLimits::UNLIMITED)
            .map_err(|_| self.reader.missing("stored labels are wrong"))?;
        Ok(Some((labels, locals)))
    }
}

impl From<ReadError> for DiskError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { file, detail } => Self::Damaged { file, detail },
            error => Self::Io { file: "partition".to_owned(), detail: error.to_string() },
        }
    }
}
