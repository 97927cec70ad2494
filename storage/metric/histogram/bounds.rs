//! The boundaries of buckets.

use std::sync::Arc;

use super::Histogram;

/// Observations between two boundaries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower boundary.
    pub lower: f64,
    /// Upper boundary.
    pub upper: f64,
    /// Whether an observation of exactly the lower boundary belongs here.
    pub lower_inclusive: bool,
    /// Whether an observation of exactly the upper boundary belongs here.
    pub upper_inclusive: bool,
    /// How many observations.
    pub count: f64,
}

/// How indexes become boundaries.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    schema: i8,
    custom: Option<Arc<[f64]>>,
}

impl Layout {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let custom = histogram.has_custom_buckets().then(|| Arc::clone(&histogram.custom_values));
        Self { schema: histogram.schema, custom }
    }

    pub(super) fn positive(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = (self.bound(index.saturating_sub(1)), self.bound(index));
        if self.custom.is_some() {
            let lower_inclusive = index == 0;
            return Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count };
        }
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count }
    }

    pub(super) fn negative(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = (-self.bound(index), -self.bound(index.saturating_sub(1)));
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count }
    }

    fn bound(&self, index: i32) -> f64 {
        match &self.custom {
            None => upper_bound(self.schema, index),
            Some(_) if index < 0 => f64::NEG_INFINITY,
            Some(bounds) => bounds.get(index as usize).copied().unwrap_or(f64::INFINITY),
        }
    }
}

/// The upper boundary of a bucket of a standard schema: `2^(index * 2^-schema)`.
///
/// The largest finite boundary is the largest finite number, because the bucket behind it is
/// there for infinity alone.
pub(super) fn upper_bound(schema: i8, index: i32) -> f64 {
    let index = i64::from(index);
    let (whole, part) = if schema < 0 {
        (index.saturating_mul(1 << schema.unsigned_abs().min(16)), 0.0)
    } else {
        let steps = 1_i64 << schema.min(16);
        (index.div_euclid(steps), index.rem_euclid(steps) as f64 / steps as f64)
    };
    if whole == 1024 && part == 0.0 {
        return f64::MAX;
    }
    // Two factors, so that neither overflows nor vanishes before the product does.
    let exponent = whole.clamp(-2200, 2200) as f64;
    let half = (exponent / 2.0).floor();
    part.exp2() * half.exp2() * (exponent - half).exp2()
}
