//! `remote_write` version 1: what a body says, and what of it can be stored.
//!
//! The body is walked once where it lies. Labels go to the engine as the encoded bytes that they
//! are; a series whose labels are wrong is left out and named there, its neighbours are kept.

use metric::{EncodedLabels, METRIC_NAME, Metadata, MetricType};
use series::{Appended, Batch, RejectReason};

use super::protobuf::{Broken, Fields, Value};
use crate::intake::told;

/// Reasons that an answer lists.
const REASONS_SHOWN_MAX: usize = 10;
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;
/// Tag of a label within a series: field 1, length-delimited.
const LABEL_TAG: u8 = 0x0a;
/// Bytes that a series with one sample takes in most bodies.
const SERIES_BYTES: usize = 128;
const BROKEN: &str = "its labels are broken protobuf";
/// Longest text of metadata, in bytes.
const METADATA_BYTES_MAX: usize = 4_096;

/// What a body holds.
#[derive(Debug, Default)]
pub(crate) struct WriteRequest<'a> {
    /// The samples; the labels of their series are unchecked.
    pub batch: Batch<'a>,
    /// What metrics mean.
    pub metadata: Vec<(&'a str, Metadata)>,
    /// Exemplars, which nothing stores yet.
    pub exemplars: u64,
    /// Samples of native histograms, which nothing stores yet.
    pub histograms: u64,
    /// What was left out.
    pub refused: Refused,
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
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, _) => {
                request.batch.truncate(before);
                return walk_reordered(message, position, request);
            }
            (2, Value::Bytes(sample)) => request.push(labels, sample)?,
            (3, Value::Bytes(_)) => request.exemplars += 1,
            (4, Value::Bytes(_)) => request.histograms += 1,
            _ => {}
        }
    }
    Ok(())
}

/// A series whose labels do not come first, which is legal as long as they lie together.
fn walk_reordered<'a>(
    message: Fields<'a>,
    position: usize,
    request: &mut WriteRequest<'a>,
) -> Result<(), Broken> {
    let mut labels: Option<&[u8]> = None;
    let mut samples = Vec::new();
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
            Some(_) => {}
            None => break,
        }
    }
    if scattered {
        let name = || format!("series {}: its labels do not lie together", position + 1);
        request.refused.add(samples.len() as u64, name);
        return Ok(());
    }
    for sample in samples {
        request.push(labels.unwrap_or_default(), sample)?;
    }
    Ok(())
}

impl<'a> WriteRequest<'a> {
    fn push(&mut self, labels: &'a [u8], sample: Fields<'a>) -> Result<(), Broken> {
        let (timestamp_ms, value) = walk_sample(sample)?;
        self.batch.push(EncodedLabels(labels), timestamp_ms, value);
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
