//! Histograms of one series as bytes, each relative to the one before.
//!
//! Every histogram is, in this order:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | flags: 1 a layout follows, 2 and 4 the reset hint, 8 all counts are whole numbers |
//! | layout | schema (1), zero threshold (8), positive spans, negative spans, custom boundaries |
//! | 8 | sum, its bits little-endian |
//! | counts | all observations, the zero bucket, the positive and the negative buckets |
//!
//! Spans are their number, then offset and length of each; boundaries are their number and 8
//! bytes each. Numbers are LEB128, offsets zigzag before. Without a layout that of the histogram
//! before holds.
//!
//! A count is told by its difference to the count at the same place before, or to 0 when the
//! layout changed: whole numbers as a zigzag difference, others by the bits that differ, in
//! reverse. A difference of nothing is a 0 and the number of such differences that follow it.

use std::sync::Arc;

use thiserror::Error;

use super::buckets::{Buckets, Span};
use super::{BUCKETS_MAX, Histogram, ResetHint, same_bits};

const LAYOUT: u8 = 1;
const HINT: u8 = 2;
const WHOLE: u8 = 8;

/// Bytes that are no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("damaged histogram: {0}")]
pub struct DamagedHistogram(&'static str);

/// Writes histograms one behind the other.
#[derive(Debug, Default)]
pub struct HistogramEncoder {
    last: Option<Histogram>,
}

/// Reads what a [`HistogramEncoder`] wrote, from its first histogram on.
#[derive(Debug, Default)]
pub struct HistogramDecoder {
    last: Option<Arc<Histogram>>,
}

impl HistogramEncoder {
    /// Appends a histogram; every bit of it will read back.
    pub fn push(&mut self, histogram: &Histogram, out: &mut Vec<u8>) {
        let last = self.last.as_ref().filter(|last| same_layout(last, histogram));
        let whole = counts(histogram).all(is_whole);
        let hint = match histogram.reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NotReset => 2,
            ResetHint::Gauge => 3,
        };
        let layout = if last.is_none() { LAYOUT } else { 0 };
        out.push(layout | (hint * HINT) | if whole { WHOLE } else { 0 });
        if last.is_none() {
            push_layout(histogram, out);
        }
        out.extend_from_slice(&histogram.sum.to_bits().to_le_bytes());
        let before = last.into_iter().flat_map(counts).chain(std::iter::repeat(0.0));
        let mut nothing = 0_u64;
        for (now, before) in counts(histogram).zip(before) {
            let difference = difference(before, now, whole);
            if difference == 0 {
                nothing += 1;
                continue;
            }
            push_nothing(&mut nothing, out);
            push_number(difference, out);
        }
        push_nothing(&mut nothing, out);
        self.last = Some(histogram.clone());
    }
}

impl HistogramDecoder {
    /// Reads the next histogram and moves `bytes` behind it.
    ///
    /// # Errors
    /// Bytes that no encoder wrote, or that end too early.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Arc<Histogram>, DamagedHistogram> {
        let flags = *take(bytes, 1)?.first().unwrap_or(&0);
        if flags >= WHOLE << 1 {
            return Err(DamagedHistogram("unknown flags"));
        }
        let before = self.last.take();
        let fresh = flags & LAYOUT != 0;
        let mut histogram = match &before {
            _ if fresh => read_layout(bytes)?,
            Some(last) => Histogram::clone(last),
            None => return Err(DamagedHistogram("no layout")),
        };
        histogram.reset_hint = match (flags / HINT) & 3 {
            0 => ResetHint::Unknown,
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            _ => ResetHint::Gauge,
        };
        histogram.sum = read_f64(bytes)?;
        let whole = flags & WHOLE != 0;
        let mut nothing = 0_u64;
        let mut broken = None;
        let mut read = |count: &mut f64| {
            let difference = next_difference(bytes, &mut nothing).unwrap_or_else(|error| {
                broken = Some(error);
                0
            });
            *count = changed(*count, difference, whole);
        };
        read(&mut histogram.count);
        read(&mut histogram.zero_count);
        histogram.positive.counts_mut().iter_mut().for_each(&mut read);
        histogram.negative.counts_mut().iter_mut().for_each(&mut read);
        match broken {
            Some(error) => return Err(error),
            None if nothing > 0 => return Err(DamagedHistogram("counts beyond the last bucket")),
            None => {}
        }
        let histogram = Arc::new(histogram);
        self.last = Some(Arc::clone(&histogram));
        Ok(histogram)
    }
}

fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive.spans() == b.positive.spans()
        && a.negative.spans() == b.negative.spans()
        && same_bits(&a.custom_values, &b.custom_values)
}

