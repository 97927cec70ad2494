//! The samples of a series that no partition holds yet, as the flush and readers see them.

use std::sync::Arc;

use metric::{Exemplar, Histogram, Sample, Samples};

use super::beside::{BesideEpoch, HistogramRun};
use super::run::{self, Block};

/// The samples of epochs that ended, waiting to be stored; several epochs when flushes failed.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Oldest first.
    epochs: Vec<Arc<Epoch>>,
}

/// The samples of one epoch.
#[derive(Debug)]
pub(super) struct Epoch {
    /// The run in order of time.
    pub(super) run: Vec<Block>,
    /// Number of samples in the run.
    pub(super) in_run: u32,
    /// What came behind it, sorted by time.
    pub(super) late: Vec<Sample>,
    pub(super) beside: BesideEpoch,
    /// Number of samples, histograms included.
    pub(super) count: u32,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

/// The samples of one series in memory at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unflushed {
    pub(super) frozen: Option<Arc<Frozen>>,
    pub(super) active: Vec<Block>,
    pub(super) late: Vec<Sample>,
    pub(super) histograms: HistogramRun,
}

impl Frozen {
    /// An epoch behind those frozen before.
    pub(super) fn after(before: Option<Arc<Self>>, epoch: Epoch) -> Self {
        let mut epochs = match before.map(Arc::try_unwrap) {
            None => Vec::with_capacity(1),
            Some(Ok(alone)) => alone.epochs,
            Some(Err(shared)) => shared.epochs.clone(),
        };
        epochs.push(Arc::new(epoch));
        Self { epochs }
    }

    /// First and last time.
    pub(crate) fn range_ms(&self) -> (i64, i64) {
        let first = self.epochs.iter().map(|epoch| epoch.first_ms).min();
        let last = self.epochs.iter().map(|epoch| epoch.last_ms).max();
        (first.unwrap_or(i64::MAX), last.unwrap_or(i64::MIN))
    }

    /// Number of samples.
    pub(crate) fn total(&self) -> u64 {
        self.epochs.iter().map(|epoch| u64::from(epoch.count)).sum()
    }

    /// Appends all histograms, oldest epoch first; the caller sorts.
    pub(crate) fn copy_histograms_to(&self, out: &mut Vec<(i64, Arc<Histogram>)>) {
        for epoch in &self.epochs {
            epoch.beside.histograms.copy_to(out);
        }
    }

    /// All exemplars, oldest epoch first.
    pub(crate) fn exemplars(&self) -> impl Iterator<Item = &Exemplar> {
        self.epochs.iter().flat_map(|epoch| &epoch.beside.exemplars)
    }

    /// Times of histograms and exemplars.
    pub(crate) fn times_beside(&self) -> impl Iterator<Item = i64> {
        let histograms = self.epochs.iter().flat_map(|epoch| epoch.beside.histograms.times());
        histograms.copied().chain(self.exemplars().map(|exemplar| exemplar.timestamp_ms))
    }

    /// The histogram at a time.
    pub(super) fn histogram_at(&self, timestamp_ms: i64) -> Option<Arc<Histogram>> {
        self.epochs.iter().find_map(|epoch| epoch.beside.histograms.at(timestamp_ms))
    }

    /// Appends all numbers, oldest epoch first; the caller sorts.
    pub(crate) fn copy_to(&self, out: &mut Vec<Sample>) {
        for epoch in &self.epochs {
            run::copy_to(&epoch.run, out);
            out.extend_from_slice(&epoch.late);
        }
    }

    /// The bits of the sample at a time.
    pub(super) fn value_at(&self, timestamp_ms: i64) -> Option<u64> {
        self.epochs.iter().find_map(|epoch| {
            if !(epoch.first_ms..=epoch.last_ms).contains(&timestamp_ms) {
                return None;
            }
            let late = epoch.late.binary_search_by_key(&timestamp_ms, |late| late.timestamp_ms);
            late.ok()
                .map(|at| epoch.late[at].value.to_bits())
                .or_else(|| run::value_at(&epoch.run, epoch.in_run, timestamp_ms))
        })
    }
}

impl Unflushed {
    /// Appends the samples of a range in the order in which they were stored; the caller settles.
    pub(crate) fn read(&self, from_ms: i64, to_ms: i64, out: &mut Samples) {
        for epoch in self.frozen.iter().flat_map(|frozen| &frozen.epochs) {
            if epoch.first_ms <= to_ms && epoch.last_ms >= from_ms {
                run::read(&epoch.run, from_ms, to_ms, out);
                read_late(&epoch.late, from_ms, to_ms, out);
                epoch.beside.histograms.read(from_ms, to_ms, out);
            }
        }
        run::read(&self.active, from_ms, to_ms, out);
        read_late(&self.late, from_ms, to_ms, out);
        self.histograms.read(from_ms, to_ms, out);
    }
}

fn read_late(late: &[Sample], from_ms: i64, to_ms: i64, out: &mut Samples) {
    for sample in late.iter().filter(|late| (from_ms..=to_ms).contains(&late.timestamp_ms)) {
        out.push(sample.timestamp_ms, sample.value);
    }
}
