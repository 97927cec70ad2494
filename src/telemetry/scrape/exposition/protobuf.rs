//! The protobuf format: families of metrics, each behind its length. It is the one in which
//! targets show native histograms.
//!
//! Families become the same series as in OpenMetrics: `_bucket`, `_sum` and `_count` of classic
//! histograms, bounds written as `1.0`. Times of creation are passed over.

use std::borrow::Cow;
use std::sync::Arc;

use metric::{Histogram, MetricType};

use crate::receive::exemplar::{self, Found};
use crate::receive::histogram::{EXPOSITION, Parts};
use crate::receive::protobuf::{Broken, Fields, Value};

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    /// The bytes are no protobuf.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// A metric is none; names its family.
    #[error("metric family {family:?}: {reason}")]
    Metric {
        /// The family's name, cut.
        family: String,
        /// What is wrong.
        reason: String,
    },
}

/// What a body shows.
#[derive(Debug)]
pub(crate) enum Shown<'a, 's> {
    /// A family begins.
    Family { name: &'a str, help: &'a str, unit: &'a str, kind: MetricType },
    /// A sample.
    Sample(Sample<'a, 's>),
}

/// One sample.
#[derive(Debug)]
pub(crate) struct Sample<'a, 's> {
    /// The name of the family.
    pub name: &'a str,
    /// What the name of the series has behind it.
    pub suffix: &'static str,
    /// Labels of the metric; names may occur twice.
    pub labels: &'s [(&'a str, &'a str)],
    /// The label that tells apart the series of a metric: `le` or `quantile`.
    pub more: Option<(&'static str, String)>,
    /// The value.
    pub value: Shape,
    /// The time that the target states, in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Its exemplars.
    pub exemplars: Vec<Found<'a>>,
}

/// The value of a sample.
#[derive(Debug)]
pub(crate) enum Shape {
    Number(f64),
    Histogram(Arc<Histogram>),
}

/// A metric of a family while its samples are shown.
struct Metric<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    timestamp_ms: Option<i64>,
}

/// Walks a body; `each` sees everything in it in order. The first wrong thing ends it, and so does
/// an error of `each`. Of a histogram that is native and classic only the native one is shown,
/// unless `classic` says both.
pub(crate) fn walk<'a, E: From<Wrong>>(
    body: &'a [u8],
    classic: bool,
    mut each: impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut families = Fields::new(body);
    while let Some(family) = families.next_delimited().map_err(Wrong::from)? {
        let (name, kind) = begin_family(family, &mut each)?;
        let mut fields = family;
        while let Some(field) = fields.next_field().map_err(Wrong::from)? {
            if let (4, Value::Bytes(message)) = field {
                show_metric(message, name, kind, classic, &mut each)?;
            }
        }
    }
    Ok(())
}

fn begin_family<'a, E: From<Wrong>>(
    mut family: Fields<'a>,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(&'a str, u64), E> {
    let (mut name, mut help, mut unit, mut number) = ("", "", "", 0);
    while let Some(field) = family.next_field().map_err(Wrong::from)? {
        match field {
            (1, Value::Bytes(text)) => name = text.text().map_err(Wrong::from)?,
            (2, Value::Bytes(text)) => help = text.text().map_err(Wrong::from)?,
            (3, Value::Varint(found)) => number = found,
            (5, Value::Bytes(text)) => unit = text.text().map_err(Wrong::from)?,
            _ => {}
        }
    }
    if name.is_empty() {
        return Err(wrong(name, "it has no name").into());
    }
    let kind = match number {
        0 => MetricType::Counter,
        1 => MetricType::Gauge,
        2 => MetricType::Summary,
        3 => MetricType::Unknown,
        4 => MetricType::Histogram,
        5 => MetricType::GaugeHistogram,
        _ => return Err(wrong(name, format!("{number} is not a metric type")).into()),
    };
    each(Shown::Family { name, help, unit, kind })?;
    Ok((name, number))
}

