//! Range selectors and subqueries: the samples of one series, and windows that slide over them.

use std::sync::Arc;

use metric::{Histogram, Labels};

use super::budget::Amount;
use super::extended;
use super::run::Scope;
use super::thin;
use super::tracks::Shape;
use crate::answer::{HistogramPoint, Point, Series};
use crate::error::EvalError;
use crate::expr::{Edges, Node};
use crate::function::Function;

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
    /// The part of the range that was asked for: 1, or less where it had to be longer.
    pub(crate) share: f64,
    /// How far apart samples lie at its start where they were thinned out there, else 0.
    pub(crate) apart_ms: i64,
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
pub(crate) struct Track<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) drop_name: bool,
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    pub(crate) histograms: HistogramWindow<'a>,
    pub(crate) ascending: bool,
    pub(crate) shape: Shape,
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
        for step in 0..self.shape.steps.count {
            let end_ms = self.shape.references.at(step);
            let wanted_ms = self.shape.range_ms;
            let range_ms = thin::lookback_ms(wanted_ms, self.shape.stretch, end_ms);
            let start_ms = end_ms.saturating_sub(range_ms);
            let from_ms = start_ms.saturating_sub(self.shape.reach_ms.0);
            let to_ms = end_ms.saturating_add(self.shape.reach_ms.1);
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
                at_ms: self.shape.steps.at(step),
                share: wanted_ms as f64 / range_ms.max(1) as f64,
                apart_ms: self.shape.stretch.map_or(0, |stretch| stretch.apart_ms(start_ms)),
            };
            visit(step, &window)?;
        }
        Ok(())
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

impl Scope<'_> {
    /// The samples of a range vector at one step, as they are.
    pub(crate) fn matrix(&self, node: &Node) -> Result<Vec<Series>, EvalError> {
        let mut matrix = Vec::new();
        let mut charge = self.run.budget.charge();
        self.each_track(node, Function::LastOverTime, &mut |track| {
            let labels =
                if track.drop_name { track.labels.without_name() } else { track.labels.clone() };
            let edges = track.shape.edges;
            track.each_window(|_, window| {
                if edges != Edges::Open {
                    matrix.extend(with_edges(window, edges, &labels)?);
                    return Ok(());
                }
                let count = (window.times.len() + window.histograms.times.len()) as u64;
                charge.grow(Amount::values(count).and(Amount::bytes(8 * count)))?;
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
