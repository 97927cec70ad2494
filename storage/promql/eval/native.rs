//! Functions of native histograms: statistics, quantiles and fractions of their observations.
//!
//! Within a bucket observations are taken to lie so that they would fill the buckets of a higher
//! resolution evenly: on a logarithmic scale. In the zero bucket and in custom buckets they are
//! taken to lie evenly.

use metric::{Bucket, Histogram};

use super::kahan::Sum;
use super::noting::Noting;
use super::row::{Datum, Rows};
use super::run::{HistogramUse, Scope};
use crate::error::EvalError;
use crate::expr::Node;
use crate::function::Function;

impl Scope<'_> {
    /// Functions from histograms to numbers; numbers are passed over.
    pub(crate) fn call_native(&self, function: Function, arg: &Node) -> Result<Rows, EvalError> {
        let statistic: fn(&Histogram) -> f64 = match function {
            Function::HistogramCount => |it| it.count,
            Function::HistogramSum => |it| it.sum,
            Function::HistogramAvg => |it| it.sum / it.count,
            Function::HistogramStddev => |it| variance(it).sqrt(),
            _ => variance,
        };
        let spread = matches!(function, Function::HistogramStddev | Function::HistogramStdvar);
        let needs = if spread { HistogramUse::Whole } else { HistogramUse::Counts };
        let mut rows = self.using(needs).rows(arg)?;
        for row in &mut rows.list {
            row.column.filter_map(|_, _| None);
            row.column.map_histograms(|_, it| Some(Datum::Float(statistic(it))));
        }
        rows.remove_empty();
        self.drop_names(&mut rows)?;
        Ok(rows)
    }
}

/// The variance, with all observations of a bucket at its middle.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = Sum::default();
    for bucket in histogram.buckets().iter().filter(|bucket| bucket.count != 0.0) {
        let delta = middle(bucket, histogram.has_custom_buckets()) - mean;
        sum.add(bucket.count * delta * delta);
    }
    sum.total() / histogram.count
}

/// The arithmetic middle of a custom bucket, the geometric one of others, zero around zero.
fn middle(bucket: &Bucket, custom: bool) -> f64 {
    if custom {
        return f64::midpoint(bucket.upper, bucket.lower);
    }
    if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
        return 0.0;
    }
    (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
}

/// The zero bucket ends at zero if nothing lies beyond.
fn narrow_zero(bucket: &mut Bucket, histogram: &Histogram) {
    let (below, above) = (!histogram.negative.is_empty(), !histogram.positive.is_empty());
    if above && !below {
        bucket.lower = 0.0;
    } else if below && !above {
        bucket.upper = 0.0;
    }
}

/// The `q`-quantile of all observations.
///
/// NaN observations are in no bucket but count: they are taken to be greater than all others.
pub(crate) fn quantile(q: f64, histogram: &Histogram, noting: &Noting<'_>) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if histogram.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // From the nearer end, which is more precise; NaN observations are at the upper one.
    let forward = histogram.sum.is_nan() || q < 0.5;
    let mut buckets = histogram.buckets();
    if !forward {
        buckets.reverse();
    }
    let rank = if forward { q } else { 1.0 - q } * histogram.count;
    let (mut bucket, mut count) = (Histogram::default().zero_bucket(), 0.0);
    let mut rest = buckets.iter();
    for at in rest.by_ref() {
        bucket = *at;
        count += at.count;
        if at.count != 0.0 && count >= rank {
            break;
        }
    }
    if histogram.has_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        narrow_zero(&mut bucket, histogram);
    }
    let reached = count.min(histogram.count);
    if reached < rank {
        if histogram.sum.is_nan() {
            noting.quantile_is_nan();
            return f64::NAN;
        }
        // Only imprecision or a count that is wrong leads here.
        return bucket.upper;
    }
    let within = if forward { rank - (reached - bucket.count) } else { reached - rank };
    if histogram.sum.is_nan() {
        let all: f64 = count + rest.map(|bucket| bucket.count).sum::<f64>();
        if all < histogram.count {
            noting.quantile_is_skewed();
        }
    }
    interpolate(&bucket, within / bucket.count, histogram.has_custom_buckets())
}

/// The value at a part of a bucket.
fn interpolate(bucket: &Bucket, part: f64, custom: bool) -> f64 {
    let (lower, upper) = (bucket.lower, bucket.upper);
    if custom || lower <= 0.0 && upper >= 0.0 {
        return lower + (upper - lower) * part;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        return (log_lower + (log_upper - log_lower) * part).exp2();
    }
    -(log_upper + (log_lower - log_upper) * (1.0 - part)).exp2()
}

/// How large a part of a bucket lies below a value that is within it.
pub(crate) fn part_below(bucket: &Bucket, value: f64, linear: bool) -> f64 {
    let (lower, upper) = (bucket.lower, bucket.upper);
    if linear {
        return (value - lower) / (upper - lower);
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    let log_value = value.abs().log2();
    if lower >= 0.0 {
        return (log_value - log_lower) / (log_upper - log_lower);
    }
    1.0 - (log_value - log_upper) / (log_lower - log_upper)
}

/// The fraction of observations between two values.
pub(crate) fn fraction(
    (lower, upper): (f64, f64),
    histogram: &Histogram,
    noting: &Noting<'_>,
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let buckets = histogram.buckets();
    let mut count = histogram.count;
    if histogram.sum.is_nan() {
        // NaN observations, if there are any, are in no fraction.
        count = buckets.iter().map(|bucket| bucket.count).sum();
        if count < histogram.count {
            noting.fraction_without_nan();
        }
    }
    let rank = |value: f64| rank_of(value, histogram, &buckets).unwrap_or(count).min(count);
    (rank(upper) - rank(lower)) / histogram.count
}

/// How many observations lie below a value, unless all do.
fn rank_of(value: f64, histogram: &Histogram, buckets: &[Bucket]) -> Option<f64> {
    let custom = histogram.has_custom_buckets();
    let mut rank = 0.0;
    for bucket in buckets {
        let mut bucket = *bucket;
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            narrow_zero(&mut bucket, histogram);
        }
        if bucket.lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            if (custom || around_zero) && bucket.lower == f64::NEG_INFINITY {
                // Where in an infinite bucket the value is cannot be told.
                return Some(bucket.count);
            }
            return Some(rank + bucket.count * part_below(&bucket, value, custom || around_zero));
        }
        rank += bucket.count;
    }
    None
}
