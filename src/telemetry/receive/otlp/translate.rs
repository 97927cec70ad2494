//! Walks a request and turns its data points into samples.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kernel::error::{Error, Result};
use metric::{Exemplar, Histogram, LabelLimits, METRIC_NAME, Metadata, MetricType, stale_nan};

use super::super::import::cut;
use super::super::label_set::LabelSet;
use super::super::protobuf::{Broken, Fields, Value};
use super::super::sink::{Sink, SinkError};
use super::super::work::Workshop;
use super::super::{refusal, store_metadata};
use super::attributes::{self, WrongAttributes};
use super::delta::Adding;
use super::exemplar::read_all;
use super::exponential::ExponentialPoint;
use super::form::{Form, count_points, read_form};
use super::name::{metric_name, unit_name};
use super::points::{HistogramPoint, NumberPoint, Stamp, SummaryPoint, WrongPoint};
use super::resource::{Resource, TARGET_INFO};
use super::samples::{Samples, bound_text};

/// The protocol's name in counters.
pub(super) const PROTOCOL: &str = "otlp";
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;
/// The distance at which `target_info` is repeated between the points of a resource.
const INFO_STEP_MS: i64 = 150_000;
/// Repetitions of `target_info` for one resource.
const INFO_STEPS_MAX: usize = 100;
/// What became of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Data points that were not stored.
    pub rejected_points: u64,
    /// Samples that are stored, now or before.
    pub samples: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
    /// Some may be stored when they are sent again later.
    pub worth_retrying: bool,
}

/// Stores a request in protobuf; what is wrong with a point harms no other.
pub(super) fn store(body: &[u8], shop: &Workshop<'_>, now_ms: i64) -> Result<Outcome> {
    let mut walk = Walk {
        shop,
        sink: Sink::new(shop, PROTOCOL, "data point"),
        adding: None,
        now_ms,
        metadata: BTreeMap::new(),
        point: 0,
        rejected: 0,
        span_ms: None,
        scratch: Vec::new(),
    };
    let walked = walk.run(body).and_then(|()| Ok(walk.sink.flush()?));
    walked.map_err(Error::from)?;
    if let Some(adding) = walk.adding {
        adding.commit();
    }
    let taken = walk.sink.into_taken();
    let metadata: Vec<(&str, Metadata)> =
        walk.metadata.iter().map(|(name, known)| (name.as_str(), known.clone())).collect();
    store_metadata(&metadata, shop.intake).map_err(refusal)?;
    let listed = taken.refused_places.len() as u64;
    let places: HashSet<usize> = taken.refused_places.into_iter().collect();
    // The engine lists the first refusals alone; of the others it tells the number.
    let others = taken.refused.samples.saturating_sub(walk.rejected + listed);
    Ok(Outcome {
        rejected_points: walk.rejected + places.len() as u64 + others,
        samples: taken.stored + taken.duplicates,
        reasons: taken.refused.reasons,
        worth_retrying: taken.refused.worth_retrying,
    })
}

/// Why a request is not walked to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Broken(broken) => Self::invalid("receive.broken_protobuf", broken.to_string()),
            Stopped::Sink(error) => Self::from(error),
        }
    }
}

/// What a metric is.
struct Metric {
    name: String,
    kind: MetricType,
    is_delta: bool,
    is_exponential: bool,
}

pub(super) struct Walk<'s> {
    shop: &'s Workshop<'s>,
    sink: Sink<'s>,
    /// Totals of deltas, once there is one.
    adding: Option<Adding<'s>>,
    now_ms: i64,
    metadata: BTreeMap<String, Metadata>,
    /// The number of the data point, from 1.
    point: usize,
    rejected: u64,
    /// The first and last time of the resource's points.
    span_ms: Option<(i64, i64)>,
    scratch: Vec<u8>,
}

impl<'s> Walk<'s> {
    fn run(&mut self, body: &[u8]) -> Result<(), Stopped> {
        let mut fields = Fields::new(body);
        while let Some((number, value)) = fields.next_field()? {
            if let (1, Value::Bytes(resource)) = (number, value) {
                self.take_resource(resource)?;
            }
        }
        Ok(())
    }

