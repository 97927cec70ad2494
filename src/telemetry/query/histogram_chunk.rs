//! Native histograms as `remote_read` sends them: as messages, and in the chunk format in which
//! Prometheus keeps histograms with floating-point counts (`tsdb/chunkenc/float_histogram.go`).
//!
//! The histograms of a chunk share one layout: what all have in common is written once, and of
//! each number only what changed since the histogram before.

use metric::{Buckets, Histogram, ResetHint, Span};

use super::bits::{Bits, XorValue};
use super::wire::{push_bytes, push_fixed64, push_int};

/// Histograms of a chunk.
const HISTOGRAMS_MAX: u16 = 120;
/// Bytes at which a chunk ends, however few histograms it has.
const CHUNK_BYTES: usize = 64 * 1024;
/// Boundaries up to this one are written as a number of thousandths.
const THOUSANDTHS_MAX: f64 = 33_554_430.0;

/// Writes one chunk.
#[derive(Debug)]
pub(super) struct HistogramChunk<'h> {
    bits: Bits,
    count: u16,
    first_ms: i64,
    last_ms: i64,
    delta_ms: i64,
    /// Count, zero bucket, sum, then all buckets.
    values: Vec<XorValue>,
    head: u8,
    last: &'h Histogram,
}

impl<'h> HistogramChunk<'h> {
    /// A chunk with its first histogram; `is_reset` says that a counter was reset before it.
    pub(super) fn begin(timestamp_ms: i64, first: &'h Histogram, is_reset: bool) -> Self {
        let mut bits = Bits::behind(&[0, 0, 0]);
        push_layout(first, &mut bits);
        bits.push_signed(timestamp_ms);
        let mut values = Vec::new();
        for number in numbers(first) {
            let mut value = XorValue::default();
            value.push_first(number, &mut bits);
            values.push(value);
        }
        let head = match first.reset_hint {
            ResetHint::Gauge => 0b1100_0000,
            ResetHint::Reset => 0b1000_0000,
            _ if is_reset => 0b1000_0000,
            ResetHint::NotReset => 0b0100_0000,
            ResetHint::Unknown => 0,
        };
        let (first_ms, last_ms) = (timestamp_ms, timestamp_ms);
        Self { bits, count: 1, first_ms, last_ms, delta_ms: 0, values, head, last: first }
    }

    /// Whether the next histogram may be in this chunk: the layout is the same, and no counter was
    /// reset, for readers take that for granted within a chunk.
    pub(super) fn takes(&self, next: &Histogram) -> bool {
        let has_room = self.count < HISTOGRAMS_MAX && self.bits.len() < CHUNK_BYTES;
        let is_gauge = |it: &Histogram| it.reset_hint == ResetHint::Gauge;
        has_room
            && is_gauge(self.last) == is_gauge(next)
            && same_layout(self.last, next)
            && (is_gauge(next) || !next.reset_since(self.last))
    }

    /// Appends a histogram that the chunk takes; times ascend.
    pub(super) fn push(&mut self, timestamp_ms: i64, histogram: &'h Histogram) {
        let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
        self.bits.push_signed(delta_ms.wrapping_sub(self.delta_ms));
        for (value, number) in self.values.iter_mut().zip(numbers(histogram)) {
            value.push(number, &mut self.bits);
        }
        self.delta_ms = delta_ms;
        self.last_ms = timestamp_ms;
        self.last = histogram;
        self.count += 1;
    }

    /// The first and last time.
    pub(super) fn span_ms(&self) -> (i64, i64) {
        (self.first_ms, self.last_ms)
    }

    /// The chunk's bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        let [high, low] = self.count.to_be_bytes();
        self.bits.finish(&[high, low, self.head])
    }
}

fn numbers(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let Histogram { count, zero_count, sum, positive, negative, .. } = histogram;
    let buckets = positive.counts().iter().chain(negative.counts()).copied();
    [*count, *zero_count, *sum].into_iter().chain(buckets)
}

