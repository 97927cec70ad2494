//! Quantiles and fractions of histograms: of classic ones, whose buckets are series with a label
//! `le`, and of native ones.

use metric::{Histogram, Labels, LabelsBuilder};

use super::call::argument;
use super::label::text;
use super::matching::Groups;
use super::native;
use super::noting::Noting;
use super::quantile::is_quantile;
use super::row::{Column, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Node, Span};
use crate::format::{format_value, short_float};
use crate::note::{Forced, for_metric};
use crate::quote::quote;

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

/// What there is of one histogram: the rows of its buckets with their upper bounds, or a row of
/// native histograms, or both at different steps.
struct Source {
    labels: Labels,
    drop_name: bool,
    bounds: Vec<(f64, Column)>,
    native: Option<Column>,
}

/// A histogram at one step.
enum Found<'s> {
    Classic(Vec<Bucket>),
    Native(&'s Histogram),
}

impl Source {
    /// The histogram at a step. Buckets and a native one at once are no histogram.
    fn at(&self, step: usize, noting: &Noting<'_>) -> Option<Found<'_>> {
        let buckets = self.buckets(step);
        match self.native.as_ref().and_then(|column| column.histogram(step)) {
            Some(_) if !buckets.is_empty() => {
                noting.mixed_with_classic();
                None
            }
            Some(histogram) => Some(Found::Native(histogram)),
            None => (!buckets.is_empty()).then_some(Found::Classic(buckets)),
        }
    }

    fn buckets(&self, step: usize) -> Vec<Bucket> {
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
        let sources = self.sources(arg)?;
        let first = argument(args, 0)?.span;
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for source in &sources {
            let column = self.quantile_column(source, &q, arg.span, first);
            rows.push(source.labels.clone(), source.drop_name, column)?;
        }
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    pub(crate) fn histogram_quantiles(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let arg = argument(args, 0)?;
        let label = text(args, 1)?;
        let sources = self.sources(arg)?;
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        for i in 2..args.len() {
            let q = self.number(args, i)?;
            self.check_quantiles(&q, argument(args, i)?.span);
            for source in &sources {
                let column = self.quantile_column(source, &q, arg.span, arg.span);
                self.push_labelled(&mut rows, source, label, &q, &column)?;
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
        source: &Source,
        label: &str,
        q: &Column,
        column: &Column,
    ) -> Result<(), EvalError> {
        let mut values: Vec<f64> = q.floats().map(|(_, q)| q).collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| a.to_bits() == b.to_bits());
        for value in values {
            self.run.check()?;
            let mut labels = LabelsBuilder::from_labels(&source.labels);
            labels.set(label, &open_metrics_float(value));
            let mut part = column.clone();
            let here = |step| q.number(step).to_bits() == value.to_bits();
            part.filter_map(|step, quantile| here(step).then_some(quantile));
            rows.push(labels.build().unwrap_or_default(), source.drop_name, part)?;
        }
        Ok(())
    }

    pub(crate) fn histogram_fraction(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let (lower, upper) = (self.number(args, 0)?, self.number(args, 1)?);
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        let (arg, first) = (argument(args, 2)?, argument(args, 0)?.span);
        for source in self.sources(arg)? {
            let mut column = Column::absent(self.steps.count);
            for step in 0..self.steps.count {
                let bounds = (lower.number(step), upper.number(step));
                let value = match source.at(step, &self.of_source(&source, arg.span)) {
                    Some(Found::Classic(mut buckets)) => fraction(bounds, &mut buckets),
                    Some(Found::Native(histogram)) => {
                        native::fraction(bounds, histogram, &self.of_result(&source, first))
                    }
                    None => continue,
                };
                column.set(step, value);
            }
            rows.push(source.labels, source.drop_name, column)?;
        }
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    fn check_quantiles(&self, q: &Column, span: Span) {
        for (_, q) in q.floats().filter(|(_, q)| !is_quantile(*q)) {
            self.warn_quantile(span, q);
        }
    }

    /// Groups the buckets of a vector into histograms, native ones beside them.
    fn sources(&self, arg: &Node) -> Result<Vec<Source>, EvalError> {
        let rows = self.rows(arg)?;
        let mut groups = Groups::default();
        let mut sources: Vec<Source> = Vec::new();
        let mut place = |labels: Labels, drop_name: bool| {
            let group = groups.number(labels.clone());
            if group == sources.len() {
                sources.push(Source { labels, drop_name, bounds: Vec::new(), native: None });
            }
            group
        };
        let mut parts = Vec::new();
        for row in rows.list {
            self.run.check()?;
            if row.column.has_histograms() {
                let group = place(row.labels.clone(), row.drop_name);
                parts.push((group, None, row.column.clone()));
            }
            if row.column.floats().next().is_none() {
                continue;
            }
            let bound = row.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(upper) = parse_bound(bound) else {
                let of = format!("is missing or has a malformed value of {}", quote(bound));
                let metric = for_metric(row.labels.metric_name().unwrap_or(""));
                self.run.warn(arg.span, &format!("bucket label {BUCKET_LABEL:?} {of}{metric}"));
                continue;
            };
            let labels = row.labels.filter(|label| label.name != BUCKET_LABEL);
            parts.push((place(labels, row.drop_name), Some(upper), row.column));
        }
        for (group, upper, column) in parts {
            match upper {
                Some(upper) => sources[group].bounds.push((upper, column)),
                None => sources[group].native = Some(column),
            }
        }
        Ok(sources)
    }

    /// Notes about a histogram as it came.
    fn of_source<'n>(&'n self, source: &'n Source, span: Span) -> Noting<'n> {
        Noting::new(self.run, span, &source.labels)
    }

    /// Notes about a histogram whose name may be gone.
    fn of_result<'n>(&'n self, source: &'n Source, span: Span) -> Noting<'n> {
        if self.run.options.delayed_name_removal {
            return self.of_source(source, span);
        }
        Noting::unnamed(self.run, span)
    }

    fn quantile_column(&self, source: &Source, q: &Column, span: Span, first: Span) -> Column {
        let mut column = Column::absent(self.steps.count);
        for step in 0..self.steps.count {
            let q = q.number(step);
            match source.at(step, &self.of_source(source, span)) {
                Some(Found::Classic(mut buckets)) => {
                    let (value, forced) = quantile(q, &mut buckets);
                    column.set(step, value);
                    if let Some(forced) = forced {
                        let at_ms = self.steps.at(step);
                        self.of_result(source, span).forced_monotonicity(at_ms, forced);
                    }
                }
                Some(Found::Native(histogram)) => {
                    let noting = self.of_result(source, first);
                    column.set(step, native::quantile(q, histogram, &noting));
                }
                None => {}
            }
        }
        column
    }
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

/// The `q`-quantile of sorted buckets, and how counts had to be forced to rise.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Forced>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    coalesce(buckets);
    let Some((highest, explicit)) = buckets.split_last() else {
        return (f64::NAN, None);
    };
    if highest.upper != f64::INFINITY || explicit.is_empty() {
        return (f64::NAN, None);
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

/// Removes decreases of the cumulative counts; says what was more than imprecision.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Forced> {
    let mut all: Option<Forced> = None;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == previous {
            continue;
        }
        if almost_equal(previous, bucket.count) {
            bucket.count = previous;
        } else if bucket.count < previous {
            let (upper, difference) = (bucket.upper, previous - bucket.count);
            let forced = all.get_or_insert(Forced { lowest: upper, highest: upper, difference });
            forced.lowest = forced.lowest.min(upper);
            forced.highest = forced.highest.max(upper);
            forced.difference = forced.difference.max(difference);
            bucket.count = previous;
        } else {
            previous = bucket.count;
        }
    }
    all
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
