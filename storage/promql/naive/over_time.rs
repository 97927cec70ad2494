//! Functions of the samples in a window.

use super::aggregate::{mean, quantile, sum, variance};
use super::eval::{Error, Window};

/// The value of a function, if it has one for these samples, of which there is at least one.
pub(super) fn value(name: &str, window: &Window, params: &[f64]) -> Result<Option<f64>, Error> {
    let samples = &window.samples;
    let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    let seconds = |at: usize| samples[at].0 as f64 / 1000.0;
    let last = values.len() - 1;
    let pairs = || values.iter().zip(&values[1..]);
    Ok(match name {
        "rate" => extrapolated(window, true).map(|it| it / seconds_of(window)),
        "increase" => extrapolated(window, true),
        "delta" => extrapolated(window, false),
        "irate" if last == 0 => None,
        "irate" => {
            let (before, now) = (values[last - 1], values[last]);
            let grown = if now < before { now } else { now - before };
            Some(grown / ((samples[last].0 - samples[last - 1].0) as f64 / 1000.0))
        }
        "idelta" => (last > 0).then(|| values[last] - values[last - 1]),
        "resets" => Some(pairs().filter(|(a, b)| b < a).count() as f64),
        "changes" => {
            let differ = |(a, b): &(&f64, &f64)| a != b && !(a.is_nan() && b.is_nan());
            Some(pairs().filter(differ).count() as f64)
        }
        "deriv" => line(window, window.samples[0].0).map(|(slope, _)| slope),
        "predict_linear" => {
            line(window, window.at_ms).map(|(slope, value)| slope * params[0] + value)
        }
        "double_exponential_smoothing" => {
            for (what, short, factor) in
                [("smoothing", "sf", params[0]), ("trend", "tf", params[1])]
            {
                if factor <= 0.0 || factor >= 1.0 {
                    return Err(format!("invalid {what} factor. Expected: 0 < {short} < 1"));
                }
            }
            smoothed(&values, params[0], params[1])
        }
        "sum_over_time" => Some(sum(&values)),
        "avg_over_time" => Some(mean(&values)),
        "min_over_time" => Some(values.iter().copied().fold(f64::NAN, f64::min)),
        "max_over_time" => Some(values.iter().copied().fold(f64::NAN, f64::max)),
        "count_over_time" => Some(values.len() as f64),
        "present_over_time" => Some(1.0),
        "first_over_time" => Some(values[0]),
        "last_over_time" => Some(values[last]),
        "stdvar_over_time" => Some(variance(&values)),
        "stddev_over_time" => Some(variance(&values).sqrt()),
        "quantile_over_time" => Some(quantile(params[0], &values)),
        "mad_over_time" if values.iter().any(|value| value.is_nan()) => Some(f64::NAN),
        "mad_over_time" => {
            let median = quantile(0.5, &values);
            let distances: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
            Some(quantile(0.5, &distances))
        }
        "ts_of_first_over_time" => Some(seconds(0)),
        "ts_of_last_over_time" => Some(seconds(last)),
        "ts_of_min_over_time" => Some(seconds(extreme(&values, |it, best| it <= best))),
        "ts_of_max_over_time" => Some(seconds(extreme(&values, |it, best| it >= best))),
        other => unreachable!("{other}"),
    })
}

/// The place of the last extreme value; any number is better than NaN.
fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for at in 1..values.len() {
        if better(values[at], values[best]) || values[best].is_nan() {
            best = at;
        }
    }
    best
}

fn seconds_of(window: &Window) -> f64 {
    (window.end_ms - window.start_ms) as f64 / 1000.0
}

/// The change over the window: what the samples say, stretched to the bounds of the window, but
/// over no more than half the mean distance of samples where a series seems to begin or end
/// within, and for a counter not beyond the time at which it must have been zero.
fn extrapolated(window: &Window, counter: bool) -> Option<f64> {
    let samples = &window.samples;
    let (first, last) = (samples.first()?, samples.last()?);
    if samples.len() < 2 {
        return None;
    }
    let mut change = last.1 - first.1;
    if counter {
        for pair in samples.windows(2) {
            if pair[1].1 < pair[0].1 {
                change += pair[0].1;
            }
        }
    }
    let covered_s = (last.0 - first.0) as f64 / 1000.0;
    let mean_s = covered_s / (samples.len() - 1) as f64;
    let mut before_s = (first.0 - window.start_ms) as f64 / 1000.0;
    let mut behind_s = (window.end_ms - last.0) as f64 / 1000.0;
    if before_s >= mean_s * 1.1 {
        before_s = mean_s / 2.0;
    }
    if counter && change > 0.0 && first.1 >= 0.0 {
        before_s = before_s.min(covered_s * (first.1 / change));
    }
    if behind_s >= mean_s * 1.1 {
        behind_s = mean_s / 2.0;
    }
    Some(change * ((covered_s + before_s + behind_s) / covered_s))
}

/// Slope per second of the line of least squares, and its value at a time.
fn line(window: &Window, origin_ms: i64) -> Option<(f64, f64)> {
    let samples = &window.samples;
    if samples.len() < 2 {
        return None;
    }
    let first = samples[0].1;
    if samples.iter().all(|(_, value)| *value == first) {
        let level = if first.is_infinite() { f64::NAN } else { first };
        return Some((if first.is_infinite() { f64::NAN } else { 0.0 }, level));
    }
    let xs: Vec<f64> = samples.iter().map(|(t, _)| (t - origin_ms) as f64 / 1000.0).collect();
    let ys: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    let products: Vec<f64> = xs.iter().zip(&ys).map(|(x, y)| x * y).collect();
    let squares: Vec<f64> = xs.iter().map(|x| x * x).collect();
    let (n, x_sum, y_sum) = (samples.len() as f64, sum(&xs), sum(&ys));
    // These forms tell what infinite values make of it.
    let covariance = sum(&products) - x_sum * y_sum / n;
    let slope = covariance / (sum(&squares) - x_sum * x_sum / n);
    Some((slope, y_sum / n - slope * x_sum / n))
}

/// Double exponential smoothing.
fn smoothed(values: &[f64], smoothing: f64, trend_factor: f64) -> Option<f64> {
    let (first, second) = (values.first()?, values.get(1)?);
    let (mut level, mut trend) = (*first, second - first);
    for (at, value) in values.iter().enumerate().skip(1) {
        let next = smoothing * value + (1.0 - smoothing) * (level + trend);
        if at + 1 < values.len() {
            trend = trend_factor * (next - level) + (1.0 - trend_factor) * trend;
        }
        level = next;
    }
    Some(level)
}
