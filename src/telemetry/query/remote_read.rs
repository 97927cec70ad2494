//! `remote_read`: stored samples for another Prometheus, as protobuf at once or as a stream of
//! chunks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kernel::caller::{Caller, Permission};
use kernel::error::Error;
use metric::{MatchOp, Matcher, Samples, Select, Selection, SeriesReader};
use promql::QueryOptions;
use tokio::sync::OwnedSemaphorePermit;

use super::error::QueryError;
use super::histogram_chunk::{HistogramChunk, push_histogram};
use super::run::check;
use super::wire::{crc32c, push_bytes, push_fixed64, push_int, push_varint};
use super::xor::XorChunk;
use crate::Telemetry;
use crate::receive::protobuf::{Broken, Fields, Value};

/// Queries of one request.
const QUERIES_MAX: usize = 32;
/// Matchers of one query.
const MATCHERS_MAX: usize = 100;
/// Samples of an answer that is not streamed; each bucket of a histogram counts as one.
const SAMPLES_MAX: usize = 2_000_000;
/// Samples of a chunk.
const CHUNK_SAMPLES: u16 = 120;
/// The encoding of chunks of numbers.
const XOR: i64 = 1;
/// The encoding of chunks of histograms whose counts are floating-point numbers.
const FLOAT_HISTOGRAM: i64 = 3;
/// About how many bytes a frame of the stream has; a client reads it whole.
const FRAME_BYTES: usize = 512 * 1024;
/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(10);
/// How long a stream may take in all, however slowly its client reads.
const STREAM_MAX: Duration = Duration::from_secs(3600);

/// A request.
#[derive(Debug)]
pub(crate) struct ReadRequest {
    queries: Vec<ReadQuery>,
    /// The client takes a stream, and rather than the whole at once.
    pub is_streamed: bool,
}

#[derive(Debug)]
struct ReadQuery {
    from_ms: i64,
    to_ms: i64,
    matchers: Vec<Matcher>,
}

impl ReadRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// It is no such request, or asks for too much at once.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let broken = |error: Broken| QueryError::BadData(error.to_string());
        let mut request = Self { queries: Vec::new(), is_streamed: false };
        let mut first_type = None;
        let mut fields = Fields::new(body);
        while let Some((number, value)) = fields.next_field().map_err(broken)? {
            match (number, value) {
                (1, Value::Bytes(query)) => {
                    if request.queries.len() >= QUERIES_MAX {
                        let detail = format!("more than {QUERIES_MAX} queries in one request");
                        return Err(QueryError::BadData(detail));
                    }
                    request.queries.push(parse_query(query)?);
                }
                (2, Value::Varint(kind)) if kind <= 1 => {
                    first_type.get_or_insert(kind);
                }
                (2, Value::Bytes(mut packed)) => {
                    while let Some(kind) = packed.next_packed_varint().map_err(broken)? {
                        if kind <= 1 {
                            first_type.get_or_insert(kind);
                        }
                    }
                }
                _ => {}
            }
        }
        request.is_streamed = first_type == Some(1);
        Ok(request)
    }
}

fn parse_query(mut query: Fields<'_>) -> Result<ReadQuery, QueryError> {
    let broken = |error: Broken| QueryError::BadData(error.to_string());
    let mut read = ReadQuery { from_ms: 0, to_ms: 0, matchers: Vec::new() };
    while let Some((number, value)) = query.next_field().map_err(broken)? {
        match (number, value) {
            (1, Value::Varint(raw)) => read.from_ms = raw.cast_signed(),
            (2, Value::Varint(raw)) => read.to_ms = raw.cast_signed(),
            (3, Value::Bytes(matcher)) => {
                if read.matchers.len() >= MATCHERS_MAX {
                    let detail = format!("more than {MATCHERS_MAX} matchers in one query");
                    return Err(QueryError::BadData(detail));
                }
                read.matchers.push(parse_matcher(matcher)?);
            }
            _ => {}
        }
    }
    if read.to_ms < read.from_ms {
        let detail = "the end of a query lies before its start";
        return Err(QueryError::BadData(detail.to_owned()));
    }
    Ok(read)
}

