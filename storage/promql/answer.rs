//! What a query answers.

use metric::Labels;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The values.
    pub value: Value,
    /// What is probably wrong with the query or the data, with line and column; sorted.
    pub warnings: Vec<String>,
    /// What may be worth knowing about the query or the data; sorted.
    pub infos: Vec<String>,
    /// What the evaluation cost.
    pub stats: EvalStats,
}

/// The values of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number at the time of the query.
    Scalar(Point),
    /// One text at the time of the query.
    String {
        /// Milliseconds since the epoch.
        timestamp_ms: i64,
        /// The text.
        text: String,
    },
    /// One point for each series, in the order that the expression asks for.
    Vector(Vec<(Labels, Point)>),
    /// Many points for each series, in label order.
    Matrix(Vec<Series>),
}

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The value.
    pub value: f64,
}

/// The points of one series, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What identifies the series.
    pub labels: Labels,
    /// Never empty.
    pub points: Vec<Point>,
}

/// What an evaluation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvalStats {
    /// Series that selectors found, counted once per selector.
    pub series: u64,
    /// Samples read from the reader, stale markers included.
    pub samples: u64,
    /// Most samples and values held at one time.
    pub samples_peak: u64,
    /// Values in the answer.
    pub points: u64,
}
