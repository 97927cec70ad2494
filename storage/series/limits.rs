//! How many series memory takes: in all, of one metric, from one source.

use std::sync::PoisonError;

use crate::engine::Series;

/// How many series may be in memory; new ones beyond are refused, known ones go on. `usize::MAX`
/// sets no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    /// All series.
    pub all: usize,
    /// Series of one metric.
    pub per_metric: usize,
    /// Series that one source sends; see [`crate::Batch::from_source`].
    pub per_source: usize,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self { all: 2_000_000, per_metric: 200_000, per_source: 500_000 }
    }
}

impl Series {
    /// Other limits from now on; series beyond them stay until they stand idle.
    pub fn set_series_limits(&self, limits: SeriesLimits) {
        *self.engine().limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// The limits in force.
    #[must_use]
    pub fn series_limits(&self) -> SeriesLimits {
        *self.engine().limits.read().unwrap_or_else(PoisonError::into_inner)
    }
}
