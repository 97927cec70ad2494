//! A run: the samples of one series in order of time, one stream cut into blocks, so that a
//! reader of the last minutes decodes those and not the hours before.

use std::sync::Arc;

use metric::{Sample, Samples};

use crate::chunk::{Encoded, SAMPLE_BYTES_MAX, StreamReader, StreamState};

/// Samples in a block; few in tests, so that runs of theirs have several.
const BLOCK_SAMPLES: u32 = if cfg!(test) { 5 } else { 120 };
/// Longest run that is searched for a late sample's time; beyond, readers drop the double.
const SEARCHED_SAMPLES_MAX: u32 = 4096;

/// Samples that are appended to.
#[derive(Debug)]
pub(super) struct Run {
    /// State behind the newest sample. Its count alone begins anew when the run is taken.
    pub(super) state: StreamState,
    first_ms: i64,
    /// Blocks that are full; most series of a short life have none.
    full: Option<Box<Full>>,
    /// The samples behind the full blocks.
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Full {
    blocks: Vec<Block>,
    /// State behind the last full block.
    end: StreamState,
}

/// A part of a stream that can be read by itself; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// State before the first sample.
    start: StreamState,
    last_ms: i64,
    bytes: Arc<[u8]>,
}

impl Run {
    pub(super) fn new() -> Self {
        Self {
            state: StreamState { timestamp_ms: i64::MIN, ..StreamState::default() },
            first_ms: i64::MAX,
            full: None,
            bytes: Vec::new(),
        }
    }

    /// Forgets the newest sample of an empty run; says whether the run is empty.
    pub(super) fn forget(&mut self) -> bool {
        let empty = self.state.count == 0;
        if empty {
            *self = Self::new();
        }
        empty
    }

    /// First and last time, if there is a sample.
    pub(super) fn range_ms(&self) -> Option<(i64, i64)> {
        (self.state.count > 0).then_some((self.first_ms, self.state.timestamp_ms))
    }

    /// Appends a sample behind the newest one.
    pub(super) fn push(&mut self, timestamp_ms: i64, bits: u64) -> Encoded {
        if self.state.count == 0 {
            self.first_ms = timestamp_ms;
        } else if self.state.count.is_multiple_of(BLOCK_SAMPLES) {
            self.end_block();
        }
        let len = self.bytes.len();
        if self.bytes.capacity() - len < SAMPLE_BYTES_MAX {
            // Doubling would waste a third of the largest part of the memory.
            self.bytes.reserve_exact((2 * SAMPLE_BYTES_MAX).max(len / 3));
        }
        let encoded = self.state.push(timestamp_ms, bits);
        self.bytes.extend_from_slice(encoded.as_bytes());
        encoded
    }

    fn end_block(&mut self) {
        let Some(block) = self.open_block() else { return };
        let end = self.state;
        self.bytes.clear();
        match &mut self.full {
            Some(full) => {
                full.blocks.push(block);
                full.end = end;
            }
            None => self.full = Some(Box::new(Full { blocks: vec![block], end })),
        }
    }

    /// The samples behind the full blocks.
    fn open_block(&self) -> Option<Block> {
        if self.bytes.is_empty() {
            return None;
        }
        let bytes = Arc::from(self.bytes.as_slice());
        Some(Block { start: self.open_start(), last_ms: self.state.timestamp_ms, bytes })
    }

    /// State before the samples behind the full blocks.
    fn open_start(&self) -> StreamState {
        self.full.as_ref().map_or_else(StreamState::default, |full| full.end)
    }

    /// The blocks that overlap a range.
    pub(super) fn blocks(&self, from_ms: i64, to_ms: i64) -> Vec<Block> {
        let full = self.full.iter().flat_map(|full| &full.blocks);
        let overlapping = full.filter(|block| block.overlaps(from_ms, to_ms));
        let mut blocks: Vec<Block> = overlapping.cloned().collect();
        blocks.extend(self.open_block().filter(|block| block.overlaps(from_ms, to_ms)));
        blocks
    }

    /// Takes all samples out; what comes begins a new stream.
    pub(super) fn take(&mut self) -> Vec<Block> {
        let open = self.open_block();
        let mut blocks = self.full.take().map_or_else(Vec::new, |full| full.blocks);
        blocks.extend(open);
        self.bytes = Vec::new();
        self.state.count = 0;
        self.first_ms = i64::MAX;
        blocks
    }

    /// The bits of the sample at a time, if the run is not too long to be searched.
    pub(super) fn value_at(&self, at_ms: i64) -> Option<u64> {
        if self.state.count == 0 || at_ms < self.first_ms {
            return None;
        }
        let full = self.full.as_ref();
        if full.is_some_and(|full| at_ms <= full.end.timestamp_ms) {
            return value_at(&full?.blocks, self.state.count, at_ms);
        }
        if self.state.count > SEARCHED_SAMPLES_MAX {
            return None;
        }
        find(StreamReader::resume(self.open_start(), &self.bytes), at_ms)
    }
}

impl Block {
    fn overlaps(&self, from_ms: i64, to_ms: i64) -> bool {
        let behind_ms = if self.start.count == 0 { i64::MIN } else { self.start.timestamp_ms };
        self.last_ms >= from_ms && behind_ms < to_ms
    }

    fn samples(&self) -> impl Iterator<Item = (i64, u64)> {
        StreamReader::resume(self.start, &self.bytes)
    }
}

/// The bits of the sample at a time in a run of `count` samples that is not too long.
pub(super) fn value_at(blocks: &[Block], count: u32, at_ms: i64) -> Option<u64> {
    if count > SEARCHED_SAMPLES_MAX {
        return None;
    }
    let block = blocks.iter().find(|block| block.overlaps(at_ms, at_ms))?;
    find(block.samples(), at_ms)
}

/// The bits of the sample at a time among ascending ones.
fn find(samples: impl Iterator<Item = (i64, u64)>, at_ms: i64) -> Option<u64> {
    let mut later = samples.skip_while(|(at, _)| *at < at_ms);
    later.next().filter(|(at, _)| *at == at_ms).map(|(_, bits)| bits)
}

/// Appends all samples.
pub(super) fn copy_to(blocks: &[Block], out: &mut Vec<Sample>) {
    for block in blocks {
        let sample = |(timestamp_ms, bits)| Sample { timestamp_ms, value: f64::from_bits(bits) };
        out.extend(block.samples().map(sample));
    }
}

/// Appends the samples of a range.
pub(super) fn read(blocks: &[Block], from_ms: i64, to_ms: i64, out: &mut Samples) {
    for block in blocks.iter().filter(|block| block.overlaps(from_ms, to_ms)) {
        for (timestamp_ms, bits) in block.samples() {
            if timestamp_ms > to_ms {
                return;
            }
            if timestamp_ms >= from_ms {
                out.push(timestamp_ms, f64::from_bits(bits));
            }
        }
    }
}
