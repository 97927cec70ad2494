//! Histograms as text, as `count_values` makes them labels.

use metric::{Bucket, Histogram};

use crate::format::short_float;

/// Count, sum and the buckets that are not empty, such as `{count:3, sum:4.5, (1,2]:3}`.
pub(crate) fn text(histogram: &Histogram) -> String {
    let (count, sum) = (short_float(histogram.count), short_float(histogram.sum));
    let mut text = format!("{{count:{count}, sum:{sum}");
    let mut buckets: Vec<Bucket> = histogram.negative_buckets().collect();
    buckets.reverse();
    buckets.push(histogram.zero_bucket());
    buckets.extend(histogram.positive_buckets());
    for bucket in buckets.iter().filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(short_float);
        text += &format!(", {open}{lower},{upper}{close}:{count}");
    }
    text.push('}');
    text
}
