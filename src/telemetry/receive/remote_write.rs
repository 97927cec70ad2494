//! `remote_write` version 1: what a body says, and what of it can be stored.
//!
//! The body is walked once where it lies. Labels go to the engine as the encoded bytes that they
//! are; a series whose labels are wrong is left out and named, its neighbours are kept.

use metric::{EncodedLabels, METRIC_NAME, Metadata, MetricType};
use series::{Appended, Batch, RejectReason};

use super::protobuf::{Broken, Fields, Value};

/// Reasons that an answer lists.
const REASONS_SHOWN_MAX: usize = 10;
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;
/// Longest text of metadata, in bytes.
const METADATA_BYTES_MAX: usize = 4_096;

/// What a body holds.
#[derive(Debug, Default)]
pub(crate) struct WriteRequest<'a> {
    /// The samples of series whose labels are in order.
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
    fn add(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.samples += samples;
        if self.reasons.len() < REASONS_SHOWN_MAX {
            self.reasons.push(reason());
        }
    }

    /// Adds what the engine refused.
    pub(crate) fn add_appended(&mut self, appended: &Appended) {
        self.samples += appended.rejected;
        for rejection in &appended.rejections {
            self.worth_retrying |= matches!(rejection.reason, RejectReason::TooManySeries { .. });
            if self.reasons.len() < REASONS_SHOWN_MAX {
                self.reasons.push(format!(
                    "{} at {} ms: {}",
                    rejection.series, rejection.timestamp_ms, rejection.reason
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
pub(crate) fn walk(body: &[u8]) -> Result<WriteRequest<'_>, Broken> {
    let mut request = WriteRequest::default();
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
    let labels = find_labels(message)?;
    let mut fields = message;
    let mut samples = 0;
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (2, Value::Bytes(sample)) => {
                samples += 1;
                let (timestamp_ms, value) = walk_sample(sample)?;
                if let Ok(labels) = labels {
                    request.batch.push(EncodedLabels(labels), timestamp_ms, value);
                }
            }
            (3, Value::Bytes(_)) => request.exemplars += 1,
            (4, Value::Bytes(_)) => request.histograms += 1,
            _ => {}
        }
    }
    if let Err(wrong) = labels
        && samples > 0
    {
        request.refused.add(samples, || wrong.describe(position, message));
    }
    Ok(())
}

/// What is wrong with a label set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WrongLabels {
    None,
    EmptyName,
    Unsorted,
    Duplicate,
    Unnamed,
    Scattered,
}

impl WrongLabels {
    fn describe(self, position: usize, message: Fields<'_>) -> String {
        let reason = match self {
            Self::None => "it has no labels",
            Self::EmptyName => "a label has an empty name",
            Self::Unsorted => "its labels are not sorted by name",
            Self::Duplicate => "a label occurs twice",
            Self::Unnamed => "it has no metric name (__name__)",
            Self::Scattered => "its labels do not lie together",
        };
        format!("series {} ({}): {reason}", position + 1, show(message))
    }
}

/// The bytes of the labels, which must lie together, sorted, each once.
fn find_labels(message: Fields<'_>) -> Result<Result<&[u8], WrongLabels>, Broken> {
    let mut fields = message;
    let (mut from, mut to) = (0, 0);
    let mut last: &[u8] = &[];
    let mut named = false;
    loop {
        let before = fields.position();
        let Some((number, value)) = fields.next_field()? else { break };
        let (1, Value::Bytes(label)) = (number, value) else { continue };
        if to != 0 && to != before {
            return Ok(Err(WrongLabels::Scattered));
        }
        if to == 0 {
            from = before;
        }
        to = fields.position();
        let name = label_name(label)?;
        if name.is_empty() {
            return Ok(Err(WrongLabels::EmptyName));
        }
        if name <= last {
            let twice = name == last;
            return Ok(Err(if twice { WrongLabels::Duplicate } else { WrongLabels::Unsorted }));
        }
        named |= name == METRIC_NAME.as_bytes();
        last = name;
    }
    if to == 0 {
        return Ok(Err(WrongLabels::None));
    }
    if !named {
        return Ok(Err(WrongLabels::Unnamed));
    }
    Ok(Ok(message.as_bytes().get(from..to).unwrap_or_default()))
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

/// The labels of a series for a message, as far as they can be read.
fn show(mut message: Fields<'_>) -> String {
    let mut shown = String::from("{");
    while let Ok(Some((number, value))) = message.next_field() {
        let (1, Value::Bytes(mut label)) = (number, value) else { continue };
        let mut parts = [String::new(), String::new()];
        while let Ok(Some((number, value))) = label.next_field() {
            if let (1 | 2, Value::Bytes(text)) = (number, value) {
                let head = text.as_bytes().get(..64).unwrap_or(text.as_bytes());
                let place = usize::from(number == 2);
                parts[place] = String::from_utf8_lossy(head).into_owned();
            }
        }
        if shown.len() > 200 {
            shown.push('…');
            break;
        }
        let comma = if shown.len() > 1 { ", " } else { "" };
        shown.push_str(&format!("{comma}{}={:?}", parts[0], parts[1]));
    }
    shown.push('}');
    shown
}