fn parse_matcher(mut matcher: Fields<'_>) -> Result<Matcher, QueryError> {
    let broken = |error: Broken| QueryError::BadData(error.to_string());
    let (mut op, mut name, mut text) = (MatchOp::Equal, "", "");
    while let Some((number, value)) = matcher.next_field().map_err(broken)? {
        match (number, value) {
            (1, Value::Varint(kind)) => {
                op = match kind {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Matches,
                    3 => MatchOp::NotMatches,
                    _ => {
                        let detail = format!("{kind} is not a type of matcher");
                        return Err(QueryError::BadData(detail));
                    }
                };
            }
            (2, Value::Bytes(found)) => name = found.text().map_err(broken)?,
            (3, Value::Bytes(found)) => text = found.text().map_err(broken)?,
            _ => {}
        }
    }
    if name.is_empty() {
        return Err(QueryError::BadData("a matcher has no label name".to_owned()));
    }
    Matcher::new(op, name, text).map_err(|error| QueryError::BadData(error.to_string()))
}

impl Telemetry {
    /// All samples at once, packed with snappy.
    pub(crate) async fn read_samples(
        &self,
        who: &Caller,
        request: ReadRequest,
    ) -> Result<Vec<u8>, QueryError> {
        who.require(Permission::MetricsRead)?;
        let series_max = self.queries().settings.series_max;
        self.run_query("remote_read", self.list_options(), move |series, options| {
            let mut out = Vec::new();
            let mut left = SAMPLES_MAX;
            for query in &request.queries {
                let limit = Select { series_max, ..Select::default() };
                let found = series.select(&query.matchers, query.from_ms, query.to_ms, limit)?;
                let result = result(found.as_ref(), options, &mut left)?;
                push_bytes(&mut out, 1, &result);
            }
            let packed = snap::raw::Encoder::new().compress_vec(&out);
            packed.map_err(|error| Error::internal("remote_read.snappy", error).into())
        })
        .await
    }

    /// Begins a stream of chunks.
    pub(crate) async fn read_stream(
        &self,
        who: &Caller,
        request: ReadRequest,
    ) -> Result<ReadStream, QueryError> {
        who.require(Permission::MetricsRead)?;
        let turn = Arc::clone(&self.queries().exports).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(WAIT, turn).await else {
            let detail = "as many exports as may run at one time are running";
            return Err(Error::unavailable("export.busy", detail).retry_after_s(30).into());
        };
        let series_max = self.queries().settings.series_max;
        self.run_query("remote_read", self.list_options(), move |series, _| {
            let mut selections = Vec::new();
            for query in &request.queries {
                let limit = Select { series_max, ..Select::default() };
                let (from_ms, to_ms) = (query.from_ms, query.to_ms);
                selections.push(series.select(&query.matchers, from_ms, to_ms, limit)?);
            }
            Ok(ReadStream::new(selections, turn))
        })
        .await
    }
}

/// A `QueryResult`.
fn result(
    found: &dyn Selection,
    options: &QueryOptions,
    left: &mut usize,
) -> Result<Vec<u8>, QueryError> {
    let mut out = Vec::new();
    let mut samples = Samples::new();
    for at in 0..found.len() {
        check(options)?;
        found.read(at, &mut samples)?;
        let buckets = samples.histograms().iter();
        let buckets: usize = buckets.map(|(_, it)| it.positive.len() + it.negative.len()).sum();
        *left = left.checked_sub(samples.len() + buckets).ok_or_else(|| {
            let detail = format!("exceeded sample limit ({SAMPLES_MAX}); ask for a stream");
            QueryError::BadData(detail)
        })?;
        // The engine's labels are in the encoding of a series.
        let mut series = found.labels(at).encoded().as_bytes().to_vec();
        for (at, sample) in samples.iter().enumerate() {
            if let Some(histogram) = samples.histogram(at) {
                push_histogram(&mut series, 4, sample.timestamp_ms, histogram);
                continue;
            }
            let mut message = Vec::with_capacity(18);
            push_fixed64(&mut message, 1, sample.value.to_bits());
            push_int(&mut message, 2, sample.timestamp_ms);
            push_bytes(&mut series, 2, &message);
        }
        if !samples.is_empty() {
            push_bytes(&mut out, 1, &series);
        }
    }
    Ok(out)
}