/// All counts in the order in which they are written.
fn counts(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let buckets = histogram.positive.counts().iter().chain(histogram.negative.counts());
    [histogram.count, histogram.zero_count].into_iter().chain(buckets.copied())
}

/// Whether a number survives as an integer: no fraction, no minus zero, not too large.
fn is_whole(number: f64) -> bool {
    let integer = number as i64;
    integer.unsigned_abs() < 1 << 53 && (integer as f64).to_bits() == number.to_bits()
}

fn difference(before: f64, now: f64, whole: bool) -> u64 {
    if whole {
        // The one before may be anything; as an integer it is what the decoder takes it for.
        return zigzag((now as i64).wrapping_sub(before as i64));
    }
    (now.to_bits() ^ before.to_bits()).reverse_bits()
}

fn changed(before: f64, difference: u64, whole: bool) -> f64 {
    if whole {
        return (before as i64).wrapping_add(unzigzag(difference)) as f64;
    }
    f64::from_bits(before.to_bits() ^ difference.reverse_bits())
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn push_nothing(nothing: &mut u64, out: &mut Vec<u8>) {
    if let Some(more) = nothing.checked_sub(1) {
        out.push(0);
        push_number(more, out);
    }
    *nothing = 0;
}

fn next_difference(bytes: &mut &[u8], nothing: &mut u64) -> Result<u64, DamagedHistogram> {
    if let Some(rest) = nothing.checked_sub(1) {
        *nothing = rest;
        return Ok(0);
    }
    let difference = read_number(bytes)?;
    if difference == 0 {
        *nothing = read_number(bytes)?;
    }
    Ok(difference)
}

fn push_layout(histogram: &Histogram, out: &mut Vec<u8>) {
    out.extend_from_slice(&histogram.schema.to_le_bytes());
    out.extend_from_slice(&histogram.zero_threshold.to_bits().to_le_bytes());
    for spans in [histogram.positive.spans(), histogram.negative.spans()] {
        push_number(spans.len() as u64, out);
        for span in spans {
            push_number(zigzag(i64::from(span.offset)), out);
            push_number(u64::from(span.length), out);
        }
    }
    push_number(histogram.custom_values.len() as u64, out);
    for bound in histogram.custom_values.iter() {
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
}

fn read_layout(bytes: &mut &[u8]) -> Result<Histogram, DamagedHistogram> {
    let schema = i8::from_le_bytes([*take(bytes, 1)?.first().unwrap_or(&0)]);
    let zero_threshold = read_f64(bytes)?;
    let positive = read_buckets(bytes)?;
    let negative = read_buckets(bytes)?;
    let bounds = read_length(bytes)?;
    let custom_values = (0..bounds).map(|_| read_f64(bytes)).collect::<Result<_, _>>()?;
    Ok(Histogram {
        schema,
        zero_threshold,
        positive,
        negative,
        custom_values,
        ..Histogram::default()
    })
}

/// Reads spans; the counts are 0.
fn read_buckets(bytes: &mut &[u8]) -> Result<Buckets, DamagedHistogram> {
    let mut spans = Vec::new();
    let mut length = 0_usize;
    for _ in 0..read_length(bytes)? {
        let damaged = |_| DamagedHistogram("span out of range");
        let offset = i32::try_from(unzigzag(read_number(bytes)?)).map_err(damaged)?;
        let span = read_length(bytes)?;
        length += span;
        if length > BUCKETS_MAX {
            return Err(DamagedHistogram("too many buckets"));
        }
        spans.push(Span { offset, length: u32::try_from(span).map_err(damaged)? });
    }
    Buckets::new(spans, vec![0.0; length]).map_err(|_| DamagedHistogram("span out of range"))
}

/// Reads how many of something there are, which is never more than buckets can be.
fn read_length(bytes: &mut &[u8]) -> Result<usize, DamagedHistogram> {
    let length = usize::try_from(read_number(bytes)?).unwrap_or(usize::MAX);
    if length > BUCKETS_MAX { Err(DamagedHistogram("too many buckets")) } else { Ok(length) }
}

fn read_f64(bytes: &mut &[u8]) -> Result<f64, DamagedHistogram> {
    let mut bits = [0; 8];
    bits.copy_from_slice(take(bytes, 8)?);
    Ok(f64::from_bits(u64::from_le_bytes(bits)))
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Result<u64, DamagedHistogram> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first().unwrap_or(&0);
        if shift == 63 && byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(DamagedHistogram("number too long"))
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8], DamagedHistogram> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(DamagedHistogram("cut short"))?;
    *bytes = rest;
    Ok(taken)
}
