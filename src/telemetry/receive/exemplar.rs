//! Exemplars in protobuf: as `remote_write` sends them, and as targets expose them.
//!
//! What is wrong with one costs that exemplar alone: it is dropped and counted, its series' samples
//! are kept.

use metric::{Exemplar, Labels};

use super::protobuf::{Broken, Fields, Value};

/// Labels of one exemplar: more have no room in the characters that one may have.
const LABELS_MAX: usize = 64;

/// An exemplar as it is read.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    labels: Vec<(&'a str, &'a str)>,
    wrong: bool,
    pub value: f64,
    /// Milliseconds since the epoch, if it states a time.
    pub timestamp_ms: Option<i64>,
}

impl<'a> Found<'a> {
    /// Adds a label; `None` for one that cannot be read.
    pub(crate) fn add(&mut self, label: Option<(&'a str, &'a str)>) {
        match label {
            Some(label) if self.labels.len() < LABELS_MAX => self.labels.push(label),
            _ => self.wrong = true,
        }
    }

    /// The exemplar, unless its labels are wrong; `at_ms` is the time of one that states none.
    pub(crate) fn finish(self, at_ms: i64) -> Option<Exemplar> {
        let labels = Labels::new(self.labels).ok().filter(|_| !self.wrong)?;
        let timestamp_ms = self.timestamp_ms.unwrap_or(at_ms);
        Some(Exemplar { timestamp_ms, value: self.value, labels }).filter(Exemplar::fits)
    }
}

/// Reads labels (1), value (2) and time (3), the last in milliseconds or as a `Timestamp`.
pub(crate) fn read(mut message: Fields<'_>) -> Result<Found<'_>, Broken> {
    let mut found = Found::default();
    while let Some((number, value)) = message.next_field()? {
        match (number, value) {
            (1, Value::Bytes(label)) => found.add(read_label(label)?),
            (2, Value::Fixed64(bits)) => found.value = f64::from_bits(bits),
            (3, Value::Varint(raw)) => found.timestamp_ms = Some(raw.cast_signed()),
            (3, Value::Bytes(stamp)) => found.timestamp_ms = Some(read_stamp(stamp)?),
            _ => {}
        }
    }
    Ok(found)
}

fn read_label(mut message: Fields<'_>) -> Result<Option<(&str, &str)>, Broken> {
    let (mut name, mut value) = (Some(""), Some(""));
    while let Some((number, field)) = message.next_field()? {
        match (number, field) {
            (1, Value::Bytes(text)) => name = std::str::from_utf8(text.as_bytes()).ok(),
            (2, Value::Bytes(text)) => value = std::str::from_utf8(text.as_bytes()).ok(),
            _ => {}
        }
    }
    Ok(name.zip(value))
}

/// Seconds and nanoseconds as milliseconds.
fn read_stamp(mut message: Fields<'_>) -> Result<i64, Broken> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    while let Some((number, value)) = message.next_field()? {
        match (number, value) {
            (1, Value::Varint(raw)) => seconds = raw.cast_signed(),
            (2, Value::Varint(raw)) => nanos = raw.cast_signed(),
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}
