//! Range selectors and subqueries: the samples of one series, and windows that slide over them.

use metric::{Labels, Samples, is_stale};

use super::run::Scope;
use super::steps::{References, Steps};
use crate::answer::{Point, Series};
use crate::error::{EvalError, LimitName};
use crate::expr::{Kind, Node, Selector, Shift};

/// The samples of one series within one range; never empty, no stale markers among them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    /// The range is open at its start ...
    pub(crate) start_ms: i64,
    /// ... and closed at its end.
    pub(crate) end_ms: i64,
    /// The time of the step.
    pub(crate) at_ms: i64,
}

/// One series of a range vector: all samples that any window needs.
#[derive(Debug)]
pub(crate) struct Track<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) drop_name: bool,
    times: &'a [i64],
    values: &'a [f64],
    references: References,
    range_ms: i64,
    steps: Steps,
}

impl Track<'_> {
    /// Calls `visit` for every step whose window holds a sample.
    pub(crate) fn each_window(
        &self,
        mut visit: impl FnMut(usize, &Window<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let (mut first, mut behind) = (0, 0);
        for step in 0..self.steps.count {
            let end_ms = self.references.at(step);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            while behind < self.times.len() && self.times[behind] <= end_ms {
                behind += 1;
            }
            while first < behind && self.times[first] <= start_ms {
                first += 1;
            }
            if first == behind {
                continue;
            }
            let window = Window {
                times: &self.times[first..behind],
                values: &self.values[first..behind],
                start_ms,
                end_ms,
                at_ms: self.steps.at(step),
            };
            visit(step, &window)?;
        }
        Ok(())
    }
}

impl Scope<'_> {
    /// Calls `visit` for every series of a range vector, in order.
    pub(crate) fn each_track(
        &self,
        node: &Node,
        visit: &mut dyn FnMut(&Track<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        if self.steps.count == 0 {
            return Ok(());
        }
        match &node.unparen().kind {
            Kind::Range { selector, range_ms } => self.each_stored(selector, *range_ms, visit),
            Kind::Subquery { inner, range_ms, step_ms, shift } => {
                let step_ms = step_ms.unwrap_or(self.run.options.subquery_step_ms).max(1);
                self.each_evaluated(inner, *range_ms, step_ms, *shift, visit)
            }
            _ => Err(EvalError::invalid("expected a range vector")),
        }
    }

    fn each_stored(
        &self,
        selector: &Selector,
        range_ms: i64,
        visit: &mut dyn FnMut(&Track<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let run = self.run;
        let references = self.references(selector.shift);
        let (first_ms, last_ms) = references.bounds();
        let from_ms = first_ms.saturating_sub(range_ms).saturating_add(1);
        let selection = run.find(selector, from_ms, last_ms)?;
        let mut samples = Samples::new();
        let mut fresh = Samples::new();
        let mut charge = run.budget.charge();
        for i in 0..selection.len() {
            run.check()?;
            selection.read(i, &mut samples)?;
            run.count_samples(samples.len());
            charge.resize(samples.len() as u64)?;
            if samples.values().iter().any(|value| is_stale(*value)) {
                fresh.clear();
                for sample in samples.iter().filter(|sample| !is_stale(sample.value)) {
                    fresh.push(sample.timestamp_ms, sample.value);
                }
                std::mem::swap(&mut samples, &mut fresh);
            }
            visit(&Track {
                labels: selection.labels(i),
                drop_name: false,
                times: samples.timestamps(),
                values: samples.values(),
                references,
                range_ms,
                steps: self.steps,
            })?;
        }
        Ok(())
    }

    fn each_evaluated(
        &self,
        inner: &Node,
        range_ms: i64,
        step_ms: i64,
        shift: Shift,
        visit: &mut dyn FnMut(&Track<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let run = self.run;
        let references = self.references(shift);
        let (first_ms, last_ms) = references.bounds();
        let open_ms = first_ms.saturating_sub(range_ms);
        // Steps are multiples of the step width, so that they do not move with the query.
        let mut start_ms = (open_ms / step_ms).saturating_mul(step_ms);
        if start_ms <= open_ms {
            start_ms = start_ms.saturating_add(step_ms);
        }
        let max = usize::try_from(run.options.limits.samples_max).unwrap_or(usize::MAX);
        let steps = Steps::between(start_ms, last_ms, step_ms, max, LimitName::Samples)?;
        if steps.count == 0 {
            return Ok(());
        }
        let rows = Scope { run, steps }.rows(inner)?;
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for row in &rows.list {
            run.check()?;
            times.clear();
            values.clear();
            for (step, value) in row.column.present() {
                times.push(steps.at(step));
                values.push(value);
            }
            visit(&Track {
                labels: &row.labels,
                drop_name: row.drop_name,
                times: &times,
                values: &values,
                references,
                range_ms,
                steps: self.steps,
            })?;
        }
        Ok(())
    }

    /// The samples of a range vector at one step, as they are.
    pub(crate) fn matrix(&self, node: &Node) -> Result<Vec<Series>, EvalError> {
        let mut matrix = Vec::new();
        let mut charge = self.run.budget.charge();
        self.each_track(node, &mut |track| {
            let labels =
                if track.drop_name { track.labels.without_name() } else { track.labels.clone() };
            track.each_window(|_, window| {
                charge.grow(window.times.len() as u64)?;
                let samples = window.times.iter().zip(window.values);
                let points =
                    samples.map(|(&timestamp_ms, &value)| Point { timestamp_ms, value }).collect();
                matrix.push(Series { labels: labels.clone(), points });
                Ok(())
            })
        })?;
        matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(matrix)
    }
}
