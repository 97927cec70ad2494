//! The exponential buckets of a histogram while they are worked on.

use super::accumulate::Tally;
use super::bounds::upper_bound;
use super::buckets::Buckets;
use super::{Histogram, SCHEMA_MAX, SCHEMA_MIN};

/// Index and count of buckets, strictly ascending.
pub(super) type Cells<T> = Vec<(i32, T)>;

/// Zero bucket and both sides.
#[derive(Debug, Clone)]
pub(super) struct Body<T> {
    pub(super) schema: i8,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: T,
    pub(super) positive: Cells<T>,
    pub(super) negative: Cells<T>,
}

pub(super) fn cells<T: Tally>(buckets: &Buckets) -> Cells<T> {
    buckets.iter().map(|(index, count)| (index, T::of(count))).collect()
}

impl<T: Tally> Body<T> {
    pub(super) fn of(histogram: &Histogram) -> Self {
        Self {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            zero_count: T::of(histogram.zero_count),
            positive: cells(&histogram.positive),
            negative: cells(&histogram.negative),
        }
    }

    /// Joins buckets until the schema is the given one, if that is lower.
    pub(super) fn reduce(&mut self, schema: i8) {
        let schema = schema.clamp(SCHEMA_MIN, SCHEMA_MAX);
        if schema >= self.schema {
            return;
        }
        let halvings = u32::from(self.schema.abs_diff(schema)).min(31);
        reduce_side(&mut self.positive, halvings);
        reduce_side(&mut self.negative, halvings);
        self.schema = schema;
    }

    /// Widens the zero bucket to at least this threshold, and farther where that would cut a
    /// bucket with something in it.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        if threshold <= self.zero_threshold || threshold.is_nan() {
            return;
        }
        let threshold = self.clear_of_buckets(threshold);
        let schema = self.schema;
        for side in [&mut self.positive, &mut self.negative] {
            let inside = side.partition_point(|(index, _)| lower_bound(schema, *index) < threshold);
            for (_, count) in side.drain(..inside) {
                self.zero_count.join(count);
            }
        }
        self.zero_threshold = threshold;
    }

    /// The threshold, moved outwards until it is inside of no bucket that has something in it.
    pub(super) fn clear_of_buckets(&self, mut threshold: f64) -> f64 {
        loop {
            let before = threshold;
            for side in [&self.positive, &self.negative] {
                for (index, count) in side {
                    if lower_bound(self.schema, *index) >= threshold {
                        break;
                    }
                    let upper = upper_bound(self.schema, *index);
                    if upper > threshold && count.total() != 0.0 {
                        threshold = upper;
                    }
                }
            }
            if threshold == before {
                return threshold;
            }
        }
    }
}

fn lower_bound(schema: i8, index: i32) -> f64 {
    upper_bound(schema, index.saturating_sub(1))
}

fn reduce_side<T: Tally>(side: &mut Cells<T>, halvings: u32) {
    for (index, _) in side.iter_mut() {
        *index = (index.saturating_sub(1) >> halvings) + 1;
    }
    side.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1.join(next.1);
        }
        same
    });
}

/// Adds cells times a factor to others.
pub(super) fn merge<T: Tally>(into: &mut Cells<T>, from: &[(i32, f64)], factor: f64) {
    let same_layout =
        into.len() == from.len() && into.iter().zip(from).all(|((a, _), (b, _))| a == b);
    if same_layout {
        for ((_, count), (_, more)) in into.iter_mut().zip(from) {
            count.add(more * factor);
        }
        return;
    }
    let mut merged = Vec::with_capacity(into.len() + from.len());
    let mut rest = from.iter().copied().peekable();
    for (index, mut count) in into.drain(..) {
        while let Some((before, more)) = rest.next_if(|(at, _)| *at < index) {
            merged.push((before, T::of(more * factor)));
        }
        if let Some((_, more)) = rest.next_if(|(at, _)| *at == index) {
            count.add(more * factor);
        }
        merged.push((index, count));
    }
    merged.extend(rest.map(|(index, more)| (index, T::of(more * factor))));
    *into = merged;
}
