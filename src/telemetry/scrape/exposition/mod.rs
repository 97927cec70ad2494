//! The formats in which targets show their metrics: Prometheus text 0.0.4, OpenMetrics 1.0, and
//! protobuf.
//!
//! The first two are formats of lines, and each line is parsed where it lies: names and label values are
//! slices of the body, unescaped only when they have an escape. As in Prometheus a body with one
//! wrong line is refused as a whole; [`check()`] lists the wrong lines for the doctor.

mod check;
mod cursor;
mod line;
mod number;
pub(crate) mod protobuf;

#[cfg(test)]
pub(crate) mod protobuf_tests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use metric::{Exemplar, Labels, METRIC_NAME, MetricType};

pub(crate) use check::{Problem, check};
use cursor::Cursor;

/// Which format a body is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// A stream of `io.prometheus.client.MetricFamily`, each behind its length.
    Protobuf,
}

impl Format {
    /// The format that a `Content-Type` names; text when it names none of ours, as targets that
    /// serve a plain file do.
    pub(crate) fn of_content_type(content_type: Option<&str>) -> Result<Self, String> {
        let Some(content_type) = content_type else { return Ok(Self::Text) };
        let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/openmetrics-text" => Ok(Self::OpenMetrics),
            "application/vnd.google.protobuf" => {
                let has = |wanted: &str| {
                    let parts = content_type.split(';').skip(1);
                    parts.map(|part| part.trim().replace('"', "")).any(|part| part == wanted)
                };
                if has("proto=io.prometheus.client.MetricFamily") && has("encoding=delimited") {
                    return Ok(Self::Protobuf);
                }
                Err("the target answers in a protobuf that is not known".to_owned())
            }
            _ => Ok(Self::Text),
        }
    }
}

/// Labels of one exemplar: more have no room in the characters that one may have.
const EXEMPLAR_LABELS_MAX: usize = 64;

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry<'a> {
    /// Nothing: an empty line or a comment.
    Nothing,
    /// The type of a metric family.
    Type(Cow<'a, str>, MetricType),
    /// What a metric family means.
    Help(Cow<'a, str>, Cow<'a, str>),
    /// The unit of a metric family.
    Unit(Cow<'a, str>, &'a str),
    /// A sample; its labels are those of [`LineParser::labels`].
    Sample(SampleLine<'a>),
    /// `# EOF`.
    End,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SampleLine<'a> {
    /// Name and labels as they are written: the same series is written the same way each time.
    pub series: &'a str,
    /// The value.
    pub value: f64,
    /// The time that the target states, in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Its exemplar.
    pub exemplar: Option<ExemplarLine>,
}

/// The exemplar of a sample; its labels are kept by the [`LineParser`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ExemplarLine {
    /// What was observed.
    pub value: f64,
    /// The time that the target states, in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
}

/// A piece of text that may have escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    text: &'a str,
    escaped: bool,
}

impl<'a> Raw<'a> {
    fn plain(text: &'a str) -> Self {
        Self { text, escaped: false }
    }

    /// The text without escapes.
    pub(crate) fn text(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        unescape(self.text)
    }
}

/// A label as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawLabel<'a> {
    /// Its name.
    pub name: Raw<'a>,
    /// Its value; may be empty.
    pub value: Raw<'a>,
}

/// A wrong line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct WrongLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Parses the lines of one of the two text formats one by one; keeps the labels of the last sample.
#[derive(Debug)]
pub(crate) struct LineParser<'a> {
    format: Format,
    labels: Vec<RawLabel<'a>>,
    exemplar_labels: Vec<RawLabel<'a>>,
    ended: bool,
}

impl<'a> LineParser<'a> {
    /// A parser that has seen no line yet.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, labels: Vec::new(), exemplar_labels: Vec::new(), ended: false }
    }

    /// The labels of the last sample, the metric's name (`__name__`) among them, in the order of
    /// the line. Names may occur twice.
    pub(crate) fn labels(&self) -> &[RawLabel<'a>] {
        &self.labels
    }

    /// The exemplar of the last sample, at `at_ms` if it states no time. `None` where OpenMetrics
    /// allows none, which is elsewhere than with totals and buckets, or if its labels are wrong.
    pub(crate) fn exemplar(&self, line: ExemplarLine, at_ms: i64) -> Option<Exemplar> {
        let name = self.labels.iter().find(|label| label.name.text == METRIC_NAME)?;
        if !name.value.text.ends_with("_total") && !name.value.text.ends_with("_bucket") {
            return None;
        }
        let pairs: Vec<_> = self
            .exemplar_labels
            .iter()
            .take(EXEMPLAR_LABELS_MAX + 1)
            .map(|label| (label.name.text(), label.value.text()))
            .collect();
        let pairs = Some(pairs).filter(|pairs| pairs.len() <= EXEMPLAR_LABELS_MAX)?;
        let labels = Labels::new(pairs.iter().map(|(name, value)| (&**name, &**value))).ok()?;
        let timestamp_ms = line.timestamp_ms.unwrap_or(at_ms);
        Some(Exemplar { timestamp_ms, value: line.value, labels }).filter(Exemplar::fits)
    }

    /// Parses one line, given without its line end.
    pub(crate) fn parse(&mut self, line: &'a str) -> Result<Entry<'a>, String> {
        if self.ended {
            return Err("text after # EOF".to_owned());
        }
        let strict = self.format == Format::OpenMetrics;
        let mut cursor = Cursor::new(line.strip_suffix('\r').unwrap_or(line));
        if !strict {
            cursor.skip_blanks();
        }
        let entry = match cursor.peek() {
            None if strict => Err("an empty line, which OpenMetrics does not allow".to_owned()),
            None => Ok(Entry::Nothing),
            Some(b'#') if strict => line::parse_strict_comment(cursor),
            Some(b'#') => line::parse_comment(cursor),
            Some(_) => {
                line::parse_sample(cursor, strict, &mut self.labels, &mut self.exemplar_labels)
            }
        }?;
        self.ended = entry == Entry::End;
        Ok(entry)
    }

    /// Whether the body ended as its format demands.
    pub(crate) fn finish(&self) -> Result<(), String> {
        if self.format == Format::OpenMetrics && !self.ended {
            return Err("the body does not end with # EOF, it may be cut off".to_owned());
        }
        Ok(())
    }
}

/// Parses a whole body; `each` sees every entry, with the parser for its labels.
///
/// The first wrong line ends it, and so does an error of `each`.
pub(crate) fn parse_body<'a>(
    body: &'a [u8],
    format: Format,
    mut each: impl FnMut(Entry<'a>, &LineParser<'a>) -> Result<(), String>,
) -> Result<(), WrongLine> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let before = body.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            return Err(WrongLine { line, reason: "not valid UTF-8".to_owned() });
        }
    };
    let mut parser = LineParser::new(format);
    let mut number = 0;
    for line in lines(text) {
        number += 1;
        let entry = parser.parse(line).and_then(|entry| each(entry, &parser));
        entry.map_err(|reason| WrongLine { line: number, reason })?;
    }
    parser.finish().map_err(|reason| WrongLine { line: number.max(1), reason })
}

/// The lines of a text; a newline at its end does not begin another line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let empty = body.is_empty();
    body.split('\n').filter(move |_| !empty)
}

/// Resolves `\\`, `\"` and `\n`; any other backslash stands for itself.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (replaced, used) = match after.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'\\') => ('\\', 1),
            Some(b'"') => ('"', 1),
            _ => ('\\', 0),
        };
        plain.push(replaced);
        rest = &after[used..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}
