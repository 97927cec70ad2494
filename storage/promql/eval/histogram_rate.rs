//! How fast histograms change.

use std::sync::Arc;

use metric::{Histogram, IncompatibleBuckets, Merged, ResetHint};

use super::noting::{Noting, Operation};
use super::rate::{self, RateKind};
use super::window::Window;

/// `rate`, `increase` and `delta` of histograms.
pub(crate) fn extrapolated(
    window: &Window<'_>,
    kind: RateKind,
    noting: &Noting<'_>,
) -> Option<Histogram> {
    let (times, points) = (window.histograms.times, window.histograms.values);
    let first = points.first()?;
    let mut change = change(points, kind.counter, noting)?;
    let mut zero = None;
    if change.count > 0.0 && first.count >= 0.0 {
        zero = Some(first.count / change.count);
    }
    change.scale(rate::factor(window, times, zero, kind));
    Some(change)
}

/// The last histogram minus the first, counter resets made good for.
fn change(points: &[Arc<Histogram>], counter: bool, noting: &Noting<'_>) -> Option<Histogram> {
    let [first, .., last] = points else {
        return None;
    };
    let is_gauge = |histogram: &Arc<Histogram>| histogram.reset_hint == ResetHint::Gauge;
    if counter && points.iter().any(is_gauge) {
        noting.not_a_counter();
    }
    // After a reset right behind the first one, that and its layout do not matter.
    let second = &points[1];
    let start =
        if counter && second.reset_since(first) { empty_like(second) } else { Arc::clone(first) };
    let custom = start.has_custom_buckets();
    let middle = &points[1..points.len() - 1];
    let differs = |histogram: &Arc<Histogram>| histogram.has_custom_buckets() != custom;
    if differs(last) || counter && middle.iter().any(differs) {
        noting.mixed_schemas();
        return None;
    }
    let mut change = Histogram::clone(last);
    let note = |merged: Result<Merged, IncompatibleBuckets>, operation| match merged {
        Ok(merged) if merged.bounds_reconciled => noting.bounds_reconciled(operation),
        Ok(_) => {}
        // Cannot be: the layouts were compared.
        Err(IncompatibleBuckets) => noting.mixed_schemas(),
    };
    note(change.subtract(&start), Operation::Subtraction);
    if counter {
        // The lowest resolution of all counts, even of those that are not added.
        let lowest = middle.iter().map(|histogram| histogram.schema).min().unwrap_or(change.schema);
        change.reduce(lowest);
        let mut previous = &start;
        for current in &points[1..] {
            if current.reset_since(previous) {
                note(change.add(previous), Operation::Addition);
            }
            previous = current;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        noting.not_a_gauge();
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}

fn empty_like(histogram: &Histogram) -> Arc<Histogram> {
    Arc::new(Histogram {
        schema: histogram.schema,
        custom_values: Arc::clone(&histogram.custom_values),
        ..Histogram::default()
    })
}

/// `irate` and `idelta` of the last two histograms.
pub(crate) fn instantaneous(
    (previous, current): (&Histogram, &Histogram),
    interval_ms: i64,
    counter_rate: bool,
    noting: &Noting<'_>,
) -> Option<Histogram> {
    let gauges = [previous, current].iter().filter(|it| it.reset_hint == ResetHint::Gauge).count();
    if counter_rate && gauges > 0 {
        noting.not_a_counter();
    }
    if !counter_rate && gauges < 2 {
        noting.not_a_gauge();
    }
    let mut change = current.clone();
    if !counter_rate || !current.reset_since(previous) {
        match change.subtract(previous) {
            Ok(merged) if merged.bounds_reconciled => {
                noting.bounds_reconciled(Operation::Subtraction);
            }
            Ok(_) => {}
            Err(IncompatibleBuckets) => {
                noting.mixed_schemas();
                return None;
            }
        }
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact();
    if counter_rate {
        change.divide(interval_ms as f64 / 1000.0);
    }
    Some(change)
}
