//! Range selectors and subqueries: the samples of one series, and windows that slide over them.

use std::sync::Arc;

use metric::{Histogram, Labels, ResetHint, Samples, is_stale};

use super::extended;
use super::reduced::keep_counts;
use super::row::sample_units;
use super::run::{HistogramUse, Scope};
use super::steps::{References, Steps};
use crate::answer::{HistogramPoint, Point, Series};
use crate::error::{EvalError, LimitName};
use crate::expr::{Edges, Kind, Node, Selector, Shift};

/// The samples of one series within one range, no stale markers among them. Numbers and
/// histograms stand apart; there is at least one of either.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    /// Times of the numbers.
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    pub(crate) histograms: HistogramWindow<'a>,
    /// It is known that no number is lower than the one before.
    pub(crate) ascending: bool,
    /// The range is open at its start ...
    pub(crate) start_ms: i64,
    /// ... and closed at its end.
    pub(crate) end_ms: i64,
    /// The time of the step.
    pub(crate) at_ms: i64,
}

/// The histograms of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HistogramWindow<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [Arc<Histogram>],
}

impl HistogramWindow<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// One series of a range vector: all samples that any window needs.
#[derive(Debug)]
pub(crate) struct Track<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) drop_name: bool,
    times: &'a [i64],
    values: &'a [f64],
    histograms: HistogramWindow<'a>,
    ascending: bool,
    references: References,
    range_ms: i64,
    edges: Edges,
    /// How far windows reach beyond their range, before and behind it.
    reach_ms: (i64, i64),
    steps: Steps,
}

/// The part of ascending times that lies within a window, which only moves forward.
#[derive(Debug, Default)]
struct Part {
    first: usize,
    behind: usize,
}

impl Part {
    fn slide(&mut self, times: &[i64], start_ms: i64, end_ms: i64) -> std::ops::Range<usize> {
        while self.behind < times.len() && times[self.behind] <= end_ms {
            self.behind += 1;
        }
        while self.first < self.behind && times[self.first] <= start_ms {
            self.first += 1;
        }
        self.first..self.behind
    }
}

impl Track<'_> {
    /// Calls `visit` for every step whose window holds a sample.
    pub(crate) fn each_window(
        &self,
        mut visit: impl FnMut(usize, &Window<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let (mut floats, mut histograms) = (Part::default(), Part::default());
        for step in 0..self.steps.count {
            let end_ms = self.references.at(step);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            let from_ms = start_ms.saturating_sub(self.reach_ms.0);
            let to_ms = end_ms.saturating_add(self.reach_ms.1);
            let part = floats.slide(self.times, from_ms, to_ms);
            let of_histograms = histograms.slide(self.histograms.times, from_ms, to_ms);
            if part.is_empty() && of_histograms.is_empty() {
                continue;
            }
            let window = Window {
                times: &self.times[part.clone()],
                values: &self.values[part],
                histograms: HistogramWindow {
                    times: &self.histograms.times[of_histograms.clone()],
                    values: &self.histograms.values[of_histograms],
                },
                ascending: self.ascending,
                start_ms,
                end_ms,
                at_ms: self.steps.at(step),
            };
            visit(step, &window)?;
        }
        Ok(())
    }
}

/// Numbers and histograms of one series, each with their times.
#[derive(Debug, Default)]
struct Apart {
    times: Vec<i64>,
    values: Vec<f64>,
    histogram_times: Vec<i64>,
    histograms: Vec<Arc<Histogram>>,
}

impl Apart {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histogram_times.clear();
        self.histograms.clear();
    }

    /// Takes apart what is not stale.
    fn fill(&mut self, samples: &Samples) {
        self.clear();
        let mut histograms = samples.histograms().iter().peekable();
        for (i, sample) in samples.iter().enumerate() {
            if let Some((_, histogram)) = histograms.next_if(|(at, _)| *at == i) {
                self.histogram_times.push(sample.timestamp_ms);
                self.histograms.push(Arc::clone(histogram));
            } else if !is_stale(sample.value) {
                self.times.push(sample.timestamp_ms);
                self.values.push(sample.value);
            }
        }
    }

    fn histograms(&self) -> HistogramWindow<'_> {
        HistogramWindow { times: &self.histogram_times, values: &self.histograms }
    }
}

