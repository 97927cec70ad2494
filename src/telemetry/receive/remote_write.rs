//! `remote_write` version 1: what a body says, and what of it can be stored.
//!
//! The body is walked once where it lies. Labels go to the engine as the encoded bytes that they
//! are; a series whose labels are wrong is left out and named there, its neighbours are kept.

use metric::{EncodedLabels, METRIC_NAME, Metadata, MetricType};
use series::{Appended, Batch, RejectReason};

use super::protobuf::{Broken, Fields, Value};
use super::{exemplar, histogram};
use crate::intake::{Bad, told};

/// Reasons that an answer lists.
const REASONS_SHOWN_MAX: usize = 10;
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;
/// Tag of a label within a series: field 1, length-delimited.
const LABEL_TAG: u8 = 0x0a;
/// Bytes that a series with one sample takes in most bodies.
const SERIES_BYTES: usize = 128;
const BROKEN: &str = "its labels are broken protobuf";
/// Bytes that the histograms of one request may take in memory.
const HISTOGRAMS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Exemplars taken from one request.
const EXEMPLARS_MAX: usize = 100_000;
/// Longest text of metadata, in bytes.
const METADATA_BYTES_MAX: usize = 4_096;

/// What a body holds.
#[derive(Debug, Default)]
pub(crate) struct WriteRequest<'a> {
    /// The samples; the labels of their series are unchecked.
    pub batch: Batch<'a>,
    /// What metrics mean.
    pub metadata: Vec<(&'a str, Metadata)>,
    /// What was left out.
    pub refused: Refused,
    /// What of it was wrong in itself, and exemplars left out.
    pub bad: Bad,
    /// What the histograms take in memory.
    histograms_bytes: usize,
    /// Exemplars taken.
    exemplars: usize,
}

/// Samples that were not stored, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// How many.
    pub samples: u64,
    /// The first reasons, each naming its series.
    pub reasons: Vec<String>,
    /// Some may be stored when they are sent again later.
    pub worth_retrying: bool,
}

impl Refused {
    /// Adds samples that were refused for one reason.
    pub(crate) fn add(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.samples += samples;
        if self.reasons.len() < REASONS_SHOWN_MAX {
            self.reasons.push(reason());
        }
    }

    /// Adds what the engine refused; `place` is said before the reason, for a position in the
    /// batch.
    pub(crate) fn add_appended(&mut self, appended: &Appended, place: impl Fn(usize) -> String) {
        self.samples += appended.rejected;
        for rejection in &appended.rejections {
            self.worth_retrying |= matches!(rejection.reason, RejectReason::TooManySeries { .. });
            if self.reasons.len() < REASONS_SHOWN_MAX {
                self.reasons.push(format!(
                    "{}{} at {} ms: {}",
                    place(rejection.position),
                    rejection.series,
                    rejection.timestamp_ms,
                    told(&rejection.reason)
                ));
            }
        }
    }

    /// One text for the sender.
    pub(crate) fn describe(&self) -> String {
        let rest = self.samples.saturating_sub(self.reasons.len() as u64);
        let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        format!(
            "{} samples were not stored, all others were: {}{more}",
            self.samples,
            self.reasons.join("; ")
        )
    }
}

/// Walks a decoded body.
///
/// Labels are stepped over, not read: the engine finds a known series by their bytes, and puts
/// those of a new one to [`check_labels`].
pub(crate) fn walk(body: &[u8]) -> Result<WriteRequest<'_>, Broken> {
    let batch = Batch::with_capacity(body.len() / SERIES_BYTES).checked(check_labels);
    let mut request = WriteRequest { batch, ..WriteRequest::default() };
    let mut fields = Fields::new(body);
    let mut position = 0;
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, Value::Bytes(series)) => {
                walk_series(series, position, &mut request)?;
                position += 1;
            }
            (3, Value::Bytes(entry)) if request.metadata.len() < METADATA_MAX => {
                request.metadata.extend(walk_metadata(entry)?);
            }
            _ => {}
        }
    }
    Ok(request)
}

fn walk_series<'a>(
    message: Fields<'a>,
    position: usize,
    request: &mut WriteRequest<'a>,
) -> Result<(), Broken> {
    let mut fields = message;
    let labels = fields.take_run(LABEL_TAG)?;
    let before = request.batch.len();
    let mut beside = Vec::new();
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, _) => {
                request.batch.truncate(before);
                return walk_reordered(message, position, request);
            }
            (2, Value::Bytes(sample)) => request.push(labels, sample)?,
            (3, Value::Bytes(exemplar)) => beside.push(Beside::Exemplar(exemplar)),
            (4, Value::Bytes(histogram)) => beside.push(Beside::Histogram(histogram)),
            _ => {}
        }
    }
    // Those wait until the labels are known to lie together.
    request.push_beside(labels, beside)
}

