//! Sums of histograms, whatever their resolutions, zero buckets and boundaries.

use std::sync::Arc;

use thiserror::Error;

use super::body::{Body, Cells, cells, merge};
use super::buckets::Buckets;
use super::{Histogram, ResetHint, same_bits};

/// A number that others are added to; how precisely is up to the type.
pub trait Tally: Copy {
    /// Begins with a number.
    fn of(number: f64) -> Self;
    /// Adds a number.
    fn add(&mut self, number: f64);
    /// Adds another tally.
    fn join(&mut self, other: Self);
    /// Multiplies.
    fn scale(&mut self, factor: f64);
    /// The number.
    fn total(self) -> f64;
    /// The number over another one.
    fn over(self, divisor: f64) -> f64;
    /// Whether the number has become infinite.
    fn overflows(self) -> bool;
}

impl Tally for f64 {
    fn of(number: f64) -> Self {
        number
    }

    fn add(&mut self, number: f64) {
        *self += number;
    }

    fn join(&mut self, other: Self) {
        *self += other;
    }

    fn scale(&mut self, factor: f64) {
        *self *= factor;
    }

    fn total(self) -> f64 {
        self
    }

    fn over(self, divisor: f64) -> f64 {
        self / divisor
    }

    fn overflows(self) -> bool {
        self.is_infinite()
    }
}

/// One histogram has custom buckets and the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("histograms with exponential and with custom buckets do not add up")]
pub struct IncompatibleBuckets;

/// What had to be done to put two histograms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// One hint said that there was a counter reset, the other that there was none.
    pub hints_collide: bool,
    /// Custom boundaries that only one of them had are gone.
    pub bounds_reconciled: bool,
}

/// The sum of histograms so far.
#[derive(Debug, Clone)]
pub struct Accumulator<T> {
    reset_hint: ResetHint,
    body: Body<T>,
    count: T,
    sum: T,
    custom_values: Arc<[f64]>,
}

impl<T: Tally> Accumulator<T> {
    /// Begins with one histogram.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        Self {
            reset_hint: histogram.reset_hint,
            body: Body::of(histogram),
            count: T::of(histogram.count),
            sum: T::of(histogram.sum),
            custom_values: Arc::clone(&histogram.custom_values),
        }
    }

    /// Adds a histogram times a factor: 1 to add, -1 to subtract.
    ///
    /// # Errors
    /// One has custom buckets and the other has not; nothing is changed then.
    pub fn add(&mut self, other: &Histogram, factor: f64) -> Result<Merged, IncompatibleBuckets> {
        let custom = other.has_custom_buckets();
        if custom != (self.body.schema == super::CUSTOM_BUCKETS) {
            return Err(IncompatibleBuckets);
        }
        let hints_collide = self.take_hint(other.reset_hint);
        self.count.add(other.count * factor);
        self.sum.add(other.sum * factor);
        let mut bounds_reconciled = false;
        if custom {
            bounds_reconciled = self.add_custom(other, factor);
        } else {
            self.add_exponential(other, factor);
        }
        Ok(Merged { hints_collide, bounds_reconciled })
    }

    fn add_exponential(&mut self, other: &Histogram, factor: f64) {
        let mut other = Body::<f64>::of(other);
        // Each widening may push the threshold beyond that of the other one; both only grow.
        while self.body.zero_threshold != other.zero_threshold {
            let before = (self.body.zero_threshold, other.zero_threshold);
            other.widen_zero(self.body.zero_threshold);
            self.body.widen_zero(other.zero_threshold);
            if before == (self.body.zero_threshold, other.zero_threshold) {
                break;
            }
        }
        self.body.reduce(other.schema);
        other.reduce(self.body.schema);
        self.body.zero_count.add(other.zero_count * factor);
        merge(&mut self.body.positive, &other.positive, factor);
        merge(&mut self.body.negative, &other.negative, factor);
    }

    /// Says whether the boundaries had to be reconciled.
    fn add_custom(&mut self, other: &Histogram, factor: f64) -> bool {
        let more: Cells<f64> = cells(&other.positive);
        if same_bits(&self.custom_values, &other.custom_values) {
            merge(&mut self.body.positive, &more, factor);
            return false;
        }
        let common = common_bounds(&self.custom_values, &other.custom_values);
        let mut merged = onto_bounds(&self.body.positive, &self.custom_values, &common);
        merge(&mut merged, &onto_bounds(&more, &other.custom_values, &common), factor);
        merged.retain(|(_, count)| count.total() != 0.0);
        self.body.positive = merged;
        self.custom_values = common;
        true
    }

    /// Takes over what is known of resets; says whether it contradicts what was known.
    fn take_hint(&mut self, other: ResetHint) -> bool {
        let (hint, collide) = match (self.reset_hint, other) {
            (a, b) if a == b => (a, false),
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
            (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
            _ => (ResetHint::Unknown, true),
        };
        self.reset_hint = hint;
        collide
    }

    /// Lowers the resolution of exponential buckets.
    pub(super) fn reduce(&mut self, schema: i8) {
        self.body.reduce(schema);
    }

    /// Multiplies everything.
    pub fn scale(&mut self, factor: f64) {
        let Self { body, count, sum, .. } = self;
        let cells = body.positive.iter_mut().chain(&mut body.negative).map(|(_, count)| count);
        cells.chain([&mut body.zero_count, count, sum]).for_each(|tally| tally.scale(factor));
    }

    /// Whether any number has become infinite.
    #[must_use]
    pub fn overflows(&self) -> bool {
        let cells = self.body.positive.iter().chain(&self.body.negative).map(|(_, count)| *count);
        cells.chain([self.body.zero_count, self.count, self.sum]).any(Tally::overflows)
    }

    /// The sum as a histogram; empty buckets are kept.
    #[must_use]
    pub fn histogram(&self) -> Histogram {
        self.finish(Tally::total)
    }

    /// The sum divided by a number.
    #[must_use]
    pub fn over(&self, divisor: f64) -> Histogram {
        self.finish(|tally| tally.over(divisor))
    }

    fn finish(&self, number: impl Fn(T) -> f64) -> Histogram {
        let side = |cells: &Cells<T>| {
            Buckets::from_cells(cells.iter().map(|(index, count)| (*index, number(*count))))
        };
        Histogram {
            reset_hint: self.reset_hint,
            schema: self.body.schema,
            zero_threshold: self.body.zero_threshold,
            zero_count: number(self.body.zero_count),
            count: number(self.count),
            sum: number(self.sum),
            positive: side(&self.body.positive),
            negative: side(&self.body.negative),
            custom_values: Arc::clone(&self.custom_values),
        }
    }
}

/// The boundaries that both have.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    let has = |bound: &f64| b.binary_search_by(|at| at.total_cmp(bound)).is_ok();
    a.iter().copied().filter(has).collect()
}

/// Counts of custom buckets in the buckets of fewer boundaries: each goes into the one that
/// reaches at least as far.
pub(super) fn onto_bounds<T: Tally>(from: &Cells<T>, bounds: &[f64], onto: &[f64]) -> Cells<T> {
    let mut out: Cells<T> = Vec::with_capacity(onto.len() + 1);
    for (index, count) in from {
        let bound = usize::try_from(*index).ok().and_then(|at| bounds.get(at));
        let place = bound.map_or(onto.len(), |bound| onto.partition_point(|at| at < bound));
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        match out.last_mut() {
            Some((last, sum)) if *last == place => sum.join(*count),
            _ => out.push((place, *count)),
        }
    }
    out
}
