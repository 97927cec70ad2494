//! Aggregations over label sets.

use std::sync::Arc;

use hashbrown::HashMap;
use metric::{Labels, LabelsBuilder};

use super::gathering::Gathering;
use super::histogram_text;
use super::kahan::{Mean, Sum};
use super::matching::Groups;
use super::noting::Noting;
use super::quantile::{is_quantile, quantile};
use super::row::{Column, Datum, Row, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Aggregate, AggregateOp, Grouping, Kind, Span};
use crate::format::format_value;
use crate::quote::quote_bytes;

/// How many budget units a cell takes: it is some 40 bytes.
const CELL_UNITS: u64 = 5;

impl Scope<'_> {
    pub(crate) fn aggregate(&self, node: &Aggregate, span: Span) -> Result<Rows, EvalError> {
        let param = match &node.param {
            Some(param) if node.op != AggregateOp::CountValues => {
                Some(self.rows(param)?.into_scalar())
            }
            _ => None,
        };
        let rows = self.rows(node.inner.unparen())?;
        let param_span = node.param.as_ref().map_or(Span::default(), |p| p.unparen().span);
        match (node.op, param) {
            (AggregateOp::CountValues, _) => self.count_values(node, &rows),
            (AggregateOp::Quantile, Some(q)) => self.quantile(node, &q, param_span, &rows),
            (
                AggregateOp::TopK
                | AggregateOp::BottomK
                | AggregateOp::LimitK
                | AggregateOp::LimitRatio,
                Some(k),
            ) => self.rank(node, &k, (span, param_span), rows),
            (op, _) => self.fold(op, node, &rows),
        }
    }

    /// The aggregations that keep one cell per group and step.
    fn fold(&self, op: AggregateOp, node: &Aggregate, rows: &Rows) -> Result<Rows, EvalError> {
        let steps = self.steps.count;
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&rows.list, &node.grouping);
        let mut gathering = Gathering::new(self.run, op, node.inner.unparen().span);
        let mut charge = self.run.budget.charge();
        charge.grow_values(groups.len() as u64 * steps as u64 * CELL_UNITS)?;
        let mut cells: Vec<Option<Cell>> = vec![None; groups.len() * steps];
        for (row, group) in rows.list.iter().zip(&numbers) {
            self.run.check()?;
            let cells = &mut cells[group * steps..(group + 1) * steps];
            let mut add = |step: usize, value: f64| match &mut cells[step] {
                Some(cell) => cell.add(op, value),
                empty => *empty = Some(Cell::of(op, value)),
            };
            row.column.floats().for_each(|(step, value)| add(step, value));
            for (step, histogram) in row.column.histograms() {
                match op {
                    // It counts, whatever it is.
                    AggregateOp::Count | AggregateOp::Group => add(step, f64::NAN),
                    _ => {
                        gathering.add(group * steps + step, histogram, &row.labels, &mut charge)?;
                    }
                }
            }
        }
        let gathered = gathering.finish(&mut cells);
        let dropping = dropping_names(&rows.list, &numbers, groups.len());
        let mut out = Rows::new(&self.run.budget, steps);
        for (group, drop_name) in dropping.into_iter().enumerate() {
            let mut column = Column::absent(steps);
            let first = group * steps;
            for (step, cell) in cells[first..first + steps].iter().enumerate() {
                if let Some(cell) = cell {
                    column.set(step, cell.finish(op));
                }
            }
            for (at, histogram) in gathered.range(first..first + steps) {
                column.set_datum(at - first, Datum::Histogram(Arc::clone(histogram)));
            }
            out.push(groups.key(group).clone(), drop_name, column)?;
        }
        Ok(out)
    }

    fn quantile(
        &self,
        node: &Aggregate,
        q: &Column,
        span: Span,
        rows: &Rows,
    ) -> Result<Rows, EvalError> {
        for (_, q) in q.floats().filter(|(_, q)| !is_quantile(*q)) {
            self.warn_quantile(span, q);
        }
        let steps = self.steps.count;
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&rows.list, &node.grouping);
        let mut members: Vec<Vec<&Row>> = vec![Vec::new(); groups.len()];
        for (row, group) in rows.list.iter().zip(&numbers) {
            members[*group].push(row);
        }
        let dropping = dropping_names(&rows.list, &numbers, groups.len());
        if rows.list.iter().any(|row| row.column.has_histograms()) {
            Noting::unnamed(self.run, node.inner.unparen().span).ignored_in("quantile");
        }
        let mut out = Rows::new(&self.run.budget, steps);
        let mut values = Vec::new();
        for (group, members) in members.iter().enumerate() {
            self.run.check()?;
            let mut column = Column::absent(steps);
            for step in 0..steps {
                values.clear();
                values.extend(members.iter().filter_map(|row| row.column.get(step)));
                if !values.is_empty() {
                    column.set(step, quantile(q.number(step), &mut values));
                }
            }
            out.push(groups.key(group).clone(), dropping[group], column)?;
        }
        Ok(out)
    }

    /// How many series of each group have which value; the value becomes a label.
    fn count_values(&self, node: &Aggregate, rows: &Rows) -> Result<Rows, EvalError> {
        let label = match node.param.as_ref().map(|param| &param.unparen().kind) {
            Some(Kind::Text(label)) if !label.is_empty() => label,
            Some(Kind::Bytes(label)) => {
                let message = format!("invalid label name {}", quote_bytes(label));
                return Err(EvalError::invalid(message));
            }
            _ => return Err(EvalError::invalid("invalid label name \"\"")),
        };
        let mut grouping = node.grouping.clone();
        if !grouping.without {
            grouping.names.push(label.clone());
            grouping = Grouping::by(grouping.names);
        }
        let steps = self.steps.count;
        let mut out = Rows::new(&self.run.budget, steps);
        let mut index: HashMap<Labels, usize> = HashMap::new();
        for row in &rows.list {
            self.run.check()?;
            let mut place_of = |out: &mut Rows, value: &str| {
                let mut labels = LabelsBuilder::from_labels(&row.labels);
                labels.set(label, value);
                place(out, &mut index, grouping.key(&labels.build().unwrap_or_default()))
            };
            let mut last: Option<(u64, usize)> = None;
            for (step, value) in row.column.floats() {
                let bits = value.to_bits();
                let at = match last {
                    Some((known, at)) if known == bits => at,
                    _ => place_of(&mut out, &format_value(value))?,
                };
                last = Some((bits, at));
                count_one(&mut out.list[at].column, step);
            }
            for (step, histogram) in row.column.histograms() {
                let at = place_of(&mut out, &histogram_text::text(histogram))?;
                count_one(&mut out.list[at].column, step);
            }
        }
        Ok(out)
    }
}

