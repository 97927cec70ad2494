//! A block: the chunks of up to 64 neighbouring series that one flush brought.
//!
//! ```text
//! frame     version 2, see frame.rs, of:
//!   present   u64: which of the 64 series have chunks here
//!   directory for each present series: varint number of chunks; for each chunk: varint length,
//!             varint first time less the block's, varint last time less the chunk's first
//!   chunks    one after the other, times relative to the block's first time
//! ```

use metric::{Sample, Samples};

use super::frame::{self, Framer};
use crate::chunk::{self, Damaged, SAMPLES_MAX, varint};

/// Series in a pack.
pub(crate) const PACK: u32 = 64;
pub(super) const VERSION: u8 = 2;
/// Samples put into one chunk by a flush: reading a part of a series decodes little more.
const CHUNK_SAMPLES: usize = 240;

/// Puts samples of a pack's series together into a block.
pub(crate) struct BlockBuilder {
    framer: Framer,
    present: u64,
    chunks: Vec<PlannedChunk>,
    times: Vec<i64>,
    values: Vec<f64>,
    first_ms: i64,
    last_ms: i64,
    raw: Vec<u8>,
}

/// A chunk's place in the columns of the builder.
struct PlannedChunk {
    series: u32,
    from: usize,
    to: usize,
}

impl BlockBuilder {
    /// An empty builder.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            framer: Framer::new()?,
            present: 0,
            chunks: Vec::new(),
            times: Vec::new(),
            values: Vec::new(),
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            raw: Vec::new(),
        })
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// How many samples were added.
    pub(crate) fn samples(&self) -> usize {
        self.times.len()
    }

    /// Adds samples, ascending in time, of the series with number `local`; once for a series, and
    /// series in ascending order.
    pub(crate) fn add(&mut self, local: u32, samples: &[Sample]) {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
        self.present |= 1 << (local % PACK);
        self.first_ms = self.first_ms.min(first.timestamp_ms);
        self.last_ms = self.last_ms.max(last.timestamp_ms);
        // Equal shares, so that no chunk is a small rest.
        let share = samples.len().div_ceil(samples.len().div_ceil(CHUNK_SAMPLES));
        for part in samples.chunks(share.min(SAMPLES_MAX)) {
            let from = self.times.len();
            self.times.extend(part.iter().map(|sample| sample.timestamp_ms));
            self.values.extend(part.iter().map(|sample| sample.value));
            self.chunks.push(PlannedChunk { series: local % PACK, from, to: self.times.len() });
        }
    }

    /// Writes the block and empties the builder.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut bodies = Vec::with_capacity(self.times.len() * 2);
        self.raw.clear();
        self.raw.extend_from_slice(&self.present.to_le_bytes());
        let mut next = 0;
        while let Some(first) = self.chunks.get(next) {
            let of_series =
                self.chunks[next..].iter().take_while(|c| c.series == first.series).count();
            varint::put(&mut self.raw, of_series as u64);
            for chunk in &self.chunks[next..next + of_series] {
                let (times, values) =
                    (&self.times[chunk.from..chunk.to], &self.values[chunk.from..chunk.to]);
                let start = bodies.len();
                chunk::encode(self.first_ms, times, values, &mut bodies);
                let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
                varint::put(&mut self.raw, (bodies.len() - start) as u64);
                varint::put(&mut self.raw, first_ms.wrapping_sub(self.first_ms) as u64);
                varint::put(&mut self.raw, last_ms.wrapping_sub(first_ms) as u64);
            }
            next += of_series;
        }
        self.raw.extend_from_slice(&bodies);
        self.framer.seal(VERSION, (self.first_ms, self.last_ms), &self.raw, out)?;
        self.present = 0;
        self.chunks.clear();
        self.times.clear();
        self.values.clear();
        (self.first_ms, self.last_ms) = (i64::MAX, i64::MIN);
        Ok(())
    }
}

/// First and last time of a block, without decompressing it.
pub(crate) fn block_range_ms(block: &[u8]) -> Result<(i64, i64), Damaged> {
    frame::range_ms(block, VERSION)
}

/// A block, decompressed, with its directory.
#[derive(Debug)]
pub(crate) struct Block {
    first_ms: i64,
    raw: Vec<u8>,
    /// Series within the pack, first and last time, place of the chunk in `raw`.
    chunks: Vec<PlacedChunk>,
}

#[derive(Debug)]
struct PlacedChunk {
    series: u32,
    first_ms: i64,
    last_ms: i64,
    from: usize,
    to: usize,
}

impl Block {
    /// Decompresses a block and reads its directory.
    pub(crate) fn open(block: &[u8]) -> Result<Self, Damaged> {
        let (first_ms, _) = block_range_ms(block)?;
        let raw = frame::open(block, VERSION)?;
        let chunks = read_directory(first_ms, &raw)?;
        Ok(Self { first_ms, raw, chunks })
    }

    /// Appends a series' samples of chunks that overlap the range; the ends are not cut.
    pub(crate) fn read(
        &self,
        local: u32,
        from_ms: i64,
        to_ms: i64,
        out: &mut Samples,
    ) -> Result<(), Damaged> {
        let series = local % PACK;
        let from = self.chunks.partition_point(|chunk| chunk.series < series);
        for chunk in self.chunks[from..].iter().take_while(|chunk| chunk.series == series) {
            if chunk.first_ms <= to_ms && chunk.last_ms >= from_ms {
                chunk::decode(self.first_ms, &self.raw[chunk.from..chunk.to], out)?;
            }
        }
        Ok(())
    }

    /// Bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.raw.len() + self.chunks.len() * size_of::<PlacedChunk>()
    }
}

fn read_directory(block_first_ms: i64, raw: &[u8]) -> Result<Vec<PlacedChunk>, Damaged> {
    let mut rest = raw;
    let present = varint::take_u64(&mut rest)?;
    let mut chunks = Vec::with_capacity(present.count_ones() as usize);
    let mut from = 0_usize;
    for series in (0..PACK).filter(|series| present >> series & 1 == 1) {
        let count = varint::take_len(&mut rest, raw.len())?;
        for _ in 0..count {
            let len = varint::take_len(&mut rest, raw.len())?;
            let first_ms = block_first_ms.wrapping_add(varint::take(&mut rest)? as i64);
            let last_ms = first_ms.wrapping_add(varint::take(&mut rest)? as i64);
            chunks.push(PlacedChunk { series, first_ms, last_ms, from, to: from + len });
            from += len;
        }
    }
    if from != rest.len() {
        return Err(Damaged("chunks of another length than the directory states"));
    }
    let bodies_at = raw.len() - rest.len();
    for chunk in &mut chunks {
        chunk.from += bodies_at;
        chunk.to += bodies_at;
    }
    Ok(chunks)
}
