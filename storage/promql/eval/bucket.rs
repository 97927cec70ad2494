//! Functions of classic histograms, whose buckets are series with a label `le`.

use metric::{Labels, LabelsBuilder};

use super::call::argument;
use super::label::text;
use super::matching::Groups;
use super::quantile::is_quantile;
use super::row::{Column, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Node, Span};
use crate::format::{format_value, short_float};

/// The label that holds a bucket's upper bound.
const BUCKET_LABEL: &str = "le";
/// Relative difference of neighbouring counts that is taken for an error of precision.
const TOLERANCE: f64 = 1e-12;

/// All observations up to an upper bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// The rows of one histogram with their upper bounds.
struct Histogram {
    labels: Labels,
    drop_name: bool,
    bounds: Vec<(f64, Column)>,
}

impl Histogram {
    fn at(&self, step: usize) -> Vec<Bucket> {
        let bucket = |(upper, column): &(f64, Column)| {
            column.get(step).map(|count| Bucket { upper: *upper, count })
        };
        let mut buckets: Vec<Bucket> = self.bounds.iter().filter_map(bucket).collect();
        buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
        buckets
    }
}

impl Scope<'_> {
    pub(crate) fn histogram_quantile(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let q = self.number(args, 0)?;
        self.check_quantiles(&q, argument(args, 0)?.span);
        let arg = argument(args, 1)?;
        let histograms = self.histograms(arg)?;
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for histogram in &histograms {
            let column = self.quantile_column(histogram, &q, arg.span);
            rows.push(histogram.labels.clone(), histogram.drop_name, column)?;
        }
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    pub(crate) fn histogram_quantiles(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let arg = argument(args, 0)?;
        let label = text(args, 1)?;
        let histograms = self.histograms(arg)?;
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for i in 2..args.len() {
            let q = self.number(args, i)?;
            self.check_quantiles(&q, argument(args, i)?.span);
            for histogram in &histograms {
                let column = self.quantile_column(histogram, &q, arg.span);
                self.push_labelled(&mut rows, histogram, label, &q, &column)?;
            }
        }
        self.drop_names(&mut rows)?;
        rows.unite_same_labels()?;
        Ok(rows)
    }

    /// Adds a row for each value that the quantile takes.
    fn push_labelled(
        &self,
        rows: &mut Rows,
        histogram: &Histogram,
        label: &str,
        q: &Column,
        column: &Column,
    ) -> Result<(), EvalError> {
        let mut values: Vec<f64> = q.present().map(|(_, q)| q).collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| a.to_bits() == b.to_bits());
        for value in values {
            self.run.check()?;
            let mut labels = LabelsBuilder::from_labels(&histogram.labels);
            labels.set(label, &open_metrics_float(value));
            let mut part = column.clone();
            let here = |step| q.number(step).to_bits() == value.to_bits();
            part.filter_map(|step, quantile| here(step).then_some(quantile));
            rows.push(labels.build().unwrap_or_default(), histogram.drop_name, part)?;
        }
        Ok(())
    }

    pub(crate) fn histogram_fraction(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let (lower, upper) = (self.number(args, 0)?, self.number(args, 1)?);
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for histogram in self.histograms(argument(args, 2)?)? {
            let mut column = Column::absent(self.steps.count);
            for step in 0..self.steps.count {
                let mut buckets = histogram.at(step);
                if !buckets.is_empty() {
                    let bounds = (lower.number(step), upper.number(step));
                    column.set(step, fraction(bounds, &mut buckets));
                }
            }
            rows.push(histogram.labels, histogram.drop_name, column)?;
        }
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    fn check_quantiles(&self, q: &Column, span: Span) {
        for (_, q) in q.present().filter(|(_, q)| !is_quantile(*q)) {
            self.warn_quantile(span, q);
        }
    }

    /// Groups the buckets of a vector into histograms.
    fn histograms(&self, arg: &Node) -> Result<Vec<Histogram>, EvalError> {
        let rows = self.rows(arg)?;
        let mut groups = Groups::default();
        let mut histograms: Vec<Histogram> = Vec::new();
        for row in rows.list {
            self.run.check()?;
            let bound = row.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(upper) = parse_bound(bound) else {
                let name = row.labels.metric_name().unwrap_or("");
                let of = format!("is missing or has a malformed value of {bound:?}");
                let metric = for_metric(name);
                self.run.warn(arg.span, &format!("bucket label {BUCKET_LABEL:?} {of}{metric}"));
                continue;
            };
            let labels = row.labels.filter(|label| label.name != BUCKET_LABEL);
            let group = groups.number(labels.clone());
            if group == histograms.len() {
                let bounds = Vec::new();
                histograms.push(Histogram { labels, drop_name: row.drop_name, bounds });
            }
            histograms[group].bounds.push((upper, row.column));
        }
        Ok(histograms)
    }

    fn quantile_column(&self, histogram: &Histogram, q: &Column, span: Span) -> Column {
        let mut column = Column::absent(self.steps.count);
        for step in 0..self.steps.count {
            let mut buckets = histogram.at(step);
            if buckets.is_empty() {
                continue;
            }
            let (value, forced) = quantile(q.number(step), &mut buckets);
            column.set(step, value);
            if forced {
                let delayed = self.run.options.delayed_name_removal;
                let name = if delayed { histogram.labels.metric_name().unwrap_or("") } else { "" };
                let why = "input to histogram_quantile needed to be fixed for monotonicity (see \
                     https://prometheus.io/docs/prometheus/latest/querying/functions/\
                     #histogram_quantile)";
                self.run.info(span, &format!("{why}{}", for_metric(name)));
            }
        }
        column
    }
}

fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") }
}

fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A number as OpenMetrics wants it: recognisable as a float.
fn open_metrics_float(value: f64) -> String {
    let text = short_float(value);
    let whole = value.is_finite() && !text.contains(['.', 'e']);
    if whole { format!("{}.0", format_value(value)) } else { text }
}

/// The `q`-quantile of sorted buckets, and whether counts had to be forced to rise.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    coalesce(buckets);
    let Some((highest, explicit)) = buckets.split_last() else {
        return (f64::NAN, false);
    };
    if highest.upper != f64::INFINITY || explicit.is_empty() {
        return (f64::NAN, false);
    }
    let forced = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if observations == 0.0 {
        return (f64::NAN, forced);
    }
    let mut rank = q * observations;
    let found = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if found == last {
        return (buckets[last - 1].upper, forced);
    }
    if found == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, forced);
    }
    let (mut start, end, mut count) = (0.0, buckets[found].upper, buckets[found].count);
    if found > 0 {
        start = buckets[found - 1].upper;
        count -= buckets[found - 1].count;
        rank -= buckets[found - 1].count;
    }
    (start + (end - start) * (rank / count), forced)
}

/// The fraction of observations between two values.
pub(crate) fn fraction((lower, upper): (f64, f64), buckets: &mut Vec<Bucket>) -> f64 {
    coalesce(buckets);
    let Some(highest) = buckets.last().copied().filter(|b| b.upper == f64::INFINITY) else {
        return f64::NAN;
    };
    if highest.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank_of = |value: f64| {
        let (mut rank, mut below) = (0.0, f64::NEG_INFINITY);
        for (i, bucket) in buckets.iter().enumerate() {
            if i == 0 && bucket.upper > 0.0 {
                // Positive observations begin at zero.
                below = 0.0;
            }
            if below >= value {
                return rank;
            }
            if bucket.upper > value {
                if below == f64::NEG_INFINITY {
                    return bucket.count;
                }
                let share = (value - below) / (bucket.upper - below);
                return rank + (bucket.count - rank) * share;
            }
            (rank, below) = (bucket.count, bucket.upper);
        }
        highest.count
    };
    (rank_of(upper).min(highest.count) - rank_of(lower).min(highest.count)) / highest.count
}

/// Merges buckets with the same bound.
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Removes decreases of the cumulative counts; says whether any was more than imprecision.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == previous {
            continue;
        }
        if almost_equal(previous, bucket.count) {
            bucket.count = previous;
        } else if bucket.count < previous {
            bucket.count = previous;
            forced = true;
        } else {
            previous = bucket.count;
        }
    }
    forced
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}
