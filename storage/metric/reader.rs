//! How samples are read: what the query language asks of an engine.

use thiserror::Error;

use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::sample::Samples;

/// Anything that finds series by matchers and reads their samples.
pub trait SeriesReader: Send + Sync {
    /// Finds the series that satisfy all matchers and may have samples in `[from_ms, to_ms]`,
    /// both inclusive. The selection is a snapshot: what is appended later does not show.
    ///
    /// # Errors
    /// More series than the limit, a damaged file, an engine that is closed.
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<Box<dyn Selection>, ReadError>;
}

/// The series that a selection found; samples are decoded on demand.
pub trait Selection: Send + Sync {
    /// The number of series.
    fn len(&self) -> usize;

    /// Whether no series was found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of a series. `i` is below [`Selection::len`].
    fn labels(&self, i: usize) -> &Labels;

    /// Replaces `out` with the samples of a series within the selected range, ascending, stale
    /// markers included. There may be none. `i` is below [`Selection::len`].
    ///
    /// # Errors
    /// A damaged or vanished file.
    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError>;
}

/// What is asked of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select {
    /// Most series found; more is an error, never a truncated answer.
    pub series_max: usize,
    /// Only the last sample of each series in the range is wanted: reading may leave out all
    /// others. An engine that keeps the newest samples at hand decodes none for this.
    pub last_only: bool,
    /// The order of the series says nothing; otherwise they come in label order.
    pub any_order: bool,
}

impl Select {
    /// Checks a number of series.
    ///
    /// # Errors
    /// More than the limit.
    pub fn check(&self, series: usize) -> Result<(), ReadError> {
        if series > self.series_max {
            return Err(ReadError::Limit { limit: "series_max", max: self.series_max });
        }
        Ok(())
    }
}

impl Default for Select {
    fn default() -> Self {
        Self { series_max: 500_000, last_only: false, any_order: false }
    }
}

/// Why reading failed.
#[derive(Debug, Clone, Error)]
pub enum ReadError {
    /// A limit was exceeded.
    #[error("the selection exceeds the limit {limit} of {max}")]
    Limit {
        /// Name of the limit.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// A file does not hold what it should.
    #[error("damaged data in {file}: {detail}")]
    Corrupt {
        /// Path of the file.
        file: String,
        /// What was wrong.
        detail: String,
    },
    /// The disk or the engine is not available now.
    #[error("reading is not possible now: {detail}")]
    Unavailable {
        /// Why.
        detail: String,
    },
}