    fn take_resource(&mut self, message: Fields<'_>) -> Result<(), Stopped> {
        let mut attributes = Vec::new();
        let mut fields = message;
        while let Some((number, value)) = fields.next_field()? {
            let (1, Value::Bytes(resource)) = (number, value) else { continue };
            match attributes::read(resource, 1) {
                Ok(found) => attributes = found,
                Err(WrongAttributes::Broken(broken)) => return Err(broken.into()),
                Err(wrong @ WrongAttributes::TooMany) => {
                    let points = count_points(message)?;
                    let reason = format!("its resource is wrong: {wrong}");
                    self.reject_points(points, &reason);
                    return Ok(());
                }
            }
        }
        let resource = Resource::new(attributes);
        self.span_ms = None;
        let mut fields = message;
        while let Some((number, value)) = fields.next_field()? {
            let (2, Value::Bytes(mut scope)) = (number, value) else { continue };
            while let Some((number, value)) = scope.next_field()? {
                if let (2, Value::Bytes(metric)) = (number, value) {
                    self.take_metric(metric, &resource)?;
                }
            }
        }
        self.push_target_info(&resource)
    }

    fn take_metric(&mut self, message: Fields<'_>, resource: &Resource<'_>) -> Result<(), Stopped> {
        let (mut name, mut help, mut unit) = ("", "", "");
        let mut data = None;
        let mut fields = message;
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(text)) => name = text.text()?,
                (2, Value::Bytes(text)) => help = text.text()?,
                (3, Value::Bytes(text)) => unit = text.text()?,
                (5 | 7 | 9 | 10 | 11, Value::Bytes(found)) => data = Some((number, found)),
                _ => {}
            }
        }
        let Some((form, data)) = data else { return Ok(()) };
        let Form { kind, is_delta, is_exponential, refused, points } = read_form(form, data)?;
        if let Some(reason) = refused {
            self.reject_points(points, &format!("metric {:?}: {reason}", short(name)));
            return Ok(());
        }
        let made = match metric_name(name, unit, kind) {
            Ok(made) => made,
            Err(reason) => {
                self.reject_points(points, &reason);
                return Ok(());
            }
        };
        self.take_metadata(&made, kind, help, unit);
        let metric = Metric { name: made, kind, is_delta, is_exponential };
        let mut fields = data;
        while let Some((number, value)) = fields.next_field()? {
            if let (1, Value::Bytes(point)) = (number, value) {
                self.point += 1;
                self.take_point(&metric, resource, point)?;
            }
        }
        Ok(())
    }

    fn take_metadata(&mut self, name: &str, kind: MetricType, help: &str, unit: &str) {
        if self.metadata.len() < METADATA_MAX || self.metadata.contains_key(name) {
            let unit = cut(&unit_name(unit));
            let known = Metadata { metric_type: kind, help: cut(help), unit };
            self.metadata.insert(name.to_owned(), known);
        }
    }

    /// Takes a point, or refuses it with a reason.
    fn take_point(
        &mut self,
        metric: &Metric,
        resource: &Resource<'_>,
        point: Fields<'_>,
    ) -> Result<(), Stopped> {
        let number = match metric.kind {
            MetricType::Histogram if metric.is_exponential => 1,
            MetricType::Histogram => 9,
            _ => 7,
        };
        let labels = match attributes::read(point, number) {
            Ok(found) => resource.labels(&found),
            Err(WrongAttributes::Broken(broken)) => return Err(broken.into()),
            Err(wrong @ WrongAttributes::TooMany) => Err(wrong.to_string()),
        };
        let labels = match labels {
            Ok(labels) => labels,
            Err(reason) => {
                self.reject(&reason);
                return Ok(());
            }
        };
        let taken = match metric.kind {
            MetricType::Histogram if metric.is_exponential => {
                self.take_exponential(metric, labels, point)?
            }
            MetricType::Histogram => self.take_histogram(metric, labels, point)?,
            MetricType::Summary => self.take_summary(metric, labels, point)?,
            _ => self.take_number(metric, labels, point)?,
        };
        match taken {
            Ok(stamp) => {
                let time_ms = stamp.time_ms();
                let (first, last) = self.span_ms.unwrap_or((time_ms, time_ms));
                self.span_ms = Some((first.min(time_ms), last.max(time_ms)));
            }
            Err(reason) => self.reject(&reason),
        }
        Ok(())
    }

    fn take_number<'l>(
        &mut self,
        metric: &'l Metric,
        mut labels: LabelSet<'l>,
        point: Fields<'_>,
    ) -> Result<Result<Stamp, String>, Stopped> {
        let NumberPoint { stamp, value, exemplars } = NumberPoint::read(point)?;
        let found = read_all(&exemplars, stamp.time_ns)?;
        labels.add(METRIC_NAME, metric.name.as_str());
        let value = match value {
            _ if stamp.is_end() => stale_nan(),
            None => return Ok(Err("it has no value".to_owned())),
            Some(value) if metric.is_delta => {
                match self.total(&labels, 0, stamp.time_ns, &[value]) {
                    Ok(totals) => totals.first().copied().unwrap_or(value),
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            Some(value) => value,
        };
        let pushed = self.push(&labels, stamp, value)?;
        if pushed.is_ok() {
            self.sink.drop_exemplars(exemplars.dropped);
            self.push_exemplars(found)?;
        }
        Ok(pushed.map(|()| stamp))
    }

    fn take_exponential<'l>(
        &mut self,
        metric: &'l Metric,
        mut labels: LabelSet<'l>,
        point: Fields<'_>,
    ) -> Result<Result<Stamp, String>, Stopped> {
        let mut point = match ExponentialPoint::read(point) {
            Ok(point) => point,
            Err(WrongPoint::Broken(broken)) => return Err(broken.into()),
            Err(WrongPoint::Refused(reason)) => return Ok(Err(reason)),
        };
        let (stamp, exemplars) = (point.stamp, std::mem::take(&mut point.exemplars));
        let found = read_all(&exemplars, stamp.time_ns)?;
        labels.add(METRIC_NAME, metric.name.as_str());
        if stamp.is_end() {
            return Ok(self.push(&labels, stamp, stale_nan())?.map(|()| stamp));
        }
        let histogram = point.histogram().and_then(|histogram| {
            if !metric.is_delta {
                return Ok(Arc::new(histogram));
            }
            self.total_histogram(&labels, stamp.time_ns, histogram)
        });
        let histogram = match histogram {
            Ok(histogram) => histogram,
            Err(reason) => return Ok(Err(reason)),
        };
        let begun = self.sink.begin(&labels)?;
        if begun.is_ok() {
            self.sink.push_histogram(self.point, stamp.time_ms(), histogram)?;
            self.sink.drop_exemplars(exemplars.dropped);
            self.push_exemplars(found)?;
        }
        Ok(begun.map(|()| stamp))
    }

    fn take_histogram<'l>(
        &mut self,
        metric: &'l Metric,
        mut labels: LabelSet<'l>,
        point: Fields<'_>,
    ) -> Result<Result<Stamp, String>, Stopped> {
        let mut point = match HistogramPoint::read(point) {
            Ok(point) => point,
            Err(WrongPoint::Broken(broken)) => return Err(broken.into()),
            Err(WrongPoint::Refused(reason)) => return Ok(Err(reason)),
        };
        labels.remove("le");
        let stamp = point.stamp;
        if metric.is_delta
            && !stamp.is_end()
            && let Err(reason) = self.add_up(metric, &mut labels, &mut point)
        {
            return Ok(Err(reason));
        }
        let found = read_all(&point.exemplars, stamp.time_ns)?;
        let total = point.exemplars.dropped + found.len() as u64;
        let mut exemplars: Vec<Exemplar> = found.into_iter().flatten().collect();
        let placed = exemplars.len() as u64;
        let mut samples = Samples::new(self, labels, &metric.name, stamp);
        let mut held = 0.0;
        for (bound, count) in point.bounds.iter().zip(&point.buckets) {
            held += count;
            let mut inside: Vec<Exemplar> =
                exemplars.extract_if(.., |exemplar| exemplar.value <= *bound).collect();
            let label = Some(("le", bound_text(*bound)));
            samples.push_with("_bucket", label, held, &mut inside)?;
        }
        // A last bound without end is the bucket of all itself.
        if point.bounds.last() != Some(&f64::INFINITY) || point.buckets.is_empty() {
            let label = Some(("le", "+Inf".to_owned()));
            samples.push_with("_bucket", label, point.count, &mut exemplars)?;
        }
        samples.push("_count", None, point.count)?;
        if let Some(sum) = point.sum {
            samples.push("_sum", None, sum)?;
        }
        let outcome = samples.outcome;
        self.sink.drop_exemplars(total - placed + exemplars.len() as u64);
        Ok(outcome.map(|()| stamp))
    }

    /// Replaces what a delta holds by the totals of its series.
    fn add_up<'l>(
        &mut self,
        metric: &'l Metric,
        labels: &mut LabelSet<'l>,
        point: &mut HistogramPoint<'_>,
    ) -> Result<(), String> {
        let mut shape = DefaultHasher::new();
        point.bounds.iter().for_each(|bound| bound.to_bits().hash(&mut shape));
        point.sum.is_some().hash(&mut shape);
        let mut values = vec![point.count, point.sum.unwrap_or(0.0)];
        values.extend(&point.buckets);
        let len = labels.len();
        labels.add(METRIC_NAME, metric.name.as_str());
        let totals = self.total(labels, shape.finish(), point.stamp.time_ns, &values);
        labels.truncate(len);
        let totals = totals?;
        if let [count, sum, buckets @ ..] = totals.as_slice() {
            point.count = *count;
            point.sum = point.sum.map(|_| *sum);
            point.buckets = buckets.to_vec();
        }
        Ok(())
    }

    fn take_summary(
        &mut self,
        metric: &Metric,
        mut labels: LabelSet<'_>,
        point: Fields<'_>,
    ) -> Result<Result<Stamp, String>, Stopped> {
        let point = match SummaryPoint::read(point) {
            Ok(point) => point,
            Err(WrongPoint::Broken(broken)) => return Err(broken.into()),
            Err(WrongPoint::Refused(reason)) => return Ok(Err(reason)),
        };
        labels.remove("quantile");
        let stamp = point.stamp;
        let mut samples = Samples::new(self, labels, &metric.name, stamp);
        for (quantile, value) in &point.quantiles {
            samples.push("", Some(("quantile", bound_text(*quantile))), *value)?;
        }
        samples.push("_sum", None, point.sum)?;
        samples.push("_count", None, point.count)?;
        Ok(samples.outcome.map(|()| stamp))
    }

    /// Adds a difference to the totals of its series.
    fn total(
        &mut self,
        labels: &LabelSet<'_>,
        shape: u64,
        end_ns: u64,
        values: &[f64],
    ) -> Result<Vec<f64>, String> {
        self.scratch.clear();
        labels.encode(&LabelLimits::default(), &mut self.scratch)?;
        let (shop, now_ms) = (self.shop, self.now_ms);
        let adding = self.adding.get_or_insert_with(|| shop.receiver().add_deltas(now_ms));
        let key = adding.key(&self.scratch);
        adding.add(key, shape, end_ns, values)
    }

    /// Adds a histogram to the total of its series.
    fn total_histogram(
        &mut self,
        labels: &LabelSet<'_>,
        end_ns: u64,
        more: Histogram,
    ) -> Result<Arc<Histogram>, String> {
        self.scratch.clear();
        labels.encode(&LabelLimits::default(), &mut self.scratch)?;
        let (shop, now_ms) = (self.shop, self.now_ms);
        let adding = self.adding.get_or_insert_with(|| shop.receiver().add_deltas(now_ms));
        let key = adding.key(&self.scratch);
        adding.add_histogram(key, end_ns, more)
    }

    /// Gives the series begun last its exemplars.
    pub(super) fn push_exemplars(
        &mut self,
        exemplars: impl IntoIterator<Item = Option<Exemplar>>,
    ) -> Result<(), SinkError> {
        exemplars.into_iter().try_for_each(|exemplar| self.sink.push_exemplar(exemplar))
    }

    pub(super) fn push(
        &mut self,
        labels: &LabelSet<'_>,
        stamp: Stamp,
        value: f64,
    ) -> Result<Result<(), String>, SinkError> {
        let begun = self.sink.begin(labels)?;
        if begun.is_ok() {
            self.sink.push(self.point, stamp.time_ms(), value)?;
        }
        Ok(begun)
    }

    fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        self.sink.refuse(1, self.point, reason);
    }

    fn reject_points(&mut self, points: u64, reason: &str) {
        if points > 0 {
            self.rejected += points;
            self.sink.refuse(points, self.point + 1, reason);
            self.point += usize::try_from(points).unwrap_or(usize::MAX);
        }
    }

    /// Says what is known about a resource at the times of its points.
    fn push_target_info(&mut self, resource: &Resource<'_>) -> Result<(), Stopped> {
        let (Some((first, last)), Some(labels)) = (self.span_ms, resource.info()) else {
            return Ok(());
        };
        if self.sink.begin(&labels)?.is_err() {
            // Its points are stored; that their resource is not described harms none of them.
            return Ok(());
        }
        let between = (0..INFO_STEPS_MAX).map(|step| first + step as i64 * INFO_STEP_MS);
        for at in between.take_while(|at| *at < last).chain([last]) {
            self.sink.push(self.point, at, 1.0)?;
        }
        let gauge = Metadata { metric_type: MetricType::Gauge, ..Metadata::default() };
        self.metadata
            .entry(TARGET_INFO.to_owned())
            .or_insert(Metadata { help: "Target metadata".to_owned(), ..gauge });
        Ok(())
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
