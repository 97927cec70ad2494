//! What a journal record says: series defined, samples appended, metadata stated.
//!
//! A record's payload, once decompressed, is a sequence of operations. Each begins with a varint:
//! bit 0 says whether it is special, the rest is the zigzag difference between its series
//! reference and that of the operation before it within the segment.
//!
//! ```text
//! ordinary   a sample in the streaming form of chunk/stream.rs, against the sample of the same
//!            series before it in this segment
//! special    kind byte, then
//!   1 define     varint length, label bytes: from here on the reference means this series,
//!                and its stream begins anew
//!   2 late       zigzag varint time, eight bytes of value: a sample out of order
//!   3 metadata   varint length, JSON `[name, {"type", "help", "unit"}]`
//!   4 histogram  zigzag varint time, varint length, a histogram relative to the one of the same
//!                series before it in this segment, as the codec of histograms writes it
//!   5 exemplar   zigzag varint time, eight bytes of value, varint length, label bytes
//! ```
//!
//! A segment defines every series that it uses, so that it is read without any other.

use std::sync::Arc;

use hashbrown::HashMap;
use metric::{EncodedLabels, Exemplar, Histogram, HistogramDecoder, LabelLimits};

use crate::chunk::{Damaged, StreamState, varint};

const DEFINE: u8 = 1;
const LATE: u8 = 2;
const METADATA: u8 = 3;
const HISTOGRAM: u8 = 4;
const EXEMPLAR: u8 = 5;

/// Largest reference that a reader believes.
const SLOT_MAX: u32 = 1 << 27;
/// Series whose streams a reader keeps side by side.
const PAGE: usize = 64;

type Page = [Option<StreamState>; PAGE];

/// Writes operations.
#[derive(Debug, Default)]
pub(crate) struct OpWriter {
    out: Vec<u8>,
    previous: u32,
}

impl OpWriter {
    /// Begins a new segment: references start again at zero.
    pub(crate) fn begin_segment(&mut self) {
        self.out.clear();
        self.previous = 0;
    }

    /// The operations written since the last call of [`OpWriter::clear`].
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the bytes, keeps the state; a buffer that grew large is given back.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.out.shrink_to(1 << 20);
    }

    /// A reference begins to mean a series.
    pub(crate) fn define(&mut self, slot: u32, labels: &[u8]) {
        self.special(slot, DEFINE);
        varint::put(&mut self.out, labels.len() as u64);
        self.out.extend_from_slice(labels);
    }

    /// A sample in its streaming form.
    pub(crate) fn sample(&mut self, slot: u32, encoded: &[u8]) {
        self.head(slot, 0);
        self.out.extend_from_slice(encoded);
    }

    /// A sample out of order.
    pub(crate) fn late(&mut self, slot: u32, timestamp_ms: i64, bits: u64) {
        self.special(slot, LATE);
        varint::put_signed(&mut self.out, timestamp_ms);
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    /// Metadata of a metric, as JSON.
    pub(crate) fn metadata(&mut self, json: &[u8]) {
        self.special(self.previous, METADATA);
        varint::put(&mut self.out, json.len() as u64);
        self.out.extend_from_slice(json);
    }

    /// A histogram as the series' encoder wrote it.
    pub(crate) fn histogram(&mut self, slot: u32, timestamp_ms: i64, encoded: &[u8]) {
        self.special(slot, HISTOGRAM);
        varint::put_signed(&mut self.out, timestamp_ms);
        varint::put(&mut self.out, encoded.len() as u64);
        self.out.extend_from_slice(encoded);
    }

    /// An exemplar of a series.
    pub(crate) fn exemplar(&mut self, slot: u32, exemplar: &Exemplar) {
        self.special(slot, EXEMPLAR);
        varint::put_signed(&mut self.out, exemplar.timestamp_ms);
        self.out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        let labels = exemplar.labels.encoded().as_bytes();
        varint::put(&mut self.out, labels.len() as u64);
        self.out.extend_from_slice(labels);
    }

    fn special(&mut self, slot: u32, kind: u8) {
        self.head(slot, 1);
        self.out.push(kind);
    }

    fn head(&mut self, slot: u32, special: u64) {
        let difference = i64::from(slot) - i64::from(self.previous);
        let zigzag = ((difference << 1) ^ (difference >> 63)) as u64;
        varint::put(&mut self.out, zigzag << 1 | special);
        self.previous = slot;
    }
}