fn count_one(column: &mut Column, step: usize) {
    column.set(step, column.get(step).unwrap_or(0.0) + 1.0);
}

/// The row with these labels, made if it is not there.
fn place(
    out: &mut Rows,
    index: &mut HashMap<Labels, usize>,
    labels: Labels,
) -> Result<usize, EvalError> {
    if let Some(at) = index.get(&labels) {
        return Ok(*at);
    }
    out.reserve(1)?;
    out.reserve_text(labels.encoded().0.len())?;
    let column = Column::absent(out.steps());
    out.list.push(Row { labels: labels.clone(), drop_name: false, column });
    index.insert(labels, out.list.len() - 1);
    Ok(out.list.len() - 1)
}

/// Which groups have a member that waits for its name to be removed.
fn dropping_names(rows: &[Row], numbers: &[usize], groups: usize) -> Vec<bool> {
    let mut dropping = vec![false; groups];
    for (row, group) in rows.iter().zip(numbers) {
        dropping[*group] |= row.drop_name;
    }
    dropping
}

/// What an aggregation knows of one group at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell {
    Sum(Sum),
    Mean(Mean),
    Value(f64),
    Variance { count: f64, mean: f64, squares: f64 },
}

impl Cell {
    fn of(op: AggregateOp, value: f64) -> Self {
        match op {
            AggregateOp::Sum => Self::Sum(Sum::of(value)),
            AggregateOp::Avg => Self::Mean(Mean::of(value)),
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                let squares = if value.is_finite() { 0.0 } else { f64::NAN };
                Self::Variance { count: 1.0, mean: value, squares }
            }
            AggregateOp::Count | AggregateOp::Group => Self::Value(1.0),
            _ => Self::Value(value),
        }
    }

    fn add(&mut self, op: AggregateOp, value: f64) {
        match self {
            Self::Sum(sum) => sum.add(value),
            Self::Mean(mean) => mean.add(value),
            Self::Variance { count, mean, squares } => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
            Self::Value(kept) => match op {
                AggregateOp::Count => *kept += 1.0,
                AggregateOp::Max if *kept < value || kept.is_nan() => *kept = value,
                AggregateOp::Min if *kept > value || kept.is_nan() => *kept = value,
                _ => {}
            },
        }
    }

    fn finish(self, op: AggregateOp) -> f64 {
        match self {
            Self::Sum(sum) => sum.total(),
            Self::Mean(mean) => mean.mean(),
            Self::Value(value) => value,
            Self::Variance { count, squares, .. } => {
                let variance = squares / count;
                if op == AggregateOp::Stddev { variance.sqrt() } else { variance }
            }
        }
    }
}
