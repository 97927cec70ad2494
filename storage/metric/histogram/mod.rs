//! Native histograms: one sample that holds a whole distribution.
//!
//! The model is that of Prometheus' native histogram specification
//! (<https://prometheus.io/docs/specs/native_histograms/>), with absolute counts as floating
//! point numbers. With a standard schema `n` of -4 to 8 the bucket boundaries are the powers of
//! `2^(2^-n)`: bucket `i` of the positive side holds what lies in `(b^(i-1), b^i]`, the negative
//! side mirrors it, and between them lies the zero bucket. With [`CUSTOM_BUCKETS`] the boundaries
//! are listed, there is neither a zero bucket nor a negative side, and classic histograms fit in.
//!
//! Nothing here trusts its input: bucket indexes are bounded when [`Buckets`] are made, and
//! arithmetic never panics whatever the numbers are. [`Histogram::validate`] is for receivers.

mod accumulate;
mod body;
mod bounds;
mod buckets;
mod codec;
mod reset;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

pub use accumulate::{Accumulator, IncompatibleBuckets, Merged, Tally};
pub use bounds::Bucket;
pub use buckets::{Buckets, Span};
pub use codec::{DamagedHistogram, HistogramDecoder, HistogramEncoder};

use crate::sample::is_stale;
use bounds::Layout;

/// The schema whose bucket boundaries are listed in [`Histogram::custom_values`].
pub const CUSTOM_BUCKETS: i8 = -53;
/// The lowest resolution: boundaries are powers of 65,536.
pub const SCHEMA_MIN: i8 = -4;
/// The highest resolution: 256 buckets for each power of two.
pub const SCHEMA_MAX: i8 = 8;
/// Most buckets of one side, and most custom boundaries, of a histogram that is accepted.
const BUCKETS_MAX: usize = 65_536;

/// What the sender knows of counter resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Nothing: comparing with the sample before tells.
    #[default]
    Unknown,
    /// The histogram was reset between the sample before and this one.
    Reset,
    /// It was not.
    NotReset,
    /// It may go up and down at will.
    Gauge,
}

/// A distribution of observations.
///
/// Cheap to keep in many places as an `Arc`; two are the same by [`Histogram::same`], not by `==`,
/// because NaN is an ordinary number here.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// What is known of counter resets before this sample.
    pub reset_hint: ResetHint,
    /// Resolution of the boundaries, or [`CUSTOM_BUCKETS`].
    pub schema: i8,
    /// Largest absolute value that the zero bucket holds. Unused with custom buckets.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations. More than in all buckets when some were NaN.
    pub count: f64,
    /// Sum of all observations; the stale marker here marks the end of the series.
    pub sum: f64,
    /// Observations above the zero bucket; all of them with custom buckets.
    pub positive: Buckets,
    /// Observations below the zero bucket, counted away from zero.
    pub negative: Buckets,
    /// Upper boundaries, ascending, of custom buckets; the last bucket, up to infinity, is not
    /// listed. Empty with a standard schema.
    pub custom_values: Arc<[f64]>,
}

/// Why a histogram is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistogramError {
    /// The resolution is none of -4 to 8 and does not say custom buckets.
    #[error("histogram schema {0} is not supported")]
    Schema(i8),
    /// The spans promise another number of buckets than there are.
    #[error("histogram spans need {needed} buckets, found {found}")]
    BucketCount {
        /// What the spans add up to.
        needed: u64,
        /// How many counts there are.
        found: usize,
    },
    /// A span that is not the first begins before the end of the one before, or ends beyond any
    /// bucket.
    #[error("histogram span {0} has an offset out of range")]
    SpanOffset(usize),
    /// More buckets or boundaries than any histogram needs.
    #[error("histogram has more than {BUCKETS_MAX} buckets")]
    TooManyBuckets,
    /// A count below zero, or one that is no number.
    #[error("histogram has a negative or undefined count")]
    Count,
    /// A zero threshold below zero, or one that is not finite.
    #[error("histogram has a bad zero threshold")]
    ZeroThreshold,
    /// Boundaries that do not rise, are not finite, or do not belong to the schema.
    #[error("histogram has bad custom bucket boundaries")]
    CustomValues,
}

