//! Evaluates a tree step by step and series by series, with nothing but maps and lists.

use std::collections::{BTreeMap, BTreeSet};

use metric::is_stale;
use regex::Regex;

use super::ast::{At, Labels, Param, Range, Scalar, Selector, Shift, Vector};
use super::data::Stored;
use super::{aggregate, each, over_time, pairs};

/// Label names and values.
pub(super) type Set = BTreeMap<String, String>;

/// A value of one series at one step.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: Set,
    pub(super) value: f64,
}

/// All values at one step, in the order in which they came to be.
pub(super) type Values = Vec<Sample>;

/// The samples of one series in a range: times in milliseconds and values.
pub(super) type Samples = Vec<(i64, f64)>;

/// A range of one series at one step.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) labels: Set,
    pub(super) samples: Samples,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) at_ms: i64,
}

/// Why there is no answer.
pub(super) type Error = String;

/// What a query is evaluated over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naive<'d> {
    pub(super) data: &'d [Stored],
    /// First and last time of the query.
    pub(super) bounds_ms: (i64, i64),
    pub(super) lookback_ms: i64,
    pub(super) subquery_step_ms: i64,
    /// Looks at series in the other direction, to find out whether the order tells.
    pub(super) reversed: bool,
}

pub(super) const NAME: &str = "__name__";

pub(super) fn without_name(mut labels: Set) -> Set {
    labels.remove(NAME);
    labels
}

/// No two series at one step may have the same labels.
pub(super) fn distinct(values: Values) -> Result<Values, Error> {
    let sets: BTreeSet<&Set> = values.iter().map(|sample| &sample.labels).collect();
    if sets.len() < values.len() {
        return Err("vector cannot contain metrics with the same labelset".to_owned());
    }
    Ok(values)
}

