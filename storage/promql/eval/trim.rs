//! The operators `</` and `>/`: a histogram without the observations above or below a number.
//!
//! A bucket that the number lies in is cut as `histogram_fraction` would cut it. The sum is then
//! estimated anew, as if each observation were in the middle of what is left of its bucket.

use metric::{Bucket, Histogram};

use super::native::part_below;

/// The observations up to a limit.
pub(crate) fn below(histogram: &Histogram, limit: f64) -> Histogram {
    Trim { limit, upper: true, custom: histogram.has_custom_buckets() }.apply(histogram)
}

/// The observations from a limit on.
pub(crate) fn above(histogram: &Histogram, limit: f64) -> Histogram {
    Trim { limit, upper: false, custom: histogram.has_custom_buckets() }.apply(histogram)
}

#[derive(Debug, Clone, Copy)]
struct Trim {
    limit: f64,
    /// Whether what is above goes.
    upper: bool,
    custom: bool,
}

/// How much of a bucket stays, and where it is.
#[derive(Debug, Clone, Copy)]
struct Rest {
    count: f64,
    middle: f64,
}

const NOTHING: Rest = Rest { count: 0.0, middle: 0.0 };

impl Trim {
    fn apply(self, histogram: &Histogram) -> Histogram {
        let mut trimmed = histogram.clone();
        let positive: Vec<Bucket> = histogram.positive_buckets().collect();
        let negative: Vec<Bucket> = histogram.negative_buckets().collect();
        let (mut count, mut sum) = (0.0, 0.0);
        let positive_counts = trimmed.positive.counts_mut().iter_mut();
        let negative_counts = trimmed.negative.counts_mut().iter_mut();
        let counts = positive_counts.chain(negative_counts);
        for (kept, bucket) in counts.zip(positive.iter().chain(&negative)) {
            if bucket.count != 0.0 {
                let rest = self.rest(bucket);
                *kept = rest.count;
                count += rest.count;
                sum += rest.middle * rest.count;
            }
        }
        if histogram.zero_count > 0.0 {
            let any = |buckets: &[Bucket]| buckets.iter().any(|bucket| bucket.count != 0.0);
            let rest = self.rest_of_zero(histogram, any(&positive), any(&negative));
            trimmed.zero_count = rest.count;
            count += rest.count;
            sum += rest.middle * rest.count;
        }
        let untouched = trimmed.zero_count == histogram.zero_count
            && trimmed.positive.counts() == histogram.positive.counts()
            && trimmed.negative.counts() == histogram.negative.counts();
        if !untouched {
            (trimmed.count, trimmed.sum) = (count, sum);
            trimmed.compact();
        }
        trimmed
    }

    fn rest(self, bucket: &Bucket) -> Rest {
        let Bucket { lower, upper, count, .. } = *bucket;
        let (all, some) = if self.upper {
            (upper <= self.limit, lower < self.limit)
        } else {
            (lower >= self.limit, upper > self.limit)
        };
        if all {
            return Rest { count, middle: self.middle(lower, upper) };
        }
        if !some {
            return NOTHING;
        }
        if lower.is_infinite() || upper.is_infinite() {
            return self.rest_of_infinite(bucket);
        }
        let below = count * part_below(bucket, self.limit, self.custom);
        if self.upper {
            return Rest { count: below, middle: self.middle(lower, self.limit) };
        }
        Rest { count: count - below, middle: self.middle(self.limit, upper) }
    }

    /// Where in an infinite bucket observations are cannot be told; but a first bucket with a
    /// positive boundary is taken to begin at zero.
    fn rest_of_infinite(self, bucket: &Bucket) -> Rest {
        let Bucket { lower, upper, count, .. } = *bucket;
        let limit = self.limit;
        if lower > f64::NEG_INFINITY {
            // The last bucket.
            return if self.upper { NOTHING } else { Rest { count, middle: limit } };
        }
        let from_zero = upper > 0.0 && upper.is_finite() && limit >= 0.0;
        match self.upper {
            true if from_zero && limit > 0.0 => {
                Rest { count: count * limit / upper, middle: limit / 2.0 }
            }
            true if upper <= 0.0 => Rest { count, middle: limit },
            false if from_zero => {
                let middle = f64::midpoint(limit, upper);
                Rest { count: count * (1.0 - limit / upper), middle }
            }
            _ => NOTHING,
        }
    }

    /// The zero bucket ends at zero if nothing lies beyond.
    fn rest_of_zero(self, histogram: &Histogram, above: bool, below: bool) -> Rest {
        let Bucket { mut lower, mut upper, count, .. } = histogram.zero_bucket();
        if below && !above {
            upper = 0.0;
        } else if above && !below {
            lower = 0.0;
        }
        let limit = self.limit;
        let (from, to) = match self.upper {
            true if limit <= lower => return NOTHING,
            false if limit <= lower => (lower, upper),
            true if limit >= upper => (lower, upper),
            false if limit >= upper => return NOTHING,
            true => (lower, limit),
            false => (limit, upper),
        };
        let part = if from == lower && to == upper { 1.0 } else { (to - from) / (upper - lower) };
        Rest { count: count * part, middle: f64::midpoint(from, to) }
    }

    /// The middle between two values: the arithmetic one in custom buckets, the geometric one in
    /// others, the finite value or half of it if one of them is infinite.
    fn middle(self, from: f64, to: f64) -> f64 {
        match (from.is_infinite(), to.is_infinite()) {
            (true, true) => 0.0,
            (true, false) if to > 0.0 => to / 2.0,
            (true, false) => to,
            (false, true) => from,
            (false, false) if self.custom => f64::midpoint(from, to),
            (false, false) => (from * to).abs().sqrt().copysign(from + to),
        }
    }
}
