//! How fast histograms change over ranges with values at their edges.

use std::sync::Arc;

use metric::{Histogram, IncompatibleBuckets, Merged, ResetHint};

use super::extended::{part, seconds};
use super::noting::{Noting, Operation};
use super::window::Window;
use crate::expr::Edges;
use crate::function::Function;

/// `rate`, `increase` and `delta` of the histograms of a window.
pub(crate) fn change(
    function: Function,
    window: &Window<'_>,
    edges: Edges,
    noting: &Noting<'_>,
) -> Option<Histogram> {
    let (counter, smoothed) = (function != Function::Delta, edges == Edges::Smoothed);
    let points = window.histograms.values;
    let (first, last) = part(window.histograms.times, window, smoothed)?;
    let custom = points[first].has_custom_buckets();
    let counted = &points[first..=last];
    if counted.iter().any(|histogram| histogram.has_custom_buckets() != custom) {
        noting.mixed_schemas();
        return None;
    }
    if counter && counted.iter().any(|histogram| histogram.reset_hint == ResetHint::Gauge) {
        noting.not_a_counter();
    }
    let times = window.histograms.times;
    let cut_left = smoothed && times[first] < window.start_ms;
    let cut_right = smoothed && last > 0 && times[last] > window.end_ms;
    let at = |place: usize| (times[place], &points[place]);
    let left = if cut_left {
        between(at(first), at(first + 1), window.start_ms, counter, noting)?
    } else {
        Arc::clone(&points[first])
    };
    let right = if cut_right {
        between(at(last - 1), at(last), window.end_ms, counter, noting)?
    } else {
        Arc::clone(&points[last])
    };
    let gauges = [&left, &right].iter().all(|it| it.reset_hint == ResetHint::Gauge);
    if !counter && !gauges {
        noting.not_a_gauge();
    }
    let mut change = Histogram::clone(&right);
    noted(change.subtract(&left), Operation::Subtraction, noting)?;
    if counter {
        // A reset that the left edge was interpolated over is made good for already.
        let over_reset = cut_left && points[first + 1].reset_since(&points[first]);
        let (from, mut previous) =
            if over_reset { (first + 2, &points[first + 1]) } else { (first + 1, &left) };
        if from <= last {
            for current in &points[from..last] {
                if current.reset_since(previous) {
                    noted(change.add(previous), Operation::Addition, noting)?;
                }
                previous = current;
            }
            if right.reset_since(previous) {
                noted(change.add(previous), Operation::Addition, noting)?;
            }
        }
    }
    if function == Function::Rate {
        change.divide(seconds(window));
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}

/// The histogram at a time between two others. A counter that was reset between them begins
/// at nothing.
pub(crate) fn between(
    from: (i64, &Arc<Histogram>),
    to: (i64, &Arc<Histogram>),
    time_ms: i64,
    counter: bool,
    noting: &Noting<'_>,
) -> Option<Arc<Histogram>> {
    if time_ms == from.0 || time_ms == to.0 {
        return Some(Arc::clone(if time_ms == from.0 { from.1 } else { to.1 }));
    }
    let part = (time_ms - from.0) as f64 / (to.0 - from.0) as f64;
    let mut histogram = Histogram::clone(to.1);
    if counter && to.1.reset_since(from.1) {
        histogram.scale(part);
        return Some(Arc::new(histogram));
    }
    noted(histogram.subtract(from.1), Operation::Subtraction, noting)?;
    histogram.scale(part);
    noted(histogram.add(from.1), Operation::Addition, noting)?;
    Some(Arc::new(histogram))
}

/// Notes what putting two histograms together took; nothing if they do not go together.
fn noted(
    merged: Result<Merged, IncompatibleBuckets>,
    operation: Operation,
    noting: &Noting<'_>,
) -> Option<()> {
    match merged {
        Ok(merged) if merged.bounds_reconciled => noting.bounds_reconciled(operation),
        Ok(_) => {}
        Err(IncompatibleBuckets) => {
            noting.mixed_schemas();
            return None;
        }
    }
    Some(())
}
