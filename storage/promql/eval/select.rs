//! Instant selectors: each series is read once, and a cursor slides over its samples.

use std::ops::Range;
use std::sync::Arc;

use metric::{ResetHint, Samples, Selection, is_stale};

use super::extended::interpolate;
use super::extended_histogram::between;
use super::noting::Noting;
use super::reduced::keep_counts;
use super::row::{Column, Datum, Rows, amount_of};
use super::run::{HistogramUse, Scope};
use super::steps::References;
use super::thin::{self, Asked};
use super::window::Window;
use crate::error::EvalError;
use crate::expr::{Edges, Kind, Node, Selector, Span};
use crate::function::Function;

/// What is wanted of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Values,
    /// Their times in seconds.
    Times,
}

impl Scope<'_> {
    /// The latest sample of each series at each step.
    pub(crate) fn select(&self, selector: &Selector, span: Span) -> Result<Rows, EvalError> {
        if selector.edges == Edges::Smoothed {
            return self.smooth(selector, span);
        }
        self.select_with(selector, Wanted::Values, span)
    }

    /// The time in seconds of the latest sample of each series at each step.
    pub(crate) fn select_times(&self, selector: &Selector, span: Span) -> Result<Rows, EvalError> {
        self.select_with(selector, Wanted::Times, span)
    }

    /// The value of each series at each step, interpolated between its neighbours.
    fn smooth(&self, selector: &Selector, span: Span) -> Result<Rows, EvalError> {
        let run = self.run;
        // A window of no length reaches as far back and ahead as selectors look.
        let node = Node {
            kind: Kind::Range { selector: selector.clone(), range_ms: 0 },
            span,
            steady: false,
            height: 1,
            formulas: None,
        };
        self.rows_of_tracks(&node, Function::LastOverTime, &|track, rows| {
            let noting = Noting::new(run, span, track.labels);
            let mut column = Column::absent(self.steps.count);
            track.each_window(|step, window| {
                if let Some(datum) = smoothed(window, &noting) {
                    column.set_datum(step, datum);
                }
                Ok(())
            })?;
            rows.push(track.labels.clone(), false, column)
        })
    }

    fn select_with(
        &self,
        selector: &Selector,
        wanted: Wanted,
        span: Span,
    ) -> Result<Rows, EvalError> {
        let run = self.run;
        if self.steps.count == 0 {
            return Ok(Rows::new(&run.budget, 0));
        }
        let references = self.references(selector.shift);
        let (first_ms, last_ms) = references.bounds();
        let lookback_ms = run.options.lookback_ms.max(1);
        let from_ms = first_ms.saturating_sub(lookback_ms).saturating_add(1);
        let asked = Asked { resolution_ms: self.resolution_ms(), ..Asked::default() };
        let stretch = self.stretch((from_ms, last_ms), asked, span);
        let from_ms = thin::first_ms(references, lookback_ms, stretch).saturating_add(1);
        let lookback_ms = |at_ms: i64| thin::lookback_ms(lookback_ms, stretch, at_ms);
        // Resets are told by the sample before the last.
        let last_alone = first_ms == last_ms && self.histograms != HistogramUse::Counts;
        let selection = run.find(selector, (from_ms, last_ms), last_alone, asked)?;
        let latest = |samples: &Samples| latest(samples, references, &lookback_ms, wanted);
        self.in_blocks(selection.len(), &|part, rows| {
            self.read_latest(&*selection, part, &latest, rows)
        })
    }

    /// Adds the rows of some series; answers how many samples and steps there were.
    fn read_latest(
        &self,
        selection: &dyn Selection,
        part: Range<usize>,
        latest: &dyn Fn(&Samples) -> Column,
        rows: &mut Rows,
    ) -> Result<u64, EvalError> {
        let run = self.run;
        let mut samples = Samples::new();
        let mut charge = run.budget.charge();
        let mut work = 0;
        for i in part {
            run.check()?;
            selection.read(i, &mut samples)?;
            run.count_samples(samples.len());
            work += (samples.len() + self.steps.count) as u64;
            charge.resize(amount_of(&samples))?;
            if samples.is_empty() {
                continue;
            }
            if self.histograms == HistogramUse::Counts {
                keep_counts(&mut samples);
            }
            rows.push(selection.labels(i).clone(), false, latest(&samples))?;
        }
        Ok(work)
    }
}

/// The value at the end of a window: between the samples around it, or that of the one before.
fn smoothed(window: &Window<'_>, noting: &Noting<'_>) -> Option<Datum> {
    let at_ms = window.end_ms;
    let before = |times: &[i64]| times.partition_point(|time_ms| *time_ms <= at_ms).checked_sub(1);
    let (float, histogram) = (before(window.times), before(window.histograms.times));
    let time_of = |times: &[i64], at: Option<usize>| at.map(|at| times[at]);
    let float_ms = time_of(window.times, float);
    let histogram_ms = time_of(window.histograms.times, histogram);
    if float_ms > histogram_ms {
        let (times, values, at) = (window.times, window.values, float?);
        let value = match times.get(at + 1) {
            Some(next_ms) if times[at] < at_ms => {
                interpolate((times[at], values[at]), (*next_ms, values[at + 1]), at_ms)
            }
            _ => values[at],
        };
        return Some(Datum::Float(value));
    }
    let (times, values, at) = (window.histograms.times, window.histograms.values, histogram?);
    let Some(next_ms) = times.get(at + 1) else {
        return Some(Datum::Histogram(Arc::clone(&values[at])));
    };
    let counter = values[at].reset_hint != ResetHint::Gauge;
    between((times[at], &values[at]), (*next_ms, &values[at + 1]), at_ms, counter, noting)
        .map(Datum::Histogram)
}

/// At each reference time the latest sample at or before it, unless it is stale or too old.
fn latest(
    samples: &Samples,
    references: References,
    lookback_ms: &dyn Fn(i64) -> i64,
    wanted: Wanted,
) -> Column {
    let (times, values) = (samples.timestamps(), samples.values());
    let histograms = wanted == Wanted::Values && !samples.histograms().is_empty();
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
        if times[i] <= reference_ms.saturating_sub(lookback_ms(reference_ms)) || is_stale(values[i])
        {
            continue;
        }
        let histogram = if histograms { samples.histogram(i) } else { None };
        match (histogram, wanted) {
            (Some(histogram), _) => {
                column.set_datum(step, Datum::Histogram(Arc::clone(histogram)));
            }
            (None, Wanted::Values) => column.set(step, values[i]),
            (None, Wanted::Times) => column.set(step, times[i] as f64 / 1000.0),
        }
    }
    column
}
