//! Compares what an evaluation gave with what a script expects.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Histogram, Labels};
use regex::Regex;

use super::command::{Eval, TextMatch, Times};
use super::histogram::HistogramText;
use super::notation::{SeriesLine, Slot};
use crate::{Answer, HistogramPoint, Series, Value, VectorPoint};

/// What an evaluation gave.
pub(crate) enum Outcome {
    Answer(Answer),
    Error(String),
}

/// Relative difference up to which values are equal.
const TOLERANCE: f64 = 1e-6;

/// Compares an outcome with what the case expects.
pub(crate) fn outcome(eval: &Eval, outcome: &Outcome) -> Result<(), String> {
    let expect = &eval.expect;
    match outcome {
        Outcome::Error(error) if expect.fails => {
            match expect.fail_texts.iter().all(|text| text.fits(error)) {
                true => Ok(()),
                false => Err(format!("failed with {error:?}, not {:?}", expect.fail_texts)),
            }
        }
        Outcome::Error(error) => Err(format!("failed: {error}")),
        Outcome::Answer(_) if expect.fails => Err("should fail and does not".to_owned()),
        Outcome::Answer(answer) => {
            notes("warning", &expect.warnings, expect.no_warn, &answer.warnings)?;
            notes("info", &expect.infos, expect.no_info, &answer.infos)?;
            value(eval, &answer.value)
        }
    }
}

fn notes(what: &str, expected: &[TextMatch], none: bool, found: &[String]) -> Result<(), String> {
    if none && !found.is_empty() {
        return Err(format!("unexpected {what}: {found:?}"));
    }
    for text in expected {
        if !found.iter().any(|note| text.fits(note)) {
            return Err(format!("{what} {text:?} is missing; found {found:?}"));
        }
    }
    let fits = |note: &String| expected.iter().any(|text| text.fits(note));
    match found.iter().find(|note| !expected.is_empty() && !fits(note)) {
        Some(note) => Err(format!("unexpected {what}: {note}")),
        None => Ok(()),
    }
}

impl TextMatch {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted == text,
            Self::Matches(pattern) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)),
        }
    }
}

fn value(eval: &Eval, value: &Value) -> Result<(), String> {
    let expect = &eval.expect;
    match value {
        Value::String { text, .. } => match &expect.text {
            Some(wanted) if wanted == text => Ok(()),
            wanted => Err(format!("found the string {text:?}, expected {wanted:?}")),
        },
        Value::Scalar(point) => match expect.scalar {
            Some(wanted) if almost_equal(wanted, point.value) => Ok(()),
            wanted => Err(format!("found the scalar {}, expected {wanted:?}", point.value)),
        },
        Value::Vector(vector) => {
            if expect.scalar.is_some() || expect.range_vector.is_some() {
                return Err("found a vector".to_owned());
            }
            let point = |point: &VectorPoint| (point.timestamp_ms, datum(point));
            let found: Vec<_> = vector.iter().map(|(l, p)| (l.clone(), vec![point(p)])).collect();
            let Times::Instant(at_ms) = eval.times else {
                return Err("found a vector".to_owned());
            };
            series(eval, &found, (at_ms, 1))
        }
        Value::Matrix(matrix) => {
            let found: Vec<_> = matrix.iter().map(|s| (s.labels.clone(), points_of(s))).collect();
            let grid = match (eval.times, expect.range_vector) {
                (Times::Range { start_ms, step_ms, .. }, _) => (start_ms, step_ms),
                (Times::Instant(_), Some(grid)) => grid,
                (Times::Instant(_), None) => return Err("found a range vector".to_owned()),
            };
            series(eval, &found, grid)
        }
    }
}

/// A value that an evaluation gave.
#[derive(Debug, Clone)]
enum Datum {
    Float(f64),
    Histogram(Arc<Histogram>),
}

type Points = Vec<(i64, Datum)>;

fn datum(point: &VectorPoint) -> Datum {
    let histogram = point.histogram.clone().map(Datum::Histogram);
    histogram.unwrap_or(Datum::Float(point.value))
}

/// Numbers and histograms of a series in the order of time.
fn points_of(series: &Series) -> Points {
    let floats = series.points.iter().map(|p| (p.timestamp_ms, Datum::Float(p.value)));
    let histogram = |p: &HistogramPoint| Datum::Histogram(Arc::clone(&p.histogram));
    let histograms = series.histograms.iter().map(|p| (p.timestamp_ms, histogram(p)));
    let mut points: Points = floats.chain(histograms).collect();
    points.sort_by_key(|(at, _)| *at);
    points
}

