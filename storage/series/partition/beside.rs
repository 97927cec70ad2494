//! What one flush brought of one series beside its numbers: native histograms or exemplars.
//!
//! ```text
//! histograms   frame, version 1, see frame.rs, of: varint count; their times: zigzag first, then
//!              zigzag difference each; then the histograms as their codec writes them
//! exemplars    frame, version 1, of: varint count; for each: zigzag difference of its time (the
//!              first: its time), 8 bytes value, varint length, label bytes
//! ```

use std::sync::Arc;

use metric::{
    EncodedLabels, Exemplar, Histogram, HistogramDecoder, HistogramEncoder, LabelLimits, Samples,
};

use super::frame::{self, Framer};
use crate::chunk::{Damaged, varint};

pub(super) const VERSION: u8 = 1;
/// Histograms in one value of the table: reading a part of a series decodes little more.
pub(crate) const HISTOGRAMS_AT_ONCE: usize = 256;
/// Exemplars in one value of the table.
pub(crate) const EXEMPLARS_AT_ONCE: usize = 1024;
/// What a count may be at most.
const COUNT_MAX: usize = 1 << 16;

/// A native histogram and its time.
pub(crate) type HistogramSample = (i64, Arc<Histogram>);

/// Encodes histograms, ascending in time and not none, into `out`.
pub(crate) fn encode_histograms(
    framer: &mut Framer,
    samples: &[HistogramSample],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut raw = Vec::new();
    varint::put(&mut raw, samples.len() as u64);
    put_times(&mut raw, samples.iter().map(|(at, _)| *at));
    let mut encoder = HistogramEncoder::default();
    for (_, histogram) in samples {
        encoder.push(histogram, &mut raw);
    }
    let range = samples.first().zip(samples.last());
    let range = range.map_or((0, 0), |((first, _), (last, _))| (*first, *last));
    framer.seal(VERSION, range, &raw, out)
}

/// Appends those histograms of a range that `keep` lets through.
pub(crate) fn read_histograms(
    bytes: &[u8],
    (from_ms, to_ms): (i64, i64),
    keep: impl Fn(i64) -> bool,
    out: &mut Samples,
) -> Result<(), Damaged> {
    let (first_ms, last_ms) = frame::range_ms(bytes, VERSION)?;
    if first_ms > to_ms || last_ms < from_ms {
        return Ok(());
    }
    let raw = frame::open(bytes, VERSION)?;
    let mut rest = raw.as_slice();
    let count = varint::take_len(&mut rest, COUNT_MAX)?;
    let mut times = Vec::with_capacity(count.min(raw.len()));
    let mut at_ms = 0_i64;
    for _ in 0..count {
        at_ms = at_ms.wrapping_add(varint::take_signed(&mut rest)?);
        times.push(at_ms);
    }
    let mut decoder = HistogramDecoder::default();
    for at_ms in times {
        let histogram = decoder.next(&mut rest);
        let histogram = histogram.map_err(|_| Damaged("histogram does not decode"))?;
        if (from_ms..=to_ms).contains(&at_ms) && keep(at_ms) {
            out.push_histogram(at_ms, histogram);
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Damaged("bytes after the histograms' end")) }
}

/// Encodes exemplars, ascending in time and not none, into `out`.
pub(crate) fn encode_exemplars(
    framer: &mut Framer,
    exemplars: &[Exemplar],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut raw = Vec::new();
    varint::put(&mut raw, exemplars.len() as u64);
    let mut before_ms = 0;
    for exemplar in exemplars {
        varint::put_signed(&mut raw, exemplar.timestamp_ms.wrapping_sub(before_ms));
        before_ms = exemplar.timestamp_ms;
        raw.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        let labels = exemplar.labels.encoded().as_bytes();
        varint::put(&mut raw, labels.len() as u64);
        raw.extend_from_slice(labels);
    }
    let range = exemplars.first().zip(exemplars.last());
    let range = range.map_or((0, 0), |(first, last)| (first.timestamp_ms, last.timestamp_ms));
    framer.seal(VERSION, range, &raw, out)
}

/// Appends the exemplars of a range.
pub(crate) fn read_exemplars(
    bytes: &[u8],
    (from_ms, to_ms): (i64, i64),
    out: &mut Vec<Exemplar>,
) -> Result<(), Damaged> {
    let (first_ms, last_ms) = frame::range_ms(bytes, VERSION)?;
    if first_ms > to_ms || last_ms < from_ms {
        return Ok(());
    }
    let raw = frame::open(bytes, VERSION)?;
    let mut rest = raw.as_slice();
    let count = varint::take_len(&mut rest, COUNT_MAX)?;
    let mut timestamp_ms = 0_i64;
    for _ in 0..count {
        timestamp_ms = timestamp_ms.wrapping_add(varint::take_signed(&mut rest)?);
        let value = f64::from_bits(varint::take_u64(&mut rest)?);
        let len = varint::take_len(&mut rest, raw.len())?;
        let labels = EncodedLabels(varint::take_bytes(&mut rest, len)?);
        if (from_ms..=to_ms).contains(&timestamp_ms) {
            let labels = labels.to_labels(&LabelLimits::UNLIMITED);
            let labels = labels.map_err(|_| Damaged("labels of an exemplar are wrong"))?;
            out.push(Exemplar { timestamp_ms, value, labels });
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Damaged("bytes after the exemplars' end")) }
}

fn put_times(out: &mut Vec<u8>, times: impl Iterator<Item = i64>) {
    let mut before_ms = 0_i64;
    for at_ms in times {
        varint::put_signed(out, at_ms.wrapping_sub(before_ms));
        before_ms = at_ms;
    }
}

/// Ways to damage values, for tests of the engine.
#[cfg(test)]
pub(crate) mod damage {
    use super::*;

    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    /// Reads bytes that are no value, framed and unframed.
    pub(crate) fn read_any(bytes: &[u8]) {
        let mut framed = Vec::new();
        Framer::new().unwrap().seal(VERSION, (0, 1), bytes, &mut framed).unwrap();
        for bytes in [bytes, framed.as_slice()] {
            read_histograms(bytes, ALL, |_| true, &mut Samples::new()).unwrap_or_default();
            read_exemplars(bytes, ALL, &mut Vec::new()).unwrap_or_default();
        }
    }

    /// Reads values of which one byte changed: that is always noticed.
    pub(crate) fn read_flipped(samples: &[HistogramSample], exemplars: &[Exemplar], at: usize) {
        let mut framer = Framer::new().unwrap();
        let mut bytes = Vec::new();
        encode_histograms(&mut framer, samples, &mut bytes).unwrap();
        let place = at % bytes.len();
        bytes[place] ^= 0x10;
        assert!(read_histograms(&bytes, ALL, |_| true, &mut Samples::new()).is_err());
        encode_exemplars(&mut framer, exemplars, &mut bytes).unwrap();
        let place = at % bytes.len();
        bytes[place] ^= 0x10;
        assert!(read_exemplars(&bytes, ALL, &mut Vec::new()).is_err());
    }
}
