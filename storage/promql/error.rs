//! Why a query is refused or fails.

use std::fmt;

use metric::ReadError;
use thiserror::Error;

/// A text that is not a PromQL expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// What is wrong, in lower case and without the place.
    pub message: String,
    /// First byte of the text at fault.
    pub start: usize,
    /// First byte behind the text at fault; equals `start` at the end of the input.
    pub end: usize,
    /// Line of `start`, from 1.
    pub line: usize,
    /// Column of `start` in its line in characters, from 1.
    pub column: usize,
}

impl ParseError {
    pub(crate) fn new(query: &str, start: usize, end: usize, message: impl Into<String>) -> Self {
        let start = start.min(query.len());
        let before = query.get(..start).unwrap_or(query);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let end = end.clamp(start, query.len());
        Self { message: message.into(), start, end, line, column }
    }
}

/// Why an evaluation fails.
#[derive(Debug, Clone, Error)]
pub enum EvalError {
    /// The query would exceed one of its limits.
    #[error("the query exceeds {limit} ({max})")]
    Limit {
        /// Which limit.
        limit: LimitName,
        /// Its value.
        max: u64,
    },
    /// The deadline passed.
    #[error("the query took longer than allowed")]
    DeadlineExceeded,
    /// The caller is no longer interested.
    #[error("the query was cancelled")]
    Cancelled,
    /// The data or a parameter is not what the expression needs.
    #[error("{0}")]
    Invalid(String),
    /// The reader failed.
    #[error(transparent)]
    Read(ReadError),
}

impl EvalError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn same_labels() -> Self {
        Self::invalid("vector cannot contain metrics with the same labelset")
    }
}

impl From<ReadError> for EvalError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Limit { limit: "series", max } => {
                Self::Limit { limit: LimitName::Series, max: max as u64 }
            }
            other => Self::Read(other),
        }
    }
}

/// The limits of [`crate::Limits`], by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitName {
    /// Samples and values held at one time.
    Samples,
    /// Memory that samples and values take at one time.
    MemoryBytes,
    /// Series found by one selector.
    Series,
    /// Points in one series of an answer.
    PointsPerSeries,
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Samples => "samples_max",
            Self::MemoryBytes => "memory_bytes_max",
            Self::Series => "series_max",
            Self::PointsPerSeries => "points_per_series_max",
        })
    }
}
