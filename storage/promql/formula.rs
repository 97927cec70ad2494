//! Durations that are computed when a query is evaluated, such as `[5m * 2]` or `offset step()`.

use std::cmp::Ordering;

use crate::error::EvalError;
use crate::expr::Span;

/// Longest duration in seconds: what fits into 64 bits of nanoseconds, as in Prometheus.
pub(crate) const DURATION_S_MAX: f64 = 9_223_372_036.854_775;

/// The durations of one node that are computed; most nodes have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Formulas {
    pub(crate) range: Option<Formula>,
    pub(crate) step: Option<Formula>,
    pub(crate) offset: Option<Formula>,
}

/// A computed duration.
#[derive(Debug, Clone)]
pub(crate) struct Formula {
    pub(crate) kind: FormulaKind,
    pub(crate) span: Span,
}

/// Equal are formulas that are written alike, wherever they stand.
impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FormulaKind {
    /// A plain number of seconds.
    Seconds(f64),
    /// A duration literal, in seconds.
    Duration(f64),
    /// The step of the query.
    Step,
    /// From the start to the end of the query.
    Range,
    Negate(Box<Formula>),
    Paren(Box<Formula>),
    Binary(FormulaOp, Box<Formula>, Box<Formula>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormulaOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    /// `min_of(a, b)`.
    Min,
    /// `max_of(a, b)`.
    Max,
}

/// What a formula may ask of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryTimes {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// 0 in an instant query.
    pub(crate) step_ms: i64,
}

impl Formula {
    /// The number, if the formula is nothing but a literal.
    pub(crate) fn literal(&self) -> Option<f64> {
        match self.kind {
            FormulaKind::Seconds(value) | FormulaKind::Duration(value) => Some(value),
            _ => None,
        }
    }

    /// The duration in milliseconds, cut to whole ones; only an offset may be negative.
    pub(crate) fn millis(&self, times: QueryTimes, is_offset: bool) -> Result<i64, EvalError> {
        let seconds = self.seconds(times)?;
        if seconds.is_nan() || seconds.abs() > DURATION_S_MAX {
            return Err(self.refuse("duration is out of range"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked against the range above")]
        let millis = (seconds * 1000.0) as i64;
        if millis <= 0 && !is_offset {
            return Err(self.refuse("duration must be greater than 0"));
        }
        Ok(millis)
    }

    fn seconds(&self, times: QueryTimes) -> Result<f64, EvalError> {
        Ok(match &self.kind {
            FormulaKind::Seconds(value) | FormulaKind::Duration(value) => *value,
            FormulaKind::Step => times.step_ms as f64 / 1000.0,
            FormulaKind::Range => times.end_ms.saturating_sub(times.start_ms) as f64 / 1000.0,
            FormulaKind::Negate(inner) => -inner.seconds(times)?,
            FormulaKind::Paren(inner) => inner.seconds(times)?,
            FormulaKind::Binary(op, left, right) => {
                let (left, right) = (left.seconds(times)?, right.seconds(times)?);
                match op {
                    FormulaOp::Div if right == 0.0 => return Err(self.refuse("division by zero")),
                    FormulaOp::Mod if right == 0.0 => return Err(self.refuse("modulo by zero")),
                    _ => op.apply(left, right),
                }
            }
        })
    }

    fn refuse(&self, text: &str) -> EvalError {
        EvalError::invalid(format!("{}:{}: {text}", self.span.start, self.span.end))
    }
}

impl FormulaOp {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Min => "min_of",
            Self::Max => "max_of",
        }
    }

    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Mod => left % right,
            Self::Pow => left.powf(right),
            Self::Min if left.partial_cmp(&right) == Some(Ordering::Greater) => right,
            Self::Max if left.partial_cmp(&right) == Some(Ordering::Less) => right,
            Self::Min | Self::Max => left,
        }
    }
}
