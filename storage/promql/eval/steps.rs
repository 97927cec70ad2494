//! The times at which an expression is evaluated, and where selectors look from there.

use crate::error::{EvalError, LimitName};
use crate::expr::{At, Shift};

/// Equidistant evaluation times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) fn one(at_ms: i64) -> Self {
        Self { start_ms: at_ms, step_ms: 1, count: 1 }
    }

    /// The steps from `start_ms` up to `end_ms`; none when the end is before the start.
    pub(crate) fn between(
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        max: usize,
        limit: LimitName,
    ) -> Result<Self, EvalError> {
        if end_ms < start_ms {
            return Ok(Self { start_ms, step_ms, count: 0 });
        }
        let count = (i128::from(end_ms) - i128::from(start_ms)) / i128::from(step_ms.max(1)) + 1;
        match usize::try_from(count) {
            Ok(count) if count <= max => Ok(Self { start_ms, step_ms, count }),
            _ => Err(EvalError::Limit { limit, max: max as u64 }),
        }
    }

    pub(crate) fn at(&self, step: usize) -> i64 {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(self.step_ms.saturating_mul(steps))
    }

    /// Whether a result may be in an order of its own, because there is only one step.
    pub(crate) fn is_instant(&self) -> bool {
        self.count == 1
    }
}

/// The times to which a selector's samples are related, one for each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct References {
    steps: Steps,
    offset_ms: i64,
    fixed_ms: Option<i64>,
}

impl References {
    /// `query` holds the first and the last time of the whole query.
    pub(crate) fn new(steps: Steps, shift: Shift, query: (i64, i64)) -> Self {
        let at = shift.at.map(|at| match at {
            At::Start => query.0,
            At::End => query.1,
            At::Time(time_ms) => time_ms,
        });
        let fixed_ms = at.map(|at_ms| at_ms.saturating_sub(shift.offset_ms));
        Self { steps, offset_ms: shift.offset_ms, fixed_ms }
    }

    pub(crate) fn at(&self, step: usize) -> i64 {
        self.fixed_ms.unwrap_or_else(|| self.steps.at(step).saturating_sub(self.offset_ms))
    }

    /// The earliest and the latest time.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        (self.at(0), self.at(self.steps.count.saturating_sub(1)))
    }

    pub(crate) fn count(&self) -> usize {
        self.steps.count
    }
}
