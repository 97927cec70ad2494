//! PromQL: parses queries and evaluates them over any series reader, as Prometheus does.
//!
//! A query is parsed into an [`Expr`] of our own, each node of which knows its place in the
//! text. Evaluation is columnar: each selector reads every series once and slides over all steps
//! of the query, and each node turns rows (a label set with one value per step) into rows.
//!
//! Invariants: nothing here reads a clock except to honour a deadline, nothing does I/O except
//! through the [`metric::SeriesReader`]; a query never holds more samples, series or points than
//! its [`Limits`] allow; no input, however hostile, makes it panic or recurse without bound.

mod analysis;
mod answer;
mod error;
mod eval;
mod expr;
mod format;
mod formula;
mod function;
mod note;
mod options;
mod parse;
mod pretty;
mod print;
mod quote;
mod resolve;
mod selectors;
mod tree_json;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

use metric::SeriesReader;

use formula::QueryTimes;

pub use analysis::NodeCost;
pub use answer::{Answer, EvalStats, HistogramPoint, Point, Series, Value, VectorPoint};
pub use error::{EvalError, LimitName, ParseError};
pub use expr::{Expr, Span, ValueKind};
pub use format::{format_value, parse_duration_ms};
pub use options::{Cancel, Limits, QueryOptions};
pub use parse::{parse, parse_selector};
pub use pretty::format_query;

/// The names of all functions, in order; for completion.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    function::Function::ALL.iter().map(|function| function.name())
}

/// The names of all aggregations, in order; for completion.
pub fn aggregation_names() -> impl Iterator<Item = &'static str> {
    expr::AggregateOp::NAMES.iter().map(|(name, _)| *name)
}

/// Evaluates an expression at one time, in milliseconds since the epoch.
///
/// The answer is a scalar, a string, a vector, or, for a range selector, a matrix.
///
/// # Errors
/// A limit that would be exceeded, a deadline or cancellation, data that the expression cannot
/// work on (such as many-to-many matching), or a reader that fails.
pub fn query_instant(
    reader: &dyn SeriesReader,
    expr: &Expr,
    at_ms: i64,
    options: &QueryOptions,
) -> Result<Answer, EvalError> {
    let times = QueryTimes { start_ms: at_ms, end_ms: at_ms, step_ms: 0 };
    let expr = resolve::resolved(expr, times)?;
    eval::instant(reader, &expr, at_ms, options)
}

/// Evaluates an expression at `start_ms`, and every `step_ms` from there up to `end_ms`.
///
/// The answer is a matrix in label order.
///
/// # Errors
/// As [`query_instant`]; and a step that is not positive, an end before the start, an expression
/// that is neither scalar nor instant vector.
pub fn query_range(
    reader: &dyn SeriesReader,
    expr: &Expr,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    options: &QueryOptions,
) -> Result<Answer, EvalError> {
    let expr = resolve::resolved(expr, QueryTimes { start_ms, end_ms, step_ms })?;
    eval::range(reader, &expr, start_ms, end_ms, step_ms, options)
}
