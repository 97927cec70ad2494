//! Why a query is refused or fails, in the kinds that Prometheus tells apart.

use kernel::error::Error;
use promql::{EvalError, LimitName, ParseError};

/// Why a query is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A parameter or the expression is wrong.
    #[error("{0}")]
    BadData(String),
    /// The expression cannot be evaluated over the data, or not within its limits.
    #[error("{0}")]
    Execution(String),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// The caller gave up.
    #[error("the query was cancelled")]
    Cancelled,
    /// The caller may not, or the service cannot.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl QueryError {
    /// A wrong parameter, in the words of Prometheus.
    pub(crate) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter {name:?}: {reason}"))
    }

    pub(crate) fn parse(name: &str, error: &ParseError) -> Self {
        Self::parameter(name, error)
    }

    pub(crate) fn panicked(error: tokio::task::JoinError) -> Self {
        Self::Refused(Error::internal("query.failed", error))
    }
}

impl From<EvalError> for QueryError {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::DeadlineExceeded => {
                Self::Timeout("query timed out in expression evaluation".to_owned())
            }
            EvalError::Cancelled => Self::Cancelled,
            EvalError::Read(error) => Self::from(error),
            EvalError::Limit { limit, .. } => Self::Execution(match setting(limit) {
                Some(key) => format!("{error}; the setting {key} says how much it may take"),
                None => error.to_string(),
            }),
            other => Self::Execution(other.to_string()),
        }
    }
}

/// The key of the configuration that sets a limit.
fn setting(limit: LimitName) -> Option<&'static str> {
    match limit {
        LimitName::Samples => Some("metrics.query_samples"),
        LimitName::MemoryBytes => Some("metrics.query_memory_bytes"),
        LimitName::Series => Some("metrics.query_series"),
        LimitName::PointsPerSeries => None,
    }
}

impl From<metric::ReadError> for QueryError {
    fn from(error: metric::ReadError) -> Self {
        match error {
            metric::ReadError::Limit { .. } => Self::Execution(error.to_string()),
            metric::ReadError::Unavailable { .. } => Self::Refused(
                Error::unavailable("query.unavailable", "the store cannot be read at present")
                    .caused_by(error),
            ),
            metric::ReadError::Corrupt { .. } => {
                Self::Refused(Error::internal("query.damaged", error))
            }
        }
    }
}

/// For services that query in the process.
impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::BadData(detail) => Self::invalid("query.bad_data", detail),
            QueryError::Execution(detail) => Self::unprocessable("query.execution", detail),
            QueryError::Timeout(detail) => Self::unavailable("query.timeout", detail),
            QueryError::Cancelled => {
                Self::unavailable("query.cancelled", "the query was cancelled")
            }
            QueryError::Refused(error) => error,
        }
    }
}
