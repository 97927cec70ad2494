//! `remote_write` version 2: `io.prometheus.write.v2.Request`, whose series refer to a table of
//! symbols.
//!
//! A body is walked twice, for symbols may follow series. What is wrong with one series harms no
//! other. Whatever happens, the answer tells how much was written.

use std::collections::HashMap;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use kernel::caller::Caller;
use kernel::error::{Error, Result};
use metric::{METRIC_NAME, Metadata, MetricType};

use super::exemplar::Found;
use super::histogram;
use super::import::cut;
use super::label_set::LabelSet;
use super::protobuf::{Broken, Fields, Value};
use super::sink::{Sink, SinkError};
use super::work::{Packing, Workshop, refused_error};
use super::{refusal, store_metadata};
use crate::Telemetry;

/// The protocol's name in counters.
pub(super) const PROTOCOL: &str = "remote_write_v2";
/// Symbols of one request.
const SYMBOLS_MAX: usize = 2_000_000;
/// References of one series, two a label.
const REFS_MAX: usize = 1_000;
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;

const SAMPLES_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Stores a request and answers, with the numbers written in the headers.
pub(super) async fn receive(telemetry: &Telemetry, who: &Caller, request: Request) -> Response {
    let stored = store_body(telemetry, who, request).await;
    let written = stored.unwrap_or_else(|error| Written {
        samples: 0,
        histograms: 0,
        exemplars: 0,
        outcome: Err(error),
    });
    let mut response = match written.outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(SAMPLES_WRITTEN, HeaderValue::from(written.samples));
    headers.insert(HISTOGRAMS_WRITTEN, HeaderValue::from(written.histograms));
    headers.insert(EXEMPLARS_WRITTEN, HeaderValue::from(written.exemplars));
    response
}

/// How much was written, and what was not.
#[derive(Debug)]
struct Written {
    /// Numbers, and marks of the end of series.
    samples: u64,
    histograms: u64,
    exemplars: u64,
    outcome: Result<()>,
}

async fn store_body(telemetry: &Telemetry, who: &Caller, request: Request) -> Result<Written> {
    let body = telemetry.take_body(who, request).await?;
    telemetry
        .work_in_turn(who, move |shop| {
            let plain = shop.unpack(body, Packing::Snappy)?;
            Ok(store(&plain.bytes, shop))
        })
        .await
}

/// Why a body is not walked to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("{0}")]
    Symbols(&'static str),
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Broken(broken) => Self::invalid("receive.broken_protobuf", broken.to_string()),
            Stopped::Sink(error) => Self::from(error),
            Stopped::Symbols(reason) => Self::invalid("receive.bad_symbols", reason),
        }
    }
}

/// Stores any bytes as a request.
#[cfg(feature = "fuzz")]
pub(super) fn read_any(body: &[u8], shop: &Workshop<'_>) {
    drop(store(body, shop));
}

fn store(body: &[u8], shop: &Workshop<'_>) -> Written {
    let mut walk = Walk {
        sink: Sink::new(shop, PROTOCOL, "series"),
        symbols: Vec::new(),
        refs: Vec::new(),
        metadata: HashMap::new(),
    };
    let walked = walk.run(body);
    let metadata: Vec<(&str, Metadata)> = walk.metadata.into_iter().collect();
    // A body that breaks off was not meant like this: what is not stored yet stays out.
    let stored = walked.and_then(|()| Ok(walk.sink.flush()?));
    let taken = walk.sink.into_taken();
    let outcome = match stored {
        Err(stopped) => Err(stopped.into()),
        Ok(()) => {
            let told = store_metadata(&metadata, shop.intake).map_err(refusal);
            told.and(refused_error(&taken.refused).map_or(Ok(()), Err))
        }
    };
    let histograms = taken.histograms;
    let samples = (taken.stored + taken.duplicates).saturating_sub(histograms);
    Written { samples, histograms, exemplars: taken.exemplars, outcome }
}

