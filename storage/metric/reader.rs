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

    /// What a selection in `[from_ms, to_ms]` would read that was thinned out, if
    /// [`Select::resolution_ms`] is `wanted_ms`; `None` where all samples are as they came.
    fn thinned(&self, _from_ms: i64, _to_ms: i64, _wanted_ms: i64) -> Option<Thinned> {
        None
    }
}

/// Samples that stand for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thinned {
    /// How far apart they lie at most.
    pub resolution_ms: i64,
    /// The last time that one of them may have.
    pub until_ms: i64,
}

/// The series that a selection found; samples are decoded on demand.
pub trait Selection: Send + Sync {
    /// The number of series.
    fn len(&self) -> usize;

    /// Whether no series was found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some samples stand for many, in the way that [`Select::aggregate`] asks for.
    fn is_thinned(&self) -> bool {
        false
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

/// What one sample tells of the many that it stands for, where samples were thinned out. Samples
/// as they came tell the same of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// The last value.
    #[default]
    Last,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The sum of the values.
    Sum,
    /// How many there are; a sample as it came is 1 then.
    Count,
    /// The value of a counter as if it had never been reset in between.
    Counter,
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
    /// What samples are to tell that stand for many.
    pub aggregate: Aggregate,
    /// Samples may lie so far apart. An engine that thins old samples out in several ways takes
    /// the coarsest that is no coarser; 0 takes the finest that it has.
    pub resolution_ms: i64,
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
        Self {
            series_max: 500_000,
            last_only: false,
            any_order: false,
            aggregate: Aggregate::Last,
            resolution_ms: 0,
        }
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
