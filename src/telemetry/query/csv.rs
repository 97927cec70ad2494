//! Series and answers as CSV (RFC 4180): one row a sample; a column for the time, one for each
//! label name, one for the value.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use kernel::clock::Time;
use metric::{Labels, METRIC_NAME};
use promql::{Answer, Point, Value};

use super::error::QueryError;
use super::exposition::push_value_plain;

/// The content type of CSV.
pub(crate) const CSV: &str = "text/csv; charset=utf-8; header=present";
/// About how many bytes a piece of an answer has.
const PIECE_BYTES: usize = 64 * 1024;
/// Label names that an answer may have together.
const COLUMNS_MAX: usize = 1_000;

/// The label names that are columns, the metric's name first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns(Vec<String>);

impl Columns {
    /// The columns for these series.
    pub(crate) fn of<'a>(series: impl Iterator<Item = &'a Labels>) -> Result<Self, QueryError> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for labels in series {
            names.extend(labels.iter().map(|label| label.name));
            if names.len() > COLUMNS_MAX {
                return Err(QueryError::Execution(format!(
                    "the series have more than {COLUMNS_MAX} label names together, which is too \
                     many for columns; select fewer series, or use the text format"
                )));
            }
        }
        let named = names.remove(METRIC_NAME).then_some(METRIC_NAME);
        Ok(Self(named.into_iter().chain(names).map(str::to_owned).collect()))
    }

    /// The names in the order of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// Appends the first line.
    pub(crate) fn push_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"timestamp,");
        for name in &self.0 {
            push_cell(out, name);
            out.push(b',');
        }
        out.extend_from_slice(b"value\r\n");
    }

    /// The cells of a series, the same in all its rows.
    pub(crate) fn cells(&self, labels: &Labels) -> Vec<u8> {
        let mut out = vec![b','];
        for name in &self.0 {
            push_cell(&mut out, labels.get(name).unwrap_or(""));
            out.push(b',');
        }
        out
    }
}

/// Appends one row.
pub(crate) fn push_row(out: &mut Vec<u8>, cells: &[u8], timestamp_ms: i64, value: f64) {
    out.extend_from_slice(Time::from_millis(timestamp_ms).to_string().as_bytes());
    out.extend_from_slice(cells);
    push_value_plain(out, value);
    out.extend_from_slice(b"\r\n");
}

fn push_cell(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// An answer as CSV, piece by piece.
#[derive(Debug)]
pub(crate) struct AnswerCsv {
    columns: Columns,
    rest: VecDeque<(Labels, Vec<Point>)>,
    at: usize,
    cells: Vec<u8>,
    ready: Option<Vec<u8>>,
}

impl AnswerCsv {
    /// Begins an answer.
    ///
    /// # Errors
    /// More label names than columns can be; a string, which has no rows.
    pub(crate) fn new(answer: Answer) -> Result<Self, QueryError> {
        let rest: VecDeque<(Labels, Vec<Point>)> = match answer.value {
            Value::Scalar(point) => [(Labels::empty(), vec![point])].into(),
            // A histogram has no cell of its own.
            Value::Vector(items) => items
                .into_iter()
                .filter_map(|(labels, point)| Some((labels, vec![point.number()?])))
                .collect(),
            Value::Matrix(items) => {
                items.into_iter().map(|series| (series.labels, series.points)).collect()
            }
            Value::String { .. } => {
                return Err(QueryError::Execution("a string has no rows of samples".to_owned()));
            }
        };
        let columns = Columns::of(rest.iter().map(|(labels, _)| labels))?;
        let mut head = Vec::new();
        columns.push_header(&mut head);
        Ok(Self { columns, rest, at: 0, cells: Vec::new(), ready: Some(head) })
    }
}

impl Iterator for AnswerCsv {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = self.ready.take().unwrap_or_default();
        while out.len() < PIECE_BYTES {
            let Some((labels, points)) = self.rest.front() else { break };
            if self.at == 0 {
                self.cells = self.columns.cells(labels);
            }
            if let Some(point) = points.get(self.at) {
                push_row(&mut out, &self.cells, point.timestamp_ms, point.value);
                self.at += 1;
            } else {
                self.rest.pop_front();
                self.at = 0;
            }
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}
