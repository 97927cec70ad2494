//! What few series have beside their numbers: native histograms and exemplars.
//!
//! Histograms lie in the order in which they came, late ones too, as one stream of the codec;
//! whoever reads them brings them into order. Few series have any, so all of it is in one box.

use std::sync::Arc;

use metric::{Exemplar, Histogram, HistogramDecoder, HistogramEncoder, Samples};

use super::{Head, Pushed, Window};
use crate::batch::{Appended, Batch, RejectReason};

/// What a histogram takes in memory beside its bytes, and an exemplar beside its labels, about.
const ITEM_BYTES: u64 = 16;

/// Histograms and exemplars that are appended to.
#[derive(Debug)]
pub(super) struct Beside {
    encoder: HistogramEncoder,
    histograms: HistogramRun,
    /// Time of the newest histogram since the series came into memory.
    newest_histogram_ms: i64,
    /// Of this epoch, ascending in time.
    exemplars: Vec<Exemplar>,
    newest_exemplar: Option<Exemplar>,
}

/// Histograms of one epoch of a series in the order in which they came; cheap to clone while
/// nobody appends.
#[derive(Debug, Clone, Default)]
pub(super) struct HistogramRun {
    times: Arc<Vec<i64>>,
    bytes: Arc<Vec<u8>>,
}

/// The histograms and exemplars of an epoch that ended.
#[derive(Debug, Default)]
pub(super) struct BesideEpoch {
    pub(super) histograms: HistogramRun,
    pub(super) exemplars: Vec<Exemplar>,
}

impl Default for Beside {
    fn default() -> Self {
        Self {
            encoder: HistogramEncoder::default(),
            histograms: HistogramRun::default(),
            newest_histogram_ms: i64::MIN,
            exemplars: Vec::new(),
            newest_exemplar: None,
        }
    }
}

impl HistogramRun {
    /// The number of histograms.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Passes the histograms in the order in which they came, until told to stop.
    fn each(&self, mut visit: impl FnMut(i64, Arc<Histogram>) -> bool) {
        let mut decoder = HistogramDecoder::default();
        let mut rest = self.bytes.as_slice();
        for &timestamp_ms in self.times.iter() {
            // What this process wrote reads back.
            let Ok(histogram) = decoder.next(&mut rest) else { return };
            if !visit(timestamp_ms, histogram) {
                return;
            }
        }
    }

    /// Appends all histograms; the caller sorts.
    pub(super) fn copy_to(&self, out: &mut Vec<(i64, Arc<Histogram>)>) {
        self.each(|timestamp_ms, histogram| {
            out.push((timestamp_ms, histogram));
            true
        });
    }

    /// Appends the histograms of a range; the caller settles.
    pub(super) fn read(&self, from_ms: i64, to_ms: i64, out: &mut Samples) {
        if !self.times.iter().any(|at| (from_ms..=to_ms).contains(at)) {
            return;
        }
        self.each(|timestamp_ms, histogram| {
            if (from_ms..=to_ms).contains(&timestamp_ms) {
                out.push_histogram(timestamp_ms, histogram);
            }
            true
        });
    }

    /// The histogram at a time.
    pub(super) fn at(&self, at_ms: i64) -> Option<Arc<Histogram>> {
        let mut found = None;
        if self.times.contains(&at_ms) {
            self.each(|timestamp_ms, histogram| {
                found = (timestamp_ms == at_ms).then_some(histogram);
                found.is_none()
            });
        }
        found
    }

    /// First and last time.
    fn range_ms(&self) -> Option<(i64, i64)> {
        Some((*self.times.iter().min()?, *self.times.iter().max()?))
    }

    /// The times in the order in which they came.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }
}

impl Beside {
    /// Whether partitions hold everything.
    pub(super) fn is_stored(&self) -> bool {
        self.histograms.len() == 0 && self.exemplars.is_empty()
    }

    /// Time of the newest histogram, `i64::MIN` before the first.
    pub(super) fn newest_histogram_ms(&self) -> i64 {
        self.newest_histogram_ms
    }

    /// The histograms of this epoch as they are now.
    pub(super) fn histograms(&self) -> &HistogramRun {
        &self.histograms
    }

    /// The exemplars of this epoch, ascending in time.
    pub(super) fn exemplars(&self) -> &[Exemplar] {
        &self.exemplars
    }

    /// First and last time of what this epoch brought.
    pub(super) fn range_ms(&self) -> Option<(i64, i64)> {
        let exemplars = self.exemplars.first().zip(self.exemplars.last());
        let exemplars = exemplars.map(|(first, last)| (first.timestamp_ms, last.timestamp_ms));
        super::series::widest(self.histograms.range_ms(), exemplars)
    }

    /// Takes everything out; what comes begins a new stream.
    pub(super) fn take(&mut self) -> BesideEpoch {
        self.encoder = HistogramEncoder::default();
        BesideEpoch {
            histograms: std::mem::take(&mut self.histograms),
            exemplars: std::mem::take(&mut self.exemplars),
        }
    }

