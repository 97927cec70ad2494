//! Samples, and the marker that says a series ended.

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

/// The samples of one series in ascending order of time, as two parallel columns.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl Samples {
    /// No samples.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a sample; the caller keeps the order.
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps.push(timestamp_ms);
        self.values.push(value);
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
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
    }

    /// Brings samples into the order of time, keeps the first of several at one time, and drops
    /// what lies outside `[from_ms, to_ms]`. Cheap when they are in order already.
    pub fn settle(&mut self, from_ms: i64, to_ms: i64) {
        if !self.timestamps.windows(2).all(|pair| pair[0] < pair[1]) {
            let mut samples: Vec<Sample> = self.iter().collect();
            samples.sort_by_key(|sample| sample.timestamp_ms);
            samples.dedup_by_key(|sample| sample.timestamp_ms);
            self.clear();
            for sample in samples {
                self.push(sample.timestamp_ms, sample.value);
            }
        }
        self.truncate(self.timestamps.partition_point(|at| *at <= to_ms));
        let before = self.timestamps.partition_point(|at| *at < from_ms);
        if before > 0 {
            self.timestamps.drain(..before);
            self.values.drain(..before);
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

    /// The values, parallel to [`Samples::timestamps`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The sample at a position.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<Sample> {
        let timestamp_ms = *self.timestamps.get(i)?;
        Some(Sample { timestamp_ms, value: *self.values.get(i)? })
    }

    /// All samples in order.
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