impl Naive<'_> {
    /// The values of an instant vector at each of the steps.
    pub(super) fn vector(&self, vector: &Vector, steps: &[i64]) -> Result<Vec<Values>, Error> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        match vector {
            Vector::Select(selector) => {
                let series = self.series(selector);
                let at_step = |at_ms: &i64| self.latest(&series, selector, *at_ms, |_, v| v);
                Ok(steps.iter().map(at_step).collect())
            }
            Vector::OfScalar(scalar) => {
                let values = self.scalar(scalar, steps)?;
                let one = |value| vec![Sample { labels: Set::new(), value }];
                Ok(values.into_iter().map(one).collect())
            }
            Vector::OverTime(name, range, params) => self.over_time(name, range, params, steps),
            Vector::Each(name, inner, params) => {
                let inner = self.vector(inner, steps)?;
                let params = self.scalars(params, steps)?;
                let at_step = |(step, values): (usize, Values)| {
                    let params: Vec<f64> = params.iter().map(|param| param[step]).collect();
                    let changed = |sample: Sample| {
                        let value = each::value(name, sample.value, &params)?;
                        Some(Sample { labels: without_name(sample.labels), value })
                    };
                    distinct(values.into_iter().filter_map(changed).collect())
                };
                inner.into_iter().enumerate().map(at_step).collect()
            }
            Vector::Date(name, None) => Ok(steps
                .iter()
                .map(|at_ms| {
                    let value = each::date(name, (at_ms / 1000) as f64);
                    vec![Sample { labels: Set::new(), value }]
                })
                .collect()),
            Vector::Date(name, Some(inner)) => {
                self.mapped(inner, steps, |value, _| each::date(name, value))
            }
            Vector::Negate(inner) => self.mapped(inner, steps, |value, _| -value),
            Vector::Timestamp(inner) => match &**inner {
                Vector::Select(selector) => {
                    let series = self.series(selector);
                    let seconds = |time_ms, _| time_ms as f64 / 1000.0;
                    let at_step = |at_ms: &i64| {
                        distinct(nameless(self.latest(&series, selector, *at_ms, seconds)))
                    };
                    steps.iter().map(at_step).collect()
                }
                _ => self.mapped(inner, steps, |_, at_ms| at_ms as f64 / 1000.0),
            },
            _ => self.further(vector, steps),
        }
    }

    /// As [`Naive::vector`], of what is made of other vectors as a whole.
    fn further(&self, vector: &Vector, steps: &[i64]) -> Result<Vec<Values>, Error> {
        match vector {
            Vector::Absent(inner) => {
                let labels = match &**inner {
                    Vector::Select(selector) => absent_labels(selector),
                    _ => Set::new(),
                };
                let values = self.vector(inner, steps)?;
                Ok(values.iter().map(|values| one_if(values.is_empty(), &labels)).collect())
            }
            Vector::AbsentOverTime(range) => {
                let labels = match range {
                    Range::Stored(selector, _) => absent_labels(selector),
                    Range::Subquery(..) => Set::new(),
                };
                let windows = self.windows(range, steps)?;
                let empty = |windows: &Vec<Window>| one_if(windows.is_empty(), &labels);
                Ok(windows.iter().map(empty).collect())
            }
            Vector::Sort(_, inner, _) => self.vector(inner, steps),
            Vector::LabelReplace(inner, texts) => {
                let values = self.vector(inner, steps)?;
                values.into_iter().map(|values| label_replace(values, texts)).collect()
            }
            Vector::LabelJoin(inner, target, separator, sources) => {
                let joined = |mut sample: Sample| {
                    let get = |name: &&str| sample.labels.get(*name).cloned().unwrap_or_default();
                    let parts: Vec<String> = sources.iter().map(get).collect();
                    set(&mut sample.labels, target, &parts.join(separator));
                    sample
                };
                let values = self.vector(inner, steps)?;
                let values = values.into_iter();
                values.map(|values| distinct(values.into_iter().map(joined).collect())).collect()
            }
            Vector::Aggregate(op, labels, param, inner) => {
                self.aggregate((op, labels.as_ref(), param.as_ref()), inner, steps)
            }
            Vector::WithScalar { op, returns_bool, vector, scalar, left } => {
                let scalar = self.scalar(scalar, steps)?;
                let values = self.vector(vector, steps)?;
                let at_step = |(values, scalar): (Values, f64)| {
                    pairs::with_scalar((op, *returns_bool), values, scalar, *left)
                };
                values.into_iter().zip(scalar).map(at_step).collect()
            }
            Vector::Paired(how, left, right) => {
                let (left, right) = (self.vector(left, steps)?, self.vector(right, steps)?);
                left.into_iter().zip(right).map(|(l, r)| pairs::paired(how, l, r)).collect()
            }
            Vector::HistogramQuantile(q, inner) => {
                let q = self.scalar(q, steps)?;
                let values = self.vector(inner, steps)?.into_iter().zip(q);
                let at_step =
                    |(values, q)| each::histograms(&values, |it| each::quantile_of(q, it));
                values.map(at_step).collect()
            }
            Vector::HistogramFraction(low, high, inner) => {
                let (low, high) = (self.scalar(low, steps)?, self.scalar(high, steps)?);
                let values = self.vector(inner, steps)?.into_iter().zip(low.into_iter().zip(high));
                let at_step = |(values, bounds): (Values, (f64, f64))| {
                    each::histograms(&values, |it| each::fraction_of(bounds, it))
                };
                values.map(at_step).collect()
            }
            _ => unreachable!("{vector}"),
        }
    }

    fn aggregate(
        &self,
        (op, by, param): (&str, Option<&Labels>, Option<&Param>),
        inner: &Vector,
        steps: &[i64],
    ) -> Result<Vec<Values>, Error> {
        let (params, text) = match param {
            Some(Param::Scalar(scalar)) => (self.scalar(scalar, steps)?, ""),
            Some(Param::Text(text)) => (vec![f64::NAN; steps.len()], *text),
            None => (vec![f64::NAN; steps.len()], ""),
        };
        aggregate::check_param(op, &params)?;
        let values = self.vector(inner, steps)?.into_iter().zip(params);
        Ok(values
            .map(|(values, param)| aggregate::values(op, by, (param, text), &values))
            .collect())
    }

    /// The value of a scalar at each of the steps.
    pub(super) fn scalar(&self, scalar: &Scalar, steps: &[i64]) -> Result<Vec<f64>, Error> {
        Ok(match scalar {
            Scalar::Number(value) => vec![*value; steps.len()],
            Scalar::Time => steps.iter().map(|at_ms| *at_ms as f64 / 1000.0).collect(),
            Scalar::Pi => vec![std::f64::consts::PI; steps.len()],
            Scalar::Of(vector) => {
                let only = |values: Values| match values.as_slice() {
                    [one] => one.value,
                    _ => f64::NAN,
                };
                self.vector(vector, steps)?.into_iter().map(only).collect()
            }
            Scalar::Negate(inner) => self.scalar(inner, steps)?.into_iter().map(|v| -v).collect(),
            Scalar::Binary(op, left, right) => {
                let sides = self.scalar(left, steps)?.into_iter().zip(self.scalar(right, steps)?);
                sides
                    .map(|(a, b)| match pairs::compare(op, a, b) {
                        Some(holds) => f64::from(u8::from(holds)),
                        None => pairs::calculate(op, a, b),
                    })
                    .collect()
            }
        })
    }

    fn scalars(&self, scalars: &[Scalar], steps: &[i64]) -> Result<Vec<Vec<f64>>, Error> {
        scalars.iter().map(|scalar| self.scalar(scalar, steps)).collect()
    }

    /// Changes each value and drops names.
    fn mapped(
        &self,
        inner: &Vector,
        steps: &[i64],
        change: impl Fn(f64, i64) -> f64,
    ) -> Result<Vec<Values>, Error> {
        let at_step = |(values, at_ms): (Values, &i64)| {
            let changed = values.into_iter().map(|sample| Sample {
                labels: without_name(sample.labels),
                value: change(sample.value, *at_ms),
            });
            distinct(changed.collect())
        };
        self.vector(inner, steps)?.into_iter().zip(steps).map(at_step).collect()
    }

    /// Where a selector looks from an evaluation time.
    fn reference(&self, shift: Shift, at_ms: i64) -> i64 {
        let at_ms = match shift.at {
            Some(At::Start) => self.bounds_ms.0,
            Some(At::End) => self.bounds_ms.1,
            Some(At::Seconds(seconds)) => seconds * 1000,
            None => at_ms,
        };
        at_ms - shift.offset_s * 1000
    }

    /// The series that a selector finds.
    fn series(&self, selector: &Selector) -> Vec<&Stored> {
        let regexes: Vec<Regex> =
            selector.matchers.iter().map(|(_, op, value)| pattern(op, value)).collect();
        let fits = |series: &&Stored| {
            let get = |name: &str| series.labels.get(name).map_or("", String::as_str);
            let mut matchers = selector.matchers.iter().zip(&regexes);
            selector.name.is_none_or(|name| get(NAME) == name)
                && matchers
                    .all(|((name, op, _), regex)| regex.is_match(get(name)) != op.starts_with('!'))
        };
        let mut found: Vec<&Stored> = self.data.iter().filter(fits).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        if self.reversed {
            found.reverse();
        }
        found
    }

    /// The last sample of each series that is not too old, unless it marks the series' end.
    fn latest(
        &self,
        series: &[&Stored],
        selector: &Selector,
        at_ms: i64,
        what: impl Fn(i64, f64) -> f64,
    ) -> Values {
        let reference_ms = self.reference(selector.shift, at_ms);
        let mut found = Vec::new();
        for series in series {
            let fresh =
                |time_ms: i64| time_ms <= reference_ms && time_ms > reference_ms - self.lookback_ms;
            let last = series.samples.iter().rfind(|(time_ms, _)| fresh(*time_ms));
            if let Some((time_ms, value)) = last.filter(|(_, value)| !is_stale(*value)) {
                let labels = series.labels.clone();
                found.push(Sample { labels, value: what(*time_ms, *value) });
            }
        }
        found
    }

    /// The windows of a range vector that hold samples, at each of the steps.
    pub(super) fn windows(&self, range: &Range, steps: &[i64]) -> Result<Vec<Vec<Window>>, Error> {
        let (series, range_ms, shift) = match range {
            Range::Stored(selector, range_s) => {
                let mut series: Vec<(Set, Samples)> = Vec::new();
                for stored in self.series(selector) {
                    let samples = stored.samples.iter().filter(|(_, value)| !is_stale(*value));
                    series.push((stored.labels.clone(), samples.copied().collect()));
                }
                (series, range_s * 1000, selector.shift)
            }
            Range::Subquery(inner, range_s, step_s, shift) => {
                let range_ms = range_s * 1000;
                let step_ms = step_s.map_or(self.subquery_step_ms, |step_s| step_s * 1000);
                let references = steps.iter().map(|at_ms| self.reference(*shift, *at_ms));
                let first_ms = references.clone().min().unwrap_or(0) - range_ms;
                let last_ms = references.max().unwrap_or(0);
                // Inner steps are the multiples of the step that are in any of the ranges.
                let mut inner_steps = Vec::new();
                let mut at_ms = first_ms / step_ms * step_ms;
                while at_ms <= last_ms {
                    if at_ms > first_ms {
                        inner_steps.push(at_ms);
                    }
                    at_ms += step_ms;
                }
                let values = self.vector(inner, &inner_steps)?;
                let mut series = by_series(&inner_steps, values);
                series.sort_by(|a, b| a.0.cmp(&b.0));
                if self.reversed {
                    series.reverse();
                }
                (series, range_ms, *shift)
            }
        };
        let at_step = |at_ms: &i64| {
            let end_ms = self.reference(shift, *at_ms);
            let start_ms = end_ms - range_ms;
            let window = |(labels, samples): &(Set, Samples)| {
                let within = samples.iter().filter(|(t, _)| *t > start_ms && *t <= end_ms);
                let samples: Samples = within.copied().collect();
                let labels = labels.clone();
                let window = Window { labels, samples, start_ms, end_ms, at_ms: *at_ms };
                (!window.samples.is_empty()).then_some(window)
            };
            series.iter().filter_map(window).collect()
        };
        Ok(steps.iter().map(at_step).collect())
    }

    fn over_time(
        &self,
        name: &str,
        range: &Range,
        params: &[Scalar],
        steps: &[i64],
    ) -> Result<Vec<Values>, Error> {
        let params = self.scalars(params, steps)?;
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        // Which series each result is of: two may not become one, not even at different steps.
        let mut origins: BTreeMap<Set, Set> = BTreeMap::new();
        let mut all = Vec::new();
        for (step, windows) in self.windows(range, steps)?.into_iter().enumerate() {
            let params: Vec<f64> = params.iter().map(|param| param[step]).collect();
            let mut values = Vec::new();
            for window in windows {
                let Some(value) = over_time::value(name, &window, &params)? else { continue };
                let origin = window.labels.clone();
                let labels = if keeps_name { window.labels } else { without_name(window.labels) };
                if *origins.entry(labels.clone()).or_insert_with(|| origin.clone()) != origin {
                    return Err("vector cannot contain metrics with the same labelset".to_owned());
                }
                values.push(Sample { labels, value });
            }
            all.push(values);
        }
        Ok(all)
    }
}