/// Series as chunks, frame by frame.
pub(crate) struct ReadStream {
    selections: Vec<Box<dyn Selection>>,
    query: usize,
    series: usize,
    samples: Samples,
    /// The sample of the series begun that is to be sent next.
    at: usize,
    until: Instant,
    _turn: OwnedSemaphorePermit,
}

impl ReadStream {
    fn new(selections: Vec<Box<dyn Selection>>, turn: OwnedSemaphorePermit) -> Self {
        Self {
            selections,
            query: 0,
            series: 0,
            samples: Samples::new(),
            at: 0,
            until: Instant::now() + STREAM_MAX,
            _turn: turn,
        }
    }

    /// The next frame: one series, or a part of a long one. Reads the disk.
    ///
    /// # Errors
    /// A damaged file; the time is over.
    pub(crate) fn frame(&mut self) -> Result<Option<Bytes>, QueryError> {
        if Instant::now() >= self.until {
            let detail = format!("the stream took longer than {} s", STREAM_MAX.as_secs());
            return Err(QueryError::Timeout(detail));
        }
        if self.at >= self.samples.len() && !self.next_series()? {
            return Ok(None);
        }
        let Some(selection) = self.selections.get(self.query) else { return Ok(None) };
        let mut series = selection.labels(self.series - 1).encoded().as_bytes().to_vec();
        while series.len() < FRAME_BYTES && self.at < self.samples.len() {
            push_chunk(&mut series, &self.samples, &mut self.at);
        }
        let mut message = Vec::with_capacity(series.len() + 16);
        push_bytes(&mut message, 1, &series);
        push_int(&mut message, 2, self.query as i64);
        let mut frame = Vec::with_capacity(message.len() + 16);
        push_varint(&mut frame, message.len() as u64);
        frame.extend_from_slice(&crc32c(&message).to_be_bytes());
        frame.extend_from_slice(&message);
        Ok(Some(Bytes::from(frame)))
    }

    /// Reads the next series that has samples; `false` at the end.
    fn next_series(&mut self) -> Result<bool, QueryError> {
        while let Some(selection) = self.selections.get(self.query) {
            if self.series >= selection.len() {
                self.query += 1;
                self.series = 0;
                continue;
            }
            let at = self.series;
            self.series += 1;
            selection.read(at, &mut self.samples)?;
            self.at = 0;
            if !self.samples.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Appends a chunk of the samples that come next: numbers or histograms, never both.
fn push_chunk(series: &mut Vec<u8>, samples: &Samples, at: &mut usize) {
    let (span_ms, encoding, bytes) = match samples.histogram(*at) {
        None => number_chunk(samples, at),
        Some(_) => histogram_chunk(samples, at),
    };
    let mut message = Vec::new();
    push_int(&mut message, 1, span_ms.0);
    push_int(&mut message, 2, span_ms.1);
    push_int(&mut message, 3, encoding);
    push_bytes(&mut message, 4, &bytes);
    push_bytes(series, 2, &message);
}

/// First and last time of a chunk, its encoding and its bytes.
type Chunk = ((i64, i64), i64, Vec<u8>);

fn number_chunk(samples: &Samples, at: &mut usize) -> Chunk {
    let mut chunk = XorChunk::new();
    while let Some(sample) = samples.get(*at)
        && chunk.len() < CHUNK_SAMPLES
        && samples.histogram(*at).is_none()
    {
        chunk.push(sample.timestamp_ms, sample.value);
        *at += 1;
    }
    (chunk.span_ms(), XOR, chunk.finish())
}

fn histogram_chunk(samples: &Samples, at: &mut usize) -> Chunk {
    let next = |at: usize| Some((samples.get(at)?.timestamp_ms, samples.histogram(at)?));
    let Some((first_ms, first)) = next(*at) else { return number_chunk(samples, at) };
    let before = at.checked_sub(1).and_then(|at| samples.histogram(at));
    let is_reset = before.is_some_and(|before| first.reset_since(before));
    let mut chunk = HistogramChunk::begin(first_ms, first, is_reset);
    *at += 1;
    while let Some((timestamp_ms, histogram)) = next(*at)
        && chunk.takes(histogram)
    {
        chunk.push(timestamp_ms, histogram);
        *at += 1;
    }
    (chunk.span_ms(), FLOAT_HISTOGRAM, chunk.finish())
}
