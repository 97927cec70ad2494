//! Evaluates a tree over a reader.
//!
//! A [`Run`] is what a whole query shares: reader, budget, notes, counters, all of it usable
//! from many threads. A [`Scope`] is a run at certain steps: a subquery evaluates its inner
//! expression in a scope of its own. Work on one series never looks at another until rows meet in
//! an aggregation or a binary operation, so that loops over series are split between threads:
//! see [`blocks`]. Equal parts of a query are evaluated once: see [`shared`].

mod absent;
mod aggregate;
mod binary;
mod blocks;
mod bucket;
mod budget;
mod call;
mod date;
mod extended;
mod extended_histogram;
mod float;
mod gathering;
mod histogram_binary;
mod histogram_rate;
mod histogram_sum;
mod histogram_text;
mod info;
mod kahan;
mod label;
mod matching;
mod mixed;
mod native;
mod noting;
mod order;
mod over_time;
mod quantile;
mod rank;
mod rate;
mod reduced;
mod regression;
mod row;
mod run;
mod select;
mod set;
mod shared;
mod steps;
mod thin;
mod trace;
mod tracks;
mod trim;
mod window;
mod xxhash;

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod thin_tests;

use std::sync::Arc;

use metric::{Histogram, SeriesReader};

use crate::answer::{Answer, HistogramPoint, Point, Series, Value, VectorPoint};
use crate::error::{EvalError, LimitName};
use crate::expr::{AggregateOp, Expr, Kind, Node, ValueKind};
use crate::function::Function;
use crate::options::QueryOptions;
use row::{Datum, Row, Rows};
use run::{Run, Scope};
use steps::Steps;

/// Evaluates at one time.
pub(crate) fn instant(
    reader: &dyn SeriesReader,
    expr: &Expr,
    at_ms: i64,
    options: &QueryOptions,
) -> Result<Answer, EvalError> {
    let steps = Steps::one(at_ms);
    let run = Run::new(reader, expr, options, (at_ms, at_ms), 0);
    let scope = Scope::new(&run, steps);
    run.check()?;
    let root = expr.root.unparen();
    let value = match root.value_kind() {
        ValueKind::String => Value::String { timestamp_ms: at_ms, text: text(root) },
        ValueKind::Scalar => {
            let value = scope.rows(root)?.into_scalar().number(0);
            Value::Scalar(Point { timestamp_ms: at_ms, value })
        }
        ValueKind::Vector => {
            let mut rows = scope.finished_rows(root)?;
            if !orders(root) {
                rows.list.sort_by(|a, b| a.labels.cmp(&b.labels));
            }
            let point = |row: Row| {
                let (value, histogram) = match row.column.datum(0)? {
                    Datum::Float(value) => (value, None),
                    Datum::Histogram(histogram) => (f64::NAN, Some(histogram)),
                };
                Some((row.labels, VectorPoint { timestamp_ms: at_ms, value, histogram }))
            };
            Value::Vector(rows.list.into_iter().filter_map(point).collect())
        }
        ValueKind::Matrix => Value::Matrix(scope.matrix(root)?),
    };
    Ok(run.answer(value))
}

/// Evaluates at many steps.
pub(crate) fn range(
    reader: &dyn SeriesReader,
    expr: &Expr,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    options: &QueryOptions,
) -> Result<Answer, EvalError> {
    let root = expr.root.unparen();
    let kind = root.value_kind();
    if matches!(kind, ValueKind::String | ValueKind::Matrix) {
        let message = format!("a range query needs a scalar or an instant vector, not a {kind}");
        return Err(EvalError::invalid(message));
    }
    if step_ms <= 0 {
        return Err(EvalError::invalid("the step of a range query must be greater than 0"));
    }
    if end_ms < start_ms {
        return Err(EvalError::invalid("the end of a range query is before its start"));
    }
    let max = options.limits.points_per_series_max;
    let steps = Steps::between(start_ms, end_ms, step_ms, max, LimitName::PointsPerSeries)?;
    let run = Run::new(reader, expr, options, (start_ms, end_ms), step_ms);
    let scope = Scope::new(&run, steps);
    run.check()?;
    let mut rows = scope.finished_rows(root)?;
    rows.list.sort_by(|a, b| a.labels.cmp(&b.labels));
    // Points have a time beside each value.
    let values: usize = rows.list.iter().map(|row| row.column.present().count()).sum();
    let mut times = run.budget.charge();
    times.grow_bytes(8 * values)?;
    let series = |row: Row| {
        let point = |(step, value)| Point { timestamp_ms: steps.at(step), value };
        let histogram = |(step, histogram)| HistogramPoint {
            timestamp_ms: steps.at(step),
            histogram: Arc::clone(histogram),
        };
        Series {
            labels: row.labels,
            points: row.column.floats().map(point).collect(),
            histograms: row.column.histograms().map(histogram).collect(),
        }
    };
    let full = |series: &Series| !series.points.is_empty() || !series.histograms.is_empty();
    let matrix = rows.list.into_iter().map(series).filter(full).collect();
    drop(times);
    Ok(run.answer(Value::Matrix(matrix)))
}

