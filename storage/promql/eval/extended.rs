//! Ranges with values at their edges: `rate(x[5m] anchored)` and `rate(x[5m] smoothed)`.
//!
//! Such a window reaches farther than its range. Anchored, the last sample before the start
//! stands for the value at the start; smoothed, values at both edges are interpolated between
//! their neighbours. Nothing is extrapolated.

use super::rate;
use super::window::Window;
use crate::error::EvalError;
use crate::expr::Edges;
use crate::function::Function;

/// Fails if a function does not go with a selector's edges.
pub(crate) fn check(function: Function, edges: Edges) -> Result<(), EvalError> {
    let (word, allowed): (&str, &[Function]) = match edges {
        Edges::Open => return Ok(()),
        Edges::Anchored => (
            "anchored",
            &[
                Function::Changes,
                Function::Delta,
                Function::Increase,
                Function::Rate,
                Function::Resets,
            ],
        ),
        Edges::Smoothed => ("smoothed", &[Function::Delta, Function::Increase, Function::Rate]),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|function| function.name()).collect();
    Err(EvalError::invalid(format!(
        "{word} modifier can only be used with: {} - not with {}",
        names.join(", "),
        function.name()
    )))
}

/// The part of a window's samples that counts: from the last one at or before the start, and
/// smoothed to the first one at or behind the end. Nothing if that tells nothing of the range.
pub(crate) fn part(times: &[i64], window: &Window<'_>, smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let before_last = &times[..last];
    let first = before_last.partition_point(|at| *at <= window.start_ms).saturating_sub(1);
    if smoothed {
        last = before_last.partition_point(|at| *at < window.end_ms);
    }
    let outside = times[last] <= window.start_ms || smoothed && times[first] > window.end_ms;
    (!outside).then_some((first, last))
}

/// The value of a function over the numbers of a window.
pub(crate) fn float_value(function: Function, window: &Window<'_>, edges: Edges) -> Option<f64> {
    let smoothed = edges == Edges::Smoothed;
    match function {
        Function::Rate => change(window, smoothed, true).map(|change| change / seconds(window)),
        Function::Increase => change(window, smoothed, true),
        Function::Delta => change(window, smoothed, false),
        _ => {
            let (first, _) = part(window.times, window, false)?;
            let (times, values) = (&window.times[first..], &window.values[first..]);
            let window = Window { times, values, ..*window };
            let resets = function == Function::Resets;
            Some(if resets { rate::resets(&window) } else { rate::changes(&window) })
        }
    }
}

/// The length of the range.
pub(crate) fn seconds(window: &Window<'_>) -> f64 {
    (window.end_ms - window.start_ms) as f64 / 1000.0
}

fn change(window: &Window<'_>, smoothed: bool, counter: bool) -> Option<f64> {
    let (first, last) = part(window.times, window, smoothed)?;
    let (left, right) = edge_values(window, (first, last), smoothed, counter);
    let mut change = right - left;
    if counter {
        let mut previous = left;
        for value in inner(window.times, window, (first, last)).map(|at| window.values[at]) {
            if value < previous {
                change += previous;
            }
            previous = value;
        }
        if right < previous {
            change += previous;
        }
    }
    Some(change)
}

/// The places of the samples strictly within the range.
fn inner(
    times: &[i64],
    window: &Window<'_>,
    (first, last): (usize, usize),
) -> std::ops::Range<usize> {
    let from = if times[first] <= window.start_ms { first + 1 } else { first };
    let to = if times[last] >= window.end_ms { last } else { last + 1 };
    from..to.max(from)
}

fn edge_values(
    window: &Window<'_>,
    (first, last): (usize, usize),
    smoothed: bool,
    counter: bool,
) -> (f64, f64) {
    let (times, values) = (window.times, window.values);
    let between = |at: usize, time_ms: i64| {
        let start = if counter && values[at + 1] < values[at] { 0.0 } else { values[at] };
        interpolate((times[at], start), (times[at + 1], values[at + 1]), time_ms)
    };
    let cut_left = smoothed && times[first] < window.start_ms;
    let cut_right = smoothed && last > 0 && times[last] > window.end_ms;
    let left = if cut_left { between(first, window.start_ms) } else { values[first] };
    let right = if cut_right { between(last - 1, window.end_ms) } else { values[last] };
    (left, right)
}

/// The value at a time on the line between two points.
pub(crate) fn interpolate(from: (i64, f64), to: (i64, f64), time_ms: i64) -> f64 {
    from.1 + (to.1 - from.1) * (time_ms - from.0) as f64 / (to.0 - from.0) as f64
}

/// The samples of a range with values at both of its edges.
pub(crate) fn samples(window: &Window<'_>, smoothed: bool) -> Vec<(i64, f64)> {
    let Some((first, last)) = part(window.times, window, smoothed) else {
        return Vec::new();
    };
    let (left, right) = edge_values(window, (first, last), smoothed, false);
    let inner = inner(window.times, window, (first, last));
    let inner = inner.map(|at| (window.times[at], window.values[at]));
    std::iter::once((window.start_ms, left)).chain(inner).chain([(window.end_ms, right)]).collect()
}