fn series(eval: &Eval, found: &[(Labels, Points)], grid: (i64, i64)) -> Result<(), String> {
    let expect = &eval.expect;
    let mut by_labels: BTreeMap<&Labels, &Points> = BTreeMap::new();
    for (labels, points) in found {
        if by_labels.insert(labels, points).is_some() {
            return Err(format!("{labels} occurs twice"));
        }
    }
    for (i, line) in expect.series.iter().enumerate() {
        let wanted = expected_points(line, grid);
        if wanted.is_empty() && !by_labels.contains_key(&line.labels) {
            continue;
        }
        let Some(points) = by_labels.remove(&line.labels) else {
            return Err(format!("{} is missing; found {found:?}", line.labels));
        };
        same_points(&line.labels, &wanted, points)?;
        let in_place = found.get(i).is_some_and(|(labels, _)| *labels == line.labels);
        if expect.ordered && !in_place {
            return Err(format!("{} is not at place {}", line.labels, i + 1));
        }
    }
    match by_labels.first_key_value() {
        Some((labels, points)) => Err(format!("unexpected {labels} {points:?}")),
        None => Ok(()),
    }
}

fn expected_points(line: &SeriesLine, grid: (i64, i64)) -> Vec<(i64, &Slot)> {
    let times = (0_i64..).map(|step| grid.0 + step * grid.1);
    let slots = times.zip(&line.slots);
    slots.filter(|(_, slot)| !matches!(slot, Slot::Empty)).collect()
}

fn same_points(labels: &Labels, wanted: &[(i64, &Slot)], found: &Points) -> Result<(), String> {
    let same = |wanted: &Slot, found: &Datum| match (wanted, found) {
        (Slot::Float(a), Datum::Float(b)) => almost_equal(*a, *b),
        (Slot::Histogram(a), Datum::Histogram(b)) => a.fits(b, almost_equal),
        _ => false,
    };
    let all_same = wanted.len() == found.len()
        && wanted.iter().zip(found).all(|(a, b)| a.0 == b.0 && same(a.1, &b.1));
    if all_same {
        return Ok(());
    }
    Err(format!("{labels}: found {found:?}, expected {wanted:?}"))
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// Whether a case at one time should give the same as a step of a range.
pub(crate) fn also_as_range(eval: &Eval, answer: &Answer) -> bool {
    // These functions say where in a range a query is.
    let of_the_range = ["start()", "end()", "step()", "range()"];
    matches!(answer.value, Value::Vector(_) | Value::Scalar(_))
        && !of_the_range.iter().any(|call| eval.query.contains(call))
}

/// Compares the answer at one time with a step of a range.
pub(crate) fn same_at(at_ms: i64, answer: &Answer, range: &Answer) -> Result<(), String> {
    let mut wanted: BTreeMap<Labels, Datum> = BTreeMap::new();
    match &answer.value {
        Value::Scalar(point) => drop(wanted.insert(Labels::empty(), Datum::Float(point.value))),
        Value::Vector(vector) => {
            wanted.extend(vector.iter().map(|(labels, point)| (labels.clone(), datum(point))));
        }
        _ => {}
    }
    let mut found: BTreeMap<Labels, Datum> = BTreeMap::new();
    if let Value::Matrix(matrix) = &range.value {
        for series in matrix {
            let here = points_of(series).into_iter().filter(|(time_ms, _)| *time_ms == at_ms);
            found.extend(here.map(|(_, datum)| (series.labels.clone(), datum)));
        }
    }
    let same_value = |a: &Datum, b: &Datum| match (a, b) {
        (Datum::Float(a), Datum::Float(b)) => almost_equal(*a, *b),
        (Datum::Histogram(a), Datum::Histogram(b)) => {
            let wanted = HistogramText { histogram: Histogram::clone(a), hinted: false };
            wanted.fits(b, almost_equal)
        }
        _ => false,
    };
    let same = wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(a, b)| a.0 == b.0 && same_value(a.1, b.1));
    if same { Ok(()) } else { Err(format!("as a range: found {found:?}, expected {wanted:?}")) }
}
