//! How fast values change: the rate family, with Prometheus' extrapolation.

use super::window::Window;

/// What a member of the rate family computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateKind {
    /// Whether a decrease is a counter reset.
    pub(crate) counter: bool,
    /// Whether the result is per second.
    pub(crate) per_second: bool,
}

/// `rate`, `increase` and `delta`: the change over the window, extrapolated to its bounds.
pub(crate) fn extrapolated(window: &Window<'_>, kind: RateKind) -> Option<f64> {
    let (times, values) = (window.times, window.values);
    let last = times.len() - 1;
    if last == 0 {
        return None;
    }
    let mut change = values[last] - values[0];
    if kind.counter && !window.ascending {
        for pair in values.windows(2) {
            if pair[1] < pair[0] {
                change += pair[0];
            }
        }
    }
    // A counter that grew by so much began at zero so long ago.
    let zero = (change > 0.0 && values[0] >= 0.0).then(|| values[0] / change);
    Some(change * factor(window, times, zero, kind))
}

/// What a change between the first and the last of at least two times is multiplied with to
/// cover the window. `zero` is the time before the first at which a counter was zero, as a part
/// of the time between first and last.
pub(crate) fn factor(window: &Window<'_>, times: &[i64], zero: Option<f64>, kind: RateKind) -> f64 {
    let intervals = times.len() - 1;
    let mut to_start_s = (times[0] - window.start_ms) as f64 / 1000.0;
    let mut to_end_s = (window.end_ms - times[intervals]) as f64 / 1000.0;
    let sampled_s = (times[intervals] - times[0]) as f64 / 1000.0;
    let average_s = sampled_s / intervals as f64;
    // Close to a bound means: at most 10 % more than the average distance of samples. A series
    // that begins or ends farther away is taken to do so half a distance beyond its samples.
    let threshold_s = average_s * 1.1;
    // Where samples were thinned out at the start alone, they are fewer there than on average.
    let average_at_start_s = average_s.max(window.apart_ms as f64 / 1000.0);
    if to_start_s >= average_at_start_s * 1.1 {
        to_start_s = average_at_start_s / 2.0;
    }
    if kind.counter {
        // A counter is never negative: do not extrapolate beyond the time when it was zero.
        let to_zero_s = zero.map_or(to_start_s, |zero| sampled_s * zero);
        if to_zero_s < to_start_s {
            to_start_s = to_zero_s;
        }
    }
    if to_end_s >= threshold_s {
        to_end_s = average_s / 2.0;
    }
    let mut factor = (sampled_s + to_start_s + to_end_s) / sampled_s;
    if kind.per_second {
        factor /= (window.end_ms - window.start_ms) as f64 / 1000.0;
    }
    factor
}

/// `irate` and `idelta`: the change between the last two samples.
pub(crate) fn instantaneous(window: &Window<'_>, counter_rate: bool) -> Option<f64> {
    let last = window.times.len() - 1;
    if last == 0 {
        return None;
    }
    let (previous, current) = (window.values[last - 1], window.values[last]);
    let interval_ms = window.times[last] - window.times[last - 1];
    if interval_ms == 0 {
        return None;
    }
    let reset = counter_rate && current < previous;
    let change = if reset { current } else { current - previous };
    Some(if counter_rate { change / (interval_ms as f64 / 1000.0) } else { change })
}

/// How often the value decreased.
pub(crate) fn resets(window: &Window<'_>) -> f64 {
    window.values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64
}

/// How often the value changed.
pub(crate) fn changes(window: &Window<'_>) -> f64 {
    window.values.windows(2).filter(|pair| differs(pair[0], pair[1])).count() as f64
}

/// Whether a value is another one; NaN to NaN is no change.
pub(crate) fn differs(before: f64, now: f64) -> bool {
    before != now && !(before.is_nan() && now.is_nan())
}
