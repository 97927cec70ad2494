//! Exemplars: single observations that stand for the many behind a sample.

use crate::labels::Labels;

/// Characters that the names and values of an exemplar's labels may have together, as OpenMetrics
/// 1.0 bounds them.
pub const EXEMPLAR_CHARS_MAX: usize = 128;

/// One observation with labels of its own, most often the id of a trace.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// Milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// What was observed.
    pub value: f64,
    /// Labels of the observation; not those of its series.
    pub labels: Labels,
}

impl Exemplar {
    /// Whether the labels are short enough to be accepted.
    #[must_use]
    pub fn fits(&self) -> bool {
        let chars = |text: &str| text.chars().count();
        let total: usize =
            self.labels.iter().map(|label| chars(label.name) + chars(label.value)).sum();
        total <= EXEMPLAR_CHARS_MAX
    }
}

impl PartialEq for Exemplar {
    /// Bit equality of values, so that NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        self.timestamp_ms == other.timestamp_ms
            && self.value.to_bits() == other.value.to_bits()
            && self.labels == other.labels
    }
}