/// One operation read back.
#[derive(Debug)]
pub(crate) enum Op<'a> {
    /// See [`OpWriter::define`].
    Define {
        /// Reference within the segment.
        slot: u32,
        /// Label bytes.
        labels: &'a [u8],
    },
    /// A sample in order or late.
    Sample {
        /// Reference within the segment.
        slot: u32,
        /// Its time.
        timestamp_ms: i64,
        /// Bits of its value.
        bits: u64,
    },
    /// A native histogram in order or late.
    Histogram {
        /// Reference within the segment.
        slot: u32,
        /// Its time.
        timestamp_ms: i64,
        /// The histogram.
        histogram: Arc<Histogram>,
    },
    /// See [`OpWriter::exemplar`].
    Exemplar {
        /// Reference within the segment.
        slot: u32,
        /// The exemplar.
        exemplar: Exemplar,
    },
    /// See [`OpWriter::metadata`].
    Metadata {
        /// JSON.
        json: &'a [u8],
    },
}

/// Reads the operations of one segment, record by record.
#[derive(Debug, Default)]
pub(crate) struct OpReader {
    previous: u32,
    /// In pages, so that a reference of any size costs little memory.
    streams: Vec<Option<Box<Page>>>,
    histograms: HashMap<u32, HistogramDecoder>,
}

impl OpReader {
    /// Reads one operation and moves past it.
    pub(crate) fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Op<'a>, Damaged> {
        let head = varint::take(bytes)?;
        let zigzag = head >> 1;
        let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let slot = i64::from(self.previous)
            .checked_add(difference)
            .and_then(|slot| u32::try_from(slot).ok())
            .filter(|slot| *slot < SLOT_MAX)
            .ok_or(Damaged("series reference out of range"))?;
        self.previous = slot;
        if head & 1 == 0 {
            let stream = self.stream(slot)?;
            let (timestamp_ms, bits) = stream.take(bytes)?;
            return Ok(Op::Sample { slot, timestamp_ms, bits });
        }
        match varint::take_bytes(bytes, 1)? {
            [DEFINE] => {
                let len = varint::take_len(bytes, usize::MAX)?;
                let labels = varint::take_bytes(bytes, len)?;
                self.begin_stream(slot);
                self.histograms.remove(&slot);
                Ok(Op::Define { slot, labels })
            }
            [LATE] => {
                self.stream(slot)?;
                let timestamp_ms = varint::take_signed(bytes)?;
                let bits = varint::take_u64(bytes)?;
                Ok(Op::Sample { slot, timestamp_ms, bits })
            }
            [METADATA] => {
                let len = varint::take_len(bytes, usize::MAX)?;
                Ok(Op::Metadata { json: varint::take_bytes(bytes, len)? })
            }
            [HISTOGRAM] => {
                self.stream(slot)?;
                let timestamp_ms = varint::take_signed(bytes)?;
                let len = varint::take_len(bytes, usize::MAX)?;
                let mut encoded = varint::take_bytes(bytes, len)?;
                let decoder = self.histograms.entry(slot).or_default();
                let histogram = decoder.next(&mut encoded);
                let histogram = histogram.map_err(|_| Damaged("histogram does not decode"))?;
                if !encoded.is_empty() {
                    return Err(Damaged("bytes after a histogram's end"));
                }
                Ok(Op::Histogram { slot, timestamp_ms, histogram })
            }
            [EXEMPLAR] => {
                self.stream(slot)?;
                let timestamp_ms = varint::take_signed(bytes)?;
                let value = f64::from_bits(varint::take_u64(bytes)?);
                let len = varint::take_len(bytes, usize::MAX)?;
                let labels = EncodedLabels(varint::take_bytes(bytes, len)?)
                    .to_labels(&LabelLimits::UNLIMITED)
                    .map_err(|_| Damaged("labels of an exemplar are wrong"))?;
                Ok(Op::Exemplar { slot, exemplar: Exemplar { timestamp_ms, value, labels } })
            }
            _ => Err(Damaged("unknown operation")),
        }
    }

    /// Bytes of the table of pages.
    #[cfg(test)]
    pub(crate) fn table_bytes(&self) -> usize {
        self.streams.capacity() * size_of::<Option<Box<Page>>>()
    }

    fn begin_stream(&mut self, slot: u32) {
        let (page, place) = (slot as usize / PAGE, slot as usize % PAGE);
        if self.streams.len() <= page {
            self.streams.resize_with(page + 1, || None);
        }
        let page = self.streams[page].get_or_insert_with(|| Box::new([None; PAGE]));
        page[place] = Some(StreamState::default());
    }

    fn stream(&mut self, slot: u32) -> Result<&mut StreamState, Damaged> {
        let (page, place) = (slot as usize / PAGE, slot as usize % PAGE);
        let page = self.streams.get_mut(page).and_then(Option::as_mut);
        page.and_then(|page| page[place].as_mut())
            .ok_or(Damaged("series used before it is defined"))
    }
}