struct Walk<'a, 'i> {
    sink: Sink<'i>,
    symbols: Vec<&'a [u8]>,
    refs: Vec<u32>,
    metadata: HashMap<&'a str, Metadata>,
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self, body: &'a [u8]) -> Result<(), Stopped> {
        let mut fields = Fields::new(body);
        while let Some((number, value)) = fields.next_field()? {
            if let (4, Value::Bytes(symbol)) = (number, value) {
                if self.symbols.len() >= SYMBOLS_MAX {
                    return Err(Stopped::Symbols("there are more than 2,000,000 symbols"));
                }
                self.symbols.push(symbol.as_bytes());
            }
        }
        if self.symbols.first().is_some_and(|first| !first.is_empty()) {
            return Err(Stopped::Symbols("the first symbol must be the empty text"));
        }
        let mut fields = Fields::new(body);
        let mut position = 0;
        while let Some((number, value)) = fields.next_field()? {
            if let (5, Value::Bytes(series)) = (number, value) {
                position += 1;
                self.take_series(series, position)?;
            }
        }
        Ok(())
    }

    fn take_series(&mut self, series: Fields<'a>, position: usize) -> Result<(), Stopped> {
        let mut metadata = None;
        let (mut samples, mut exemplars) = (0, 0);
        self.refs.clear();
        let mut fields = series;
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(packed)) => self.take_refs(packed)?,
                (1, Value::Varint(reference)) => self.take_ref(reference),
                (2 | 3, Value::Bytes(_)) => samples += 1,
                (4, Value::Bytes(_)) => exemplars += 1,
                (5, Value::Bytes(message)) => metadata = Some(message),
                _ => {}
            }
        }
        let labels = match self.labels() {
            Ok(labels) => labels,
            Err(reason) => {
                self.refuse(samples, exemplars, position, &reason);
                return Ok(());
            }
        };
        if let Some(message) = metadata {
            self.take_metadata(message, &labels)?;
        }
        if samples + exemplars == 0 {
            return Ok(());
        }
        if let Err(reason) = self.sink.begin(&labels)? {
            self.refuse(samples, exemplars, position, &reason);
            return Ok(());
        }
        self.push_all(series, position)
    }

    fn refuse(&mut self, samples: u64, exemplars: u64, position: usize, reason: &str) {
        self.sink.drop_exemplars(exemplars);
        if samples > 0 {
            self.sink.refuse(samples, position, reason);
        }
    }

    /// Pushes what the series begun last has.
    fn push_all(&mut self, series: Fields<'a>, position: usize) -> Result<(), Stopped> {
        let mut fields = series;
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, Value::Bytes(sample)) => {
                    let (timestamp_ms, value) = walk_sample(sample)?;
                    self.sink.push(position, timestamp_ms, value)?;
                }
                (3, Value::Bytes(message)) => match histogram::read(message)? {
                    (timestamp_ms, Ok(histogram)) => {
                        self.sink.push_histogram(position, timestamp_ms, histogram)?;
                    }
                    (timestamp_ms, Err(reason)) => {
                        let reason = format!("histogram at {timestamp_ms} ms: {reason}");
                        self.sink.refuse_histogram(position, &reason);
                    }
                },
                (4, Value::Bytes(message)) => {
                    let exemplar = self.exemplar(message)?.finish(0);
                    self.sink.push_exemplar(exemplar)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn exemplar(&self, mut message: Fields<'a>) -> Result<Found<'a>, Broken> {
        let mut found = Found::default();
        let mut name = None;
        let mut take = |found: &mut Found<'a>, reference: u64| {
            let reference = u32::try_from(reference).unwrap_or(u32::MAX);
            let text = self.symbol(reference).ok();
            match name.take() {
                None => name = Some(text),
                Some(name) => found.add(name.zip(text)),
            }
        };
        while let Some((number, value)) = message.next_field()? {
            match (number, value) {
                (1, Value::Varint(reference)) => take(&mut found, reference),
                (1, Value::Bytes(mut packed)) => {
                    while let Some(reference) = packed.next_packed_varint()? {
                        take(&mut found, reference);
                    }
                }
                (2, Value::Fixed64(bits)) => found.value = f64::from_bits(bits),
                (3, Value::Varint(raw)) => found.timestamp_ms = Some(raw.cast_signed()),
                _ => {}
            }
        }
        if name.is_some() {
            // One without a value.
            found.add(None);
        }
        Ok(found)
    }

    fn take_refs(&mut self, mut packed: Fields<'a>) -> Result<(), Broken> {
        while let Some(reference) = packed.next_packed_varint()? {
            self.take_ref(reference);
        }
        Ok(())
    }

    fn take_ref(&mut self, reference: u64) {
        // One more than may be, so that the excess is seen.
        if self.refs.len() <= REFS_MAX {
            self.refs.push(u32::try_from(reference).unwrap_or(u32::MAX));
        }
    }

    fn symbol(&self, reference: u32) -> Result<&'a str, String> {
        let found = usize::try_from(reference).ok().and_then(|at| self.symbols.get(at));
        let bytes = found
            .ok_or_else(|| format!("it refers to symbol {reference} of {}", self.symbols.len()))?;
        std::str::from_utf8(bytes).map_err(|_| format!("symbol {reference} is not UTF-8"))
    }

    fn labels(&self) -> Result<LabelSet<'a>, String> {
        if self.refs.len() > REFS_MAX {
            return Err(format!("it has more than {} labels", REFS_MAX / 2));
        }
        let mut labels = LabelSet::new();
        let (pairs, rest) = self.refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("the number of its label references is odd".to_owned());
        }
        for [name, value] in pairs {
            labels.add(self.symbol(*name)?, self.symbol(*value)?);
        }
        Ok(labels)
    }

    fn take_metadata(
        &mut self,
        mut message: Fields<'a>,
        labels: &LabelSet<'a>,
    ) -> Result<(), Broken> {
        let mut metadata = Metadata::default();
        while let Some((number, value)) = message.next_field()? {
            match (number, value) {
                (1, Value::Varint(kind)) => metadata.metric_type = metric_type(kind),
                (3, Value::Varint(reference)) => metadata.help = self.text(reference),
                (4, Value::Varint(reference)) => metadata.unit = self.text(reference),
                _ => {}
            }
        }
        let Some(name) = labels.borrowed(METRIC_NAME) else { return Ok(()) };
        let family = family_of(name, metadata.metric_type);
        if metadata != Metadata::default()
            && (self.metadata.len() < METADATA_MAX || self.metadata.contains_key(family))
        {
            self.metadata.insert(family, metadata);
        }
        Ok(())
    }

    /// Text of metadata; a wrong reference harms no sample.
    fn text(&self, reference: u64) -> String {
        let reference = u32::try_from(reference).unwrap_or(u32::MAX);
        self.symbol(reference).map(cut).unwrap_or_default()
    }
}

fn walk_sample(mut sample: Fields<'_>) -> Result<(i64, f64), Broken> {
    let (mut timestamp_ms, mut value) = (0, 0.0);
    while let Some((number, field)) = sample.next_field()? {
        match (number, field) {
            (1, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Value::Varint(raw)) => timestamp_ms = raw.cast_signed(),
            _ => {}
        }
    }
    Ok((timestamp_ms, value))
}

/// The family that a series belongs to: metadata is kept by family.
fn family_of(name: &str, kind: MetricType) -> &str {
    let ends: &[&str] = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => {
            &["_bucket", "_sum", "_count", "_gsum", "_gcount"]
        }
        MetricType::Summary => &["_sum", "_count"],
        _ => &[],
    };
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn metric_type(number: u64) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}
