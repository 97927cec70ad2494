//! Binary operators between values that are not both numbers.

use std::sync::Arc;

use metric::{Histogram, IncompatibleBuckets, ResetHint};

use super::binary::apply;
use super::noting::{Noting, Operation};
use super::row::{Column, Datum};
use super::trim;
use crate::expr::{Binary, BinaryOp};

/// What an operator makes of two values, and whether a comparison holds; nothing if it does not
/// go with them, which is noted.
pub(crate) fn apply_any(
    op: BinaryOp,
    left: &Datum,
    right: &Datum,
    noting: &Noting<'_>,
) -> Option<(Datum, bool)> {
    let histogram = |histogram: Histogram| Some((Datum::Histogram(Arc::new(histogram)), true));
    match (left, op, right) {
        (Datum::Float(a), _, Datum::Float(b)) if !is_trim(op) => {
            let (value, holds) = apply(op, *a, *b);
            return Some((Datum::Float(value), holds));
        }
        (Datum::Histogram(a), BinaryOp::Add | BinaryOp::Sub, Datum::Histogram(b)) => {
            return combined(op, a, b, noting).and_then(histogram);
        }
        (Datum::Histogram(a), BinaryOp::Eq, Datum::Histogram(b)) => {
            return Some((left.clone(), a.same(b)));
        }
        (Datum::Histogram(a), BinaryOp::Ne, Datum::Histogram(b)) => {
            return Some((left.clone(), !a.same(b)));
        }
        (Datum::Float(factor), BinaryOp::Mul, Datum::Histogram(it))
        | (Datum::Histogram(it), BinaryOp::Mul, Datum::Float(factor)) => {
            let mut scaled = Histogram::clone(it);
            scaled.scale(*factor);
            scaled.compact();
            return histogram(scaled);
        }
        (Datum::Histogram(it), BinaryOp::Div, Datum::Float(divisor)) => {
            let mut scaled = Histogram::clone(it);
            scaled.divide(*divisor);
            scaled.compact();
            return histogram(scaled);
        }
        (Datum::Histogram(it), BinaryOp::TrimUpper, Datum::Float(limit)) => {
            return histogram(trim::below(it, *limit));
        }
        (Datum::Histogram(it), BinaryOp::TrimLower, Datum::Float(limit)) => {
            return histogram(trim::above(it, *limit));
        }
        _ => {}
    }
    let kind = |datum: &Datum| match datum {
        Datum::Float(_) => "float",
        Datum::Histogram(_) => "histogram",
    };
    noting.incompatible_types(kind(left), op.sign(), kind(right));
    None
}

/// The sum or the difference of two histograms.
fn combined(
    op: BinaryOp,
    left: &Histogram,
    right: &Histogram,
    noting: &Noting<'_>,
) -> Option<Histogram> {
    let mut result = left.clone();
    let (operation, merged) = if op == BinaryOp::Add {
        (Operation::Addition, result.add(right))
    } else {
        (Operation::Subtraction, result.subtract(right))
    };
    let Ok(merged) = merged.map_err(|IncompatibleBuckets| noting.incompatible_layout(op.sign()))
    else {
        return None;
    };
    if merged.bounds_reconciled {
        noting.bounds_reconciled(operation);
    }
    if merged.hints_collide {
        // As in Prometheus there is no result then.
        noting.hints_collide(operation);
        return None;
    }
    if op == BinaryOp::Sub {
        result.reset_hint = ResetHint::Gauge;
    }
    result.compact();
    Some(result)
}

/// The result that stays: with `bool` whether a comparison holds, otherwise what holds.
pub(crate) fn kept(applied: Option<(Datum, bool)>, return_bool: bool) -> Option<Datum> {
    let (datum, holds) = applied?;
    if return_bool {
        return Some(Datum::Float(f64::from(u8::from(holds))));
    }
    holds.then_some(datum)
}

/// A column with an operator applied to it and a scalar.
pub(crate) fn beside_scalar(
    node: &Binary,
    column: &Column,
    scalar: &Column,
    swapped: bool,
    noting: &Noting<'_>,
) -> Column {
    let mut out = Column::absent(column.steps());
    for step in column.present() {
        let Some(value) = column.datum(step) else { continue };
        let other = Datum::Float(scalar.number(step));
        let (a, b) = if swapped { (&other, &value) } else { (&value, &other) };
        let applied = apply_any(node.op, a, b, noting).map(|(result, holds)| {
            // A comparison keeps the vector's value, whichever side that is on.
            let result = if node.op.is_comparison() { value.clone() } else { result };
            (result, holds)
        });
        if let Some(result) = kept(applied, node.return_bool) {
            out.set_datum(step, result);
        }
    }
    out
}

/// Whether an operator cuts observations off a histogram.
pub(crate) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}
