//! Functions of single values, of dates, and of classic histograms at one step.

use std::f64::consts::PI;

use super::eval::{Error, Sample, Set, Values, distinct, without_name};

/// Buckets in ascending order: upper bound and the count of observations up to it.
type Buckets = Vec<(f64, f64)>;

/// What a function makes of a value, if anything.
pub(super) fn value(name: &str, value: f64, params: &[f64]) -> Option<f64> {
    Some(match name {
        "abs" => value.abs(),
        "ceil" => value.ceil(),
        "floor" => value.floor(),
        "exp" => value.exp(),
        "ln" => value.ln(),
        "log2" => value.log2(),
        "log10" => value.log10(),
        "sqrt" => value.sqrt(),
        "sin" => value.sin(),
        "cos" => value.cos(),
        "tan" => value.tan(),
        "asin" => value.asin(),
        "acos" => value.acos(),
        "atan" => value.atan(),
        "sinh" => value.sinh(),
        "cosh" => value.cosh(),
        "tanh" => value.tanh(),
        "asinh" => value.asinh(),
        "acosh" => value.acosh(),
        "atanh" => value.atanh(),
        "deg" => value * 180.0 / PI,
        "rad" => value * PI / 180.0,
        "sgn" if value > 0.0 => 1.0,
        "sgn" if value < 0.0 => -1.0,
        "sgn" => value,
        "round" => {
            let parts = 1.0 / params.first().copied().unwrap_or(1.0);
            (value * parts + 0.5).floor() / parts
        }
        "clamp" if params[1] < params[0] => return None,
        "clamp" => higher(params[0], lower(params[1], value)),
        "clamp_min" => higher(params[0], value),
        "clamp_max" => lower(params[0], value),
        other => unreachable!("{other}"),
    })
}

/// The lower of two; an infinite one is always, else NaN if one of them is.
fn lower(a: f64, b: f64) -> f64 {
    match (a, b) {
        (f64::NEG_INFINITY, _) | (_, f64::NEG_INFINITY) => f64::NEG_INFINITY,
        (a, b) if a.is_nan() || b.is_nan() => f64::NAN,
        (a, b) => {
            if a < b {
                a
            } else {
                b
            }
        }
    }
}

fn higher(a: f64, b: f64) -> f64 {
    -lower(-a, -b)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// A part of the date of a time in seconds, by counting years and months.
pub(super) fn date(name: &str, seconds: f64) -> f64 {
    let seconds = seconds as i64;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar repeats itself after 400 years.
    let mut year = 1970 + 400 * days.div_euclid(146_097);
    let mut day = days.rem_euclid(146_097);
    while day >= if is_leap(year) { 366 } else { 365 } {
        day -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let day_of_year = day + 1;
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let number = match name {
        "minute" => second % 3600 / 60,
        "hour" => second / 3600,
        // The epoch began on a Thursday.
        "day_of_week" => (days + 4).rem_euclid(7),
        "day_of_month" => day + 1,
        "day_of_year" => day_of_year,
        "days_in_month" => lengths[month],
        "month" => month as i64 + 1,
        "year" => year,
        other => unreachable!("{other}"),
    };
    number as f64
}

/// What a function makes of each histogram whose buckets are among the values.
pub(super) fn histograms(
    values: &Values,
    function: impl Fn(&[(f64, f64)]) -> f64,
) -> Result<Values, Error> {
    let mut all: Vec<(Set, Buckets)> = Vec::new();
    for Sample { labels, value } in values {
        let Some(Ok(bound)) = labels.get("le").map(|bound| bound.parse::<f64>()) else { continue };
        let mut labels = labels.clone();
        labels.remove("le");
        match all.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, buckets)) => buckets.push((bound, *value)),
            None => all.push((labels, vec![(bound, *value)])),
        }
    }
    let result = |(labels, mut buckets): (Set, Buckets)| {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Sample { labels: without_name(labels), value: function(&buckets) }
    };
    distinct(all.into_iter().map(result).collect())
}

/// Buckets of one bound become one.
fn merged(buckets: &[(f64, f64)]) -> Buckets {
    let mut out: Buckets = Vec::new();
    for (bound, count) in buckets {
        match out.last_mut() {
            Some(last) if last.0 == *bound => last.1 += count,
            _ => out.push((*bound, *count)),
        }
    }
    out
}

/// A quantile of a histogram: observations lie evenly within a bucket, the first of which begins
/// at zero; no estimate goes beyond the last finite bound.
pub(super) fn quantile_of(q: f64, buckets: &[(f64, f64)]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut buckets = merged(buckets);
    let last = buckets.len() - 1;
    if buckets[last].0 != f64::INFINITY || last == 0 {
        return f64::NAN;
    }
    // Counts never fall; what is within the precision is taken to be equal.
    for at in 1..=last {
        let (before, now) = (buckets[at - 1].1, buckets[at].1);
        if now < before || (now - before).abs() / (now.abs() + before.abs()) < 1e-12 {
            buckets[at].1 = before;
        }
    }
    let all = buckets[last].1;
    if all == 0.0 {
        return f64::NAN;
    }
    let rank = q * all;
    let found = buckets[..last].iter().position(|(_, count)| *count >= rank);
    let Some(found) = found else { return buckets[last - 1].0 };
    let (bound, count) = buckets[found];
    if found == 0 && bound <= 0.0 {
        return bound;
    }
    let (start, below) = if found == 0 { (0.0, 0.0) } else { buckets[found - 1] };
    start + (bound - start) * ((rank - below) / (count - below))
}

/// The part of the observations of a histogram with positive bounds that lies between two values.
pub(super) fn fraction_of((low, high): (f64, f64), buckets: &[(f64, f64)]) -> f64 {
    let buckets = merged(buckets);
    let Some((bound, all)) = buckets.last() else { return f64::NAN };
    if *bound != f64::INFINITY || *all == 0.0 || low.is_nan() || high.is_nan() {
        return f64::NAN;
    }
    if low >= high {
        return 0.0;
    }
    let up_to = |value: f64| {
        let (mut start, mut below) = (0.0, 0.0);
        for (bound, count) in &buckets {
            if value <= start {
                return below;
            }
            if value < *bound {
                return below + (count - below) * ((value - start) / (bound - start));
            }
            (start, below) = (*bound, *count);
        }
        *all
    };
    (up_to(high).min(*all) - up_to(low).min(*all)) / all
}
