//! Histograms of which only count and sum are wanted.

use std::sync::Arc;

use metric::{Histogram, ResetHint, Samples};

/// Removes the buckets of histograms. Resets are looked for before, because later nobody could
/// see them any more.
pub(crate) fn keep_counts(samples: &mut Samples) {
    if samples.histograms().is_empty() {
        return;
    }
    let whole = std::mem::take(samples);
    samples.reserve(whole.len());
    let mut previous: Option<&Histogram> = None;
    let mut histograms = whole.histograms().iter().peekable();
    for (i, sample) in whole.iter().enumerate() {
        let Some((_, histogram)) = histograms.next_if(|(at, _)| *at == i) else {
            samples.push(sample.timestamp_ms, sample.value);
            continue;
        };
        let reset_hint = match (histogram.reset_hint, previous) {
            (ResetHint::Unknown, Some(previous)) if histogram.reset_since(previous) => {
                ResetHint::Reset
            }
            (ResetHint::Unknown, Some(_)) => ResetHint::NotReset,
            (hint, _) => hint,
        };
        let (count, sum) = (histogram.count, histogram.sum);
        let counts = Histogram { reset_hint, count, sum, ..Histogram::default() };
        samples.push_histogram(sample.timestamp_ms, Arc::new(counts));
        previous = Some(histogram);
    }
}
