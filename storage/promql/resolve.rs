//! What is done to a tree before it is evaluated: durations that depend on the query's times are
//! computed.

use std::borrow::Cow;

use crate::error::EvalError;
use crate::expr::{Expr, Kind, Node};
use crate::formula::QueryTimes;

/// The expression with all its durations known.
pub(crate) fn resolved(expr: &Expr, times: QueryTimes) -> Result<Cow<'_, Expr>, EvalError> {
    if !expr.unresolved {
        return Ok(Cow::Borrowed(expr));
    }
    let mut expr = expr.clone();
    resolve(&mut expr.root, times)?;
    Ok(Cow::Owned(expr))
}

fn resolve(node: &mut Node, times: QueryTimes) -> Result<(), EvalError> {
    if let Some(formulas) = &node.formulas {
        let range_ms = formulas.range.as_ref().map(|range| range.millis(times, false));
        let step_ms = formulas.step.as_ref().map(|step| step.millis(times, false));
        let offset_ms = formulas.offset.as_ref().map(|offset| offset.millis(times, true));
        if let Some(millis) = offset_ms {
            set_offset(&mut node.kind, millis?);
        }
        match &mut node.kind {
            Kind::Range { range_ms: range, .. } | Kind::Subquery { range_ms: range, .. } => {
                *range = range_ms.unwrap_or(Ok(*range))?;
            }
            _ => {}
        }
        if let (Kind::Subquery { step_ms: step, .. }, Some(millis)) = (&mut node.kind, step_ms) {
            *step = Some(millis?);
        }
    }
    match &mut node.kind {
        Kind::Subquery { inner, .. }
        | Kind::Negate(inner)
        | Kind::Plus(inner)
        | Kind::Paren(inner) => resolve(inner, times),
        Kind::Call { args, .. } => args.iter_mut().try_for_each(|arg| resolve(arg, times)),
        Kind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().try_for_each(|param| resolve(param, times))?;
            resolve(&mut aggregate.inner, times)
        }
        Kind::Binary(binary) => {
            resolve(&mut binary.left, times)?;
            resolve(&mut binary.right, times)
        }
        Kind::Number(_)
        | Kind::Duration(_)
        | Kind::Text(_)
        | Kind::Bytes(_)
        | Kind::Select(_)
        | Kind::Range { .. } => Ok(()),
    }
}

fn set_offset(kind: &mut Kind, offset_ms: i64) {
    match kind {
        Kind::Select(selector) | Kind::Range { selector, .. } => {
            selector.shift.offset_ms = offset_ms;
        }
        Kind::Subquery { shift, .. } => shift.offset_ms = offset_ms,
        _ => {}
    }
}