impl Histogram {
    /// Whether the boundaries are listed.
    #[must_use]
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// Whether this is no sample but the mark that the series ended.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// Checks what a receiver should accept.
    ///
    /// # Errors
    /// A schema that is not known, boundaries or counts that make no sense.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let custom = self.has_custom_buckets();
        if !custom && !(SCHEMA_MIN..=SCHEMA_MAX).contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        }
        let rises = self.custom_values.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = self.custom_values.iter().all(|bound| bound.is_finite());
        let beyond = self.positive.last_index().is_some_and(|last| {
            usize::try_from(last).map_or(true, |last| last > self.custom_values.len())
        });
        let before = self.positive.iter().next().is_some_and(|(index, _)| index < 0);
        if custom && (!rises || !finite || beyond || before || !self.negative.is_empty())
            || !custom && !self.custom_values.is_empty()
        {
            return Err(HistogramError::CustomValues);
        }
        if self.custom_values.len() > BUCKETS_MAX {
            return Err(HistogramError::TooManyBuckets);
        }
        if !(self.zero_threshold.is_finite() && self.zero_threshold >= 0.0) {
            return Err(HistogramError::ZeroThreshold);
        }
        let counts = self.positive.counts().iter().chain(self.negative.counts());
        let is_count = |count: &f64| *count >= 0.0;
        if !counts.chain([&self.count, &self.zero_count]).all(is_count) {
            return Err(HistogramError::Count);
        }
        Ok(())
    }

    /// All buckets in ascending order, the zero bucket among them if anything is in it. A bucket
    /// that overlaps the zero bucket ends or begins at the zero threshold.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let layout = Layout::of(self);
        let mut all = Vec::with_capacity(self.positive.len() + self.negative.len() + 1);
        let threshold = self.zero_threshold;
        for (index, count) in self.negative.iter() {
            let mut bucket = layout.negative(index, count);
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            all.push(bucket);
        }
        all.reverse();
        if self.zero_count > 0.0 {
            all.push(self.zero_bucket());
        }
        for (index, count) in self.positive.iter() {
            let mut bucket = layout.positive(index, count);
            if !self.has_custom_buckets() && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            all.push(bucket);
        }
        all
    }

    /// The bucket around zero.
    #[must_use]
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// The buckets of the positive side in ascending order, as their boundaries are.
    pub fn positive_buckets(&self) -> impl Iterator<Item = Bucket> {
        let layout = Layout::of(self);
        self.positive.iter().map(move |(index, count)| layout.positive(index, count))
    }

    /// The buckets of the negative side away from zero, as their boundaries are.
    pub fn negative_buckets(&self) -> impl Iterator<Item = Bucket> {
        let layout = Layout::of(self);
        self.negative.iter().map(move |(index, count)| layout.negative(index, count))
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge.
    pub fn scale(&mut self, factor: f64) {
        self.each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. Dividing by zero removes the buckets.
    pub fn divide(&mut self, divisor: f64) {
        self.each_number(|number| *number /= divisor);
        if divisor == 0.0 {
            self.positive = Buckets::default();
            self.negative = Buckets::default();
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn each_number(&mut self, mut change: impl FnMut(&mut f64)) {
        let counts = self.positive.counts_mut().iter_mut().chain(self.negative.counts_mut());
        counts.chain([&mut self.zero_count, &mut self.count, &mut self.sum]).for_each(&mut change);
    }

    /// Adds another histogram. Resolution and zero bucket become what both can do; of custom
    /// boundaries those stay that both have. Buckets that become empty stay: see
    /// [`Histogram::compact`].
    ///
    /// # Errors
    /// One has custom buckets and the other has not.
    pub fn add(&mut self, other: &Self) -> Result<Merged, IncompatibleBuckets> {
        self.merge(other, 1.0)
    }

    /// Subtracts another histogram, as [`Histogram::add`] adds it.
    ///
    /// # Errors
    /// One has custom buckets and the other has not.
    pub fn subtract(&mut self, other: &Self) -> Result<Merged, IncompatibleBuckets> {
        self.merge(other, -1.0)
    }

    fn merge(&mut self, other: &Self, factor: f64) -> Result<Merged, IncompatibleBuckets> {
        let mut sum = Accumulator::<f64>::of(self);
        let merged = sum.add(other, factor)?;
        *self = sum.histogram();
        Ok(merged)
    }

    /// Lowers the resolution to that of a standard schema, if it is higher. Custom buckets stay.
    pub fn reduce(&mut self, schema: i8) {
        if self.has_custom_buckets() || schema >= self.schema {
            return;
        }
        let mut reduced = Accumulator::<f64>::of(self);
        reduced.reduce(schema);
        *self = reduced.histogram();
    }

    /// Removes empty buckets, and spans that nothing separates.
    pub fn compact(&mut self) {
        self.positive.compact();
        self.negative.compact();
    }

    /// Whether both hold the same numbers in the same buckets; NaN is the same as itself. The
    /// reset hint does not matter.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let numbers = |it: &Self| [it.zero_threshold, it.zero_count, it.count, it.sum];
        self.schema == other.schema
            && same_bits(&numbers(self), &numbers(other))
            && same_bits(&self.custom_values, &other.custom_values)
            && self.positive.same(&other.positive)
            && self.negative.same(&other.negative)
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.custom_values)
            + self.positive.heap_bytes()
            + self.negative.heap_bytes()
    }
}

pub(super) fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
