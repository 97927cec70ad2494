//! Sorting, which shows in the answers of instant queries only.

use std::cmp::Ordering;

use super::call::argument;
use super::label::text;
use super::row::Rows;
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::Node;

impl Scope<'_> {
    pub(crate) fn sort_by_value(&self, arg: &Node, descending: bool) -> Result<Rows, EvalError> {
        let mut rows = self.rows(arg)?;
        for row in &mut rows.list {
            row.column.remove_histograms();
        }
        rows.remove_empty();
        if !self.steps.is_instant() {
            return Ok(rows);
        }
        rows.list.sort_by(|a, b| {
            let (a, b) = (a.column.number(0), b.column.number(0));
            let order = a.partial_cmp(&b).map(|o| if descending { o.reverse() } else { o });
            // NaN is last in both directions.
            order.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        });
        Ok(rows)
    }

    pub(crate) fn sort_by_label(&self, args: &[Node], descending: bool) -> Result<Rows, EvalError> {
        let names = (1..args.len()).map(|i| text(args, i)).collect::<Result<Vec<_>, _>>()?;
        let mut rows = self.rows(argument(args, 0)?)?;
        if !self.steps.is_instant() {
            return Ok(rows);
        }
        rows.list.sort_by(|a, b| {
            let mut order = Ordering::Equal;
            for name in &names {
                let (a, b) = (a.labels.get(name), b.labels.get(name));
                order = order.then_with(|| natural(a.unwrap_or(""), b.unwrap_or("")));
            }
            order = order.then_with(|| a.labels.cmp(&b.labels));
            if descending { order.reverse() } else { order }
        });
        Ok(rows)
    }
}

/// Compares texts by chunks, of which those of digits are compared as numbers.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    while !rest_a.is_empty() && !rest_b.is_empty() {
        let (chunk_a, after_a) = chunk(rest_a);
        let (chunk_b, after_b) = chunk(rest_b);
        let order = match (number(chunk_a), number(chunk_b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => chunk_a.cmp(chunk_b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (rest_a, rest_b) = (after_a, after_b);
    }
    // Numbers that differ only in leading zeros keep a certain order.
    rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b))
}

fn number(chunk: &str) -> Option<u64> {
    chunk.parse().ok()
}

/// The longest beginning that is all digits or has none.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}
