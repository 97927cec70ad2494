//! Turns lines into samples.

use std::borrow::Cow;

use kernel::error::Result;
use metric::METRIC_NAME;

use super::super::label_set::LabelSet;
use super::super::remote_write::Refused;
use super::super::sink::{Sink, SinkError};
use super::super::work::Workshop;
use super::line::{FieldValue, Line, lines, parse};

/// The protocol's name in counters.
pub(super) const PROTOCOL: &str = "influx";
/// Fields of one line.
const FIELDS_MAX: usize = 10_000;

/// What the address of a request says.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The value of the label `db`; none when empty.
    pub database: String,
    pub precision: Precision,
    /// The time of lines that state none.
    pub now_ms: i64,
}

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// So many to a millisecond.
    Finer(i64),
    /// So many milliseconds each.
    Coarser(i64),
}

impl Precision {
    /// The unit that a word means; nanoseconds when it is empty.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "" | "n" | "ns" => Self::Finer(1_000_000),
            "u" | "us" | "µ" | "µs" => Self::Finer(1_000),
            "ms" => Self::Coarser(1),
            "s" => Self::Coarser(1_000),
            "m" => Self::Coarser(60_000),
            "h" => Self::Coarser(3_600_000),
            _ => return None,
        })
    }

    fn millis(self, timestamp: i64) -> i64 {
        match self {
            Self::Finer(count) => timestamp.div_euclid(count),
            Self::Coarser(millis) => timestamp.saturating_mul(millis),
        }
    }
}

/// Stores a body; lines that are wrong harm no other.
pub(super) fn store(body: &[u8], target: &Target, shop: &Workshop<'_>) -> Result<Refused> {
    let mut sink = Sink::new(shop, PROTOCOL, "line");
    let mut texts = 0;
    for (number, line) in lines(body) {
        let parsed = std::str::from_utf8(line)
            .map_err(|error| format!("not valid UTF-8 from byte {}", error.valid_up_to() + 1))
            .and_then(parse);
        match parsed {
            Ok(line) => texts += push(&mut sink, number, &line, target)?,
            Err(reason) => sink.refuse(1, number, &reason),
        }
    }
    shop.count_not_stored("text_field", texts);
    Ok(sink.finish()?.refused)
}

/// Pushes the samples of a line; gives the number of fields that are texts.
fn push(
    sink: &mut Sink<'_>,
    number: usize,
    line: &Line<'_>,
    target: &Target,
) -> Result<u64, SinkError> {
    let fields = line.fields.len() as u64;
    if line.fields.len() > FIELDS_MAX {
        sink.refuse(fields, number, &format!("it has more than {FIELDS_MAX} fields"));
        return Ok(0);
    }
    let at_ms = line.timestamp.map_or(target.now_ms, |stamp| target.precision.millis(stamp));
    let mut labels = LabelSet::new();
    for (key, value) in &line.tags {
        labels.add(sanitized(key, false), value.as_ref());
    }
    if !target.database.is_empty() && labels.get("db").is_none() {
        labels.add("db", target.database.as_str());
    }
    let shared = labels.len();
    let mut texts = 0;
    for (key, value) in &line.fields {
        let FieldValue::Number(value) = *value else {
            texts += 1;
            continue;
        };
        let name = format!("{}_{key}", line.measurement);
        labels.add(METRIC_NAME, sanitized(&name, true).into_owned());
        match sink.begin(&labels)? {
            Ok(()) => sink.push(number, at_ms, value)?,
            Err(reason) => sink.refuse(1, number, &reason),
        }
        labels.truncate(shared);
    }
    Ok(texts)
}

/// A name in the letters that need no quotes in queries; others become underscores.
fn sanitized(name: &str, colons: bool) -> Cow<'_, str> {
    let is_plain = |c: char| c == '_' || c.is_ascii_alphanumeric() || (colons && c == ':');
    let starts_wrong = name.starts_with(|c: char| c.is_ascii_digit());
    if name.chars().all(is_plain) && !starts_wrong {
        return Cow::Borrowed(name);
    }
    let plain = name.chars().map(|c| if is_plain(c) { c } else { '_' });
    Cow::Owned(starts_wrong.then_some('_').into_iter().chain(plain).collect())
}
