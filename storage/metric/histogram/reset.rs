//! Whether a counter was reset between two histograms.

use super::accumulate::{common_bounds, onto_bounds};
use super::body::{Body, Cells, cells};
use super::{Histogram, ResetHint, same_bits};

impl Histogram {
    /// Whether the histogram was reset since `previous`: a hint says so, something was counted
    /// that is gone now, or the buckets changed in a way that only a reset explains, which is a
    /// higher resolution or a narrower zero bucket.
    #[must_use]
    pub fn reset_since(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            // Gauges are compared too: whoever asks has been warned.
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() || previous.has_custom_buckets() {
            return self.custom_reset_since(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let mut before = Body::<f64>::of(previous);
        let wider = self.zero_threshold > before.zero_threshold;
        if wider && before.clear_of_buckets(self.zero_threshold) != self.zero_threshold {
            return true;
        }
        before.widen_zero(self.zero_threshold);
        before.reduce(self.schema);
        self.zero_count < before.zero_count
            || lost(&cells(&self.positive), &before.positive)
            || lost(&cells(&self.negative), &before.negative)
    }

    fn custom_reset_since(&self, previous: &Self) -> bool {
        if self.has_custom_buckets() != previous.has_custom_buckets() {
            return true;
        }
        let (now, before) = (cells(&self.positive), cells(&previous.positive));
        if same_bits(&self.custom_values, &previous.custom_values) {
            return lost(&now, &before);
        }
        let common = common_bounds(&self.custom_values, &previous.custom_values);
        let now = onto_bounds(&now, &self.custom_values, &common);
        lost(&now, &onto_bounds(&before, &previous.custom_values, &common))
    }
}

/// Whether any bucket has less than before.
fn lost(now: &Cells<f64>, before: &Cells<f64>) -> bool {
    let mut current = now.iter().copied().peekable();
    before.iter().any(|(index, count)| {
        while current.next_if(|(at, _)| at < index).is_some() {}
        match current.peek() {
            Some((at, found)) if at == index => found < count,
            _ => *count != 0.0,
        }
    })
}
