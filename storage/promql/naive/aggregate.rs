//! Aggregations of the values at one step, and the statistics they share with ranges.

use std::cmp::Ordering;

use super::ast::Labels;
use super::eval::{Error, NAME, Sample, Set, Values};

/// A sum with the rounding errors added in the end (Neumaier).
pub(super) fn sum(values: &[f64]) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        if next.is_infinite() {
            lost = 0.0;
        } else if total.abs() >= value.abs() {
            lost += (total - next) + value;
        } else {
            lost += (value - next) + total;
        }
        total = next;
    }
    if total.is_infinite() { total } else { total + lost }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// The variance of the whole population as it comes in (Welford), the rounding errors of mean and
/// squares being added.
pub(super) fn variance(values: &[f64]) -> f64 {
    let (mut means, mut squares, mut mean) = (Vec::new(), Vec::new(), 0.0);
    for (before, value) in values.iter().enumerate() {
        let distance = value - mean;
        means.push(distance / (before + 1) as f64);
        mean = sum(&means);
        squares.push(distance * (value - mean));
    }
    sum(&squares) / values.len() as f64
}

/// The variance of a population as it comes in (Welford), with the precision that this has.
fn running_variance(values: &[f64]) -> f64 {
    let mut mean = values[0];
    let mut squares = if mean.is_finite() { 0.0 } else { f64::NAN };
    for (before, value) in values.iter().enumerate().skip(1) {
        let distance = value - mean;
        mean += distance / (before + 1) as f64;
        squares += distance * (value - mean);
    }
    squares / values.len() as f64
}

/// Interpolates between the values next to the rank; NaN is the smallest value.
pub(super) fn quantile(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => compared(*a, *b),
        (a, b) => b.cmp(&a),
    });
    let rank = q * (sorted.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(sorted.len() - 1);
    let weight = rank - rank.floor();
    sorted[lower] * (1.0 - weight) + sorted[upper] * weight
}

/// The order of two numbers; zero and minus zero are equal.
fn compared(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// Fails if the number of series to pick makes no sense at any step.
pub(super) fn check_param(op: &str, params: &[f64]) -> Result<(), Error> {
    if !matches!(op, "topk" | "bottomk" | "limitk") || params.is_empty() {
        return Ok(());
    }
    if params.iter().all(|k| *k < 1.0) {
        return Ok(());
    }
    if params.iter().any(|k| k.is_nan()) {
        return Err("Parameter value is NaN".to_owned());
    }
    if params.iter().any(|k| k.abs() >= 9.3e18) {
        return Err("Scalar value overflows int64".to_owned());
    }
    Ok(())
}

fn key(labels: &Set, by: Option<&Labels>) -> Set {
    let Some(Labels { without, names }) = by else { return Set::new() };
    let keep = |name: &str| match without {
        true => name != NAME && !names.contains(&name),
        false => names.contains(&name),
    };
    labels.iter().filter(|(name, _)| keep(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// The aggregation of all values at a step.
pub(super) fn values(
    op: &str,
    by: Option<&Labels>,
    (param, text): (f64, &'static str),
    all: &[Sample],
) -> Values {
    if op == "count_values" {
        return count_values(by, text, all);
    }
    let mut groups: Vec<(Set, Vec<&Sample>)> = Vec::new();
    for sample in all {
        let key = key(&sample.labels, by);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(sample),
            None => groups.push((key, vec![sample])),
        }
    }
    let mut out = Vec::new();
    for (labels, members) in groups {
        let values: Vec<f64> = members.iter().map(|sample| sample.value).collect();
        let value = match op {
            "topk" | "bottomk" | "limitk" => {
                out.extend(picked(op, param, members));
                continue;
            }
            "sum" => sum(&values),
            "avg" => mean(&values),
            "min" => values.iter().copied().fold(f64::NAN, f64::min),
            "max" => values.iter().copied().fold(f64::NAN, f64::max),
            "count" => values.len() as f64,
            "group" => 1.0,
            "stdvar" => running_variance(&values),
            "stddev" => running_variance(&values).sqrt(),
            "quantile" => quantile(param, &values),
            other => unreachable!("{other}"),
        };
        out.push(Sample { labels, value });
    }
    out
}

/// The first, best or worst of a group; NaN is the last choice.
fn picked(op: &str, k: f64, mut members: Vec<&Sample>) -> Values {
    if k.is_nan() || k < 1.0 {
        return Vec::new();
    }
    if op != "limitk" {
        members.sort_by(|a, b| match (a.value.is_nan(), b.value.is_nan()) {
            (true, true) => Ordering::Equal,
            (false, false) if op == "topk" => compared(b.value, a.value),
            (false, false) => compared(a.value, b.value),
            (a, b) => a.cmp(&b),
        });
    }
    members.into_iter().take(k as usize).cloned().collect()
}

/// How many series have which value.
fn count_values(by: Option<&Labels>, label: &'static str, all: &[Sample]) -> Values {
    let mut by = by.cloned().unwrap_or(Labels { without: false, names: Vec::new() });
    if !by.without {
        by.names.push(label);
    }
    let mut out: Values = Vec::new();
    for sample in all {
        let mut labels = sample.labels.clone();
        labels.insert(label.to_owned(), text(sample.value));
        let labels = key(&labels, Some(&by));
        match out.iter_mut().find(|known| known.labels == labels) {
            Some(known) => known.value += 1.0,
            None => out.push(Sample { labels, value: 1.0 }),
        }
    }
    out
}

fn text(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    }
}
