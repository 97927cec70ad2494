//! Old samples that were thinned out, so that each stands for many.
//!
//! A store may keep, of old samples, one for each span of time, and tell of it what a function asks
//! for: the smallest value to `min_over_time`, the sum to `sum_over_time`, a counter without resets
//! to `rate`. Windows that reach into such samples and are too short for them are stretched, and
//! what grows with the length of the window is scaled back; instant selectors look back as far as
//! such samples lie apart. Windows among samples as they came are as Prometheus has them.

use std::collections::HashMap;

use metric::{Aggregate, Labels, Thinned};

use super::row::{Column, Datum, Rows};
use super::run::Scope;
use super::steps::References;
use crate::expr::{Kind, Node, Span};
use crate::function::Function;

/// Resolutions that a window must hold to have a change: two samples, and some more for where they
/// lie.
const CHANGE_SPANS: (i64, i64) = (5, 2);
/// The same to have a sample.
const SAMPLE_SPANS: (i64, i64) = (5, 4);
/// A window is asked for at so many samples at least, where the store has the choice.
const SAMPLES_A_WINDOW: i64 = 4;

/// What a function asks of samples that stand for many.
pub(crate) fn aggregate_of(function: Function) -> Aggregate {
    match function {
        Function::Rate | Function::Increase | Function::Irate => Aggregate::Counter,
        Function::MinOverTime | Function::TsOfMinOverTime => Aggregate::Min,
        Function::MaxOverTime | Function::TsOfMaxOverTime => Aggregate::Max,
        Function::SumOverTime => Aggregate::Sum,
        Function::CountOverTime => Aggregate::Count,
        _ => Aggregate::Last,
    }
}

/// What a selection is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) aggregate: Aggregate,
    /// How far apart samples may lie.
    pub(crate) resolution_ms: i64,
    /// Whether the windows must hold two samples.
    pub(crate) change: bool,
}

/// How windows reach into samples that were thinned out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// The last time of those samples.
    until_ms: i64,
    /// How far apart they lie.
    resolution_ms: i64,
    /// Length of windows that reach into them.
    range_ms: i64,
}

impl Stretch {
    /// The length of a window that ends at a time and is `range_ms` long among other samples.
    pub(crate) fn range_ms(&self, end_ms: i64, range_ms: i64) -> i64 {
        let reaches = end_ms.saturating_sub(range_ms) < self.until_ms;
        if reaches { self.range_ms.max(range_ms) } else { range_ms }
    }

    /// How far apart samples lie behind a time, if they were thinned out there, else 0.
    pub(crate) fn apart_ms(&self, at_ms: i64) -> i64 {
        if at_ms < self.until_ms { self.resolution_ms } else { 0 }
    }
}

/// A function's value for a stretched window, as it would be for the window that was asked for.
pub(crate) fn scaled(function: Function, value: f64, share: f64) -> f64 {
    let grows = matches!(
        function,
        Function::Increase
            | Function::Delta
            | Function::SumOverTime
            | Function::CountOverTime
            | Function::Resets
            | Function::Changes
    );
    if grows { value * share } else { value }
}

impl Scope<'_> {
    /// What a range function asks of a selection.
    pub(crate) fn ask(&self, function: Function, range_ms: i64) -> Asked {
        let change = matches!(
            function,
            Function::Rate
                | Function::Increase
                | Function::Irate
                | Function::Delta
                | Function::Idelta
                | Function::Deriv
                | Function::PredictLinear
        );
        let resolution_ms = self.resolution_ms().min(range_ms / SAMPLES_A_WINDOW);
        Asked { aggregate: aggregate_of(function), resolution_ms, change }
    }

    /// How far apart samples may lie for the sake of the steps; 0 for a single one.
    pub(crate) fn resolution_ms(&self) -> i64 {
        if self.steps.is_instant() { 0 } else { self.steps.step_ms }
    }

    /// How windows are to be stretched, if samples in a range were thinned out, of which the answer
    /// then tells.
    pub(crate) fn stretch(
        &self,
        (from_ms, to_ms): (i64, i64),
        asked: Asked,
        span: Span,
    ) -> Option<Stretch> {
        let thinned = self.run.thinned((from_ms, to_ms), asked.resolution_ms)?;
        self.run.note_thinned(span, thinned);
        let Thinned { resolution_ms, until_ms } = thinned;
        let (times, of) = if asked.change { CHANGE_SPANS } else { SAMPLE_SPANS };
        Some(Stretch {
            until_ms,
            resolution_ms,
            range_ms: resolution_ms.saturating_mul(times) / of,
        })
    }

    /// Whether a range vector reads samples that were thinned out.
    pub(crate) fn reads_thinned(&self, range: &Node) -> bool {
        let Kind::Range { selector, range_ms } = &range.unparen().kind else { return false };
        let (first_ms, last_ms) = self.references(selector.shift).bounds();
        let asked = self.ask(Function::SumOverTime, *range_ms);
        let from_ms = first_ms.saturating_sub(*range_ms);
        self.run.thinned((from_ms, last_ms), asked.resolution_ms).is_some()
    }

    /// Replaces averages of numbers by sums over counts.
    pub(crate) fn weigh(rows: &mut Rows, sums: &Rows, counts: &Rows) {
        let by_labels = |rows: &Rows| -> HashMap<Labels, Column> {
            rows.list.iter().map(|row| (row.labels.clone(), row.column.clone())).collect()
        };
        let (sums, counts) = (by_labels(sums), by_labels(counts));
        for row in &mut rows.list {
            let Some((sums, counts)) = sums.get(&row.labels).zip(counts.get(&row.labels)) else {
                continue;
            };
            for step in 0..row.column.steps() {
                if let Some((sum, count)) = sums.get(step).zip(counts.get(step)) {
                    row.column.set_datum(step, Datum::Float(sum / count));
                }
            }
        }
    }
}

/// How far selectors look back from each step.
pub(crate) fn lookback_ms(lookback_ms: i64, stretch: Option<Stretch>, at_ms: i64) -> i64 {
    stretch.map_or(lookback_ms, |stretch| stretch.range_ms(at_ms, lookback_ms))
}

/// The first time that any step looks at.
pub(crate) fn first_ms(references: References, range_ms: i64, stretch: Option<Stretch>) -> i64 {
    let first_ms = references.bounds().0;
    first_ms.saturating_sub(lookback_ms(range_ms, stretch, first_ms))
}
