//! The series of snapshots in the order of their label bytes.
//!
//! Each flush numbers the series that are new to a partition in that order, so that a dictionary is
//! a sequence of sorted runs; merging them takes one dictionary block of each in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use metric::Labels;
use roaring::RoaringBitmap;

use super::block::PACK;
use super::compact::Pace;
use super::dictionary::DictionaryBlock;
use super::read::PartitionReader;
use crate::disk::DiskError;

/// The sorted runs of a dictionary, merged.
pub(crate) struct Runs<'a> {
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
    /// Finds the runs.
    pub(crate) fn open(reader: &'a PartitionReader, pace: Pace<'_>) -> Result<Self, DiskError> {
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
    pub(crate) fn take(&mut self) -> Result<Option<(Labels, Vec<u32>)>, DiskError> {
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

/// The series of several snapshots, those with the same labels together.
pub(crate) struct Merged<'a> {
    sources: Vec<Source<'a>>,
}

struct Source<'a> {
    runs: Runs<'a>,
    next: Option<(Labels, Vec<u32>)>,
}

/// A label set, and for each snapshot the numbers that it has there.
pub(crate) type MergedSeries = (Labels, Vec<Vec<u32>>);

impl<'a> Merged<'a> {
    /// Begins at the first series of all.
    pub(crate) fn open(readers: &[&'a PartitionReader], pace: Pace<'_>) -> Result<Self, DiskError> {
        let mut sources = Vec::with_capacity(readers.len());
        for reader in readers {
            let mut runs = Runs::open(reader, pace)?;
            let next = runs.take()?;
            sources.push(Source { runs, next });
        }
        Ok(Self { sources })
    }

    /// The next label set with its numbers.
    pub(crate) fn take(&mut self) -> Result<Option<MergedSeries>, DiskError> {
        let bytes = |labels: &Labels| labels.encoded().as_bytes().to_vec();
        let heads = self.sources.iter().filter_map(|source| source.next.as_ref());
        let first = heads.map(|(labels, _)| labels).min_by_key(|labels| bytes(labels)).cloned();
        let Some(labels) = first else { return Ok(None) };
        let mut locals = Vec::with_capacity(self.sources.len());
        for source in &mut self.sources {
            match source.next.take() {
                Some((found, numbers)) if found == labels => {
                    locals.push(numbers);
                    source.next = source.runs.take()?;
                }
                other => {
                    source.next = other;
                    locals.push(Vec::new());
                }
            }
        }
        Ok(Some((labels, locals)))
    }
}
