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
        limit: SelectLimit,
    ) -> Result<Box<dyn Selection>, ReadError>;

    /// As [`SeriesReader::select`], for callers that want the last sample of each series alone:
    /// reading may leave out all others of the range, and the order of the series says nothing. An
    /// engine that keeps the newest samples at hand answers this without decoding any.
    ///
    /// # Errors
    /// As [`SeriesReader::select`].
    fn select_last(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: SelectLimit,
    ) -> Result<Box<dyn Selection>, ReadError> {
        self.select(matchers, from_ms, to_ms, limit)
    }
}

/// The series that a selection found, in label order unless said otherwise; samples are decoded
/// on demand.
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

/// How much one selection may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectLimit {
    /// Most series found; more is an error, never a truncated answer.
    pub series_max: usize,
}

impl SelectLimit {
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

impl Default for SelectLimit {
    fn default() -> Self {
        Self { series_max: 500_000 }
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