fn show_metric<'a, E: From<Wrong>>(
    message: Fields<'a>,
    name: &'a str,
    kind: u64,
    classic: bool,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    // The field that holds the value of each type, in the order of types.
    let wanted = match kind {
        0 => 3,
        1 => 2,
        2 => 4,
        3 => 5,
        _ => 7,
    };
    let mut metric = Metric { name, labels: Vec::new(), timestamp_ms: None };
    let mut found = None;
    let mut fields = message;
    while let Some((number, value)) = fields.next_field().map_err(Wrong::from)? {
        match (number, value) {
            (1, Value::Bytes(pair)) => metric.labels.push(read_pair(pair)?),
            (6, Value::Varint(raw)) => {
                metric.timestamp_ms = Some(raw.cast_signed()).filter(|at| *at != 0);
            }
            (number, Value::Bytes(value)) if number == wanted => found = Some(value),
            _ => {}
        }
    }
    let Some(value) = found else {
        return Err(wrong(name, "a metric has no value of the family's type").into());
    };
    match kind {
        0 | 1 | 3 => show_number(value, &metric, each),
        2 => show_summary(value, &metric, each),
        _ => show_histogram(value, &metric, kind == 5, classic, each),
    }
}

fn read_pair(mut pair: Fields<'_>) -> Result<(&str, &str), Wrong> {
    let (mut name, mut value) = ("", "");
    while let Some((number, field)) = pair.next_field()? {
        match (number, field) {
            (1, Value::Bytes(text)) => name = text.text()?,
            (2, Value::Bytes(text)) => value = text.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}

impl<'a> Metric<'a> {
    fn show<E>(
        &self,
        suffix: &'static str,
        more: Option<(&'static str, String)>,
        value: Shape,
        exemplars: Vec<Found<'a>>,
        each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { name, labels, timestamp_ms } = self;
        let (name, timestamp_ms) = (*name, *timestamp_ms);
        each(Shown::Sample(Sample { name, suffix, labels, more, value, timestamp_ms, exemplars }))
    }
}

fn show_number<'a, E: From<Wrong>>(
    mut message: Fields<'a>,
    metric: &Metric<'a>,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut number, mut exemplars) = (0.0, Vec::new());
    while let Some(field) = message.next_field().map_err(Wrong::from)? {
        match field {
            (1, Value::Fixed64(bits)) => number = f64::from_bits(bits),
            // Only counters have this field.
            (2, Value::Bytes(found)) => {
                exemplars = vec![exemplar::read(found).map_err(Wrong::from)?];
            }
            _ => {}
        }
    }
    metric.show("", None, Shape::Number(number), exemplars, each)
}

fn show_summary<'a, E: From<Wrong>>(
    message: Fields<'a>,
    metric: &Metric<'a>,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut count, mut sum) = (0.0, 0.0);
    let mut fields = message;
    while let Some(field) = fields.next_field().map_err(Wrong::from)? {
        match field {
            (1, Value::Varint(found)) => count = found as f64,
            (2, Value::Fixed64(bits)) => sum = f64::from_bits(bits),
            (3, Value::Bytes(mut pair)) => {
                let (mut quantile, mut value) = (0.0, 0.0);
                while let Some(field) = pair.next_field().map_err(Wrong::from)? {
                    match field {
                        (1, Value::Fixed64(bits)) => quantile = f64::from_bits(bits),
                        (2, Value::Fixed64(bits)) => value = f64::from_bits(bits),
                        _ => {}
                    }
                }
                let label = ("quantile", bound_text(quantile));
                metric.show("", Some(label), Shape::Number(value), Vec::new(), each)?;
            }
            _ => {}
        }
    }
    metric.show("_count", None, Shape::Number(count), Vec::new(), each)?;
    metric.show("_sum", None, Shape::Number(sum), Vec::new(), each)
}

fn show_histogram<'a, E: From<Wrong>>(
    message: Fields<'a>,
    metric: &Metric<'a>,
    is_gauge: bool,
    classic: bool,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut parts = Parts::default();
    let (mut buckets, mut exemplars) = (Vec::new(), Vec::new());
    let mut fields = message;
    while let Some((number, value)) = fields.next_field().map_err(Wrong::from)? {
        match (number, value) {
            (3, Value::Bytes(bucket)) => buckets.push(bucket),
            (16, Value::Bytes(found)) => {
                exemplars.push(exemplar::read(found).map_err(Wrong::from)?);
            }
            _ => parts.take(&EXPOSITION, number, value).map_err(Wrong::from)?,
        }
    }
    let (count, sum, is_native) = (parts.count(), parts.sum(), parts.is_native());
    if !is_native || classic && !buckets.is_empty() {
        show_buckets(&buckets, metric, count, each)?;
        metric.show("_count", None, Shape::Number(count), Vec::new(), each)?;
        metric.show("_sum", None, Shape::Number(sum), Vec::new(), each)?;
    }
    if !is_native {
        return Ok(());
    }
    if is_gauge {
        parts.set_gauge();
    }
    if exemplars.is_empty() {
        for bucket in &buckets {
            exemplars.extend(Bucket::read(*bucket)?.exemplar);
        }
    }
    // Those without a time cannot be told from those of the scrape before.
    exemplars.retain(|exemplar| exemplar.timestamp_ms.is_some());
    let histogram = parts.finish().map_err(|reason| wrong(metric.name, reason))?;
    metric.show("", None, Shape::Histogram(Arc::new(histogram)), exemplars, each)
}

