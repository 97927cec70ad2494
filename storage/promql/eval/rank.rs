//! Aggregations that pick series: `topk`, `bottomk`, `limitk` and `limit_ratio`.

use std::cmp::Ordering;

use metric::Labels;

use super::matching::Groups;
use super::noting::Noting;
use super::quantile::nan_first;
use super::row::{Column, Row, Rows};
use super::run::Scope;
use super::xxhash;
use crate::error::EvalError;
use crate::expr::{Aggregate, AggregateOp, Span};
use crate::format::short_float;

impl Scope<'_> {
    /// Keeps the picked values of each group; at a single step, in the order of the pick.
    pub(crate) fn rank(
        &self,
        node: &Aggregate,
        param: &Column,
        (span, param_span): (Span, Span),
        mut rows: Rows,
    ) -> Result<Rows, EvalError> {
        if !self.check_param(node.op, param, param_span)? {
            rows.list.clear();
            return Ok(rows);
        }
        if let AggregateOp::TopK | AggregateOp::BottomK = node.op {
            let name = if node.op == AggregateOp::TopK { "topk" } else { "bottomk" };
            for row in rows.list.iter_mut().filter(|row| row.column.has_histograms()) {
                Noting::unnamed(self.run, span).ignored_in(name);
                row.column.remove_histograms();
            }
        }
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&rows.list, &node.grouping);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
        for (row, group) in numbers.iter().enumerate() {
            members[*group].push(row);
        }
        let steps = self.steps.count;
        let mut charge = self.run.budget.charge();
        charge.grow_values(rows.list.len() as u64 * steps as u64)?;
        let mut picked = vec![Column::absent(steps); rows.list.len()];
        let mut order = Vec::new();
        for members in &members {
            self.run.check()?;
            for step in 0..steps {
                let picks = pick(node.op, param.number(step), &rows.list, members, step);
                for row in &picks {
                    if let Some(datum) = rows.list[*row].column.datum(step) {
                        picked[*row].set_datum(step, datum);
                    }
                }
                if self.steps.is_instant() {
                    order.extend(picks);
                }
            }
        }
        for (row, column) in rows.list.iter_mut().zip(picked) {
            row.column = column;
        }
        if self.steps.is_instant() {
            rows.list = order.into_iter().map(|row| rows.list[row].clone()).collect();
        }
        rows.remove_empty();
        Ok(rows)
    }

    /// Whether anything is picked at all.
    fn check_param(&self, op: AggregateOp, param: &Column, span: Span) -> Result<bool, EvalError> {
        let values: Vec<f64> = param.floats().map(|(_, value)| value).collect();
        let any_nan = values.iter().any(|value| value.is_nan());
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        if op == AggregateOp::LimitRatio {
            if any_nan {
                return Err(EvalError::invalid("Ratio value is NaN"));
            }
            for (value, cap) in [(max, 1.0), (min, -1.0)] {
                if value.abs() > 1.0 && value.signum() == cap {
                    let value = short_float(value);
                    let text = "ratio value should be between -1 and 1, got";
                    self.run.warn(span, &format!("{text} {value}, capping to {cap}"));
                }
            }
            return Ok(max != 0.0 || min != 0.0);
        }
        if any_nan {
            return Err(EvalError::invalid("Parameter value is NaN"));
        }
        // Whatever is below 1 asks for nothing, minus infinity too.
        if max < 1.0 {
            return Ok(false);
        }
        for (value, wrong) in [(min, "underflows"), (max, "overflows")] {
            if value.abs() >= 9_223_372_036_854_774_784.0 {
                let value = short_float(value);
                return Err(EvalError::invalid(format!("Scalar value {value} {wrong} int64")));
            }
        }
        Ok(true)
    }
}

/// The rows of a group that are picked at a step.
fn pick(op: AggregateOp, param: f64, rows: &[Row], members: &[usize], step: usize) -> Vec<usize> {
    let present = members.iter().copied().filter(|row| rows[*row].column.has(step));
    if op == AggregateOp::LimitRatio {
        let ratio = param.clamp(-1.0, 1.0);
        return present.filter(|row| in_ratio(&rows[*row].labels, ratio)).collect();
    }
    // The cast saturates; below 1 nothing is picked.
    let k = param as usize;
    if k == 0 {
        return Vec::new();
    }
    let mut picks: Vec<usize> = match op {
        AggregateOp::LimitK => return present.take(k).collect(),
        _ => present.collect(),
    };
    let compare = |a: &usize, b: &usize| {
        let (a, b) = (rows[*a].column.number(step), rows[*b].column.number(step));
        best_first(op, a, b)
    };
    picks.sort_by(compare);
    picks.truncate(k);
    picks
}

/// The largest first for `topk`, the smallest first for `bottomk`, NaN last for both.
fn best_first(op: AggregateOp, a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan(), op) {
        (false, false, AggregateOp::TopK) => nan_first(&b, &a),
        (false, false, _) => nan_first(&a, &b),
        (a_nan, b_nan, _) => a_nan.cmp(&b_nan),
    }
}

/// Whether a label set falls into a ratio: a negative one is the complement of its counterpart.
fn in_ratio(labels: &Labels, ratio: f64) -> bool {
    let place = spread(labels);
    if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio }
}

/// A place from 0 to 1 that depends on nothing but the labels, the same as in Prometheus.
fn spread(labels: &Labels) -> f64 {
    xxhash::of_labels(labels) as f64 / u64::MAX as f64
}
