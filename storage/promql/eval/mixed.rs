//! Functions over windows that hold histograms, be it alone or among numbers.

use std::sync::Arc;

use metric::{Histogram, IncompatibleBuckets};

use super::call::float_value;
use super::extended;
use super::extended_histogram;
use super::histogram_rate;
use super::histogram_sum::Gathered;
use super::noting::Noting;
use super::rate::{self, RateKind};
use super::row::Datum;
use super::window::Window;
use crate::error::EvalError;
use crate::expr::Edges;
use crate::function::Function;

/// The value of a range function for a window with at least one histogram, if it has one.
pub(crate) fn value(
    function: Function,
    window: &Window<'_>,
    params: [f64; 2],
    noting: &Noting<'_>,
) -> Result<Option<Datum>, EvalError> {
    let histogram = |histogram: Histogram| Datum::Histogram(Arc::new(histogram));
    let number = |value: f64| Some(Datum::Float(value));
    let counter_rate = function == Function::Irate;
    Ok(match function {
        Function::Rate | Function::Increase | Function::Delta => {
            if !window.times.is_empty() {
                noting.mixed_with_floats();
                return Ok(None);
            }
            let kind = RateKind {
                counter: function != Function::Delta,
                per_second: function == Function::Rate,
            };
            histogram_rate::extrapolated(window, kind, noting).map(histogram)
        }
        Function::Irate | Function::Idelta => instantaneous(window, counter_rate, noting),
        Function::SumOverTime => gathered(window, false, noting).map(histogram),
        Function::AvgOverTime => gathered(window, true, noting).map(histogram),
        Function::CountOverTime => {
            number((window.times.len() + window.histograms.times.len()) as f64)
        }
        Function::PresentOverTime => number(1.0),
        Function::Resets => number(count_pairs(window, |a, b| match (a, b) {
            (Datum::Float(before), Datum::Float(now)) => now < before,
            (Datum::Histogram(before), Datum::Histogram(now)) => now.reset_since(before),
            _ => true,
        })),
        Function::Changes => number(count_pairs(window, |a, b| match (a, b) {
            (Datum::Float(before), Datum::Float(now)) => rate::differs(*before, *now),
            (Datum::Histogram(before), Datum::Histogram(now)) => !now.same(before),
            _ => true,
        })),
        Function::FirstOverTime => samples(window).next().map(|(_, datum)| datum),
        Function::LastOverTime => samples(window).last().map(|(_, datum)| datum),
        Function::TsOfFirstOverTime => {
            samples(window).next().and_then(|(at, _)| number(seconds(at)))
        }
        Function::TsOfLastOverTime => {
            samples(window).last().and_then(|(at, _)| number(seconds(at)))
        }
        _ => return among_floats(function, window, params, noting),
    })
}

/// The same for a window with values at its edges.
pub(crate) fn extended_value(
    function: Function,
    window: &Window<'_>,
    edges: Edges,
    noting: &Noting<'_>,
) -> Option<Datum> {
    if let Function::Resets | Function::Changes = function {
        // Where the range begins is told by the numbers; histograms count from there on.
        let (first, _) = extended::part(window.times, window, false)?;
        let (times, values) = (&window.times[first..], &window.values[first..]);
        let counted = value(function, &Window { times, values, ..*window }, [f64::NAN; 2], noting);
        return counted.ok().flatten();
    }
    if !window.times.is_empty() {
        noting.mixed_with_floats();
        return None;
    }
    let change = extended_histogram::change(function, window, edges, noting)?;
    Some(Datum::Histogram(Arc::new(change)))
}

/// Functions that know nothing of histograms see the numbers alone.
fn among_floats(
    function: Function,
    window: &Window<'_>,
    params: [f64; 2],
    noting: &Noting<'_>,
) -> Result<Option<Datum>, EvalError> {
    if window.times.is_empty() {
        return Ok(None);
    }
    noting.ignored_in_range();
    Ok(float_value(function, window, params)?.map(Datum::Float))
}

fn seconds(time_ms: i64) -> f64 {
    time_ms as f64 / 1000.0
}

/// Numbers and histograms with their times, in order.
fn samples(window: &Window<'_>) -> impl Iterator<Item = (i64, Datum)> {
    let mut floats = window.times.iter().zip(window.values).peekable();
    let mut histograms = window.histograms.times.iter().zip(window.histograms.values).peekable();
    std::iter::from_fn(move || {
        let next_float = floats.peek().map_or(i64::MAX, |(at, _)| **at);
        match histograms.next_if(|(at, _)| **at <= next_float) {
            Some((at, histogram)) => Some((*at, Datum::Histogram(Arc::clone(histogram)))),
            None => floats.next().map(|(at, value)| (*at, Datum::Float(*value))),
        }
    })
}

/// Of how many neighbours something holds.
fn count_pairs(window: &Window<'_>, holds: impl Fn(&Datum, &Datum) -> bool) -> f64 {
    let mut count = 0_usize;
    let mut previous: Option<Datum> = None;
    for (_, datum) in samples(window) {
        count += usize::from(previous.is_some_and(|previous| holds(&previous, &datum)));
        previous = Some(datum);
    }
    count as f64
}

fn instantaneous(window: &Window<'_>, counter_rate: bool, noting: &Noting<'_>) -> Option<Datum> {
    let (floats, histograms) = (window.times, window.histograms);
    let [.., before, last] = histograms.times else {
        if floats.is_empty() {
            return None;
        }
        return mixed_pair(window, counter_rate, noting);
    };
    if floats.last().is_some_and(|at| at > before) {
        return mixed_pair(window, counter_rate, noting);
    }
    let values = histograms.values;
    let pair = (&*values[values.len() - 2], &*values[values.len() - 1]);
    let change = histogram_rate::instantaneous(pair, last - before, counter_rate, noting)?;
    Some(Datum::Histogram(Arc::new(change)))
}

/// The last two samples when they are not two histograms.
fn mixed_pair(window: &Window<'_>, counter_rate: bool, noting: &Noting<'_>) -> Option<Datum> {
    let last_histogram = window.histograms.times.last()?;
    match window.times {
        [.., before, _] if before > last_histogram => {
            rate::instantaneous(window, counter_rate).map(Datum::Float)
        }
        _ => {
            noting.mixed_with_floats();
            None
        }
    }
}

/// The sum or the mean of a window.
fn gathered(window: &Window<'_>, mean: bool, noting: &Noting<'_>) -> Option<Histogram> {
    if !window.times.is_empty() {
        noting.mixed_with_floats();
        return None;
    }
    match Gathered::of(window.histograms.values.iter().map(|histogram| &**histogram), mean) {
        Ok(gathered) => gathered.map(|gathered| gathered.finish(noting)),
        Err(IncompatibleBuckets) => {
            noting.mixed_schemas();
            None
        }
    }
}