fn same_layout(left: &Histogram, right: &Histogram) -> bool {
    let bits = |bounds: &[f64]| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
    left.schema == right.schema
        && left.zero_threshold.to_bits() == right.zero_threshold.to_bits()
        && left.positive.spans() == right.positive.spans()
        && left.negative.spans() == right.negative.spans()
        && bits(&left.custom_values) == bits(&right.custom_values)
}

fn push_layout(histogram: &Histogram, bits: &mut Bits) {
    push_threshold(histogram.zero_threshold, bits);
    bits.push_signed(i64::from(histogram.schema));
    for side in [&histogram.positive, &histogram.negative] {
        bits.push_number(side.spans().len() as u64);
        for span in side.spans() {
            bits.push_number(u64::from(span.length));
            bits.push_signed(i64::from(span.offset));
        }
    }
    if histogram.has_custom_buckets() {
        bits.push_number(histogram.custom_values.len() as u64);
        histogram.custom_values.iter().for_each(|bound| push_bound(*bound, bits));
    }
}

/// Nothing and powers of two, which are usual, in one byte.
fn push_threshold(threshold: f64, bits: &mut Bits) {
    let (raw, mantissa) = (threshold.to_bits(), threshold.to_bits() & ((1 << 52) - 1));
    if raw == 0 {
        bits.push(0, 8);
        return;
    }
    // The sign is above the exponent, so that what is below zero is out of range.
    let exponent = (raw >> 52).cast_signed() - 1023;
    if mantissa == 0 && (-243..=10).contains(&exponent) {
        bits.push((exponent + 244).cast_unsigned(), 8);
        return;
    }
    bits.push(255, 8);
    bits.push(raw, 64);
}

/// A boundary of whole thousandths as their number and one, any other behind a zero.
#[expect(clippy::cast_possible_truncation, reason = "checked against the range before")]
fn push_bound(bound: f64, bits: &mut Bits) {
    let thousandths = (bound * 1000.0).round();
    let in_range = (0.0..=THOUSANDTHS_MAX).contains(&(bound * 1000.0));
    if in_range && thousandths / 1000.0 == bound {
        bits.push_number((thousandths as i64).cast_unsigned() + 1);
        return;
    }
    bits.push(0, 1);
    bits.push(bound.to_bits(), 64);
}

/// Appends a histogram as field `number`, with floating-point counts.
pub(super) fn push_histogram(
    out: &mut Vec<u8>,
    number: u64,
    timestamp_ms: i64,
    histogram: &Histogram,
) {
    let mut message = Vec::new();
    push_fixed64(&mut message, 2, histogram.count.to_bits());
    push_fixed64(&mut message, 3, histogram.sum.to_bits());
    push_int(&mut message, 4, zigzag(i64::from(histogram.schema)));
    push_fixed64(&mut message, 5, histogram.zero_threshold.to_bits());
    push_fixed64(&mut message, 7, histogram.zero_count.to_bits());
    push_side(&mut message, (8, 10), &histogram.negative);
    push_side(&mut message, (11, 13), &histogram.positive);
    let hint = match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    push_int(&mut message, 14, hint);
    push_int(&mut message, 15, timestamp_ms);
    push_doubles(&mut message, 16, &histogram.custom_values);
    push_bytes(out, number, &message);
}

fn push_side(out: &mut Vec<u8>, (spans, counts): (u64, u64), side: &Buckets) {
    for Span { offset, length } in side.spans() {
        let mut message = Vec::new();
        push_int(&mut message, 1, zigzag(i64::from(*offset)));
        push_int(&mut message, 2, i64::from(*length));
        push_bytes(out, spans, &message);
    }
    push_doubles(out, counts, side.counts());
}

fn push_doubles(out: &mut Vec<u8>, number: u64, values: &[f64]) {
    if !values.is_empty() {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        push_bytes(out, number, &packed);
    }
}

/// A signed number with its sign as the last bit.
fn zigzag(value: i64) -> i64 {
    value << 1 ^ value >> 63
}
