//! What a query answers.

use std::sync::Arc;

use metric::{Histogram, Labels};

use crate::analysis::NodeCost;

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
    /// What each node of the tree cost, if [`crate::QueryOptions::analyze`] asked for it.
    pub analysis: Option<Box<NodeCost>>,
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
    Vector(Vec<(Labels, VectorPoint)>),
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

/// A value of a vector at a time: a number or a native histogram.
#[derive(Debug, Clone)]
pub struct VectorPoint {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The number; NaN if there is a histogram.
    pub value: f64,
    /// The histogram, if it is one.
    pub histogram: Option<Arc<Histogram>>,
}

impl VectorPoint {
    /// The point, if it is a number.
    #[must_use]
    pub fn number(&self) -> Option<Point> {
        let point = Point { timestamp_ms: self.timestamp_ms, value: self.value };
        self.histogram.is_none().then_some(point)
    }
}

impl From<Point> for VectorPoint {
    fn from(point: Point) -> Self {
        Self { timestamp_ms: point.timestamp_ms, value: point.value, histogram: None }
    }
}

impl PartialEq for VectorPoint {
    /// Equality of numbers; histograms are equal when each of their numbers has the same bits.
    fn eq(&self, other: &Self) -> bool {
        let same_value = match (&self.histogram, &other.histogram) {
            (None, None) => self.value == other.value,
            (Some(a), Some(b)) => a.same(b),
            _ => false,
        };
        same_value && self.timestamp_ms == other.timestamp_ms
    }
}

/// A native histogram at a time.
#[derive(Debug, Clone)]
pub struct HistogramPoint {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The distribution.
    pub histogram: Arc<Histogram>,
}

impl PartialEq for HistogramPoint {
    /// Histograms are equal when each of their numbers has the same bits.
    fn eq(&self, other: &Self) -> bool {
        self.timestamp_ms == other.timestamp_ms && self.histogram.same(&other.histogram)
    }
}

/// The points of one series, ascending: there is a number, a histogram or nothing at each time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// What identifies the series.
    pub labels: Labels,
    /// The numbers. Empty only if there are histograms.
    pub points: Vec<Point>,
    /// The native histograms; most series have none.
    pub histograms: Vec<HistogramPoint>,
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
    /// Most bytes that they and the labels beside them took at one time, about.
    pub memory_bytes_peak: u64,
    /// Values in the answer.
    pub points: u64,
}