    /// Forgets the newest histogram and exemplar of an epoch that brought none.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Appends a histogram and passes its encoded form.
    fn push<T>(
        &mut self,
        timestamp_ms: i64,
        histogram: &Histogram,
        encoded: impl FnOnce(&[u8]) -> T,
    ) -> T {
        Arc::make_mut(&mut self.histograms.times).push(timestamp_ms);
        let bytes = Arc::make_mut(&mut self.histograms.bytes);
        let from = bytes.len();
        self.encoder.push(histogram, bytes);
        self.newest_histogram_ms = self.newest_histogram_ms.max(timestamp_ms);
        encoded(&bytes[from..])
    }

    /// Appends an exemplar unless an equal or a later one is known.
    fn push_exemplar(&mut self, exemplar: &Exemplar) -> PushedExemplar {
        if let Some(newest) = &self.newest_exemplar {
            if newest == exemplar {
                return PushedExemplar::Known;
            }
            if exemplar.timestamp_ms < newest.timestamp_ms {
                return PushedExemplar::Dropped;
            }
        }
        self.newest_exemplar = Some(exemplar.clone());
        self.exemplars.push(exemplar.clone());
        PushedExemplar::Stored
    }
}

enum PushedExemplar {
    Stored,
    Known,
    Dropped,
}

impl Head {
    /// Appends a histogram to a series.
    pub(super) fn push_histogram(
        &mut self,
        slot: u32,
        timestamp_ms: i64,
        histogram: &Arc<Histogram>,
        window_ms: i64,
    ) -> Pushed {
        let Some(series) = self.series.get_mut(slot) else { return Pushed::Known };
        let newest_ms = series.newest_ms();
        if timestamp_ms <= newest_ms {
            if timestamp_ms < newest_ms.saturating_sub(window_ms) {
                return Pushed::Refused(RejectReason::OutOfOrder { newest_ms });
            }
            if let Some(known) = series.histogram_at(timestamp_ms) {
                return Pushed::same(known.same(histogram));
            }
            if series.value_at(timestamp_ms).is_some() {
                return Pushed::same(false);
            }
        }
        series.enter(slot, self.epoch, self.tick, &mut self.ops, &mut self.sources);
        let ops = &mut self.ops;
        let len = series.beside_mut().push(timestamp_ms, histogram, |encoded| {
            ops.histogram(slot, timestamp_ms, encoded);
            encoded.len() as u64
        });
        self.active_bytes += len + ITEM_BYTES;
        self.note_sample(timestamp_ms);
        Pushed::Stored
    }

    /// Appends the exemplars of a batch whose samples were appended, and leaves the operations in
    /// [`Head::ops`].
    pub(crate) fn append_exemplars(
        &mut self,
        batch: &Batch<'_>,
        window: &Window,
        outcome: &mut Appended,
    ) {
        for entry in batch.exemplars() {
            let at_ms = entry.exemplar.timestamp_ms;
            let in_time = (window.oldest_ms..=window.latest_ms).contains(&at_ms);
            let room = self.exemplars < window.exemplars_max;
            let slot = self.find_known(entry.hash, entry.labels, &window.labels);
            let pushed = match slot {
                Some(slot) if in_time && room && entry.exemplar.fits() => {
                    self.push_exemplar(slot, &entry.exemplar)
                }
                _ => PushedExemplar::Dropped,
            };
            match pushed {
                PushedExemplar::Stored => outcome.exemplars += 1,
                PushedExemplar::Known => {}
                PushedExemplar::Dropped => outcome.exemplars_dropped += 1,
            }
        }
    }

    fn push_exemplar(&mut self, slot: u32, exemplar: &Exemplar) -> PushedExemplar {
        let Some(series) = self.series.get_mut(slot) else { return PushedExemplar::Dropped };
        series.enter(slot, self.epoch, self.tick, &mut self.ops, &mut self.sources);
        let pushed = series.beside_mut().push_exemplar(exemplar);
        if matches!(pushed, PushedExemplar::Stored) {
            self.ops.exemplar(slot, exemplar);
            self.exemplars += 1;
            self.active_bytes += exemplar.labels.encoded().as_bytes().len() as u64 + ITEM_BYTES;
        }
        pushed
    }

    /// Takes a histogram from the journal; what is known already changes nothing.
    pub(crate) fn restore_histogram(
        &mut self,
        slot: u32,
        timestamp_ms: i64,
        histogram: &Arc<Histogram>,
    ) {
        self.push_histogram(slot, timestamp_ms, histogram, i64::MAX);
        self.ops.clear();
    }

    /// Takes an exemplar from the journal.
    pub(crate) fn restore_exemplar(&mut self, slot: u32, exemplar: &Exemplar) {
        self.push_exemplar(slot, exemplar);
        self.ops.clear();
    }
}
