//! The JSON of an answer, made piece by piece while it is sent: a large one is never whole in
//! memory as text.

use std::collections::VecDeque;

use bytes::Bytes;
use metric::Labels;
use promql::{Answer, EvalStats, HistogramPoint, Point, Series, Value, VectorPoint};

use super::json::{
    push, push_histogram, push_labels, push_notes, push_text, push_time, push_value,
};

/// About how many bytes a piece has.
const PIECE_BYTES: usize = 64 * 1024;

/// What of an answer is still to be written.
#[derive(Debug)]
pub(crate) struct AnswerJson {
    rest: Rest,
    first: bool,
    tail: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Rest {
    Vector(VecDeque<(Labels, VectorPoint)>),
    Matrix(VecDeque<Series>, usize),
    Done,
}

/// How long a query took, for those who ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub total_s: f64,
}

impl AnswerJson {
    /// Begins the answer: what is written before the first series goes into `out`.
    pub(crate) fn begin(
        answer: Answer,
        limit: Option<usize>,
        timing: Option<Timing>,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut warnings = answer.warnings;
        let mut value = answer.value;
        if let Some(limit) = limit.filter(|&limit| limit > 0)
            && cut(&mut value, limit)
        {
            warnings.push("results truncated due to limit".to_owned());
        }
        let kind = match &value {
            Value::Scalar(_) => "scalar",
            Value::String { .. } => "string",
            Value::Vector(_) => "vector",
            Value::Matrix(_) => "matrix",
        };
        push(
            out,
            format_args!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"{kind}\",\"result\":["
            ),
        );
        let rest = match value {
            Value::Scalar(point) => {
                push_time(out, point.timestamp_ms);
                out.push(b',');
                push_text(out, &promql::format_value(point.value));
                Rest::Done
            }
            Value::String { timestamp_ms, text } => {
                push_time(out, timestamp_ms);
                out.push(b',');
                push_text(out, &text);
                Rest::Done
            }
            Value::Vector(items) => Rest::Vector(items.into()),
            Value::Matrix(items) => Rest::Matrix(items.into(), 0),
        };
        let mut tail = Vec::new();
        tail.push(b']');
        if let Some(timing) = timing {
            push_stats(&mut tail, &answer.stats, timing);
        }
        tail.push(b'}');
        push_notes(&mut tail, "warnings", &warnings);
        push_notes(&mut tail, "infos", &answer.infos);
        tail.push(b'}');
        Self { rest, first: true, tail: Some(tail) }
    }

    /// Writes until about `PIECE_BYTES` are in `out`; `false` when nothing is left.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        while out.len() < PIECE_BYTES {
            let more = match &mut self.rest {
                Rest::Vector(items) => match items.pop_front() {
                    Some((labels, point)) => {
                        begin_series(out, &labels, &mut self.first);
                        push_vector_point(out, point);
                        out.push(b'}');
                        true
                    }
                    None => false,
                },
                Rest::Matrix(items, at) => write_matrix(items, at, &mut self.first, out),
                Rest::Done => false,
            };
            if !more {
                self.rest = Rest::Done;
                out.extend(self.tail.take().unwrap_or_default());
                return false;
            }
        }
        true
    }
}

/// Writes points of the first series until the piece is full or the series ends. `at` counts the
/// numbers and behind them the histograms.
fn write_matrix(
    items: &mut VecDeque<Series>,
    at: &mut usize,
    first: &mut bool,
    out: &mut Vec<u8>,
) -> bool {
    let Some(series) = items.front() else { return false };
    if *at == 0 {
        begin_series(out, &series.labels, first);
    }
    let numbers = series.points.len();
    while *at < numbers + series.histograms.len() {
        // What has begun goes on: the place counts points, and before the first there is no place.
        if *at > 0 && out.len() >= PIECE_BYTES {
            return true;
        }
        let begin: &[u8] = match *at {
            0 if numbers > 0 => b",\"values\":[",
            0 => b",\"histograms\":[",
            at if at == numbers => b"],\"histograms\":[",
            _ => b",",
        };
        out.extend_from_slice(begin);
        if let Some(point) = series.points.get(*at) {
            push_point(out, *point);
        } else if let Some(point) = series.histograms.get(*at - numbers) {
            push_histogram_point(out, point);
        }
        *at += 1;
    }
    out.extend_from_slice(b"]}");
    items.pop_front();
    *at = 0;
    true
}

fn begin_series(out: &mut Vec<u8>, labels: &Labels, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, labels);
}

fn push_point(out: &mut Vec<u8>, point: Point) {
    out.push(b'[');
    push_time(out, point.timestamp_ms);
    out.push(b',');
    push_value(out, point.value);
    out.push(b']');
}

fn push_vector_point(out: &mut Vec<u8>, point: VectorPoint) {
    let VectorPoint { timestamp_ms, value, histogram } = point;
    if let Some(histogram) = histogram {
        out.extend_from_slice(b",\"histogram\":");
        push_histogram_point(out, &HistogramPoint { timestamp_ms, histogram });
    } else {
        out.extend_from_slice(b",\"value\":");
        push_point(out, Point { timestamp_ms, value });
    }
}

fn push_histogram_point(out: &mut Vec<u8>, point: &HistogramPoint) {
    out.push(b'[');
    push_time(out, point.timestamp_ms);
    out.push(b',');
    push_histogram(out, &point.histogram);
    out.push(b']');
}

fn push_stats(out: &mut Vec<u8>, stats: &EvalStats, timing: Timing) {
    push(
        out,
        format_args!(
            ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{0},\"execTotalTime\":{0}}},\
             \"samples\":{{\"totalQueryableSamples\":{1},\"peakSamples\":{2}}}}}",
            timing.total_s, stats.samples, stats.samples_peak
        ),
    );
}

/// Cuts an answer to `limit` series; says whether there were more.
fn cut(value: &mut Value, limit: usize) -> bool {
    match value {
        Value::Vector(items) if items.len() > limit => {
            items.truncate(limit);
            true
        }
        Value::Matrix(items) if items.len() > limit => {
            items.truncate(limit);
            true
        }
        _ => false,
    }
}

/// The pieces of an answer, the first of which is written already.
pub(crate) fn pieces(
    mut first: Vec<u8>,
    mut answer: AnswerJson,
) -> impl Iterator<Item = Bytes> + Send {
    let mut more = answer.write(&mut first);
    let mut ready = Some(first);
    std::iter::from_fn(move || {
        if let Some(piece) = ready.take() {
            return Some(Bytes::from(piece));
        }
        if !more {
            return None;
        }
        let mut piece = Vec::with_capacity(PIECE_BYTES + 256);
        more = answer.write(&mut piece);
        Some(Bytes::from(piece))
    })
}
