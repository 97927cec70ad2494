//! Samples, and the marker that says a series ended.

use std::sync::Arc;

use crate::histogram::Histogram;

/// Bits of the value that marks a series as ended: a NaN that no computation produces.
pub const STALE_NAN: u64 = 0x7ff0_0000_0000_0002;

/// The stale marker as a value.
#[must_use]
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN)
}

/// Whether a value is the stale marker; other NaNs are ordinary values.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}

/// One value at one time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// The value; may be any NaN, of which [`STALE_NAN`] marks the end of the series.
    pub value: f64,
}

impl PartialEq for Sample {
    /// Bit equality of values, so that NaN equals itself and zero differs from minus zero.
    fn eq(&self, other: &Self) -> bool {
        self.timestamp_ms == other.timestamp_ms && self.value.to_bits() == other.value.to_bits()
    }
}

/// The samples of one series in ascending order of time, as two parallel columns, and beside
/// them the few that are native histograms: at their positions the value is NaN.
///
/// A series without histograms pays nothing for those that have some.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(usize, Arc<Histogram>)>,
}

impl Samples {
    /// No samples.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a sample; the caller keeps the order.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps.push(timestamp_ms);
        self.values.push(value);
    }

    /// Appends a native histogram; the caller keeps the order. A stale one is the stale marker.
    pub fn push_histogram(&mut self, timestamp_ms: i64, histogram: Arc<Histogram>) {
        if histogram.is_stale() {
            self.push(timestamp_ms, stale_nan());
            return;
        }
        self.histograms.push((self.timestamps.len(), histogram));
        self.push(timestamp_ms, f64::NAN);
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
    }

    /// Makes room for more samples.
    pub fn reserve(&mut self, additional: usize) {
        self.timestamps.reserve(additional);
        self.values.reserve(additional);
    }

    /// Shortens to the first `len` samples.
    pub fn truncate(&mut self, len: usize) {
        self.timestamps.truncate(len);
        self.values.truncate(len);
        self.histograms.truncate(self.histograms.partition_point(|(at, _)| *at < len));
    }

    /// Brings samples into the order of time, keeps the first of several at one time, and drops
    /// what lies outside `[from_ms, to_ms]`. Cheap when they are in order already.
    pub fn settle(&mut self, from_ms: i64, to_ms: i64) {
        if !self.timestamps.windows(2).all(|pair| pair[0] < pair[1]) {
            self.sort();
        }
        self.truncate(self.timestamps.partition_point(|at| *at <= to_ms));
        let before = self.timestamps.partition_point(|at| *at < from_ms);
        if before > 0 {
            self.timestamps.drain(..before);
            self.values.drain(..before);
            self.histograms.retain_mut(|(at, _)| {
                let stays = *at >= before;
                *at = at.saturating_sub(before);
                stays
            });
        }
    }

    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|at| self.timestamps[*at]);
        order.dedup_by_key(|at| self.timestamps[*at]);
        let unsorted = std::mem::take(self);
        self.reserve(order.len());
        for at in order {
            match unsorted.histogram(at) {
                Some(histogram) => {
                    self.push_histogram(unsorted.timestamps[at], Arc::clone(histogram));
                }
                None => self.push(unsorted.timestamps[at], unsorted.values[at]),
            }
        }
    }

    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Milliseconds since the epoch, ascending.
    #[must_use]
    pub fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    /// The values, parallel to [`Samples::timestamps`]; NaN where there is a histogram.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The native histograms with their positions, ascending.
    #[must_use]
    pub fn histograms(&self) -> &[(usize, Arc<Histogram>)] {
        &self.histograms
    }

    /// The native histogram at a position, if there is one.
    #[must_use]
    pub fn histogram(&self, i: usize) -> Option<&Arc<Histogram>> {
        let found = self.histograms.binary_search_by_key(&i, |(at, _)| *at).ok()?;
        self.histograms.get(found).map(|(_, histogram)| histogram)
    }

    /// The sample at a position; its value is NaN if it is a histogram.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<Sample> {
        let timestamp_ms = *self.timestamps.get(i)?;
        Some(Sample { timestamp_ms, value: *self.values.get(i)? })
    }

    /// All samples in order; the values of histograms are NaN.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Sample> + ExactSizeIterator {
        self.timestamps
            .iter()
            .zip(&self.values)
            .map(|(&timestamp_ms, &value)| Sample { timestamp_ms, value })
    }
}

impl FromIterator<Sample> for Samples {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        let mut out = Self::new();
        for sample in samples {
            out.push(sample.timestamp_ms, sample.value);
        }
        out
    }
}
