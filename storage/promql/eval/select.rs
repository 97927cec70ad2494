//! Instant selectors: each series is read once, and a cursor slides over its samples.

use metric::{Samples, is_stale};

use super::row::{Column, Rows};
use super::run::Scope;
use super::steps::References;
use crate::error::EvalError;
use crate::expr::Selector;

impl Scope<'_> {
    /// The latest sample of each series at each step.
    pub(crate) fn select(&self, selector: &Selector) -> Result<Rows, EvalError> {
        self.select_with(selector, |_, value| value)
    }

    /// The time in seconds of the latest sample of each series at each step.
    pub(crate) fn select_times(&self, selector: &Selector) -> Result<Rows, EvalError> {
        self.select_with(selector, |time_ms, _| time_ms as f64 / 1000.0)
    }

    fn select_with(
        &self,
        selector: &Selector,
        value_of: impl Fn(i64, f64) -> f64,
    ) -> Result<Rows, EvalError> {
        let run = self.run;
        let mut rows = Rows::new(&run.budget, self.steps.count);
        if self.steps.count == 0 {
            return Ok(rows);
        }
        let references = self.references(selector.shift);
        let (first_ms, last_ms) = references.bounds();
        let lookback_ms = run.options.lookback_ms.max(1);
        let from_ms = first_ms.saturating_sub(lookback_ms).saturating_add(1);
        let selection = run.find(selector, from_ms, last_ms)?;
        let mut samples = Samples::new();
        let mut charge = run.budget.charge();
        for i in 0..selection.len() {
            run.check()?;
            selection.read(i, &mut samples)?;
            run.count_samples(samples.len());
            charge.resize(samples.len() as u64)?;
            if samples.is_empty() {
                continue;
            }
            let column = latest(&samples, references, lookback_ms, &value_of);
            rows.push(selection.labels(i).clone(), false, column)?;
        }
        Ok(rows)
    }
}

/// At each reference time the latest sample at or before it, unless it is stale or too old.
fn latest(
    samples: &Samples,
    references: References,
    lookback_ms: i64,
    value_of: impl Fn(i64, f64) -> f64,
) -> Column {
    let (times, values) = (samples.timestamps(), samples.values());
    let mut column = Column::absent(references.count());
    let mut behind = 0;
    for step in 0..references.count() {
        let reference_ms = references.at(step);
        while behind < times.len() && times[behind] <= reference_ms {
            behind += 1;
        }
        let Some(i) = behind.checked_sub(1) else {
            continue;
        };
        let fresh = times[i] > reference_ms.saturating_sub(lookback_ms);
        if fresh && !is_stale(values[i]) {
            column.set(step, value_of(times[i], values[i]));
        }
    }
    column
}