/// What a series has beside its numbers.
#[derive(Clone, Copy)]
enum Beside<'a> {
    Exemplar(Fields<'a>),
    Histogram(Fields<'a>),
}

/// A series whose labels do not come first, which is legal as long as they lie together.
fn walk_reordered<'a>(
    message: Fields<'a>,
    position: usize,
    request: &mut WriteRequest<'a>,
) -> Result<(), Broken> {
    let mut labels: Option<&[u8]> = None;
    let (mut samples, mut beside) = (Vec::new(), Vec::new());
    let mut scattered = false;
    let mut fields = message;
    loop {
        let run = fields.take_run(LABEL_TAG)?;
        if !run.is_empty() {
            scattered |= labels.is_some();
            labels = Some(run);
        }
        match fields.next_field()? {
            Some((2, Value::Bytes(sample))) => samples.push(sample),
            Some((3, Value::Bytes(exemplar))) => beside.push(Beside::Exemplar(exemplar)),
            Some((4, Value::Bytes(histogram))) => beside.push(Beside::Histogram(histogram)),
            Some(_) => {}
            None => break,
        }
    }
    if scattered {
        let name = || format!("series {}: its labels do not lie together", position + 1);
        let histograms = beside.iter().filter(|it| matches!(it, Beside::Histogram(_))).count();
        request.refused.add((samples.len() + histograms) as u64, name);
        request.bad.exemplars += (beside.len() - histograms) as u64;
        return Ok(());
    }
    for sample in samples {
        request.push(labels.unwrap_or_default(), sample)?;
    }
    request.push_beside(labels.unwrap_or_default(), beside)
}

impl<'a> WriteRequest<'a> {
    fn push(&mut self, labels: &'a [u8], sample: Fields<'a>) -> Result<(), Broken> {
        let (timestamp_ms, value) = walk_sample(sample)?;
        self.batch.push(EncodedLabels(labels), timestamp_ms, value);
        Ok(())
    }

    fn push_beside(&mut self, labels: &'a [u8], beside: Vec<Beside<'a>>) -> Result<(), Broken> {
        for item in beside {
            match item {
                Beside::Exemplar(message) => self.push_exemplar(labels, message)?,
                Beside::Histogram(message) => self.push_histogram(labels, message)?,
            }
        }
        Ok(())
    }

    fn push_exemplar(&mut self, labels: &'a [u8], message: Fields<'a>) -> Result<(), Broken> {
        let found = exemplar::read(message)?.finish(0);
        match found.filter(|_| self.exemplars < EXEMPLARS_MAX) {
            Some(exemplar) => {
                self.exemplars += 1;
                self.batch.push_exemplar(EncodedLabels(labels), exemplar);
            }
            None => self.bad.exemplars += 1,
        }
        Ok(())
    }

    fn push_histogram(&mut self, labels: &'a [u8], message: Fields<'a>) -> Result<(), Broken> {
        let (timestamp_ms, read) = histogram::read(message)?;
        let labels = EncodedLabels(labels);
        let bytes = read.as_ref().map_or(0, |histogram| histogram.memory_bytes());
        let full = self.histograms_bytes.saturating_add(bytes) > HISTOGRAMS_BYTES_MAX;
        let reason = match read {
            Ok(histogram) if !full => {
                self.histograms_bytes += bytes;
                self.batch.push_histogram(labels, timestamp_ms, histogram);
                return Ok(());
            }
            Ok(_) => {
                "the histograms of a request take more than 64 MiB, send fewer at a time".to_owned()
            }
            Err(reason) => reason,
        };
        self.bad.histograms += 1;
        self.refused.add(1, || format!("{} at {timestamp_ms} ms: {reason}", labels.describe()));
        Ok(())
    }
}

/// What the protocol demands of the labels of a series: each once, sorted, named.
pub(crate) fn check_labels(labels: &[u8]) -> Result<(), &'static str> {
    let mut fields = Fields::new(labels);
    let mut last: &[u8] = &[];
    let mut named = false;
    while let Some(field) = fields.next_field().map_err(|_| BROKEN)? {
        let (1, Value::Bytes(label)) = field else { return Err(BROKEN) };
        let name = label_name(label).map_err(|_| BROKEN)?;
        if name.is_empty() {
            return Err("a label has an empty name");
        }
        if name <= last {
            let twice = name == last;
            return Err(if twice {
                "a label occurs twice"
            } else {
                "its labels are not sorted by name"
            });
        }
        named |= name == METRIC_NAME.as_bytes();
        last = name;
    }
    match (last.is_empty(), named) {
        (true, _) => Err("it has no labels"),
        (false, false) => Err("it has no metric name (__name__)"),
        (false, true) => Ok(()),
    }
}

fn label_name(mut label: Fields<'_>) -> Result<&[u8], Broken> {
    let mut name: &[u8] = &[];
    while let Some((number, value)) = label.next_field()? {
        if let (1, Value::Bytes(text)) = (number, value) {
            name = text.as_bytes();
        }
    }
    Ok(name)
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

fn walk_metadata(mut entry: Fields<'_>) -> Result<Option<(&str, Metadata)>, Broken> {
    let mut family = "";
    let mut metadata = Metadata::default();
    while let Some((number, field)) = entry.next_field()? {
        match (number, field) {
            (1, Value::Varint(kind)) => metadata.metric_type = metric_type(kind),
            (2, Value::Bytes(text)) => family = text.text()?,
            (4, Value::Bytes(text)) => metadata.help = cut(text.text()?),
            (5, Value::Bytes(text)) => metadata.unit = cut(text.text()?),
            _ => {}
        }
    }
    let usable = !family.is_empty() && family.len() <= METADATA_BYTES_MAX;
    Ok(usable.then_some((family, metadata)))
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

fn cut(text: &str) -> String {
    let mut end = text.len().min(METADATA_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
