//! Trends: linear regression and double exponential smoothing.

use super::kahan::Sum;
use super::window::Window;

/// `deriv`: the slope per second of the regression line.
pub(crate) fn slope(window: &Window<'_>) -> Option<f64> {
    if window.times.len() < 2 {
        return None;
    }
    // Times relative to a near one keep the precision.
    Some(line(window, window.times[0]).0)
}

/// `predict_linear`: the regression line, `ahead_s` seconds after the evaluation time.
pub(crate) fn predict(window: &Window<'_>, ahead_s: f64) -> Option<f64> {
    if window.times.len() < 2 {
        return None;
    }
    let (slope, intercept) = line(window, window.at_ms);
    Some(slope * ahead_s + intercept)
}

/// Slope per second, and value at a time, of the least-squares line.
fn line(window: &Window<'_>, origin_ms: i64) -> (f64, f64) {
    let first = window.values[0];
    if window.values[1..].iter().all(|value| *value == first) {
        let flat = if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
        return flat;
    }
    let n = window.times.len() as f64;
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [Sum::default(); 4];
    for (time_ms, y) in window.times.iter().zip(window.values) {
        let x = time_ms.saturating_sub(origin_ms) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(*y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let (x_sum, y_sum) = (x_sum.total(), y_sum.total());
    let covariance = xy_sum.total() - x_sum * y_sum / n;
    let variance = xx_sum.total() - x_sum * x_sum / n;
    let slope = covariance / variance;
    (slope, y_sum / n - slope * x_sum / n)
}

/// `double_exponential_smoothing`: the smoothed value at the last sample. Both factors are
/// between 0 and 1, both exclusive.
pub(crate) fn smooth(window: &Window<'_>, smoothing: f64, trend_factor: f64) -> Option<f64> {
    let values = window.values;
    if values.len() < 2 {
        return None;
    }
    let (mut previous, mut smoothed) = (0.0, values[0]);
    let mut trend = values[1] - values[0];
    for (i, value) in values.iter().enumerate().skip(1) {
        if i > 1 {
            trend = trend_factor * (smoothed - previous) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (smoothed + trend);
        (previous, smoothed) = (smoothed, next);
    }
    Some(smoothed)
}