/// A range with values at its edges, if anything is known of it.
fn with_edges(
    window: &Window<'_>,
    edges: Edges,
    labels: &Labels,
) -> Result<Option<Series>, EvalError> {
    if !window.histograms.is_empty() {
        let word = if edges == Edges::Anchored { "anchored" } else { "smoothed" };
        let message = format!("{word} modifier is not supported with histograms");
        return Err(EvalError::invalid(message));
    }
    let samples = extended::samples(window, edges == Edges::Smoothed).into_iter();
    let points: Vec<Point> =
        samples.map(|(timestamp_ms, value)| Point { timestamp_ms, value }).collect();
    let series = Series { labels: labels.clone(), points, histograms: Vec::new() };
    Ok((!series.points.is_empty()).then_some(series))
}

/// A histogram that says nothing of resets: the one before it may not be the one before it in
/// the series.
fn without_hint(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    match histogram.reset_hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
        ResetHint::Reset | ResetHint::NotReset => {
            let reset_hint = ResetHint::Unknown;
            Arc::new(Histogram { reset_hint, ..Histogram::clone(histogram) })
        }
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
        let lookback_ms = run.options.lookback_ms.max(0);
        let reach_ms = match selector.edges {
            Edges::Open => (0, 0),
            Edges::Anchored => (lookback_ms, 0),
            Edges::Smoothed => (lookback_ms, lookback_ms),
        };
        let from_ms = first_ms.saturating_sub(range_ms).saturating_sub(reach_ms.0);
        let to_ms = last_ms.saturating_add(reach_ms.1);
        let selection = run.find(selector, (from_ms.saturating_add(1), to_ms), false)?;
        let mut samples = Samples::new();
        let mut apart = Apart::default();
        let mut charge = run.budget.charge();
        for i in 0..selection.len() {
            run.check()?;
            selection.read(i, &mut samples)?;
            run.count_samples(samples.len());
            charge.resize(sample_units(&samples))?;
            if self.histograms == HistogramUse::Counts {
                keep_counts(&mut samples);
            }
            let mut plain = (samples.timestamps(), samples.values());
            apart.clear();
            if !samples.histograms().is_empty() || plain.1.iter().any(|value| is_stale(*value)) {
                apart.fill(&samples);
                plain = (&apart.times, &apart.values);
            }
            visit(&Track {
                labels: selection.labels(i),
                drop_name: false,
                times: plain.0,
                values: plain.1,
                histograms: apart.histograms(),
                // Windows share samples: one look at them all saves a look by each.
                ascending: self.steps.count > 1 && plain.1.is_sorted(),
                references,
                range_ms,
                edges: selector.edges,
                reach_ms,
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
        let rows = self.at(steps).using(HistogramUse::Buckets).rows(inner)?;
        let mut apart = Apart::default();
        for row in &rows.list {
            run.check()?;
            apart.clear();
            for (step, value) in row.column.floats() {
                apart.times.push(steps.at(step));
                apart.values.push(value);
            }
            for (step, histogram) in row.column.histograms() {
                apart.histogram_times.push(steps.at(step));
                apart.histograms.push(without_hint(histogram));
            }
            visit(&Track {
                labels: &row.labels,
                drop_name: row.drop_name,
                times: &apart.times,
                values: &apart.values,
                histograms: apart.histograms(),
                // Windows share samples: one look at them all saves a look by each.
                ascending: self.steps.count > 1 && apart.values.is_sorted(),
                references,
                range_ms,
                edges: Edges::Open,
                reach_ms: (0, 0),
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
            let edges = track.edges;
            track.each_window(|_, window| {
                if edges != Edges::Open {
                    matrix.extend(with_edges(window, edges, &labels)?);
                    return Ok(());
                }
                charge.grow((window.times.len() + window.histograms.times.len()) as u64)?;
                let samples = window.times.iter().zip(window.values);
                let points =
                    samples.map(|(&timestamp_ms, &value)| Point { timestamp_ms, value }).collect();
                let samples = window.histograms.times.iter().zip(window.histograms.values);
                let histograms = samples
                    .map(|(&timestamp_ms, histogram)| HistogramPoint {
                        timestamp_ms,
                        histogram: Arc::clone(histogram),
                    })
                    .collect();
                matrix.push(Series { labels: labels.clone(), points, histograms });
                Ok(())
            })
        })?;
        matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(matrix)
    }
}