fn show_buckets<'a, E: From<Wrong>>(
    buckets: &[Fields<'a>],
    metric: &Metric<'a>,
    count: f64,
    each: &mut impl FnMut(Shown<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut has_infinity = false;
    for bucket in buckets {
        let Bucket { held, bound, exemplar } = Bucket::read(*bucket)?;
        has_infinity |= bound == f64::INFINITY;
        let (label, exemplars) = (("le", bound_text(bound)), exemplar.into_iter().collect());
        metric.show("_bucket", Some(label), Shape::Number(held), exemplars, each)?;
    }
    if !has_infinity {
        let label = ("le", bound_text(f64::INFINITY));
        metric.show("_bucket", Some(label), Shape::Number(count), Vec::new(), each)?;
    }
    Ok(())
}

/// A bucket of a classic histogram.
struct Bucket<'a> {
    held: f64,
    bound: f64,
    exemplar: Option<Found<'a>>,
}

impl<'a> Bucket<'a> {
    fn read(mut message: Fields<'a>) -> Result<Self, Wrong> {
        let mut bucket = Self { held: 0.0, bound: 0.0, exemplar: None };
        while let Some((number, value)) = message.next_field()? {
            match (number, value) {
                (1, Value::Varint(held)) => bucket.held = held as f64,
                (4, Value::Fixed64(bits)) if f64::from_bits(bits) > 0.0 => {
                    bucket.held = f64::from_bits(bits);
                }
                (2, Value::Fixed64(bits)) => bucket.bound = f64::from_bits(bits),
                (3, Value::Bytes(found)) => bucket.exemplar = Some(exemplar::read(found)?),
                _ => {}
            }
        }
        Ok(bucket)
    }
}

fn wrong(family: &str, reason: impl Into<Cow<'static, str>>) -> Wrong {
    let family = family.chars().take(100).collect();
    Wrong::Metric { family, reason: reason.into().into_owned() }
}

/// A bound as OpenMetrics text has it: `1.0`, `0.25`, `1e+06`, `+Inf`.
fn bound_text(bound: f64) -> String {
    if bound.is_infinite() {
        return if bound > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = bound.abs();
    if bound.is_nan() || size == 0.0 || (1e-4..1e6).contains(&size) {
        return format!("{bound:?}");
    }
    // Exponents have a sign and two digits at least, as Go writes them.
    let written = format!("{bound:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}
