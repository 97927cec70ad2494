//! Aggregations of the samples within a window.

use super::kahan::{Mean, Sum};
use super::quantile::quantile;
use super::window::Window;

pub(crate) fn sum(window: &Window<'_>) -> f64 {
    let mut sum = Sum::default();
    for value in window.values {
        sum.add(*value);
    }
    if sum.value.is_infinite() { sum.value } else { sum.total() }
}

pub(crate) fn avg(window: &Window<'_>) -> f64 {
    let mut mean = Mean::of(window.values[0]);
    for value in &window.values[1..] {
        mean.add(*value);
    }
    mean.mean()
}

/// Where an extreme value stands: the first one that `better` prefers to all before it.
fn extreme(window: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (i, value) in window.values.iter().enumerate() {
        if better(*value, window.values[best]) || window.values[best].is_nan() {
            best = i;
        }
    }
    best
}

pub(crate) fn min(window: &Window<'_>) -> f64 {
    window.values[extreme(window, |value, best| value < best)]
}

pub(crate) fn max(window: &Window<'_>) -> f64 {
    window.values[extreme(window, |value, best| value > best)]
}

/// The time of the last of the smallest values, in seconds.
pub(crate) fn time_of_min(window: &Window<'_>) -> f64 {
    window.times[extreme(window, |value, best| value <= best)] as f64 / 1000.0
}

/// The time of the last of the largest values, in seconds.
pub(crate) fn time_of_max(window: &Window<'_>) -> f64 {
    window.times[extreme(window, |value, best| value >= best)] as f64 / 1000.0
}

/// The variance of the whole population.
pub(crate) fn stdvar(window: &Window<'_>) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut aux) = (Sum::default(), Sum::default());
    for value in window.values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        aux.add(delta * (value - mean.total()));
    }
    aux.total() / count
}

pub(crate) fn quantile_over_time(window: &Window<'_>, q: f64) -> f64 {
    quantile(q, &mut window.values.to_vec())
}

/// The median distance from the median; NaN as soon as one value is.
pub(crate) fn mad(window: &Window<'_>) -> f64 {
    if window.values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut values = window.values.to_vec();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}