/// Turns steps with series into series with steps.
fn by_series(steps: &[i64], values: Vec<Values>) -> Vec<(Set, Samples)> {
    let mut series: Vec<(Set, Samples)> = Vec::new();
    for (at_ms, values) in steps.iter().zip(values) {
        for Sample { labels, value } in values {
            match series.iter_mut().find(|(known, _)| *known == labels) {
                Some((_, samples)) => samples.push((*at_ms, value)),
                None => series.push((labels, vec![(*at_ms, value)])),
            }
        }
    }
    series
}

fn nameless(values: Values) -> Values {
    let drop_name = |it: Sample| Sample { labels: without_name(it.labels), value: it.value };
    values.into_iter().map(drop_name).collect()
}

fn one_if(condition: bool, labels: &Set) -> Values {
    let one = Sample { labels: labels.clone(), value: 1.0 };
    if condition { vec![one] } else { Vec::new() }
}

/// Sets a label; an empty value is no label.
fn set(labels: &mut Set, name: &str, value: &str) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value.to_owned());
    }
}

/// What a matcher compares with, an equal text too.
fn pattern(op: &str, value: &str) -> Regex {
    if op.ends_with('~') { anchored(value) } else { anchored(&regex::escape(value)) }
}

fn anchored(pattern: &str) -> Regex {
    Regex::new(&format!("^(?s:{pattern})$")).unwrap()
}

/// The labels that a selector asks for with `=`, as far as nothing else is said of them.
fn absent_labels(selector: &Selector) -> Set {
    let mut labels = Set::new();
    let mut seen = BTreeSet::new();
    for (name, op, value) in selector.matchers.iter().filter(|(name, _, _)| *name != NAME) {
        if *op == "=" && seen.insert(*name) {
            set(&mut labels, name, value);
        } else {
            labels.remove(*name);
        }
    }
    labels
}

fn label_replace(mut values: Values, texts: &[&'static str; 4]) -> Result<Values, Error> {
    let [target, replacement, source, pattern] = texts;
    let regex = anchored(pattern);
    for sample in &mut values {
        let value = sample.labels.get(*source).cloned().unwrap_or_default();
        if let Some(captures) = regex.captures(&value) {
            let mut replaced = String::new();
            captures.expand(replacement, &mut replaced);
            set(&mut sample.labels, target, &replaced);
        }
    }
    distinct(values)
}