fn text(node: &Node) -> String {
    match &node.unparen().kind {
        Kind::Text(text) => text.clone(),
        Kind::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

impl Scope<'_> {
    /// Evaluates a scalar or an instant vector; a scalar is one row without labels.
    pub(crate) fn rows(&self, node: &Node) -> Result<Rows, EvalError> {
        self.run.check()?;
        let watch = self.run.watch(node);
        let (rows, shared) = self.shared_rows(node, || self.evaluate(node))?;
        if let Some(watch) = watch {
            watch.finish(&rows, shared);
        }
        Ok(rows)
    }

    fn evaluate(&self, node: &Node) -> Result<Rows, EvalError> {
        if node.steady && self.steps.count > 1 && !is_leaf(node) {
            return self.steady_rows(node);
        }
        match &node.kind {
            Kind::Number(value) | Kind::Duration(value) => {
                Rows::scalar(&self.run.budget, self.steps.count, |_| *value)
            }
            Kind::Select(selector) => self.select(selector, node.span),
            Kind::Call { function, args } => self.call(*function, args, node.span),
            Kind::Aggregate(aggregate) => self.aggregate(aggregate, node.span),
            Kind::Negate(inner) => self.negate(inner),
            Kind::Binary(binary) => self.binary(binary, node.span),
            Kind::Plus(inner) | Kind::Paren(inner) => self.rows(inner),
            Kind::Text(_) | Kind::Bytes(_) | Kind::Range { .. } | Kind::Subquery { .. } => {
                let found = node.value_kind();
                Err(EvalError::invalid(format!("unexpected {found} in the expression")))
            }
        }
    }

    /// Evaluates once what is the same at every step.
    fn steady_rows(&self, node: &Node) -> Result<Rows, EvalError> {
        let once = self.at(Steps::one(self.steps.start_ms));
        let single = once.evaluate(node)?;
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for row in &single.list {
            rows.push(row.labels.clone(), row.drop_name, row.column.repeat_first(rows.steps()))?;
        }
        Ok(rows)
    }

    fn negate(&self, inner: &Node) -> Result<Rows, EvalError> {
        let mut rows = self.rows(inner)?;
        for row in &mut rows.list {
            row.column.map(|_, value| -value);
            row.column.map_histograms(|_, histogram| {
                let mut negative = Histogram::clone(histogram);
                negative.scale(-1.0);
                Some(Datum::Histogram(Arc::new(negative)))
            });
        }
        if inner.value_kind() == ValueKind::Vector {
            self.drop_names(&mut rows)?;
        }
        Ok(rows)
    }

    /// Removes the metric's name from every row, now or at the end.
    pub(crate) fn drop_names(&self, rows: &mut Rows) -> Result<(), EvalError> {
        for row in &mut rows.list {
            row.drop_name = true;
            if !self.run.options.delayed_name_removal {
                row.labels = row.labels.without_name();
            }
        }
        if self.run.options.delayed_name_removal {
            return Ok(());
        }
        rows.unite_same_labels()
    }

    /// Evaluates and removes the names whose removal was delayed.
    fn finished_rows(&self, node: &Node) -> Result<Rows, EvalError> {
        let mut rows = self.rows(node)?;
        for row in &mut rows.list {
            if row.drop_name {
                row.labels = row.labels.without_name();
            }
        }
        rows.remove_empty();
        rows.unite_same_labels()?;
        Ok(rows)
    }
}

/// Whether the order of a node's rows says something; all others are shown in label order.
fn orders(node: &Node) -> bool {
    match &node.unparen().kind {
        Kind::Call { function, .. } => matches!(
            function,
            Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc
        ),
        Kind::Aggregate(aggregate) => {
            matches!(aggregate.op, AggregateOp::TopK | AggregateOp::BottomK)
        }
        _ => false,
    }
}

/// Whether evaluating a node at every step costs no more than doing it once.
fn is_leaf(node: &Node) -> bool {
    matches!(node.kind, Kind::Number(_) | Kind::Duration(_) | Kind::Select(_) | Kind::Text(_))
}
